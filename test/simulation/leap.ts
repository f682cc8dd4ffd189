/** What a leap over idle time has to ask the store, and to write into it. */
import type { Database } from '../../src/store/open.js';
import type { Leap } from './time.js';

/** A leap that leaves the store as the heartbeats would have that it leaves out. */
export function leapOf(db: Database): Leap {
  const due = db
    .prepare(
      `SELECT min(due) FROM (SELECT min(due_at) AS due FROM deadline WHERE due_at > :after
         UNION ALL SELECT min(due_at) FROM outbox WHERE status = 'pending' AND due_at > :after)`,
    )
    .pluck();
  const alive = db.prepare("UPDATE meta SET value = max(value, ?) WHERE key = 'alive_at'");
  return { nextDue: (after) => due.get({ after }) as number | null, skipped: (until) => alive.run(until) };
}
