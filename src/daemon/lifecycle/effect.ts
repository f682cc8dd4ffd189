/** Effects on sessions as rows of the outbox: how they are ordered, and how they end. */
import { effectEnded } from './alarms.js';
import type { Draft } from './draft.js';
import type { JournalKind } from './journal-kind.js';
import type { EffectKind, Outbox, Session } from './records.js';

/** What is ordered, for which session; an effect of a NAS that is only observed is recorded and never sent. */
export interface NewEffect {
  readonly kind: EffectKind;
  readonly session: Session;
  readonly orders: Outbox['orders'];
  readonly desired: Outbox['desired'];
  readonly acts: boolean;
  /** Somebody has approved of it: the blast guard does not judge it again. */
  readonly approved: boolean;
}

/** The field of a session that names its unfinished effect of a kind. */
export function fieldOf(kind: EffectKind): 'disconnect' | 'coa' {
  return kind === 'nas.coa' ? 'coa' : 'disconnect';
}

/** Puts an effect into the outbox. The session of the caller is out of date after it. */
export function orderEffect(d: Draft, effect: NewEffect, now: number): Outbox {
  const { kind, session, orders, desired, acts, approved } = effect;
  const row = d.put('outbox', {
    id: d.nextId('outbox'),
    tenant: session.tenant,
    kind,
    target: `nas:${String(session.nas)}`,
    subject: `session:${String(session.id)}`,
    session: session.id,
    orders,
    desired,
    status: acts ? 'pending' : 'would-have',
    attempt: 0,
    dueAt: now,
    createdAt: now,
    startedAt: null,
    finishedAt: acts ? null : now,
    outcome: null,
    batch: null,
    admitted: approved,
    cancelled: 0,
  });
  if (acts) d.put('session', { ...d.get('session', session.id), [fieldOf(kind)]: row.id });
  return row;
}

/** Writes a line about an effect into the journal. */
export function noteEffect(d: Draft, row: Outbox, at: number, kind: JournalKind, code: string | null): void {
  const session = d.get('session', row.session);
  d.note({
    at,
    kind,
    tenant: row.tenant,
    actor: 'addrd',
    subscriber: session.subscriber,
    assignment: row.orders[0]?.assignment ?? null,
    session: row.session,
    nas: session.nas,
    code,
    detail: { outbox: row.id, attempt: row.attempt, ...(row.batch === null ? {} : { batch: row.batch }) },
  });
}

/** Ends an effect. */
export function close(
  d: Draft,
  row: Outbox,
  status: 'done' | 'superseded' | 'would-have',
  outcome: string,
  at: number,
): Outbox {
  const session = d.get('session', row.session);
  const field = fieldOf(row.kind);
  if (session[field] === row.id) d.put('session', { ...session, [field]: null });
  const closed = d.put('outbox', { ...row, status, outcome, finishedAt: at });
  noteEffect(d, closed, at, `effect-${status}`, outcome);
  effectEnded(d, row.target, at);
  return closed;
}

/**
 * A session has ended: an effect on it that is not under way has nothing left to do. Returns the session's fields about
 * effects as they are by now.
 */
export function voidEffects(d: Draft, session: Session, at: number): Pick<Session, 'disconnect' | 'coa'> {
  const kept = (id: number | null): number | null => {
    const row = id === null ? null : d.find('outbox', String(id));
    if (row?.status !== 'pending') return null;
    if (row.startedAt !== null && row.outcome === null) return row.id;
    d.put('outbox', { ...row, status: 'superseded', finishedAt: at, outcome: 'session-ended' });
    effectEnded(d, row.target, at);
    return null;
  };
  return { disconnect: kept(session.disconnect), coa: kept(session.coa) };
}
