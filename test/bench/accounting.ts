/**
 * `npm run bench`: durable accounting answers a second, beside FreeRADIUS with PostgreSQL and with SQLite and beside the
 * same RADIUS server without a store, in alternating rounds. docs/bench.md tells what it does and what its knobs are.
 * `--json` prints everything that was measured as one JSON document; the rest then goes to standard error.
 */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { join } from 'node:path';
import { startAddrdServer, startCeiling } from './addrd.js';
import { cpuPer10000, type Figure, judge, median, rateOf, verdictText } from './aims.js';
import { syncRate } from './disk.js';
import { startWithPostgresql, startWithSqlite } from './freeradius.js';
import { KnobError, type Knobs, type Peer, readKnobs } from './knobs.js';
import { Load } from './load.js';
import { cpuSeconds } from './process-tree.js';
import { type BenchServer, PeerMissing } from './server.js';

/** Before the first round, unmeasured: compilers and caches get warm. */
const WARM_UP_SECONDS = 2;

interface Measured {
  readonly server: BenchServer;
  readonly load: Load;
}

const json = process.argv.includes('--json');
const say = (line: string): void => {
  (json ? process.stderr : process.stdout).write(`${line}\n`);
};

async function begin(knobs: Knobs, folder: string): Promise<{ running: Measured[]; leftOut: Record<string, string> }> {
  const starts: Record<Peer | 'addrd', () => Promise<BenchServer>> = {
    addrd: () => startAddrdServer({ folder, subscribers: knobs.subscribers, profile: knobs.profile }),
    ceiling: () => startCeiling(folder),
    postgresql: () => startWithPostgresql(folder),
    sqlite: () => startWithSqlite(folder),
  };
  const running: Measured[] = [];
  const leftOut: Record<string, string> = {};
  try {
    for (const name of ['addrd', ...knobs.peers] as const) {
      const began = performance.now();
      try {
        const server = await starts[name]();
        const load = await Load.open({ port: server.port, subscribers: knobs.subscribers, mix: knobs.mix });
        running.push({ server, load });
        const { retransmissions, unanswered, wrong } = await load.warm(server.warmWindow);
        const open = await server.openSessions();
        await server.warmed();
        await load.run(64, { seconds: WARM_UP_SECONDS });
        const seconds = ((performance.now() - began) / 1000).toFixed(0);
        say(`${server.name}: ${server.durability}`);
        say(
          `  ${open === null ? 'no sessions' : `${String(open)} sessions open in its store`}, ready after ${seconds} s`,
        );
        if (retransmissions + unanswered + wrong > 0) {
          say(`  retransmitted ${String(retransmissions)}, unanswered ${String(unanswered)}, wrong ${String(wrong)}`);
        }
      } catch (error) {
        if (!(error instanceof PeerMissing)) throw error;
        leftOut[name] = error.message;
        say(`left out: ${name}: ${error.message}`);
      }
    }
  } catch (error) {
    await end(running);
    throw error;
  }
  return { running, leftOut };
}

async function end(running: readonly Measured[]): Promise<void> {
  for (const { load } of running) load.close();
  await Promise.all(running.map(({ server }) => server.stop()));
}

async function measure(
  knobs: Knobs,
  folder: string,
  running: readonly Measured[],
): Promise<{ figures: Figure[]; syncRates: number[] }> {
  const figures: Figure[] = [];
  const syncRates: number[] = [];
  for (let round = 0; round < knobs.rounds; round++) {
    const rate = syncRate(folder);
    syncRates.push(rate);
    say(`round ${String(round + 1)}: ${rate.toLocaleString('en-GB')} appends of 4 KiB with fdatasync a second`);
    for (const window of knobs.windows) {
      // Each round begins with another server: none always comes after the same one.
      for (let i = 0; i < running.length; i++) {
        const one = running[(i + round) % running.length];
        if (one === undefined) continue;
        const before = cpuSeconds(one.server.pids);
        let after = before;
        const run = await one.load.run(window, { seconds: knobs.seconds }, () => {
          after = cpuSeconds(one.server.pids);
        });
        const figure = { server: one.server.name, round, window, run, cpu: after - before };
        figures.push(figure);
        if (run.wrong + run.unanswered > 0) {
          say(
            `  ${figure.server}, window ${String(window)}: ${String(run.wrong)} wrong answers, ${String(run.unanswered)} packets never answered`,
          );
        }
      }
    }
  }
  return { figures, syncRates };
}

function table(figures: readonly Figure[], windows: readonly number[], servers: readonly string[]): string {
  const columns = [
    'window',
    'server',
    'answers/s',
    'p50 ms',
    'p99 ms',
    'CPU s/10,000',
    'retransmitted',
    'load CPU s/10,000',
  ];
  const rows = windows.flatMap((window) =>
    servers.map((server) => {
      const own = figures.filter((figure) => figure.window === window && figure.server === server);
      const of = (pick: (figure: Figure) => number): number => median(own.map(pick));
      return [
        String(window),
        server,
        Math.round(of(rateOf)).toLocaleString('en-GB'),
        of(({ run }) => run.p50).toFixed(2),
        of(({ run }) => run.p99).toFixed(2),
        of(cpuPer10000).toFixed(2),
        own.reduce((sum, { run }) => sum + run.retransmissions, 0).toLocaleString('en-GB'),
        of(({ run }) => (run.cpu / run.answers) * 10_000).toFixed(2),
      ];
    }),
  );
  const widths = columns.map((column, i) => Math.max(column.length, ...rows.map((row) => row[i]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => (i === 1 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join(' | ')} |`;
  return [line(columns), `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`, ...rows.map(line)].join('\n');
}

async function bench(knobs: Knobs): Promise<void> {
  const began = performance.now();
  const machine = `${cpus()[0]?.model ?? 'unknown CPU'} x ${String(cpus().length)}, Linux ${release()}, Node ${process.version}`;
  say(machine);
  say(`${String(knobs.rounds)} rounds of ${String(knobs.seconds)} s a window and server, mix: ${knobs.mix}`);
  const folder = mkdtempSync(join(knobs.folder, 'addrd-bench-'));
  // The peers run as another user where the bench is root.
  chmodSync(folder, 0o755);
  const remove = (): void => {
    rmSync(folder, { recursive: true, force: true });
  };
  process.once('exit', remove);
  try {
    const { running, leftOut } = await begin(knobs, folder);
    let measured: { figures: Figure[]; syncRates: number[] };
    try {
      measured = await measure(knobs, folder, running);
    } finally {
      await end(running);
    }
    const servers = running.map(({ server }) => server.name);
    const verdicts = judge(measured.figures, measured.syncRates);
    say(`\n${table(measured.figures, knobs.windows, servers)}\n`);
    say('medians of the rounds; retransmissions are the sum');
    const share = Math.max(...measured.figures.map(({ run }) => run.cpu / run.seconds));
    say(`the load generator, one thread, took at most ${share.toFixed(2)} of a core`);
    for (const verdict of verdicts) say(verdictText(verdict));
    const seconds = Math.round((performance.now() - began) / 1000);
    say(`${String(seconds)} s in all`);
    if (json) {
      const settings = Object.fromEntries(running.map(({ server }) => [server.name, server.durability]));
      process.stdout.write(
        `${JSON.stringify({ machine, knobs, settings, leftOut, ...measured, verdicts, seconds }, null, 2)}\n`,
      );
    }
  } finally {
    remove();
  }
}

// By way of `exit`, where the servers are ended and the folder goes.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
try {
  await bench(readKnobs(process.env));
} catch (error) {
  process.stderr.write(
    `${error instanceof KnobError ? error.message : String(error instanceof Error ? error.stack : error)}\n`,
  );
  process.exitCode = 1;
}
