import type { Database, Statement } from 'better-sqlite3';

/** How many events of one source are kept: a source that sends nothing else must not fill the disk. */
const CAP_PER_SOURCE = 100;

/** Table poison: events that could not be decided or committed, with their octets, for the people who mend addrd. */
export class PoisonTable {
  readonly #count: Statement;
  readonly #insert: Statement;

  constructor(db: Database) {
    this.#count = db.prepare('SELECT count(*) FROM poison WHERE source = ?').pluck(true);
    this.#insert = db.prepare('INSERT INTO poison (received_at, source, kind, raw, error) VALUES (?, ?, ?, ?, ?)');
  }

  /** Returns whether the event was kept, or fell under the cap. */
  insert(row: { receivedAt: number; source: string; kind: string; raw: Uint8Array; error: string }): boolean {
    if ((this.#count.get(row.source) as number) >= CAP_PER_SOURCE) return false;
    this.#insert.run(row.receivedAt, row.source, row.kind, row.raw, row.error);
    return true;
  }
}
