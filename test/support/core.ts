/** The core on a store in a temporary file, with time and network driven by hand: what is between the parts, without sockets. */
import { join } from 'node:path';
import { pino } from 'pino';
import { parseConfig, type Config } from '../../src/daemon/config.js';
import { startCore, type Core } from '../../src/daemon/core.js';
import { Metrics } from '../../src/daemon/metrics.js';
import type { Platform } from '../../src/daemon/platform.js';
import { openStore, type Database } from '../../src/store/open.js';
import { FakeTime, fakeNetwork, noChance, type FakeSocket } from '../protocols/radius/world.js';
import { temporary } from './files.js';

/** What the core says and what it did. */
export interface CoreBench {
  readonly core: Core;
  readonly db: Database;
  /** The file of the store. */
  readonly path: string;
  readonly time: FakeTime;
  /** The accounting socket first, then those for Disconnect-Requests. */
  readonly sockets: readonly FakeSocket[];
  /** Lines of the log. */
  readonly told: readonly Record<string, unknown>[];
  /** Lets everything happen that waits for nothing but its turn. */
  settle(): Promise<void>;
  /** Lets time pass in steps of at most `stepMs`, and everything happen at each. */
  pass(ms: number, stepMs?: number): Promise<void>;
}

/** A config from YAML whose secrets are in it. */
export function configOf(yaml: string): Config {
  return parseConfig(yaml, { readFile: () => '', env: () => undefined });
}

/** Starts a core; it stops with the test. */
export async function openCore(
  t: { teardown(end: () => void): unknown },
  yaml: string,
  platform: Partial<Platform> = {},
): Promise<CoreBench> {
  const path = join(temporary(t), 'addrd.db');
  const store = openStore(path, process.pid);
  const time = new FakeTime();
  const { openUdp, sockets } = fakeNetwork();
  const told: Record<string, unknown>[] = [];
  const write = (line: string): void => void told.push(JSON.parse(line) as Record<string, unknown>);
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 30; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
  };
  const core = await startCore(configOf(yaml), store.db, {
    clock: time,
    timers: time,
    turn: { defer: (work) => void setImmediate(work) },
    random: noChance,
    openUdp,
    log: pino({ level: 'debug' }, { write }),
    metrics: new Metrics('test'),
    onLost: (error) => {
      throw error;
    },
    ...platform,
  });
  t.teardown(async () => {
    await core.stop();
    store.close();
  });
  await settle();
  const pass = async (ms: number, stepMs = 1_000): Promise<void> => {
    for (let left = ms; left > 0; left -= stepMs) {
      time.advance(Math.min(left, stepMs));
      await settle();
    }
  };
  return { core, db: store.db, path, time, sockets, told, settle, pass };
}
