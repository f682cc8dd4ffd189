/** The backup that is made of a store before its schema changes, beside it. */
import type { Database } from 'better-sqlite3';
import { readdirSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { beginCopy, BackupError, dropCopy, keepCopy } from './backup.js';
import { openError, StoreError } from './errors.js';
import { inspectCopy } from './inspection.js';

/** So many are kept of each version of the schema: an upgrade that fails at each start must not fill the disk. */
export const KEPT_OF_EACH_VERSION = 3;

/** `addrd.db.v3-20261122T210000Z.backup`, beside the store. */
function upgradeBackupPath(path: string, version: number, stamp: string): string {
  return `${path}.v${String(version)}-${stamp}.backup`;
}

/** Those of one version, the oldest first. */
function backupsOf(path: string, version: number): string[] {
  const beginning = `${basename(path)}.v${String(version)}-`;
  return readdirSync(dirname(path))
    .filter((name) => name.startsWith(beginning) && /^\d{8}T\d{6}Z\.backup$/.test(name.slice(beginning.length)))
    .sort()
    .map((name) => join(dirname(path), name));
}

/**
 * Writes the whole store into a file beside it, reads that file whole, and drops all but the newest three of its version. Nothing is
 * answered meanwhile: it is for a store that is being opened. `stamp` is the time, `20261122T210000Z`. Returns the file's path.
 * @throws StoreError `store-full`, `store-corrupt`, `store-unreadable`: nothing of the store has changed.
 */
export function backUpBeforeUpgrade(db: Database, path: string, version: number, stamp: string): string {
  const target = upgradeBackupPath(path, version, stamp);
  try {
    // Two within one second are of the same content.
    rmSync(target, { force: true });
    const copy = beginCopy(target);
    try {
      db.prepare('VACUUM INTO ?').run(copy);
    } catch (error) {
      dropCopy(target);
      throw openError(error, target);
    }
    keepCopy(target, inspectCopy(copy));
  } catch (error) {
    const cause = error instanceof BackupError && error.cause instanceof Error ? error.cause : error;
    const known = cause instanceof StoreError ? cause : openError(cause, target);
    const unsound = error instanceof BackupError && error.code === 'backup-unsound';
    const what = 'the backup before the change of the schema failed, and nothing was changed';
    const why = error instanceof Error ? error.message : String(error);
    throw new StoreError(unsound ? 'store-corrupt' : known.code, `${what}: ${why}`, error);
  }
  for (const old of backupsOf(path, version).slice(0, -KEPT_OF_EACH_VERSION)) rmSync(old, { force: true });
  return target;
}
