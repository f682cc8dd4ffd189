/** One NAS that floods the daemon, and another that goes on being answered. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import t from 'tap';
import { makePlace, metricsNow, startAddrd } from '../../support/process.js';
import { freeUdpPort } from '../../peers/freeradius.js';
import { accountingRequest, attribute } from '../../protocols/radius/build.js';
import { octets } from '../../protocols/radius/vectors.js';

const PACKETS = 60;

async function open(address: string): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.bind(0, address);
  await once(socket, 'listening');
  return socket;
}

function start(secret: string, n: number): Uint8Array {
  const attributes = [attribute('Acct-Status-Type', 1), attribute('Acct-Session-Id', `s${String(n)}`)];
  return accountingRequest(octets(secret), attributes, { identifier: n & 0xff });
}

t.test('a flood from one NAS does not starve another', async (t) => {
  const port = await freeUdpPort();
  const place = makePlace(
    (store) => `
store: { path: ${store} }
api: { listen: ["127.0.0.1:0"] }
radius:
  accounting: { listen: ["127.0.0.1:${String(port)}"], flood: { per_source: 200, burst: 200 } }
  nas: [{ name: nases, address: 127.0.0.0/8, secret: testing123 }]
`,
  );
  const daemon = await startAddrd(place);
  const [loud, quiet] = [await open('127.0.0.1'), await open('127.0.0.2')];
  const stopped = new AbortController();
  t.teardown(async () => {
    stopped.abort();
    loud.close();
    quiet.close();
    await daemon.kill();
    place.remove();
  });

  let sent = 0;
  const flood = async (): Promise<void> => {
    const packets = Array.from({ length: 100 }, (_, n) => start('another secret', n));
    // At most 60 000 datagrams: the loop ends by itself.
    while (!stopped.signal.aborted && sent < 60_000) {
      for (const packet of packets) loud.send(packet, port, '127.0.0.1');
      sent += packets.length;
      await pause(5);
    }
  };
  const flooding = flood();

  const waits: number[] = [];
  for (let n = 0; n < PACKETS; n += 1) {
    const packet = start('testing123', n);
    const began = performance.now();
    const answered = new Promise<void>((resolve) => {
      // The answer to a repetition of the packet before may come between.
      const hear = (reply: Uint8Array): void => {
        if (reply[1] !== (n & 0xff)) return;
        quiet.off('message', hear);
        resolve();
      };
      quiet.on('message', hear);
    });
    quiet.send(packet, port, '127.0.0.1');
    // As a NAS does: what the flood pushed out of the socket's buffer is sent again.
    const repeat = setInterval(() => {
      quiet.send(packet, port, '127.0.0.1');
    }, 300);
    await answered;
    clearInterval(repeat);
    waits.push(performance.now() - began);
    await pause(10);
  }
  stopped.abort();
  await flooding;
  waits.sort((a, b) => a - b);
  t.comment(
    `${String(sent)} datagrams of flood; answers in ${String(waits[PACKETS / 2])} ms, at most ${String(waits.at(-1))} ms`,
  );

  const text = await metricsNow(daemon);
  const count = (code: string): number =>
    Number(new RegExp(`^addrd_radius_rejected_total{code="${code}"} (\\d+)$`, 'm').exec(text)?.[1] ?? 0);
  t.ok(count('flood-limited') > count('bad-authenticator'), 'most of the flood was not even looked at');
  t.ok(count('bad-authenticator') >= 200, 'its burst was');
});
