/** Linux gives each thread a priority of its own, so that one of them can yield to the others. */
import { readlinkSync } from 'node:fs';
import { setPriority } from 'node:os';

/** Of 0 to 19: with one processor for two busy threads, this one gets about a tenth of it. */
const NICE = 10;

/**
 * Lowers the priority of the calling thread for good. Returns null, or the code of the system's error where that cannot be
 * done: ENOENT where threads have no priority of their own, EPERM where a service manager forbids it.
 */
export function yieldToOthers(): string | null {
  try {
    // "PID/task/TID", proc(5).
    const tid = Number(readlinkSync('/proc/thread-self').split('/').at(-1));
    setPriority(tid, NICE);
    return null;
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
  }
}
