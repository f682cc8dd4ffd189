/** The units of a pool: which one comes next, and what becomes of one that is used, left or found occupied. */
import { contains, overlaps, prefixOf, samePrefix, unitCount, unitIndex, type Prefix } from './address.js';
import type { Draft } from './draft.js';
import type { Policy, PoolPolicy } from './policy.js';
import { poolFreeKey } from './keys.js';
import type { Pool, PoolFree } from './records.js';

/** Where a unit is counted. `never` and `excluded` have no counter: they follow from the pool's size. */
type UnitClass = 'never' | 'free' | 'barred' | 'held';

/** How many units a pool never hands out: see {@link isExcluded}. */
export function excludedCount(pool: Pick<Pool, 'prefix' | 'unitLength' | 'use'>): number {
  if (pool.use !== 'address') return 0;
  if (pool.prefix.bytes.length === 4) return pool.prefix.length <= 30 ? 2 : 0;
  return pool.prefix.length <= 126 ? 1 : 0;
}

/**
 * Whether a unit is never handed out: the network and broadcast address of an IPv4 pool (not of a /31 or /32, RFC 3021),
 * and the Subnet-Router anycast address of an IPv6 pool (RFC 4291 section 2.6.1; not of a /127, RFC 6164).
 */
export function isExcluded(pool: Pick<Pool, 'prefix' | 'unitLength' | 'use'>, unit: Prefix): boolean {
  const count = excludedCount(pool);
  if (count === 0) return false;
  const index = unitIndex(pool.prefix, unit);
  return index === 0n || (count === 2 && index === unitCount(pool.prefix, pool.unitLength) - 1n);
}

/** Units that nobody holds and nothing bars: those never used and those free again. */
export function freeCount(pool: Pool): bigint {
  return unitCount(pool.prefix, pool.unitLength) - BigInt(pool.excluded + pool.held + pool.barred);
}

/** The unit of `pool` that `prefix` lies in, or null where the prefix is wider than one unit or outside. */
export function unitOf(pool: Pick<PoolPolicy, 'prefix' | 'unitLength'>, prefix: Prefix): Prefix | null {
  if (prefix.length < pool.unitLength || !contains(pool.prefix, prefix)) return null;
  return prefixOf(prefix.bytes, pool.unitLength);
}

/** The pools of the store around a prefix, also those that the config has dropped. */
export function poolsAround(d: Draft, vrf: number, prefix: Prefix): Pool[] {
  return d
    .pools()
    .map((id) => d.get('pool', id))
    .filter((pool) => pool.vrf === vrf && contains(pool.prefix, prefix));
}

/** A session shows an address of no pool of the config: a retired pool around it has to know before it comes back. */
export function strayOnto(d: Draft, vrf: number, prefix: Prefix, now: number): void {
  for (const pool of poolsAround(d, vrf, prefix)) {
    const unnoted = pool.retiredAt !== null && pool.unsureSince === null;
    if (unnoted && unitOf(pool, prefix) !== null) d.put('pool', { ...pool, unsureSince: now });
  }
}

/**
 * Until when a pool that came back hands out nothing, or null: who was on it while it was retired is noticed when he
 * reports again, and one interim round, in which addrd listens, shows them all. `unsureSince` of a retired pool is when the
 * first of them came; of one in the config, when it came into it.
 */
export function unsureUntil(d: Draft, pool: Pool, now: number, policy: Policy): number | null {
  if (pool.unsureSince === null) return null;
  const round = policy.interimRoundMs;
  const listening = d.find('meta', 'listening_since')?.value ?? 0;
  const broken = listening > pool.unsureSince && listening <= pool.unsureSince + round;
  const until = (broken ? listening : pool.unsureSince) + round;
  return now < until ? until : null;
}

/** Whether sessions may stand, unnoticed, on what a pool would hand out that is created or comes back now. */
export function isUnsure(d: Draft, wanted: Pick<Pool, 'vrf' | 'prefix'>, now: number, policy: Policy): boolean {
  return d.pools().some((id) => {
    const pool = d.get('pool', id);
    if (pool.vrf !== wanted.vrf || !overlaps(pool.prefix, wanted.prefix)) return false;
    return pool.retiredAt === null ? unsureUntil(d, pool, now, policy) !== null : pool.unsureSince !== null;
  });
}

const COUNTER = { free: 'freed', barred: 'barred', held: 'held' } as const;

function recount(d: Draft, id: number, from: UnitClass, to: UnitClass): Pool {
  let pool = d.get('pool', id);
  if (from === to) return pool;
  if (from !== 'never') pool = { ...pool, [COUNTER[from]]: pool[COUNTER[from]] - 1 };
  if (to !== 'never') pool = { ...pool, [COUNTER[to]]: pool[COUNTER[to]] + 1 };
  return d.put('pool', pool);
}

function classOf(past: PoolFree | null): UnitClass {
  if (past === null) return 'never';
  return past.state === 'free' ? 'free' : 'barred';
}

/** The next unit to hand out: one never used, else the least recently freed; null when the pool is exhausted. */
export function nextUnit(d: Draft, pool: Pool): Prefix | null {
  let from = pool.cursor;
  for (;;) {
    const unit = d.unused(pool.id, from);
    if (unit === null) {
      // Not to be walked over again by every allocation that follows.
      const end = unitCount(pool.prefix, pool.unitLength);
      if (pool.cursor !== end) d.put('pool', { ...pool, cursor: end });
      break;
    }
    if (!isExcluded(pool, unit)) return unit;
    from = unitIndex(pool.prefix, unit) + 1n;
  }
  for (const key of d.freed(pool.id)) {
    const past = d.find('poolFree', key);
    if (past?.state === 'free') return past.prefix;
  }
  return null;
}

/** Why a unit with a past cannot be had by this subscriber now, or null where it can. */
export function whyBarred(past: PoolFree | null, subscriber: number | null): PoolFree['state'] | null {
  if (past === null || past.state === 'free') return null;
  // Quarantine protects the next customer from the last one's traffic; the last one himself needs no protection.
  if (past.state === 'quarantined' && subscriber !== null && past.subscriber === subscriber) return null;
  return past.state;
}

/** Takes a unit for an assignment. `next` says that {@link nextUnit} chose it, so all units before it have a past. */
export function takeUnit(d: Draft, pool: Pool, unit: Prefix, next: boolean): void {
  const key = poolFreeKey(pool.id, unit);
  const past = d.find('poolFree', key);
  const counted = recount(d, pool.id, classOf(past), 'held');
  if (past !== null) d.drop('poolFree', key);
  const index = unitIndex(pool.prefix, unit);
  if (past === null && (next || index === pool.cursor)) d.put('pool', { ...counted, cursor: index + 1n });
}

/** Bars a unit that an assignment leaves: in quarantine until `freeAt`, or reserved until it is released by hand. */
export function leaveUnit(
  d: Draft,
  left: Pick<PoolFree, 'pool' | 'prefix' | 'leftAt'> & { assignment: number; subscriber: number },
  state: 'quarantined' | 'reserved',
  freeAt: number,
): void {
  recount(d, left.pool, 'held', 'barred');
  d.put('poolFree', { ...left, state, freeAt, occupants: 0 });
  if (state === 'quarantined') awaitFreedom(d, left.pool, left.prefix, freeAt);
}

function awaitFreedom(d: Draft, pool: number, prefix: Prefix, freeAt: number): void {
  d.put('deadline', { kind: 'quarantine', ref: poolFreeKey(pool, prefix), dueAt: freeAt });
}

/** Marks a unit that a session stands on without an assignment: it cannot be allocated while it does. */
export function occupyUnit(d: Draft, pool: PoolPolicy, unit: Prefix): void {
  // What is never handed out needs no mark; with one it would come free when the session ends.
  if (isExcluded(d.get('pool', pool.id), unit)) return;
  const past = d.find('poolFree', poolFreeKey(pool.id, unit));
  recount(d, pool.id, classOf(past), 'barred');
  d.put('poolFree', {
    pool: pool.id,
    prefix: unit,
    state: past?.state === 'reserved' ? 'reserved' : 'occupied',
    freeAt: past?.freeAt ?? 0,
    leftAt: past?.leftAt ?? 0,
    occupants: (past?.occupants ?? 0) + 1,
    assignment: past?.assignment ?? null,
    subscriber: past?.subscriber ?? null,
  });
}

/** The unit that a session without an assignment occupies by showing `prefix`: perhaps of a pool that was retired since. */
export function occupiedUnit(d: Draft, vrf: number, prefix: Prefix): { pool: Pool; unit: Prefix } | null {
  for (const pool of poolsAround(d, vrf, prefix)) {
    const unit = unitOf(pool, prefix);
    const past = unit === null ? null : d.find('poolFree', poolFreeKey(pool.id, unit));
    if (unit !== null && past !== null && past.occupants > 0) return { pool, unit };
  }
  return null;
}

/** A session that occupied a unit left it at `leftAt`; after the last one the unit is in quarantine until `until`. */
export function vacateUnit(d: Draft, pool: Pick<Pool, 'id'>, unit: Prefix, leftAt: number, until: number): void {
  const past = d.find('poolFree', poolFreeKey(pool.id, unit));
  if (past === null || past.occupants === 0) return;
  const occupants = past.occupants - 1;
  if (occupants > 0 || past.state === 'reserved') {
    d.put('poolFree', { ...past, leftAt, occupants });
    return;
  }
  const freeAt = Math.max(past.freeAt, until);
  d.put('poolFree', { ...past, state: 'quarantined', freeAt, leftAt, occupants: 0 });
  awaitFreedom(d, pool.id, unit, freeAt);
}

/** Ends a quarantine whose time has come. Returns whether the unit became free. */
export function freeUnit(d: Draft, past: PoolFree, now: number): boolean {
  if (past.state !== 'quarantined' || past.freeAt > now) return false;
  recount(d, past.pool, 'barred', 'free');
  d.put('poolFree', { ...past, state: 'free' });
  return true;
}

/** Whether a prefix is exactly one unit of the pool that may be handed out. */
export function isUnit(pool: Pool, prefix: Prefix): boolean {
  const unit = unitOf(pool, prefix);
  return unit !== null && samePrefix(unit, prefix) && !isExcluded(pool, prefix);
}

/** Whether a live assignment holds the unit or a part of it. */
export function isTaken(d: Draft, pool: Pool, unit: Prefix): boolean {
  return d.overlapping(pool.vrf, unit).length > 0;
}
