/** From which pool an allocation is served, and with which of its units. */
import { contains, formatAddress, formatPrefix, prefixOf, type Prefix } from './address.js';
import type { Draft } from './draft.js';
import type { AllocateEvent } from './events.js';
import { poolFreeKey } from './keys.js';
import type { NasPolicy, Policy, PoolPolicy } from './policy.js';
import { waitOf, type Wait } from './pool-wait.js';
import type { Pool } from './records.js';
import { heldByRestore } from './restored.js';
import { isoTime } from './time.js';
import {
  formerUnit,
  isTaken,
  isUnit,
  isUnsureUnit,
  isWhollyUnsure,
  nextRested,
  nextUnit,
  surePool,
  whyBarred,
} from './units.js';
import type { Verdict } from './world.js';
import { edgeOf } from './zones.js';

/** What is handed out. `next`: it is what the pool hands out next, and nobody's own. */
export interface Chosen {
  readonly pool: Pool;
  readonly unit: Prefix;
  readonly next: boolean;
}

/** What a caller is told beside the refusal, as JSON: which pools have nothing left, and when one has something again. */
interface Exhausted {
  readonly pools: readonly string[];
  readonly next_free_at: string | null;
  /** Seconds until then, or until the time before which nothing can be. */
  readonly retry_after: number | null;
}

function refused(code: string, detail: string, reply: Exhausted | null = null): Verdict {
  return { verdict: 'refused', code, detail, reply };
}

/** The config entry of a NAS by its name or by its address, or null. */
function entryOf(d: Draft, tenant: string, nas: string, policy: Policy): NasPolicy | null {
  const named = policy.nas.get(nas);
  if (named !== undefined) return named.tenant === tenant ? named : null;
  const vrfs = new Set([0, ...Array.from(policy.nas.values(), ({ vrf }) => vrf)]);
  for (const id of [...vrfs].flatMap((vrf) => d.nasesIn(vrf))) {
    const row = d.get('nas', id);
    if (row.tenant === tenant && formatAddress(row.address) === nas) return policy.nas.get(row.entry) ?? null;
  }
  return null;
}

/**
 * The pools that may serve an allocation, in the order of the config; where none may, why. All of them are of one VRF: an
 * address of another is no substitute.
 */
export function choosePools(d: Draft, event: AllocateEvent, policy: Policy): readonly Pool[] | Verdict {
  const { pool: name, family, nas = null, vrf = null, use = null } = event;
  const entry = nas === null ? null : entryOf(d, event.tenant, nas, policy);
  if (nas !== null && entry === null)
    return refused('unknown-nas', `no entry of the config and no NAS heard is ${nas}`);
  const space = vrf === null ? (entry?.vrf ?? null) : d.vrfNamed(vrf);
  if (vrf !== null && space === null) return refused('unknown-vrf', `no pool is of VRF ${vrf}`);
  // His sessions stand in the VRF of the NAS: one of another would never be seen in service.
  if (entry !== null && space !== null && entry.vrf !== space) {
    const at = `NAS ${entry.name} is in VRF ${nameOfVrf(d, entry.vrf)}`;
    return refused('pool-mismatch', `${at}, not in VRF ${nameOfVrf(d, space)}; name one of the two only`);
  }
  const serves = (pool: PoolPolicy): boolean => {
    const nases = pool.nas ?? [];
    if (use !== null && pool.use !== use) return false;
    if (space !== null && pool.vrf !== space) return false;
    return entry === null ? name !== null || nases.length === 0 : nases.length === 0 || nases.includes(entry.name);
  };
  const own = policy.pools.filter((pool) => pool.tenant === event.tenant && (name === null || pool.name === name));
  if (name !== null) {
    const [named] = own;
    if (named === undefined) return refused('unknown-pool', absent(d, event.tenant, name));
    if (named.family !== family) return refused('wrong-family', `pool ${name} does not hand out ${family}`);
    if (!serves(named))
      return refused('pool-mismatch', `pool ${name} does not serve this ${mismatch(d, named, event, entry)}`);
    return [d.get('pool', named.id)];
  }
  // A subnet behind a subscriber is no address for himself, and is handed out only where somebody asks for one.
  const fitting = own.filter(
    (pool) =>
      pool.family === family && pool.kind !== 'external' && serves(pool) && (use !== null || pool.use !== 'routed'),
  );
  const spaces = new Set(fitting.map((pool) => pool.vrf));
  if (spaces.size > 1 && !spaces.has(GLOBAL)) {
    const names = fitting.map((pool) => pool.name).join(', ');
    return refused('pool-required', `pools of several VRFs hand out ${family}: ${names}; name one of them, or the VRF`);
  }
  if (fitting.length === 0) return refused('unknown-pool', `no pool hands out ${family}${asked(event)}`);
  const only = spaces.size > 1 ? GLOBAL : ([...spaces][0] ?? GLOBAL);
  const chosen = fitting.filter((pool) => pool.vrf === only);
  const { requested } = event;
  const around = requested === null ? [] : chosen.filter((pool) => contains(pool.prefix, requested));
  if (around.length > 0) return around.map(({ id }) => d.get('pool', id));
  // Where nobody says what it is for, an address and a WAN prefix are no substitutes for each other.
  const first = use ?? chosen[0]?.use;
  return chosen.filter((pool) => pool.use === first).map(({ id }) => d.get('pool', id));
}

/** Why a pool of a name hands out nothing: it never was, or the config names it no more. */
export function absent(d: Draft, tenant: string, name: string): string {
  const pools = d.pools().map((id) => d.get('pool', id));
  const retired = pools.find((pool) => pool.tenant === tenant && pool.name === name)?.retiredAt ?? null;
  if (retired === null) return `there is no pool ${name}`;
  return `pool ${name} is retired: the config does not name it since ${isoTime(retired)}; name another one`;
}

/** The number of the VRF that is meant where none is named. */
const GLOBAL = 0;

function nameOfVrf(d: Draft, id: number): string {
  return d.get('vrf', id).name;
}

function mismatch(
  d: Draft,
  pool: PoolPolicy,
  { use = null, vrf = null }: AllocateEvent,
  entry: NasPolicy | null,
): string {
  if (use !== null && pool.use !== use) return `use: its prefixes are for ${pool.use}`;
  const serves = pool.nas ?? [];
  if (entry !== null && serves.length > 0 && !serves.includes(entry.name)) return `NAS: it serves ${serves.join(', ')}`;
  const its = `it is of VRF ${nameOfVrf(d, pool.vrf)}`;
  return vrf !== null || entry === null ? `VRF: ${its}` : `NAS: ${its}, the NAS in VRF ${nameOfVrf(d, entry.vrf)}`;
}

function asked({ use = null, vrf = null, nas = null }: AllocateEvent): string {
  const parts = [
    use === null ? '' : ` for ${use}`,
    vrf === null ? '' : ` in VRF ${vrf}`,
    nas === null ? '' : ` at NAS ${nas}`,
  ];
  return parts.join('');
}

/**
 * The unit to assign: the one that is asked for; else what the subscriber had last; else the next of the first pool that has
 * any. Where there is none, why.
 */
export function chooseUnit(
  d: Draft,
  fitting: readonly Pool[],
  event: Pick<AllocateEvent, 'requested' | 'receivedAt'>,
  subscriber: number | null,
  policy: Policy,
): Chosen | Verdict {
  const now = event.receivedAt;
  const pools = fitting.map((pool) => surePool(d, pool, now, policy));
  const held = heldByRestore(d, now, policy);
  if (held !== null) return held;
  if (event.requested !== null) return requestedUnit(d, pools, event.requested, subscriber, now, policy);
  const sure = pools.filter((pool) => !isWhollyUnsure(d, pool, now, policy));
  for (const pool of subscriber === null ? [] : sure) {
    const isSticky = policy.pools.find(({ id }) => id === pool.id)?.sticky !== false;
    const unit = isSticky && subscriber !== null ? formerUnit(d, pool, subscriber) : null;
    if (unit !== null) return { pool, unit, next: false };
  }
  for (const pool of sure) {
    const unit = nextUnit(d, pool);
    if (unit !== null) return { pool, unit, next: true };
  }
  for (const pool of pools) {
    const wait = waitOf(d, pool, now, policy);
    if (wait !== null) return unsure(pool, wait);
  }
  return exhausted(d, pools, now);
}

function requestedUnit(
  d: Draft,
  pools: readonly Pool[],
  unit: Prefix,
  subscriber: number | null,
  now: number,
  policy: Policy,
): Chosen | Verdict {
  const name = formatPrefix(unit);
  const pool = pools.find((one) => contains(one.prefix, unit)) ?? pools[0];
  if (pool === undefined || !isUnit(pool, unit)) return refused('not-in-pool', whyNoUnit(pools, pool, unit));
  const wait = isUnsureUnit(d, pool, unit, now, policy) ? waitOf(d, pool, now, policy) : null;
  if (wait !== null) return unsure(pool, wait);
  if (isTaken(d, pool, unit)) return refused('address-taken', `${name} is held by another assignment`);
  const barred = whyBarred(d, d.find('poolFree', poolFreeKey(pool.id, unit)), subscriber);
  if (barred === null) return { pool, unit, next: false };
  const due = d.find('deadline', `quarantine/${poolFreeKey(pool.id, unit)}`)?.dueAt ?? now;
  const until = barred === 'quarantined' && due > now ? ` until ${isoTime(due)} at least` : '';
  return refused(`address-${barred}`, `${name} is ${barred}${until}`);
}

/** Why none of the pools hands out a prefix, and what to ask for instead. `near`: the one that it is nearest to. */
export function whyNoUnit(pools: readonly Pool[], near: Pool | undefined, unit: Prefix): string {
  const name = formatPrefix(unit);
  if (near === undefined || !(contains(near.prefix, unit) || contains(unit, near.prefix))) {
    const where = pools.map((pool) => `${pool.name} (${formatPrefix(pool.prefix)})`).join(', ');
    const which = pools.length === 1 ? `pool ${where}` : `the pools that fit: ${where}`;
    return `${name} is outside ${which}; name an address within, or another pool`;
  }
  if (unit.length !== near.unitLength) {
    const whole = unit.length === unit.bytes.length * 8;
    const fit = formatPrefix(prefixOf(unit.bytes, near.unitLength));
    const fault = whole ? `has no length: write ${fit}` : 'has another length';
    return `${name} ${fault}; pool ${near.name} hands out /${String(near.unitLength)}`;
  }
  const edge = edgeOf(near, unit);
  if (edge !== null) return `${name} is the ${edge} address of pool ${near.name}, which is never handed out`;
  return `${name} is excluded from pool ${near.name} by the config (pools[].excluded); name another one`;
}

function unsure(pool: Pool, { because, until }: Wait): Verdict {
  const name = pool.unsurePart.length === 0 ? `pool ${pool.name}` : `what was added to pool ${pool.name}`;
  const hands = pool.unsurePart.length === 0 ? 'hands out' : 'is handed out';
  const when = because === null ? `${hands} from ${isoTime(until)}` : `waits for one interim round: ${because}`;
  return refused('pool-unsure', `${name} was not in the config before, and ${when}`);
}

/** Names the pools that have nothing left, and when the next of their units leaves quarantine. */
function exhausted(d: Draft, pools: readonly Pool[], now: number): Verdict {
  const names = pools.map(({ name }) => name);
  const rested = pools.flatMap((pool) => nextRested(d, pool) ?? []);
  const known = rested.filter(({ isKnown }) => isKnown);
  const next = rested.length === 0 ? null : Math.min(...(known.length > 0 ? known : rested).map(({ at }) => at));
  // What should be free already is held back by a brake or a gap, and nobody can say for how long.
  const due = next !== null && next > now ? next : null;
  const what = pools.length === 1 ? `pool ${names.join()} has` : `pools ${names.join(', ')} have`;
  const tells = known.length > 0 ? 'the next leaves quarantine at' : 'nothing leaves quarantine before';
  const when = due === null ? '' : `; ${tells} ${isoTime(due)}`;
  const none = next === null ? '; nothing of it is in quarantine' : when;
  return refused('pool-exhausted', `${what} no free address${none}`, {
    pools: names,
    next_free_at: due === null || known.length === 0 ? null : isoTime(due),
    retry_after: due === null ? null : Math.ceil((due - now) / 1_000),
  });
}
