/** What becomes of a batch that the blast guard held back: somebody approves of it or rejects it, as a whole. */
import { clear } from './alarms.js';
import type { Batch } from './brake.js';
import type { Draft } from './draft.js';
import type { ApproveEvent } from './events.js';
import { close } from './effect.js';
import { settleStep, current } from './performing.js';
import type { Policy } from './policy.js';
import { settleProfile } from './profile.js';
import { servedBy } from './renumbering.js';
import { validateLifecycleTransition } from './state.js';
import { beginSuspend } from './suspension.js';
import { beginRevoke } from './termination.js';
import { step } from './transition.js';
import type { Verdict } from './world.js';

/** How many revokes, or suspends, one event begins. */
const SLICE = 50;

function answer(verdict: 'applied' | 'duplicate', code: string | null, batch: Batch): Verdict {
  const { id, status, revokes, suspends, disconnects, coas } = batch;
  return { verdict, code, detail: null, reply: { batch: id, status, revokes, suspends, disconnects, coas } };
}

/** Approves of a batch, or rejects it. What was held back follows in slices. */
export function decideBatch(d: Draft, event: ApproveEvent): Verdict {
  const { tenant, actor, receivedAt: now, reason } = event;
  const batch = d.find('batch', String(event.batch));
  if (batch?.tenant !== tenant) {
    return {
      verdict: 'refused',
      code: 'unknown-batch',
      detail: `there is no batch ${String(event.batch)}`,
      reply: null,
    };
  }
  const status = event.kind === 'approve' ? 'approved' : 'rejected';
  if (batch.status === status) return answer('duplicate', `already-${status}`, batch);
  if (batch.status !== 'open') {
    const detail = `batch ${String(batch.id)} was ${batch.status} by ${batch.decidedBy ?? ''}`;
    return { verdict: 'refused', code: 'batch-decided', detail, reply: null };
  }
  const decided = d.put('batch', { ...batch, status, decidedAt: now, decidedBy: actor, reason });
  const guard = d.get('guard', batch.scope);
  // Whoever approves has looked: the count begins anew.
  d.put('guard', { ...guard, batch: null, base: status === 'approved' ? guard.seq : guard.base });
  d.put('deadline', { kind: 'approval', ref: String(batch.id), dueAt: now });
  const { id, revokes, suspends, disconnects, coas } = batch;
  const detail = { batch: id, of: batch.name, revokes, suspends, disconnects, coas, reason };
  d.note({ at: now, kind: `batch-${status}`, tenant, actor, code: status, detail });
  clear(d, 'guard-tripped', batch.scope, now, actor);
  return answer('applied', null, decided);
}

/** Carries out, or drops, a slice of a batch that was decided. */
export function settleBatch(d: Draft, ref: string, now: number, policy: Policy): Verdict {
  const batch = d.get('batch', ref);
  const { approvals, suspends, effects } = d.heldBack(batch.id);
  for (const key of approvals.slice(0, SLICE)) settleRevoke(d, batch, key, now, policy);
  for (const key of suspends.slice(0, SLICE)) settleSuspend(d, batch, key, now, policy);
  for (const key of effects) settleEffect(d, batch, key, now);
  if (approvals.length + suspends.length + effects.length === 0) d.drop('deadline', `approval/${ref}`);
  else d.put('deadline', { kind: 'approval', ref, dueAt: now });
  return { verdict: 'applied', code: null, detail: null, reply: null };
}

function settleRevoke(d: Draft, batch: Batch, key: string, now: number, policy: Policy): void {
  const approval = d.find('approval', key);
  // It was settled with what it rides on.
  if (approval === null) return;
  const { reason, actor, sendDisconnect, releaseToPool } = approval;
  const assignment = d.get('assignment', key);
  d.drop('approval', key);
  if (batch.status === 'approved' && validateLifecycleTransition(assignment.state, 'revoking')) {
    const order = { reason, actor, sendDisconnect, releaseToPool };
    beginRevoke(d, assignment, order, now, policy, batch.id);
    // Subnets that were held back with it, wherever in the batch, and those that came to ride on it while it waited.
    for (const subnet of d.subnetsOf(assignment.id)) {
      const waits = d.find('approval', String(subnet.id));
      if (waits !== null && waits.batch !== batch.id) continue;
      if (!validateLifecycleTransition(subnet.state, 'revoking')) continue;
      if (waits !== null) d.drop('approval', String(subnet.id));
      beginRevoke(d, subnet, order, now, policy, batch.id);
    }
    return;
  }
  d.note({
    at: now,
    kind: 'revoke-dropped',
    tenant: assignment.tenant,
    actor: batch.decidedBy ?? 'addrd',
    subscriber: assignment.subscriber,
    assignment: assignment.id,
    vrf: assignment.vrf,
    prefix: assignment.prefix,
    code: batch.status === 'approved' ? assignment.state : 'rejected',
    detail: { batch: batch.id },
  });
}

function settleSuspend(d: Draft, batch: Batch, key: string, now: number, policy: Policy): void {
  const { at, actor, reason, sendCoa, sendDisconnect } = d.get('heldSuspend', key);
  const subscriber = d.get('subscriber', key);
  d.drop('heldSuspend', key);
  if (batch.status === 'approved' && subscriber.suspendedAt === null) {
    beginSuspend(d, subscriber, { at, actor, reason, sendCoa, sendDisconnect }, now, policy, batch.id);
    return;
  }
  d.note({
    at: now,
    kind: 'suspend-dropped',
    tenant: subscriber.tenant,
    actor: batch.decidedBy ?? 'addrd',
    subscriber: subscriber.id,
    code: batch.status === 'approved' ? 'already-suspended' : 'rejected',
    detail: { batch: batch.id },
  });
}

function settleEffect(d: Draft, batch: Batch, key: string, now: number): void {
  const row = d.get('outbox', key);
  const assignments = current(d, row);
  const heirs = servedBy(d, row);
  if (batch.status === 'approved') {
    const released = d.put('outbox', { ...row, batch: null, admitted: true, dueAt: now });
    settleProfile(d, released, { state: 'waiting', outcome: null }, now);
    for (const assignment of [...assignments, ...heirs]) settleStep(d, assignment, null, null, now);
    return;
  }
  close(d, row, 'superseded', 'rejected', now);
  const told = `batch ${String(batch.id)} was rejected by ${batch.decidedBy ?? ''}`;
  settleProfile(d, row, { state: 'failed', outcome: told, rejected: batch.id }, now);
  for (const heir of heirs) settleStep(d, heir, told, false, now);
  for (const { id } of assignments) {
    step(d, id, 'disconnect', now, { state: 'failed', outcome: told, rejected: batch.id });
  }
}
