import type { Database, Statement } from 'better-sqlite3';
import type { Family } from '../../daemon/lifecycle/address.js';
import type { LifecycleState } from '../../daemon/lifecycle/state.js';

/** Numbers for `status` and for metrics. The last two are the daemon's own and belong to no tenant. */
export interface Counts {
  readonly assignments: readonly { readonly family: Family; readonly state: LifecycleState; readonly count: number }[];
  readonly stuck: number;
  readonly openSessions: number;
  readonly pendingEffects: number;
  readonly openConflicts: number;
  readonly dueDeadlines: number;
  readonly poison: number;
}

export class CountReads {
  readonly #assignments: Statement;
  readonly #stuck: Statement;
  readonly #sessions: Statement;
  readonly #effects: Statement;
  readonly #conflicts: Statement;
  readonly #deadlines: Statement;
  readonly #poison: Statement;

  constructor(db: Database) {
    const mine = '(:tenant IS NULL OR tenant = :tenant)';
    this.#assignments = db.prepare(
      `SELECT family, state, sum(count) AS count FROM assignment_count WHERE ${mine} GROUP BY family, state
       HAVING sum(count) > 0 ORDER BY family, state`,
    );
    const one = (sql: string): Statement => db.prepare(`SELECT count(*) FROM ${sql}`).pluck(true);
    this.#stuck = one(`assignment WHERE state = 'revoking' AND stuck IS NOT NULL AND ${mine}`);
    this.#sessions = one(`session WHERE ended_at IS NULL AND ${mine}`);
    this.#effects = one(`outbox WHERE status = 'pending' AND ${mine}`);
    this.#conflicts = one(`conflict WHERE closed_at IS NULL AND ${mine}`);
    this.#deadlines = one('deadline WHERE due_at <= ?');
    this.#poison = one('poison');
  }

  /** `tenant` null counts every tenant's; `now` in Unix milliseconds says which deadlines are due. */
  of(tenant: string | null, now: number): Counts {
    const whose = { tenant };
    return {
      assignments: this.#assignments.all(whose) as Counts['assignments'],
      stuck: this.#stuck.get(whose) as number,
      openSessions: this.#sessions.get(whose) as number,
      pendingEffects: this.#effects.get(whose) as number,
      openConflicts: this.#conflicts.get(whose) as number,
      dueDeadlines: this.#deadlines.get(now) as number,
      poison: this.#poison.get() as number,
    };
  }
}
