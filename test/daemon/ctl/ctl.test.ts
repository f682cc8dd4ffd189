import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import t, { type Test } from 'tap';
import { EXIT } from '../../../src/daemon/ctl/failure.js';
import { run } from '../../../src/daemon/ctl/program.js';
import { Screen } from '../../../src/daemon/ctl/screen.js';
import type { OrderView, SubscriberView } from '../../../src/daemon/api/views.js';
import { endStory, NIGHT, openWorld, packet, tellStory, type World } from '../api/world.js';

const program = fileURLToPath(new URL('../../../src/daemon/ctl/main.ts', import.meta.url));
const root = fileURLToPath(new URL('../../..', import.meta.url));

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs addrdctl as its own process, in an empty environment but for `env`. */
function spawnCtl(args: readonly string[], env: Readonly<Record<string, string>>) {
  return spawn(process.execPath, ['--import', 'tsx', program, ...args], {
    cwd: root,
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

function ended(child: ReturnType<typeof spawnCtl>): Promise<Ended> {
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      resolve({ code, out, err });
    });
  });
}

interface Listening {
  readonly world: World;
  readonly url: string;
  /** As its own process, with the token `root`. */
  ctl(...args: string[]): Promise<Ended>;
  /** The same within this process, which is quicker; it cannot wait. */
  within(...args: string[]): Promise<Ended>;
}

async function runWithin(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  readFile = (path: string): string => readFileSync(path, 'utf8'),
): Promise<Ended> {
  let out = '';
  let err = '';
  const code = await run(args, {
    version: '0.0.0',
    columns: 100,
    colours: false,
    out: (text) => (out += text),
    err: (text) => (err += text),
    env: (name) => env[name],
    readFile,
    pause: () => t.fail('it waits'),
    idle: new AbortController().signal,
  });
  return { code, out, err };
}

/** The API of a world on a port of the loopback. `prepare` may add hooks before it listens. */
async function listen(t: Test, prepare: (world: World) => void = () => undefined): Promise<Listening> {
  const world = await openWorld();
  prepare(world);
  const url = await world.api.listen({ host: '127.0.0.1', port: 0 });
  t.teardown(() => world.api.close());
  const env = { ADDRD_URL: url, ADDRD_TOKEN: 'root-secret' };
  return { world, url, ctl: (...args) => ended(spawnCtl(args, env)), within: (...args) => runWithin(args, env) };
}

function widest(text: string): number {
  return Math.max(...text.split('\n').map((line) => line.length));
}

t.test('show tells the story of a subscriber whose termination waits', async (t) => {
  const { world, ctl } = await listen(t);
  await tellStory(world);
  const { code, out, err } = await ctl('show', 'alice');
  t.equal(code, 0, err);
  t.equal(err, '');
  for (const words of [
    'Subscriber alice, known since 2026-11-22 03:00:00Z',
    'User-Name alice@isp (configured)',
    '100.64.0.5 (ipv4) of alice: REVOKING since 2026-11-22 03:01:00Z',
    'pool v4; allocated 2026-11-22 03:00:00Z, active 2026-11-22 03:00:10Z',
    'metadata {"ticket":7}',
    'revoked by token:noc; reason: moved out',
    'waits for: ',
    'disconnect  waiting',
    's-1',
    'nas.disconnect',
    'allocated -> active',
    'active -> revoking',
  ]) {
    t.match(out, words);
  }
  t.ok(out.indexOf('pending -> allocated') < out.indexOf('active -> revoking'), 'the journal is in order');
  t.ok(widest(out) <= 100, `${String(widest(out))} columns`);
  t.notMatch(out, '\u001b', 'no colours in a pipe');
});

t.test('an hour that is over is no promise', async (t) => {
  const { world, within } = await listen(t);
  await tellStory(world);
  const times = async (now: number): Promise<number> => {
    world.now = now;
    const { out } = await within('show', 'alice');
    const steps = out.slice(out.indexOf('AGAIN AT'), out.indexOf('Sessions ('));
    return steps.split('2026-11-22').length - 1;
  };
  t.ok((await times(NIGHT)) > (await times(NIGHT + 86_400_000)));
});

t.test('and how it ended, from the side of the address', async (t) => {
  const { world, ctl } = await listen(t);
  await tellStory(world);
  await endStory(world);
  const { code, out } = await ctl('show', '100.64.0.5');
  t.equal(code, 0);
  t.match(out, '100.64.0.5 of pool v4: quarantined until 2026-11-22 03:02:10Z, last held by alice');
  t.match(out, 'REVOKED since 2026-11-22 03:01:10Z');
  t.match(out, 'evidence: stop at 2026-11-22 03:01:10Z');
  t.match(out, 'History');
  t.ok(widest(out) <= 100);
  const stranger = await ctl('show', '100.64.0.9/32');
  t.match(stranger.out, 'occupied');
  t.match(stranger.out, String.raw`\xffA`);
  t.match(stranger.out, 'mallory');
});

t.test('orders, and what they print', async (t) => {
  const { world, within } = await listen(t);
  const allocated = await within('allocate', 'alice', '--family', 'ipv4', '--username', 'alice@isp');
  t.equal(allocated.code, 0, allocated.err);
  t.match(allocated.out, /alice +ipv4 +100\.64\.0\.1 +v4 +allocated +1 +applied/);
  await within('allocate', 'alice', '--family', 'ipv6-pd', '--address', '2001:db8:100:100::/56');
  t.match(world.port.commands, [
    { kind: 'allocate', family: 'ipv4', username: 'alice@isp' },
    { kind: 'allocate', family: 'ipv6-pd' },
  ]);
  const active = await within('--json', 'activate', 'alice');
  const { orders } = JSON.parse(active.out) as { orders: OrderView[] };
  t.strictSame(
    orders.flatMap(({ assignments }) => assignments.map((one) => [one.family, one.lifecycle_state])),
    [
      ['ipv4', 'active'],
      ['ipv6-pd', 'active'],
    ],
  );
  const one = await within(
    'revoke',
    'alice',
    '--address',
    '2001:DB8:100:100::/56',
    '--reason',
    'test',
    '--keep-address',
  );
  t.equal(one.code, 0, one.err);
  t.match(world.port.commands.at(-1), { kind: 'revoke', family: 'ipv6-pd', reason: 'test', releaseToPool: false });
  await within('revoke', 'alice', '--no-disconnect');
  const revokes = world.port.commands.filter(({ kind }) => kind === 'revoke');
  t.match(revokes.slice(1), [
    { family: 'ipv4', sendDisconnect: false, releaseToPool: true },
    { family: 'ipv6-pd', sendDisconnect: false },
  ]);
  const none = await within('revoke', 'alice', '--address', '192.0.2.7');
  t.equal(none.code, EXIT.refused);
  t.match(none.err, 'has no open assignment on 192.0.2.7');
  const other = await within('revoke', 'alice', '--family', 'ipv4', '--address', '100.64.0.7');
  t.match(other.err, 'has no open assignment on 100.64.0.7');
  const host = await within('allocate', 'bob', '--family', 'ipv6-pd', '--address', '2001:db8:100:100::1/56');
  t.equal(host.code, EXIT.usage);
  t.match(host.err, 'has bits set beyond /56; 2001:db8:100:100::/56');
});

t.test('revoke --wait sees the end', async (t) => {
  let looks = 0;
  const { world, ctl } = await listen(t, ({ api }) => {
    api.addHook('onSend', async (request) => {
      if (request.method === 'GET' && ++looks === 1) await endStory(world);
    });
  });
  await tellStory(world);
  const { code, out, err } = await ctl('revoke', 'alice', '--family', 'ipv4', '--wait', '30');
  t.equal(code, 0, err);
  t.match(out, '100.64.0.5 is revoked; evidence: stop');
  t.equal(looks, 2, 'the second look saw it');
});

t.test('revoke --wait runs out, and says what is waited for', async (t) => {
  const { world, ctl } = await listen(t);
  await tellStory(world);
  const { code, err } = await ctl('revoke', 'alice', '--wait', '1');
  t.equal(code, EXIT.waited);
  t.match(err, 'not revoked after 1 s; the termination goes on');
  t.match(err, '100.64.0.5 is revoking, waiting for: ');
  const scripted = await ctl('--json', 'revoke', 'alice', '--wait', '1');
  t.equal(scripted.code, EXIT.waited);
  const { assignments } = JSON.parse(scripted.out) as { assignments: SubscriberView['assignments'] };
  t.match(assignments, [{ lifecycle_state: 'revoking' }]);
});

t.test('lists', async (t) => {
  const { world, within } = await listen(t);
  await tellStory(world);
  const expected: readonly (readonly [args: string[], ...words: (string | RegExp)[]])[] = [
    [['status'], 'addrd 0.1.0, mode act, tenant default', 'ready', /ipv4 +0 +0 +0 +0 +1 +0 +0/],
    [['pools'], /v4 +ipv4 +100\.64\.0\.0\/28 +\/32 +1 +1 +12 +14\.28 %/, /pd +ipv6-pd/],
    [['nas'], /bras +192\.0\.2\.1 +2 +0/],
    [['sessions'], /s-1 +bras +open +alice@isp +100\.64\.0\.5/, 'mallory'],
    [['outbox'], /nas\.disconnect +bras +s-1 +pending/],
    [['conflicts'], /100\.64\.0\.9 +occupied/],
    [['events'], 'active -> revoking', 'by=token:noc'],
    [['events', '--lines', '1'], 'effect-ordered'],
    [['events', '--subscriber', 'alice'], 'pending -> allocated'],
  ];
  for (const [args, ...words] of expected) {
    const { code, out, err } = await within(...args);
    t.equal(code, 0, err);
    for (const word of words) t.match(out, word, args.join(' '));
    t.ok(widest(out) <= 100, `${args.join(' ')}: ${String(widest(out))} columns`);
  }
  await endStory(world);
  const open = await within('--json', 'sessions');
  const all = await within('--json', 'sessions', '--all');
  const count = ({ out }: Ended): number => (JSON.parse(out) as { sessions: unknown[] }).sessions.length;
  t.strictSame([count(open), count(all)], [1, 2]);
});

t.test('an empty list says so beside the output', async (t) => {
  const { within } = await listen(t);
  for (const command of ['sessions', 'nas', 'outbox', 'conflicts']) {
    const { code, out, err } = await within(command);
    t.strictSame([code, out], [0, ''], command);
    t.match(err, /^no /);
  }
});

t.test('events --follow prints what comes', async (t) => {
  const { world, url } = await listen(t);
  const child = spawnCtl(['events', '--follow'], { ADDRD_URL: url, ADDRD_TOKEN: 'root-secret' });
  const end = ended(child);
  let seen = '';
  await new Promise<void>((resolve) => {
    child.stdout.on('data', (chunk: Buffer) => {
      const first = seen === '';
      seen += chunk.toString();
      if (first) void tellStory(world);
      if (seen.includes('active -> revoking')) resolve();
    });
  });
  child.kill('SIGINT');
  await end;
  const times = seen.split('\n').filter((line) => line.includes('pending -> allocated'));
  t.equal(times.length, 1, 'each line once');
});

t.test('--json events --follow prints an object a line', async (t) => {
  const { world, url } = await listen(t);
  await tellStory(world);
  const child = spawnCtl(['--json', 'events', '--follow'], { ADDRD_URL: url, ADDRD_TOKEN: 'root-secret' });
  const end = ended(child);
  await new Promise((resolve) => child.stdout.once('data', resolve));
  child.kill('SIGINT');
  const { out } = await end;
  const kinds = out
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as { kind: string }).kind);
  t.ok(kinds.includes('transition'));
});

t.test('the daemon refuses: 1', async (t) => {
  const { world, within } = await listen(t);
  const unknown = await within('show', 'nobody');
  t.equal(unknown.code, EXIT.refused);
  t.equal(unknown.out, '');
  t.match(unknown.err, 'addrdctl: there is no subscriber nobody');
  const scripted = await within('--json', 'show', 'nobody');
  t.match(JSON.parse(scripted.err), { code: 'unknown-subscriber', status: 404 });
  const detail = 'several pools hand out ipv4: v4, w4';
  world.port.answer = () => ({ verdict: 'refused', code: 'pool-required', detail, reply: null, replayed: false });
  const which = await within('allocate', 'alice', '--family', 'ipv4');
  t.equal(which.code, EXIT.refused);
  t.match(which.err, 'several pools hand out ipv4:');
  t.match(which.err, 'v4  100.64.0.0/28  14 free');
  t.match(which.err, 'choose one with --pool NAME');
});

t.test('the command line is wrong: 2', async (t) => {
  const { within } = await listen(t);
  for (const args of [
    [],
    ['wibble'],
    ['show'],
    ['allocate', 'alice'],
    ['allocate', 'alice', '--family', 'ipv5'],
    ['revoke', 'alice', '--wait', '0'],
    ['events', '--lines', 'many'],
    ['--url', 'nowhere', 'status'],
    ['status', '--wibble'],
  ]) {
    const { code, out, err } = await within(...args);
    t.equal(code, EXIT.usage, args.join(' '));
    t.equal(out, '');
    t.not(err, '');
  }
  const help = await within('--help');
  t.equal(help.code, 0);
  t.match(help.out, 'revoke [options] <subscriber>');
  t.equal((await within('--version')).code, 0);
});

t.test('the daemon is not reachable: 3', async (t) => {
  const { ctl, within, world, url } = await listen(t);
  await world.api.close();
  const gone = await ctl('status');
  t.equal(gone.code, EXIT.unreachable);
  t.match(gone.err, `no answer from ${url}: nothing listens there`);
  t.match(gone.err, 'is addrd running there?');
  const port = (await within('--url', 'http://127.0.0.1:9', 'status')).err;
  t.match(port, 'the port is one of another protocol');
});

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

t.test('an order that was accepted goes on when the daemon is lost', async (t) => {
  let posted = false;
  const { world, within } = await listen(t, ({ api }) => {
    api.addHook('onRequest', async (request) => {
      if (request.method === 'POST') posted = true;
      else if (posted) request.raw.socket.destroy();
    });
  });
  await tellStory(world);
  const { code, err } = await within('revoke', 'alice', '--family', 'ipv4', '--wait', '5');
  t.equal(code, EXIT.unreachable);
  t.match(err, 'the order was accepted and goes on');
});

t.test('what only open sessions show', async (t) => {
  const { world, within } = await listen(t);
  await tellStory(world);
  await world.house.say(
    packet({ kind: 'acct-start', sid: 's-9', username: 'bob@isp', at: NIGHT + 30_000, v4: '203.0.113.9' }),
  );
  const address = await within('show', '203.0.113.9');
  t.equal(address.code, 0, address.err);
  t.match(address.out, /s-9 +bras +open +bob@isp +203\.0\.113\.9/);
  t.equal((await within('show', '203.0.113.10')).code, EXIT.refused);
  const name = await within('show', 'bob@isp');
  t.equal(name.code, 0);
  t.match(name.err, 'there is no subscriber bob@isp; open sessions with that User-Name:');
  t.match(name.out, 's-9');
  t.match((await within('show', '100.64.0.5/24')).err, 'has bits set beyond /24');
});

t.test('what is over, and what was kept back, is not passed over in silence', async (t) => {
  const { world, within } = await listen(t);
  world.house.policy = { ...world.house.policy, mode: 'observe' };
  await tellStory(world);
  const kept = await within('outbox');
  t.match(kept.err, 'no effect is pending');
  t.match(kept.err, 'would-have');
  t.match((await within('outbox', '--all')).out, 'would-have');
});

t.test('not authorised: 4', async (t) => {
  const { url } = await listen(t);
  const ctl = (args: string[], env: Record<string, string> = {}) => ended(spawnCtl(args, { ADDRD_URL: url, ...env }));
  const directory = t.testdir({ good: 'reader-secret\n' });
  const wrong = await ctl(['--token', 'guess', 'status']);
  t.equal(wrong.code, EXIT.unauthorised);
  t.match(wrong.err, 'addrd does not know the token (--token)');
  t.notMatch(wrong.err, 'guess');
  t.equal((await ctl(['--token-file', join(directory, 'good'), 'status'])).code, 0);
  t.equal((await ctl(['status'], { ADDRD_TOKEN_FILE: join(directory, 'good') })).code, 0);
  const none = await runWithin(['status'], { ADDRD_URL: url }, () => {
    throw Object.assign(new TypeError(), { code: 'ENOENT' });
  });
  t.equal(none.code, EXIT.unauthorised);
  t.match(
    none.err.replace(/\s+/g, ' '),
    'looked for: ADDRD_TOKEN, ADDRD_TOKEN_FILE, var/api-token, relative to the current',
  );
  t.equal((await runWithin(['--token', 'two words', 'status'], { ADDRD_URL: url })).code, EXIT.unauthorised);
  const reader = await ctl(['allocate', 'alice', '--family', 'ipv4'], { ADDRD_TOKEN: 'reader-secret' });
  t.equal(reader.code, EXIT.unauthorised);
  t.match(reader.err, 'token reader has scope read; this needs operate');
  const missing = await ctl(['--token-file', join(directory, 'none'), 'status']);
  t.equal(missing.code, EXIT.unauthorised);
  t.match(missing.err, /cannot be read\s+\(ENOENT\)/);
});

t.test('every exit code and every command is in docs/addrdctl.md', async (t) => {
  const page = readFileSync(join(root, 'docs/addrdctl.md'), 'utf8');
  for (const code of Object.values(EXIT)) t.match(page, new RegExp(`^\\| ${String(code)} `, 'm'));
  const { out } = await ended(spawnCtl(['--help'], {}));
  const commands = [...out.matchAll(/^ {2}([a-z]+)(?= |$)/gm)]
    .map((match) => match[1])
    .filter((name) => name !== 'help');
  t.equal(commands.length, 18);
  for (const name of commands) t.ok(page.includes(`| \`${name ?? ''}`), name ?? '');
});

t.test('a screen wraps and colours, and obeys nobody on the wire', async (t) => {
  let out = '';
  const screen = (colours: boolean) => new Screen({ write: (text) => (out += text), width: 40, colours });
  screen(true).line('red', 'red');
  t.equal(out, '\u001b[31mred\u001b[0m\n');
  out = '';
  screen(false).line('\u001b[2Jgone', 'red');
  t.equal(out, '?[2Jgone\n');
  out = '';
  const address = '2001:db8:1234:5678:9abc:def0:1234:5678';
  screen(true).table(['ADDRESS', 'STATE'], [[address, { text: 'active', colour: 'green' }]]);
  const plain = stripVTControlCharacters(out);
  t.ok(widest(plain) <= 40, plain);
  t.equal(plain.replace(/[^0-9a-f:]/g, '').includes('2001:db8:1234'), true);
  t.equal(
    plain
      .split('\n')
      .slice(1)
      .map((line) => line.slice(0, 32).trim())
      .join(''),
    address,
    'nothing is cut off',
  );
});
