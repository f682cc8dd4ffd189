/** A circuit breaker for one target: after several silences in a row it is left alone for a while, then tried with one. */

export interface BreakerKnobs {
  /** Silences in a row that open it. */
  readonly failures: number;
  /** How long it stays open, milliseconds. */
  readonly openMs: number;
}

export const DEFAULT_BREAKER: BreakerKnobs = { failures: 5, openMs: 30_000 };

export class Breaker {
  readonly #knobs: BreakerKnobs;
  #failures = 0;
  #openUntil = 0;
  #probing = false;

  constructor(knobs: BreakerKnobs) {
    this.#knobs = knobs;
  }

  /** When the next effect may leave, monotonic milliseconds; `now` where it may at once, null while the one probe is out. */
  mayLeaveAt(now: number): number | null {
    if (this.#failures < this.#knobs.failures) return now;
    if (now < this.#openUntil) return this.#openUntil;
    return this.#probing ? null : now;
  }

  get isOpen(): boolean {
    return this.#failures >= this.#knobs.failures;
  }

  /** An effect leaves. Returns whether it is the one probe: its end is told with that. */
  left(): boolean {
    if (!this.isOpen) return false;
    this.#probing = true;
    return true;
  }

  /** It did not leave after all, or nobody waited for what came back. */
  spared(probe: boolean): void {
    if (probe) this.#probing = false;
  }

  /** What came back: any answer closes it, also a refusal, and also to an effect that left before it opened. */
  returned(answered: boolean, now: number, probe: boolean): void {
    this.spared(probe);
    this.#failures = answered ? 0 : this.#failures + 1;
    if (this.isOpen) this.#openUntil = now + this.#knobs.openMs;
  }
}
