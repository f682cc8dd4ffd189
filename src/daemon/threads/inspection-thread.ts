/** The main thread's side of reading a backup whole. */
import { Worker } from 'node:worker_threads';
import { BackupError } from '../../store/backup.js';
import type { StoreFacts } from '../../store/inspection.js';
import type { FromInspection, InspectionStart } from './inspection-messages.js';

/** A backup that is being read. */
export interface Inspection {
  /** Rejects with BackupError `backup-unsound` where it cannot be read, or `backup-failed` where the thread ended. */
  readonly facts: Promise<StoreFacts>;
  /** Gives up: `facts` rejects. */
  end(): void;
}

/** Reads a backup in a thread of its own. */
export function inspectInThread(path: string): Inspection {
  const workerData: InspectionStart = { path };
  const entry = new URL('./inspection-worker.js', import.meta.url);
  const worker = new Worker(entry, { workerData, env: {}, execArgv: [] });
  const facts = new Promise<StoreFacts>((resolve, reject) => {
    const failed = (why: string): void => {
      reject(new BackupError('backup-failed', `the backup ${path} was not read: ${why}`));
    };
    worker.once('message', (message: FromInspection) => {
      if (message.type === 'read') resolve(message.facts);
      else reject(new BackupError('backup-unsound', message.error.message));
    });
    worker.on('messageerror', (error) => {
      failed(error.message);
    });
    worker.on('error', (error) => {
      failed(error.message);
    });
    worker.once('exit', (status) => {
      failed(`its thread ended with ${String(status)}`);
    });
  });
  return { facts, end: () => void worker.terminate() };
}
