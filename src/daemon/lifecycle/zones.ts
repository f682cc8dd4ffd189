/** The parts of a pool: what it hands out, what only by request and what never, and how many units of each are left. */
import type { Prefix } from './address.js';
import { includes, rangeOf, sizeOf, subtract, union, unitNumber, type UnitRange } from './ranges.js';
import type { Pool, PoolUse } from './records.js';

/** Where a unit lies. `outside`: the pool has shrunk since it was handed out. */
export type Zone = 'open' | 'reserved' | 'excluded' | 'outside';

/** What the parts of a pool follow from. */
export interface Layout {
  readonly prefix: Prefix;
  readonly unitLength: number;
  readonly use: PoolUse;
  readonly excluded?: readonly UnitRange[];
  readonly reserved?: readonly UnitRange[];
}

/**
 * What no pool hands out: the network and broadcast address of IPv4 (not of a /31 or /32, RFC 3021), and the Subnet-Router
 * anycast address of IPv6 (RFC 4291 section 2.6.1; not of a /127, RFC 6164).
 */
function edgesOf({ prefix, unitLength, use }: Layout): UnitRange[] {
  const { first, last } = rangeOf(prefix, unitLength);
  if (use !== 'address' || last - first < 2n) return [];
  const start = { first, last: first };
  return prefix.bytes.length === 4 ? [start, { first: last, last }] : [start];
}

/** What a unit is that no pool hands out by its place alone, in the words of its RFC; or null. */
export function edgeOf(layout: Layout, unit: Prefix): 'network' | 'broadcast' | 'Subnet-Router anycast' | null {
  const at = edgesOf(layout).findIndex(({ first }) => first === unitNumber(unit.bytes, layout.unitLength));
  if (at === -1) return null;
  if (unit.bytes.length !== 4) return 'Subnet-Router anycast';
  return at === 0 ? 'network' : 'broadcast';
}

/** The excluded and the reserved units of a layout, within its prefix; what is both is excluded. */
export function partsOf(layout: Layout): { excluded: UnitRange[]; reserved: UnitRange[] } {
  const whole = [rangeOf(layout.prefix, layout.unitLength)];
  const within = (ranges: readonly UnitRange[]): UnitRange[] => subtract(whole, subtract(whole, ranges));
  const excluded = within(union(edgesOf(layout), layout.excluded ?? []));
  return { excluded, reserved: subtract(within(union(layout.reserved ?? [])), excluded) };
}

type Ranges = Pick<Pool, 'prefix' | 'unitLength' | 'excluded' | 'reserved'>;

/** Where a unit of a pool lies. */
export function zoneOf(pool: Ranges, unit: Prefix): Zone {
  const number = unitNumber(unit.bytes, pool.unitLength);
  const { first, last } = rangeOf(pool.prefix, pool.unitLength);
  if (number < first || number > last) return 'outside';
  if (includes(pool.excluded, number)) return 'excluded';
  return includes(pool.reserved, number) ? 'reserved' : 'open';
}

/** The units that an allocation without an address chooses from. */
export function openRanges(pool: Ranges): UnitRange[] {
  return subtract([rangeOf(pool.prefix, pool.unitLength)], union(pool.excluded, pool.reserved));
}

/**
 * What a pool has: free + held + barred + excluded = size. Units in use outside the prefix count as of its size until they
 * end, and excluded units in use as held or barred until then. `reserved` are those of the free that are handed out by
 * request only.
 */
export interface Census {
  readonly size: bigint;
  readonly free: bigint;
  readonly reserved: bigint;
  readonly excluded: bigint;
  readonly held: number;
  readonly barred: number;
  /** What an allocation without an address can have of the pool at most, and how much of it is in use. */
  readonly usable: bigint;
  readonly used: bigint;
}

/** Counts a pool's units. */
export function censusOf(pool: Pool): Census {
  const { held, barred, usedExcluded, usedReserved, usedOutside } = pool;
  const whole = sizeOf([rangeOf(pool.prefix, pool.unitLength)]);
  const excluded = sizeOf(pool.excluded);
  const reserved = sizeOf(pool.reserved);
  const inside = BigInt(held + barred - usedExcluded - usedOutside);
  return {
    size: whole + BigInt(usedOutside),
    free: whole - excluded - inside,
    reserved: reserved - BigInt(usedReserved),
    excluded: excluded - BigInt(usedExcluded),
    held,
    barred,
    usable: whole - excluded - reserved,
    used: inside - BigInt(usedReserved),
  };
}
