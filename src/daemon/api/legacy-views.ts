/** What an assignment is in the words of the systems that came before addrd. */
import { z } from 'zod';
import type { Assignment } from '../lifecycle/records.js';
import type { LifecycleState } from '../lifecycle/state.js';
import { isoTime } from '../lifecycle/time.js';

const STATUSES = ['reserved', 'assigned', 'released', 'expired'] as const;
const time = z.string().describe('ISO 8601, UTC');

export const legacyFields = {
  status: z
    .enum(STATUSES)
    .describe(
      '`lifecycle_state` in the words of before: reserved, assigned, or, once it is revoked, released or expired',
    ),
  imported: z
    .strictObject({
      status: z.enum(STATUSES).describe('what the other system said'),
      at: time,
      verified_at: time.nullable().describe('when a session first showed it; null: only the other system says so yet'),
    })
    .nullable()
    .describe('that it is from another system'),
};

const LEGACY: Readonly<Record<LifecycleState, (typeof STATUSES)[number]>> = {
  pending: 'reserved',
  allocated: 'reserved',
  active: 'assigned',
  suspended: 'assigned',
  revoking: 'assigned',
  revoked: 'released',
  failed: 'assigned',
};

/** The legacy fields of an assignment. */
export function legacyOf({ state, imported }: Assignment): z.output<z.ZodObject<typeof legacyFields>> {
  const expired = state === 'revoked' && imported?.status === 'expired';
  return {
    status: expired ? 'expired' : LEGACY[state],
    imported:
      imported === null
        ? null
        : {
            status: imported.status,
            at: isoTime(imported.at),
            verified_at: imported.verifiedAt === null ? null : isoTime(imported.verifiedAt),
          },
  };
}
