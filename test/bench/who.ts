/**
 * `npm run bench:who`: how long addrd takes to say who had an address, with ten million holdings in its history. The daemon is
 * that of dist, asked by HTTP, each question in its journal before the answer. docs/bench.md tells what it does.
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { cpus, loadavg, release } from 'node:os';
import { join } from 'node:path';
import { seeded } from '../support/seeded.js';
import { startAddrdServer, type AddrdServer } from './addrd.js';
import { fill } from './fill.js';
import { KnobError, readWhoKnobs, type WhoKnobs } from './knobs.js';
import { Load } from './load.js';
import { makePast } from './past.js';
import { addressOf, addressText } from './subscriber.js';

const NASES = 10;
const HOUR_MS = 3_600_000;
/** Before what is measured: plans, pages and the compiler are warm in a daemon that has been there for long. */
const WARM = 200;

const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

interface Answer {
  readonly possessors: readonly { readonly kind: string; readonly subscriber_id: string | null }[];
}

/** Asks so many times, one after the other; each answer must name the right one. Milliseconds, sorted. */
async function ask(
  server: AddrdServer,
  knobs: WhoKnobs,
  begun: number,
  questions: number,
  seed: number,
): Promise<number[]> {
  const chance = seeded(seed);
  const took: number[] = [];
  for (let n = 0; n < questions; n++) {
    const index = chance.below(knobs.subscribers);
    const at = new Date(begun - (2 + chance.below(knobs.past)) * HOUR_MS + HOUR_MS / 3).toISOString();
    const query = new URLSearchParams({ address: addressText(addressOf(index)), at, reason: 'bench' });
    const began = performance.now();
    const { possessors } = (await server.get(`/api/v1/who?${query.toString()}`)) as Answer;
    took.push(performance.now() - began);
    if (possessors.length !== 1 || possessors[0]?.subscriber_id !== `s${String(index)}`) {
      throw new RangeError(`${query.toString()}: ${JSON.stringify(possessors)}`);
    }
  }
  return took.sort((a, b) => a - b);
}

function row(name: string, took: readonly number[]): string {
  const at = (share: number): string => (took[Math.floor(took.length * share)] ?? NaN).toFixed(2).padStart(8);
  return `${name.padEnd(34)} | ${at(0.5)} | ${at(0.99)} | ${at(0.999)}`;
}

async function bench(knobs: WhoKnobs): Promise<void> {
  say(`${cpus()[0]?.model ?? 'unknown CPU'} x ${String(cpus().length)}, Linux ${release()}, Node ${process.version}`);
  say(`load average ${loadavg()[0]?.toFixed(2) ?? '?'} before the start`);
  const folder = mkdtempSync(join(knobs.folder, 'addrd-bench-'));
  process.once('exit', () => {
    rmSync(folder, { recursive: true, force: true });
  });
  let began = performance.now();
  let begun = 0;
  const server = await startAddrdServer({
    folder,
    subscribers: knobs.subscribers,
    profile: null,
    fill: async (store, config) => {
      await fill(store, config, knobs.subscribers, NASES);
      const past = makePast(store, knobs.past);
      begun = past.begun;
      const size = (statSync(store).size / 2 ** 20).toFixed(0);
      const seconds = ((performance.now() - began) / 1_000).toFixed(0);
      say(`${past.holdings.toLocaleString('en-GB')} holdings made in ${seconds} s; the store has ${size} MiB`);
    },
  });
  const load = await Load.open({ port: server.port, subscribers: knobs.subscribers, mix: 'mix', lanes: NASES });
  try {
    load.resume();
    say(`ready after ${(server.startedInMs / 1000).toFixed(2)} s`);
    say(`\n${'who, ms'.padEnd(34)} |      p50 |      p99 |    p99.9`);
    await ask(server, knobs, begun, WARM, 1);
    say(row('nothing else happens', await ask(server, knobs, begun, knobs.questions, 2)));
    const paced = load.runPaced(knobs.perSecond, knobs.seconds);
    began = performance.now();
    const under: number[] = [];
    for (let seed = 3; performance.now() - began < knobs.seconds * 900; seed++) {
      under.push(...(await ask(server, knobs, begun, 100, seed)));
    }
    const { p50, p99, retransmissions, unanswered, unsent } = await paced;
    say(
      row(
        `${String(knobs.perSecond)} packets a second`,
        under.sort((a, b) => a - b),
      ),
    );
    const trouble = retransmissions + unanswered + unsent;
    say(`accounting meanwhile: p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms, trouble ${String(trouble)}`);
  } finally {
    load.close();
    await server.stop();
  }
}

// By way of `exit`, where the folder goes.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
try {
  await bench(readWhoKnobs(process.env));
} catch (error) {
  process.stderr.write(
    `${error instanceof KnobError ? error.message : String(error instanceof Error ? error.stack : error)}\n`,
  );
  process.exitCode = 1;
}
