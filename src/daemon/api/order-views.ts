/** What an order of the lifecycle is answered. */
import { z } from 'zod';
import { address, family, lifecycleState } from './views.js';

export const orderView = z.strictObject({
  verdict: z.enum(['applied', 'duplicate']),
  code: z.string().nullable(),
  batch: z
    .number()
    .int()
    .nullable()
    .default(null)
    .describe('what was ordered waits in this batch until somebody approves of it'),
  notes: z
    .array(z.enum(['not-told', 'disconnect-ordered']))
    .default([])
    .describe(
      'of suspend and reactivate: a session was not told, and its subscriber says why (`stuck`); one is told to end',
    ),
  assignments: z.array(
    z.looseObject({
      id: z.number().int(),
      subscriber_id: z.string(),
      pool_id: z.string(),
      family,
      address,
      lifecycle_state: lifecycleState,
      generation: z.number().int(),
      stuck: z.string().nullable(),
    }),
  ),
});

export type OrderView = z.infer<typeof orderView>;
