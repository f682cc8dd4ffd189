/**
 * Performs what the outbox calls for. Its leases are in memory: after a restart everything unfinished is due again. Each
 * effect leaves only after `effect-started` was committed, and only if that decision still wants it.
 */
import TinyQueue from 'tinyqueue';
import { after, type Clock, type Random, type TimerHandle, type Timers } from '../clock.js';
import type { Settlement } from '../../store/commit.js';
import type { EffectOutcomeEvent, EffectResult, EffectStartedEvent } from '../lifecycle/events.js';
import { CANCELLED } from '../lifecycle/performing.js';
import type { Outbox } from '../lifecycle/records.js';
import { Breaker, DEFAULT_BREAKER, type BreakerKnobs } from './breaker.js';

const DEFAULT_IN_FLIGHT = 32;
/** Effects on their way to all targets together while packets are waiting, and to one of them. */
const TRICKLE = 8;
/** What has waited for its answer for this long costs nothing meanwhile: it does not stand in the way of other targets. */
const UNANSWERED_MS = 250;
/** How soon it is looked at again whether packets are waiting. */
const BUSY_PAUSE_MS = 10;
/** When the store cannot take an event, it is offered again after this long. */
const STORE_RETRY_MS = 1_000;
/** When the outcome of an attempt was condemned, nobody knows what it was: the effect is due again after this long. */
const CONDEMNED_RETRY_MS = 60_000;

export interface WorkerOptions {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly breaker?: BreakerKnobs;
  /** Effects on their way to one target at once. Default 32. */
  readonly inFlight?: number;
  /** Resolves to the committed verdict, or null where the event could not be taken. */
  readonly submit: (event: EffectStartedEvent | EffectOutcomeEvent) => Promise<Settlement | null>;
  /** `signal` ends it as an error `cancelled`. */
  readonly perform: (row: Outbox, signal: AbortSignal) => Promise<EffectResult>;
  /**
   * Whether packets are waiting. Each effect brings three events and a Stop: while there are more packets than can be
   * taken, few leave, or thousands of terminations would stand in accounting's way. Default: never.
   */
  readonly busy?: () => boolean;
  /** Whether a brake keeps everything from leaving for a target. */
  readonly held: (target: string) => boolean;
  /** Hears of each attempt's outcome, and how long it took. */
  readonly onResult: (row: Outbox, result: EffectResult, tookMs: number) => void;
  /** The target of `row` is left alone for a while (`open`), or has answered again. */
  readonly onBreaker?: (row: Outbox, open: boolean) => void;
}

interface Target {
  readonly name: string;
  readonly waiting: TinyQueue<Outbox>;
  readonly breaker: Breaker;
  inFlight: number;
  /** When it was served last, in turns of the worker. */
  turn: number;
}

export class OutboxWorker {
  readonly #options: WorkerOptions;
  readonly #targets = new Map<string, Target>();
  /** The newest form of each unfinished row. */
  readonly #rows = new Map<number, Outbox>();
  /** Subjects with an effect in flight, and the rows that wait behind it. */
  readonly #busy = new Map<string, Outbox[]>();
  /** The entry by which each waiting row counts in its queue: others of it are of the past. */
  readonly #queued = new Map<number, Outbox>();
  /** What is under way, so that a brake can end it. */
  readonly #underWay = new Map<AbortController, string>();
  #timer: TimerHandle = null;
  /** How many of each kind are in flight. */
  readonly #flying = new Map<Outbox['kind'], number>();
  /** Effects under way, without those that have waited for an answer for long. */
  #moving = 0;
  #turn = 0;
  #running = false;

  constructor(options: WorkerOptions) {
    this.#options = options;
  }

  /** Takes up what an earlier process left unfinished. */
  start(rows: readonly Outbox[]): void {
    this.#running = true;
    this.notice(rows);
  }

  /** Calls back what is under way to targets that are not to be acted on any more. */
  recall(unwanted: (target: string) => boolean): void {
    for (const [controller, target] of this.#underWay) if (unwanted(target)) controller.abort();
  }

  /** Starts nothing more; what is in flight is left to itself and will be due again after a restart. */
  stop(): void {
    this.#running = false;
    if (this.#timer !== null) this.#options.timers.clear(this.#timer);
    this.#timer = null;
  }

  /** Rows that a commit has written. */
  notice(rows: readonly Outbox[]): void {
    if (!this.#running) return;
    for (const row of rows) {
      // What waits for approval comes again when it has it.
      if (row.status !== 'pending' || row.batch !== null) {
        this.#rows.delete(row.id);
        continue;
      }
      const queued = this.#queued.get(row.id);
      const fresh = !this.#rows.has(row.id) || (queued !== undefined && queued.dueAt !== row.dueAt);
      this.#rows.set(row.id, row);
      if (fresh) this.#enqueue(row);
    }
    this.#tick();
  }

  /** A brake was set or released: what may not be under way any more ends at once, and what may leave does. */
  heed(): void {
    this.recall((target) => this.#options.held(target));
    this.#tick();
  }

  /** How many effects of a kind wait, and how many are in flight. */
  debtOf(kind: Outbox['kind']): { waiting: number; inFlight: number } {
    let unfinished = 0;
    for (const row of this.#rows.values()) if (row.kind === kind) unfinished++;
    const inFlight = this.#flying.get(kind) ?? 0;
    return { waiting: Math.max(0, unfinished - inFlight), inFlight };
  }

  /** How many effects wait or are in flight, and at how many targets the circuit is broken. */
  debt(): { waiting: number; inFlight: number; brokenTargets: number } {
    let brokenTargets = 0;
    let inFlight = 0;
    for (const target of this.#targets.values()) {
      if (target.breaker.isOpen) brokenTargets++;
      inFlight += target.inFlight;
    }
    return { waiting: Math.max(0, this.#rows.size - inFlight), inFlight, brokenTargets };
  }

  #target(name: string): Target {
    let target = this.#targets.get(name);
    if (target === undefined) {
      target = {
        name,
        waiting: new TinyQueue<Outbox>([], (a, b) => a.dueAt - b.dueAt || a.id - b.id),
        breaker: new Breaker(this.#options.breaker ?? DEFAULT_BREAKER),
        inFlight: 0,
        turn: 0,
      };
      this.#targets.set(name, target);
    }
    return target;
  }

  #enqueue(row: Outbox): void {
    this.#queued.set(row.id, row);
    this.#target(row.target).waiting.push(row);
  }

  /** Lets leave what may, an effect of each target at a time, what was served longest ago first. */
  #tick(): void {
    if (!this.#running) return;
    const { held, busy, inFlight = DEFAULT_IN_FLIGHT } = this.#options;
    const few = busy?.() === true;
    const most = few ? Math.min(inFlight, TRICKLE) : inFlight;
    let soonest = Infinity;
    let targets = [...this.#targets.values()].filter(({ name, waiting }) => waiting.length > 0 && !held(name));
    if (few) targets.sort((a, b) => a.turn - b.turn);
    while (targets.length > 0) {
      const more: Target[] = [];
      for (const target of targets) {
        if (target.inFlight >= most || (few && this.#moving >= TRICKLE)) {
          if (few) soonest = Math.min(soonest, BUSY_PAUSE_MS);
          continue;
        }
        const wait = this.#waitOf(target);
        if (wait > 0) {
          soonest = Math.min(soonest, wait);
          continue;
        }
        target.turn = ++this.#turn;
        this.#leave(target);
        more.push(target);
      }
      targets = more;
    }
    if (this.#timer !== null) this.#options.timers.clear(this.#timer);
    this.#timer = null;
    if (soonest === Infinity) return;
    this.#timer = this.#options.timers.set(Math.min(soonest, 60_000), () => {
      this.#timer = null;
      this.#tick();
    });
  }

  /** How long a target's next effect waits still, milliseconds; Infinity where there is none, or one that goes before all. */
  #waitOf({ waiting, breaker }: Target): number {
    const { clock } = this.#options;
    for (let next = waiting.peek(); next !== undefined; next = waiting.peek()) {
      if (this.#queued.get(next.id) !== next) {
        waiting.pop();
        continue;
      }
      const wait = next.dueAt - clock.wallMs();
      if (wait > 0) return wait;
      const mono = clock.monoMs();
      const at = breaker.mayLeaveAt(mono);
      return at === null ? Infinity : at - mono;
    }
    return Infinity;
  }

  #leave(target: Target): void {
    const next = target.waiting.pop();
    if (next === undefined) return;
    this.#queued.delete(next.id);
    const row = this.#rows.get(next.id);
    if (row !== undefined) this.#launch(row, target);
  }

  #launch(row: Outbox, target: Target): void {
    const subject = `${row.target} ${row.subject}`;
    const behind = this.#busy.get(subject);
    if (behind !== undefined) {
      behind.push(row);
      return;
    }
    this.#busy.set(subject, []);
    const { kind } = row;
    target.inFlight++;
    this.#moving++;
    this.#flying.set(kind, (this.#flying.get(kind) ?? 0) + 1);
    const probe = target.breaker.left();
    void this.#perform(row, target, probe).finally(() => {
      target.inFlight--;
      this.#moving--;
      this.#flying.set(kind, (this.#flying.get(kind) ?? 1) - 1);
      const waiting = this.#busy.get(subject) ?? [];
      this.#busy.delete(subject);
      for (const { id } of [row, ...waiting]) {
        const newest = this.#rows.get(id);
        if (newest !== undefined) this.#enqueue(newest);
      }
      this.#tick();
    });
  }

  async #perform(row: Outbox, target: Target, probe: boolean): Promise<void> {
    const { clock, random, submit, perform, onResult, onBreaker } = this.#options;
    const started = await submit({ kind: 'effect-started', outbox: row.id, receivedAt: clock.wallMs() });
    if (started?.verdict !== 'applied') {
      target.breaker.spared(probe);
      // Not wanted any more: gone. Not taken, or condemned: it is offered again later.
      if (started?.verdict === 'stale') this.#rows.delete(row.id);
      else await after(this.#options.timers, STORE_RETRY_MS);
      return;
    }
    const { attempt } = started.reply as { readonly attempt: number };
    const began = clock.monoMs();
    const outcome = await this.#underBrakes(row, perform);
    const now = clock.monoMs();
    const wasOpen = target.breaker.isOpen;
    const spared = outcome.result === 'error' && outcome.code === CANCELLED;
    if (spared) target.breaker.spared(probe);
    else target.breaker.returned(outcome.result === 'ack' || outcome.result === 'nak', now, probe);
    onResult(row, outcome, now - began);
    if (target.breaker.isOpen !== wasOpen) onBreaker?.(row, target.breaker.isOpen);
    const jitter = random.unit();
    while (this.#running) {
      const receivedAt = clock.wallMs();
      const settled = await submit({ kind: 'effect-outcome', outbox: row.id, attempt, outcome, jitter, receivedAt });
      if (settled !== null) {
        // Condemned: a defect of ours. The effect is still owed, but not at a pace that a NAS would notice.
        if (settled.verdict === 'faulted') this.#rows.set(row.id, { ...row, dueAt: receivedAt + CONDEMNED_RETRY_MS });
        else if (settled.verdict !== 'applied') this.#rows.delete(row.id);
        return;
      }
      await after(this.#options.timers, STORE_RETRY_MS);
    }
  }

  /** Performs an effect, unless a brake was set since it was committed that it may leave, or is set meanwhile. */
  async #underBrakes(row: Outbox, perform: WorkerOptions['perform']): Promise<EffectResult> {
    if (this.#options.held(row.target)) return { result: 'error', code: CANCELLED };
    const controller = new AbortController();
    this.#underWay.set(controller, row.target);
    const { timers } = this.#options;
    let unanswered = 0;
    const timer = timers.set(UNANSWERED_MS, () => {
      unanswered = 1;
      this.#moving--;
      this.#tick();
    });
    try {
      return await perform(row, controller.signal);
    } finally {
      timers.clear(timer);
      this.#moving += unanswered;
      this.#underWay.delete(controller);
    }
  }
}
