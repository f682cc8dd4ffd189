/**
 * Renumbering: another assignment beside the one in service, until a session of the subscriber shows it (SEMANTICS,
 * "Renumbering"). Only then the old one begins to end, and it ends by evidence like any other.
 */
import { formatPrefix } from './address.js';
import { aboutPool, raise } from './alarms.js';
import { maintenanceBarOf } from './braking.js';
import type { Draft } from './draft.js';
import { noteEffect, orderEffect } from './effect.js';
import { barred } from './evidence.js';
import { admits, awaits, guardOfActor, holdBack, mark, type Guarded } from './guard.js';
import type { EffectOrder, RenumberOrder } from './order.js';
import type { Policy } from './policy.js';
import { mayAct } from './restored.js';
import type { Assignment, Outbox, Session } from './records.js';
import { moveSubnets } from './subnets.js';
import { dropApproval } from './tenure.js';
import { beginRevoke, lookAgain } from './termination.js';
import { step, transition } from './transition.js';

const SERVED: ReadonlySet<Assignment['state']> = new Set(['allocated', 'active', 'suspended']);

/** The order by which an assignment is to take another's place, while that is open; else null. */
export function renumberOf({ state, renumber }: Pick<Assignment, 'state' | 'renumber'>): RenumberOrder | null {
  return renumber?.outcome === null && SERVED.has(state) ? renumber : null;
}

/** The assignment that is to take the place of `old`, or null. */
export function heirOf(d: Draft, old: Assignment): Assignment | null {
  const theirs = d.openAssignments(old.subscriber).map((id) => d.get('assignment', id));
  return theirs.find((a) => a.supersedes === old.id && renumberOf(a) !== null) ?? null;
}

/** When a renumbering is looked at next: its sessions are to be told, or its time is over. */
export function awaitSession(d: Draft, { id }: Assignment, { at, told, deadline }: RenumberOrder): void {
  const dueAt = at === null || told ? deadline : Math.min(at, deadline);
  d.put('deadline', { kind: 'renumber', ref: String(id), dueAt });
}

/** Tells each session on the old address to end, so that AAA returns the new one. Returns the batch in which that waits, or null. */
export function tellSessions(
  d: Draft,
  heir: Assignment,
  order: RenumberOrder,
  now: number,
  policy: Policy,
): number | null {
  let batch: number | null = null;
  const told = { ...order, told: true };
  const current = d.put('assignment', { ...heir, renumber: told });
  const old = d.get('assignment', heir.supersedes ?? heir.id);
  const open = d.witnessesOf(old.id).filter((w) => w.closedAt === null && w.standing === 'held');
  if (!SERVED.has(old.state) || open.length === 0) {
    step(d, heir.id, 'disconnect', now, { state: 'skipped', outcome: 'no open session' });
  } else {
    const guarded = guardOfActor(d, heir.tenant, order.actor);
    const admitted = admits(d, guarded, 1, now, policy);
    const ordered = open.flatMap(({ ref }) => tell(d, current, old, d.get('session', ref), now, policy) ?? []);
    // One order is one customer cut, however many sessions he has.
    if (ordered.length > 0 && admitted) mark(d, guarded, 1, now, policy);
    if (!admitted) for (const row of ordered) batch = holdTelling(d, current, guarded, row, now);
  }
  awaitSession(d, current, told);
  return batch;
}

/** What a token may not cut without approval is held back: the new assignment is there, and its sessions stay as they are. */
function holdTelling(d: Draft, heir: Assignment, guarded: Guarded, row: Outbox, now: number): number {
  const example = `renumbering of ${d.get('subscriber', heir.subscriber).name}`;
  const batch = holdBack(d, guarded, 'disconnects', 1, example, now);
  noteEffect(d, d.put('outbox', { ...row, batch }), now, 'effect-held', 'awaiting-approval');
  step(d, heir.id, 'disconnect', now, { outcome: awaits(batch) });
  return batch;
}

/** Tells one session to end. Returns the effect that is to leave for it, where there was none before. */
function tell(
  d: Draft,
  heir: Assignment,
  old: Assignment,
  session: Session,
  now: number,
  policy: Policy,
): Outbox | null {
  const nas = d.get('nas', session.nas);
  if (policy.nas.get(nas.entry)?.coa !== true) {
    step(d, heir.id, 'disconnect', now, { state: 'failed', outcome: `no CoA address for NAS ${nas.entry}` });
    return null;
  }
  const renumber = { assignment: heir.id, generation: heir.generation };
  const order: EffectOrder = { assignment: old.id, generation: old.generation, renumber };
  const pending = session.disconnect === null ? null : d.find('outbox', String(session.disconnect));
  if (pending?.status === 'pending') {
    d.put('outbox', { ...pending, dueAt: Math.min(pending.dueAt, now), orders: [...pending.orders, order] });
    const outcome = pending.batch === null ? null : awaits(pending.batch);
    step(d, heir.id, 'disconnect', now, { state: 'waiting', attempts: 1, outcome });
    return null;
  }
  const acts = mayAct(d, policy, nas.entry);
  const effect = { kind: 'nas.disconnect', session, orders: [order], desired: null, acts, approved: false } as const;
  const row = orderEffect(d, effect, now);
  d.note({
    at: now,
    kind: 'effect-ordered',
    tenant: old.tenant,
    actor: heir.renumber?.actor ?? 'addrd',
    subscriber: old.subscriber,
    assignment: old.id,
    session: session.id,
    nas: session.nas,
    vrf: old.vrf,
    prefix: old.prefix,
    code: row.kind,
    detail: { outbox: row.id, status: row.status, renumber: formatPrefix(heir.prefix) },
  });
  const outcome = acts ? null : 'observed';
  step(d, heir.id, 'disconnect', now, { state: acts ? 'waiting' : 'skipped', attempts: 1, outcome });
  return acts ? row : null;
}

/**
 * The renumberings that an effect still serves, by the assignments that are to take over: both generations are current, and
 * the session is on the old address yet.
 */
export function servedBy(d: Draft, { session, orders }: Outbox): Assignment[] {
  const { endedAt, addresses } = d.get('session', session);
  if (endedAt !== null) return [];
  return orders.flatMap(({ assignment, generation, renumber }) => {
    if (renumber === undefined || !addresses.some((a) => a.assignment === assignment)) return [];
    const old = d.get('assignment', assignment);
    const heir = d.get('assignment', renumber.assignment);
    const isCurrent = old.generation === generation && SERVED.has(old.state) && heir.generation === renumber.generation;
    return isCurrent && renumberOf(heir) !== null ? [heir] : [];
  });
}

function finish(d: Draft, heir: Assignment, order: RenumberOrder, outcome: 'done' | 'failed', now: number): Assignment {
  d.drop('deadline', `renumber/${String(heir.id)}`);
  // It told of the old one's sessions; an end of this one has a step of its own.
  if (d.find('step', `${String(heir.id)}/disconnect`) !== null) d.drop('step', `${String(heir.id)}/disconnect`);
  const kind = outcome === 'done' ? 'renumbered' : 'renumber-failed';
  const old = d.get('assignment', heir.supersedes ?? heir.id);
  d.note({
    at: now,
    kind,
    tenant: heir.tenant,
    actor: 'addrd',
    subscriber: heir.subscriber,
    assignment: heir.id,
    pool: heir.pool,
    vrf: heir.vrf,
    prefix: heir.prefix,
    code: outcome,
    detail: { supersedes: formatPrefix(old.prefix), reason: order.reason },
  });
  return d.put('assignment', { ...heir, renumber: { ...order, outcome, endedAt: now } });
}

/** An assignment ends by its renumbering: a revoke of it that waits for approval has nothing left to do. */
function forestall(d: Draft, { id }: Assignment): void {
  const waits = d.find('approval', String(id));
  if (waits !== null) dropApproval(d, waits);
}

/**
 * A session of the subscriber is on the new address: the old one begins to end, without a Disconnect. Its evidence is
 * looked at by a deadline of its own, as the same packet may yet show the old address.
 */
export function arrive(d: Draft, heir: Assignment, now: number): void {
  const order = renumberOf(heir);
  if (order === null || heir.supersedes === null) return;
  finish(d, heir, order, 'done', now);
  const old = d.get('assignment', heir.supersedes);
  const revoke = { reason: 'renumbered', actor: order.actor, sendDisconnect: false, releaseToPool: true };
  const renumberedTo = heir.id;
  if (!SERVED.has(old.state)) {
    d.put('assignment', { ...old, revoke: { ...(old.revoke ?? revoke), renumberedTo } });
    return;
  }
  forestall(d, old);
  moveSubnets(d, old.id, heir.id);
  const detail = { reason: order.reason, to: formatPrefix(heir.prefix) };
  const why = { at: now, actor: order.actor, code: 'renumbered', detail };
  const generation = old.generation + 1;
  const fields = { generation, revokingAt: now, revoke: { ...revoke, renumberedTo }, stuck: null };
  const ending = transition(d, old, 'revoking', why, fields);
  step(d, ending.id, 'disconnect', now, { state: 'skipped', outcome: 'renumbered' });
  lookAgain(d, ending, now);
}

/** The time of a renumbering has come: its sessions are told, or nobody came by the deadline and the new one is given up. */
export function renumberDue(d: Draft, ref: string, now: number, policy: Policy): void {
  const heir = d.get('assignment', ref);
  const order = renumberOf(heir);
  d.drop('deadline', `renumber/${ref}`);
  if (order === null) return;
  if (now < order.deadline) {
    if (order.at !== null && !order.told && now >= order.at) tellSessions(d, heir, order, now, policy);
    else awaitSession(d, heir, order);
    return;
  }
  const since = heir.allocatedAt ?? heir.createdAt;
  // After a gap, or a maintenance of his NAS, he may be on it and nobody has heard of it.
  const bar = barred(d, since, now, policy) ?? maintenanceBarOf(d, heir.supersedes ?? heir.id, since, now, policy);
  if (bar !== null) {
    d.put('deadline', { kind: 'renumber', ref, dueAt: bar.until });
    return;
  }
  // It was in doubt whose session that is, and it has lasted.
  if (d.witnessesOf(heir.id).some((w) => w.standing === 'held' && w.closedAt === null)) {
    arrive(d, heir, now);
    return;
  }
  const failed = finish(d, heir, order, 'failed', now);
  const old = d.get('assignment', heir.supersedes ?? heir.id);
  const { name } = d.get('subscriber', heir.subscriber);
  const example = `${name} did not come on ${formatPrefix(heir.prefix)} in place of ${formatPrefix(old.prefix)}`;
  raise(d, 'renumber-failed', aboutPool(d.get('pool', heir.pool)), example, now);
  forestall(d, heir);
  // Who comes on it yet is told to end: AAA returns the old one again.
  const revoke = { reason: 'renumber-failed', actor: 'addrd', sendDisconnect: true, releaseToPool: true };
  beginRevoke(d, failed, revoke, now, policy);
}
