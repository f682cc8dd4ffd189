/**
 * Tenures that begin because somebody is on an address: adopted where the pool is handed out by others, and taken over
 * from a holder who is gone by all that addrd knows (SEMANTICS, "Somebody is on an address").
 */
import { formatAddress, type Prefix } from './address.js';
import { watchPool } from './alarms.js';
import { maintenanceOf } from './braking.js';
import type { Draft } from './draft.js';
import { isSuspect, staleAt } from './evidence.js';
import { holdingKey, poolFreeKey, witnessKey } from './keys.js';
import { printable } from './octets.js';
import type { Policy, PoolPolicy } from './policy.js';
import type { RevokeOrder } from './order.js';
import type { Assignment, Conflict, Pool, Session } from './records.js';
import { beginTenure, endTenure, letGo, settleConflict } from './tenure.js';
import { intoService, transition } from './transition.js';
import { mayBegin, takeUnit } from './units.js';
import { zoneOf } from './zones.js';

/** Whose the address is from now on, and who says so: times are those of the NAS and ours, `seen` that it was a Start. */
export interface By {
  readonly subscriber: number;
  readonly actor: string;
  readonly at: number;
  readonly now: number;
  readonly seen: boolean;
}

/** What addrd itself ordered, where a tenure ends without anybody's order. */
export function ownOrder(reason: string): RevokeOrder {
  return { reason, actor: 'addrd', sendDisconnect: false, releaseToPool: true };
}

/**
 * Whether who stands on a unit that nobody holds is adopted: only where another hands out. Its quarantine binds addrd,
 * and not whoever gave it away; what somebody reserved is a conflict. Who stands on it without an assignment gives way to
 * whoever came later.
 */
export function mayAdopt(d: Draft, session: Session, pool: PoolPolicy, unit: Prefix, since: number): boolean {
  if (pool.kind !== 'external' || zoneOf(d.get('pool', pool.id), unit) === 'excluded') return false;
  const past = d.find('poolFree', poolFreeKey(pool.id, unit));
  if (past?.state !== 'occupied') return past?.state !== 'reserved';
  return d.occupantsOf(pool.vrf, unit).every((one) => one.session !== session.id && cameAt(d, one) <= since);
}

/** Since when a session has shown the address of a conflict, by its NAS's count. */
function cameAt(d: Draft, { id, session }: Conflict): number {
  return d.get('session', session).addresses.find(({ conflict }) => conflict === id)?.since ?? 0;
}

/** The kind by which a pool's tenures end: one that was static is so until everybody has had the time of an offer to come. */
export function kindInForce(d: Draft, { id, kind }: Pool): Pool['kind'] {
  return d.find('deadline', `pool-kind/${String(id)}`) === null ? kind : 'static';
}

/** The states in which a tenure can pass on. */
const PASSING: ReadonlySet<Assignment['state']> = new Set(['allocated', 'active', 'suspended', 'revoking']);

/**
 * Whether a session takes an address over from its holder. External: yes, unless it has had it for longer than the holder
 * has, or was `pushed-off` it by this very tenure. Dynamic, and those two: only where each session of the holder has
 * ended, or is stale or suspect on the NAS that says so. Static, and what its pool hands out no more: never.
 */
export function takes(
  d: Draft,
  holder: Assignment,
  session: Session,
  since: number,
  now: number,
  policy: Policy,
): 'takes' | 'pushed-off' | 'contests' {
  const pool = d.get('pool', holder.pool);
  const { tenant } = pool;
  const kind = kindInForce(d, pool);
  if (kind === 'static' || tenant !== session.tenant || !PASSING.has(holder.state)) return 'contests';
  const pushed = d.find('witness', witnessKey(holder.id, session.id))?.closeKind === 'superseded';
  if (!mayBegin(pool, holder.prefix)) return pushed ? 'pushed-off' : 'contests';
  if (kind === 'external' && !pushed && since >= heldSince(d, holder)) return 'takes';
  if (isGone(d, holder, session.nas, now, policy)) return 'takes';
  return pushed ? 'pushed-off' : 'contests';
}

/** Since when the holder has stood on his address by his NAS's count; 0 where no session of his does. */
function heldSince(d: Draft, { id }: Assignment): number {
  let latest = 0;
  for (const { standing, closedAt, ref } of d.witnessesOf(id)) {
    if (standing !== 'held' || closedAt !== null) continue;
    for (const { assignment, since } of d.get('session', ref).addresses) {
      if (assignment === id) latest = Math.max(latest, since);
    }
  }
  return latest;
}

/** Since when the last session of the holder's stood on his address, by its NAS's count, whether it does still or not. */
export function stoodSince(d: Draft, { id }: Assignment): number {
  let latest = 0;
  for (const { standing, ref } of d.witnessesOf(id)) {
    if (standing !== 'held') continue;
    for (const { assignment, since } of d.get('session', ref).addresses)
      if (assignment === id) latest = Math.max(latest, since);
  }
  return latest;
}

/** Whether everybody who stood on an assignment as its holder is gone as far as this NAS knows; somebody must have. */
function isGone(d: Draft, { id }: Assignment, nas: number, now: number, policy: Policy): boolean {
  const held = d.witnessesOf(id).filter(({ standing }) => standing === 'held');
  return (
    held.length > 0 &&
    held.every(({ closedAt, closeKind, ref }) => {
      if (closedAt !== null && closeKind !== 'inferred') return true;
      const session = d.get('session', ref);
      if (session.nas !== nas) return false;
      if (closedAt !== null || isSuspect(d, session)) return true;
      const stale = staleAt(d, session, policy);
      return stale !== null && now >= stale && isHeardAt(d, nas, stale, policy);
    })
  );
}

/** Whether a NAS was heard until then: where it was not, that its sessions did not report says nothing of them. */
export function isHeardAt(d: Draft, nas: number, at: number, policy: Policy): boolean {
  return d.get('nas', nas).heardUntil >= at - policy.heardStepMs;
}

/**
 * When it is worth another look whether the holder is gone; null where no time tells. In a maintenance nobody is: an
 * interim round after its end, wherever that is by then, those who are there have shown it.
 */
export function goneAt(d: Draft, { id }: Assignment, nas: number, policy: Policy): number | null {
  let latest: number | null = null;
  for (const { standing, closedAt, ref } of d.witnessesOf(id)) {
    if (standing !== 'held' || closedAt !== null) continue;
    const session = d.get('session', ref);
    const maintained = maintenanceOf(d, session.nas)?.until ?? null;
    const judged = maintained === null ? staleAt(d, session, policy) : maintained + policy.interimRoundMs;
    const stale = session.nas === nas ? judged : null;
    if (stale === null) return null;
    latest = Math.max(latest ?? 0, stale);
  }
  return latest;
}

/** A tenure for the subscriber of a session on a unit that nobody holds. Who stood on it all the same is pushed off. */
export function adopt(d: Draft, session: Session, pool: number, unit: Prefix, by: By): Assignment {
  const row = d.get('pool', pool);
  const occupants = d.occupantsOf(row.vrf, unit);
  for (const conflict of occupants) clearOff(d, conflict, by);
  takeUnit(d, row, unit, false);
  watchPool(d, pool, 1, by.now);
  const heir = begin(d, session, row, unit, by);
  for (const { session: ref } of occupants) notePushed(d, heir, ref, by.now);
  return heir;
}

/** Takes a session off a unit that it occupies: should it be heard again, it shows the address anew. */
function clearOff(d: Draft, { id, vrf, session: seq }: Conflict, { at, now }: By): void {
  const session = d.get('session', seq);
  settleConflict(d, id, now);
  const [gone, stays] = [true, false].map((is) => session.addresses.filter(({ conflict }) => (conflict === id) === is));
  for (const { prefix, since } of gone ?? []) {
    const holding = d.find('holding', holdingKey({ vrf, prefix, since, kind: 'session', seq }));
    if (holding?.until === null) d.put('holding', { ...holding, until: Math.max(at, since), confidence: 'inferred' });
  }
  d.put('session', { ...session, addresses: stays ?? [] });
}

/** A session was pushed off an address by the tenure that began there: it contests it, and does not take it back. */
function notePushed(d: Draft, heir: Assignment, ref: number, now: number): void {
  d.put('witness', {
    assignment: heir.id,
    source: 'session',
    ref,
    standing: 'contested',
    openedAt: now,
    closedAt: now,
    closeKind: 'superseded',
    answer: null,
    answeredAt: null,
  });
}

/**
 * The holder's tenure ends at the event that shows another on his address, and the other's begins. Sessions that stood on
 * it are let go and noted as pushed off, so that they contest it, and do not take it back, should they still be there.
 */
export function succeed(d: Draft, holder: Assignment, session: Session, by: By): Assignment {
  const { now } = by;
  const pushed = d.witnessesOf(holder.id).filter(({ closedAt }) => closedAt === null);
  for (const witness of pushed) letGo(d, holder, witness, 'superseded', by.at, now);
  const ends =
    holder.state === 'revoking'
      ? holder
      : transition(
          d,
          holder,
          'revoking',
          { at: now, actor: by.actor, code: 'superseded', session: session.id },
          { generation: holder.generation + 1, revokingAt: now, revoke: ownOrder('superseded'), stuck: null },
        );
  const who = `session ${printable(session.sid)} of NAS ${formatAddress(d.get('nas', session.nas).address)}`;
  endTenure(d, ends, { kind: 'superseded', detail: `${who} is on it` }, by.at, now);
  const heir = begin(d, d.get('session', session.id), d.get('pool', holder.pool), holder.prefix, by);
  for (const { ref } of pushed) if (ref !== session.id) notePushed(d, heir, ref, now);
  return heir;
}

/** An ACTIVE assignment that a session has shown before anybody ordered it. The unit is counted as held already. */
function begin(d: Draft, session: Session, pool: Pool, unit: Prefix, { subscriber, actor, now, seen }: By): Assignment {
  const code = 'adopted';
  const confidence = seen ? 'seen' : 'inferred';
  const what = { subscriber, unit, provenance: 'observed', confidence, metadata: null } as const;
  const allocated = beginTenure(d, pool, { ...what, actor, code, session: session.id }, now);
  return intoService(d, allocated, { at: now, actor, code, session: session.id });
}
