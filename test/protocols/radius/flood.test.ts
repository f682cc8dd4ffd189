/** Limits of what one source may send. */
import t from 'tap';
import type { UdpPeer } from '../../../src/protocols/io.js';
import { ClientTable } from '../../../src/protocols/radius/clients.js';
import { FloodGate } from '../../../src/protocols/radius/flood.js';
import { AccountingServer } from '../../../src/protocols/radius/server.js';
import { accountingRequest, attribute, radiusClient } from './build.js';
import { octets } from './vectors.js';
import { FakeTime, fakeNetwork } from './world.js';

const secret = octets('testing123');
const address = (n: number): Uint8Array => Uint8Array.of(10, n >>> 16, (n >>> 8) & 0xff, n & 0xff);

/** How many of `count` datagrams at once are admitted. */
function admitted(gate: FloodGate, source: Uint8Array, count: number, nowMs: number): number {
  let passed = 0;
  for (let n = 0; n < count; n += 1) if (gate.admit(source, nowMs)) passed += 1;
  return passed;
}

t.test('a burst at once, then so many a second', async (t) => {
  const gate = new FloodGate({ perSecond: 100, burst: 20 });
  t.equal(admitted(gate, address(1), 50, 5_000), 20, 'also when the clock did not begin at 0');
  t.equal(admitted(gate, address(1), 50, 5_000), 0);
  t.equal(admitted(gate, address(1), 50, 5_100), 10);
  t.equal(admitted(gate, address(1), 50, 5_105), 0);
  t.equal(admitted(gate, address(1), 50, 5_110), 1, 'what was refused did not cost');
  t.equal(admitted(gate, address(1), 50, 60_000), 20, 'never more than the burst');
});

t.test('a flood of one source leaves the others alone', async (t) => {
  const gate = new FloodGate({ perSecond: 100, burst: 20 });
  for (let second = 0; second < 10; second += 1) {
    admitted(gate, address(1), 10_000, second * 1_000);
    t.equal(admitted(gate, address(2), 20, second * 1_000), 20);
    t.equal(
      admitted(
        gate,
        Uint8Array.from({ length: 16 }, (_, n) => n),
        20,
        second * 1_000,
      ),
      20,
    );
  }
});

t.test('a million forged sources take no memory', async (t) => {
  const gate = new FloodGate({ perSecond: 100, burst: 20 });
  const source = new Uint8Array(4);
  const forge = (from: number, to: number): void => {
    for (let n = from; n < to; n += 1) {
      source.set([n >>> 24, n >>> 16, n >>> 8, n]);
      gate.admit(source, n / 1_000);
      gate.admitStranger(n / 1_000);
    }
  };
  forge(0, 100_000);
  const before = process.memoryUsage();
  forge(100_000, 1_000_000);
  const after = process.memoryUsage();
  t.ok(after.arrayBuffers - before.arrayBuffers < 1e6, 'the table has the size it had');
});

t.test('without limits a client may send what it likes; strangers never', async (t) => {
  const gate = new FloodGate(undefined);
  t.equal(admitted(gate, address(1), 100_000, 0), 100_000);
  let told = 0;
  for (let n = 0; n < 10_000; n += 1) if (gate.admitStranger(1)) told += 1;
  t.equal(told, 200);
  for (let n = 0; n < 10_000; n += 1) if (gate.admitStranger(1_001)) told += 1;
  t.equal(told, 250, 'fifty a second');
});

t.test('the server: silence over the limit, before a digest is computed, and everybody else is answered', async (t) => {
  const time = new FakeTime();
  const { openUdp, sockets } = fakeNetwork();
  const counts = new Map<string, number>();
  const handled: string[] = [];
  const server = new AccountingServer({
    openUdp,
    clock: time,
    listen: [{ address: '192.0.2.254', port: 1813 }],
    clients: new ClientTable([radiusClient('nases', '192.0.2.0', 24)]),
    flood: { perSecond: 10, burst: 5 },
    handler: ({ source }, respond) => {
      handled.push(source.address);
      respond(true);
    },
    onReject: (code) => counts.set(code, (counts.get(code) ?? 0) + 1),
    onError: (error) => t.fail(error.message),
  });
  await server.start();
  const [socket] = sockets;
  if (socket === undefined) throw new TypeError('no socket');
  const start = [attribute('Acct-Status-Type', 1), attribute('Acct-Session-Id', 's')];
  const from = (last: number): UdpPeer => ({ address: `192.0.2.${String(last)}`, port: 5000 });
  const send = (last: number, count: number, key = secret): void => {
    for (let identifier = 0; identifier < count; identifier += 1) {
      socket.deliver(accountingRequest(key, start, { identifier }), from(last));
    }
  };
  send(1, 100, octets('wrong'));
  t.same(
    [...counts],
    [
      ['bad-authenticator', 5],
      ['flood-limited', 95],
    ],
    'what is over the limit is not even verified',
  );
  send(2, 5);
  t.same(
    handled,
    Array.from({ length: 5 }, () => '192.0.2.2'),
  );
  t.equal(socket.sent.length, 5);
  send(2, 1);
  t.equal(socket.sent.length, 5, 'a retransmission over the limit hears nothing either: the NAS will repeat it');
  time.advance(100);
  send(2, 1);
  t.equal(socket.sent.length, 6, 'and then it is answered from the cache');
  t.equal(handled.length, 5);
  counts.clear();
  for (let n = 0; n < 300; n += 1)
    socket.deliver(new Uint8Array(20), { address: `198.51.100.${String(n % 256)}`, port: n });
  t.same(
    [...counts],
    [
      ['unknown-client', 200],
      ['flood-limited', 100],
    ],
  );
  await server.stop();
});
