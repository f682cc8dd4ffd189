/**
 * Blocks for a while. addrdctl is a program of one errand that has nothing else to do meanwhile, so it needs none of the
 * daemon's injected timers.
 */
export function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
