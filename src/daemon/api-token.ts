/** The token that the first start writes where the config names none, and that addrdctl finds. */
import { chmodSync, closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Random } from './clock.js';
import { Secret } from './secret.js';

/** `api-token` beside the store. */
export function tokenPath(storePath: string): string {
  return join(dirname(storePath), 'api-token');
}

/**
 * Reads the token, or makes one of 192 random bits, readable by the owner only.
 * @throws the system's error where the file can neither be read nor written.
 */
export function readOrCreateToken(path: string, random: Random): Secret {
  try {
    const text = readFileSync(path, 'utf8').trim();
    if (text !== '') return new Secret(text);
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error) || error.code !== 'ENOENT') throw error;
  }
  const text = Buffer.from(random.bytes(24)).toString('base64url');
  const file = openSync(path, 'w', 0o600);
  try {
    // An empty file may have been there with another mode.
    chmodSync(path, 0o600);
    writeSync(file, `${text}\n`);
  } finally {
    closeSync(file);
  }
  return new Secret(text);
}
