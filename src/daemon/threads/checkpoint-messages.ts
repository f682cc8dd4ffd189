/** What the main thread and the checkpoint thread say to each other: plain data. */
import type { WalState } from '../../store/checkpoint.js';
import type { PlainError } from './parent.js';

/** Sizes at which something is done about the write-ahead log. */
export interface WalLimits {
  /** The thread checkpoints once this many frames are not in the database file yet. */
  readonly checkpointFrames: number;
  /** Above this the writer lets the log begin anew, */
  readonly restartBytes: number;
  /** but only where the thread has left it no more frames than this: they hold up answers. */
  readonly restartFrames: number;
  /** Above this Interims are shed, */
  readonly shedBytes: number;
  /** until the log is below this again. */
  readonly calmBytes: number;
}

const MIB = 1_048_576;

export const DEFAULT_WAL_LIMITS: WalLimits = {
  checkpointFrames: 4_000,
  restartBytes: 128 * MIB,
  restartFrames: 1_000,
  shedBytes: 1_024 * MIB,
  calmBytes: 512 * MIB,
};

/** What the thread is begun with. */
export interface CheckpointStart {
  readonly storePath: string;
  readonly limits: WalLimits;
}

export type ToCheckpoints = { readonly type: 'beat' } | { readonly type: 'stop' };

export type FromCheckpoints =
  | { readonly type: 'ready' }
  | { readonly type: 'checkpointed'; readonly state: WalState; readonly ms: number }
  | { readonly type: 'failed'; readonly error: PlainError };
