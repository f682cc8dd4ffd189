/** The pools and VRFs of a config against those of the store: created, compared, retired, taken back. */
import { rewatchPool, unwatchPool, watchPool } from './alarms.js';
import { contains, formatPrefix, overlaps, samePrefix } from './address.js';
import type { Draft } from './draft.js';
import type { ConfiguredPool, ConfigLoadedEvent, DaemonStartedEvent } from './events.js';
import type { Policy } from './policy.js';
import { changeKind } from './pool-kind.js';
import { beginWaits, waitOf } from './pool-wait.js';
import { intersect, rangeOf, sameRanges, subtract, union, type UnitRange } from './ranges.js';
import type { Pool } from './records.js';
import { isUnsure, reopened } from './units.js';
import type { Verdict } from './world.js';
import { censusOf, openRanges, partsOf } from './zones.js';

/** How many free units a decision forgets: as many as one question answers. */
const FORGOTTEN_AT_ONCE = 500;

/** A pool of the config with the number of its VRF. */
type Wanted = Omit<ConfiguredPool, 'vrf'> & Pick<Pool, 'vrf'>;

/** What the journal says of a pool that hands out nothing yet. */
const WAITS = { waits: 'one interim round' };

/** Whether any session of a VRF is open: it may stand on what a new pool covers, and shows that with its next report. */
function isPeopled(d: Draft, vrf: number): boolean {
  return d.nasesIn(vrf).some((nas) => d.openSessions(nas, 1) > 0);
}

/** Creates the VRFs that are new, and returns the number of each that the config names. */
function settleVrfs(d: Draft, names: ReadonlySet<string>): ReadonlyMap<string, number> {
  return new Map([...names].map((name) => [name, d.vrfNamed(name) ?? d.put('vrf', { id: d.nextId('vrf'), name }).id]));
}

/** Creates and compares the pools of a config, and retires those that it drops; the refusal where one does not fit. */
export function settlePools(d: Draft, event: DaemonStartedEvent | ConfigLoadedEvent, policy: Policy): Verdict | null {
  const named = [...(event.vrfs ?? []), ...event.pools.map(({ vrf }) => vrf)];
  const vrfs = settleVrfs(d, new Set(named));
  for (const pool of event.pools) {
    const wanted = { ...pool, vrf: vrfs.get(pool.vrf) ?? 0 };
    const fault = settlePool(d, wanted, event.receivedAt, policy);
    if (fault !== null) return fault;
  }
  retirePools(d, event, policy);
  beginWaits(d, event.receivedAt);
  return null;
}

/** Whether a pool of the store has units in use within a prefix: another pool there would hand them out again. */
function isUsed(d: Draft, known: Pool, { vrf, prefix }: Pick<Pool, 'vrf' | 'prefix'>): boolean {
  if (known.vrf !== vrf || known.held + known.barred === 0) return false;
  if (known.prefix.bytes.length !== prefix.bytes.length) return false;
  if (known.usedOutside === 0 && !overlaps(known.prefix, prefix)) return false;
  return d.units.usedIn(known.id, rangeOf(prefix, known.unitLength)) > 0;
}

/** The refusal of a pool that would hand out again what another one holds, or null; `id` is its own number, if it has one. */
function overlapsUsed(d: Draft, wanted: Wanted, id: number | null): Verdict | null {
  const heir = d.pools().find((other) => other !== id && isUsed(d, d.get('pool', other), wanted));
  if (heir === undefined) return null;
  const { name, prefix } = d.get('pool', heir);
  const detail = `pool ${wanted.name} overlaps pool ${name} (${formatPrefix(prefix)}) of the store, whose addresses there are held or in quarantine; keep its name`;
  return { verdict: 'refused', code: 'pool-overlaps', detail, reply: null };
}

/** Marks the pools that the config has dropped, and those that are back. What they hold is looked after all the same. */
function retirePools(
  d: Draft,
  { pools, receivedAt: now }: DaemonStartedEvent | ConfigLoadedEvent,
  policy: Policy,
): void {
  for (const id of d.pools()) {
    const pool = d.get('pool', id);
    const wanted = pools.some(({ tenant, name }) => tenant === pool.tenant && name === pool.name);
    if (wanted === (pool.retiredAt === null)) continue;
    if (wanted) {
      const unsureSince = isUnsure(d, pool, now, policy) ? now : null;
      d.put('pool', { ...pool, retiredAt: null, unsureSince, unsurePart: [] });
      watchPool(d, id, 1, now);
    } else {
      const unsureSince = waitOf(d, pool, now, policy) === null ? null : pool.unsureSince;
      d.put('pool', { ...pool, retiredAt: now, unsureSince, unsurePart: [] });
      unwatchPool(d, pool, now);
    }
    const { tenant, vrf, prefix, name } = pool;
    const kind = wanted ? 'pool-back' : 'pool-retired';
    const waits = wanted && d.get('pool', id).unsureSince !== null ? WAITS : {};
    d.note({ at: now, kind, tenant, actor: 'addrd', pool: id, vrf, prefix, detail: { name, ...waits } });
  }
}

/** What the config would change of a pool that cannot be changed, and the way out; null where nothing. */
function changesOf(d: Draft, known: Pool, wanted: Wanted): string | null {
  const told = ({ vrf, family, use, unitLength }: Wanted | Pool): readonly (readonly [string, string])[] => [
    ['VRF', d.get('vrf', vrf).name],
    ['family', family],
    ['use', use],
    ['unit length', `/${String(unitLength)}`],
  ];
  const [was, is] = [told(known), told(wanted)];
  const changes = was.flatMap(([key, value], i) => {
    const now = is[i]?.[1] ?? '';
    return now === value ? [] : [`${key} is ${value} in the store and ${now} in the config`];
  });
  if (changes.length === 0) return null;
  const way = 'so give the new one another name; this one retires when the config leaves it out';
  return `pool ${known.name}: ${changes.join(', ')}; its addresses are on record, ${way}`;
}

/** Creates a pool, or checks that it is still the one its addresses were handed out from. */
function settlePool(d: Draft, wanted: Wanted, now: number, policy: Policy): Verdict | null {
  const id = d.poolNamed(wanted.tenant, wanted.name);
  if (id === null) {
    const fault = overlapsUsed(d, wanted, null);
    if (fault !== null) return fault;
    const waits = isPeopled(d, wanted.vrf) || isUnsure(d, wanted, now, policy);
    const { reserved, excluded } = partsOf(wanted);
    const {
      tenant: owner,
      name: called,
      vrf: space,
      family,
      use,
      kind,
      prefix: own,
      unitLength,
      quarantineMs,
    } = wanted;
    const pool = d.put('pool', {
      ...NOTHING_USED,
      id: d.nextId('pool'),
      tenant: owner,
      name: called,
      vrf: space,
      family,
      use,
      kind,
      prefix: own,
      unitLength,
      quarantineMs,
      excluded,
      reserved,
      retiredAt: null,
      unsureSince: waits ? now : null,
      unsurePart: [],
      survey: null,
    });
    const { tenant, name, vrf, prefix } = wanted;
    const detail = { name, ...(waits ? WAITS : {}) };
    d.note({ at: now, kind: 'pool-created', tenant, actor: 'addrd', pool: pool.id, vrf, prefix, detail });
    return null;
  }
  const known = d.get('pool', id);
  const changed = changesOf(d, known, wanted);
  if (changed !== null) return { verdict: 'refused', code: 'pool-changed', detail: changed, reply: null };
  // What it comes back to, or grows into, may have been handed out by a pool that had its place meanwhile.
  const stays = known.retiredAt === null && contains(known.prefix, wanted.prefix);
  const fault = stays ? null : overlapsUsed(d, wanted, id);
  if (fault !== null) return fault;
  const unsure = doubts(d, known, wanted, now, policy);
  const { quarantineMs } = wanted;
  const knows = known.unsureSince === unsure.unsureSince && sameRanges(known.unsurePart, unsure.unsurePart);
  if (!knows || known.quarantineMs !== quarantineMs) d.put('pool', { ...known, ...unsure, quarantineMs });
  changeKind(d, d.get('pool', id), wanted, now, policy);
  reshape(d, d.get('pool', id), wanted, now);
  return null;
}

/**
 * Since when, and where, sessions may be on what a pool covers from now on that nobody had to notice: what is added to it
 * waits from now, and with it what waits already.
 */
function doubts(
  d: Draft,
  known: Pool,
  wanted: Wanted,
  now: number,
  policy: Policy,
): Pick<Pool, 'unsureSince' | 'unsurePart'> {
  const { retiredAt, unsureSince, unsurePart } = known;
  const is = [rangeOf(wanted.prefix, known.unitLength)];
  const added = subtract(is, [rangeOf(known.prefix, known.unitLength)]);
  const waits = retiredAt === null ? waitOf(d, known, now, policy) !== null : unsureSince !== null;
  const whole = retiredAt !== null || (waits && unsurePart.length === 0);
  const waiting = waits ? intersect(unsurePart, is) : [];
  if (added.length > 0 && (isPeopled(d, known.vrf) || isUnsure(d, wanted, now, policy))) {
    return { unsureSince: now, unsurePart: whole ? [] : union(waiting, added) };
  }
  return { unsureSince: whole || waiting.length > 0 ? unsureSince : null, unsurePart: waiting };
}

const NOTHING_USED = {
  cursor: 0n,
  skips: [],
  held: 0,
  barred: 0,
  freed: 0,
  usedExcluded: 0,
  usedReserved: 0,
  usedOutside: 0,
  former: [],
  strayed: false,
} as const;

/**
 * Gives a pool the prefix and the ranges of the config. What is in use stays until it ends, wherever it lies now; what was
 * free where the pool does not hand out any more is forgotten, and what it hands out now may be new.
 */
function reshape(d: Draft, known: Pool, wanted: Wanted, now: number): void {
  const { excluded, reserved } = partsOf(wanted);
  const moved = !samePrefix(known.prefix, wanted.prefix);
  if (!moved && sameRanges(known.excluded, excluded) && sameRanges(known.reserved, reserved)) return;
  const shaped = { ...known, prefix: wanted.prefix, excluded, reserved };
  const [before, after] = [openRanges(known), openRanges(shaped)];
  const [was, is] = [[rangeOf(known.prefix, known.unitLength)], [rangeOf(wanted.prefix, known.unitLength)]];
  const former = subtract(union(known.former, was), is);
  const strayed = known.strayed && former.length > 0;
  const counted = { ...shaped, ...usedBy(d, known, shaped), former, strayed };
  const pool = d.put('pool', reopened(counted, known, subtract(after, before)));
  forget(d, pool, subtract(before, after), now);
  if (pool.retiredAt === null) rewatchPool(d, pool.id, now);
  const { tenant, vrf, prefix, name } = pool;
  const census = censusOf(pool);
  const counts = { excluded: String(census.excluded), reserved: String(census.reserved), outside: pool.usedOutside };
  const waits = moved && pool.unsureSince === now ? WAITS : {};
  const detail = { name, ...(moved ? { was: formatPrefix(known.prefix) } : {}), ...counts, ...waits };
  d.note({ at: now, kind: 'pool-reshaped', tenant, actor: 'addrd', pool: pool.id, vrf, prefix, detail });
}

/** The units in use by the parts of the new shape; only what lies elsewhere than before is counted. */
function usedBy(d: Draft, known: Pool, shaped: Pool): Pick<Pool, 'usedExcluded' | 'usedReserved' | 'usedOutside'> {
  const used = (ranges: readonly UnitRange[]): number =>
    ranges.reduce((sum, range) => sum + d.units.usedIn(known.id, range), 0);
  const change = (before: readonly UnitRange[], after: readonly UnitRange[]): number =>
    used(subtract(after, before)) - used(subtract(before, after));
  const whole = (pool: Pool): UnitRange[] => [rangeOf(pool.prefix, pool.unitLength)];
  return {
    usedExcluded: known.usedExcluded + change(known.excluded, shaped.excluded),
    usedReserved: known.usedReserved + change(known.reserved, shaped.reserved),
    // Outside is what is not inside.
    usedOutside: known.usedOutside - change(whole(known), whole(shaped)),
  };
}

/** Forgets the past of free units where a pool hands out nothing any more: some now, the rest at the next deadlines. */
function forget(d: Draft, pool: Pool, ranges: readonly UnitRange[], now: number): void {
  const keys: string[] = [];
  for (const range of ranges) if (keys.length < FORGOTTEN_AT_ONCE) keys.push(...d.units.freedIn(pool.id, range));
  const some = keys.slice(0, FORGOTTEN_AT_ONCE);
  for (const key of some) d.drop('poolFree', key);
  const counted = d.get('pool', pool.id);
  if (some.length > 0) d.put('pool', { ...counted, freed: counted.freed - some.length });
  // As many as one question answers: there may be more.
  if (keys.length >= FORGOTTEN_AT_ONCE) d.put('deadline', { kind: 'pool-trim', ref: String(pool.id), dueAt: now });
}

/** Goes on forgetting what {@link reshape} began. */
export function trimPool(d: Draft, id: number, now: number): void {
  const pool = d.get('pool', id);
  const octets = pool.prefix.bytes.length;
  d.drop('deadline', `pool-trim/${String(id)}`);
  const everything = [rangeOf({ bytes: new Uint8Array(octets), length: 0 }, pool.unitLength)];
  forget(d, pool, subtract(everything, openRanges(pool)), now);
}
