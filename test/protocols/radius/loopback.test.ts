import t from 'tap';
import type { UdpPeer, UdpSocket } from '../../../src/protocols/io.js';
import { verifyResponseAuthenticator } from '../../../src/protocols/radius/authenticator.js';
import { ClientTable, type RadiusClient } from '../../../src/protocols/radius/clients.js';
import { parse } from '../../../src/protocols/radius/packet.js';
import { AccountingServer, type ReceivedAccounting } from '../../../src/protocols/radius/server.js';
import { openUdp } from '../../../src/protocols/udp.js';
import { freeUdpPort, radclient, requirePeer } from '../../peers/freeradius.js';
import { accountingRequest, attribute } from './build.js';
import { octets } from './vectors.js';
import { FakeTime } from './world.js';

const secret = octets('testing123');
const start = [attribute('Acct-Status-Type', 1), attribute('Acct-Session-Id', '0A1B2C3D')];
const loopback4: RadiusClient<null> = {
  name: 'loopback4',
  prefix: { bytes: Uint8Array.of(127, 0, 0, 0), length: 8 },
  secret,
  messageAuthenticator: 'optional',
  payload: null,
};
const loopback6 = { ...loopback4, name: 'loopback6', prefix: { bytes: new Uint8Array(16).fill(1, 15), length: 128 } };

/** A server on the loopback that answers everything; `next` resolves with the next rejection. */
async function serve(listen: UdpPeer[], clients: RadiusClient<null>[]) {
  const handled: ReceivedAccounting<null>[] = [];
  const waiting: ((code: string) => void)[] = [];
  const server = new AccountingServer({
    openUdp,
    clock: new FakeTime(),
    listen,
    clients: new ClientTable(clients),
    handler: (received, respond) => {
      handled.push(received);
      respond(true);
    },
    onReject: (code) => waiting.shift()?.(code),
    onError: (error) => {
      throw error;
    },
  });
  await server.start();
  const rejection = (): Promise<string> => new Promise((resolve) => waiting.push(resolve));
  return { server, handled, rejection };
}

async function openClient(address: string): Promise<{ socket: UdpSocket; next: () => Promise<Uint8Array> }> {
  const socket = openUdp(address.includes(':') ? 6 : 4);
  const waiting: ((datagram: Uint8Array) => void)[] = [];
  socket.onMessage((datagram) => waiting.shift()?.(Uint8Array.from(datagram)));
  await socket.bind({ address, port: 0 });
  return { socket, next: () => new Promise((resolve) => waiting.push(resolve)) };
}

for (const address of ['127.0.0.1', '::1']) {
  t.test(`a request over ${address} is answered, its retransmission alike`, async (t) => {
    const { server, handled } = await serve([{ address, port: 0 }], [loopback4, loopback6]);
    const bound = server.bound[0];
    if (bound === undefined) throw new Error('not bound');
    t.equal(bound.address, address);
    t.ok(bound.port > 0, 'the port that the kernel chose');
    t.ok(bound.receiveBuffer > 0, `receive buffer of ${String(bound.receiveBuffer)} octets`);
    const { socket, next } = await openClient(address);
    const request = accountingRequest(secret, start);
    const replies: Uint8Array[] = [];
    for (const round of [1, 2]) {
      const reply = next();
      socket.send(request, bound);
      replies.push(await reply);
      t.equal(handled.length, 1, `round ${String(round)}`);
    }
    const [first, second] = replies;
    if (first === undefined) throw new Error('no reply');
    t.equal(verifyResponseAuthenticator(parse(first), parse(request).authenticator, secret), true);
    t.same(second, first);
    t.equal(handled[0]?.source.address, address);
    await socket.close();
    await server.stop();
  });
}

t.test('refused over a real socket: stranger, wrong secret, malformed', async (t) => {
  const { server, handled, rejection } = await serve(
    [
      { address: '127.0.0.1', port: 0 },
      { address: '::1', port: 0 },
    ],
    [loopback4],
  );
  const [bound4, bound6] = server.bound;
  if (bound4 === undefined || bound6 === undefined) throw new Error('not bound');
  const client4 = await openClient('127.0.0.1');
  const client6 = await openClient('::1');
  const cases: [UdpSocket, UdpPeer, Uint8Array, string][] = [
    [client6.socket, bound6, accountingRequest(secret, start), 'unknown-client'],
    [client4.socket, bound4, accountingRequest(octets('wrong'), start), 'bad-authenticator'],
    [client4.socket, bound4, new Uint8Array(0), 'datagram-too-short'],
    [client4.socket, bound4, accountingRequest(secret, start).subarray(0, 25), 'length-beyond-datagram'],
  ];
  for (const [socket, bound, datagram, code] of cases) {
    const rejected = rejection();
    socket.send(datagram, bound);
    t.equal(await rejected, code, code);
  }
  t.equal(handled.length, 0);
  await Promise.all([client4.socket.close(), client6.socket.close(), server.stop()]);
});

t.test('a port in use is an EADDRINUSE, and nothing stays open', async (t) => {
  const first = await serve([{ address: '127.0.0.1', port: 0 }], [loopback4]);
  const taken = first.server.bound[0];
  if (taken === undefined) throw new Error('not bound');
  const port = await freeUdpPort();
  await t.rejects(
    serve(
      [
        { address: '127.0.0.1', port },
        { address: '127.0.0.1', port: taken.port },
      ],
      [loopback4],
    ),
    { code: 'EADDRINUSE' },
  );
  const again = await serve([{ address: '127.0.0.1', port }], [loopback4]);
  t.equal(again.server.bound[0]?.port, port, 'the port opened first is free again');
  await again.server.stop();
  await first.server.stop();
  const reopened = await serve([{ address: '127.0.0.1', port: taken.port }], [loopback4]);
  t.equal(reopened.server.bound[0]?.port, taken.port, 'stop frees the port');
  await reopened.server.stop();
});

t.test('a UDP socket never throws after bind', async (t) => {
  const socket = openUdp(4);
  socket.onError((error) => t.fail(error.message));
  await socket.bind({ address: '127.0.0.1', port: 0, receiveBuffer: 2 ** 31 - 1 });
  t.ok(socket.receiveBuffer() > 0, 'whatever was granted');
  const failure = (peer: UdpPeer): Promise<Error | null> =>
    new Promise((resolve) => {
      socket.send(Uint8Array.of(1), peer, resolve);
    });
  t.match(await failure({ address: '127.0.0.1', port: 0 }), { code: 'ERR_SOCKET_BAD_PORT' });
  t.ok((await failure({ address: 'not-an-address', port: 9 })) instanceof Error, 'no name is ever resolved');
  await Promise.all([socket.close(), socket.close()]);
  t.match(await failure({ address: '127.0.0.1', port: 9 }), { code: 'ERR_SOCKET_DGRAM_NOT_RUNNING' });
  const other = openUdp(6);
  await other.close();
});

t.test('radclient believes the answer, with and without a Message-Authenticator of its own', async (t) => {
  if (!requirePeer(t, 'radclient')) return;
  const { server, handled } = await serve([{ address: '127.0.0.1', port: 0 }], [loopback4]);
  const bound = server.bound[0];
  if (bound === undefined) throw new Error('not bound');
  const attributes = ['Acct-Status-Type = Stop', 'Acct-Session-Id = "0A1B2C3D"', 'Proxy-State = 0x0102'];
  for (const extra of [[], ['Message-Authenticator = 0x00']]) {
    const run = await radclient({
      kind: 'acct',
      server: bound,
      secret: 'testing123',
      attributes: [...attributes, ...extra],
    });
    t.equal(run.status, 0, run.stderr);
    t.match(run.stdout, /Received Accounting-Response[^]*Proxy-State = 0x0102/);
  }
  t.equal(handled.length, 2);
  t.equal(handled[1]?.request.packet.attributes.length, 4);
  const wrong = await radclient({ kind: 'acct', server: bound, secret: 'wrong', attributes, timeout: 1 });
  t.equal(wrong.status, 1, 'a wrong secret is met with silence');
  await server.stop();
});
