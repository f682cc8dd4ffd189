/** The write-ahead log under load, with a real checkpoint thread on a real file, and limits that a test can reach. */
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Registry } from 'prom-client';
import t from 'tap';
import { systemClock, systemTimers } from '../../../src/daemon/clock.js';
import type { Logger } from '../../../src/daemon/log.js';
import type { WalLimits } from '../../../src/daemon/threads/checkpoint-messages.js';
import type * as checkpointThread from '../../../src/daemon/threads/checkpoint-thread.js';
import { ThreadMetrics } from '../../../src/daemon/threads/thread-metrics.js';
import { Checkpointer } from '../../../src/store/checkpoint.js';
import { openReader, openStore } from '../../../src/store/open.js';
import { temporary } from '../../support/files.js';

// The built one: a worker that compiles its sources first takes long to begin.
const { CheckpointThread: BuiltThread } = (await import(
  new URL('../../../dist/daemon/threads/checkpoint-thread.js', import.meta.url).href
)) as typeof checkpointThread;

const MIB = 1_048_576;
const LIMITS: WalLimits = {
  checkpointFrames: 200,
  restartBytes: 2 * MIB,
  restartFrames: 500,
  shedBytes: 12 * MIB,
  calmBytes: 6 * MIB,
};

interface Scene {
  readonly thread: checkpointThread.CheckpointThread;
  readonly path: string;
  readonly db: ReturnType<typeof openStore>['db'];
  readonly wal: Checkpointer;
  readonly metrics: ThreadMetrics;
  readonly codes: string[];
  readonly tooLarge: boolean[];
  /** Commits about `frames` frames, and lets the event loop turn. */
  write(commits: number): Promise<void>;
}

function scene(t: { teardown(fn: () => void | Promise<void>): void }, at?: string): Scene {
  const path = join(temporary(t), 'addrd.db');
  const store = openStore(path, process.pid);
  const { db } = store;
  db.exec('CREATE TABLE load (id INTEGER PRIMARY KEY, filling BLOB)');
  const insert = db.prepare('INSERT OR REPLACE INTO load VALUES (?, randomblob(3500))');
  const metrics = new ThreadMetrics(new Registry());
  const codes: string[] = [];
  const note = ({ code }: { code: string }): void => {
    codes.push(code);
  };
  const tooLarge: boolean[] = [];
  const thread = new BuiltThread({
    clock: systemClock,
    timers: systemTimers,
    log: { info: note, warn: note, error: note } as unknown as Logger,
    metrics,
    storePath: at ?? path,
    db,
    limits: LIMITS,
    onTooLarge: (is) => {
      tooLarge.push(is);
    },
  });
  t.teardown(async () => {
    await thread.stop();
    store.close();
  });
  let next = 0;
  return {
    thread,
    path,
    db,
    wal: new Checkpointer(db),
    metrics,
    codes,
    tooLarge,
    write: async (commits) => {
      for (let i = 0; i < commits; i++) {
        db.transaction(() => {
          for (let row = 0; row < 10; row++) insert.run(next++ % 2_000);
        })();
        if (i % 4 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
    },
  };
}

/** Waits until it is so, for at most ten seconds; says whether it came. */
async function soon(is: () => boolean): Promise<boolean> {
  const until = performance.now() + 10_000;
  while (!is() && performance.now() < until) await pause(20);
  return is();
}

const inlinePages = (s: Scene): unknown => s.db.pragma('wal_autocheckpoint', { simple: true });

async function restarts(s: Scene): Promise<number> {
  const { values } = await s.metrics.checkpoints.get();
  return values.find((one) => one.metricName?.endsWith('_count') === true && one.labels.by === 'writer')?.value ?? 0;
}

t.test('the log stays bounded under load, and the writer does not checkpoint in its commits', async (t) => {
  const s = scene(t);
  t.equal(inlinePages(s), 4_000, 'without the thread SQLite does');
  s.thread.start();
  t.ok(await soon(() => inlinePages(s) === 0), 'the thread has taken over');
  let most = 0;
  for (let round = 0; round < 30; round++) {
    await s.write(25);
    most = Math.max(most, s.wal.look().bytes);
    await pause(10);
  }
  t.comment(
    `${String(Math.round(most / MIB))} MiB at most, of ${String(Math.round((30 * 25 * 11 * 4_120) / MIB))} written`,
  );
  t.ok(most > LIMITS.restartBytes, 'it was reached');
  t.ok(most < LIMITS.shedBytes, 'and never the size at which Interims are shed');
  t.ok((await restarts(s)) > 0, 'the writer let it begin anew');
  t.strictSame(s.tooLarge, []);
  await s.thread.stop();
  t.equal(s.wal.look().frames, 0, 'at the end it is empty');
});

t.test(
  'a reader that holds an old state: nobody waits for it, Interims are shed, and all is well when it goes',
  async (t) => {
    const s = scene(t);
    s.thread.start();
    t.ok(await soon(() => inlinePages(s) === 0));
    await s.write(1);
    const reader = openReader(s.path);
    reader.exec('BEGIN');
    reader.prepare('SELECT count(*) FROM load').get();
    await s.write(120);
    t.ok(await soon(() => s.codes.includes('wal-held')), 'that it cannot be written back is told');
    const began = performance.now();
    t.equal(s.wal.restart().busy, true);
    t.ok(performance.now() - began < 1_000, 'the writer does not wait for a reader');
    await s.write(400);
    t.ok(await soon(() => s.tooLarge.length === 1), 'ingest is told');
    t.strictSame(s.tooLarge, [true]);
    t.ok(s.codes.includes('wal-too-large'));
    t.equal(reader.prepare('SELECT count(*) FROM load').pluck().get(), 10, 'the reader still sees its state');
    reader.close();
    const calm = async (): Promise<boolean> => {
      await s.write(1);
      return s.tooLarge.length === 2;
    };
    const until = performance.now() + 15_000;
    while (!(await calm()) && performance.now() < until) await pause(50);
    t.strictSame(s.tooLarge, [true, false], 'and told again when it has shrunk');
    t.ok(s.codes.includes('wal-shrunk'));
  },
);

t.test('while the thread is gone, commits checkpoint by themselves', async (t) => {
  const s = scene(t, '/nonexistent/addrd.db');
  s.db.pragma('wal_autocheckpoint = 0');
  s.thread.start();
  t.ok(await soon(() => s.codes.includes('thread-ended')), 'it cannot open the store');
  t.equal(inlinePages(s), 4_000);
  await s.write(450);
  t.ok(s.wal.look().frames < 4_400, 'so the log stays bounded');
  t.ok(await soon(() => s.codes.filter((code) => code === 'thread-ended').length === 2), 'and it is tried again');
});

t.test('what was written back is in the file itself', async (t) => {
  const s = scene(t);
  s.thread.start();
  await s.write(50);
  await s.thread.stop();
  const copy = new Uint8Array(s.db.serialize());
  t.ok(copy.length > 50 * 10 * 3_500, 'nothing was left in the log');
  t.equal(s.db.pragma('integrity_check', { simple: true }), 'ok');
});
