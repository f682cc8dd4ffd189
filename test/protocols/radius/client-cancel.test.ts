/** A request that somebody calls off (AbortSignal): nothing more of it leaves, whatever it was waiting for. */
import t from 'tap';
import type { UdpPeer } from '../../../src/protocols/io.js';
import { signResponse } from '../../../src/protocols/radius/authenticator.js';
import { DynAuthClient, type DynAuthOutcome, type DynAuthRequest } from '../../../src/protocols/radius/client.js';
import { parse } from '../../../src/protocols/radius/packet.js';
import { attribute } from './build.js';
import { octets } from './vectors.js';
import { type FakeSocket, FakeTime, fakeNetwork, noChance } from './world.js';

const secret = octets('testing123');
const nas: UdpPeer = { address: '192.0.2.1', port: 3799 };
const CANCELLED = { kind: 'error', code: 'cancelled' } as const;

function world(line = 4_096) {
  const time = new FakeTime();
  const { openUdp, sockets } = fakeNetwork();
  const rejected: string[] = [];
  const client = new DynAuthClient({
    openUdp,
    clock: time,
    timers: time,
    random: noChance,
    line,
    onReject: (code) => rejected.push(code),
    onError: (error) => t.fail(String(error)),
  });
  const ask = (sid: string, signal?: AbortSignal): Promise<DynAuthOutcome> => {
    const request: DynAuthRequest = {
      ...nas,
      secret,
      attributes: [attribute('Acct-Session-Id', sid)],
      timeoutMs: 1_000,
      retries: 2,
      messageAuthenticator: false,
      eventTimestamp: false,
    };
    return client.disconnect(signal === undefined ? request : { ...request, signal });
  };
  /** The socket, once everything that was asked has left or stands in line. */
  const opened = async (): Promise<FakeSocket> => {
    await client.open(4);
    await Promise.resolve();
    const [socket] = sockets;
    if (socket === undefined) throw new TypeError('no socket');
    return socket;
  };
  return { time, client, sockets, rejected, ask, opened };
}

function sidsOf(socket: FakeSocket): string[] {
  return socket.sent.map(({ bytes }) => Buffer.from(parse(bytes).attributes[0]?.value ?? []).toString());
}

function ack(to: Uint8Array): Uint8Array {
  const { identifier, authenticator } = parse(to);
  return signResponse({ code: 41, identifier, attributes: [] }, authenticator, secret, false);
}

t.test('called off before it was asked: no socket is opened for it', async (t) => {
  const { client, sockets, ask } = world();
  t.strictSame(await ask('a', AbortSignal.abort()), CANCELLED);
  t.strictSame(sockets, []);
  await client.stop();
});

t.test('called off while the socket opens: it does not leave, and takes no identifier along', async (t) => {
  const { time, client, ask, opened } = world();
  const controller = new AbortController();
  const outcome = ask('a', controller.signal);
  const other = ask('b');
  controller.abort();
  t.strictSame(await outcome, CANCELLED);
  const socket = await opened();
  t.strictSame(sidsOf(socket), ['b']);
  socket.deliver(ack(socket.take().bytes), nas);
  t.strictSame(await other, { kind: 'ack' });
  const all = Array.from({ length: 256 }, (_, n) => ask(String(n)));
  await opened();
  t.equal(socket.sent.length, 256, 'all identifiers can be had');
  await client.stop();
  await Promise.all(all);
  t.equal(time.pending, 0);
});

t.test('called off between retransmissions: no more of it leaves, and a late reply is counted', async (t) => {
  const { time, client, rejected, ask, opened } = world();
  const controller = new AbortController();
  const outcome = ask('a', controller.signal);
  const socket = await opened();
  time.advance(1_500);
  t.equal(socket.sent.length, 2);
  controller.abort();
  t.strictSame(await outcome, CANCELLED);
  t.equal(time.pending, 0, 'its timer is gone');
  time.advance(10_000);
  t.equal(socket.sent.length, 2);
  const { bytes } = socket.take();
  socket.deliver(ack(bytes), nas);
  t.strictSame(rejected, ['unknown-identifier']);
  await client.stop();
});

t.test('the identifier of one that was called off is used again, after all others', async (t) => {
  const { client, rejected, ask, opened } = world();
  const controller = new AbortController();
  const outcome = ask('a', controller.signal);
  const socket = await opened();
  const { bytes: former } = socket.take();
  controller.abort();
  await outcome;
  const all = Array.from({ length: 256 }, (_, n) => ask(String(n)));
  await opened();
  const identifiers = socket.sent.map(({ bytes }) => bytes[1]);
  t.equal(new Set(identifiers).size, 256);
  t.equal(identifiers.at(-1), former[1]);
  socket.deliver(ack(former), nas);
  t.strictSame(rejected, ['bad-authenticator'], 'the reply to the former request is none to this one');
  await client.stop();
  await Promise.all(all);
});

t.test('called off in line: it never leaves, and the next one in line does', async (t) => {
  const { client, ask, opened } = world();
  const inFlight = Array.from({ length: 256 }, (_, n) => ask(String(n)));
  const controller = new AbortController();
  const waiting = ask('waiting', controller.signal);
  const behind = ask('behind');
  const socket = await opened();
  t.equal(socket.sent.length, 256);
  controller.abort();
  t.strictSame(await waiting, CANCELLED);
  t.equal(socket.sent.length, 256);
  const [first] = socket.sent;
  socket.deliver(ack(first?.bytes ?? new Uint8Array()), nas);
  t.strictSame(sidsOf(socket).slice(256), ['behind']);
  await client.stop();
  await Promise.all([...inFlight, behind]);
});

t.test('all called off at once, as by a freeze: none in line leaves in the place of one in flight', async (t) => {
  const { time, client, ask, opened } = world();
  const one = new AbortController();
  const asked = Array.from({ length: 300 }, (_, n) => ask(String(n), one.signal));
  const socket = await opened();
  t.equal(socket.sent.length, 256);
  one.abort();
  const outcomes = await Promise.all(asked);
  t.strictSame(
    outcomes.filter((outcome) => outcome.kind !== 'error' || outcome.code !== 'cancelled'),
    [],
  );
  t.equal(socket.sent.length, 256);
  t.equal(time.pending, 0);
  const after = ask('after');
  await opened();
  t.strictSame(sidsOf(socket).slice(256), ['after'], 'and the identifiers are free again');
  socket.deliver(ack(socket.sent[256]?.bytes ?? new Uint8Array()), nas);
  t.strictSame(await after, { kind: 'ack' });
  await client.stop();
});

t.test('called off after its outcome: nothing happens', async (t) => {
  const { client, ask, opened } = world();
  const controller = new AbortController();
  const outcome = ask('a', controller.signal);
  const socket = await opened();
  socket.deliver(ack(socket.take().bytes), nas);
  t.strictSame(await outcome, { kind: 'ack' });
  const next = ask('b');
  await opened();
  controller.abort();
  socket.deliver(ack(socket.take().bytes), nas);
  t.strictSame(await next, { kind: 'ack' });
  await client.stop();
});
