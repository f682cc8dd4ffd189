/** The end of a tenure: REVOKING, the Disconnects, the evidence, REVOKED, quarantine. Every step is a row. */
import { formatPrefix } from './address.js';
import { aboutPool, amend, raise } from './alarms.js';
import type { Brake } from './brake.js';
import { freezeOf, frozenBy } from './braking.js';
import type { Draft } from './draft.js';
import { orderEffect } from './effect.js';
import { barred, idleProof, seenUntil, type Proof } from './evidence.js';
import { awaits, AWAITS } from './guard.js';
import type { Policy } from './policy.js';
import { mayAct } from './restored.js';
import { witnessKey } from './keys.js';
import type { Nas } from './nas-records.js';
import type { RevokeOrder } from './order.js';
import type { Assignment, Outbox, Session, Witness } from './records.js';
import { free, recheck } from './tenure.js';
import { step, transition } from './transition.js';

/** What the step says first where the config entry of a NAS has no `coa`. */
const NO_COA = 'no CoA address for NAS';

/** What the step says where no session of the holder is open. */
const NO_SESSION = 'no open session';

function isHeldOpen({ closedAt, standing }: Witness): boolean {
  return closedAt === null && standing === 'held';
}

/**
 * Begins the termination of an ALLOCATED, ACTIVE or SUSPENDED assignment. `approved` is the batch in which it waited: its
 * Disconnects were approved of with it.
 */
export function beginRevoke(
  d: Draft,
  before: Assignment,
  order: RevokeOrder,
  now: number,
  policy: Policy,
  approved: number | null = null,
): Assignment {
  const assignment = transition(
    d,
    before,
    'revoking',
    {
      at: now,
      actor: order.actor,
      code: 'revoke',
      detail: { reason: order.reason, ...(approved === null ? {} : { batch: approved }) },
    },
    { generation: before.generation + 1, revokingAt: now, revoke: order, stuck: null },
  );
  const open = d.witnessesOf(assignment.id).filter(isHeldOpen);
  if (open.length === 0) step(d, assignment.id, 'disconnect', now, { state: 'skipped', outcome: NO_SESSION });
  orderEach(d, assignment, open, now, policy, approved !== null);
  return evaluate(d, d.get('assignment', assignment.id), now, policy);
}

/** Orders the end of several sessions by one decision: one attempt, however many they are, and all of them or none. */
function orderEach(
  d: Draft,
  assignment: Assignment,
  held: readonly Witness[],
  now: number,
  policy: Policy,
  approved = false,
): void {
  let counts = true;
  for (const { ref } of held) {
    const current = d.get('assignment', assignment.id);
    if (orderDisconnect(d, current, d.get('session', ref), now, policy, counts, approved)) counts = false;
  }
  // What was in the way of the last one may not be any more.
  blameAnew(d, assignment, now, policy);
}

/**
 * Puts a Disconnect for one session into the outbox, or joins the one that is already there; returns whether it did.
 * `counts` says that it is an attempt of its own: sessions that are told to end by one decision are one attempt. What
 * was not `approved` of is judged by the blast guard of the NAS when it first leaves.
 */
export function orderDisconnect(
  d: Draft,
  assignment: Assignment,
  about: Session,
  now: number,
  policy: Policy,
  counts = true,
  approved = false,
): boolean {
  // Read again: one packet may show several assignments that end, and the first has ordered the Disconnect for all.
  const session = d.get('session', about.id);
  if (assignment.revoke?.sendDisconnect === false) {
    step(d, assignment.id, 'disconnect', now, { state: 'skipped', outcome: 'send_disconnect is false' });
    return false;
  }
  const nas = d.get('nas', session.nas);
  if (policy.nas.get(nas.entry)?.coa !== true) {
    lookAgain(d, assignment, entryDueAt(nas, now, policy));
    step(d, assignment.id, 'disconnect', now, { state: 'failed', outcome: `${NO_COA} ${nas.entry}` });
    // An entry that is gone may only have another name by now.
    if (policy.nas.has(nas.entry)) blame(d, assignment, now, policy);
    return false;
  }
  const before = d.find('step', `${String(assignment.id)}/disconnect`);
  if (before !== null && before.rejected !== null) return false;
  const fresh = before === null || now - before.startedAt > policy.disconnect.windowMs;
  const attempts = fresh ? 1 : before.attempts + (counts ? 1 : 0);
  const started = fresh ? now : before.startedAt;
  if (attempts > policy.disconnect.count && session.disconnect === null) {
    const kept = d.find('witness', witnessKey(assignment.id, session.id))?.answer === 'ack';
    const outcome = kept ? 'the NAS acknowledges and keeps the session' : 'AAA still returns it';
    step(d, assignment.id, 'disconnect', now, { state: 'failed', attempts: before?.attempts ?? 0, outcome });
    blame(d, assignment, now, policy);
    return false;
  }
  let outcome: string | null = null;
  const order = { assignment: assignment.id, generation: assignment.generation };
  const pending = session.disconnect === null ? null : d.find('outbox', String(session.disconnect));
  if (pending !== null && pending.status === 'pending') {
    const known = pending.orders.some((o) => o.assignment === order.assignment && o.generation === order.generation);
    // One that was to wait until it is known who is where (see intruder.ts) is ordered now.
    const dueAt = pending.attempt === 0 ? Math.min(pending.dueAt, now) : pending.dueAt;
    const joined = known ? pending : d.put('outbox', { ...pending, dueAt, orders: [...pending.orders, order] });
    const batch = takeOut(d, joined, now);
    if (batch !== null) outcome = awaits(batch);
  } else {
    const acts = mayAct(d, policy, nas.entry);
    const row = orderEffect(
      d,
      { kind: 'nas.disconnect', session, orders: [order], desired: null, acts, approved },
      now,
    );
    d.note({
      at: now,
      kind: 'effect-ordered',
      tenant: assignment.tenant,
      actor: assignment.revoke?.actor ?? 'addrd',
      subscriber: assignment.subscriber,
      assignment: assignment.id,
      session: session.id,
      nas: session.nas,
      vrf: assignment.vrf,
      prefix: assignment.prefix,
      code: row.kind,
      detail: { outbox: row.id, status: row.status },
    });
  }
  step(d, assignment.id, 'disconnect', now, { state: 'waiting', attempts, startedAt: started, outcome });
  return true;
}

/**
 * Another's order for a Disconnect that waits in the batch of a token: it is carried out, and leaves the batch. Returns the
 * batch in which it waits all the same, that of its NAS, or null.
 */
function takeOut(d: Draft, row: Outbox, now: number): number | null {
  if (row.batch === null) return null;
  const batch = d.get('batch', row.batch);
  if (!batch.scope.startsWith('token:')) return batch.id;
  d.put('outbox', { ...row, batch: null, dueAt: Math.min(row.dueAt, now) });
  if (batch.status === 'open') d.put('batch', { ...batch, disconnects: batch.disconnects - 1 });
  // The assignment that is to take the place of the one that ends waited with it.
  for (const { renumber } of row.orders) {
    const heir = renumber?.assignment;
    const waits = heir === undefined ? null : d.find('step', `${String(heir)}/disconnect`);
    if (waits?.outcome === awaits(batch.id)) step(d, waits.assignment, 'disconnect', now, { outcome: null });
  }
  return null;
}

/**
 * When to ask again which config entry a NAS is of: a reload has renamed the one that it is on record under, and its next
 * packet tells; one interim round has one. Infinity where the entry is there.
 */
function entryDueAt(nas: Nas, now: number, policy: Policy): number {
  return policy.nas.has(nas.entry) ? Infinity : now + policy.interimRoundMs;
}

/** As {@link entryDueAt}, of every NAS that an assignment's Disconnects go to. */
function entriesDueAt(d: Draft, assignment: Assignment, now: number, policy: Policy): number {
  if (assignment.revoke?.sendDisconnect === false) return Infinity;
  const nases = d.witnessesOf(assignment.id).filter(isHeldOpen);
  return Math.min(...nases.map(({ ref }) => entryDueAt(d.get('nas', d.get('session', ref).nas), now, policy)));
}

/** How somebody ends a termination that no evidence ends. */
function byForce(d: Draft, { subscriber, prefix }: Assignment): string {
  const { name } = d.get('subscriber', subscriber);
  return `addrdctl revoke ${name} --address ${formatPrefix(prefix)} --force --reason ...`;
}

/** What is missing, what went wrong with the Disconnect while a session of the holder is open, and what ends it. */
function reason(d: Draft, assignment: Assignment, { because, mute }: Proof & { idle: false }): string {
  const failure = failureOf(d, assignment);
  const why = failure === null ? because : `${because}; ${failure}`;
  if (failure?.startsWith(NO_COA) === true) {
    return `${why}: give its entry coa and say the revoke again, wait for the Stop, or ${byForce(d, assignment)}`;
  }
  return mute === true ? `${why}; waiting does not end it, its Stop does, or ${byForce(d, assignment)}` : why;
}

/** What a Disconnect failed at, or what it waits for, while a session that it is for is open; else null. */
function failureOf(d: Draft, assignment: Assignment): string | null {
  const cut = d.find('step', `${String(assignment.id)}/disconnect`);
  if (cut === null || cut.outcome === null) return null;
  const waits = cut.outcome.startsWith(AWAITS);
  if (cut.state !== 'failed' && !waits) return null;
  const open = d.witnessesOf(assignment.id).some((w) => {
    if (!isHeldOpen(w)) return false;
    const { disconnect } = d.get('session', w.ref);
    return !waits || (disconnect !== null && d.get('outbox', disconnect).batch !== null);
  });
  return open ? cut.outcome : null;
}

/** Shows at once why a termination does not end, where it is plain before its time is over. */
export function blame(d: Draft, assignment: Assignment, now: number, policy: Policy): void {
  const current = d.get('assignment', assignment.id);
  const proof = idleProof(d, current, now, policy);
  if (!proof.idle) hold(d, current, now, reason(d, current, proof));
}

/** A session has come to what is stuck, or was told anew to end: why it is stuck is said anew. */
export function blameAnew(d: Draft, assignment: Assignment, now: number, policy: Policy): void {
  const current = d.get('assignment', assignment.id);
  const proof = current.stuck === null ? null : idleProof(d, current, now, policy);
  if (proof === null || proof.idle) return;
  hold(d, current, now, reason(d, current, proof));
  const before = d.find('step', `${String(current.id)}/evidence`);
  if (before !== null && before.outcome !== proof.because) {
    step(d, current.id, 'evidence', now, { outcome: proof.because });
  }
}

/** What a Disconnect failed at is nobody's any more, when the last session of the holder has ended. */
function settleDisconnect(d: Draft, assignment: Assignment, now: number): void {
  if (d.find('step', `${String(assignment.id)}/disconnect`)?.state !== 'failed') return;
  if (d.witnessesOf(assignment.id).some(isHeldOpen)) return;
  step(d, assignment.id, 'disconnect', now, { state: 'skipped', outcome: NO_SESSION });
}

/** Shows why a termination does not end. The journal hears of each reason once. */
function hold(d: Draft, assignment: Assignment, now: number, because: string): Assignment {
  const current = d.get('assignment', assignment.id);
  if (current.stuck === because) return current;
  d.note({
    at: now,
    kind: 'stuck',
    tenant: current.tenant,
    actor: 'addrd',
    subscriber: current.subscriber,
    assignment: current.id,
    vrf: current.vrf,
    prefix: current.prefix,
    code: 'stuck',
    detail: { because },
  });
  const example = (why: string): string => `${formatPrefix(current.prefix)}: ${why}`;
  const about = aboutPool(d.get('pool', current.pool));
  if (current.stuck === null) raise(d, 'termination-stuck', about, example(because), now, true);
  else amend(d, 'termination-stuck', about.ref, example(current.stuck), example(because));
  return d.put('assignment', { ...current, stuck: because });
}

/** What is idle and may not be freed yet: it is due at once, when it thaws. */
function held(freeze: Brake | null, now: number): Proof & { idle: false } {
  return { idle: false, because: freeze === null ? 'frozen' : frozenBy(freeze), recheckAt: now };
}

/** Looks whether a REVOKING assignment is idle by now; ends it if so, and otherwise says when to look again. */
export function evaluate(d: Draft, assignment: Assignment, now: number, policy: Policy): Assignment {
  if (assignment.state !== 'revoking') return assignment;
  const found = idleProof(d, assignment, now, policy);
  const freeze = found.idle ? freezeOf(d) : null;
  if (found.idle && freeze === null) return free(d, assignment, found, now, policy);
  const proof = found.idle ? held(freeze, now) : found;
  const timeoutAt = (assignment.revokingAt ?? now) + policy.evidenceTimeoutMs;
  const forcible = policy.evidence === 'force' && now >= timeoutAt && !found.idle && freezeOf(d) === null;
  const seen = forcible ? seenUntil(d, assignment, now, policy) : null;
  if (forcible && seen === null && barred(d, now, now, policy) === null) {
    const detail = `lifecycle.evidence is force; ${proof.because}`;
    return free(d, assignment, { kind: 'operator', detail }, now, policy);
  }
  let current = assignment;
  settleDisconnect(d, assignment, now);
  // What was shown before its time is over is said anew with whatever has changed.
  if (now >= timeoutAt || assignment.stuck !== null) current = hold(d, assignment, now, reason(d, assignment, proof));
  const later = now < timeoutAt ? timeoutAt : now + policy.evidenceTimeoutMs;
  const next = Math.min(proof.recheckAt ?? Infinity, seen ?? Infinity, later, entriesDueAt(d, assignment, now, policy));
  const before = d.find('step', `${String(assignment.id)}/evidence`);
  if (before?.outcome !== proof.because || before.dueAt !== next) {
    step(d, assignment.id, 'evidence', now, { state: 'waiting', outcome: proof.because, dueAt: next });
  }
  recheck(d, assignment, next);
  return current;
}

/**
 * Sends another Disconnect: for a session that was seen again after the NAS acknowledged the last one and, when the
 * window of the last ones has passed, for one that was held back or whose NAS refused.
 */
export function disconnectAgain(d: Draft, assignment: Assignment, now: number, policy: Policy): void {
  const last = d.find('step', `${String(assignment.id)}/disconnect`);
  // What was never attempted needs no rest.
  const rested = last === null || last.attempts === 0 || now - last.startedAt > policy.disconnect.windowMs;
  const due = d.witnessesOf(assignment.id).filter((witness) => {
    if (!isHeldOpen(witness)) return false;
    const session = d.get('session', witness.ref);
    if (session.disconnect !== null) return false;
    const { answeredAt } = witness;
    if (answeredAt !== null) return d.get('usage', witness.ref).updatedAt > answeredAt;
    return rested && mayAct(d, policy, d.get('nas', session.nas).entry);
  });
  orderEach(d, assignment, due, now, policy);
}

/**
 * Somebody says a revoke again: orders a Disconnect for each open session that has none under way, within the limits of
 * {@link orderDisconnect}. An earlier rejection holds no longer.
 */
export function orderAgain(d: Draft, assignment: Assignment, now: number, policy: Policy): void {
  const before = d.find('step', `${String(assignment.id)}/disconnect`);
  if (before !== null && before.rejected !== null) d.put('step', { ...before, rejected: null });
  const idle = d
    .witnessesOf(assignment.id)
    .filter((witness) => isHeldOpen(witness) && d.get('session', witness.ref).disconnect === null);
  orderEach(d, assignment, idle, now, policy);
}

/** Looks again at `at` at the latest; an earlier look stays. */
export function lookAgain(d: Draft, assignment: Assignment, at: number): void {
  const before = d.find('deadline', `evidence/${String(assignment.id)}`);
  if (at !== Infinity && (before === null || before.dueAt > at)) recheck(d, assignment, at);
}
