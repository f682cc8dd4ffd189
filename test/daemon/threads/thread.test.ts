/** A thread that crashes, falls silent or does not end: real workers, and a clock of the test's own. */
import { Worker } from 'node:worker_threads';
import { Registry } from 'prom-client';
import t from 'tap';
import type { Logger } from '../../../src/daemon/log.js';
import { Thread } from '../../../src/daemon/threads/thread.js';
import { ThreadMetrics } from '../../../src/daemon/threads/thread-metrics.js';

const OBEDIENT = `
  const { parentPort } = require('node:worker_threads');
  parentPort.on('message', (message) => {
    if (message.type === 'beat') parentPort.postMessage({ type: 'alive' });
    if (message.type === 'say') parentPort.postMessage({ type: 'said' });
    if (message.type === 'crash') throw new RangeError('boom');
    if (message.type === 'spin') for (;;);
    if (message.type === 'stop') parentPort.close();
  });
  parentPort.postMessage({ type: 'said' });
`;

interface Timer {
  readonly delay: number;
  readonly fire: () => void;
}

/** A thread over `OBEDIENT`, with timers that the test fires by their delay. */
function scene(t: { teardown(fn: () => Promise<unknown>): void }) {
  const timers = new Set<Timer>();
  const lines: { level: string; code: string }[] = [];
  const write =
    (level: string) =>
    (fields: { code: string }): void => {
      lines.push({ level, code: fields.code });
    };
  const log = { info: write('info'), warn: write('warn'), error: write('error') } as unknown as Logger;
  const workers: Worker[] = [];
  const said: string[] = [];
  let wake: (() => void)[] = [];
  let downs = 0;
  let slows = 0;
  const metrics = new ThreadMetrics(new Registry());
  const thread = new Thread<{ type: string }, { type: 'said' }>({
    name: 'api',
    clock: { wallMs: () => 0, monoMs: () => 0 },
    timers: {
      set: (delay, fire) => {
        const timer = { delay, fire };
        timers.add(timer);
        return timer;
      },
      clear: (handle) => {
        timers.delete(handle as Timer);
      },
    },
    log,
    metrics,
    spawn: () => {
      const worker = new Worker(OBEDIENT, { eval: true });
      workers.push(worker);
      return worker;
    },
    beat: () => ({ type: 'beat' }),
    onMessage: ({ type }) => {
      said.push(type);
      for (const resolve of wake.splice(0)) resolve();
    },
    onDown: () => {
      downs++;
    },
    onSlow: () => {
      slows++;
    },
    slowBeats: 2,
    hungBeats: 4,
  });
  t.teardown(() => Promise.all(workers.map((worker) => worker.terminate())));
  return {
    thread,
    workers,
    lines,
    metrics,
    timers,
    downs: () => downs,
    slows: () => slows,
    heard: () => new Promise<void>((resolve) => (wake = [...wake, resolve])),
    /** Fires the timer of that delay; fails where there is none. */
    fire(delay: number): void {
      const timer = [...timers].find((one) => one.delay === delay);
      if (timer === undefined) throw new TypeError(`no timer of ${String(delay)} ms`);
      timers.delete(timer);
      timer.fire();
    },
  };
}

const exited = (worker: Worker | undefined): Promise<void> =>
  new Promise((resolve) => worker?.once('exit', () => resolve()));

const codes = (lines: readonly { code: string }[]): string[] => lines.map(({ code }) => code);

t.test('one that crashes begins again, with growing patience, and is counted', async (t) => {
  const s = scene(t);
  s.thread.start();
  await s.heard();
  for (const delay of [1_000, 2_000, 4_000]) {
    const gone = exited(s.workers.at(-1));
    s.thread.post({ type: 'crash' });
    await gone;
    s.thread.post({ type: 'say' });
    const born = s.heard();
    // The beat has the same second as the first patience: the later of the two is the one.
    const again = [...s.timers].filter((one) => one.delay === delay).at(-1);
    t.ok(again, `tried again after ${String(delay)} ms`);
    s.timers.delete(again as Timer);
    again?.fire();
    await born;
  }
  t.equal(s.workers.length, 4);
  t.equal(s.downs(), 3);
  t.strictSame(codes(s.lines), Array.from({ length: 3 }, () => ['thread-crashed', 'thread-ended']).flat());
  const counts = await s.metrics.restarts.get();
  t.match(counts.values, [
    { labels: { thread: 'api' }, value: 3 },
    { labels: { thread: 'checkpoint' }, value: 0 },
  ]);
  await s.thread.stop({ type: 'stop' }, 9_999);
  t.equal(s.timers.size, 0, 'nothing is left to fire');
});

t.test('one that answers its beats is left alone', async (t) => {
  const s = scene(t);
  s.thread.start();
  await s.heard();
  for (let beat = 0; beat < 8; beat++) {
    s.fire(1_000);
    // Said after the beat was answered: messages keep their order.
    await new Promise((resolve) => setImmediate(resolve));
    s.thread.post({ type: 'say' });
    await s.heard();
  }
  t.strictSame(s.lines, []);
  t.equal(s.downs(), 0);
  await s.thread.stop({ type: 'stop' }, 9_999);
  t.equal(s.workers.length, 1);
});

t.test('one that is silent is told, ended and begun again', async (t) => {
  const s = scene(t);
  s.thread.start();
  await s.heard();
  const gone = exited(s.workers[0]);
  s.thread.post({ type: 'spin' });
  for (let beat = 0; beat < 3; beat++) s.fire(1_000);
  t.strictSame(s.lines, [{ level: 'warn', code: 'thread-slow' }], 'once');
  t.equal(s.slows(), 1);
  t.equal(s.downs(), 0, 'it is not gone');
  for (let beat = 0; beat < 2; beat++) s.fire(1_000);
  t.equal(s.lines.at(-1)?.code, 'thread-hung');
  await gone;
  t.equal(s.lines.at(-1)?.code, 'thread-ended');
  await s.thread.stop({ type: 'stop' }, 9_999);
});

t.test('one that does not end in time is ended', async (t) => {
  const s = scene(t);
  s.thread.start();
  await s.heard();
  s.thread.post({ type: 'spin' });
  const stopped = s.thread.stop({ type: 'stop' }, 5_000);
  s.fire(5_000);
  await stopped;
  t.strictSame(codes(s.lines), ['thread-stop-forced'], 'and is not begun again');
  t.equal(s.workers.length, 1);
});
