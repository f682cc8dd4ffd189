/** Checkpoints: what the write-ahead log holds is written into the database file, so that the log can begin anew. */
import BetterSqlite3, { type Database } from 'better-sqlite3';
import { openError } from './errors.js';
import { CHECKPOINT_PAGES } from './open.js';

/** Octets before each page in the log (SQLite file format, section 4.1). */
const FRAME_HEADER = 24;

/** The log as it stands. */
export interface WalState {
  /** Pages in the log, among them old versions of a page. */
  readonly frames: number;
  /** How many of them are in the database file as well. Where all are and nobody reads them, the next commit begins the log anew. */
  readonly backfilled: number;
  /** What the frames come to on disk. The file itself stays as long as it ever was. */
  readonly bytes: number;
  /** A reader, or another checkpoint, stood in the way. */
  readonly busy: boolean;
}

/** Checkpoints on one connection. */
export class Checkpointer {
  readonly #db: Database;
  readonly #frameBytes: number;

  constructor(db: Database) {
    this.#db = db;
    this.#frameBytes = (db.pragma('page_size', { simple: true }) as number) + FRAME_HEADER;
  }

  /** Looks at the log and changes nothing. */
  look(): WalState {
    return this.#run('NOOP');
  }

  /** Writes back what no reader needs the old version of; waits for nobody. */
  passive(): WalState {
    return this.#run('PASSIVE');
  }

  /**
   * Writes back the rest and lets the next commit begin the log anew. Only for the writer's connection: there nobody commits
   * meanwhile. That connection has no busy timeout, so it does not wait for readers either: `busy` then says so.
   */
  restart(): WalState {
    return this.#run('RESTART');
  }

  /** As {@link restart}, and cuts the file to nothing. */
  truncate(): WalState {
    return this.#run('TRUNCATE');
  }

  /** Whether the connection itself checkpoints inside a commit, each few thousand pages. */
  inline(on: boolean): void {
    this.#db.pragma(`wal_autocheckpoint = ${String(on ? CHECKPOINT_PAGES : 0)}`);
  }

  #run(kind: 'NOOP' | 'PASSIVE' | 'RESTART' | 'TRUNCATE'): WalState {
    const [row] = this.#db.pragma(`wal_checkpoint(${kind})`) as { busy: number; log: number; checkpointed: number }[];
    // Both are -1 where the log could not be looked at.
    const frames = Math.max(0, row?.log ?? 0);
    const backfilled = Math.max(0, row?.checkpointed ?? 0);
    return { frames, backfilled, bytes: frames * this.#frameBytes, busy: row?.busy !== 0 };
  }
}

/**
 * A connection that only checkpoints. With `synchronous = FULL` the log is synced before its pages are written back, and
 * the database file before the log may begin anew: what was answered survives a loss of power at any moment.
 * @throws StoreError as of opening the store
 */
export function openCheckpointer(path: string): Database {
  try {
    const db = new BetterSqlite3(path, { fileMustExist: true, timeout: 0 });
    db.pragma('synchronous = FULL');
    db.pragma('wal_autocheckpoint = 0');
    return db;
  } catch (error) {
    throw openError(error, path);
  }
}
