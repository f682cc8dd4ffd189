/** Renumbering as the API shows it. */
import { formatPrefix } from '../lifecycle/address.js';
import type { Assignment } from '../lifecycle/records.js';
import { isoTime } from '../lifecycle/time.js';
import type { AssignmentView } from './views.js';

/** How the order stands by which an assignment is to take another's place. */
export function renumberingOf(row: Assignment | null): AssignmentView['renumbering'] {
  if (row === null || row.renumber === null) return null;
  const { when, at, deadline, reason, actor, outcome, endedAt } = row.renumber;
  const ended = row.state === 'revoking' || row.state === 'revoked';
  return {
    when,
    at: at === null ? null : isoTime(at),
    deadline: isoTime(deadline),
    reason,
    actor,
    outcome: outcome ?? (ended ? 'dropped' : 'open'),
    ended_at: endedAt === null ? null : isoTime(endedAt),
  };
}

/** What was last ordered in an assignment's place, and how that went. */
export function heirOf(row: Assignment | null): AssignmentView['superseded_by'] {
  const renumbering = renumberingOf(row);
  if (row === null || renumbering === null) return null;
  return { assignment: row.id, address: formatPrefix(row.prefix), ...renumbering };
}
