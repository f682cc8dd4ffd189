import type { Database, Statement } from 'better-sqlite3';
import type { JournalEntry } from '../daemon/lifecycle/records.js';
import { json } from './tables/table.js';

/** Table journal: append only; the database itself refuses anything else. */
export class JournalWriter {
  readonly #insert: Statement;

  constructor(db: Database) {
    this.#insert = db.prepare(
      `INSERT INTO journal (at, kind, tenant, actor, subscriber, assignment, session, nas, pool, vrf, net, plen,
         from_state, to_state, code, detail) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    );
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
}
