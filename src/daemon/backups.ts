/** Backups of the store while it is in use: one at a time, a few pages between two batches, read whole by another thread. */
import { join } from 'node:path';
import { BackupError, beginCopy, copyPages, dropCopy, keepCopy, type BackupErrorCode } from '../store/backup.js';
import type { StoreFacts } from '../store/inspection.js';
import type { Database } from '../store/open.js';
import type { Clock, TimerHandle, Timers } from './clock.js';
import type { BackupOrder, BackupPort, BackupReply, CommandResult } from './command.js';
import { fileStamp } from './file-stamp.js';
import type { BackupEvent } from './lifecycle/events.js';
import { isoTime } from './lifecycle/time.js';
import type { Logger } from './log.js';
import type { Inspection } from './threads/inspection-thread.js';

/** Whoever asks is told after so long that it goes on, and asks again. */
const PATIENCE_MS = 15_000;

/** What a file of the backup folder may be called. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/** Whether a name is one of a file in the folder itself, and none that a copy has while it is written. */
export function isBackupName(name: string): boolean {
  return NAME.test(name) && !/\.(part|part-journal|part-wal|part-shm)$/.test(name);
}

/** The name of a backup for which nobody chose one: `addrd-20261122T210000Z.db`. */
export function backupName(at: number): string {
  return `addrd-${fileStamp(at)}.db`;
}

export interface BackupsOptions {
  /** The writer's connection. */
  readonly db: Database;
  readonly folder: string;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Logger;
  /** Reads a copy whole, in another thread. */
  readonly inspect: (path: string) => Inspection;
  /** Has an event decided and committed; false where that was not possible. */
  readonly submit: (event: BackupEvent) => Promise<boolean>;
}

interface Job {
  readonly name: string;
  readonly result: Promise<CommandResult>;
  pages: { readonly total: number; readonly remaining: number };
}

function refused(code: BackupErrorCode, detail: string): CommandResult {
  return { verdict: 'refused', code, detail, reply: null, replayed: false };
}

export class Backups implements BackupPort {
  readonly #options: BackupsOptions;
  #job: Job | null = null;
  #last: { readonly name: string; readonly result: CommandResult } | null = null;
  #inspection: Inspection | null = null;
  #stopping = false;

  constructor(options: BackupsOptions) {
    this.#options = options;
  }

  /**
   * Makes a backup, and answers when it is made, or after 15 seconds that it goes on. An order with the name of the one that goes on, or
   * of the last one, is told of that.
   */
  async backUp(order: BackupOrder): Promise<CommandResult> {
    const name = order.name ?? backupName(this.#options.clock.wallMs());
    if (!isBackupName(name)) {
      return refused('backup-name', 'a name has letters, digits and . _ - only, and is that of no folder');
    }
    if (this.#last?.name === name) return { ...this.#last.result, verdict: repeated(this.#last.result) };
    const going = this.#job;
    if (going !== null && going.name !== name) return refused('backup-running', `${going.name} is being written`);
    if (this.#stopping) return refused('backup-failed', 'addrd is stopping');
    const job = going ?? this.#begin(name, order);
    return await this.#patiently(job);
  }

  /** Ends a backup that is under way; what there is of it goes. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#inspection?.end();
    await this.#job?.result;
  }

  #begin(name: string, order: BackupOrder): Job {
    const pages = { total: 0, remaining: 0 };
    const job: Job = { name, pages, result: this.#settled(name, order) };
    this.#job = job;
    return job;
  }

  async #settled(name: string, { actor, tenant }: BackupOrder): Promise<CommandResult> {
    const { clock, log, submit, folder } = this.#options;
    const began = clock.monoMs();
    // Not before the caller has the job.
    await Promise.resolve();
    let facts: StoreFacts | null = null;
    let fault: { code: BackupErrorCode; why: string } | null = null;
    try {
      facts = await this.#make(join(folder, name));
    } catch (error) {
      const known = error instanceof BackupError ? error : null;
      const why = error instanceof Error ? error.message : String(error);
      fault = { code: known?.code ?? 'backup-failed', why };
    }
    const tookMs = clock.monoMs() - began;
    const { bytes = 0, pages = 0 } = facts ?? {};
    const event: BackupEvent = {
      ...{ kind: 'backup', tenant, actor, name, fault, bytes, pages, tookMs },
      receivedAt: clock.wallMs(),
    };
    const recorded = await submit(event);
    const fields = { name, bytes, ms: Math.round(tookMs), recorded };
    if (fault === null) log.info({ code: 'backup', ...fields }, 'a backup was written and read whole');
    else log.error({ code: 'backup-failed', ...fields, fault: fault.code, why: fault.why }, 'a backup failed');
    const result: CommandResult =
      facts === null || fault !== null
        ? refused(fault?.code ?? 'backup-failed', fault?.why ?? '')
        : {
            ...{ verdict: 'applied', code: null, detail: null, replayed: false },
            reply: { backup: replyOf(join(folder, name), name, facts, tookMs, event.receivedAt) },
          };
    this.#job = null;
    // One that failed is tried again under the same name.
    this.#last = fault === null ? { name, result } : null;
    return result;
  }

  async #make(path: string): Promise<StoreFacts> {
    const { db, inspect } = this.#options;
    const copy = beginCopy(path);
    await copyPages(db, path, (pages) => {
      if (this.#stopping) throw new BackupError('backup-failed', 'addrd is stopping');
      if (this.#job !== null) this.#job.pages = pages;
    });
    this.#inspection = inspect(copy);
    try {
      const facts = await this.#inspection.facts;
      keepCopy(path, facts);
      return facts;
    } catch (error) {
      dropCopy(path);
      throw error;
    } finally {
      this.#inspection = null;
    }
  }

  async #patiently(job: Job): Promise<CommandResult> {
    const { timers, folder } = this.#options;
    let timer: TimerHandle = null;
    const late = new Promise<null>((resolve) => {
      timer = timers.set(PATIENCE_MS, () => {
        resolve(null);
      });
    });
    const result = await Promise.race([job.result, late]);
    timers.clear(timer);
    if (result !== null) return result;
    const { name, pages } = job;
    const backup: BackupReply = {
      ...{ name, path: join(folder, name), done: false, verified: false, at: null, duration_seconds: null },
      ...{ bytes: null, schema: null, pages: pages.total, pages_remaining: pages.remaining },
    };
    return { verdict: 'applied', code: 'backup-running', detail: null, reply: { backup }, replayed: false };
  }
}

function repeated({ verdict }: CommandResult): CommandResult['verdict'] {
  return verdict === 'applied' ? 'duplicate' : verdict;
}

/** A backup that was made, as its caller is told of it. */
export function replyOf(
  path: string,
  name: string,
  { bytes, pages, schema }: StoreFacts,
  tookMs: number,
  at: number,
): BackupReply {
  return {
    ...{ name, path, done: true, verified: true, at: isoTime(at), duration_seconds: Math.round(tookMs) / 1_000 },
    ...{ bytes, schema, pages, pages_remaining: 0 },
  };
}
