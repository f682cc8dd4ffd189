/** A backup in the place of the store. What was there before is moved aside, never removed. */
import BetterSqlite3, { type Database } from 'better-sqlite3';
import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { BackupError, giveToFolder } from './backup.js';
import { openError, StoreError } from './errors.js';
import { inspectCopy, type StoreFacts } from './inspection.js';
import { OwnerLock } from './lock.js';
import { prepare, restoring } from './open.js';

const PARTS = ['', '-wal', '-shm', '-journal'];

function sync(path: string): void {
  const file = openSync(path, 'r');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

function drop(path: string): void {
  for (const part of PARTS) rmSync(`${path}${part}`, { force: true });
}

/** What a restore came to. */
export interface Restored {
  readonly facts: StoreFacts;
  /** Where the store of before lies; null where there was none. */
  readonly aside: string | null;
}

/**
 * Puts the backup `file` in the place of the store at `path`: a copy of it is read whole, brought to the schema of this program, changed
 * by `change`, synced, and only then given the store's name. `aside` is the name that the present store gets.
 * @throws BackupError `backup-unsound`; StoreError of the lock and of opening: the present store is where it was, but for one that was cut
 *   short, which the next start refuses until it is run again.
 */
export async function restoreStore(
  path: string,
  file: string,
  aside: string,
  pid: number,
  change: (db: Database) => Promise<void>,
): Promise<Restored> {
  const copy = `${path}.restore`;
  let lock: OwnerLock | null = null;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o750 });
    lock = OwnerLock.acquire(path, pid);
    giveToFolder(`${path}.lock`);
    drop(copy);
    copyFileSync(file, copy);
    // A store that a crash has left, or that was moved aside with its log: what the log holds belongs to it.
    for (const part of ['-wal', '-journal'])
      if (existsSync(`${file}${part}`)) copyFileSync(`${file}${part}`, `${copy}${part}`);
    chmodSync(copy, 0o640);
    giveToFolder(copy);
    const facts = inspectCopy(copy);
    const [fault] = facts.faults;
    if (fault !== undefined) throw new BackupError('backup-unsound', `${file} is damaged: ${fault}`);
    const db = new BetterSqlite3(copy, { timeout: 0 });
    try {
      prepare(db, copy);
      await change(db);
      // A plain file again, so that nothing beside it has to be moved with it.
      db.pragma('journal_mode = DELETE');
    } finally {
      db.close();
    }
    sync(copy);
    return { facts, aside: exchange(path, copy, aside) };
  } catch (error) {
    drop(copy);
    throw error instanceof StoreError || error instanceof BackupError ? error : openError(error, file);
  } finally {
    lock?.release();
  }
}

/** Moves the store at `path` aside and the copy into its place. A mark stands meanwhile: without it, a start would make a new store. */
function exchange(path: string, copy: string, aside: string): string | null {
  closeSync(openSync(restoring(path), 'w', 0o640));
  sync(dirname(path));
  const before = existsSync(path);
  for (const part of PARTS) if (existsSync(`${path}${part}`)) renameSync(`${path}${part}`, `${aside}${part}`);
  sync(dirname(path));
  renameSync(copy, path);
  sync(dirname(path));
  rmSync(restoring(path));
  sync(dirname(path));
  return before ? aside : null;
}
