/** What a batch came to, told from its working copies. */
import type { Family } from '../daemon/lifecycle/address.js';
import type { Rows } from '../daemon/lifecycle/records.js';
import type { Entries } from './entries.js';

/** An assignment that has ended, and how long it was REVOKING. */
export interface Revoked {
  readonly family: Family;
  readonly revokingMs: number;
}

/** Effects that a batch wrote, the smallest time that it set, and what it brought to REVOKED. */
export interface Summary {
  readonly outbox: readonly Rows['outbox'][];
  readonly dueAt: number | null;
  readonly revoked: readonly Revoked[];
}

/** Sums up the working copies of a batch. */
export function summaryOf(entries: Pick<Entries, 'outbox' | 'deadline' | 'assignment'>): Summary {
  const outbox: Rows['outbox'][] = [];
  for (const { row, stored } of entries.outbox.values()) if (row !== null && row !== stored) outbox.push(row);
  let dueAt: number | null = null;
  for (const { row, stored } of entries.deadline.values()) {
    if (row !== null && row !== stored && (dueAt === null || row.dueAt < dueAt)) dueAt = row.dueAt;
  }
  const revoked: Revoked[] = [];
  for (const { row, stored } of entries.assignment.values()) {
    if (row?.state !== 'revoked' || stored?.state === 'revoked') continue;
    const { family, revokingAt, revokedAt } = row;
    revoked.push({ family, revokingMs: Math.max(0, (revokedAt ?? 0) - (revokingAt ?? revokedAt ?? 0)) });
  }
  return { outbox, dueAt, revoked };
}
