/**
 * `npm run bench:crowd`: what a million live sessions cost. addrd from dist on a store that holds them, beside one on a
 * small store, in alternating rounds; then a NAS that begins anew, and ten thousand terminations at once. docs/bench.md
 * tells what it does and what its knobs are.
 */
import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { cpus, loadavg, release } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freeUdpPort } from '../peers/freeradius.js';
import { startAddrdServer, type AddrdServer } from './addrd.js';
import { median } from './aims.js';
import { syncRate } from './disk.js';
import { fill } from './fill.js';
import { KnobError, readCrowdKnobs, type CrowdKnobs } from './knobs.js';
import { Load, type Run } from './load.js';
import { Nases } from './nases.js';
import { anonymousOctets, cpuSeconds } from './process-tree.js';

/** With ten of them, a million sessions are a hundred thousand behind each. */
const NASES = 10;
const GRACE_S = 10;
/** One Accounting-On sooner after another is the same one. */
const REPEAT_S = 1;
/** How often the answer to an Accounting-On is timed, each followed by that to a Start. */
const TURNS = 15;
const ORDERS = 32;

const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

interface Running {
  readonly name: string;
  readonly server: AddrdServer;
  readonly load: Load;
}

async function run(
  name: string,
  folder: string,
  subscribers: number,
  coaPort: number,
  profile: string | null,
): Promise<Running> {
  const own = join(folder, name);
  mkdirSync(own);
  let began = performance.now();
  const server = await startAddrdServer({
    folder: own,
    subscribers,
    profile,
    coaPort,
    config: `lifecycle: { epoch_grace: ${String(GRACE_S)}s, epoch_repeat: ${String(REPEAT_S)}s }\n`,
    fill: async (store, config) => {
      await fill(store, config, subscribers, NASES);
      say(`${name}: ${subscribers.toLocaleString('en-GB')} live sessions made in ${seconds(began)} s`);
      began = performance.now();
    },
  });
  const size = (statSync(server.store).size / 2 ** 20).toFixed(0);
  say(`${name}: the store has ${size} MiB; ready after ${(server.startedInMs / 1000).toFixed(2)} s`);
  const load = await Load.open({ port: server.port, subscribers, mix: 'mix', lanes: NASES });
  load.resume();
  return { name, server, load };
}

function seconds(since: number): string {
  return ((performance.now() - since) / 1000).toFixed(1);
}

function row(
  name: string,
  { answers, seconds: took, p50, p99, retransmissions, unanswered, unsent, wrong }: Run,
): string {
  return [
    name.padEnd(24),
    Math.round(answers / took)
      .toLocaleString('en-GB')
      .padStart(9),
    p50.toFixed(2).padStart(8),
    p99.toFixed(2).padStart(8),
    String(retransmissions + unanswered + unsent + wrong).padStart(7),
  ].join(' | ');
}

function spread(figures: readonly number[]): string {
  const [first = NaN] = figures;
  const text = (ms: number): string => ms.toFixed(2);
  return `${text(median(figures))} ms (median of ${String(figures.length)}; the first ${text(first)}, the worst ${text(Math.max(...figures))})`;
}

function memory({ name, server }: Running): string {
  const octets = server.pids.map(anonymousOctets).reduce((sum, one) => sum + one, 0);
  return `${name}: ${(octets / 2 ** 20).toFixed(0)} MiB of anonymous memory`;
}

async function rates(knobs: CrowdKnobs, both: readonly Running[]): Promise<void> {
  const found = new Map<string, number[]>();
  for (let round = 0; round < knobs.rounds; round++) {
    for (const one of round % 2 === 0 ? both : [...both].reverse()) {
      const before = cpuSeconds(one.server.pids);
      const figure = await one.load.run(64, { seconds: knobs.seconds });
      const cpu = ((cpuSeconds(one.server.pids) - before) * 10_000) / figure.answers;
      say(`${row(`${one.name}, window 64`, figure)} | ${cpu.toFixed(2)} CPU s per 10,000`);
      found.set(one.name, [...(found.get(one.name) ?? []), figure.answers / figure.seconds]);
    }
  }
  const [crowd = NaN, few = NaN] = both.map(({ name }) => median(found.get(name) ?? []));
  say(`the crowd's rate is ${((crowd / few) * 100).toFixed(0)} % of that of the few (medians)`);
}

async function counts({ server }: Running): Promise<{ open: number; revoked: number }> {
  const { sessions_open: open, assignments } = (await server.get('/api/v1/status')) as {
    sessions_open: number;
    assignments: { ipv4: Record<string, number> };
  };
  return { open, revoked: assignments.ipv4['revoked'] ?? 0 };
}

/** A NAS begins anew while its sessions, and those of the others, go on reporting. */
async function beginAnew(knobs: CrowdKnobs, crowd: Running, nases: Nases): Promise<void> {
  await crowd.load.run(1, { seconds: 2 });
  const before = await counts(crowd);
  const [ons, starts]: [number[], number[]] = [[], []];
  for (let turn = 0; turn < TURNS; turn++) {
    ons.push(await nases.begin(0));
    await sleep(REPEAT_S * 600);
    starts.push(await nases.start(0, `begun-anew-${String(turn)}`));
    await sleep(REPEAT_S * 600);
  }
  say(
    `\nAccounting-On of a NAS with ${(knobs.subscribers / NASES).toLocaleString('en-GB')} sessions, and a Start of it:`,
  );
  say(`Accounting-On answered in ${spread(ons)}`);
  say(`Start answered in         ${spread(starts)}`);
  say(row('until the grace is over', await crowd.load.runPaced(knobs.perSecond, GRACE_S)));
  const began = performance.now();
  const closing = crowd.load.runPaced(knobs.perSecond, knobs.seconds * 2);
  let open = before.open;
  let settled = 0;
  // It may begin late, by the step in which addrd notes that a NAS was heard.
  for (let still = 0; (still < 4 || settled === 0) && performance.now() - began < 60_000;) {
    await sleep(500);
    const now = (await counts(crowd)).open;
    still = now === open ? still + 1 : 0;
    if (now !== open) settled = performance.now() - began;
    open = now;
  }
  say(row('while it is closed', await closing));
  say(`${(before.open - open).toLocaleString('en-GB')} sessions closed in ${(settled / 1000).toFixed(1)} s`);
}

/** Many terminations at once: ordered, held by the blast guard, approved; the NASes send their Stops. */
async function terminate(knobs: CrowdKnobs, crowd: Running): Promise<void> {
  const { server, load } = crowd;
  say(row('\nnothing else happens', await load.runPaced(knobs.perSecond, knobs.seconds)));
  // Of the last subscribers, and none of the NAS that began anew.
  const names = Array.from({ length: knobs.terminations * 2 }, (_, i) => knobs.subscribers - 1 - i)
    .filter((index) => index % NASES !== 0)
    .slice(0, knobs.terminations);
  const ordering = load.runPaced(knobs.perSecond, knobs.seconds);
  let next = 0;
  let began = performance.now();
  const order = async (): Promise<void> => {
    for (let index = names[next++]; index !== undefined; index = names[next++]) {
      const body = { subscriber_id: `s${String(index)}`, reason: 'bench' };
      await server.order('/api/v1/network/ipv4-lifecycle/revoke', body);
    }
  };
  await Promise.all(Array.from({ length: ORDERS }, order));
  say(`${names.length.toLocaleString('en-GB')} revokes ordered in ${seconds(began)} s`);
  say(row('while they are ordered', await ordering));
  const before = (await counts(crowd)).revoked;
  began = performance.now();
  const running = load.runPaced(knobs.perSecond, knobs.seconds * 3);
  const { approvals } = (await server.get('/api/v1/approvals')) as { approvals: { batch: number }[] };
  for (const { batch } of approvals)
    await server.order(`/api/v1/approvals/${String(batch)}/approve`, { reason: 'bench' });
  let done = before;
  while (done < names.length && performance.now() - began < 300_000) {
    await sleep(200);
    // What the NASes' own guards hold back is approved of as it comes.
    const held = (await server.get('/api/v1/approvals')) as { approvals: { batch: number }[] };
    for (const { batch } of held.approvals)
      await server.order(`/api/v1/approvals/${String(batch)}/approve`, { reason: 'bench' });
    done = (await counts(crowd)).revoked;
  }
  say(
    `${done.toLocaleString('en-GB')} of ${names.length.toLocaleString('en-GB')} terminations done ${seconds(began)} s after the approval`,
  );
  say(row('while they run', await running));
}

async function bench(knobs: CrowdKnobs): Promise<void> {
  say(`${cpus()[0]?.model ?? 'unknown CPU'} x ${String(cpus().length)}, Linux ${release()}, Node ${process.version}`);
  say(`load average ${loadavg()[0]?.toFixed(2) ?? '?'} before the start`);
  const folder = mkdtempSync(join(knobs.folder, 'addrd-bench-'));
  process.once('exit', () => {
    rmSync(folder, { recursive: true, force: true });
  });
  const both: Running[] = [];
  const nases = new Nases(NASES, (index) => {
    both[0]?.load.leave(index);
  });
  try {
    const coaPort = await freeUdpPort();
    both.push(await run('crowd', folder, knobs.subscribers, coaPort, knobs.profile));
    both.push(await run('few', folder, knobs.few, coaPort, null));
    const [crowd] = both;
    if (crowd === undefined) return;
    say(`${syncRate(folder).toLocaleString('en-GB')} appends of 4 KiB with fdatasync a second`);
    say('\nload                     | answers/s |   p50 ms |   p99 ms | trouble');
    await rates(knobs, both);
    for (const one of both) say(memory(one));
    await nases.open(coaPort, crowd.server.port);
    await beginAnew(knobs, crowd, nases);
    await terminate(knobs, crowd);
    say(memory(crowd));
  } catch (error) {
    // Before the sockets are closed under a run that goes on.
    say(String(error));
    throw error;
  } finally {
    for (const { load } of both) load.close();
    nases.close();
    for (const { server } of both) await server.stop();
  }
}

// By way of `exit`, where the servers are ended and the folder goes.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
try {
  await bench(readCrowdKnobs(process.env));
} catch (error) {
  process.stderr.write(
    `${error instanceof KnobError ? error.message : String(error instanceof Error ? error.stack : error)}\n`,
  );
  process.exitCode = 1;
}
