/** One Disconnect for a session that stands on another's address, where its pool says so; never for the holder's own. */
import type { Draft } from './draft.js';
import { barred } from './evidence.js';
import type { Policy } from './policy.js';
import { mayAct } from './restored.js';
import type { EffectOrder } from './order.js';
import type { Assignment, Outbox, Session } from './records.js';

/**
 * Tells a session that contests an assignment to end. It is told once for each time that it shows the address anew, and
 * named by its own number, never by the address. Nobody ordered it, so it does not leave before one interim round has
 * shown after a gap who is where; whether the session still contests is looked at again when it leaves.
 */
export function expel(d: Draft, about: Session, holder: Assignment, now: number, policy: Policy): void {
  const session = d.get('session', about.id);
  // What is on a NAS of another tenant is not ours to cut.
  if (session.tenant !== holder.tenant) return;
  const nas = d.get('nas', session.nas);
  if (policy.nas.get(nas.entry)?.coa !== true) return;
  const order: EffectOrder = { assignment: holder.id, generation: holder.generation, intruder: true };
  const pending = session.disconnect === null ? null : d.find('outbox', String(session.disconnect));
  if (pending?.status === 'pending') {
    const known = pending.orders.some((o) => o.intruder === true && o.assignment === holder.id);
    if (!known) d.put('outbox', { ...pending, orders: [...pending.orders, order] });
    return;
  }
  const acts = mayAct(d, policy, nas.entry);
  const row: Outbox = {
    id: d.nextId('outbox'),
    tenant: session.tenant,
    kind: 'nas.disconnect',
    target: `nas:${String(nas.id)}`,
    subject: `session:${String(session.id)}`,
    session: session.id,
    orders: [order],
    desired: null,
    status: acts ? 'pending' : 'would-have',
    attempt: 0,
    dueAt: barred(d, 0, now, policy)?.until ?? now,
    createdAt: now,
    startedAt: null,
    finishedAt: acts ? null : now,
    outcome: null,
    batch: null,
    admitted: false,
    cancelled: 0,
  };
  d.put('outbox', row);
  if (acts) d.put('session', { ...session, disconnect: row.id });
  d.note({
    at: now,
    kind: 'effect-ordered',
    tenant: session.tenant,
    actor: 'addrd',
    subscriber: session.subscriber,
    assignment: holder.id,
    session: session.id,
    nas: nas.id,
    vrf: session.vrf,
    prefix: holder.prefix,
    code: row.kind,
    detail: { outbox: row.id, status: row.status, intruder: true },
  });
}
