/** Work takes at most one part in so many of the time. */
const SHARE = 50;
const LONGEST_MS = 5 * 60_000;

/** Work whose result is kept for a spell: the longer it took, the longer it is kept, but five minutes at most. */
export class Spell {
  readonly #clock: { monoMs(): number };
  readonly #shortestMs: number;
  #nextAt = -Infinity;
  #tookMs = 0;

  constructor(clock: { monoMs(): number }, shortestMs: number) {
    this.#clock = clock;
    this.#shortestMs = shortestMs;
  }

  /** Does the work if its last result is too old. Returns the seconds that it took when it was last done. */
  run(work: () => void): number {
    const began = this.#clock.monoMs();
    if (began < this.#nextAt) return this.#tookMs / 1_000;
    work();
    const ended = this.#clock.monoMs();
    this.#tookMs = ended - began;
    this.#nextAt = ended + Math.min(Math.max(this.#shortestMs, SHARE * this.#tookMs), LONGEST_MS);
    return this.#tookMs / 1_000;
  }
}
