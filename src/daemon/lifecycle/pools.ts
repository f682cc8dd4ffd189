/** The pools and VRFs of a config against those of the store: created, compared, retired, taken back. */
import { unwatchPool, watchPool } from './alarms.js';
import { formatPrefix, overlaps, samePrefix } from './address.js';
import type { Draft } from './draft.js';
import type { ConfiguredPool, ConfigLoadedEvent, DaemonStartedEvent } from './events.js';
import type { Policy } from './policy.js';
import type { Pool } from './records.js';
import { excludedCount, isUnsure, unsureUntil } from './units.js';
import type { Verdict } from './world.js';

/** A pool of the config with the number of its VRF. */
type Wanted = Omit<ConfiguredPool, 'vrf'> & Pick<Pool, 'vrf'>;

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
  return null;
}

/** Whether a pool of the store knows of addresses that lie in a wanted one: under another name they would be forgotten. */
function isUsed(known: Pool, wanted: Wanted): boolean {
  return known.vrf === wanted.vrf && overlaps(known.prefix, wanted.prefix) && known.held + known.barred > 0;
}

/** The refusal of a pool that would hand out again what another one holds, or null; `id` is its own number, if it has one. */
function overlapsUsed(d: Draft, wanted: Wanted, id: number | null): Verdict | null {
  const heir = d.pools().find((other) => other !== id && isUsed(d.get('pool', other), wanted));
  if (heir === undefined) return null;
  const { name, prefix } = d.get('pool', heir);
  const detail = `pool ${wanted.name} overlaps pool ${name} (${formatPrefix(prefix)}) of the store, whose addresses are held or in quarantine; keep its name`;
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
      d.put('pool', { ...pool, retiredAt: null, unsureSince: isUnsure(d, pool, now, policy) ? now : null });
      watchPool(d, id, 1, now);
    } else {
      const unsureSince = unsureUntil(d, pool, now, policy) === null ? null : pool.unsureSince;
      d.put('pool', { ...pool, retiredAt: now, unsureSince });
      unwatchPool(d, pool, now);
    }
    const { tenant, vrf, prefix, name } = pool;
    const kind = wanted ? 'pool-back' : 'pool-retired';
    const waits = wanted && d.get('pool', id).unsureSince !== null ? { waits: 'one interim round' } : {};
    d.note({ at: now, kind, tenant, actor: 'addrd', pool: id, vrf, prefix, detail: { name, ...waits } });
  }
}

/** Creates a pool, or checks that it is still the one its addresses were handed out from. */
function settlePool(d: Draft, wanted: Wanted, now: number, policy: Policy): Verdict | null {
  const id = d.poolNamed(wanted.tenant, wanted.name);
  if (id === null) {
    const fault = overlapsUsed(d, wanted, null);
    if (fault !== null) return fault;
    const counters = { cursor: 0n, held: 0, barred: 0, freed: 0, excluded: excludedCount(wanted) };
    const unsureSince = isUnsure(d, wanted, now, policy) ? now : null;
    const pool = d.put('pool', { ...wanted, ...counters, id: d.nextId('pool'), retiredAt: null, unsureSince });
    const { tenant, name, vrf, prefix } = wanted;
    d.note({ at: now, kind: 'pool-created', tenant, actor: 'addrd', pool: pool.id, vrf, prefix, detail: { name } });
    return null;
  }
  const known = d.get('pool', id);
  const same =
    known.vrf === wanted.vrf &&
    known.family === wanted.family &&
    known.use === wanted.use &&
    known.unitLength === wanted.unitLength &&
    samePrefix(known.prefix, wanted.prefix);
  if (same) {
    // What it comes back to may have been handed out by a pool that had its place meanwhile.
    const fault = known.retiredAt === null ? null : overlapsUsed(d, wanted, id);
    const { quarantineMs, kind } = wanted;
    if (fault === null && (known.quarantineMs !== quarantineMs || known.kind !== kind)) {
      d.put('pool', { ...known, quarantineMs, kind });
    }
    return fault;
  }
  const detail = `pool ${wanted.name} is ${formatPrefix(known.prefix)} (${known.family}, /${String(known.unitLength)}) in the store; its addresses are on record, so it cannot be moved`;
  return { verdict: 'refused', code: 'pool-changed', detail, reply: null };
}
