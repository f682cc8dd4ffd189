/** Chance from a seed: the same seed gives the same world. Every part of a world draws from a stream of its own. */
import type { Random } from '../../src/protocols/io.js';

export class Chance implements Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
    // Neighbouring seeds must not begin alike.
    this.#next();
    this.#state ^= this.#next();
  }

  /** splitmix32 */
  #next(): number {
    this.#state = (this.#state + 0x9e3779b9) | 0;
    let z = this.#state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return (z ^ (z >>> 15)) >>> 0;
  }

  /** Another stream: what one part of the world draws does not change what another one gets. */
  fork(): Chance {
    return new Chance(this.#next());
  }

  /** In [0, 1). */
  unit(): number {
    return this.#next() / 0x1_0000_0000;
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.#next() & 0xff);
  }

  /** An integer from `least` to `most`, both included. */
  between(least: number, most: number): number {
    return least + Math.floor(this.unit() * (most - least + 1));
  }

  /** True with a probability of `p`. */
  flip(p: number): boolean {
    return this.unit() < p;
  }

  pick<T>(from: readonly T[]): T {
    const chosen = from[Math.floor(this.unit() * from.length)];
    if (chosen === undefined) throw new RangeError('nothing to pick from');
    return chosen;
  }

  /** The time until the next of events that come `meanMs` apart on average, at least one millisecond. */
  wait(meanMs: number): number {
    return Math.max(1, Math.round(-Math.log(1 - this.unit()) * meanMs));
  }
}
