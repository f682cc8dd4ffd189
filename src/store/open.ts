/** Opening the store: the owner's lock, the pragmas that durability rests on, the schema. */
import BetterSqlite3, { type Database } from 'better-sqlite3';
import { closeSync, existsSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { openError, StoreError } from './errors.js';
import { OwnerLock } from './lock.js';
import { migrate, pendingUpgrade } from './migrate.js';

export type { Database } from 'better-sqlite3';

/** Pages of page cache: 64 MiB, negative as SQLite counts KiB. */
const CACHE_KIB = -65_536;
/** An inline checkpoint after this many pages of WAL: rarer than SQLite's 1,000, since each stands in the way of an answer. */
export const CHECKPOINT_PAGES = 4_000;

export interface OpenStore {
  readonly db: Database;
  /** Closes the database and gives up the lock; closing twice is allowed. */
  close(): void;
}

/** The pragmas that a connection of the writer needs, on a new or an existing database, and the schema. */
export function prepare(db: Database, path: string): void {
  migrate(db, path);
  db.pragma('journal_mode = WAL');
  db.pragma('synchronous = FULL');
  db.pragma('foreign_keys = ON');
  // Without it a REPLACE deletes a row past the triggers that guard it.
  db.pragma('recursive_triggers = ON');
  db.pragma(`cache_size = ${String(CACHE_KIB)}`);
  db.pragma(`wal_autocheckpoint = ${String(CHECKPOINT_PAGES)}`);
}

/** What is done before the schema of a store with data is changed, `version` being the one that it has; it throws where that must not be. */
export type BeforeUpgrade = (db: Database, version: number) => void;

/**
 * Opens the store at `path` for the process `pid`, creating file and directory where they are missing. `beforeUpgrade` is called
 * where an older addrd has written it.
 * @throws StoreError `store-owned`, `store-foreign`, `store-too-new`, `store-corrupt`, `store-unreadable`, `store-full`.
 */
export function openStore(path: string, pid: number, beforeUpgrade?: BeforeUpgrade): OpenStore {
  return openOwned(path, pid, (db) => {
    const version = pendingUpgrade(db, path);
    if (version !== null) beforeUpgrade?.(db, version);
    prepare(db, path);
  });
}

/** As {@link openStore}, and the schema stays as it is. @throws as {@link openStore} */
export function openUnmigrated(path: string, pid: number): OpenStore {
  return openOwned(path, pid, (db) => {
    pendingUpgrade(db, path);
    db.pragma('synchronous = FULL');
  });
}

/** The name of the mark that stands while a restore moves files: see restore.ts. */
export function restoring(path: string): string {
  return `${path}.restoring`;
}

function openOwned(path: string, pid: number, ready: (db: Database) => void): OpenStore {
  let lock: OwnerLock | null = null;
  let db: Database | null = null;
  try {
    if (existsSync(restoring(path))) {
      throw new StoreError('store-unreadable', `a restore of ${path} was cut short: run addrd restore again`);
    }
    mkdirSync(dirname(path), { recursive: true, mode: 0o750 });
    // SQLite would create it by the umask; subscribers' data is nobody else's to read.
    closeSync(openSync(path, 'a', 0o640));
    lock = OwnerLock.acquire(path, pid);
    db = new BetterSqlite3(path, { timeout: 0 });
    ready(db);
  } catch (error) {
    db?.close();
    lock?.release();
    throw error instanceof StoreError ? error : openError(error, path);
  }
  const held = lock;
  const opened = db;
  return {
    db: opened,
    close: () => {
      if (opened.open) opened.close();
      held.release();
    },
  };
}

/** A second connection to the same file, for the API: it can read and cannot write. */
export function openReader(path: string): Database {
  try {
    const db = new BetterSqlite3(path, { readonly: true, fileMustExist: true, timeout: 1_000 });
    db.pragma('cache_size = -16384');
    return db;
  } catch (error) {
    throw openError(error, path);
  }
}
