/** The states of an assignment and the table of transitions between them. */

/** The seven states of an assignment, in the order of a life. */
export const LIFECYCLE_STATES = [
  'pending',
  'allocated',
  'active',
  'suspended',
  'revoking',
  'revoked',
  'failed',
] as const;
export type LifecycleState = (typeof LIFECYCLE_STATES)[number];

const TRANSITIONS: Readonly<Record<LifecycleState, readonly LifecycleState[]>> = {
  pending: ['allocated', 'failed'],
  allocated: ['active', 'revoking', 'failed'],
  active: ['suspended', 'revoking', 'failed'],
  suspended: ['active', 'revoking', 'failed'],
  revoking: ['revoked', 'failed'],
  revoked: [],
  failed: ['pending'],
};

/** The states that may follow `from`. */
export function getAllowedTransitions(from: LifecycleState): readonly LifecycleState[] {
  return TRANSITIONS[from];
}

/** Whether the table of transitions allows `from` to become `to`. */
export function validateLifecycleTransition(from: LifecycleState, to: LifecycleState): boolean {
  return TRANSITIONS[from].includes(to);
}

/** Whether a state has no successor: only `revoked`. */
export function isTerminalState(state: LifecycleState): boolean {
  return TRANSITIONS[state].length === 0;
}
