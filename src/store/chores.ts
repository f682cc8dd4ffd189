/** What background tasks ask of the store: a slice behind a place each, from indexes that hold only what is unfinished. */
import type { Database, Statement } from 'better-sqlite3';
import type { Chores, ChoreRow } from '../daemon/lifecycle/world.js';

export class ChoreQueries implements Chores {
  readonly #revoking: Statement;
  readonly #allocated: Statement;
  readonly #countRevoking: Statement;
  readonly #countUnreleased: Statement;

  constructor(db: Database) {
    const slice = (index: string, state: string, column: string): Statement =>
      db.prepare(
        `SELECT ${column} AS at, id FROM assignment INDEXED BY ${index}
          WHERE state = '${state}' AND (${column}, id) > (?, ?) AND ${column} < ? ORDER BY ${column}, id LIMIT ?`,
      );
    this.#revoking = slice('assignment_revoking', 'revoking', 'revoking_at');
    this.#allocated = slice('assignment_allocated', 'allocated', 'allocated_at');
    this.#countRevoking = db
      .prepare(
        `SELECT count(*) FROM (SELECT 1 FROM assignment INDEXED BY assignment_revoking
          WHERE state = 'revoking' AND revoking_at < ? LIMIT ?)`,
      )
      .pluck(true);
    this.#countUnreleased = db
      .prepare(
        `SELECT count(*) FROM (SELECT 1 FROM deadline INDEXED BY deadline_due
          WHERE due_at < ? AND kind = 'quarantine' LIMIT ?)`,
      )
      .pluck(true);
  }

  revoking(before: number, [at, id]: readonly [number, number], most: number): readonly ChoreRow[] {
    return this.#revoking.all(at, id, before, most) as ChoreRow[];
  }

  allocated(before: number, [at, id]: readonly [number, number], most: number): readonly ChoreRow[] {
    return this.#allocated.all(at, id, before, most) as ChoreRow[];
  }

  countRevoking(before: number, most: number): number {
    return this.#countRevoking.get(before, most) as number;
  }

  countUnreleased(before: number, most: number): number {
    return this.#countUnreleased.get(before, most) as number;
  }
}
