/** What came of a world. */
import { createHash } from 'node:crypto';
import type { Database } from '../../src/store/open.js';

export interface Outcome {
  readonly seed: number;
  /** What was wrong first, and when, or null. */
  readonly fault: string | null;
  readonly virtualMs: number;
  readonly commits: number;
  readonly starts: number;
  readonly disconnects: number;
  readonly journal: number;
  /** Of the whole journal. */
  readonly hash: string;
  /** Why revokes did not end, counted. */
  readonly stuck: ReadonlyMap<string, number>;
}

/** Of the whole journal: the same world has the same. */
export function hashOf(db: Database): string {
  const hash = createHash('sha256');
  for (const row of db.prepare('SELECT * FROM journal ORDER BY id').raw().iterate()) hash.update(JSON.stringify(row));
  return hash.digest('hex');
}
