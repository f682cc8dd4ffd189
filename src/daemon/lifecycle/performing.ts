/** Effects: whether one should still be performed, and what its outcome means (RFC 5176 section 3). */
import { clear, raiseOfNas } from './alarms.js';
import { freezeOf, maintenanceOf } from './braking.js';
import { formatPrefix } from './address.js';
import type { Draft } from './draft.js';
import { close, noteEffect } from './effect.js';
import type { EffectOutcomeEvent, EffectResult, EffectStartedEvent } from './events.js';
import { admits, awaits, guardOfNas, holdBack, mark } from './guard.js';
import type { Policy } from './policy.js';
import { mayAct } from './restored.js';
import { witnessKey } from './keys.js';
import { answerProfile, isDesired, mayHaveActed, noProfile, settleProfile } from './profile.js';
import type { Assignment, Outbox, Session } from './records.js';
import { servedBy } from './renumbering.js';
import { unstuck } from './tenure.js';
import { blame, evaluate, lookAgain } from './termination.js';
import type { Verdict } from './world.js';

/** Error-Cause 503, Session-Context-Not-Found. */
const SESSION_CONTEXT_NOT_FOUND = 503;
/** Error-Cause 506, Resources-Unavailable: the only refusal that time alone may cure. */
const RESOURCES_UNAVAILABLE = 506;

/** The code of an attempt that a brake ended. */
export const CANCELLED = 'cancelled';

/** The revokes that an effect still serves: REVOKING in the generation that ordered it. */
export function current(d: Draft, row: Outbox): Assignment[] {
  return row.orders
    .filter(({ intruder, renumber }) => intruder !== true && renumber === undefined)
    .map((order) => ({ order, assignment: d.get('assignment', order.assignment) }))
    .filter(({ order, assignment }) => assignment.state === 'revoking' && assignment.generation === order.generation)
    .map(({ assignment }) => assignment);
}

/** Whether anything still wants an effect: a revoke, a renumbering, or the suspension that its subscriber is in. */
function isWanted(d: Draft, row: Outbox): boolean {
  return current(d, row).length > 0 || isDesired(d, row) || intrudes(d, row) || servedBy(d, row).length > 0;
}

/** Whether the session of an effect still contests an assignment on whose account it was told to leave. */
function intrudes(d: Draft, { session, orders }: Outbox): boolean {
  const { endedAt, addresses } = d.get('session', session);
  const contested = addresses.filter(({ standing }) => standing === 'contested').map(({ assignment }) => assignment);
  return endedAt === null && orders.some((o) => o.intruder === true && contested.includes(o.assignment));
}

/** The brake that keeps an effect back for now, or null. */
function whyHeld(d: Draft, session: Session): 'frozen' | 'maintenance' | null {
  if (freezeOf(d) !== null) return 'frozen';
  return maintenanceOf(d, session.nas) === null ? null : 'maintenance';
}

/** Why an effect has nothing left to do, or null. */
function whyNot(d: Draft, row: Outbox, session: Session, policy: Policy): string | null {
  if (session.endedAt !== null) return 'session-ended';
  if (!isWanted(d, row)) return 'generation-passed';
  if (row.kind !== 'nas.coa' || row.desired === null) return null;
  // Another config came in between.
  const told = policy.nas.get(d.get('nas', session.nas).entry)?.profiles?.[row.desired.profile];
  return told === true ? null : 'no-profile';
}

/** Whether the blast guard judges an effect. What only takes a session out of the garden cuts nobody off. */
function isGuarded({ kind, desired }: Outbox): boolean {
  return kind === 'nas.disconnect' || desired?.profile !== 'resume';
}

/** What an effect is, in words. */
function nameOf({ kind }: Outbox): 'CoA' | 'Disconnect' {
  return kind === 'nas.coa' ? 'CoA' : 'Disconnect';
}

/**
 * Counts an effect that is about to leave for the first time, or holds it back. It is counted here and not where it is
 * ordered: what was ordered while a brake was set leaves when that is released, all in one moment.
 */
function guardDeparture(d: Draft, row: Outbox, session: Session, now: number, policy: Policy): boolean {
  const guarded = guardOfNas(d, d.get('nas', session.nas), policy);
  if (admits(d, guarded, 1, now, policy)) {
    mark(d, guarded, 1, now, policy);
    return true;
  }
  const assignments = [...current(d, row), ...servedBy(d, row)];
  const cut = row.orders.map(({ assignment: id }) => formatPrefix(d.get('assignment', id).prefix)).join(', ');
  const about = row.desired === null || cut !== '' ? cut : d.get('subscriber', row.desired.subscriber).name;
  const what = row.kind === 'nas.coa' ? 'coas' : 'disconnects';
  const batch = holdBack(d, guarded, what, 1, `${nameOf(row)} for ${about}`, now);
  const held = d.put('outbox', { ...row, batch });
  noteEffect(d, held, now, 'effect-held', 'awaiting-approval');
  for (const assignment of assignments) settleStep(d, assignment, awaits(batch), null, now);
  settleProfile(d, held, { state: 'waiting', outcome: awaits(batch) }, now);
  return false;
}

/**
 * Before an effect leaves: is it still wanted? `applied` with the attempt's number says yes; `refused` names
 * the brake that keeps it back for now; anything else means that it is gone, or waits for approval and comes back with it.
 */
export function effectStarted(d: Draft, event: EffectStartedEvent, policy: Policy): Verdict {
  const row = d.get('outbox', event.outbox);
  if (row.status !== 'pending') return { verdict: 'stale', code: 'effect-closed', detail: null, reply: null };
  const session = d.get('session', row.session);
  const why = whyNot(d, row, session, policy);
  if (why !== null) {
    if (why === 'no-profile' && row.desired !== null) {
      const outcome = noProfile(row.desired.profile, d.get('nas', session.nas).entry);
      settleProfile(d, row, { state: 'failed', outcome }, event.receivedAt);
    }
    close(d, row, 'superseded', why, event.receivedAt);
    return { verdict: 'stale', code: why, detail: null, reply: null };
  }
  if (!mayAct(d, policy, d.get('nas', session.nas).entry)) {
    settleProfile(d, row, { state: 'skipped', outcome: 'observed' }, event.receivedAt);
    close(d, row, 'would-have', 'observed', event.receivedAt);
    return { verdict: 'stale', code: 'observed', detail: null, reply: null };
  }
  const brake = whyHeld(d, session);
  if (brake !== null) return { verdict: 'refused', code: brake, detail: null, reply: null };
  if (
    row.batch !== null ||
    (isGuarded(row) && !row.admitted && !guardDeparture(d, row, session, event.receivedAt, policy))
  ) {
    return { verdict: 'stale', code: 'awaiting-approval', detail: null, reply: null };
  }
  const attempt = row.attempt + 1;
  const started = d.put('outbox', { ...row, admitted: true, attempt, startedAt: event.receivedAt, outcome: null });
  noteEffect(d, started, event.receivedAt, 'effect-started', row.kind);
  return { verdict: 'applied', code: null, detail: null, reply: { attempt } };
}

function describe(result: EffectResult): string {
  switch (result.result) {
    case 'ack':
    case 'timeout':
      return result.result;
    case 'nak':
      return result.errorCause === null ? 'nak' : `nak-${String(result.errorCause)}`;
    case 'error':
      return `error-${result.code}`;
  }
}

/** Exponential, with up to half of it added by chance, so that a thousand of them do not come back at once. */
function backoff(attempt: number, jitter: number, policy: Policy): number {
  const exponential = Math.min(policy.retry.capMs, policy.retry.baseMs * 2 ** Math.min(attempt - 1, 20));
  return Math.round(exponential * (1 + jitter / 2));
}

function answered(
  d: Draft,
  session: Session,
  assignments: readonly Assignment[],
  answer: 'ack' | 'nak-503',
  now: number,
  policy: Policy,
): void {
  for (const assignment of assignments) {
    const witness = d.find('witness', witnessKey(assignment.id, session.id));
    if (witness !== null) d.put('witness', { ...witness, answer, answeredAt: now });
    // What was in the way before the NAS answered is not any more.
    const before = d.get('assignment', assignment.id);
    const current = d.put('assignment', { ...before, stuck: null });
    unstuck(d, before, now);
    const after = evaluate(d, current, now, policy);
    if (after.state === 'revoking') lookAgain(d, after, now + policy.ackGraceMs);
  }
}

/** What came of an attempt. An answer is no proof that the session ended: it only lets silence or a Stop prove it. */
export function effectOutcome(d: Draft, event: EffectOutcomeEvent, policy: Policy): Verdict {
  const row = d.get('outbox', event.outbox);
  const now = event.receivedAt;
  const outcome = describe(event.outcome);
  if (row.status !== 'pending' || row.attempt !== event.attempt || row.outcome !== null) {
    noteEffect(d, row, now, 'effect-outcome-late', outcome);
    return { verdict: 'stale', code: 'effect-closed', detail: null, reply: null };
  }
  const session = d.get('session', row.session);
  const assignments = current(d, row);
  const heirs = servedBy(d, row);
  const done = { verdict: 'applied', code: null, detail: null, reply: null } as const;
  const { result } = event.outcome;
  if (event.outcome.result === 'error' && event.outcome.code === CANCELLED) {
    // A brake was set while it was under way. It says nothing of the NAS, and is due when the brake is released.
    const cancelled = d.put('outbox', { ...row, cancelled: row.cancelled + 1, dueAt: now, outcome });
    noteEffect(d, cancelled, now, 'effect-cancelled', outcome);
    mayHaveActed(d, cancelled, now);
    return done;
  }
  if (result === 'ack' || result === 'nak') {
    clear(d, 'target-silent', `nas:${String(session.nas)}`, now);
    const cause = result === 'nak' ? event.outcome.errorCause : null;
    if (cause !== RESOURCES_UNAVAILABLE) {
      close(d, row, 'done', outcome, now);
      const good = result === 'ack' || cause === SESSION_CONTEXT_NOT_FOUND;
      const told = good ? outcome : `the NAS refused the Disconnect (${outcome})`;
      for (const assignment of [...assignments, ...heirs]) settleStep(d, assignment, told, good, now);
      answerProfile(d, row, outcome, now, policy);
      const open = d.get('session', session.id);
      if (open.endedAt !== null) return done;
      if (result === 'ack') answered(d, open, assignments, 'ack', now, policy);
      else if (cause === SESSION_CONTEXT_NOT_FOUND) answered(d, open, assignments, 'nak-503', now, policy);
      else for (const a of assignments) blame(d, a, now, policy);
      return done;
    }
  }
  mayHaveActed(d, row, now);
  if (!isWanted(d, row) || session.endedAt !== null) {
    close(d, row, 'superseded', outcome, now);
    return done;
  }
  const failures = row.attempt - row.cancelled;
  const dueAt = now + backoff(failures, event.jitter, policy);
  const failed = d.put('outbox', { ...row, dueAt, outcome });
  noteEffect(d, failed, now, 'effect-failed', outcome);
  const hopeless = failures >= policy.disconnect.count;
  if (hopeless) {
    const example = `${nameOf(row)} ${String(row.id)}: ${outcome}, attempt ${String(row.attempt)}`;
    raiseOfNas(d, 'target-silent', d.get('nas', session.nas), example, now);
  }
  const told = hopeless ? `the NAS does not answer (${outcome})` : `${outcome}, attempt ${String(row.attempt)}`;
  settleProfile(d, failed, { state: hopeless ? 'failed' : 'waiting', outcome: told }, now);
  for (const heir of heirs) settleStep(d, heir, told, hopeless ? false : null, now);
  for (const assignment of assignments) {
    settleStep(d, assignment, told, hopeless ? false : null, now);
    if (hopeless) blame(d, assignment, now, policy);
  }
  return done;
}

/** Shows in the step what the NAS said: true done, false failed, null to be tried again. */
export function settleStep(
  d: Draft,
  assignment: Assignment,
  outcome: string | null,
  good: boolean | null,
  now: number,
): void {
  const before = d.find('step', `${String(assignment.id)}/disconnect`);
  if (before === null) return;
  const state = good === null ? 'waiting' : good ? 'done' : 'failed';
  d.put('step', { ...before, state, outcome, updatedAt: now });
}
