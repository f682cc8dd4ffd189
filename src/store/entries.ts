/** The working copies of a batch, a map for each table. */
import type { Rows, TableName } from '../daemon/lifecycle/records.js';

export interface Entry<R> {
  readonly row: R | null;
  /** The row as the database has it, or null. */
  readonly stored: R | null;
}

export type Entries = { readonly [T in TableName]: Map<string, Entry<Rows[T]>> };

/** None yet. */
export function noEntries(): Entries {
  return {
    vrf: new Map(),
    subscriber: new Map(),
    identity: new Map(),
    nas: new Map(),
    epoch: new Map(),
    gap: new Map(),
    pool: new Map(),
    poolFree: new Map(),
    assignment: new Map(),
    live: new Map(),
    step: new Map(),
    session: new Map(),
    usage: new Map(),
    witness: new Map(),
    holding: new Map(),
    conflict: new Map(),
    deadline: new Map(),
    outbox: new Map(),
    meta: new Map(),
    brake: new Map(),
    guard: new Map(),
    guardMark: new Map(),
    batch: new Map(),
    approval: new Map(),
    heldSuspend: new Map(),
    alarm: new Map(),
    task: new Map(),
    hold: new Map(),
  };
}
