/** One timer on the earliest deadline of the store; what is due becomes events. Decides nothing itself. */
import type { Clock, TimerHandle, Timers } from './clock.js';
import type { Deadline, VerdictKind } from './lifecycle/records.js';
import type { DeadlineEvent } from './lifecycle/events.js';

/** Deadlines are taken in slices, so that ten thousand of them do not stand in the way of a packet. */
const SLICE = 500;
/** After a refusal, and at the latest: a clock that was set back must not silence them for ever. */
const RETRY_MS = 1_000;
const LONGEST_MS = 60_000;
/** A deadline whose event was condemned is tried again after this long. */
const CONDEMNED_MS = 60_000;

function keyOf({ kind, ref }: Deadline): string {
  return `${kind}/${ref}`;
}

export interface DeadlinesOptions {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly nextDue: () => number | null;
  readonly due: (now: number, limit: number) => readonly Deadline[];
  /** Resolves to the committed verdict, or null where the event could not be taken. */
  readonly submit: (event: DeadlineEvent) => Promise<VerdictKind | null>;
}

export class Deadlines {
  readonly #options: DeadlinesOptions;
  #timer: TimerHandle = null;
  #armedFor = Infinity;
  #firing = false;
  #running = false;
  /** Deadlines whose event was condemned, and until when they are left alone, monotonic milliseconds. */
  readonly #condemned = new Map<string, number>();

  constructor(options: DeadlinesOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running = true;
    this.#arm(this.#options.nextDue() ?? Infinity);
  }

  stop(): void {
    this.#running = false;
    this.#disarm();
  }

  /** A commit has set a deadline. */
  notice(dueAt: number): void {
    if (this.#running && !this.#firing && dueAt < this.#armedFor) this.#arm(dueAt);
  }

  #disarm(): void {
    if (this.#timer !== null) this.#options.timers.clear(this.#timer);
    this.#timer = null;
    this.#armedFor = Infinity;
  }

  #arm(dueAt: number): void {
    this.#disarm();
    this.#armedFor = dueAt;
    const delay = Math.min(Math.max(0, dueAt - this.#options.clock.wallMs()), LONGEST_MS);
    this.#timer = this.#options.timers.set(delay, () => {
      void this.#fire();
    });
  }

  async #fire(): Promise<void> {
    this.#timer = null;
    this.#firing = true;
    const now = this.#options.clock.wallMs();
    const due = this.#due(now);
    const verdicts = await Promise.all(
      due.map(({ kind, ref }) => this.#options.submit({ kind: 'deadline', what: kind, ref, receivedAt: now })),
    );
    const until = this.#options.clock.monoMs() + CONDEMNED_MS;
    due.forEach((deadline, index) => {
      if (verdicts[index] === 'faulted') this.#condemned.set(keyOf(deadline), until);
    });
    this.#firing = false;
    if (!this.#running) return;
    const undone = verdicts.some((verdict) => verdict !== 'applied');
    if (undone || this.#condemned.size > 0) this.#arm(this.#options.clock.wallMs() + RETRY_MS);
    else this.#arm(this.#options.nextDue() ?? Infinity);
  }

  /** The next slice without those that were condemned lately: a defect of ours must not keep the others waiting. */
  #due(now: number): readonly Deadline[] {
    const mono = this.#options.clock.monoMs();
    for (const [key, until] of this.#condemned) if (until <= mono) this.#condemned.delete(key);
    const due = this.#options.due(now, SLICE + this.#condemned.size);
    return due.filter((deadline) => !this.#condemned.has(keyOf(deadline))).slice(0, SLICE);
  }
}
