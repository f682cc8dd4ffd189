/** The log as a reader sees it, and as one who has stopped reading does. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { LogOutput, openLog, type Logger } from '../../src/daemon/log.js';
import { QuietLog } from '../../src/daemon/quiet-log.js';
import { Secret } from '../../src/daemon/secret.js';

interface Line {
  readonly level: string;
  readonly code: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** A log in memory, and what is in it. */
function openMemory(level = 'debug'): { log: Logger; lines: () => Line[] } {
  const written: string[] = [];
  const write = (text: string): void => {
    written.push(text);
  };
  const output = new LogOutput({ write, writableLength: 0, writable: true, on: () => undefined });
  return { log: openLog(level, output), lines: () => written.map((text) => JSON.parse(text) as Line) };
}

t.test('a line is an object with level, time, code and message', (t) => {
  const { log, lines } = openMemory('info');
  log.info({ code: 'started', version: '1', accounting: ['127.0.0.1:1813'] }, 'addrd has started');
  log.debug({ code: 'effect' }, 'not at this level');
  const [line, ...more] = lines();
  t.match(line, { level: 'info', code: 'started', version: '1', accounting: ['127.0.0.1:1813'], msg: /started/ });
  t.match(line?.['time'], /^\d{4}-\d\d-\d\dT.*Z$/);
  t.strictSame(more, []);
  t.end();
});

t.test('what could carry a secret is not printed', (t) => {
  const { log, lines } = openMemory();
  const loaded = Object.assign(new TypeError('it broke', { cause: new RangeError('far below') }), {
    code: 'EBROKEN',
    datagram: Buffer.from('hunter2'),
    headers: { authorization: 'Bearer hunter2' },
    config: { secret: 'hunter2' },
  });
  log.error({ code: 'api-fault', err: loaded }, 'a request met a fault');
  log.error({ code: 'api-fault', err: { authorization: 'Bearer hunter2' } }, 'thrown, and no error');
  // @ts-expect-error an object is no value of a line
  log.info({ code: 'started', config: { secret: new Secret('hunter2') } }, 'and even so');
  // @ts-expect-error a code that is on no list
  log.info({ code: 'wibble' }, 'the compiler knows the list');
  const [first] = lines();
  t.match(first, { err: { type: 'TypeError', code: 'EBROKEN', message: 'it broke', cause: { message: 'far below' } } });
  t.notMatch(JSON.stringify(lines()), 'hunter2');
  t.end();
});

/** A quiet log with a clock that a test moves. */
function quietly(): { quiet: QuietLog; lines: () => Line[]; wait: (ms: number) => void } {
  const { log, lines } = openMemory();
  let now = 0;
  const quiet = new QuietLog(log, { wallMs: () => now, monoMs: () => now });
  return {
    quiet,
    lines,
    wait: (ms) => {
      now += ms;
    },
  };
}

t.test('a noisy source does not hide another', (t) => {
  const { quiet, lines, wait } = quietly();
  for (let n = 0; n < 1_000; n++) quiet.warn('bad-authenticator', '192.0.2.1', { port: n }, 'refused');
  quiet.warn('bad-authenticator', '192.0.2.2', { port: 9 }, 'refused');
  quiet.warn('unknown-client', '192.0.2.1', { port: 9 }, 'refused');
  t.strictSame(
    lines().map(({ code, source, port, suppressed }) => [code, source, port, suppressed]),
    [
      ['bad-authenticator', '192.0.2.1', 0, undefined],
      ['bad-authenticator', '192.0.2.2', 9, undefined],
      ['unknown-client', '192.0.2.1', 9, undefined],
    ],
  );
  quiet.sweep();
  t.equal(lines().length, 3, 'their time is not over');
  wait(10_000);
  quiet.sweep();
  t.match(lines().slice(3), [{ code: 'bad-authenticator', source: '192.0.2.1', suppressed: 999, level: 'warn' }]);
  quiet.warn('bad-authenticator', '192.0.2.1', { port: 5 }, 'refused');
  t.match(lines().slice(4), [{ source: '192.0.2.1', port: 5 }], 'and it is told anew');
  t.end();
});

t.test('a flood from everywhere is bounded', (t) => {
  const { quiet, lines, wait } = quietly();
  for (let n = 0; n < 50_000; n++) quiet.warn('unknown-client', `198.18.${n >> 8}.${n & 255}`, {}, 'refused');
  t.equal(lines().length, 33, 'one for each of 32 sources, and one for all others');
  wait(10_000);
  quiet.sweep();
  const sum = lines().slice(33);
  t.strictSame(
    sum.map(({ source, suppressed }) => [source, suppressed]),
    [[undefined, 50_000 - 33]],
  );
  quiet.warn('unknown-client', '203.0.113.1', {}, 'refused');
  t.match(lines().at(-1), { source: '203.0.113.1' }, 'there is room again');
  t.end();
});

interface Written {
  readonly longest: number;
  readonly dropped: number;
}

/** Runs `write-log.ts` with a reader that does as told, and returns what it said and how many lines arrived. */
async function write(t: Test, reader: 'reads' | 'stops' | 'leaves'): Promise<Written & { lines: number }> {
  const script = fileURLToPath(new URL('../support/write-log.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', script], { stdio: ['ignore', 'pipe', 'pipe'] });
  t.teardown(() => child.kill('SIGKILL'));
  let lines = 0;
  if (reader === 'leaves') child.stdout.destroy();
  else if (reader === 'reads')
    child.stdout.on('data', (chunk: Buffer) => (lines += chunk.toString().split('\n').length - 1));
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const [status] = (await once(child, 'exit')) as [number | null];
  t.equal(status, 0, said);
  return { ...(JSON.parse(said) as Written), lines };
}

t.test('who reads the log gets all of it', async (t) => {
  const { dropped, lines } = await write(t, 'reads');
  t.equal(dropped, 0);
  t.equal(lines, 20_000);
});

t.test('a reader that has stopped holds nothing up', async (t) => {
  const { longest, dropped } = await write(t, 'stops');
  t.ok(longest < 500, `the event loop stood still for ${longest.toFixed(0)} ms at most`);
  t.ok(dropped > 5_000, `${String(dropped)} lines were dropped, and counted`);
});

t.test('a reader that has gone holds nothing up', async (t) => {
  const { longest, dropped } = await write(t, 'leaves');
  t.ok(longest < 500, `the event loop stood still for ${longest.toFixed(0)} ms at most`);
  t.ok(dropped > 5_000, `${String(dropped)} lines were dropped, and counted`);
});
