/** One process owns the store. The kernel drops the lock with the process, so a kill leaves nothing to clean up. */
import BetterSqlite3, { type Database } from 'better-sqlite3';
import { openError, StoreError, troubleOf } from './errors.js';

export class OwnerLock {
  readonly #db: Database;

  private constructor(db: Database) {
    this.#db = db;
  }

  /**
   * Takes the lock `<path>.lock` for this process.
   *
   * A write transaction on a small database of its own is held open for as long as the process lives: others can still
   * read the owner's process number from it.
   * @throws StoreError `store-owned` with the owner's process number; `store-unreadable`.
   */
  static acquire(path: string, pid: number): OwnerLock {
    const file = `${path}.lock`;
    let db: Database | null = null;
    try {
      db = new BetterSqlite3(file, { timeout: 0 });
      db.pragma('journal_mode = DELETE');
      db.exec('BEGIN IMMEDIATE');
      db.exec('CREATE TABLE IF NOT EXISTS owner (one INTEGER PRIMARY KEY CHECK (one = 1), pid INTEGER NOT NULL)');
      db.prepare('INSERT INTO owner (one, pid) VALUES (1, ?) ON CONFLICT DO UPDATE SET pid = excluded.pid').run(pid);
      db.exec('COMMIT');
      db.exec('BEGIN IMMEDIATE');
      return new OwnerLock(db);
    } catch (error) {
      if (db !== null && troubleOf(error) === 'busy') {
        const owner = ownerOf(db);
        db.close();
        const whom = owner === null ? 'another process' : `process ${String(owner)}`;
        throw new StoreError('store-owned', `${path} is in use by ${whom}`, error);
      }
      db?.close();
      throw openError(error, file);
    }
  }

  release(): void {
    if (this.#db.open) this.#db.close();
  }
}

function ownerOf(db: Database): number | null {
  try {
    return db.prepare('SELECT pid FROM owner').pluck().get() as number | null;
  } catch {
    // The owner is just writing it; that the lock is held is all that matters.
    return null;
  }
}
