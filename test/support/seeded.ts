/** Chance from a seed. A test prints its seed, and `SEED=n` runs it again with that one. */

interface Commented {
  comment(text: string): unknown;
}

/** The seed of this run: `SEED` of the environment, else one from the clock. Printed, so that a failure can be repeated. */
export function seedOf(t: Commented): number {
  const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000_007);
  t.comment(`SEED=${String(seed)}`);
  return seed;
}

export interface Chance {
  /** A whole number from 0 to `limit` - 1. */
  below(limit: number): number;
  pick<T>(things: readonly T[]): T;
}

/** mulberry32: small, fast, and the same everywhere. */
export function seeded(seed: number): Chance {
  let state = seed >>> 0;
  const unit = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), 1 | state);
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
    return ((x ^ (x >>> 14)) >>> 0) / 4_294_967_296;
  };
  const below = (limit: number): number => Math.floor(unit() * limit);
  return {
    below,
    pick: <T>(things: readonly T[]): T => {
      const thing = things[below(things.length)];
      if (thing === undefined) throw new RangeError('nothing to pick from');
      return thing;
    },
  };
}
