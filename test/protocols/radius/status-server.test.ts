/** Status-Server on the accounting port (RFC 5997): what is answered, and when it is not. */
import t from 'tap';
import type { UdpPeer } from '../../../src/protocols/io.js';
import {
  signRequest,
  verifyMessageAuthenticator,
  verifyResponseAuthenticator,
} from '../../../src/protocols/radius/authenticator.js';
import { ClientTable, type MessageAuthenticatorPolicy } from '../../../src/protocols/radius/clients.js';
import { parse, type RadiusAttribute } from '../../../src/protocols/radius/packet.js';
import { AccountingServer } from '../../../src/protocols/radius/server.js';
import { accountingRequest, attribute, radiusClient } from './build.js';
import { octets } from './vectors.js';
import { FakeTime, fakeNetwork } from './world.js';

const secret = octets('testing123');
const proxy: UdpPeer = { address: '192.0.2.1', port: 1814 };

function statusServer(attributes: RadiusAttribute[] = [], key = secret, messageAuthenticator = true): Uint8Array {
  const authenticator = Uint8Array.from({ length: 16 }, (_, index) => index * 7 + 1);
  return signRequest({ code: 12, identifier: 9, authenticator, attributes }, key, messageAuthenticator);
}

async function serve(policy: MessageAuthenticatorPolicy = 'optional') {
  const { openUdp, sockets } = fakeNetwork();
  const rejected: string[] = [];
  const answered: UdpPeer[] = [];
  const world = { ready: true, asked: 0 };
  const server = new AccountingServer({
    openUdp,
    clock: new FakeTime(),
    listen: [{ address: '192.0.2.254', port: 1813 }],
    clients: new ClientTable([radiusClient('proxy', '192.0.2.1', 32, policy)]),
    ready: () => world.ready,
    handler: () => {
      world.asked += 1;
    },
    onReject: (code) => rejected.push(code),
    onStatus: (source) => answered.push(source),
    onError: (error) => {
      throw error;
    },
  });
  await server.start();
  const [socket] = sockets;
  if (socket === undefined) throw new TypeError('no socket');
  return { server, socket, rejected, answered, world };
}

t.test('the answer is an Accounting-Response that proves itself', async (t) => {
  const { socket, rejected, answered } = await serve();
  const request = statusServer([
    attribute('Proxy-State', 'b'),
    attribute('NAS-Identifier', 'p'),
    attribute('Proxy-State', new Uint8Array(0)),
  ]);
  socket.deliver(request, proxy);
  const { bytes, peer } = socket.take();
  const reply = parse(bytes);
  const { authenticator } = parse(request);
  t.same(peer, proxy);
  t.equal(reply.code, 5);
  t.equal(reply.identifier, 9);
  t.equal(verifyResponseAuthenticator(reply, authenticator, secret), true);
  t.equal(verifyMessageAuthenticator(reply, secret, authenticator), 'right');
  t.same(reply.attributes.slice(1), [attribute('Proxy-State', 'b'), attribute('Proxy-State', new Uint8Array(0))]);
  t.same(answered, [proxy]);
  t.same(rejected, []);
});

t.test('without a right Message-Authenticator there is silence, whatever the policy', async (t) => {
  for (const policy of ['ignore', 'optional', 'required'] as const) {
    const { socket, rejected } = await serve(policy);
    const changed = statusServer();
    changed[4] = (changed[4] ?? 0) ^ 1;
    const twice = [80, 80].map((type) => ({ type, value: new Uint8Array(16) }));
    socket.deliver(statusServer([], secret, false), proxy);
    socket.deliver(statusServer([], octets('wrong')), proxy);
    socket.deliver(changed, proxy);
    socket.deliver(statusServer(twice, secret, false), proxy);
    socket.deliver(statusServer([{ type: 80, value: new Uint8Array(4) }], secret, false), proxy);
    const bad = 'bad-message-authenticator';
    t.same(rejected, ['missing-message-authenticator', bad, bad, bad, bad], policy);
    t.equal(socket.sent.length, 0);
  }
});

t.test('it is answered only while accounting would be, and never from memory', async (t) => {
  const { server, socket, rejected, world } = await serve();
  const request = statusServer();
  socket.deliver(request, proxy);
  t.equal(socket.sent.length, 1);
  world.ready = false;
  socket.deliver(request, proxy);
  t.equal(socket.sent.length, 1, 'the same octets, and the store has gone away meanwhile');
  t.same(rejected, ['not-ready']);
  world.ready = true;
  socket.deliver(request, proxy);
  t.equal(socket.sent.length, 2);
  t.equal(world.asked, 0, 'a Status-Server is no accounting');
  const start = [attribute('Acct-Status-Type', 1), attribute('Acct-Session-Id', 's')];
  socket.deliver(accountingRequest(secret, start), proxy);
  t.equal(world.asked, 1);
  void server.drain();
  socket.deliver(request, proxy);
  t.equal(socket.sent.length, 2, 'who drains is not ready');
  t.same(rejected, ['not-ready', 'not-ready']);
  await server.stop();
});

t.test('a stranger hears nothing', async (t) => {
  const { socket, rejected } = await serve();
  socket.deliver(statusServer(), { address: '198.51.100.1', port: 1 });
  t.same(rejected, ['unknown-client']);
  t.equal(socket.sent.length, 0);
});
