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
    // Each walks an index that holds only what is unfinished; that of open sessions knows the NAS, and so the tenant.
    const one = (sql: string): Statement => db.prepare(`SELECT count(*) FROM ${sql}`).pluck(true);
    this.#stuck = one(
      `assignment INDEXED BY assignment_revoking WHERE state = 'revoking' AND stuck IS NOT NULL AND ${mine}`,
    );
    this.#sessions = one(
      `nas n CROSS JOIN session e INDEXED BY session_epoch ON e.nas = n.id
       WHERE e.ended_at IS NULL AND (:tenant IS NULL OR n.tenant = :tenant)`,
    );
    this.#effects = one(`outbox INDEXED BY outbox_pending WHERE status = 'pending' AND ${mine}`);
    this.#conflicts = one(`conflict INDEXED BY conflict_open WHERE closed_at IS NULL AND ${mine}`);
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
