import type { Database, Statement } from 'better-sqlite3';
import type { Hold } from '../../daemon/lifecycle/hold.js';
import { HOLD } from '../tables/hold.js';
import { Table, type SqlValue } from '../tables/table.js';

/** A hold with the names of whom and what it is about. */
export interface ShownHold {
  readonly row: Hold;
  readonly subscriber: string | null;
  readonly vrf: string | null;
}

/** Legal holds, and since when there is anything that they could hold. */
export class HoldReads {
  readonly #list: Statement;
  readonly #deletedUntil: Statement;

  constructor(db: Database) {
    this.#list = db
      .prepare(
        `SELECT ${Table.columns(HOLD, 'h')}, s.name, v.name FROM hold h LEFT JOIN subscriber s ON s.id = h.subscriber
           LEFT JOIN vrf v ON v.id = h.vrf
          WHERE h.tenant = ? AND (h.ended_at IS NULL OR ?) ORDER BY h.since DESC, h.ref LIMIT ?`,
      )
      .raw(true);
    this.#deletedUntil = db.prepare("SELECT value FROM meta WHERE key = 'journal_deleted_until'").pluck(true);
  }

  /** Those of a tenant, the newest first; with `all`, those that were ended too. */
  list(tenant: string, all: boolean, limit: number): ShownHold[] {
    const columns = HOLD.columns.length;
    return (this.#list.all(tenant, Number(all), limit) as SqlValue[][]).map((values) => ({
      row: HOLD.read(values),
      subscriber: values[columns] as string | null,
      vrf: values[columns + 1] as string | null,
    }));
  }

  /** Until when lines of the journal were deleted, Unix milliseconds; null where none was. */
  deletedUntil(): number | null {
    return (this.#deletedUntil.get() as number | undefined) ?? null;
  }
}
