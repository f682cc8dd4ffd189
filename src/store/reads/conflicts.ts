import type { Database, Statement } from 'better-sqlite3';
import type { Conflict } from '../../daemon/lifecycle/records.js';
import { CONFLICT } from '../tables/conflict.js';
import { Table, type SqlValue } from '../tables/table.js';

/** An open conflict: the session that stands where it should not, and who holds the address. */
export interface ShownConflict {
  readonly row: Conflict;
  readonly vrf: string;
  readonly nas: string;
  readonly sid: Uint8Array;
  readonly username: Uint8Array | null;
  /** The subscriber of the session, and the one whose assignment it is, where he is of the same tenant. */
  readonly subscriber: string | null;
  readonly holder: string | null;
}

type Values = readonly SqlValue[];

const COLUMNS = CONFLICT.columns.length;

export class ConflictReads {
  readonly #open: Statement;

  constructor(db: Database) {
    this.#open = db
      .prepare(
        `SELECT ${Table.columns(CONFLICT, 'c')}, v.name, n.entry, e.sid, e.username, s.name, h.name FROM conflict c INDEXED BY conflict_open
         JOIN vrf v ON v.id = c.vrf JOIN session e ON e.id = c.session JOIN nas n ON n.id = e.nas
         LEFT JOIN subscriber s ON s.id = e.subscriber
         LEFT JOIN assignment a ON a.id = c.assignment LEFT JOIN subscriber h ON h.id = a.subscriber AND h.tenant = c.tenant
         WHERE in_time(c.id) AND c.closed_at IS NULL AND c.tenant = ? ORDER BY c.last_at DESC, c.id DESC LIMIT ?`,
      )
      .raw(true);
  }

  /** Open conflicts, the latest first. */
  open(tenant: string, limit: number): ShownConflict[] {
    return (this.#open.all(tenant, limit) as Values[]).map((values) => ({
      row: CONFLICT.read(values),
      vrf: values[COLUMNS] as string,
      nas: values[COLUMNS + 1] as string,
      sid: values[COLUMNS + 2] as Uint8Array,
      username: values[COLUMNS + 3] as Uint8Array | null,
      subscriber: values[COLUMNS + 4] as string | null,
      holder: values[COLUMNS + 5] as string | null,
    }));
  }
}
