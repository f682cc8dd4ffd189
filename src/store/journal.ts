import type { Database, Statement } from 'better-sqlite3';
import type { JournalEntry } from '../daemon/lifecycle/records.js';
import { json } from './tables/table.js';

/** Pages that are given back with each slice that is deleted: some of what it freed, so that no commit is long. */
const VACUUM_PAGES = 50;

/** Table journal: append only; the database itself refuses anything else. */
export class JournalWriter {
  readonly #db: Database;
  readonly #insert: Statement;
  readonly #open: Statement;
  readonly #delete: Statement;
  readonly #close: Statement;

  constructor(db: Database) {
    this.#db = db;
    this.#insert = db.prepare(
      `INSERT INTO journal (at, kind, tenant, actor, subscriber, assignment, session, nas, pool, vrf, net, plen,
         from_state, to_state, code, detail) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#open = db.prepare('INSERT INTO journal_retention (open) VALUES (1)');
    this.#delete = db.prepare('DELETE FROM journal WHERE id IN (SELECT value FROM json_each(?))');
    this.#close = db.prepare('DELETE FROM journal_retention');
  }

  append(entry: JournalEntry): void {
    this.#insert.run(
      entry.at,
      entry.kind,
      entry.tenant,
      entry.actor,
      entry.subscriber ?? null,
      entry.assignment ?? null,
      entry.session ?? null,
      entry.nas ?? null,
      entry.pool ?? null,
      entry.vrf ?? null,
      entry.prefix?.bytes ?? null,
      entry.prefix?.length ?? null,
      entry.from ?? null,
      entry.to ?? null,
      entry.code ?? null,
      json(entry.detail ?? null),
    );
  }

  /** Deletes lines by their numbers, within the transaction that is open: the one way round the trigger. */
  forget(lines: readonly number[]): void {
    this.#open.run();
    this.#delete.run(JSON.stringify(lines));
    this.#close.run();
    // A prepared statement would be stepped once, for one page.
    this.#db.pragma(`incremental_vacuum(${String(VACUUM_PAGES)})`);
  }
}
