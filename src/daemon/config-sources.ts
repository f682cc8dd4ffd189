/** Files of the system that a config is made of: its own and those of its secrets. */
import { isUtf8 } from 'node:buffer';
import { closeSync, constants, fstatSync, openSync, readSync, statSync } from 'node:fs';
import type { ConfigSources } from './config-secret.js';

/** More than any secret has. */
const LARGEST_SECRET = 65_536;
const OTHERS = 0o007;
/** A little more than a config may have: that it is too large is then told as a fault of the config. */
const LARGEST_CONFIG = 8 * 1024 * 1024 + 1;

/** A file is there, and cannot be what it should be. `code` stands where the system's would. */
export class UnfitFile extends Error {
  readonly code: 'not-a-file' | 'too-large' | 'not-utf8';
  constructor(code: 'not-a-file' | 'too-large' | 'not-utf8', path: string) {
    super(`${code}: ${path}`);
    this.name = 'UnfitFile';
    this.code = code;
  }
}

/** The first octets of a file, at most `most`. Opened so that neither a FIFO nor a terminal can hold addrd up. */
function readStart(path: string, most: number): { octets: Buffer; size: number } {
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  try {
    const stat = fstatSync(file);
    if (!stat.isFile()) throw new UnfitFile('not-a-file', path);
    const octets = Buffer.alloc(Math.min(stat.size, most));
    let length = 0;
    while (length < octets.length) {
      const count = readSync(file, octets, length, octets.length - length, null);
      if (count === 0) break;
      length += count;
    }
    return { octets: octets.subarray(0, length), size: stat.size };
  } finally {
    closeSync(file);
  }
}

/**
 * The octets of a config file; of one that is too large only so many that this can be told.
 * @throws UnfitFile `not-a-file`, or the system's error.
 */
export function readConfigFile(path: string): Uint8Array {
  return readStart(path, LARGEST_CONFIG).octets;
}

/** Sources on the file system, and an environment. */
export function systemSources(env: (name: string) => string | undefined): ConfigSources {
  return {
    env,
    readFile: (path) => {
      const { octets, size } = readStart(path, LARGEST_SECRET);
      if (size > LARGEST_SECRET) throw new UnfitFile('too-large', path);
      if (!isUtf8(octets)) throw new UnfitFile('not-utf8', path);
      return octets.toString('utf8');
    },
    isOpenToOthers: (path) => (statSync(path).mode & OTHERS) !== 0,
  };
}
