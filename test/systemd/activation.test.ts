/** Sockets that were open before addrd was: what it reads of them, and that it serves on them. Needs `npm run build`. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { listenDifference, passedSockets, type ProcSelf } from '../../src/daemon/activation.js';
import { makePlace } from '../support/process.js';
import { volley } from '../support/volley.js';

const PASS = fileURLToPath(new URL('pass.py', import.meta.url));
const MAIN = fileURLToPath(new URL('../../dist/daemon/main.js', import.meta.url));

/** Lines as Linux 6.1 printed them. */
const TABLES: Readonly<Record<string, string>> = {
  udp: `   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
 1237: 010200C0:0715 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 40001 2 00000000a1b2c3d4 0
`,
  udp6: `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
 1237: B80D0120000000000000000001000000:0715 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 40002 2 00000000a1b2c3d4 0
`,
  tcp: `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 40003 1 00000000a1b2c3d4 100 0 0 10 0
`,
  unix: `Num       RefCount Protocol Flags    Type St Inode Path
0000000000000000: 00000002 00000000 00000000 0002 01 40004 /run/x
`,
};

const FDS = ['socket:[40001]', 'socket:[40002]', 'socket:[40003]', 'socket:[40004]', 'socket:[49999]', '/dev/null'];

function proc(...targets: readonly (string | undefined)[]): ProcSelf {
  const missing = (): never => {
    throw Object.assign(new TypeError('none'), { code: 'ENOENT' });
  };
  return { readFd: (fd) => targets[fd - 3] ?? missing(), readTable: (table) => TABLES[table] ?? missing() };
}

t.test('what was handed over', (t) => {
  const env = { LISTEN_FDS: '2', LISTEN_PID: '7', LISTEN_FDNAMES: 'accounting:v6' };
  const both = [
    { fd: 3, name: 'accounting', family: 4, address: '192.0.2.1', port: 1813 },
    { fd: 4, name: 'v6', family: 6, address: '2001:db8::1', port: 1813 },
  ] as const;
  t.same(passedSockets(env, 7, proc(...FDS)), both);
  t.same(passedSockets(env, 8, proc(...FDS)), [], 'meant for another process');
  t.same(passedSockets({}, 7, proc()), []);
  t.same(passedSockets({ LISTEN_FDS: '0', LISTEN_PID: '7' }, 7, proc()), []);
  t.match(passedSockets({ LISTEN_FDS: '1', LISTEN_PID: '7' }, 7, proc(...FDS)), [{ name: 'unknown' }]);
  for (const count of ['', 'x', '-1', '1.5', '1e3']) {
    t.throws(() => passedSockets({ ...env, LISTEN_FDS: count }, 7, proc(...FDS)), { code: 'listen-fds-invalid' });
  }
  for (const [target, why] of [
    [FDS[2], /accounting.*tcp/],
    [FDS[3], /unix/],
    [FDS[4], /not bound/],
    [FDS[5], /no socket/],
    [undefined, /no socket/],
  ] as const) {
    const one = { ...env, LISTEN_FDS: '1' };
    t.throws(() => passedSockets(one, 7, proc(target)), { code: 'passed-not-udp', message: why });
  }
  const listen = (...octets: number[]) => ({ address: Uint8Array.from(octets), port: 1813 });
  t.same(listenDifference(both, [listen(192, 0, 2, 1), listen(127, 0, 0, 1)]), {
    unheard: ['127.0.0.1:1813'],
    unnamed: ['[2001:db8::1]:1813'],
  });
  t.end();
});

/** Runs addrd with sockets; `ports` resolves when they are bound, `log` when it says this code or ends. */
function start(t: { teardown(fn: () => void): void }, ...sockets: readonly string[]) {
  const place = makePlace(
    (store) => `
store: { path: ${store} }
api: { listen: ["127.0.0.1:0"] }
radius:
  accounting: { listen: ["127.0.0.1:9"] }
  nas: [{ name: a, address: 127.0.0.0/8, secret: testing123 }, { name: b, address: "::1", secret: testing123 }]
`,
  );
  const child = spawn('python3', [PASS, ...sockets, '--', process.execPath, MAIN, 'serve', '-c', place.config], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  t.teardown(() => {
    child.kill('SIGKILL');
    place.remove();
  });
  let text = '';
  const gone = once(child, 'close') as Promise<[number | null]>;
  const started = new Promise<void>((resolve) => {
    const read = (chunk: Buffer): void => {
      text += chunk.toString();
      if (text.includes('"code":"started"')) resolve();
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
  });
  const ports = (): number[] => [...text.matchAll(/^(\d+)$/gm)].map(([, port]) => Number(port));
  return { child, gone, up: Promise.race([started, gone]), text: () => text, ports, place };
}

const shot = { secret: 'testing123', name: 's', count: 100, group: 10, everyMs: 20, patienceMs: 10_000 };

t.test('every socket is served, and its buffer is left alone', async (t) => {
  const addrd = start(t, 'udp4|127.0.0.1|0|400000', 'udp6|::1|0', 'dual|::|0');
  await addrd.up;
  const [v4 = 0, v6 = 0, dual = 0] = addrd.ports();
  t.match(addrd.text(), /"code":"listen-differs","unheard":\["127\.0\.0\.1:9"\]/);
  t.match(addrd.text(), /"address":"127\.0\.0\.1","port":\d+,"receiveBuffer":800000,/, 'the kernel doubles it');
  for (const [address, port] of [
    ['127.0.0.1', v4],
    ['::1', v6],
    ['127.0.0.1', dual],
    ['::1', dual],
  ] as const) {
    const result = await volley({ ...shot, address, port, name: `${address}-${String(port)}` });
    t.match(result, { sent: 100, answered: 100 }, `${address} port ${String(port)}`);
  }
  addrd.child.kill('SIGTERM');
  const [status] = await addrd.gone;
  t.equal(status, 0, 'a stop in order');
});

t.test('what is no UDP socket is refused', async (t) => {
  for (const [socket, why] of [
    ['tcp4|127.0.0.1|0', 'a tcp socket'],
    ['unix||', 'a unix socket'],
  ] as const) {
    const addrd = start(t, socket);
    const [status] = await addrd.gone;
    t.equal(status, 78, why);
    t.match(addrd.text(), new RegExp(`descriptor 3 \\(accounting\\) .* it is ${why}.*ListenDatagram=.*passed-not-udp`));
  }
});
