/** The disk that the stores lie on. */
import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** How often this disk can append 4 KiB and make them durable, a second. Takes `ms` milliseconds. */
export function syncRate(folder: string, ms = 1_000): number {
  const file = join(folder, 'sync');
  const fd = openSync(file, 'w');
  const block = new Uint8Array(4096);
  const began = performance.now();
  let count = 0;
  while (performance.now() - began < ms) {
    writeSync(fd, block);
    fdatasyncSync(fd);
    count++;
  }
  closeSync(fd);
  rmSync(file);
  return Math.round(count / ((performance.now() - began) / 1000));
}
