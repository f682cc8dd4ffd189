/**
 * `npm run bench:reports`: what accounting feels while the API works on reports of seconds. Paced packets against addrd
 * from dist; times without reports alternate with times in which one client asks one report after the other, and with
 * times in which a program that is none of addrd's takes as much of the machine. docs/bench.md tells what it does and what
 * its knobs are.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { constants, cpus, loadavg, release, setPriority } from 'node:os';
import { join } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import { startAddrdServer, type AddrdServer } from './addrd.js';
import { median } from './aims.js';
import { placeApart } from './apart.js';
import { syncRate } from './disk.js';
import { KnobError, readReportKnobs, type ReportKnobs } from './knobs.js';
import { Load, type Run } from './load.js';
import { cpuSeconds } from './process-tree.js';

/** What a report that was too short is made longer by, beyond what it lacked. */
const MARGIN = 1.1;
const REPORT = '/api/v1/status';

/** `stranger`: no report, but another program as busy, at the priority of the API's thread. */
const KINDS = ['quiet', 'reports', 'stranger'] as const;
type Kind = (typeof KINDS)[number];

interface Figure {
  readonly round: number;
  readonly kind: Kind;
  readonly run: Run;
  /** CPU seconds of addrd. */
  readonly cpu: number;
  /** How long each report took that was answered, milliseconds. */
  readonly reports: readonly number[];
}

const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

/** From now on the report reads every session with its counters, `times` times, in one read transaction. */
function lengthen(store: string, times: number): void {
  const db = new BetterSqlite3(store, { timeout: 5_000 });
  const isTable = db.prepare("SELECT type = 'table' FROM sqlite_master WHERE name = 'poison'").pluck().get() === 1;
  db.exec(`
    BEGIN IMMEDIATE;
    ${isTable ? 'ALTER TABLE poison RENAME TO poison_kept' : 'DROP VIEW poison'};
    CREATE VIEW poison AS
      WITH RECURSIVE again(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM again WHERE n < ${String(times)})
      SELECT e.id FROM again CROSS JOIN session e CROSS JOIN session_usage u ON u.id = e.id
      WHERE length(e.addresses) + u.interims >= again.n * 0;
    COMMIT;
  `);
  db.close();
}

async function ask(server: AddrdServer): Promise<number> {
  const began = performance.now();
  await server.get(REPORT);
  return performance.now() - began;
}

/** Makes the report take at least `ms` where nothing else happens, and resolves to what it takes there. */
async function prepareReport(server: AddrdServer, ms: number): Promise<number> {
  let times = 10;
  for (;;) {
    lengthen(server.store, times);
    await ask(server);
    // The quickest of three: what a busy machine adds is no part of the report.
    const took = Math.min(await ask(server), await ask(server), await ask(server));
    if (took >= ms) return took;
    times = Math.ceil(times * Math.min(20, (ms / took) * MARGIN));
  }
}

/** Begins a program that does nothing but take time of a processor; resolves to its end. */
async function beStrange(): Promise<() => Promise<void>> {
  const child = spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' });
  const gone = once(child, 'exit');
  const kill = (): void => {
    child.kill('SIGKILL');
  };
  process.once('exit', kill);
  await once(child, 'spawn');
  setPriority(child.pid ?? 0, constants.priority.PRIORITY_BELOW_NORMAL);
  return async () => {
    process.off('exit', kill);
    kill();
    await gone;
  };
}

async function measure(
  server: AddrdServer,
  load: Load,
  knobs: ReportKnobs,
  round: number,
  kind: Kind,
): Promise<Figure> {
  const reports: number[] = [];
  let over = false;
  const client = async (): Promise<void> => {
    while (!over) reports.push(await ask(server));
  };
  const stranger = kind === 'stranger' ? await beStrange() : null;
  const asking = kind === 'reports' ? client() : Promise.resolve();
  const before = cpuSeconds(server.pids);
  const run = await load.runPaced(knobs.perSecond, knobs.seconds);
  const cpu = cpuSeconds(server.pids) - before;
  over = true;
  await asking;
  await stranger?.();
  return { round, kind, run, cpu, reports };
}

function row({ round, kind, run, cpu, reports }: Figure): string {
  const took = reports.map((ms) => (ms / 1000).toFixed(2)).join(' ');
  return [
    String(round + 1).padStart(5),
    kind.padEnd(8),
    Math.round(run.answers / run.seconds)
      .toLocaleString('en-GB')
      .padStart(9),
    run.p50.toFixed(2).padStart(8),
    run.p99.toFixed(2).padStart(8),
    String(run.retransmissions + run.unanswered + run.unsent + run.wrong).padStart(7),
    (run.cpu / run.seconds).toFixed(2).padStart(9),
    (cpu / run.seconds).toFixed(2).padStart(10),
    took,
  ].join(' | ');
}

async function bench(knobs: ReportKnobs): Promise<void> {
  say(`${cpus()[0]?.model ?? 'unknown CPU'} x ${String(cpus().length)}, Linux ${release()}, Node ${process.version}`);
  say(`load average ${loadavg()[0]?.toFixed(2) ?? '?'} before the start`);
  say(
    `${String(knobs.subscribers)} subscribers, ${String(knobs.perSecond)} packets a second by the clock, ${String(knobs.rounds)} rounds of three times ${String(knobs.seconds)} s`,
  );
  const folder = mkdtempSync(join(knobs.folder, 'addrd-bench-'));
  const remove = (): void => {
    rmSync(folder, { recursive: true, force: true });
  };
  process.once('exit', remove);
  const server = await startAddrdServer({ folder, subscribers: knobs.subscribers, profile: null });
  const load = await Load.open({ port: server.port, subscribers: knobs.subscribers, mix: 'mix' });
  try {
    await load.warm(server.warmWindow);
    say(`${String(await server.openSessions())} sessions open`);
    await server.warmed();
    await load.runPaced(knobs.perSecond, 3);
    const alone = await prepareReport(server, knobs.reportSeconds * 1000);
    say(`a report takes ${(alone / 1000).toFixed(2)} s of the API's thread while nothing else happens`);
    if (knobs.apart) {
      const failed = server.pids.map(placeApart).find((why) => why !== null);
      if (failed !== undefined) throw new KnobError(`BENCH_APART: ${failed}`);
      say("addrd's main thread has a processor for itself; all others share another");
    }
    say('\nround | kind     | answers/s |   p50 ms |   p99 ms | trouble | load core | addrd core | reports, s each');
    const figures: Figure[] = [];
    for (let round = 0; round < knobs.rounds; round++) {
      // Each round begins with another kind, and turns back and forth: none always comes after the same one.
      const turned = [...KINDS.slice(round % 3), ...KINDS.slice(0, round % 3)];
      for (const kind of round % 2 === 0 ? turned : turned.reverse()) {
        const figure = await measure(server, load, knobs, round, kind);
        figures.push(figure);
        say(row(figure));
      }
    }
    const rate = syncRate(folder);
    say(`\n${rate.toLocaleString('en-GB')} appends of 4 KiB with fdatasync a second after it`);
    for (const kind of KINDS) {
      const own = figures.filter((figure) => figure.kind === kind);
      const of = (pick: (run: Run) => number): string => median(own.map(({ run }) => pick(run))).toFixed(2);
      say(`${kind}: median p50 ${of(({ p50 }) => p50)} ms, median p99 ${of(({ p99 }) => p99)} ms`);
    }
    const all = figures.flatMap(({ reports }) => reports).map((ms) => ms / 1000);
    say(
      `${String(all.length)} reports, ${Math.min(...all).toFixed(2)} to ${Math.max(...all).toFixed(2)} s, median ${median(all).toFixed(2)} s`,
    );
  } finally {
    load.close();
    await server.stop();
    remove();
  }
}

// By way of `exit`, where the server is ended and the folder goes.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
try {
  await bench(readReportKnobs(process.env));
} catch (error) {
  process.stderr.write(
    `${error instanceof KnobError ? error.message : String(error instanceof Error ? error.stack : error)}\n`,
  );
  process.exitCode = 1;
}
