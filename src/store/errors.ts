/** What can go wrong with the store, as codes that the door, the log and the exit status share. */

export type StoreErrorCode =
  /** Another process owns the store. */
  | 'store-owned'
  /** The file is not a store of addrd. */
  | 'store-foreign'
  /** A newer addrd wrote it. */
  | 'store-too-new'
  /** The file is damaged. */
  | 'store-corrupt'
  /** The file or its directory cannot be opened or written. */
  | 'store-unreadable'
  /** The disk is full; nothing was committed. */
  | 'store-full'
  /** A lock was held for longer than the door waits. */
  | 'store-busy'
  /** The outcome of the last commit is unknown, or the disk fails: only a restart can tell. */
  | 'store-lost';

export class StoreError extends Error {
  readonly code: StoreErrorCode;
  constructor(code: StoreErrorCode, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'StoreError';
    this.code = code;
  }
}

/** How the door treats an error: see the table in docs/errors.md. */
export type Trouble = 'busy' | 'full' | 'constraint' | 'lost' | 'fault';

function codeOf(error: unknown): string | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null;
}

function sqliteCode(error: unknown): string | null {
  const code = codeOf(error);
  return code?.startsWith('SQLITE_') === true ? code : null;
}

/** Sorts an error thrown inside a transaction: by SQLite's result code, or `fault` where our own code threw. */
export function troubleOf(error: unknown): Trouble {
  const code = sqliteCode(error);
  if (code === null) return 'fault';
  if (code.startsWith('SQLITE_BUSY') || code === 'SQLITE_LOCKED') return 'busy';
  if (code === 'SQLITE_FULL') return 'full';
  if (code.startsWith('SQLITE_CONSTRAINT') || code === 'SQLITE_TOOBIG' || code === 'SQLITE_MISMATCH')
    return 'constraint';
  return 'lost';
}

/** Turns an error of opening the file into one that says what to do. */
export function openError(error: unknown, path: string): StoreError {
  const code = codeOf(error);
  if (code === 'SQLITE_NOTADB') return new StoreError('store-foreign', `${path} is not a SQLite database`, error);
  if (code?.startsWith('SQLITE_CORRUPT') === true) {
    return new StoreError('store-corrupt', `${path} is damaged; restore a backup`, error);
  }
  if (code === 'SQLITE_FULL' || code === 'ENOSPC')
    return new StoreError('store-full', `no space left for ${path}`, error);
  if (code?.startsWith('SQLITE_BUSY') === true) {
    return new StoreError('store-busy', `${path} is locked by another program`, error);
  }
  const why = error instanceof Error ? error.message : String(error);
  return new StoreError('store-unreadable', `${path} cannot be opened: ${why}`, error);
}
