/** The working copies of a batch, a map for each table. */
import type { Family } from '../daemon/lifecycle/address.js';
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
  };
}

/** An assignment that has ended, and how long it was REVOKING. */
export interface Revoked {
  readonly family: Family;
  readonly revokingMs: number;
}

/** What this batch brought to REVOKED. */
export function revokedIn({ assignment }: Entries): Revoked[] {
  const revoked: Revoked[] = [];
  for (const { row, stored } of assignment.values()) {
    if (row?.state !== 'revoked' || stored?.state === 'revoked') continue;
    const { family, revokingAt, revokedAt } = row;
    revoked.push({ family, revokingMs: Math.max(0, (revokedAt ?? 0) - (revokingAt ?? revokedAt ?? 0)) });
  }
  return revoked;
}
