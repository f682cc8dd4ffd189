/** The one place where time, timers, turns of the event loop and chance come from. Everything else is handed them. */
import { randomBytes } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import type { Clock, Random, TimerHandle, Timers } from '../protocols/io.js';

export type { Clock, Random, TimerHandle, Timers } from '../protocols/io.js';

/** Puts work behind what the event loop has already received. */
export interface Turn {
  defer(work: () => void): void;
}

/** setTimeout's range is 31 bits; a longer delay would fire at once. */
const LONGEST_DELAY_MS = 2_147_483_647;

export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monoMs: () => performance.now(),
};

export const systemTimers: Timers = {
  set: (delayMs, fire) => setTimeout(fire, Math.min(Math.max(0, delayMs), LONGEST_DELAY_MS)),
  clear: (handle: TimerHandle) => {
    clearTimeout(handle as NodeJS.Timeout);
  },
};

export const systemTurn: Turn = {
  defer: (work) => {
    setImmediate(work);
  },
};

export const systemRandom: Random = {
  bytes: (length) => randomBytes(length),
  unit: () => Math.random(),
};

/** A promise of the time after `ms` milliseconds, on injected timers. */
export function after(timers: Timers, ms: number): Promise<void> {
  return new Promise((resolve) => {
    timers.set(ms, resolve);
  });
}
