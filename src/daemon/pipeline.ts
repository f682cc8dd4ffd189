/** The one way to the door: queue, batch, commit, settle. Nothing is answered that is not committed. */
import type { Committed, Settlement, Submission } from '../store/commit.js';
import { StoreError } from '../store/errors.js';
import type { Clock, Timers, Turn } from './clock.js';
import { DEFAULT_LIMITS, Lanes, routeOf, type LaneLimits, type RefusalCode } from './lanes.js';
import type { LifecycleEvent } from './lifecycle/events.js';

/** libuv hands over at most this many datagrams a turn: where it did, more are waiting. */
const FULL_TURN = 32;
/** How long a batch is held open for more, at least. */
const GATHER_MS = 3;
/** Or for this part of what the last commit took: after a long one much is waiting, and the next should take it along. */
const GATHER_SHARE = 0.5;
/** How long a turn that was full counts: longer than a long commit. */
const FLOOD_MS = 100;
/** How often a store that could not be written is tried again. */
const PROBE_MS = 1_000;

/** Why an event was not decided. Its sender hears nothing, or 503. */
export type UnsettledCode = RefusalCode | 'store-unavailable' | 'stopping';

/** Hears what became of an event: the committed verdict, or why there is none. Called exactly once. */
export type Settle = (settlement: Settlement | null, why: UnsettledCode | null) => void;

export interface PipelineOptions {
  readonly commit: (batch: readonly Submission<LifecycleEvent>[]) => Promise<Committed>;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly turn: Turn;
  readonly limits?: LaneLimits;
  /** How many packets were answered without being recorded since the store failed: the probe makes a gap of them. */
  readonly unrecorded?: () => number;
  /** Hears of each batch after its commit and before its senders are answered. */
  readonly onCommitted: (committed: Committed, events: readonly LifecycleEvent[], commitMs: number) => void;
  /** The store cannot be written for now (its error), or can again (null). */
  readonly onStore: (trouble: StoreError | null) => void;
  /** Something threw after a commit: it is told, and what was committed stays so. */
  readonly onFault: (error: unknown) => void;
  /** The outcome of a commit is unknown: the process has to end. */
  readonly onLost: (error: unknown) => void;
}

interface Waiting {
  readonly submission: Submission<LifecycleEvent>;
  readonly settle: Settle;
}

export class Pipeline {
  readonly #options: PipelineOptions;
  readonly #limits: LaneLimits;
  readonly #lanes: Lanes<Waiting>;
  #state: 'open' | 'unavailable' | 'stopping' | 'lost' = 'open';
  #scheduled = false;
  #committing = false;
  /** Packets since the last turn. */
  #arrived = 0;
  #floodedAt = -Infinity;
  #gatheringSince = 0;
  #commitMs = 0;
  #idle: (() => void)[] = [];

  constructor(options: PipelineOptions) {
    this.#options = options;
    this.#limits = options.limits ?? DEFAULT_LIMITS;
    this.#lanes = new Lanes(this.#limits);
  }

  /** Events that wait, and for how long the oldest has, in milliseconds. */
  queue(): { size: number; ageMs: number } {
    return { size: this.#lanes.size, ageMs: this.#lanes.age(this.#options.clock.monoMs()) };
  }

  /** Whether a turn brought as many packets as one can a moment ago: more are waiting in the kernel. */
  get flooded(): boolean {
    return this.#options.clock.monoMs() - this.#floodedAt < FLOOD_MS;
  }

  /** Whether there is room for an event of a packet, and a store that can be written. */
  accepts(): boolean {
    return this.#state === 'open' && this.#lanes.size < this.#limits.capacity;
  }

  /** Takes no Interims until it is told otherwise: the store cannot keep up with them. */
  shed(on: boolean): void {
    this.#lanes.shed(on);
  }

  /** Queues an event. `settle` is called at once where it cannot be taken. */
  submit(submission: Submission<LifecycleEvent>, settle: Settle): void {
    if (this.#state !== 'open') {
      settle(null, this.#state === 'stopping' ? 'stopping' : 'store-unavailable');
      return;
    }
    const { lane, orderKey, share, closes } = routeOf(submission.event);
    const now = this.#options.clock.monoMs();
    const refusal = this.#lanes.put({ submission, settle }, lane, orderKey, share ?? submission.source, now, closes);
    if (refusal !== null) {
      settle(null, refusal);
      return;
    }
    if (share !== null) this.#arrived++;
    this.#schedule();
  }

  /** Resolves when nothing is queued or being committed. */
  idle(): Promise<void> {
    if (this.#lanes.size === 0 && !this.#committing) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  /** Takes nothing more, commits what is queued and resolves. Stopping twice is allowed. */
  async stop(): Promise<void> {
    if (this.#state !== 'lost') this.#state = 'stopping';
    await this.idle();
  }

  #schedule(): void {
    if (this.#scheduled || this.#committing || this.#lanes.size === 0) return;
    this.#scheduled = true;
    this.#gatheringSince = this.#options.clock.monoMs();
    this.#options.turn.defer(() => {
      this.#gather();
    });
  }

  /** While turns bring as much as they can, waits for more: one commit then serves many. */
  #gather(): void {
    const brought = this.#arrived;
    this.#arrived = 0;
    const now = this.#options.clock.monoMs();
    if (brought >= FULL_TURN) this.#floodedAt = now;
    const late = now - this.#gatheringSince >= Math.max(GATHER_MS, this.#commitMs * GATHER_SHARE);
    if (brought >= FULL_TURN && this.#lanes.size < this.#limits.batch && !late) {
      this.#options.turn.defer(() => {
        this.#gather();
      });
      return;
    }
    this.#scheduled = false;
    void this.#run(this.#lanes.take());
  }

  async #run(batch: readonly Waiting[]): Promise<void> {
    const { clock } = this.#options;
    this.#committing = true;
    const began = clock.monoMs();
    try {
      const committed = await this.#options.commit(batch.map(({ submission }) => submission));
      this.#commitMs = clock.monoMs() - began;
      this.#settle(batch, committed, this.#commitMs);
    } catch (error) {
      this.#suffer(error, batch);
    } finally {
      this.#committing = false;
      if (this.#lanes.size > 0) this.#schedule();
      else for (const resolve of this.#idle.splice(0)) resolve();
    }
  }

  /** Tells everybody what was committed. Whoever throws here is a fault of ours, but the others must still be told. */
  #settle(batch: readonly Waiting[], committed: Committed, commitMs: number): void {
    const settled = batch.slice(0, committed.settlements.length);
    const events = settled.map(({ submission }) => submission.event);
    const tell = (work: () => void): void => {
      try {
        work();
      } catch (error) {
        this.#options.onFault(error);
      }
    };
    tell(() => {
      this.#options.onCommitted(committed, events, commitMs);
    });
    settled.forEach(({ settle }, index) => {
      tell(() => {
        settle(committed.settlements[index] ?? null, null);
      });
    });
    if (committed.rest !== null) this.#suffer(committed.rest, batch.slice(settled.length));
  }

  /** Nothing of these was committed: their senders hear nothing, and neither does anybody until the store works again. */
  #suffer(error: unknown, unsettled: readonly Waiting[]): void {
    const passing = error instanceof StoreError && error.code !== 'store-lost';
    if (this.#state !== 'stopping') this.#state = passing ? 'unavailable' : 'lost';
    for (const { settle } of [...unsettled, ...this.#drain()]) settle(null, 'store-unavailable');
    if (!passing) {
      this.#options.onLost(error);
      return;
    }
    this.#options.onStore(error);
    this.#probeLater();
  }

  #drain(): Waiting[] {
    const all: Waiting[] = [];
    while (this.#lanes.size > 0) all.push(...this.#lanes.take());
    return all;
  }

  #probeLater(): void {
    this.#options.timers.set(PROBE_MS, () => {
      if (this.#state === 'unavailable') void this.#probe();
    });
  }

  async #probe(): Promise<void> {
    const unrecorded = this.#options.unrecorded?.() ?? 0;
    const receivedAt = this.#options.clock.wallMs();
    const event: LifecycleEvent = { kind: 'heartbeat', receivedAt, ...(unrecorded > 0 ? { unrecorded } : {}) };
    this.#committing = true;
    try {
      await this.#options.commit([{ event, source: 'addrd', raw: null, idempotency: null }]);
    } catch (error) {
      if (error instanceof StoreError && error.code !== 'store-lost') this.#probeLater();
      else this.#suffer(error, []);
      return;
    } finally {
      this.#committing = false;
      for (const resolve of this.#idle.splice(0)) resolve();
    }
    if (this.#state === 'unavailable') this.#state = 'open';
    this.#options.onStore(null);
  }
}
