/** The units of a pool: which one comes next, and what becomes of one that is used, left or found occupied. */
import { contains, overlaps, prefixOf, samePrefix, type Prefix } from './address.js';
import type { Draft } from './draft.js';
import type { Policy, PoolPolicy } from './policy.js';
import { poolFreeKey } from './keys.js';
import { waitOf } from './pool-wait.js';
import { includes, intersect, rangeOf, subtract, union, unitNumber, type UnitRange } from './ranges.js';
import type { Pool, PoolFree, Session } from './records.js';
import type { Rested } from './world.js';
import { openRanges, zoneOf } from './zones.js';

/** Where a unit is counted. `never` has no counter: it follows from the pool's size. */
type UnitClass = 'never' | 'free' | 'barred' | 'held';

/** The unit of `pool` that `prefix` lies in, or null where the prefix is wider than one unit or outside. */
export function unitOf(pool: Pick<PoolPolicy, 'prefix' | 'unitLength'>, prefix: Prefix): Prefix | null {
  if (prefix.length < pool.unitLength || !contains(pool.prefix, prefix)) return null;
  return prefixOf(prefix.bytes, pool.unitLength);
}

/**
 * The pools of the store that may know of a prefix, also those that the config has dropped: those around it, then those that
 * have shrunk and have units in use outside.
 */
export function poolsAround(d: Draft, vrf: number, prefix: Prefix): Pool[] {
  const pools = d
    .pools()
    .map((id) => d.get('pool', id))
    .filter((pool) => pool.vrf === vrf && pool.prefix.bytes.length === prefix.bytes.length);
  const around = pools.filter((pool) => contains(pool.prefix, prefix));
  return [...around, ...pools.filter((pool) => pool.usedOutside > 0 && !around.includes(pool))];
}

/**
 * A session shows an address of no pool of the config: a retired pool around it, or one that covered it before it shrank, has
 * to know before it comes back there.
 */
export function strayOnto(d: Draft, vrf: number, prefix: Prefix, now: number): void {
  for (const pool of d.pools().map((id) => d.get('pool', id))) {
    if (pool.vrf !== vrf || pool.prefix.bytes.length !== prefix.bytes.length) continue;
    if (pool.retiredAt !== null && pool.unsureSince === null && unitOf(pool, prefix) !== null) {
      d.put('pool', { ...pool, unsureSince: now });
    } else if (!pool.strayed && includes(pool.former, unitNumber(prefix.bytes, pool.unitLength))) {
      d.put('pool', { ...pool, strayed: true });
    }
  }
}

/**
 * Whether a pool hands out nothing at all yet: one that is new or came back. Who was there before is noticed when he reports
 * again, and one interim round, in which addrd listens and hears the NASes, shows them all. `unsureSince` of a retired pool is
 * when the first of them came; of one in the config, when it came into it or has grown, or when the last gap meanwhile ended.
 */
export function isWhollyUnsure(d: Draft, pool: Pool, now: number, policy: Policy): boolean {
  return pool.unsurePart.length === 0 && waitOf(d, pool, now, policy) !== null;
}

/** Whether a pool does not hand out a unit yet: one that has grown waits with what was added. */
export function isUnsureUnit(d: Draft, pool: Pool, unit: Prefix, now: number, policy: Policy): boolean {
  if (pool.unsurePart.length > 0 && !waits(pool, unit)) return false;
  return waitOf(d, pool, now, policy) !== null;
}

function waits(pool: Pool, unit: Prefix): boolean {
  return includes(pool.unsurePart, unitNumber(unit.bytes, pool.unitLength));
}

/** A pool whose wait is over does not wait again, though a NAS fall silent. */
export function surePool(d: Draft, pool: Pool, now: number, policy: Policy): Pool {
  if (pool.unsureSince === null || waitOf(d, pool, now, policy) !== null) return pool;
  return d.put('pool', { ...pool, unsureSince: null, unsurePart: [] });
}

/** A gap that ends at `since`: the pools that are waiting still wait for a whole round after it. */
export function waitAnew(d: Draft, since: number): void {
  for (const pool of d.pools().map((id) => d.get('pool', id))) {
    if (pool.retiredAt === null && pool.unsureSince !== null) d.put('pool', { ...pool, unsureSince: since });
  }
}

/** Whether sessions may stand, unnoticed, on what a pool would hand out that is created or comes back now. */
export function isUnsure(d: Draft, wanted: Pick<Pool, 'vrf' | 'prefix'>, now: number, policy: Policy): boolean {
  return d.pools().some((id) => {
    const pool = d.get('pool', id);
    if (pool.vrf !== wanted.vrf || pool.prefix.bytes.length !== wanted.prefix.bytes.length) return false;
    const left = pool.strayed ? intersect(pool.former, [rangeOf(wanted.prefix, pool.unitLength)]) : [];
    if (left.length > 0) return true;
    if (!overlaps(pool.prefix, wanted.prefix)) return false;
    return pool.retiredAt === null ? waitOf(d, pool, now, policy) !== null : pool.unsureSince !== null;
  });
}

const COUNTER = { free: 'freed', barred: 'barred', held: 'held' } as const;
const USED = { reserved: 'usedReserved', excluded: 'usedExcluded', outside: 'usedOutside' } as const;

function recount(d: Draft, id: number, unit: Prefix, from: UnitClass, to: UnitClass): Pool {
  let pool = d.get('pool', id);
  if (from === to) return pool;
  if (from !== 'never') pool = { ...pool, [COUNTER[from]]: pool[COUNTER[from]] - 1 };
  if (to !== 'never') pool = { ...pool, [COUNTER[to]]: pool[COUNTER[to]] + 1 };
  const change = Number(isUse(to)) - Number(isUse(from));
  const zone = change === 0 ? 'open' : zoneOf(pool, unit);
  if (zone !== 'open') pool = { ...pool, [USED[zone]]: pool[USED[zone]] + change };
  return d.put('pool', pool);
}

function isUse(is: UnitClass): boolean {
  return is === 'held' || is === 'barred';
}

function classOf(past: PoolFree | null): UnitClass {
  if (past === null) return 'never';
  return past.state === 'free' ? 'free' : 'barred';
}

/** The units of which none is new: those behind the cursor and those that it will skip. */
function spentOf(pool: Pool): UnitRange[] {
  const { first } = rangeOf(pool.prefix, pool.unitLength);
  return union(pool.cursor === 0n ? [] : [{ first, last: first + pool.cursor - 1n }], pool.skips);
}

/** A pool whose units of `spent` are not new. */
export function withSpent(pool: Pool, spent: readonly UnitRange[]): Pool {
  const { first } = rangeOf(pool.prefix, pool.unitLength);
  const [start, ...rest] = spent;
  if (start?.first !== first) return { ...pool, cursor: 0n, skips: spent };
  return { ...pool, cursor: start.last - first + 1n, skips: rest };
}

/** A pool in whose ranges there may be new units again, once their bounds are those of `pool`. */
export function reopened(pool: Pool, before: Pool, ranges: readonly UnitRange[]): Pool {
  const whole = [rangeOf(pool.prefix, pool.unitLength)];
  return withSpent(pool, subtract(intersect(spentOf(before), whole), ranges));
}

/** Whether a unit may be handed out without being asked for, as far as its past allows. */
function isReady(pool: Pool, unit: Prefix): boolean {
  return zoneOf(pool, unit) === 'open' && !waits(pool, unit);
}

/** The next unit to hand out: one never used, else the least recently freed; null when the pool is exhausted. */
export function nextUnit(d: Draft, pool: Pool): Prefix | null {
  const ready = subtract(openRanges(pool), pool.unsurePart);
  const fresh = subtract(ready, spentOf(pool));
  for (const range of fresh) {
    const unit = d.units.unused(pool.id, range);
    if (unit !== null) return unit;
  }
  // Not to be walked over again by every allocation that follows.
  if (fresh.length > 0) {
    d.put('pool', withSpent(pool, subtract([rangeOf(pool.prefix, pool.unitLength)], pool.unsurePart)));
  }
  for (let page = 0; ; page++) {
    const keys = d.units.freed(pool.id, page);
    if (keys.length === 0) return null;
    for (const key of keys) {
      const past = d.find('poolFree', key);
      if (past?.state === 'free' && isReady(pool, past.prefix)) return past.prefix;
    }
  }
}

function wasRenumbered(d: Draft, assignment: number): boolean {
  return d.get('assignment', assignment).revoke?.renumberedTo !== undefined;
}

/** The unit that a subscriber had last of a pool, where nobody else may have it before him; or null. */
export function formerUnit(d: Draft, pool: Pool, subscriber: number): Prefix | null {
  const his = d.units
    .former(pool.id, subscriber)
    .map((key) => d.find('poolFree', key))
    .filter((past) => past?.state === 'free' || past?.state === 'quarantined')
    .filter((past) => past !== null && isOwn(d, past, subscriber) && isReady(pool, past.prefix))
    .filter((past) => past === null || past.assignment === null || !wasRenumbered(d, past.assignment));
  return his.at(-1)?.prefix ?? null;
}

/** When the next unit that any subscriber may have leaves quarantine; null where none is there. */
export function nextRested(d: Draft, pool: Pool): Rested | null {
  return d.units.nextRested(pool.id, openRanges(pool));
}

/** Whether a subscriber was the last on a unit: no session may be there still but his own, of which it is known whether it is. */
function isOwn(d: Draft, past: PoolFree, subscriber: number): boolean {
  const isHis = (session: Session): boolean => session.subscriber === subscriber && session.endKind !== 'inferred';
  return past.subscriber === subscriber && past.doubted.every((id) => isHis(d.get('session', id)));
}

/** Why a unit with a past cannot be had by this subscriber now, or null where it can. */
export function whyBarred(d: Draft, past: PoolFree | null, subscriber: number | null): PoolFree['state'] | null {
  if (past === null || past.state === 'free') return null;
  // Quarantine protects the next customer from the last one's traffic; the last one himself needs no protection.
  if (past.state === 'quarantined' && subscriber !== null && isOwn(d, past, subscriber)) return null;
  return past.state;
}

/**
 * Takes a unit for an assignment. `next` says that {@link nextUnit} chose it, so no unit before it is new. Returns the
 * sessions that may be on it still.
 */
export function takeUnit(d: Draft, pool: Pool, unit: Prefix, next: boolean): readonly number[] {
  const key = poolFreeKey(pool.id, unit);
  const past = d.find('poolFree', key);
  const counted = recount(d, pool.id, unit, classOf(past), 'held');
  if (past !== null) d.drop('poolFree', key);
  const number = unitNumber(unit.bytes, pool.unitLength);
  const { first } = rangeOf(pool.prefix, pool.unitLength);
  if (past === null && (next || number === first + pool.cursor)) {
    // But for what waits: that comes later.
    const before = subtract([{ first, last: number }], counted.unsurePart);
    d.put('pool', withSpent(counted, union(before, counted.skips)));
  }
  return past?.doubted ?? [];
}

/** Bars a unit that an assignment leaves: in quarantine until `freeAt`, or reserved until it is released by hand. */
export function leaveUnit(
  d: Draft,
  left: Pick<PoolFree, 'pool' | 'prefix' | 'leftAt' | 'doubted'> & { assignment: number; subscriber: number },
  state: 'quarantined' | 'reserved',
  freeAt: number,
): void {
  recount(d, left.pool, left.prefix, 'held', 'barred');
  d.put('poolFree', { ...left, doubted: left.doubted.slice(-MOST_DOUBTED), state, freeAt, occupants: 0 });
  if (state === 'quarantined') awaitFreedom(d, left.pool, left.prefix, freeAt);
}

function awaitFreedom(d: Draft, pool: number, prefix: Prefix, freeAt: number): void {
  d.put('deadline', { kind: 'quarantine', ref: poolFreeKey(pool, prefix), dueAt: freeAt });
}

/** Puts a barred unit in quarantine until `freeAt`. */
export function barUntil(d: Draft, past: PoolFree, freeAt: number): PoolFree {
  awaitFreedom(d, past.pool, past.prefix, freeAt);
  return d.put('poolFree', { ...past, state: 'quarantined', freeAt });
}

/** The unit of a pool's length that a prefix lies in, also outside the pool; null where it is wider than one. */
export function unitIn(pool: Pick<Pool, 'unitLength'>, prefix: Prefix): Prefix | null {
  return prefix.length < pool.unitLength ? null : prefixOf(prefix.bytes, pool.unitLength);
}

/** Marks a unit that a session stands on without an assignment: it cannot be allocated while it does. */
export function occupyUnit(d: Draft, pool: PoolPolicy, unit: Prefix): void {
  const past = d.find('poolFree', poolFreeKey(pool.id, unit));
  recount(d, pool.id, unit, classOf(past), 'barred');
  d.put('poolFree', {
    pool: pool.id,
    prefix: unit,
    state: past?.state === 'reserved' ? 'reserved' : 'occupied',
    freeAt: past?.freeAt ?? 0,
    leftAt: past?.leftAt ?? 0,
    occupants: (past?.occupants ?? 0) + 1,
    doubted: past?.doubted ?? [],
    assignment: past?.assignment ?? null,
    subscriber: past?.subscriber ?? null,
  });
}

/** The unit that a session without an assignment occupies by showing `prefix`: perhaps of a pool that was retired since. */
export function occupiedUnit(d: Draft, vrf: number, prefix: Prefix): { pool: Pool; unit: Prefix } | null {
  for (const pool of poolsAround(d, vrf, prefix)) {
    const unit = unitIn(pool, prefix);
    const past = unit === null ? null : d.find('poolFree', poolFreeKey(pool.id, unit));
    if (unit !== null && past !== null && past.occupants > 0) return { pool, unit };
  }
  return null;
}

/** So many sessions that may be on a unit still are remembered: the last ones. */
const MOST_DOUBTED = 32;

/** How a session without an assignment left a unit: when, until when the unit rests, and whether that was only inferred. */
export interface Vacating {
  readonly session: Pick<Session, 'id' | 'subscriber'>;
  readonly leftAt: number;
  readonly until: number;
  readonly inferred: boolean;
}

/** A session that occupied a unit left it; after the last one the unit is in quarantine. */
export function vacateUnit(d: Draft, pool: Pick<Pool, 'id'>, unit: Prefix, vacating: Vacating): void {
  const past = d.find('poolFree', poolFreeKey(pool.id, unit));
  if (past === null || past.occupants === 0) return;
  const { session, leftAt, until, inferred } = vacating;
  const occupants = past.occupants - 1;
  const doubted = inferred ? [...past.doubted, session.id].slice(-MOST_DOUBTED) : past.doubted;
  // Who held it before a stranger was on it is not the last one any more, and has no way around its quarantine.
  const last = past.subscriber === session.subscriber ? {} : { assignment: null, subscriber: null };
  const left = { ...past, ...last, leftAt, occupants, doubted };
  if (occupants > 0 || past.state === 'reserved') {
    d.put('poolFree', { ...left, assignment: past.assignment, subscriber: past.subscriber });
    return;
  }
  const freeAt = Math.max(past.freeAt, until);
  d.put('poolFree', { ...left, state: 'quarantined', freeAt });
  awaitFreedom(d, pool.id, unit, freeAt);
}

/** The end of a session that was only inferred is known now: the unit that it occupied rests as after any other, where it was the last of them. */
export function settleOccupant(d: Draft, { id, vrf }: Session, prefix: Prefix, leftAt: number): void {
  for (const pool of poolsAround(d, vrf, prefix)) {
    const unit = unitIn(pool, prefix);
    const past = unit === null ? null : d.find('poolFree', poolFreeKey(pool.id, unit));
    if (past?.doubted.includes(id) !== true) continue;
    const doubted = past.doubted.filter((one) => one !== id);
    const known = d.put('poolFree', { ...past, doubted, leftAt });
    if (past.state === 'quarantined' && doubted.length === 0) barUntil(d, known, leftAt + pool.quarantineMs);
  }
}

/** Ends a quarantine whose time has come. Returns whether the unit became free, or gone with its part of the pool. */
export function freeUnit(d: Draft, past: PoolFree, now: number): boolean {
  if (past.state !== 'quarantined' || past.freeAt > now) return false;
  unbar(d, past);
  return true;
}

/** A barred unit is free. Where the pool does not hand it out by itself, nothing of it is kept. */
function unbar(d: Draft, past: PoolFree): void {
  const isOpen = zoneOf(d.get('pool', past.pool), past.prefix) === 'open';
  recount(d, past.pool, past.prefix, 'barred', isOpen ? 'free' : 'never');
  if (isOpen) d.put('poolFree', { ...past, state: 'free', doubted: [] });
  else d.drop('poolFree', poolFreeKey(past.pool, past.prefix));
}

/** Whether the pool hands a unit out no more: it is excluded, or the pool has shrunk since. */
export function isGone(pool: Pool, unit: Prefix): boolean {
  const zone = zoneOf(pool, unit);
  return zone === 'excluded' || zone === 'outside';
}

/** Whether a tenure may begin on a unit that another held: the pool is in the config, and hands the unit out yet. */
export function mayBegin(pool: Pool, unit: Prefix): boolean {
  return pool.retiredAt === null && !isGone(pool, unit);
}

/** Whether a prefix is exactly one unit of the pool that may be handed out. */
export function isUnit(pool: Pool, prefix: Prefix): boolean {
  const unit = unitOf(pool, prefix);
  return unit !== null && samePrefix(unit, prefix) && zoneOf(pool, unit) !== 'excluded';
}

/** Whether a live assignment holds the unit or a part of it. */
export function isTaken(d: Draft, pool: Pool, unit: Prefix): boolean {
  return d.overlapping(pool.vrf, unit).length > 0;
}
