/** How long the store could not be written, and whether NASes may be answered all the same (`on_store_failure`). */
import type { Clock } from './clock.js';

/**
 * Nothing is answered unrecorded before the failure has lasted this long, milliseconds. It is longer than any time that
 * addrd may be away without a gap, so that whatever happens next, the restart or the next heartbeat opens one.
 */
const MARGIN_MS = 15_000;

export class Outage {
  readonly #clock: Clock;
  #since: { readonly mono: number; readonly wall: number } | null = null;
  #unrecorded = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A commit failed. */
  began(): void {
    this.#since ??= { mono: this.#clock.monoMs(), wall: this.#clock.wallMs() };
  }

  /** The store works again, and the gap is on record. */
  ended(): void {
    this.#since = null;
    this.#unrecorded = 0;
  }

  /** Packets that were answered without being recorded in this outage. */
  get unrecorded(): number {
    return this.#unrecorded;
  }

  /**
   * Whether a packet may be answered that cannot be recorded: if the store has failed for longer than `gapToleranceMs` and
   * the heartbeat's margin, by both clocks, for then the gap is certain to be seen even if addrd dies now.
   */
  mayAnswer(policy: 'silent' | 'answer', gapToleranceMs: number): boolean {
    if (policy === 'silent' || this.#since === null) return false;
    const { mono, wall } = this.#since;
    const lasted = Math.min(this.#clock.monoMs() - mono, this.#clock.wallMs() - wall);
    return lasted > Math.max(gapToleranceMs, MARGIN_MS);
  }

  /** {@link mayAnswer} of a packet that is answered if so: it is counted. */
  answers(policy: 'silent' | 'answer', gapToleranceMs: number): boolean {
    const may = this.mayAnswer(policy, gapToleranceMs);
    if (may) this.#unrecorded++;
    return may;
  }
}
