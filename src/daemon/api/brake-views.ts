/** What the API answers about brakes, approvals and alarms. */
import { z } from 'zod';

const time = z.string().describe('ISO 8601, UTC');

export const frozenView = z
  .strictObject({ actor: z.string(), since: time, reason: z.string() })
  .nullable()
  .describe('who has frozen addrd: no effect leaves and nothing becomes free; null where nobody has');

export const restoredView = z
  .strictObject({ at: time, allocation: z.enum(['held', 'open']) })
  .nullable()
  .describe('the store is that of a backup, and addrd observes until that is confirmed; null otherwise');
export type RestoredView = z.output<typeof restoredView>;

/** The answer to `restored/confirm`. */
export const confirmedView = z.strictObject({
  verdict: z.enum(['applied', 'duplicate']),
  code: z.string().nullable(),
  restored: restoredView,
});
export type ConfirmedView = z.output<typeof confirmedView>;

/** What of `status` tells what holds addrd back. */
export const heldBackViews = { frozen: frozenView, restored: restoredView };

/** The answer to `freeze` and `thaw`. */
export const freezeView = z.strictObject({
  verdict: z.enum(['applied', 'duplicate']),
  code: z.string().nullable(),
  frozen: frozenView,
});

export const maintenanceView = z.strictObject({ actor: z.string(), reason: z.string(), since: time, until: time });

/** The answer to `maintenance`, one entry a NAS. */
export const maintenancesView = z.strictObject({
  verdict: z.enum(['applied', 'duplicate']),
  code: z.string().nullable(),
  maintenance: z.array(maintenanceView.extend({ nas: z.string(), nas_address: z.string(), ended_at: time.nullable() })),
});

export const batchView = z.strictObject({
  batch: z.number().int(),
  about: z
    .string()
    .describe('the token whose revokes and suspends, or the NAS whose Disconnects and CoAs, were too many'),
  status: z.enum(['open', 'approved', 'rejected']),
  revokes: z.number().int(),
  disconnects: z.number().int(),
  suspends: z.number().int().describe('assignments that go out of service'),
  coas: z.number().int(),
  waiting: z.number().int().describe('what of them is held back still'),
  examples: z.array(z.string()).describe('the first three subscribers'),
  opened_at: time,
  last_at: time,
  decided_at: time.nullable(),
  decided_by: z.string().nullable(),
  reason: z.string().nullable(),
});
export const batchesView = z.strictObject({ approvals: z.array(batchView) });

/** The answer to `approve` and `reject`. */
export const decidedView = z.strictObject({
  verdict: z.enum(['applied', 'duplicate']),
  code: z.string().nullable(),
  batch: z.number().int(),
  status: z.enum(['approved', 'rejected']),
  revokes: z.number().int(),
  disconnects: z.number().int(),
  suspends: z.number().int(),
  coas: z.number().int(),
});

export const alarmView = z.strictObject({
  id: z.string().describe('by which it is acknowledged'),
  cause: z.string().describe('docs/alarms.md has a row for each'),
  about: z.string(),
  severity: z.enum(['critical', 'warning']),
  count: z.number().int(),
  first_at: time,
  last_at: time,
  examples: z.array(z.string()).describe('the first three'),
  cleared_at: time.nullable(),
  cleared_by: z.string().nullable(),
});
export const alarmsView = z.strictObject({ alarms: z.array(alarmView) });

/** The answer to an acknowledgement. */
export const acknowledgedView = z.strictObject({
  verdict: z.enum(['applied', 'duplicate']),
  code: z.string().nullable(),
  alarm: z.string(),
});

export type FrozenView = z.infer<typeof frozenView>;
export type FreezeView = z.infer<typeof freezeView>;
export type MaintenanceView = z.infer<typeof maintenanceView>;
export type MaintenancesView = z.infer<typeof maintenancesView>;
export type BatchView = z.infer<typeof batchView>;
export type BatchesView = z.infer<typeof batchesView>;
export type DecidedView = z.infer<typeof decidedView>;
export type AlarmView = z.infer<typeof alarmView>;
export type AlarmsView = z.infer<typeof alarmsView>;
export type AcknowledgedView = z.infer<typeof acknowledgedView>;
