/** What a batch came to, as its working copies tell. */
import type { Family } from '../daemon/lifecycle/address.js';
import type { EvidenceKind, Rows } from '../daemon/lifecycle/records.js';
import type { Entries } from './entries.js';

/** An assignment that has ended, how long it was REVOKING, and whether by order: a release is nobody's, and takes no time. */
export interface Revoked {
  readonly family: Family;
  readonly revokingMs: number;
  readonly evidence: EvidenceKind | null;
  readonly ordered: boolean;
}

export interface Summary {
  readonly outbox: readonly Rows['outbox'][];
  readonly dueAt: number | null;
  readonly revoked: readonly Revoked[];
}

/** Effects that a batch wrote, the smallest time that it set, and what it brought to REVOKED. */
export function summaryOf(entries: Entries): Summary {
  const outbox: Rows['outbox'][] = [];
  for (const { row, stored } of entries.outbox.values()) if (row !== null && row !== stored) outbox.push(row);
  let dueAt: number | null = null;
  for (const { row, stored } of entries.deadline.values()) {
    if (row !== null && row !== stored && (dueAt === null || row.dueAt < dueAt)) dueAt = row.dueAt;
  }
  const revoked: Revoked[] = [];
  for (const { row, stored } of entries.assignment.values()) {
    if (row?.state !== 'revoked' || stored?.state === 'revoked') continue;
    // What was over before addrd knew of it did not end here.
    if (row.allocatedAt === null) continue;
    const { family, revokingAt, revokedAt, evidence: found, revoke } = row;
    const revokingMs = Math.max(0, (revokedAt ?? 0) - (revokingAt ?? revokedAt ?? 0));
    revoked.push({ family, revokingMs, evidence: found?.kind ?? null, ordered: revoke?.actor !== 'addrd' });
  }
  return { outbox, dueAt, revoked };
}
