/** Suspend and reactivate: a flag on the subscriber, which all that he holds follows. */
import type { HeldSuspend } from './brake.js';
import type { Draft } from './draft.js';
import type { ServiceEvent } from './events.js';
import { admits, guardOfActor, holdBack, mark } from './guard.js';
import type { JournalKind } from './journal-kind.js';
import { refused, reply } from './orders.js';
import type { Policy } from './policy.js';
import { tell } from './profile.js';
import type { Assignment, Subscriber } from './records.js';
import type { ServiceNote, ServiceOrder } from './service.js';
import { transition } from './transition.js';
import type { Verdict } from './world.js';

/** The states that an assignment of a suspended subscriber can be in, and in which suspending him means anything. */
const SERVED = new Set<Assignment['state']>(['pending', 'allocated', 'active', 'suspended']);

function openOf(d: Draft, subscriber: Subscriber): Assignment[] {
  return d.openAssignments(subscriber.id).map((id) => d.get('assignment', id));
}

/** The subscriber whom an order means, or why there is none. */
function select(d: Draft, event: ServiceEvent): Subscriber | Verdict {
  const id = d.subscriberNamed(event.tenant, event.subscriber);
  if (id === null) return refused('unknown-subscriber', `there is no subscriber ${event.subscriber}`);
  const subscriber = d.get('subscriber', id);
  // Who left while he was suspended comes back into service without holding anything.
  if (event.kind === 'reactivate' && subscriber.suspendedAt !== null) return subscriber;
  const meant = openOf(d, subscriber).filter((a) => event.family === null || a.family === event.family);
  if (meant.length === 0) {
    return refused('no-assignment', `subscriber ${event.subscriber} has no open ${event.family ?? 'assignment'}`);
  }
  if (meant.some(({ state }) => SERVED.has(state))) return subscriber;
  const state = meant[0]?.state ?? 'revoking';
  return refused(
    'invalid-transition',
    `what ${event.subscriber} has is ${state} and cannot be ${event.kind === 'suspend' ? 'suspended' : 'put back into service'}`,
  );
}

function orderOf({ receivedAt: at, actor, reason, sendCoa, sendDisconnect }: ServiceEvent): ServiceOrder {
  return { at, actor, reason, sendCoa, sendDisconnect };
}

function answer(d: Draft, subscriber: Subscriber, code: string | null, batch: number | null = null): Verdict {
  const ids = openOf(d, subscriber).map(({ id }) => id);
  const verdict = code === null ? 'applied' : 'duplicate';
  return { verdict, code, detail: null, reply: { ...reply(d, ids, batch), notes: notesOf(d, subscriber) } };
}

/** What the order means for the open sessions of its subscriber, besides the CoA that each is told by. */
function notesOf(d: Draft, { id, generation }: Subscriber): ServiceNote[] {
  const sessions = d.openSessionsOf(id).map((one) => d.get('session', one));
  const told = sessions.filter(({ profile }) => profile?.generation === generation);
  const cut = told.some(({ disconnect }) => {
    return disconnect !== null && d.get('outbox', disconnect).desired?.generation === generation;
  });
  const untold = told.some((one) => one.profile?.state === 'failed' && one.coa === null && one.disconnect === null);
  return [...(untold ? (['not-told'] as const) : []), ...(cut ? (['disconnect-ordered'] as const) : [])];
}

function note(d: Draft, subscriber: Subscriber, kind: JournalKind, order: ServiceOrder, detail: object): void {
  const { id, tenant } = subscriber;
  const { at, actor, reason } = order;
  d.note({ at, kind, tenant, actor, subscriber: id, code: kind, detail: { reason, ...detail } });
}

/** Tells every open session of a subscriber what his state is. */
function tellAll(
  d: Draft,
  subscriber: Subscriber,
  now: number,
  policy: Policy,
  options: { approved?: boolean; suspendedSince?: number } = {},
): void {
  for (const id of d.openSessionsOf(subscriber.id)) tell(d, d.get('session', id), subscriber, now, policy, options);
}

/** Takes a subscriber out of service, with all that he holds. `approved` is the batch in which the order waited. */
export function beginSuspend(
  d: Draft,
  before: Subscriber,
  order: ServiceOrder,
  now: number,
  policy: Policy,
  approved: number | null = null,
): Subscriber {
  const generation = before.generation + 1;
  const subscriber = d.put('subscriber', { ...before, generation, suspendedAt: now, service: { ...order, at: now } });
  const batch = approved === null ? {} : { batch: approved };
  note(d, subscriber, 'suspended', { ...order, at: now }, { generation, ...batch });
  for (const assignment of openOf(d, subscriber)) {
    if (assignment.state !== 'active') continue;
    const why = { at: now, actor: order.actor, code: 'suspend', detail: { reason: order.reason, ...batch } };
    transition(d, assignment, 'suspended', why, { suspendedAt: now });
  }
  tellAll(d, subscriber, now, policy, { approved: approved !== null });
  return subscriber;
}

/** Suspends, or holds the order back. Said again, it tells the sessions that could not be told. */
export function suspend(d: Draft, event: ServiceEvent, policy: Policy): Verdict {
  const subscriber = select(d, event);
  if ('verdict' in subscriber) return subscriber;
  const now = event.receivedAt;
  const order = orderOf(event);
  if (subscriber.suspendedAt !== null) {
    const again = sayAgain(d, subscriber, order);
    forgive(d, again);
    tellAll(d, again, now, policy);
    return answer(d, again, 'already-suspended');
  }
  const guarded = guardOfActor(d, event.tenant, event.actor);
  const held = d.find('heldSuspend', String(subscriber.id));
  const isOwn = held !== null && d.get('batch', held.batch).scope === guarded.scope;
  if (isOwn) return answer(d, subscriber, 'awaiting-approval', held.batch);
  const count = openOf(d, subscriber).filter(({ state }) => SERVED.has(state)).length;
  if (!admits(d, guarded, count, now, policy)) {
    if (held !== null) return answer(d, subscriber, 'awaiting-approval', held.batch);
    const batch = holdBack(d, guarded, 'suspends', count, `suspend of ${event.subscriber}`, now);
    d.put('heldSuspend', { ...order, subscriber: subscriber.id, batch, count });
    note(d, subscriber, 'suspend-held', order, { batch });
    const told = answer(d, subscriber, null, batch);
    return { ...told, code: 'awaiting-approval' };
  }
  if (held !== null) takeOver(d, held);
  mark(d, guarded, count, now, policy);
  return answer(d, beginSuspend(d, subscriber, order, now, policy), null);
}

/** Takes a suspend out of the batch in which it waits. */
function takeOver(d: Draft, held: HeldSuspend): void {
  d.drop('heldSuspend', String(held.subscriber));
  const batch = d.get('batch', held.batch);
  if (batch.status === 'open') d.put('batch', { ...batch, suspends: batch.suspends - held.count });
}

/** An order that is said again is still that of whoever said it first; what the sessions are to be told is the newest wish. */
function sayAgain(d: Draft, subscriber: Subscriber, { at, sendCoa, sendDisconnect }: ServiceOrder): Subscriber {
  const { service } = subscriber;
  if (service === null) return subscriber;
  return d.put('subscriber', { ...subscriber, service: { ...service, at, sendCoa, sendDisconnect } });
}

/** An order that is said again: what somebody rejected, or the NAS refused too often, is tried anew. */
function forgive(d: Draft, subscriber: Subscriber): void {
  for (const id of d.openSessionsOf(subscriber.id)) {
    const session = d.get('session', id);
    const { profile } = session;
    if (profile === null || profile.generation !== subscriber.generation) continue;
    d.put('session', { ...session, profile: { ...profile, rejected: null, attempts: 0 } });
  }
}

/** Puts a subscriber back into service, with all that he holds. */
export function reactivate(d: Draft, event: ServiceEvent, policy: Policy): Verdict {
  const before = select(d, event);
  if ('verdict' in before) return before;
  const now = event.receivedAt;
  const order = orderOf(event);
  const held = d.find('heldSuspend', String(before.id));
  if (held !== null) {
    // He never went out of service: the suspend is not wanted any more.
    takeOver(d, held);
    note(d, before, 'suspend-dropped', order, { batch: held.batch });
    return answer(d, before, null);
  }
  if (before.suspendedAt === null) {
    const again = sayAgain(d, before, order);
    forgive(d, again);
    tellAll(d, again, now, policy);
    return answer(d, again, 'not-suspended');
  }
  const generation = before.generation + 1;
  const subscriber = d.put('subscriber', { ...before, generation, suspendedAt: null, service: order });
  note(d, subscriber, 'reactivated', order, { generation });
  for (const assignment of openOf(d, subscriber)) {
    if (assignment.state !== 'suspended') continue;
    const why = { at: now, actor: order.actor, code: 'reactivate', detail: { reason: order.reason } };
    transition(d, assignment, 'active', why, { activatedAt: now });
  }
  tellAll(d, subscriber, now, policy, { suspendedSince: before.suspendedAt });
  return answer(d, subscriber, null);
}
