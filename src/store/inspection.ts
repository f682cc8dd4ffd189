/** Whether a copy of a store is sound, and what is in it. */
import BetterSqlite3, { type Database } from 'better-sqlite3';
import { statSync } from 'node:fs';
import { openError, StoreError } from './errors.js';
import { APPLICATION_ID, SCHEMA_VERSION } from './migrate.js';

/** So many lines of what is wrong are told. */
const MOST_FAULTS = 10;

/** What a copy holds. */
export interface StoreFacts {
  /** The version of its schema. */
  readonly schema: number;
  /** Octets of the file. */
  readonly bytes: number;
  readonly pages: number;
  /** When addrd was last alive on it, Unix milliseconds; null where it never was. */
  readonly aliveAt: number | null;
  readonly subscribers: number;
  readonly assignments: number;
  /** Assignments that hold an address. */
  readonly live: number;
  readonly sessions: number;
  readonly journal: number;
  /** What SQLite finds wrong with it (`quick_check`, `foreign_key_check`), at most ten lines; none: it is sound. */
  readonly faults: readonly string[];
}

/** What a database says is wrong with it, at most {@link MOST_FAULTS} lines. Reads every page. */
export function faultsOf(db: Database): string[] {
  const found = (db.pragma(`quick_check(${String(MOST_FAULTS)})`) as { quick_check: string }[])
    .map(({ quick_check: line }) => line)
    .filter((line) => line !== 'ok');
  // The statement is walked and not read whole: of a damaged store there may be millions.
  for (const row of db.prepare('PRAGMA foreign_key_check').iterate()) {
    const { table, rowid, parent } = row as { table: string; rowid: number | null; parent: string };
    found.push(`a row of ${table} (${String(rowid ?? 'without number')}) refers to one of ${parent} that is missing`);
    if (found.length >= MOST_FAULTS) break;
  }
  return found.slice(0, MOST_FAULTS);
}

function pragma(db: Database, name: string): number {
  return db.pragma(name, { simple: true }) as number;
}

/** Throws where a database is not a store that this program can read. @throws StoreError `store-foreign`, `store-too-new` */
export function mustBeStore(db: Database, path: string): number {
  const schema = pragma(db, 'user_version');
  if (pragma(db, 'application_id') !== APPLICATION_ID || schema === 0) {
    throw new StoreError('store-foreign', `${path} is not a store of addrd`);
  }
  if (schema > SCHEMA_VERSION) {
    const known = `this addrd knows ${String(SCHEMA_VERSION)}`;
    throw new StoreError('store-too-new', `${path} has schema ${String(schema)}; ${known}`);
  }
  return schema;
}

/**
 * Opens a copy, makes it a plain file (without a write-ahead log, so that it can be opened wherever it lies) and reads all of it.
 * Takes as long as reading the file does.
 * @throws StoreError as of opening a store
 */
export function inspectCopy(path: string): StoreFacts {
  let db: Database | null = null;
  try {
    db = new BetterSqlite3(path, { fileMustExist: true, timeout: 0 });
    mustBeStore(db, path);
    db.pragma('journal_mode = DELETE');
    return factsOf(db, path);
  } catch (error) {
    throw error instanceof StoreError ? error : openError(error, path);
  } finally {
    db?.close();
  }
}

/** As {@link inspectCopy}, of a file that may not be written: nothing of it is changed. */
export function inspectBackup(path: string): StoreFacts {
  let db: Database | null = null;
  try {
    db = new BetterSqlite3(path, { readonly: true, fileMustExist: true, timeout: 0 });
    mustBeStore(db, path);
    return factsOf(db, path);
  } catch (error) {
    throw error instanceof StoreError ? error : openError(error, path);
  } finally {
    db?.close();
  }
}

function factsOf(db: Database, path: string): StoreFacts {
  const faults = faultsOf(db);
  const count = (table: string): number => db.prepare(`SELECT count(*) FROM ${table}`).pluck().get() as number;
  return {
    schema: pragma(db, 'user_version'),
    bytes: statSync(path).size,
    pages: pragma(db, 'page_count'),
    aliveAt: (db.prepare("SELECT value FROM meta WHERE key = 'alive_at'").pluck().get() as number | undefined) ?? null,
    subscribers: count('subscriber'),
    assignments: count('assignment'),
    live: count('live'),
    sessions: count('session'),
    journal: count('journal'),
    faults,
  };
}
