/** How an assignment moves: along the table of transitions, and step by step through its termination. */
import type { Draft } from './draft.js';
import type { Assignment, AssignmentStep } from './records.js';
import { validateLifecycleTransition, type LifecycleState } from './state.js';

/** Moves an assignment along the table of transitions and journals it. The caller has checked that the move is allowed. */
export function transition(
  d: Draft,
  assignment: Assignment,
  to: LifecycleState,
  why: { at: number; actor: string; code: string; session?: number; detail?: Readonly<Record<string, unknown>> },
  fields: Partial<Assignment> = {},
): Assignment {
  if (!validateLifecycleTransition(assignment.state, to)) throw new ForbiddenTransition(assignment.state, to);
  d.note({
    at: why.at,
    kind: 'transition',
    tenant: assignment.tenant,
    actor: why.actor,
    subscriber: assignment.subscriber,
    assignment: assignment.id,
    session: why.session ?? null,
    pool: assignment.pool,
    vrf: assignment.vrf,
    prefix: assignment.prefix,
    from: assignment.state,
    to,
    code: why.code,
    detail: why.detail ?? null,
  });
  return d.put('assignment', { ...assignment, ...fields, state: to });
}

/**
 * Puts an ALLOCATED assignment into service; that of a suspended subscriber goes ACTIVE -> SUSPENDED in the same decision.
 */
export function intoService(
  d: Draft,
  assignment: Assignment,
  why: { at: number; actor: string; code: string; session?: number },
): Assignment {
  const active = transition(d, assignment, 'active', why, { activatedAt: why.at });
  const { suspendedAt } = d.get('subscriber', assignment.subscriber);
  if (suspendedAt === null) return active;
  return transition(d, active, 'suspended', { at: why.at, actor: 'addrd', code: 'suspended' }, { suspendedAt: why.at });
}

/** A step of ours asked for a move outside the table: a fault, which condemns the one event that met it. */
export class ForbiddenTransition extends Error {
  readonly code = 'forbidden-transition';
  constructor(from: LifecycleState, to: LifecycleState) {
    super(`${from} may not become ${to}`);
    this.name = 'ForbiddenTransition';
  }
}

/** Writes one step of a termination; what `fields` does not name stays. */
export function step(
  d: Draft,
  assignment: number,
  name: AssignmentStep['step'],
  now: number,
  fields: Partial<Pick<AssignmentStep, 'state' | 'attempts' | 'dueAt' | 'outcome' | 'startedAt' | 'rejected'>>,
): AssignmentStep {
  const before = d.find('step', `${String(assignment)}/${name}`) ?? {
    assignment,
    step: name,
    state: 'waiting' as const,
    attempts: 0,
    dueAt: null,
    outcome: null,
    startedAt: now,
    updatedAt: now,
    rejected: null,
  };
  return d.put('step', { ...before, ...fields, updatedAt: now });
}
