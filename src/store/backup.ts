/** Copies of the store: written under another name, read whole, and given their own name only then. */
import type { Database } from 'better-sqlite3';
import {
  chownSync,
  closeSync,
  existsSync,
  fsync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { openError, StoreError } from './errors.js';
import type { StoreFacts } from './inspection.js';

/** Pages that are copied at once: about a millisecond, in which nobody is answered. */
const STEP_PAGES = 100;
/** The disk is asked to keep what was copied each so many pages, so that the last sync, which is waited for, finds little. */
const SYNC_PAGES = 4_096;
/** Subscribers' data is nobody else's to read. */
const MODE = 0o640;

export type BackupErrorCode =
  /** There is a file of that name. */
  | 'backup-exists'
  /** The copy could not be written: no room, no permission. */
  | 'backup-failed'
  /** The copy was written and is not sound. It was removed. */
  | 'backup-unsound'
  /** Another backup is being made. */
  | 'backup-running'
  /** The name is none: a running daemon writes into its own folder only. */
  | 'backup-name';

export class BackupError extends Error {
  readonly code: BackupErrorCode;
  constructor(code: BackupErrorCode, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'BackupError';
    this.code = code;
  }
}

/**
 * Gives a file that root has made to whoever owns its folder: a command that root runs must not leave a file there that the daemon,
 * which runs as another user, cannot write. Without the right to do so it stays as it is.
 */
export function giveToFolder(path: string): void {
  try {
    const { uid, gid } = statSync(dirname(path));
    chownSync(path, uid, gid);
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error) || (error.code !== 'EPERM' && error.code !== 'ENOENT'))
      throw error;
  }
}

/** The name under which a copy of `path` is written until it is known to be sound. */
function unfinished(path: string): string {
  return `${path}.part`;
}

function failed(path: string, error: unknown): BackupError {
  if (error instanceof BackupError) return error;
  const { code, message } = error instanceof StoreError ? error : openError(error, path);
  const why = code === 'store-full' ? 'no space left' : message;
  return new BackupError('backup-failed', `the backup ${path} could not be written: ${why}`, error);
}

function syncFolder(path: string): void {
  const folder = openSync(dirname(path), 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

/**
 * Creates an empty file for a copy of its own, with the folder where that is missing. Returns its name, which is not `path`.
 * @throws BackupError `backup-exists`, `backup-failed`
 */
export function beginCopy(path: string): string {
  if (existsSync(path)) throw new BackupError('backup-exists', `${path} is there already`);
  const copy = unfinished(path);
  try {
    if (mkdirSync(dirname(path), { recursive: true, mode: 0o750 }) !== undefined) giveToFolder(dirname(path));
    // What a killed addrd has left of a copy is of no use.
    dropCopy(path);
    closeSync(openSync(copy, 'wx', MODE));
    giveToFolder(copy);
  } catch (error) {
    throw failed(path, error);
  }
  return copy;
}

/** Removes what there is of an unfinished copy of `path`. */
export function dropCopy(path: string): void {
  for (const end of ['', '-journal', '-wal', '-shm']) rmSync(`${unfinished(path)}${end}`, { force: true });
}

/**
 * Copies an open store into the file of {@link beginCopy} on the store's own connection, a hundred pages at a time; the event loop
 * goes on between. What is committed on that connection meanwhile is in the copy. `onProgress` hears how much is left.
 * @throws BackupError `backup-failed`
 */
export async function copyPages(
  db: Database,
  path: string,
  onProgress: (pages: { readonly total: number; readonly remaining: number }) => void = () => undefined,
): Promise<void> {
  const file = openSync(unfinished(path), 'r+');
  let syncing = false;
  let synced = 0;
  let open = true;
  const finish = (): void => {
    if (!open && !syncing) closeSync(file);
  };
  try {
    await db.backup(unfinished(path), {
      progress: ({ totalPages: total, remainingPages: remaining }) => {
        onProgress({ total, remaining });
        if (!syncing && total - remaining - synced >= SYNC_PAGES) {
          synced = total - remaining;
          syncing = true;
          // In a thread of Node's own. A fault of the disk is met again by the last sync, which is SQLite's.
          fsync(file, () => {
            syncing = false;
            finish();
          });
        }
        return STEP_PAGES;
      },
    });
  } catch (error) {
    dropCopy(path);
    throw failed(path, error);
  } finally {
    open = false;
    finish();
  }
}

/**
 * Gives a copy that was read whole its own name, on disk when this returns. An unsound one is removed.
 * @throws BackupError `backup-unsound`, `backup-exists`, `backup-failed`
 */
export function keepCopy(path: string, facts: StoreFacts): void {
  const [fault] = facts.faults;
  try {
    if (fault !== undefined) {
      throw new BackupError('backup-unsound', `the copy of the store is damaged, and so may the store be: ${fault}`);
    }
    const file = openSync(unfinished(path), 'r+');
    try {
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    if (existsSync(path)) throw new BackupError('backup-exists', `${path} is there already`);
    renameSync(unfinished(path), path);
    syncFolder(path);
  } catch (error) {
    dropCopy(path);
    throw failed(path, error);
  }
}
