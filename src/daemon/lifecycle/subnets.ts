/**
 * Routed subnets and their parents: what lies behind a subscriber moves with the assignment whose sessions it rides on
 * (SEMANTICS, "Who and what").
 */
import type { Draft } from './draft.js';
import type { Assignment } from './records.js';

/** So many subnets ride on one assignment at most: each session on it carries all of them. */
export const MOST_SUBNETS = 16;

/** Assignments, and behind each the subnets in `states` that ride on it and were not named themselves. */
export function withSubnets(
  d: Draft,
  chosen: readonly Assignment[],
  states: ReadonlySet<Assignment['state']>,
): Assignment[] {
  const named = new Set(chosen.map(({ id }) => id));
  return chosen.flatMap((one) => [
    one,
    ...d.subnetsOf(one.id).filter(({ id, state }) => !named.has(id) && states.has(state)),
  ]);
}

/** The subnets of an assignment ride on another from now on. */
export function moveSubnets(d: Draft, from: number, to: number): void {
  for (const subnet of d.subnetsOf(from)) d.put('assignment', { ...subnet, parent: to });
}
