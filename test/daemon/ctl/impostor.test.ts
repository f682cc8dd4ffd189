/** What answers at the URL is not addrd: addrdctl says so, whatever it was told. */
import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import { EXIT } from '../../../src/daemon/ctl/failure.js';
import { ended, runWithin, spawnCtl } from './listening.js';

/** A server that is not addrd, and its URL. */
async function impostor(t: Test, answer: (socket: Socket) => void): Promise<string> {
  const server = createTcpServer((socket) => {
    socket.on('error', () => undefined);
    answer(socket);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  t.teardown(() => server.close());
  return `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
}

/** Answers a request whole with a body. */
function saying(status: string, body: string): (socket: Socket) => void {
  return (socket) =>
    socket.once('data', () =>
      socket.end(`HTTP/1.1 ${status}\r\ncontent-length: ${String(body.length)}\r\nconnection: close\r\n\r\n${body}`),
    );
}

t.test('what answers is not addrd: 3', async (t) => {
  const env = { ADDRD_TOKEN: 'any' };
  const closing = await impostor(t, (socket) => socket.end());
  for (const args of [['status'], ['allocate', 'alice', '--family', 'ipv4']]) {
    const { code, out, err } = await ended(spawnCtl(['--url', closing, ...args], env));
    t.strictSame([code, out], [EXIT.unreachable, ''], args.join(' '));
    t.match(err, `no answer from ${closing}: the connection was closed`);
  }
  for (const [answer, why] of [
    [saying('200 OK', 'hello'), 'is not addrd'],
    [saying('200 OK', '{}'), 'is not addrd (or another version of it)'],
    [saying('200 OK', '[]'), 'is not addrd'],
    [saying('404 Not Found', '{"code":"x","title":1,"status":404}'), 'is not addrd (HTTP 404)'],
    [saying('302 Found', ''), 'is not addrd'],
    [(socket: Socket) => socket.once('data', () => socket.end('220 ready\r\n')), 'it does not speak HTTP'],
    [(socket: Socket) => socket.once('data', () => socket.destroy()), 'the connection was closed'],
  ] as const) {
    const url = await impostor(t, answer);
    for (const args of [['status'], ['pools'], ['show', 'alice'], ['events'], ['--json', 'sessions']]) {
      const { code, out, err } = await runWithin(['--url', url, ...args], env);
      t.strictSame([code, out], [EXIT.unreachable, ''], `${why}: ${args.join(' ')}`);
      t.match(err, why);
    }
  }
});
