/** A whole network around one addrd, from a seed: it runs, is disturbed, comes to rest, and tells what was wrong. */
import BetterSqlite3, { type Database } from 'better-sqlite3';
import { pino } from 'pino';
import { startCore, type Core } from '../../src/daemon/core.js';
import type { Config } from '../../src/daemon/config.js';
import type { Platform } from '../../src/daemon/platform.js';
import { Metrics } from '../../src/daemon/metrics.js';
import { prefixKey } from '../../src/daemon/lifecycle/address.js';
import { prepare } from '../../src/store/open.js';
import type { FaultPoint } from '../../src/store/commit.js';
import { handOutEverything } from './audit.js';
import { Chance } from './chance.js';
import { Customers, outside } from './customers.js';
import { ending } from './ending.js';
import { PLAIN, type Kind } from './kind.js';
import { Nas } from './nas.js';
import { CALM, Network } from './network.js';
import { Observer } from './observer.js';
import { leapOf } from './leap.js';
import { Operator, STORE_ID } from './operator.js';
import type { Mutation } from './mutation.js';
import { hashOf, type Outcome } from './outcome.js';
import { DARK_MS } from './pace.js';
import { standingOf } from './renumberings.js';
import { ADDRD, DAS_SECRET, drawScene, SECRET, type Scene } from './scene.js';
import { parentIn, Subnets } from './subnets.js';
import { VirtualTime, type Life } from './time.js';

const MINUTE = 60_000;

/** More steps than this within one millisecond come from something that orders itself again. */
const MOST_AT_ONCE = 20_000;

/** 2026-11-22T06:00:00Z */
const ORIGIN = 1_795_327_200_000;

/** One for all worlds: its collectors watch the process. A world has no scrapes. */
class UnreadMetrics extends Metrics {
  override observe(): void {
    // Gauges would be registered once for each start.
  }
}
const metrics = new UnreadMetrics('simulation');
const log = pino({ level: 'silent' });

export class World {
  readonly #seed: number;
  readonly #kind: Kind;
  readonly #scene: Scene;
  readonly #time: VirtualTime;
  readonly #chance: Chance;
  readonly #network: Network;
  readonly #db: Database;
  readonly #nases: readonly Nas[];
  readonly #customers: Customers;
  readonly #operator: Operator;
  readonly #observer: Observer;
  /** Where there are subnets. */
  readonly #subnets: Subnets | null;
  /** The config file. */
  #config: Config;
  readonly #mutation: Mutation;
  #life: Life = { alive: false };
  #core: Core | null = null;
  #calm = false;
  #starts = 0;
  #steps = 0;

  constructor(seed: number, mutation: Mutation = {}, thorough = false, kind = PLAIN) {
    this.#seed = seed;
    this.#kind = kind;
    this.#mutation = mutation;
    const chance = new Chance(seed);
    this.#scene = drawScene(chance.fork(), kind);
    this.#time = new VirtualTime(chance.fork(), ORIGIN);
    this.#network = new Network(this.#time, chance.fork());
    this.#chance = chance.fork();
    this.#db = new BetterSqlite3(':memory:');
    prepare(this.#db, ':memory:');
    const onFault = (what: string): void => {
      this.#observer.fault(what);
    };
    const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
    this.#nases = this.#scene.nases.map(({ name, host, family, vrf, marking, clock, habits }) => {
      const options = {
        name,
        host,
        family,
        vrf,
        marking,
        clock,
        habits,
        secret: encode(SECRET),
        dasSecret: encode(DAS_SECRET),
      };
      return new Nas(this.#time, chance.fork(), this.#network, {
        ...options,
        server: { address: ADDRD[family], port: 1813 },
        onCut: (session) => {
          this.#customers.redial(session);
        },
        onFault,
      });
    });
    const { pace } = this.#scene;
    this.#config = this.#scene.config;
    const pools = (): Config['pools'] => this.#config.pools;
    const stays = { nases: this.#nases, pools, count: this.#scene.customers, pace };
    this.#customers = new Customers(this.#time, chance.fork(), stays);
    this.#operator = new Operator(this.#time, chance.fork(), {
      customers: this.#customers,
      pools,
      pace,
      port: () => (this.#life.alive ? (this.#core?.commands ?? null) : null),
      onFault,
      onAsked: (prefix) => this.#observer.handouts.asked.add(prefixKey(prefix)),
      forgetful: this.#scene.forgetful,
      renumbering: (heir) => standingOf(this.#db, heir),
      parent: (assignment) => parentIn(this.#db, assignment),
    });
    const options = { customers: this.#customers, operator: this.#operator, pools };
    this.#subnets = kind.subnets ? new Subnets(this.#time, chance.fork(), options) : null;
    this.#observer = new Observer(this.#db, this.#scene, this.#nases, thorough, () => this.#time.monoMs());
    this.#network.taps.push((datagram, from, to) => {
      if (from.address === ADDRD[4] || from.address === ADDRD[6]) this.#observer.onSend(datagram, to);
    });
  }

  /** Lets the world run: its time of trouble, then peace, then the reckoning. `examine` sees the store it leaves. */
  async run(examine: (db: Database) => void = () => undefined): Promise<Outcome> {
    const { pace, weather, dialEveryMs, orderEveryMs } = this.#scene;
    this.#network.weather = weather;
    this.#boot();
    for (const nas of this.#nases) nas.boot();
    this.#customers.begin(dialEveryMs);
    this.#operator.begin(orderEveryMs);
    if (this.#kind.suspends) this.#operator.serve(orderEveryMs * 2);
    if (this.#kind.identities) this.#operator.introduce(orderEveryMs * 2);
    if (this.#kind.renumbers) this.#operator.move(orderEveryMs * 2);
    this.#subnets?.begin(orderEveryMs * 1.5);
    this.#operator.watch(this.#scene.brakeEveryMs, this.#nasNames());
    this.#trouble();
    await this.#until(pace.chaosMs);
    this.#makePeace();
    await this.#until(pace.chaosMs + pace.restMs);
    await this.#decideTheRest();
    const stuck = new Map<string, number>();
    if (this.#observer.faults.length === 0) await this.#reckon(stuck);
    const [fault] = this.#observer.faults;
    const outcome: Outcome = {
      seed: this.#seed,
      fault:
        fault === undefined ? null : `seed ${this.#seed}, step ${this.#steps}, ${this.#time.monoMs()} ms: ${fault}`,
      virtualMs: this.#time.monoMs(),
      commits: this.#observer.commits,
      starts: this.#starts,
      disconnects: this.#observer.disconnects,
      journal: this.#db.prepare('SELECT count(*) FROM journal').pluck().get() as number,
      hash: hashOf(this.#db),
      stuck,
    };
    this.#life.alive = false;
    examine(this.#db);
    this.#db.close();
    return outcome;
  }

  async #until(end: number): Promise<void> {
    let since = this.#steps;
    let before = this.#time.monoMs();
    while (this.#observer.faults.length === 0 && (await this.#time.step(end))) {
      this.#steps++;
      if (this.#time.monoMs() !== before) {
        before = this.#time.monoMs();
        since = this.#steps;
      } else if (this.#steps - since > MOST_AT_ONCE) this.#observer.fault('time: addrd turns in circles');
      // What a process leaves open when it dies, the next one to open the file rolls back.
      if (!this.#life.alive && this.#db.inTransaction) this.#db.exec('ROLLBACK');
    }
  }

  #boot(): void {
    const life: Life = { alive: true };
    this.#life = life;
    this.#time.leap = this.#kind.months ? leapOf(this.#db) : null;
    this.#core = null;
    this.#starts++;
    const chance = this.#chance.fork();
    const openUdp = this.#network.opener(ADDRD, life);
    const platform: Platform = {
      clock: this.#time,
      timers: this.#time.timers(life),
      turn: this.#time.turn(life, () => (this.#calm ? 0 : chance.between(0, this.#scene.turnMs))),
      random: chance,
      storeId: STORE_ID,
      openUdp: this.#mutation.openUdp?.(openUdp) ?? openUdp,
      log,
      metrics,
      faultAt: (point) => this.#faultAt(point, life, chance),
      onLost: (error) => {
        if (life.alive) this.#observer.fault(`lost: ${String(error)}`);
      },
    };
    const db = this.#mutation.database?.(this.#db, chance) ?? this.#db;
    const config = this.#config;
    startCore(config, db, { ...platform, ...this.#mutation.platform?.(platform) }).then(
      (core) => {
        if (!life.alive) return;
        this.#core = core;
        this.#observer.configure(config);
      },
      (error: unknown) => {
        // No space is the one thing that may keep it from starting.
        if (life.alive) this.#bury(life);
        if (this.#calm) this.#observer.fault(`start: ${String(error)}`);
      },
    );
  }

  #faultAt(point: FaultPoint, life: Life, chance: Chance): boolean {
    if (point === 'after-begin') this.#observer.onBegin();
    if (point === 'after-commit') this.#observer.onCommit();
    if (this.#calm || !chance.flip(this.#scene.faultiness)) return false;
    this.#bury(life);
    return true;
  }

  /** addrd is dead; after a while somebody starts it again. */
  #bury(life: Life): void {
    life.alive = false;
    this.#core = null;
    if (!this.#db.inTransaction) this.#observer.lookAround();
    const chance = this.#chance;
    const down = chance.pick([500, 3_000, 8_000, chance.between(10_000, 60_000), chance.between(60_000, 400_000)]);
    const { rounds } = this.#scene.pace;
    // In the longer worlds somebody notices sometimes only the next day.
    const times = rounds > 1 && chance.flip(0.2) ? rounds : 1;
    this.#time.after(down * times, () => {
      this.#boot();
    });
  }

  /** Something that happens again and again while there is no peace. */
  #every(meanMs: number, happen: () => void): void {
    if (meanMs === 0) return;
    const again = (): void => {
      this.#time.after(this.#chance.wait(meanMs), () => {
        if (this.#calm) return;
        happen();
        again();
      });
    };
    again();
  }

  #trouble(): void {
    const { pace, rebootEveryMs, partEveryMs, killEveryMs, cutEveryMs, fullEveryMs, planEveryMs } = this.#scene;
    const chance = this.#chance;
    this.#every(killEveryMs, () => {
      if (!this.#life.alive) return;
      if (chance.flip(0.7)) this.#bury(this.#life);
      else this.#stop();
    });
    this.#every(rebootEveryMs, () => {
      const nas = chance.pick(this.#nases);
      if (!nas.serving) return;
      const orderly = chance.flip(0.4);
      if (orderly) nas.shutDown();
      this.#time.after(orderly ? 20_000 : 0, () => {
        nas.crash();
        const isDark = pace.rounds > 1 && chance.flip(0.2);
        const [least, most] = isDark ? DARK_MS : [10_000, 120_000];
        this.#time.after(chance.between(least, most), () => nas.boot());
      });
    });
    if (this.#kind.plans) this.#every(planEveryMs, () => this.#replan());
    this.#every(partEveryMs, () => {
      const nas = chance.pick(this.#nases);
      if (nas.serving) nas.announcePart();
    });
    this.#every(cutEveryMs, () => {
      const nas = chance.pick(this.#nases);
      this.#network.cutOff.add(nas.address);
      this.#time.after(chance.between(5_000, 150_000) * pace.rounds, () => this.#network.cutOff.delete(nas.address));
    });
    this.#every(fullEveryMs, () => {
      this.#db.pragma(`max_page_count = ${String(this.#db.pragma('page_count', { simple: true }))}`);
      this.#time.after(chance.between(500, 20_000), () => {
        this.#makeRoom();
      });
    });
  }

  /** As systemd stops it: what is queued is still committed and answered. */
  #stop(): void {
    const life = this.#life;
    const core = this.#core;
    if (core === null) return;
    // From now on it is not heard of any more.
    this.#time.leap = null;
    void core.stop().then(() => {
      if (life.alive) this.#bury(life);
    });
  }

  /** Somebody writes another config, and lets addrd read it, or starts it again. */
  #replan(): void {
    const { plan, configOf } = this.#scene;
    plan.change(this.#chance);
    this.#config = configOf(plan.lines());
    if (!this.#life.alive) return;
    if (this.#chance.flip(0.2)) this.#bury(this.#life);
    else this.#reload();
  }

  #reload(): void {
    const life = this.#life;
    const config = this.#config;
    void this.#core?.reload(config, ['pools']).then((refusal) => {
      if (!life.alive) return;
      if (refusal === null) this.#observer.configure(config);
      else if (refusal.code !== 'reload-undecided')
        this.#observer.fault(`reload: ${refusal.code} ${String(refusal.detail)}`);
    });
  }

  #makeRoom(): void {
    this.#db.pragma('max_page_count = 1000000');
  }

  /** Faults stop, the network is perfect, and every NAS is heard: each has one line of no interest that stays up. */
  #makePeace(): void {
    const { rounds } = this.#scene.pace;
    this.#calm = true;
    this.#network.weather = CALM;
    this.#network.cutOff.clear();
    this.#makeRoom();
    this.#customers.rest();
    this.#operator.rest();
    // Not at a full minute, at which what is looked at again would fall on the end of the world.
    this.#time.after(7_300, () => {
      if (this.#kind.plans) this.#reload();
      this.#tidy();
    });
    // By then the last reboots are over and addrd runs.
    const longest = rounds > 1 ? DARK_MS[1] : 0;
    this.#time.after(Math.max(8 * MINUTE * rounds, longest + 8 * MINUTE), () => {
      for (const nas of this.#nases) nas.dial(`line-of-${nas.options.name}`, null, [outside(this.#chance)]);
    });
  }

  #nasNames(): string[] {
    return this.#scene.nases.map(({ name }) => name);
  }

  /** In peace somebody looks every minute at what waits: renewed Disconnects may be too many again. */
  #tidy(): void {
    this.#operator.tidy(this.#openBatches(), this.#nasNames());
    const { chaosMs, restMs, rounds } = this.#scene.pace;
    if (this.#time.monoMs() < chaosMs + restMs - 5 * MINUTE) {
      this.#time.after(MINUTE * rounds, () => {
        this.#tidy();
      });
    }
  }

  /** What was renewed at the very end and is held back by the guard is decided too, and has its time to be performed. */
  async #decideTheRest(): Promise<void> {
    for (let round = 0; round < 10 && this.#observer.faults.length === 0 && this.#openBatches().length > 0; round++) {
      this.#operator.tidy(this.#openBatches(), this.#nasNames());
      await this.#until(this.#time.monoMs() + 2 * MINUTE);
    }
  }

  #openBatches(): number[] {
    if (this.#db.inTransaction) return [];
    return this.#db.prepare("SELECT id FROM batch WHERE status = 'open'").pluck().all() as number[];
  }

  async #reckon(stuck: Map<string, number>): Promise<void> {
    if (this.#core === null) {
      this.#observer.fault('ending: addrd does not run');
      return;
    }
    if (this.#operator.outstanding > 0)
      this.#observer.fault(`ending: ${this.#operator.outstanding} orders without an answer`);
    const { size } = this.#core.pipeline.queue();
    if (size > 0) this.#observer.fault(`ending: ${size} events are queued`);
    for (const line of ending(this.#db, this.#scene, this.#nases, this.#time.wallMs(), stuck))
      this.#observer.fault(line);
    this.#observer.lookAround();
    await handOutEverything(this.#core, this.#db, this.#config, {
      pass: (ms) => this.#until(this.#time.monoMs() + ms),
      fault: (what) => {
        this.#observer.fault(what);
      },
    });
  }
}
