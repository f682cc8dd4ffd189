import t from 'tap';
import type { UdpPeer } from '../../../src/protocols/io.js';
import {
  signRequest,
  verifyMessageAuthenticator,
  verifyResponseAuthenticator,
} from '../../../src/protocols/radius/authenticator.js';
import { ClientTable, type RadiusClient } from '../../../src/protocols/radius/clients.js';
import { parse } from '../../../src/protocols/radius/packet.js';
import { AccountingServer, type ReceivedAccounting, type Respond } from '../../../src/protocols/radius/server.js';
import { accountingRequest, attribute, radiusClient as client } from './build.js';
import { octets } from './vectors.js';
import { FakeTime, fakeNetwork, systemError } from './world.js';

const secret = octets('testing123');
const nas: UdpPeer = { address: '192.0.2.1', port: 40378 };
const start = [attribute('Acct-Status-Type', 1), attribute('Acct-Session-Id', '0A1B2C3D')];

interface Handled {
  readonly received: ReceivedAccounting<string>;
  readonly respond: Respond;
}

async function serve(
  options: { clients?: RadiusClient<string>[]; entries?: number; onHandle?: (handled: Handled) => void } = {},
) {
  const time = new FakeTime();
  const { openUdp, sockets } = fakeNetwork();
  const handled: Handled[] = [];
  const rejected: string[] = [];
  const replayed: UdpPeer[] = [];
  const errors: Error[] = [];
  const server = new AccountingServer({
    openUdp,
    clock: time,
    listen: [{ address: '192.0.2.254', port: 1813 }],
    clients: new ClientTable(options.clients ?? [client('bras1', '192.0.2.0', 24)]),
    ...(options.entries === undefined ? {} : { replyCacheEntries: options.entries }),
    handler: (received, respond) => {
      handled.push({ received, respond });
      options.onHandle?.({ received, respond });
    },
    onReject: (code) => rejected.push(code),
    onReplay: (source) => replayed.push(source),
    onError: (error) => errors.push(error),
  });
  await server.start();
  const socket = sockets[0];
  if (socket === undefined) throw new Error('no socket');
  return { time, server, socket, handled, rejected, replayed, errors };
}

t.test('an answered request: what the handler gets and what goes back', async (t) => {
  const { socket, handled, rejected, time } = await serve();
  const attributes = [attribute('Proxy-State', 'b'), ...start, attribute('Proxy-State', 'a')];
  const request = accountingRequest(secret, attributes, { identifier: 77 });
  socket.deliver(request, nas);
  t.equal(handled.length, 1);
  t.equal(socket.sent.length, 0, 'silent until answered');
  const first = handled[0];
  if (first === undefined) throw new Error('nothing was handled');
  const { received, respond } = first;
  t.equal(received.client.payload, "bras1's own");
  t.same(received.source, { ...nas, bytes: Uint8Array.of(192, 0, 2, 1) });
  t.equal(received.receivedAt, time.wallMs());
  t.same(received.request.packet.bytes, request, 'the octets outlive the buffer they came in');
  t.same(received.request.sessionId, octets('0A1B2C3D'));

  respond(true);
  respond(true);
  respond(false);
  t.equal(socket.sent.length, 1, 'only the first call counts');
  const { bytes, peer } = socket.take();
  t.same(peer, nas);
  const reply = parse(bytes);
  t.equal(reply.code, 5);
  t.equal(reply.identifier, 77);
  t.equal(verifyResponseAuthenticator(reply, parse(request).authenticator, secret), true);
  t.same(reply.attributes, [attribute('Proxy-State', 'b'), attribute('Proxy-State', 'a')]);
  t.same(rejected, []);
});

t.test('what is refused, and why', async (t) => {
  const { socket, handled, rejected } = await serve();
  const good = accountingRequest(secret, start);
  const patched = (offset: number, ...values: number[]): Uint8Array => {
    const bytes = good.slice();
    bytes.set(values, offset);
    return bytes;
  };
  const cases: [Uint8Array, string][] = [
    [accountingRequest(octets('wrong'), start), 'bad-authenticator'],
    [patched(4, ...new Uint8Array(16).fill(0xff)), 'bad-authenticator'],
    [patched(25, 2), 'bad-authenticator'],
    [patched(0, 1), 'unexpected-code'],
    [patched(0, 5), 'unexpected-code'],
    [patched(0, 13), 'unexpected-code'],
    [new Uint8Array(0), 'datagram-too-short'],
    [good.subarray(0, 19), 'datagram-too-short'],
    [good.subarray(0, 30), 'length-beyond-datagram'],
    [patched(2, 0, 19), 'length-too-small'],
    [patched(2, 0x10, 0x01), 'length-too-large'],
    [patched(21, 1), 'attribute-length-too-small'],
    [patched(27, 200), 'attribute-overruns-packet'],
    [accountingRequest(secret, start.slice(1)), 'missing-acct-status-type'],
    [accountingRequest(secret, [attribute('Acct-Status-Type', Uint8Array.of(1))]), 'value-length'],
    [
      signRequest({ code: 40, identifier: 1, authenticator: new Uint8Array(16), attributes: start }, secret, false),
      'unexpected-code',
    ],
  ];
  for (const [datagram, code] of cases) {
    socket.deliver(datagram, nas);
    t.equal(rejected.pop(), code, code);
  }
  socket.deliver(good, { ...nas, address: '198.51.100.1' });
  t.equal(rejected.pop(), 'unknown-client');
  t.equal(handled.length, 0);
  t.equal(socket.sent.length, 0, 'nothing is ever said to a stranger');
});

t.test('padding is ignored, even to a datagram over 4096 octets', async (t) => {
  const { socket, handled, rejected } = await serve();
  const padded = new Uint8Array(5000);
  padded.set(accountingRequest(secret, start));
  socket.deliver(padded, nas);
  t.equal(handled.length, 1);
  t.same(rejected, []);
});

t.test('Message-Authenticator policies', async (t) => {
  const { socket, rejected, handled } = await serve({
    clients: [
      client('ignoring', '192.0.2.1', 32, 'ignore'),
      client('optional', '192.0.2.2', 32, 'optional'),
      client('requiring', '192.0.2.3', 32, 'required'),
    ],
    onHandle: ({ respond }) => {
      respond(true);
    },
  });
  const resigned = (value: Uint8Array, times = 1): Uint8Array =>
    accountingRequest(secret, [...Array.from({ length: times }, () => ({ type: 80, value })), ...start]);
  const right = accountingRequest(secret, start, { messageAuthenticator: true });
  const cases: [string, Uint8Array, (string | undefined)[]][] = [
    ['right', right, [undefined, undefined, undefined]],
    ['absent', accountingRequest(secret, start), [undefined, undefined, 'missing-message-authenticator']],
    ['wrong', resigned(new Uint8Array(16)), [undefined, 'bad-message-authenticator', 'bad-message-authenticator']],
    ['short', resigned(new Uint8Array(15)), [undefined, 'bad-message-authenticator', 'bad-message-authenticator']],
    ['twice', resigned(new Uint8Array(16), 2), [undefined, 'bad-message-authenticator', 'bad-message-authenticator']],
  ];
  for (const [name, datagram, expected] of cases) {
    for (const [index, code] of expected.entries()) {
      const before = handled.length;
      socket.deliver(datagram, { address: `192.0.2.${String(index + 1)}`, port: 5000 });
      t.equal(rejected.pop(), code, `${name}, client ${String(index + 1)}`);
      t.equal(handled.length - before, code === undefined ? 1 : 0);
    }
  }
  for (const { bytes } of socket.sent) {
    const verdict = verifyMessageAuthenticator(parse(bytes), secret, parse(right).authenticator);
    t.equal(verdict, 'absent', 'no reply has one: see accountingResponse');
  }
});

t.test('a retransmission joins the one in work, then gets the same octets', async (t) => {
  const { socket, handled, rejected, replayed } = await serve();
  const request = accountingRequest(secret, [...start, attribute('Proxy-State', 'x')]);
  socket.deliver(request, nas);
  socket.deliver(request, nas);
  t.equal(handled.length, 1);
  t.same(rejected, ['duplicate-in-flight']);
  handled[0]?.respond(true);
  socket.deliver(request, nas);
  t.equal(handled.length, 1);
  t.equal(replayed.length, 1);
  t.equal(socket.sent.length, 2);
  t.same(socket.sent[1], socket.sent[0]);
});

t.test('Proxy-State goes back as it came: several, empty ones, in order, and from the cache too', async (t) => {
  const { socket, handled } = await serve();
  const states = ['z', '', 'a', 'z', ''].map((text) => attribute('Proxy-State', octets(text)));
  const attributes = [states[0], start[0], states[1], start[1], ...states.slice(2)].filter((one) => one !== undefined);
  const request = accountingRequest(secret, attributes);
  socket.deliver(request, nas);
  handled[0]?.respond(true);
  socket.deliver(request, nas);
  t.equal(handled.length, 1);
  for (const { bytes } of [socket.take(), socket.take()]) {
    const reply = parse(bytes);
    t.same(reply.attributes, states);
    t.equal(verifyResponseAuthenticator(reply, parse(request).authenticator, secret), true);
  }
});

t.test('another port, identifier or authenticator is another request', async (t) => {
  const { socket, handled } = await serve();
  socket.deliver(accountingRequest(secret, start, { identifier: 1 }), nas);
  socket.deliver(accountingRequest(secret, start, { identifier: 1 }), { ...nas, port: 40379 });
  socket.deliver(accountingRequest(secret, start, { identifier: 1 }), { ...nas, address: '192.0.2.2' });
  socket.deliver(accountingRequest(secret, start, { identifier: 2 }), nas);
  socket.deliver(accountingRequest(secret, [...start, attribute('Acct-Delay-Time', 3)], { identifier: 1 }), nas);
  t.equal(handled.length, 5);
});

t.test('respond(false): silence, and the retransmission is tried anew', async (t) => {
  const { socket, handled, rejected } = await serve();
  const request = accountingRequest(secret, start);
  socket.deliver(request, nas);
  handled[0]?.respond(false);
  t.equal(socket.sent.length, 0);
  socket.deliver(request, nas);
  t.equal(handled.length, 2);
  handled[0]?.respond(true);
  t.equal(socket.sent.length, 0, 'the first has had its say');
  handled[1]?.respond(true);
  t.equal(socket.sent.length, 1);
  t.same(rejected, []);
});

t.test('replies are forgotten by age', async (t) => {
  const { socket, handled, replayed, time } = await serve();
  const request = accountingRequest(secret, start);
  socket.deliver(request, nas);
  time.advance(20_000);
  handled[0]?.respond(true);
  time.advance(29_999);
  socket.deliver(request, nas);
  t.equal(replayed.length, 1, '30 s count from the answer');
  time.advance(1);
  socket.deliver(request, nas);
  t.equal(handled.length, 2, 'forgotten');
  time.advance(30_000);
  socket.deliver(request, nas);
  t.equal(handled.length, 3, 'a request that nobody answered is forgotten too');
  handled[1]?.respond(true);
  t.equal(socket.sent.length, 3, 'a late answer is still sent');
  socket.deliver(request, nas);
  t.equal(handled.length, 3, 'but does not displace the one that took its place');
});

t.test('replies are forgotten by number', async (t) => {
  const { socket, handled, replayed } = await serve({
    entries: 6,
    onHandle: ({ respond }) => {
      respond(true);
    },
  });
  const requests = [0, 1, 2, 3, 4, 5, 6].map((identifier) => accountingRequest(secret, start, { identifier }));
  for (const request of requests) socket.deliver(request, nas);
  t.equal(handled.length, 7);
  for (const request of requests.slice(3)) socket.deliver(request, nas);
  t.equal(replayed.length, 4, 'the younger half and more is known');
  socket.deliver(accountingRequest(secret, start, { identifier: 0 }), nas);
  t.equal(handled.length, 8, 'the oldest is not');
});

t.test('a handler that throws costs one packet', async (t) => {
  let throwing = true;
  const { socket, handled, errors } = await serve({
    onHandle: () => {
      if (throwing) throw new Error('handler');
    },
  });
  const request = accountingRequest(secret, start);
  socket.deliver(request, nas);
  t.match(errors, [{ message: 'handler' }]);
  throwing = false;
  socket.deliver(request, nas);
  t.equal(handled.length, 2, 'the retransmission is tried anew');
});

t.test('socket errors are reported', async (t) => {
  const { socket, handled, errors } = await serve();
  socket.fail(systemError('ENOBUFS'));
  socket.deliver(accountingRequest(secret, start), nas);
  socket.sendError = systemError('EHOSTUNREACH');
  handled[0]?.respond(true);
  t.match(errors, [{ code: 'ENOBUFS' }, { code: 'EHOSTUNREACH' }]);
});

t.test('clients can be replaced while running', async (t) => {
  const { server, socket, handled, rejected } = await serve();
  const key = octets('new secret');
  server.setClients(new ClientTable([client('bras1', '192.0.2.0', 24, 'optional', key)]));
  socket.deliver(accountingRequest(secret, start), nas);
  socket.deliver(accountingRequest(key, start), nas);
  t.same(rejected, ['bad-authenticator']);
  t.equal(handled.length, 1);
});

t.test('start and stop', async (t) => {
  const { server, socket, handled } = await serve();
  t.same(server.bound, [{ address: '192.0.2.254', port: 1813, receiveBuffer: 212_992 }]);
  t.same(socket.boundTo, { address: '192.0.2.254', port: 1813, receiveBuffer: 8 * 1024 * 1024 });
  await t.rejects(server.start(), { code: 'already-started' });
  socket.deliver(accountingRequest(secret, start), nas);
  await Promise.all([server.stop(), server.stop()]);
  await server.stop();
  t.equal(socket.closed, true);
  handled[0]?.respond(true);
  socket.deliver(accountingRequest(secret, start, { identifier: 2 }), nas);
  t.equal(socket.sent.length, 0, 'nothing is sent or handled after the stop');
  t.equal(handled.length, 1);
  await t.rejects(server.start(), { code: 'stopped' });
});

t.test('a drain closes at the first moment at which nothing waits for an answer', async (t) => {
  const { server, socket, handled } = await serve();
  const request = (identifier: number) => accountingRequest(secret, start, { identifier });
  socket.deliver(request(1), nas);
  socket.deliver(request(2), nas);
  const drained = server.drain();
  handled[0]?.respond(true);
  t.equal(socket.closed, false, 'one is not answered');
  socket.deliver(request(3), nas);
  t.equal(handled.length, 3, 'what is read is served: the kernel would not give it to anybody again');
  handled[1]?.respond(false);
  t.equal(socket.closed, false);
  handled[2]?.respond(true);
  t.equal(socket.closed, true, 'in the same turn: nothing can be read in between');
  await drained;
  t.equal(socket.sent.length, 2, 'and what was not committed is not answered');

  const idle = await serve();
  await idle.server.drain();
  t.equal(idle.socket.closed, true, 'at once where nothing waits');
  const stuck = await serve();
  stuck.socket.deliver(request(1), nas);
  const waiting = stuck.server.drain();
  await stuck.server.stop();
  await waiting;
  stuck.handled[0]?.respond(true);
  t.equal(stuck.socket.sent.length, 0, 'whoever does not want to wait stops');
});

t.test('a drain waits for the kernel to take the answers', async (t) => {
  const { server, socket, handled } = await serve();
  const taken: (() => void)[] = [];
  socket.send = (_datagram, _peer, done) => taken.push(() => done?.(null));
  socket.deliver(accountingRequest(secret, start), nas);
  const drained = server.drain();
  handled[0]?.respond(true);
  t.equal(socket.closed, false, 'a socket that is closed sends nothing more');
  taken[0]?.();
  t.equal(socket.closed, true);
  await drained;
});

t.test('a socket that is bound already is taken over as it is', async (t) => {
  const { openUdp, sockets } = fakeNetwork();
  const server = new AccountingServer({
    openUdp,
    clock: new FakeTime(),
    listen: [{ address: '2001:db8::1', port: 1813, fd: 3 }],
    clients: new ClientTable<string>([]),
    handler: () => undefined,
    onReject: () => undefined,
    onError: () => undefined,
  });
  await server.start();
  t.equal(sockets[0]?.family, 6);
  t.match(sockets[0]?.boundTo, { fd: 3 });
  await server.stop();
});

t.test('when one socket cannot be had, none stays open', async (t) => {
  const { openUdp, sockets } = fakeNetwork((socket) => {
    if (socket.family === 6) socket.bindError = systemError('EADDRNOTAVAIL');
  });
  const server = new AccountingServer({
    openUdp,
    clock: new FakeTime(),
    listen: [
      { address: '192.0.2.254', port: 1813 },
      { address: '2001:db8::1', port: 1813 },
    ],
    clients: new ClientTable<string>([]),
    handler: () => undefined,
    onReject: () => undefined,
    onError: () => undefined,
  });
  await t.rejects(server.start(), { code: 'EADDRNOTAVAIL' });
  t.same(
    sockets.map(({ closed }) => closed),
    [true, true],
  );
  t.same(server.bound, []);
});
