import t from 'tap';
import type { UdpPeer } from '../../../src/protocols/io.js';
import {
  signResponse,
  verifyMessageAuthenticator,
  verifyRequestAuthenticator,
} from '../../../src/protocols/radius/authenticator.js';
import { DynAuthClient, type DynAuthOutcome, type DynAuthRequest } from '../../../src/protocols/radius/client.js';
import { parse, type RadiusAttribute } from '../../../src/protocols/radius/packet.js';
import { attribute } from './build.js';
import { octets } from './vectors.js';
import { type FakeSocket, FakeTime, fakeNetwork, noChance, systemError } from './world.js';

const secret = octets('testing123');
const nas: UdpPeer = { address: '192.0.2.1', port: 3799 };
const request: DynAuthRequest = {
  ...nas,
  secret,
  attributes: [attribute('Acct-Session-Id', '0A1B2C3D')],
  timeoutMs: 1000,
  retries: 2,
  messageAuthenticator: false,
  eventTimestamp: false,
};

function world(prepare?: (socket: FakeSocket) => void) {
  const time = new FakeTime();
  const { openUdp, sockets } = fakeNetwork(prepare);
  const rejected: string[] = [];
  const errors: Error[] = [];
  const client = new DynAuthClient({
    openUdp,
    clock: time,
    timers: time,
    random: noChance,
    onReject: (code) => rejected.push(code),
    onError: (error) => errors.push(error),
  });
  return { time, client, sockets, rejected, errors };
}

/** Starts a request and waits until its first transmission, which opening the socket puts off by some promises. */
async function ask(client: DynAuthClient, sockets: FakeSocket[], change: Partial<DynAuthRequest> = {}) {
  const family = (change.address ?? nas.address).includes(':') ? 6 : 4;
  const outcome = client.disconnect({ ...request, ...change });
  await client.open(family);
  await Promise.resolve();
  const socket = sockets.find((candidate) => candidate.family === family);
  if (socket === undefined) throw new Error('no socket');
  return { outcome, socket };
}

function reply(to: Uint8Array, code: number, attributes: RadiusAttribute[] = [], key = secret): Uint8Array {
  const { identifier, authenticator } = parse(to);
  return signResponse({ code, identifier, attributes }, authenticator, key, false);
}

t.test('the request on the wire', async (t) => {
  const { client, sockets, time } = world();
  const { socket } = await ask(client, sockets, { messageAuthenticator: true, eventTimestamp: true });
  t.same(socket.boundTo, { address: '0.0.0.0', port: 0 });
  const { bytes, peer } = socket.take();
  t.same(peer, nas);
  const packet = parse(bytes);
  t.equal(packet.code, 40);
  t.equal(verifyRequestAuthenticator(packet, secret), true);
  t.equal(verifyMessageAuthenticator(packet, secret, undefined), 'right');
  t.same(packet.attributes.slice(1), [
    attribute('Acct-Session-Id', '0A1B2C3D'),
    attribute('Event-Timestamp', Math.floor(time.wallMs() / 1000)),
  ]);
  const { socket: plain } = await ask(client, sockets);
  t.same(parse(plain.take().bytes).attributes, request.attributes, 'nothing is added unasked');
  await client.stop();
});

const outcomes: [string, number, RadiusAttribute[], DynAuthOutcome][] = [
  ['ACK', 41, [], { kind: 'ack' }],
  ['NAK with an Error-Cause', 42, [attribute('Error-Cause', 503)], { kind: 'nak', errorCause: 503 }],
  ['bare NAK', 42, [], { kind: 'nak' }],
  ['NAK with a malformed Error-Cause', 42, [attribute('Error-Cause', Uint8Array.of(1, 247))], { kind: 'nak' }],
];
for (const [name, code, attributes, expected] of outcomes) {
  t.test(name, async (t) => {
    const { client, sockets, time, rejected } = world();
    const { outcome, socket } = await ask(client, sockets);
    socket.deliver(reply(socket.take().bytes, code, attributes), nas);
    t.strictSame(await outcome, expected);
    t.equal(time.pending, 0, 'no timer is left behind');
    t.same(rejected, []);
    await client.stop();
  });
}

t.test('a CoA-Request is answered by its own codes', async (t) => {
  const { client, sockets, rejected } = world();
  await client.open(4);
  const outcome = client.changeOfAuthorization({ ...request, attributes: [attribute('Filter-Id', 'walled')] });
  await client.open(4);
  await Promise.resolve();
  const { bytes } = sockets[0]?.take() ?? { bytes: new Uint8Array(0) };
  t.equal(parse(bytes).code, 43);
  sockets[0]?.deliver(reply(bytes, 41), nas);
  t.same(rejected, ['unexpected-code'], 'a Disconnect-ACK is no CoA-ACK');
  sockets[0]?.deliver(reply(bytes, 44), nas);
  t.same(await outcome, { kind: 'ack' });
  await client.stop();
});

t.test('retransmissions are identical octets, then it is a timeout', async (t) => {
  const { client, sockets, time, rejected } = world();
  const { outcome, socket } = await ask(client, sockets, { eventTimestamp: true, messageAuthenticator: true });
  t.equal(socket.sent.length, 1);
  time.advance(999);
  t.equal(socket.sent.length, 1);
  time.advance(1);
  t.equal(socket.sent.length, 2);
  time.advance(1000);
  t.equal(socket.sent.length, 3);
  t.same(socket.sent[1], socket.sent[0], 'though time has passed');
  t.same(socket.sent[2], socket.sent[0]);
  time.advance(1000);
  t.same(await outcome, { kind: 'timeout', transmissions: 3 });
  t.equal(socket.sent.length, 3);
  t.equal(time.pending, 0);
  socket.deliver(reply(socket.take().bytes, 41), nas);
  t.same(rejected, ['unknown-identifier'], 'too late');
  await client.stop();
});

t.test('an answer to a retransmission counts', async (t) => {
  const { client, sockets, time } = world();
  const { outcome, socket } = await ask(client, sockets);
  time.advance(1500);
  socket.deliver(reply(socket.take().bytes, 41), nas);
  t.same(await outcome, { kind: 'ack' });
  await client.stop();
});

t.test('lies are counted and not believed', async (t) => {
  const { client, sockets, rejected } = world();
  const { outcome, socket } = await ask(client, sockets);
  const { bytes } = socket.take();
  const { identifier, authenticator } = parse(bytes);
  const right = reply(bytes, 41);
  const changed = (offset: number, value: number): Uint8Array => {
    const copy = right.slice();
    copy[offset] = value;
    return copy;
  };
  const odd = (value: Uint8Array, times: number): Uint8Array => {
    const attributes = Array.from({ length: times }, () => ({ type: 80, value }));
    return signResponse({ code: 41, identifier, attributes }, authenticator, secret, false);
  };
  const cases: [string, Uint8Array, UdpPeer, string][] = [
    ['another address', right, { ...nas, address: '192.0.2.2' }, 'unknown-peer'],
    ['another port', right, { ...nas, port: 3800 }, 'unknown-peer'],
    ['another identifier', changed(1, identifier + 1), nas, 'unknown-identifier'],
    ['another code', reply(bytes, 44), nas, 'unexpected-code'],
    ['its own request', bytes, nas, 'unexpected-code'],
    ['another secret', reply(bytes, 41, [], octets('wrong')), nas, 'bad-authenticator'],
    ['an ACK made of a NAK', changed(0, 42), nas, 'bad-authenticator'],
    ['16 x 0xFF', Uint8Array.from(right).fill(0xff, 4, 20), nas, 'bad-authenticator'],
    ['a wrong Message-Authenticator', odd(new Uint8Array(16), 1), nas, 'bad-message-authenticator'],
    ['two of them', odd(new Uint8Array(16), 2), nas, 'bad-message-authenticator'],
    ['a short one', odd(new Uint8Array(4), 1), nas, 'bad-message-authenticator'],
    ['half a packet', right.subarray(0, 10), nas, 'datagram-too-short'],
  ];
  for (const [name, datagram, peer, code] of cases) {
    socket.deliver(datagram, peer);
    t.same(rejected.splice(0), [code], name);
  }
  socket.deliver(signResponse({ code: 41, identifier, attributes: [] }, authenticator, secret, true), nas);
  t.same(await outcome, { kind: 'ack' }, 'and the truth is believed after all');
  await client.stop();
});

t.test('the reply to an earlier request does not answer a later one with its identifier', async (t) => {
  const { client, sockets, time, rejected } = world();
  const { outcome: first, socket } = await ask(client, sockets, { retries: 0 });
  const late = reply(socket.take().bytes, 41);
  time.advance(1000);
  t.same(await first, { kind: 'timeout', transmissions: 1 });
  // 255 others come first; then the identifier is used again.
  for (let count = 0; count < 255; count += 1) {
    const { outcome } = await ask(client, sockets);
    socket.deliver(reply(socket.take().bytes, 41), nas);
    await outcome;
  }
  const { outcome } = await ask(client, sockets, { attributes: [attribute('Acct-Session-Id', 'another')] });
  const { bytes } = socket.take();
  t.equal(bytes[1], late[1], 'the same identifier');
  socket.deliver(late, nas);
  t.same(rejected, ['bad-authenticator']);
  socket.deliver(reply(bytes, 42), nas);
  t.same(await outcome, { kind: 'nak' });
  await client.stop();
});

t.test('256 in flight; the others wait in line', async (t) => {
  const { client, sockets, time } = world();
  const asked: Promise<DynAuthOutcome>[] = [];
  for (let count = 0; count < 258; count += 1) {
    asked.push(client.disconnect({ ...request, attributes: [attribute('Acct-Session-Id', String(count))] }));
  }
  const { socket } = await ask(client, sockets, { port: 1700 });
  t.equal(socket.sent.length, 257, 'another port is another line');
  const identifiers = socket.sent.slice(0, 256).map(({ bytes }) => bytes[1]);
  t.equal(new Set(identifiers).size, 256, 'no identifier twice');
  const tenth = socket.sent[10]?.bytes ?? new Uint8Array(0);
  socket.deliver(reply(tenth, 41), nas);
  t.same(await asked[10], { kind: 'ack' });
  const next = socket.sent[257]?.bytes ?? new Uint8Array(0);
  t.equal(next[1], tenth[1], 'the next in line takes the freed identifier');
  t.same(parse(next).attributes, [attribute('Acct-Session-Id', '256')], 'first come, first served');
  socket.deliver(reply(tenth, 41), nas);
  t.equal(socket.sent.length, 258, 'a duplicate of the former reply frees nothing');
  socket.deliver(reply(next, 41), nas);
  t.same(await asked[256], { kind: 'ack' });
  const last = socket.sent[258]?.bytes ?? new Uint8Array(0);
  t.same(parse(last).attributes, [attribute('Acct-Session-Id', '257')]);
  time.advance(3000);
  t.same(await asked[257], { kind: 'timeout', transmissions: 3 });
  await client.stop();
});

t.test('IPv6 goes through its own socket, however the address is spelled', async (t) => {
  const { client, sockets } = world();
  const { outcome, socket } = await ask(client, sockets, { address: '2001:DB8:0:0::1' });
  t.equal(socket.family, 6);
  t.same(socket.boundTo, { address: '::', port: 0 });
  socket.deliver(reply(socket.take().bytes, 41), { address: '2001:db8::1', port: 3799 });
  t.same(await outcome, { kind: 'ack' });
  await client.stop();
});

t.test('what cannot be sent is an error', async (t) => {
  const { client, sockets, time } = world();
  const cases: [Partial<DynAuthRequest>, string][] = [
    [{ address: 'bras1.example' }, 'bad-address'],
    [{ port: 0 }, 'bad-address'],
    [{ secret: new Uint8Array(0) }, 'secret-empty'],
    [{ attributes: [{ type: 1, value: new Uint8Array(254) }] }, 'attribute-too-long'],
  ];
  for (const [change, code] of cases) {
    t.strictSame(await client.disconnect({ ...request, ...change }), { kind: 'error', code }, code);
  }
  t.equal(time.pending, 0);
  const { outcome, socket } = await ask(client, sockets);
  t.equal(parse(socket.take().bytes).identifier, 2, 'the identifiers came back, to the end of the line');
  await client.stop();
  t.same(await outcome, { kind: 'error', code: 'stopped' });
});

t.test('when no transmission leaves, the outcome says why', async (t) => {
  const { client, sockets, time, errors } = world((socket) => (socket.sendError = systemError('EHOSTUNREACH')));
  const { outcome } = await ask(client, sockets);
  time.advance(2000);
  t.same(await outcome, { kind: 'error', code: 'EHOSTUNREACH' });
  t.equal(errors.length, 3);
  t.equal(time.pending, 0);
  await client.stop();
});

t.test('when some transmission leaves, it is a timeout', async (t) => {
  const { client, sockets, time } = world();
  const { outcome, socket } = await ask(client, sockets);
  socket.sendError = systemError('ENETUNREACH');
  time.advance(3000);
  t.same(await outcome, { kind: 'timeout', transmissions: 3 });
  await client.stop();
});

t.test('a socket that cannot be opened fails the request, and is tried again', async (t) => {
  let broken = true;
  const { client, sockets } = world((socket) => {
    if (broken) socket.bindError = systemError('EADDRNOTAVAIL');
  });
  t.same(await client.disconnect(request), { kind: 'error', code: 'EADDRNOTAVAIL' });
  t.equal(sockets[0]?.closed, true);
  await t.rejects(client.open(4), { code: 'EADDRNOTAVAIL' });
  broken = false;
  const outcome = client.disconnect(request);
  await client.open(4);
  await Promise.resolve();
  const socket = sockets.at(-1);
  socket?.deliver(reply(socket.take().bytes, 41), nas);
  t.same(await outcome, { kind: 'ack' });
  await client.stop();
});

t.test('stop ends what is in flight and in line', async (t) => {
  const { client, sockets, time } = world();
  const asked = Array.from({ length: 300 }, () => client.disconnect(request));
  const { outcome, socket } = await ask(client, sockets);
  t.equal(socket.sent.length, 256);
  const opening = client.disconnect({ ...request, address: '2001:db8::1' });
  await Promise.all([client.stop(), client.stop()]);
  for (const each of [...asked, outcome, opening]) t.same(await each, { kind: 'error', code: 'stopped' });
  t.equal(socket.sent.length, 256, 'nobody moved up');
  t.equal(time.pending, 0);
  t.ok(
    sockets.every(({ closed }) => closed),
    'also the socket that was still opening',
  );
  t.same(await client.disconnect(request), { kind: 'error', code: 'stopped' });
  await t.rejects(client.open(4), { code: 'stopped' });
  await new DynAuthClient({
    openUdp: fakeNetwork().openUdp,
    clock: time,
    timers: time,
    random: noChance,
    onReject: () => undefined,
    onError: () => undefined,
  }).stop();
});
