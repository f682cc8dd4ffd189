/**
 * The daily clean-up: terminations that do not end are looked at again, what was handed out and never seen is told, and leaks are
 * counted. It frees nothing itself: what it looks at again is decided by its own event, on evidence.
 */
import { formatPrefix } from './address.js';
import type { Draft } from './draft.js';
import type { Policy } from './policy.js';
import type { Task, TaskProgress } from './task.js';
import { lookAgain } from './termination.js';

/** Rows that one event looks at. */
const SLICE = 200;
/** Handed out for so long and never seen. */
const NEVER_SEEN_MS = 86_400_000;
/** A quarantine that ended so long ago should have been noticed by the deadlines. */
const UNRELEASED_MS = 300_000;
/** Counting ends here. */
const MOST_COUNTED = 100_000;
const EXAMPLES = 3;

/** How many assignments a clean-up would touch, counted no further than one more than it may. */
export function touchedBy(d: Draft, now: number, policy: Policy): { touched: number; most: number; what: string } {
  const live = d.pools().reduce((sum, id) => sum + d.get('pool', id).held, 0);
  const most = Math.max(policy.task.floor, Math.floor(live * policy.task.share));
  return { touched: d.chores.countRevoking(now - policy.evidenceTimeoutMs, most + 1), most, what: 'assignments' };
}

/** One slice of a clean-up. Times are measured from its start, so that it ends. */
export function cleanUp(
  d: Draft,
  { progress, startedAt }: Task,
  now: number,
  policy: Policy,
): { progress: TaskProgress; isDone: boolean } {
  switch (progress.part) {
    case 'revoking': {
      const rows = d.chores.revoking(startedAt - policy.evidenceTimeoutMs, progress.after, SLICE);
      let redriven = progress.counts.redriven ?? 0;
      for (const { id } of rows) {
        const assignment = d.get('assignment', id);
        // What this batch has ended meanwhile is done.
        if (assignment.state !== 'revoking') continue;
        lookAgain(d, assignment, now);
        redriven++;
      }
      return further({ ...progress, counts: { ...progress.counts, redriven } }, rows, 'allocated');
    }
    case 'allocated': {
      const rows = d.chores.allocated(startedAt - NEVER_SEEN_MS, progress.after, SLICE);
      const neverSeen = { ...progress.neverSeen };
      let count = progress.counts['never-seen'] ?? 0;
      for (const { id } of rows) {
        const { state, pool, prefix } = d.get('assignment', id);
        if (state !== 'allocated') continue;
        count++;
        const so = neverSeen[pool] ?? { count: 0, examples: [] };
        const examples = so.examples.length < EXAMPLES ? [...so.examples, formatPrefix(prefix)] : so.examples;
        neverSeen[pool] = { count: so.count + 1, examples };
      }
      return further({ ...progress, counts: { ...progress.counts, 'never-seen': count }, neverSeen }, rows, 'leaks');
    }
    case 'journal':
    case 'leaks': {
      const overdue = d.chores.countRevoking(startedAt - policy.evidenceTimeoutMs, MOST_COUNTED);
      const leaks = overdue + d.chores.countUnreleased(now - UNRELEASED_MS, MOST_COUNTED);
      tell(d, progress, now);
      return { progress: { ...progress, counts: { ...progress.counts, leaks } }, isDone: true };
    }
  }
}

/** Behind the last row, or to the next part where there are no more. */
function further(
  progress: TaskProgress,
  rows: readonly { readonly at: number; readonly id: number }[],
  next: TaskProgress['part'],
): { progress: TaskProgress; isDone: boolean } {
  const last = rows.at(-1);
  const goesOn = last !== undefined && rows.length === SLICE;
  const place = goesOn ? { after: [last.at, last.id] as const } : { part: next, after: [0, 0] as const };
  return { progress: { ...progress, ...place }, isDone: false };
}

/** Each pool's tenant learns what of it was never seen. */
function tell(d: Draft, { neverSeen }: TaskProgress, now: number): void {
  for (const [id, { count, examples }] of Object.entries(neverSeen)) {
    const { id: pool, tenant, vrf, name } = d.get('pool', id);
    const detail = { pool: name, count, examples, hours: NEVER_SEEN_MS / 3_600_000 };
    d.note({ at: now, kind: 'never-seen', tenant, actor: 'addrd', pool, vrf, code: 'clean-up', detail });
  }
}
