/** A tiny run of every part of the bench: what it counts is what the server counts. Nothing here is timed. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, chmodSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { signResponse } from '../../src/protocols/radius/authenticator.js';
import { parse } from '../../src/protocols/radius/packet.js';
import { startAddrdServer, startCeiling } from './addrd.js';
import { startWithPostgresql, startWithSqlite } from './freeradius.js';
import { Load } from './load.js';
import { cpuSeconds } from './process-tree.js';
import { type BenchServer, PeerMissing } from './server.js';
import { secret } from './subscriber.js';
import { missing } from '../support/peer.js';

const SUBSCRIBERS = 60;

function place(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'addrd-bench-test-'));
  chmodSync(folder, 0o755);
  t.teardown(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

async function opened(t: Test, server: BenchServer): Promise<Load> {
  t.teardown(() => server.stop());
  const load = await Load.open({ port: server.port, subscribers: SUBSCRIBERS, mix: 'mix' });
  t.teardown(() => {
    load.close();
  });
  return load;
}

t.test('answers, repetitions, lies and second answers are told apart', async (t) => {
  const server = createSocket('udp4');
  t.teardown(() => {
    server.close();
  });
  const heard = new Map<string, number>();
  const told = { repeated: 0, lies: 0, dropped: 0, twice: 0 };
  server.on('message', (datagram, peer) => {
    const { identifier, authenticator } = parse(Uint8Array.from(datagram));
    const key = `${peer.address} ${Buffer.from(authenticator).toString('hex')}`;
    const times = heard.get(key) ?? 0;
    heard.set(key, times + 1);
    if (times > 0) told.repeated++;
    const turn = times === 0 ? heard.size % 20 : -1;
    if (turn === 3) {
      told.dropped++;
      return;
    }
    const answer = signResponse({ code: 5, identifier, attributes: [] }, authenticator, secret, false);
    if (turn === 8) {
      told.lies++;
      // The code of an Accounting-Request is no answer, whatever its authenticator.
      server.send(Buffer.concat([Uint8Array.of(4), answer.subarray(1)]), peer.port, peer.address);
      return;
    }
    server.send(answer, peer.port, peer.address);
    if (turn === 15) {
      told.twice++;
      server.send(answer, peer.port, peer.address);
    }
  });
  server.bind(0, '127.0.0.1');
  await once(server, 'listening');
  const load = await Load.open({
    port: server.address().port,
    subscribers: SUBSCRIBERS,
    mix: 'mix',
    retransmitMs: 200,
  });
  t.teardown(() => {
    load.close();
  });
  const run = await load.run(10, { answers: 200 });
  t.equal(run.answers, 200);
  t.equal(run.sent, 200);
  t.equal(heard.size, 200, 'each packet is another one');
  t.equal(run.unanswered, 0);
  t.equal(run.retransmissions, told.repeated, 'counted as the server counts them');
  t.ok(run.retransmissions >= told.dropped + told.lies);
  t.strictSame([told.dropped, told.lies, told.twice], [10, 10, 10]);
  t.equal(run.wrong, told.lies + told.twice, 'an answer that nobody waits for is wrong too');
  t.ok(run.p99 >= 200, 'latency counts from the first transmission');
});

t.test('an answer signed with another secret is found in the sample, and its packet is sent again', async (t) => {
  const server = createSocket('udp4');
  t.teardown(() => {
    server.close();
  });
  let heard = 0;
  server.on('message', (datagram, peer) => {
    const { identifier, authenticator } = parse(Uint8Array.from(datagram));
    const signedWith = heard++ === 0 ? Buffer.from('another') : secret;
    const answer = signResponse({ code: 5, identifier, attributes: [] }, authenticator, signedWith, false);
    server.send(answer, peer.port, peer.address);
  });
  server.bind(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  const load = await Load.open({ port, subscribers: SUBSCRIBERS, mix: 'mix', retransmitMs: 200 });
  t.teardown(() => {
    load.close();
  });
  const run = await load.run(1, { answers: 20 });
  t.strictSame([run.answers, run.wrong, run.sent], [20, 1, 20]);
  t.equal(run.retransmissions, heard - 20);
});

t.test('what is never answered is given up and said', async (t) => {
  const silent = createSocket('udp4');
  silent.bind(0, '127.0.0.1');
  await once(silent, 'listening');
  t.teardown(() => {
    silent.close();
  });
  const load = await Load.open({
    port: silent.address().port,
    subscribers: SUBSCRIBERS,
    mix: 'mix',
    retransmitMs: 50,
    drainMs: 200,
  });
  t.teardown(() => {
    load.close();
  });
  const run = await load.run(5, { seconds: 0.01 });
  t.strictSame([run.sent, run.answers, run.unanswered], [5, 0, 5]);
  t.ok(run.retransmissions >= 5);
});

t.test('by the clock, what no Identifier is left for is counted and costs nothing', async (t) => {
  const silent = createSocket('udp4');
  silent.bind(0, '127.0.0.1');
  await once(silent, 'listening');
  t.teardown(() => {
    silent.close();
  });
  const { port } = silent.address();
  const load = await Load.open({ port, subscribers: 300, mix: 'mix', lanes: 1, retransmitMs: 10_000, drainMs: 10 });
  t.teardown(() => {
    load.close();
  });
  const run = await load.runPaced(10_000, 0.2);
  t.equal(run.sent, 256);
  t.equal(run.unanswered, 256);
  t.equal(run.unsent > 0, true, String(run.unsent));
});

t.test('addrd from dist answers and commits what the bench counts', async (t) => {
  const server = await startAddrdServer({ folder: place(t), subscribers: SUBSCRIBERS, profile: null });
  const load = await opened(t, server);
  const warm = await load.warm(16);
  t.strictSame([warm.answers, warm.wrong, warm.unanswered], [SUBSCRIBERS, 0, 0]);
  t.equal(await server.openSessions(), SUBSCRIBERS);
  await server.warmed();
  const run = await load.run(16, { answers: 200 });
  t.strictSame([run.answers, run.sent, run.wrong, run.unanswered], [200, 200, 0, 0]);
  let verdicts = 0;
  for (const [, event, count] of (await server.metrics()).matchAll(
    /^addrd_verdicts_total\{event="acct-(start|interim|stop)",verdict="\w[\w-]*"\} (\d+)$/gm,
  )) {
    t.ok(event);
    verdicts += Number(count);
  }
  t.equal(verdicts, 200, 'each answer is a committed verdict');
  t.ok(cpuSeconds(server.pids) > 0);
});

t.test('the ceiling answers', async (t) => {
  const server = await startCeiling(place(t));
  const load = await opened(t, server);
  const run = await load.run(16, { answers: 200 });
  t.strictSame([run.answers, run.wrong, run.unanswered], [200, 0, 0]);
});

for (const [name, start] of [
  ['PostgreSQL', startWithPostgresql],
  ['SQLite', startWithSqlite],
] as const) {
  t.test(`FreeRADIUS with ${name} answers and records`, async (t) => {
    let server: BenchServer;
    try {
      server = await start(place(t));
    } catch (error) {
      if (!(error instanceof PeerMissing)) throw error;
      missing(t, error.message);
      return;
    }
    const load = await opened(t, server);
    // One at a time: stock SQLite is locked for more.
    const warm = await load.warm(1);
    t.strictSame([warm.answers, warm.wrong, warm.unanswered], [SUBSCRIBERS, 0, 0]);
    t.equal(await server.openSessions(), SUBSCRIBERS, 'each Start is a row of radacct');
  });
}
