import type { Database, Statement } from 'better-sqlite3';
import type { Task } from '../../daemon/lifecycle/task.js';
import { Table, type SqlValue } from '../tables/table.js';
import { TASK } from '../tables/task.js';

/** The last run of each background task that has run. */
export class TaskReads {
  readonly #all: Statement;

  constructor(db: Database) {
    this.#all = db.prepare(`SELECT ${Table.columns(TASK, 't')} FROM task t ORDER BY t.name`).raw(true);
  }

  all(): Task[] {
    return (this.#all.all() as SqlValue[][]).map((values) => TASK.read(values));
  }
}
