/** The main thread's side of a reload: the YAML of a large network takes a second, in which nobody would be answered. */
import { Worker } from 'node:worker_threads';
import type { KnownConfig, NextConfig } from '../config.js';
import { ConfigError } from '../config-fault.js';
import { unpack } from '../config-parcel.js';
import type { ConfigStart, FromConfig } from './config-messages.js';
import { throwable } from './parent.js';

/** The thread ended and said nothing. */
export class ConfigUnread extends Error {
  readonly code = 'config-unread';
  constructor(status: number) {
    super(`the thread that read the config ended with ${String(status)} and said nothing`);
    this.name = 'ConfigUnread';
  }
}

/**
 * Reads the config file and the secrets that it names in a thread of its own. Null where nothing of them has changed.
 * @throws ConfigError, UnfitFile, the system's error, or what ended the thread.
 */
export async function loadInThread(
  path: string,
  env: ConfigStart['env'],
  inForce: KnownConfig,
): Promise<NextConfig | null> {
  const workerData: ConfigStart = { path, env: { ...env }, inForce: inForce.origin };
  const found = await new Promise<FromConfig>((resolve, reject) => {
    const entry = new URL('./config-worker.js', import.meta.url);
    const worker = new Worker(entry, { workerData, env: {}, execArgv: [] });
    worker.once('message', resolve);
    worker.on('messageerror', reject);
    worker.on('error', reject);
    worker.once('exit', (status) => {
      reject(new ConfigUnread(status));
    });
  });
  switch (found.type) {
    case 'unchanged':
      return null;
    case 'loaded':
      return { ...found.rest, config: unpack(found.parcel) };
    case 'invalid':
      throw new ConfigError(found.faults);
    case 'unreadable':
      throw throwable(found.error);
  }
}
