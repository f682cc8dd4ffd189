/** The main thread's side of the checkpoints: what the writer itself has to do about the log, and when ingest must yield. */
import { Worker } from 'node:worker_threads';
import { Checkpointer, type WalState } from '../../store/checkpoint.js';
import type { Database } from '../../store/open.js';
import type { TimerHandle } from '../clock.js';
import { QuietLog } from '../quiet-log.js';
import {
  DEFAULT_WAL_LIMITS,
  type CheckpointStart,
  type FromCheckpoints,
  type ToCheckpoints,
  type WalLimits,
} from './checkpoint-messages.js';
import { throwable } from './parent.js';
import { Thread, type Surroundings } from './thread.js';

const LOOK_MS = 1_000;
const SLOW_BEATS = 10;
const STOP_GRACE_MS = 10_000;

export interface CheckpointThreadOptions extends Surroundings {
  readonly storePath: string;
  /** The writer's connection. */
  readonly db: Database;
  readonly limits?: WalLimits;
  /** The log is too large, or no longer. */
  readonly onTooLarge: (tooLarge: boolean) => void;
}

export class CheckpointThread {
  readonly #options: CheckpointThreadOptions;
  readonly #limits: WalLimits;
  readonly #writer: Checkpointer;
  readonly #quiet: QuietLog;
  readonly #thread: Thread<ToCheckpoints, FromCheckpoints>;
  #timer: TimerHandle = null;
  #tooLarge = false;
  #started = false;

  constructor(options: CheckpointThreadOptions) {
    const { storePath, limits = DEFAULT_WAL_LIMITS, db } = options;
    this.#options = options;
    this.#limits = limits;
    this.#writer = new Checkpointer(db);
    this.#quiet = new QuietLog(options.log, options.clock);
    const workerData: CheckpointStart = { storePath, limits };
    this.#thread = new Thread<ToCheckpoints, FromCheckpoints>({
      ...options,
      name: 'checkpoint',
      spawn: () =>
        new Worker(new URL('./checkpoint-worker.js', import.meta.url), { workerData, env: {}, execArgv: [] }),
      beat: () => ({ type: 'beat' }),
      onMessage: (message) => {
        this.#hear(message);
      },
      // Until the thread works again, each commit that finds the log grown checkpoints by itself, as SQLite does by default.
      onDown: () => {
        this.#writer.inline(true);
      },
      onSlow: () => {
        this.#writer.inline(true);
      },
      slowBeats: SLOW_BEATS,
      // A disk that takes so long is not made faster by another thread that waits for it.
      hungBeats: Infinity,
    });
  }

  start(): void {
    this.#started = true;
    this.#thread.start();
    this.#lookLater();
  }

  /** Ends the thread, writes back the whole log and empties its file. The core must have stopped. */
  async stop(): Promise<void> {
    if (!this.#started) return;
    this.#started = false;
    this.#options.timers.clear(this.#timer);
    await this.#thread.stop({ type: 'stop' }, STOP_GRACE_MS);
    this.#attempt(() => {
      const state = this.#writer.truncate();
      if (!state.busy) return;
      this.#options.log.warn(
        { code: 'wal-left', ...state },
        'another program reads the store: its log is written back at the next start',
      );
    });
  }

  #lookLater(): void {
    this.#timer = this.#options.timers.set(LOOK_MS, () => {
      this.#attempt(() => {
        this.#judge(this.#writer.look());
      });
      this.#lookLater();
    });
  }

  #hear(message: FromCheckpoints): void {
    switch (message.type) {
      case 'ready':
        this.#writer.inline(false);
        return;
      case 'failed':
        this.#failed(throwable(message.error));
        return;
      case 'checkpointed':
        // It may have been silent for long, and is back.
        this.#writer.inline(false);
        this.#options.metrics.checkpoints.observe({ by: 'thread' }, message.ms / 1_000);
        this.#attempt(() => {
          this.#restart(message.state);
        });
    }
  }

  /** A turn of the event loop of its own, and so between two batches. */
  #restart(state: WalState): void {
    const { metrics, clock } = this.#options;
    this.#judge(state);
    if (state.bytes <= this.#limits.restartBytes) return;
    // What was committed since the thread looked is the writer's to write back as well: so look again.
    const left = this.#writer.look();
    if (left.frames - left.backfilled > this.#limits.restartFrames) {
      this.#quiet.warn('wal-held', null, { ...left }, 'the log cannot be written back: a long read, or a slow disk');
      return;
    }
    const began = clock.monoMs();
    const after = this.#writer.restart();
    metrics.checkpoints.observe({ by: 'writer' }, (clock.monoMs() - began) / 1_000);
    if (after.busy) this.#quiet.warn('wal-held', null, { ...after }, 'the log cannot begin anew: somebody reads');
  }

  #judge(state: WalState): void {
    const { metrics, log, onTooLarge } = this.#options;
    const { frames, backfilled, bytes } = state;
    metrics.walBytes.set(bytes);
    metrics.walPending.set(frames === 0 ? 0 : (bytes / frames) * (frames - backfilled));
    if (!this.#tooLarge && bytes > this.#limits.shedBytes) {
      this.#tooLarge = true;
      log.error({ code: 'wal-too-large', ...state }, 'the log of the store is too large: Interims are shed');
      onTooLarge(true);
    } else if (this.#tooLarge && bytes < this.#limits.calmBytes) {
      this.#tooLarge = false;
      log.info({ code: 'wal-shrunk', ...state }, 'the log of the store is small again');
      onTooLarge(false);
    }
  }

  /** A checkpoint that fails loses nothing: the log still has everything. */
  #attempt(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#failed(error);
    }
  }

  #failed(err: unknown): void {
    this.#options.metrics.checkpointFailures.inc();
    this.#quiet.warn('checkpoint-failed', null, { err }, 'a checkpoint failed: nothing is lost, but the log grows');
  }
}
