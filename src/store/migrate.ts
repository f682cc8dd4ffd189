/** The schema's versions. `user_version` counts the migrations that a file has had. */
import type { Database } from 'better-sqlite3';
import { StoreError } from './errors.js';
import * as m001 from './migrations/001.js';
import * as m002 from './migrations/002.js';
import * as m003 from './migrations/003.js';
import * as m004 from './migrations/004.js';
import * as m005 from './migrations/005.js';

/** `addr` in ASCII: how `file` and we tell a store of addrd from other databases. */
export const APPLICATION_ID = 0x61646472;

interface Migration {
  readonly UP: string;
  readonly DOWN: string;
}

const MIGRATIONS: readonly Migration[] = [m001, m002, m003, m004, m005];

/** The version that this program writes. */
export const SCHEMA_VERSION = MIGRATIONS.length;

/** The schema version of a database, and whether there is nothing in it. @throws StoreError `store-foreign`, `store-too-new` */
function versionOf(db: Database, path: string): { version: number; empty: boolean } {
  const version = db.pragma('user_version', { simple: true }) as number;
  const id = db.pragma('application_id', { simple: true }) as number;
  const empty = db.prepare('SELECT count(*) FROM sqlite_master').pluck().get() === 0;
  if (id !== APPLICATION_ID && !(empty && id === 0)) {
    throw new StoreError('store-foreign', `${path} is not a store of addrd`);
  }
  if (version > SCHEMA_VERSION) {
    throw new StoreError(
      'store-too-new',
      `${path} has schema ${String(version)}; this addrd knows ${String(SCHEMA_VERSION)}`,
    );
  }
  return { version, empty };
}

/**
 * The version of a store with data that is older than {@link SCHEMA_VERSION}, or null.
 * @throws StoreError `store-foreign`, `store-too-new`.
 */
export function pendingUpgrade(db: Database, path: string): number | null {
  const { version } = versionOf(db, path);
  return version > 0 && version < SCHEMA_VERSION ? version : null;
}

/**
 * Brings an open database to `target`, each migration in its own transaction.
 * @throws StoreError `store-foreign`, `store-too-new`.
 */
export function migrate(db: Database, path: string, target = SCHEMA_VERSION): void {
  const opened = versionOf(db, path);
  let { version } = opened;
  if (opened.empty && version === 0) {
    // Only effective before the first table.
    db.pragma('auto_vacuum = INCREMENTAL');
    db.pragma(`application_id = ${String(APPLICATION_ID)}`);
  }
  for (; version < target; version++) step(db, MIGRATIONS[version]?.UP ?? '', version + 1);
  for (; version > target; version--) step(db, MIGRATIONS[version - 1]?.DOWN ?? '', version - 1);
}

function step(db: Database, sql: string, version: number): void {
  db.transaction(() => {
    db.exec(sql);
    db.pragma(`user_version = ${String(version)}`);
  })();
}
