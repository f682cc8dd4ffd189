/** A reload of a large network: packets are answered while its file is parsed. */
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { renameSync, writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import t from 'tap';
import { signRequest } from '../../../src/protocols/radius/authenticator.js';
import { PACKET_CODES } from '../../../src/protocols/radius/packet.js';
import { freeUdpPort } from '../../peers/freeradius.js';
import { makePlace, startAddrd } from '../../support/process.js';

const NASES = 2_000;
const POOLS = 500;
const SECRET = new TextEncoder().encode('testing123');

function yaml(store: string, port: number, grace: string): string {
  const nas = Array.from({ length: NASES }, (_, n) => {
    const address = `10.${String(n >> 8)}.${String(n & 255)}.1`;
    return `    - { name: bras${String(n)}, address: ${address}, secret: short${String(n)}, coa: { secret: s${String(n)} } }`;
  });
  const pools = Array.from({ length: POOLS }, (_, n) => {
    return `  - { name: pool${String(n)}, family: ipv4, prefix: 100.${String(64 + (n >> 8))}.${String(n & 255)}.0/24 }`;
  });
  return `
store: { path: ${store} }
api: { listen: ["127.0.0.1:0"] }
lifecycle: { ack_grace: ${grace} }
radius:
  accounting: { listen: ["127.0.0.1:${String(port)}"] }
  nas:
    - { name: probe, address: 127.0.0.1, secret: testing123 }
${nas.join('\n')}
pools:
${pools.join('\n')}
`;
}

t.test('answers do not wait for it, and its outcome is told behind four thousand warnings', async (t) => {
  const port = await freeUdpPort();
  const place = makePlace((store) => yaml(store, port, '5s'));
  t.teardown(() => {
    place.remove();
  });
  const daemon = await startAddrd(place);
  t.teardown(() => daemon.kill());
  const socket = createSocket('udp4');
  t.teardown(() => socket.close());
  await new Promise<void>((resolve) => {
    socket.bind(0, '127.0.0.1', resolve);
  });
  const sent = new Map<number, number>();
  let longest = 0;
  let answers = 0;
  socket.on('message', (reply) => {
    const at = sent.get(reply[1] ?? 0);
    if (at === undefined) return;
    sent.delete(reply[1] ?? 0);
    longest = Math.max(longest, performance.now() - at);
    answers++;
  });
  let identifier = 0;
  const ask = (): void => {
    identifier = (identifier + 1) & 255;
    const request = { code: PACKET_CODES['Status-Server'], identifier, authenticator: randomBytes(16), attributes: [] };
    sent.set(identifier, performance.now());
    socket.send(signRequest(request, SECRET, true), port, '127.0.0.1');
  };
  const outcome = (): string | undefined =>
    daemon
      .log()
      .split('\n')
      .find((line) => line.includes('"code":"reload'));

  writeFileSync(`${place.config}.new`, yaml(place.store, port, '6s'));
  renameSync(`${place.config}.new`, place.config);
  const began = performance.now();
  daemon.child.kill('SIGHUP');
  for (let n = 0; n < 5_000 && outcome() === undefined; n++) {
    ask();
    await pause(10);
  }
  const took = performance.now() - began;
  await pause(200);
  t.match(JSON.parse(outcome() ?? '{}'), { result: 'applied', changed: ['lifecycle.ack_grace'] });
  t.match(/"more":(\d+)/.exec(daemon.log())?.[1], /^[34]\d{3}$/, 'of the warnings the first hundred');
  t.ok(answers > 20, `${String(answers)} answers`);
  // Were it parsed between two packets, one answer would take nearly as long as the reload.
  t.ok(longest < took / 3, `the longest took ${longest.toFixed(0)} ms, the reload ${took.toFixed(0)} ms`);
  t.comment(`the longest answer took ${longest.toFixed(0)} ms, the reload ${took.toFixed(0)} ms`);
});

t.test('a stop does not wait for a file that is being parsed', async (t) => {
  const port = await freeUdpPort();
  const place = makePlace((store) => yaml(store, port, '5s'));
  t.teardown(() => {
    place.remove();
  });
  const daemon = await startAddrd(place);
  t.teardown(() => daemon.kill());
  writeFileSync(`${place.config}.new`, yaml(place.store, port, '6s'));
  renameSync(`${place.config}.new`, place.config);
  daemon.child.kill('SIGHUP');
  await pause(100);
  t.equal(await daemon.stop(), 0);
  t.notMatch(daemon.log(), '"code":"reload', 'and nothing of it was put in force');
});
