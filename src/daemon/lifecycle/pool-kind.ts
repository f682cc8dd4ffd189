/** A pool has another kind than before: what it holds is judged by that, slice by slice. */
import type { Draft } from './draft.js';
import type { ConfiguredPool } from './events.js';
import { offerTimeoutOf, type Policy } from './policy.js';
import { rangeOf, union, unitNumber, type UnitRange } from './ranges.js';
import type { Pool } from './records.js';
import { judgeAnew } from './release.js';

/** How many assignments one event looks at. */
const SLICE = 100;

/**
 * Gives a pool the kind of the config. Only a static pool holds what has no session: where it was one, everybody has the
 * time of an offer to come before it is judged; where it becomes one, nothing is waited for any more.
 */
export function changeKind(
  d: Draft,
  known: Pool,
  wanted: Pick<ConfiguredPool, 'kind' | 'offerTimeoutMs'>,
  now: number,
  policy: Policy,
): void {
  const { kind } = wanted;
  if (known.kind === kind) return;
  const { id: pool, name, tenant, vrf, prefix } = d.put('pool', { ...known, kind });
  d.note({
    at: now,
    kind: 'pool-kind',
    tenant,
    actor: 'addrd',
    pool,
    vrf,
    prefix,
    detail: { name, was: known.kind, kind },
  });
  if (known.kind !== 'static' && kind !== 'static') return;
  const offer = wanted.offerTimeoutMs ?? offerTimeoutOf(policy, pool);
  d.put('deadline', { kind: 'pool-kind', ref: String(pool), dueAt: kind === 'static' ? now : now + offer });
}

/** Judges a slice of what a pool holds. `ref` is its number and, after the first slice, the unit to go on from, in hex. */
export function judgeHeld(d: Draft, ref: string, now: number, policy: Policy): void {
  d.drop('deadline', `pool-kind/${ref}`);
  const [id = '', from] = ref.split('/');
  const pool = d.get('pool', id);
  const next = from === undefined ? 0n : BigInt(`0x${from}`);
  // What it covered before it shrank it may hold yet.
  for (const range of union(pool.former, [rangeOf(pool.prefix, pool.unitLength)])) {
    if (range.last < next) continue;
    const rest: UnitRange = { first: range.first < next ? next : range.first, last: range.last };
    const held = d.units.heldIn(pool.id, rest, SLICE);
    for (const assignment of held) judgeAnew(d, d.get('assignment', assignment), now, policy);
    const last = held.at(-1);
    if (last === undefined || held.length < SLICE) continue;
    const after = unitNumber(d.get('assignment', last).prefix.bytes, pool.unitLength) + 1n;
    d.put('deadline', { kind: 'pool-kind', ref: `${id}/${after.toString(16)}`, dueAt: now });
    return;
  }
}
