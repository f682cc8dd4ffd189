/** What a decision asks about the units of pools, from the working copies of a batch and the database behind them. */
import { compareBytes, lastAddress, samePrefix, type Prefix } from '../daemon/lifecycle/address.js';
import { poolFreeKey } from '../daemon/lifecycle/keys.js';
import { includes, unitNumber, unitOfNumber, type UnitRange } from '../daemon/lifecycle/ranges.js';
import type { Pool, PoolFree, Rows } from '../daemon/lifecycle/records.js';
import type { Rested, Units, World } from '../daemon/lifecycle/world.js';
import type { Entries } from './entries.js';
import type { Resting, UnitQueries } from './unit-queries.js';
import { compareFreed } from './unique.js';

/** So many used units are looked at one by one before they are read in order. */
const PROBES = 16;
/** How many free rows one decision drops. */
const SLICE = 500;
/** So many units in quarantine are looked through for the next that the pool hands out; mostly it is among the first. */
const MOST_RESTING = 4_096;
const FEW_RESTING = 32;

export class ImageUnits implements Units {
  readonly #world: Pick<World, 'row' | 'overlapping'>;
  readonly #queries: UnitQueries;
  readonly #entries: Entries;
  /** Pages of free units, by pool. */
  readonly #freed = new Map<number, (readonly string[])[]>();

  constructor(world: Pick<World, 'row' | 'overlapping'>, queries: UnitQueries, entries: Entries) {
    this.#world = world;
    this.#queries = queries;
    this.#entries = entries;
  }

  unused(id: number, range: UnitRange): Prefix | null {
    const pool = this.#world.row('pool', String(id));
    if (pool === null) return null;
    const { unitLength } = pool;
    let probes = 0;
    for (let next = range.first; next <= range.last;) {
      const unit = unitOfNumber(next, unitLength, pool.prefix.bytes.length);
      const [holder] = this.#world.overlapping(pool.vrf, unit);
      if (holder === undefined && this.#past(id, unit) === null) return unit;
      const held = holder === undefined ? null : this.#world.row('assignment', String(holder));
      // A live prefix wider than a unit is passed over in one step.
      const wide = held !== null && held.prefix.length < unitLength;
      next = (wide ? unitNumber(lastAddress(held.prefix), unitLength) : next) + 1n;
      if (++probes >= PROBES && next <= range.last) next = this.#runEnd(pool, { first: next, last: range.last });
    }
    return null;
  }

  #past(pool: number, unit: Prefix): PoolFree | null {
    return this.#world.row('poolFree', poolFreeKey(pool, unit));
  }

  /** Past the stored run of used units, or up to one of them whose past this batch has dropped. */
  #runEnd(pool: Pool, range: UnitRange): bigint {
    let end = this.#queries.runEnd(pool, range);
    for (const { row, stored } of this.#entries.poolFree.values()) {
      if (row !== null || stored?.pool !== pool.id) continue;
      const number = unitNumber(stored.prefix.bytes, pool.unitLength);
      if (number >= range.first && number < end) end = number;
    }
    return end;
  }

  freed(pool: number, page: number): readonly string[] {
    const pages = this.#freed.get(pool) ?? [];
    this.#freed.set(pool, pages);
    while (pages.length <= page) {
      const last = pages.at(-1)?.at(-1);
      if (pages.length > 0 && last === undefined) return [];
      const stored = last === undefined ? null : this.#storedPast(last);
      const after = stored === null ? null : { freeAt: stored.freeAt, net: stored.prefix.bytes };
      pages.push(this.#keys(pool, this.#queries.freed(pool, after)));
    }
    const keys = pages[page] ?? [];
    if (page > 0) return keys;
    // One order for both, or the unit that is handed out would depend on how events fell into batches.
    return this.#merged(keys, (row) => row.pool === pool && row.state === 'free');
  }

  /** A row as the database has it, whatever this batch has done to it. */
  #storedPast(key: string): PoolFree | null {
    this.#world.row('poolFree', key);
    return this.#entries.poolFree.get(key)?.stored ?? null;
  }

  nextRested(id: number, ranges: readonly UnitRange[]): Rested | null {
    const pool = this.#world.row('pool', String(id));
    if (pool === null) return null;
    const isIn = (net: Uint8Array): boolean => includes(ranges, unitNumber(net, pool.unitLength));
    let [known, doubted] = [Infinity, Infinity];
    const take = (past: PoolFree | null): void => {
      if (past?.pool !== id || past.state !== 'quarantined' || !isIn(past.prefix.bytes)) return;
      // One that a session may be on still is only looked at then.
      if (past.doubted.length === 0) known = Math.min(known, past.freeAt);
      else doubted = Math.min(doubted, past.freeAt);
    };
    for (const { row } of this.#entries.poolFree.values()) take(row);
    let looked = 0;
    let end = Infinity;
    for (const { freeAt, net, plen } of this.#resting(id)) {
      if (known <= freeAt) break;
      const key = isIn(net) ? poolFreeKey(id, { bytes: net, length: plen }) : null;
      if (key !== null && !this.#entries.poolFree.has(key)) take(this.#world.row('poolFree', key));
      if (++looked === MOST_RESTING) end = freeAt;
    }
    if (known < Infinity && known <= end) return { at: known, isKnown: true };
    const at = Math.min(doubted, end);
    return at < Infinity ? { at, isKnown: false } : null;
  }

  /** Stored units in quarantine, those that leave it soonest first; at most {@link MOST_RESTING}. */
  *#resting(pool: number): Generator<Resting> {
    let after: Resting | null = null;
    for (let [left, size] = [MOST_RESTING, FEW_RESTING]; left > 0; left -= size, size = Math.min(SLICE, left)) {
      const page: readonly Resting[] = this.#queries.resting(pool, after, size);
      yield* page;
      after = page.at(-1) ?? null;
      if (page.length < size) return;
    }
  }

  former(pool: number, subscriber: number): readonly string[] {
    const keys = this.#keys(pool, this.#queries.former(pool, subscriber));
    return this.#merged(keys, (row) => row.pool === pool && row.subscriber === subscriber, true);
  }

  tenuresOf(vrf: number, subscriber: number, unit: Prefix): readonly number[] {
    const found = this.#queries.tenures(vrf, subscriber, unit);
    for (const { row, stored } of this.#entries.assignment.values()) {
      if (row === null || stored !== null || row.subscriber !== subscriber || row.vrf !== vrf) continue;
      if (samePrefix(row.prefix, unit)) found.push(row.id);
    }
    return found;
  }

  freedIn(id: number, range: UnitRange): readonly string[] {
    const pool = this.#world.row('pool', String(id));
    if (pool === null) return [];
    const is = (row: PoolFree): boolean =>
      row.pool === id && row.state === 'free' && this.#lies(pool, row.prefix, range);
    // The database does not know what this batch has dropped: as many more are asked for.
    const keys = this.#queries.freedIn(pool, range, SLICE + this.#entries.poolFree.size);
    return this.#merged(this.#keys(id, keys), is, true).slice(0, SLICE);
  }

  heldIn(id: number, range: UnitRange, most: number): readonly number[] {
    const pool = this.#world.row('pool', String(id));
    if (pool === null) return [];
    const { live } = this.#entries;
    const found = this.#queries.heldIn(pool, range, most + live.size);
    for (const { row, stored } of live.values()) {
      if (row !== null && stored === null && this.#isOf(pool, row) && this.#lies(pool, row.prefix, range)) {
        found.push(row.assignment);
      }
    }
    const prefix = (assignment: number): Uint8Array | undefined =>
      this.#world.row('live', String(assignment))?.prefix.bytes;
    return found
      .map((assignment) => ({ assignment, net: prefix(assignment) }))
      .filter((one): one is { assignment: number; net: Uint8Array } => one.net !== undefined)
      .sort((a, b) => compareBytes(a.net, b.net))
      .slice(0, most)
      .map(({ assignment }) => assignment);
  }

  #isOf(pool: Pool, { assignment }: Rows['live']): boolean {
    return this.#world.row('assignment', String(assignment))?.pool === pool.id;
  }

  usedIn(id: number, range: UnitRange): number {
    const pool = this.#world.row('pool', String(id));
    if (pool === null) return 0;
    let count = this.#queries.usedIn(pool, range);
    for (const { row, stored } of this.#entries.poolFree.values()) {
      const bars = (one: PoolFree | null): boolean =>
        one !== null && one.pool === id && one.state !== 'free' && this.#lies(pool, one.prefix, range);
      count += Number(bars(row)) - Number(bars(stored));
    }
    for (const { row, stored } of this.#entries.live.values()) {
      const holds = (one: Rows['live'] | null): boolean =>
        one !== null && this.#isOf(pool, one) && this.#lies(pool, one.prefix, range);
      count += Number(holds(row)) - Number(holds(stored));
    }
    return count;
  }

  #lies(pool: Pool, unit: Prefix, { first, last }: UnitRange): boolean {
    const number = unitNumber(unit.bytes, pool.unitLength);
    return number >= first && number <= last;
  }

  #keys(pool: number, prefixes: readonly string[]): string[] {
    return prefixes.map((prefix) => `${String(pool)}/${prefix}`);
  }

  /** Stored keys with those that this batch wrote; with `strict`, only those that are still so. */
  #merged(keys: readonly string[], is: (row: PoolFree) => boolean, strict = false): readonly string[] {
    const fresh: string[] = [];
    for (const [key, { row, stored }] of this.#entries.poolFree) {
      if (row !== null && row !== stored && is(row)) fresh.push(key);
    }
    if (fresh.length === 0 && !strict) return keys;
    const row = (key: string): PoolFree | null => this.#world.row('poolFree', key);
    return [...new Set([...keys, ...fresh])]
      .map((key) => ({ key, row: row(key) }))
      .filter((one) => !strict || (one.row !== null && is(one.row)))
      .sort((a, b) => compareFreed(a.row, b.row))
      .map(({ key }) => key);
  }
}
