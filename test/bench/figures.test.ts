import { spawn } from 'node:child_process';
import { once } from 'node:events';
import t from 'tap';
import { type Figure, judge, verdictText } from './aims.js';
import { KnobError, readKnobs } from './knobs.js';
import { cpuSeconds } from './process-tree.js';

function figure(server: string, round: number, window: number, answers: number, rest: Partial<Figure['run']>): Figure {
  const run = { answers, seconds: 1, sent: answers, retransmissions: 0, unanswered: 0, unsent: 0, wrong: 0, late: 0 };
  return { server, round, window, cpu: answers / 40_000, run: { ...run, p50: 1, p99: 10, cpu: 0, ...rest } };
}

t.test('an aim is judged round by round, and the round in the middle is shown', async (t) => {
  const peer = 'FreeRADIUS, PostgreSQL';
  const verdicts = judge(
    [
      figure('addrd', 0, 64, 16_000, { p99: 10 }),
      figure(peer, 0, 64, 1_000, { p99: 100 }),
      figure('addrd', 1, 64, 8_000, { p99: 30 }),
      figure(peer, 1, 64, 2_000, { p99: 100 }),
      figure('addrd', 2, 64, 2_000, { p99: 20 }),
      figure(peer, 2, 64, 1_000, { p99: 100 }),
      figure('addrd', 0, 512, 5_000, { retransmissions: 3 }),
      figure('addrd', 0, 1, 999, {}),
    ],
    [2_000, 2_000, 2_000],
  );
  t.strictSame(verdicts.map(verdictText), [
    'not reached (8,000 of 16,000), 1 of 3 rounds: window 64: answers/s at least 8 times those of PostgreSQL in the same round',
    'reached (20 of 20), 2 of 3 rounds: window 64: p99 ms at most a fifth of that of PostgreSQL in the same round',
    'not reached (3 of 0), 0 of 1 rounds: window 512: no retransmission',
    'not reached (999 of 1,000), 0 of 1 rounds: window 1: answers/s at least half of the appends with fdatasync before the round',
    'reached (0.25 of 0.5), 3 of 3 rounds: window 64: CPU seconds per 10,000 at most 0.5',
    'reached (0.25 of 0.5), 1 of 1 rounds: window 512: CPU seconds per 10,000 at most 0.5',
    'reached (0.25 of 0.5), 1 of 1 rounds: window 1: CPU seconds per 10,000 at most 0.5',
  ]);
});

t.test('without PostgreSQL its aims have no verdict', async (t) => {
  t.strictSame(
    judge([figure('addrd', 0, 64, 1, {})], [1]).map(({ aim }) => aim),
    ['window 64: CPU seconds per 10,000 at most 0.5'],
  );
});

t.test('knobs have defaults, and a bad one is named', async (t) => {
  t.match(readKnobs({}), { seconds: 5, rounds: 3, subscribers: 20_000, windows: [1, 64, 512], mix: 'mix' });
  t.strictSame(readKnobs({ BENCH_PEERS: '' }).peers, [], 'no peer at all');
  for (const [name, value] of [
    ['BENCH_SECONDS', 'soon'],
    ['BENCH_ROUNDS', '0'],
    ['BENCH_SUBSCRIBERS', '600'],
    ['BENCH_WINDOWS', '1,x'],
    ['BENCH_WINDOWS', '4096'],
    ['BENCH_MIX', 'all'],
    ['BENCH_PEERS', 'mysql'],
  ] as const) {
    t.throws(() => readKnobs({ [name]: value }), { code: 'bad-knob', message: new RegExp(`^${name}: `) }, name);
  }
  t.ok(new KnobError('x') instanceof Error);
});

t.test('CPU seconds are those of the whole tree, of its dead as well', async (t) => {
  const burn = `const end = process.cpuUsage().user + 200_000; while (process.cpuUsage().user < end);`;
  const parent = `
    require('child_process').spawnSync(process.execPath, ['-e', ${JSON.stringify(burn)}]);
    const live = require('child_process').spawn(process.execPath, ['-e', ${JSON.stringify(burn)} + 'console.log(1); setInterval(() => 0, 1e6)']);
    live.stdout.on('data', () => { console.log('burnt'); });
    process.stdin.on('end', () => { live.kill(); process.exit(); }).resume();
  `;
  const child = spawn(process.execPath, ['-e', parent], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { PATH: process.env['PATH'] },
  });
  await once(child.stdout, 'data');
  const seconds = cpuSeconds([child.pid ?? 0]);
  child.stdin.end();
  await once(child, 'exit');
  t.ok(seconds >= 0.4, `a dead and a live child of 0.2 s each: ${String(seconds)}`);
  t.equal(cpuSeconds([child.pid ?? 0]), 0, 'and nothing once it is gone');
});
