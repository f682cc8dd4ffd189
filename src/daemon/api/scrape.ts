/** What a scrape is answered with: the counts of the thread that takes packets, and what the API's own thread reads. */
import { readFile, stat } from 'node:fs/promises';
import { Registry } from 'prom-client';
import type { Reads } from '../../store/reads.js';
import { SocketMetrics, type WatchedSocket } from './socket-metrics.js';
import { StoreMetrics } from './store-metrics.js';

export interface ScrapeOptions {
  /** The text of the other thread's registry. */
  readonly ingest: () => Promise<string>;
  readonly reads: Reads;
  readonly storePath: string;
  readonly sockets: readonly WatchedSocket[];
  readonly clock: { wallMs(): number; monoMs(): number };
  /** As the config in force says. */
  readonly lifecycle: () => { readonly evidenceTimeoutMs: number; readonly interimIntervalMs: number };
}

/** The answer to `GET /metrics`. Scrapes at the same time share one reading. */
export function openScrape(options: ScrapeOptions): () => Promise<string> {
  const { ingest, reads, storePath, sockets, clock, lifecycle } = options;
  const registry = new Registry();
  const walSize = async (): Promise<number | null> => {
    try {
      return (await stat(`${storePath}-wal`)).size;
    } catch {
      // None before the first write.
      return null;
    }
  };
  const readTable = async (family: 4 | 6): Promise<string | null> => {
    try {
      return await readFile(family === 4 ? '/proc/self/net/udp' : '/proc/self/net/udp6', 'latin1');
    } catch {
      // Not Linux, or no IPv6.
      return null;
    }
  };
  const store = new StoreMetrics({ registry, reads, clock, walSize, lifecycle });
  const kernel = new SocketMetrics({ registry, sockets, readTable });
  const read = async (): Promise<string> => {
    await Promise.all([store.refresh(), kernel.refresh()]);
    return await registry.metrics();
  };
  let reading: Promise<string> | null = null;
  return async () => {
    reading ??= read().finally(() => {
      reading = null;
    });
    const ours = await reading;
    // Last, so that it is no older than what the age that is told beside it says.
    const theirs = await ingest();
    return `${theirs.trimEnd()}\n${ours}`;
  };
}
