/** The first and the last moment of a tenure: it begins on a unit; its sessions are let go, its unit rests or passes on. */
import type { Prefix } from './address.js';
import { conflictClosed, lower } from './alarms.js';
import type { Approval } from './brake.js';
import type { Draft } from './draft.js';
import { holdingKey } from './keys.js';
import type { RenumberOrder } from './order.js';
import type { Policy } from './policy.js';
import type { Assignment, EvidenceKind, Holding, Pool, Witness } from './records.js';
import { step, transition } from './transition.js';
import { leaveUnit } from './units.js';

/** What a tenure begins with. */
export interface Beginning {
  readonly subscriber: number;
  readonly unit: Prefix;
  readonly provenance: Assignment['provenance'];
  readonly confidence: Holding['confidence'];
  readonly metadata: string | null;
  readonly actor: string;
  /** Of the line in the journal. */
  readonly code: string;
  readonly session?: number;
  readonly detail?: Readonly<Record<string, unknown>>;
  readonly imported?: Assignment['imported'];
  readonly parent?: number | null;
  readonly supersedes?: number;
  readonly renumber?: RenumberOrder;
}

/** Begins a tenure: PENDING -> ALLOCATED, live, in the history. Its unit is counted as held already. */
export function beginTenure(d: Draft, pool: Pool, beginning: Beginning, now: number): Assignment {
  const { subscriber, unit, provenance, confidence, metadata } = beginning;
  const {
    parent = null,
    supersedes = null,
    renumber = null,
    imported = null,
    actor,
    code,
    session,
    detail,
  } = beginning;
  const about = { ...(session === undefined ? {} : { session }), ...(detail === undefined ? {} : { detail }) };
  const why = { at: now, actor, code, ...about };
  const pending: Assignment = {
    id: d.nextId('assignment'),
    tenant: pool.tenant,
    subscriber,
    pool: pool.id,
    vrf: pool.vrf,
    family: pool.family,
    use: pool.use,
    prefix: unit,
    state: 'pending',
    generation: 1,
    createdAt: now,
    allocatedAt: null,
    activatedAt: null,
    suspendedAt: null,
    revokingAt: null,
    revokedAt: null,
    revoke: null,
    evidence: null,
    stuck: null,
    provenance,
    metadata,
    parent,
    supersedes,
    renumber,
    imported,
  };
  const assignment = transition(d, pending, 'allocated', why, { allocatedAt: now });
  d.put('live', { assignment: assignment.id, vrf: pool.vrf, prefix: unit });
  d.put('holding', {
    vrf: pool.vrf,
    prefix: unit,
    since: now,
    kind: 'tenure',
    seq: assignment.id,
    until: null,
    tenant: pool.tenant,
    subscriber,
    assignment: assignment.id,
    nas: null,
    confidence,
  });
  return assignment;
}

/** Why an address is known to be idle, or to have passed on; `detail` is for people. */
export interface Ground {
  readonly kind: EvidenceKind;
  readonly detail: string;
}

/** A termination was stuck and is not any more; `before` is the assignment as it was. */
export function unstuck(d: Draft, before: Assignment, now: number): void {
  if (before.stuck !== null) lower(d, 'termination-stuck', `pool:${String(before.pool)}`, now);
}

/** Sets, moves or removes the one time at which an assignment's evidence is looked at again. */
export function recheck(d: Draft, assignment: Assignment, dueAt: number | null): void {
  const key = `evidence/${String(assignment.id)}`;
  const before = d.find('deadline', key);
  if (before?.dueAt === dueAt) return;
  if (dueAt !== null) d.put('deadline', { kind: 'evidence', ref: String(assignment.id), dueAt });
  else if (before !== null) d.drop('deadline', key);
}

/** Takes a revoke out of the batch in which it waits: it is carried out otherwise, or has nothing left to do. */
export function dropApproval(d: Draft, approval: Approval): void {
  d.drop('approval', String(approval.assignment));
  const batch = d.get('batch', String(approval.batch));
  if (batch.status === 'open') d.put('batch', { ...batch, revokes: batch.revokes - 1 });
}

/** Ends a conflict, if it is still open. */
export function settleConflict(d: Draft, id: number | null, now: number): void {
  const about = id === null ? null : d.find('conflict', String(id));
  if (about?.closedAt !== null) return;
  d.put('conflict', { ...about, lastAt: now, closedAt: now });
  conflictClosed(d, about, now);
}

/**
 * Takes a session off an assignment that ends, whose own history of it ends at `until`. Should it be heard again, it
 * shows the address anew, and is judged like anybody who stands on an address that is not his.
 */
export function letGo(
  d: Draft,
  { id, vrf }: Assignment,
  witness: Witness,
  closeKind: NonNullable<Witness['closeKind']>,
  until: number,
  now: number,
): void {
  const session = d.get('session', witness.ref);
  for (const { assignment, prefix, since, conflict } of session.addresses) {
    if (assignment !== id) continue;
    settleConflict(d, conflict, now);
    const holding = d.find('holding', holdingKey({ vrf, prefix, since, kind: 'session', seq: session.id }));
    if (holding?.until === null) {
      d.put('holding', { ...holding, until: Math.max(until, since), confidence: 'inferred' });
    }
  }
  d.put('session', { ...session, addresses: session.addresses.filter((a) => a.assignment !== id) });
  d.put('witness', { ...witness, closedAt: now, closeKind });
}

/**
 * Makes an assignment REVOKED on its evidence; its history ends at `until`. It gives up its unit and its live row, and
 * what becomes of the unit is for the caller to say in the same decision. No session may stand on it any more.
 */
export function endTenure(d: Draft, before: Assignment, { kind, detail }: Ground, until: number, now: number): void {
  const assignment = transition(
    d,
    before,
    'revoked',
    { at: now, actor: 'addrd', code: kind, detail: { evidence: detail } },
    { generation: before.generation + 1, revokedAt: now, evidence: { kind, at: now, detail }, stuck: null },
  );
  unstuck(d, before, now);
  const waits = d.find('approval', String(before.id));
  if (waits !== null) dropApproval(d, waits);
  step(d, before.id, 'evidence', now, { state: 'done', outcome: kind, dueAt: null });
  const cut = d.find('step', `${String(before.id)}/disconnect`);
  if (cut?.state === 'waiting') {
    step(d, before.id, 'disconnect', now, { state: 'skipped', outcome: 'no longer needed' });
  }
  d.drop('live', String(before.id));
  const since = before.allocatedAt ?? before.createdAt;
  const { vrf, prefix } = before;
  const tenure = d.find('holding', holdingKey({ vrf, prefix, since, kind: 'tenure', seq: before.id }));
  if (tenure !== null) d.put('holding', { ...tenure, until: Math.max(since, Math.min(until, now)) });
  recheck(d, assignment, null);
  // What rides on it ends with it, and by what is known of it by now.
  for (const subnet of d.subnetsOf(before.id)) recheck(d, subnet, now);
}

/** Whether a session has a routed subnet that it does not show: nothing it reports would say that it has it still. */
function carries(d: Draft, { assignment, ref }: Witness): boolean {
  return d.get('session', ref).addresses.some((a) => a.assignment === assignment && a.attribute === 'parent');
}

/** Ends a REVOKING assignment that is idle: REVOKED, and its unit rests, or is kept where the order says so. */
export function free(d: Draft, before: Assignment, ground: Ground, now: number, policy: Policy): Assignment {
  const doubted: number[] = [];
  for (const witness of d.witnessesOf(before.id)) {
    if (witness.closedAt !== null) continue;
    if (ground.kind === 'operator' && carries(d, witness)) doubted.push(witness.ref);
    letGo(d, before, witness, 'inferred', d.get('usage', witness.ref).updatedAt, now);
  }
  endTenure(d, before, ground, now, now);
  const { pool, prefix, id, subscriber } = before;
  const state = before.revoke?.releaseToPool === false ? 'reserved' : 'quarantined';
  const freeAt = now + quarantineOf(d, before, policy);
  leaveUnit(d, { pool, prefix, leftAt: now, doubted, assignment: id, subscriber }, state, freeAt);
  step(d, id, 'release', now, { state: 'done', outcome: state, dueAt: state === 'quarantined' ? freeAt : null });
  return d.get('assignment', id);
}

/** An effect in flight must not outlive the quarantine, or it could hit the next holder. */
function quarantineOf(d: Draft, assignment: Assignment, policy: Policy): number {
  let longest = d.get('pool', assignment.pool).quarantineMs;
  for (const nas of policy.nas.values()) {
    if (nas.vrf === assignment.vrf) longest = Math.max(longest, nas.effectLifeMs);
  }
  return longest;
}
