/** A reservation of another system as a caller writes it, and the command that it becomes. */
import { z } from 'zod';
import type { Command } from '../command.js';
import type { ImportedIdentity } from '../lifecycle/import-row.js';
import type { Commanded } from './commanded.js';
import { identitySchema, readIdentity } from './identity-routes.js';
import { poolName, prefix, subscriberId } from './order.js';

/** The door takes as many in a batch. */
export const MOST_ROWS = 64;
const MOST_METADATA = 4_096;
const MOST_IDENTITIES = 16;

const identity = identitySchema.transform((given, context): ImportedIdentity => {
  const reading = readIdentity(given);
  if ('identity' in reading) return reading.identity;
  context.addIssue({ code: 'custom', message: reading.message, path: [reading.field] });
  return z.NEVER;
});

export const importRow = z.strictObject({
  subscriber_id: subscriberId,
  address: prefix.describe('an address, or a prefix as address/length'),
  status: z
    .enum(['reserved', 'assigned', 'released', 'expired'])
    .describe('`reserved` becomes allocated, `assigned` active, `released` and `expired` revoked'),
  pool_id: poolName.nullish().describe('left out: the pool that the address lies in'),
  vrf: poolName.nullish().describe('left out: that of the pool; where pools of several fit, global'),
  identities: z.array(identity).max(MOST_IDENTITIES).nullish().describe('what names the subscriber in packets'),
  metadata: z
    .record(z.string(), z.unknown())
    .refine(
      (given) => new TextEncoder().encode(JSON.stringify(given)).length <= MOST_METADATA,
      `must be at most ${String(MOST_METADATA)} octets`,
    )
    .nullish()
    .describe("the caller's own, kept as it came"),
  line: z.number().int().positive().nullish().describe('where it stands in its file: for the journal and the answer'),
});

export type ImportRow = z.output<typeof importRow>;

export function importCommand(row: ImportRow, by: Omit<Commanded, 'idempotency'>): Command & { kind: 'import-row' } {
  return {
    kind: 'import-row',
    ...by,
    idempotency: null,
    subscriber: row.subscriber_id,
    prefix: row.address,
    pool: row.pool_id ?? null,
    vrf: row.vrf ?? null,
    status: row.status,
    identities: row.identities ?? [],
    metadata: row.metadata === null || row.metadata === undefined ? null : JSON.stringify(row.metadata),
    line: row.line ?? null,
  };
}

const rowView = z.strictObject({
  line: z.number().int().nullable(),
  subscriber_id: z.string(),
  address: z.string(),
  verdict: z.string().describe('`applied`, `duplicate`, or `refused`: the others of the batch are taken all the same'),
  code: z.string().nullable().describe('why, where it is not taken over as it stands'),
  detail: z.string().nullable(),
  assignment: z.number().int().nullable(),
  lifecycle_state: z.string().nullable(),
});
export type ImportRowView = z.output<typeof rowView>;

export const importView = z.strictObject({ rows: z.array(rowView).describe('in the order in which they came') });
export type ImportView = z.output<typeof importView>;
