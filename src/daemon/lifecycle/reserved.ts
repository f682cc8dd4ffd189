/** Units that a revoke kept back (`release_to_pool: false`), and the order that gives them up. */
import { formatPrefix, samePrefix } from './address.js';
import type { Draft } from './draft.js';
import type { ReleaseEvent } from './events.js';
import { poolFreeKey } from './keys.js';
import type { Pool, PoolFree } from './records.js';
import { isoTime } from './time.js';
import { barUntil, isTaken, poolsAround, unitIn } from './units.js';
import type { Verdict } from './world.js';

function refused(code: string, detail: string): Verdict {
  return { verdict: 'refused', code, detail, reply: null };
}

function told(verdict: 'applied' | 'duplicate', pool: Pool, { prefix, freeAt }: PoolFree): Verdict {
  const reply = { pool_id: pool.name, address: formatPrefix(prefix), free_at: isoTime(freeAt) };
  return { verdict, code: verdict === 'applied' ? null : 'already-released', detail: null, reply };
}

/** Ends what a revoke reserved: the unit rests as any other that is left, and is free then. */
export function release(d: Draft, event: ReleaseEvent): Verdict {
  const { tenant, prefix, vrf, actor, receivedAt: now } = event;
  const name = formatPrefix(prefix);
  const space = d.vrfNamed(vrf ?? 'global');
  const around = space === null ? [] : poolsAround(d, space, prefix).filter((pool) => pool.tenant === tenant);
  const kept = around.flatMap((pool) => {
    const unit = unitIn(pool, prefix);
    const past = unit === null ? null : d.find('poolFree', poolFreeKey(pool.id, unit));
    return past !== null && samePrefix(past.prefix, prefix) ? [{ pool, past }] : [];
  });
  const found = kept.find(({ past }) => past.state === 'reserved') ?? kept[0];
  if (space === null) return refused('unknown-vrf', `no pool is of VRF ${vrf ?? ''}`);
  if (around.length === 0) return refused('unknown-address', `${name} is in no pool of VRF ${vrf ?? 'global'}`);
  if (around.some((pool) => isTaken(d, pool, prefix))) return refused('address-taken', `${name} is held`);
  if (found === undefined) return refused('not-reserved', `${name} is not reserved`);
  const { pool, past } = found;
  if (past.state === 'quarantined') return told('duplicate', pool, past);
  if (past.occupants > 0) return refused('address-occupied', `a session without an assignment is on ${name}`);
  if (past.state !== 'reserved') return refused('not-reserved', `${name} is ${past.state}`);
  const freeAt = Math.max(past.freeAt, now + pool.quarantineMs);
  const resting = barUntil(d, past, freeAt);
  const { assignment, subscriber } = past;
  const about = { pool: pool.id, vrf: pool.vrf, prefix, assignment, subscriber };
  d.note({
    at: now,
    kind: 'address-released',
    tenant,
    actor,
    ...about,
    code: 'quarantined',
    detail: { until: isoTime(freeAt) },
  });
  return told('applied', pool, resting);
}
