/** A disk that is really full: a small file system of its own, with a ballast that fills it. */
import { execFileSync } from 'node:child_process';
import { closeSync, openSync, statfsSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { temporary } from './files.js';

/** Mounts 4 MiB of memory; null where that is not allowed here. */
export function smallDisk(t: Test): string | null {
  const dir = temporary(t);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', dir], { stdio: 'pipe' });
  } catch {
    return null;
  }
  t.teardown(() => {
    execFileSync('umount', ['-l', dir]);
  });
  return dir;
}

/** Fills a file system but for `spare` octets. */
export function fillUp(dir: string, spare: number): void {
  const { bavail, bsize } = statfsSync(dir);
  const fd = openSync(join(dir, 'ballast'), 'w');
  const block = Buffer.alloc(bsize, 1);
  for (let left = bavail - Math.ceil(spare / bsize); left > 0; left--) writeSync(fd, block);
  closeSync(fd);
}
