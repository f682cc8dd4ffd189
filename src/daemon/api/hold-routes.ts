/** Legal holds, under `/api/v1/holds`. Whom somebody asks about is for few eyes: all of it needs scope `admin`. */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { ShownHold } from '../../store/reads/holds.js';
import { formatPrefix } from '../lifecycle/address.js';
import { isoTime } from '../lifecycle/time.js';
import { commandedNow, decide, outcome } from './commanded.js';
import type { ApiDeps } from './deps.js';
import { prefix } from './order.js';
import { Problem } from './problem.js';
import { tokenOfRequest } from './token.js';
import { problemView } from './views.js';

const MOST_ROWS = 1_000;

const holdView = z.strictObject({
  subscriber_id: z.string().nullable(),
  address: z.string().nullable().describe('an address or a prefix: all that overlaps it'),
  vrf: z.string().nullable().describe('null: in every VRF'),
  actor: z.string().describe('who set it'),
  reason: z.string(),
  since: z.string(),
  ended_at: z.string().nullable(),
  ended_by: z.string().nullable(),
});
export type HoldView = z.output<typeof holdView>;

const holdsView = z.strictObject({ holds: z.array(holdView) });
export type HoldsView = z.output<typeof holdsView>;

const heldView = z.strictObject({
  verdict: z.enum(['applied', 'duplicate']),
  code: z.string().nullable(),
  about: z.string(),
  actor: z.string(),
  reason: z.string(),
  since: z.string(),
  ended_at: z.string().nullable(),
});
export type HeldView = z.output<typeof heldView>;

const body = z.strictObject({
  subscriber_id: z.string().min(1).max(256).nullish(),
  address: prefix.nullish(),
  vrf: z.string().min(1).max(64).nullish().describe('of the address; without it, every VRF'),
  reason: z
    .string()
    .max(1_024)
    .refine((given) => given.trim() !== '', 'must say something')
    .describe('such as the number of a case: kept in the journal'),
});

const query = z.strictObject({ all: z.enum(['true', 'false']).optional().describe('default false: those in force') });

function viewOf({ row, subscriber, vrf }: ShownHold): HoldView {
  return {
    subscriber_id: subscriber,
    address: row.prefix === null ? null : formatPrefix(row.prefix),
    vrf,
    actor: row.actor,
    reason: row.reason,
    since: isoTime(row.since),
    ended_at: row.endedAt === null ? null : isoTime(row.endedAt),
    ended_by: row.endedBy,
  };
}

/** @throws Problem where not one of the two is named, or a VRF without an address */
function checked({ subscriber_id: subscriber = null, address = null, vrf = null }: z.output<typeof body>) {
  if ((subscriber === null) === (address === null)) {
    const message = 'name a subscriber_id or an address, and not both';
    throw new Problem('bad-request', message, [{ field: '', message }]);
  }
  if (vrf !== null && address === null) {
    const message = 'is that of an address';
    throw new Problem('bad-request', `vrf: ${message}`, [{ field: 'vrf', message }]);
  }
  return { subscriber, prefix: address, vrf };
}

/** `GET` and `POST /api/v1/holds`, `POST /api/v1/holds/end`. */
export function holdRoutes(app: FastifyInstance, deps: Pick<ApiDeps, 'reads' | 'commands'>): void {
  const config = { scope: 'admin' } as const;
  const shared = { tags: ['operation'], security: [{ token: [] }] };
  const problems = { '4xx': problemView, '5xx': problemView };
  app.get<{ Querystring: z.output<typeof query> }>(
    '/api/v1/holds',
    {
      config,
      schema: {
        ...shared,
        operationId: 'listHolds',
        summary: 'Legal holds, the newest first',
        querystring: query,
        response: { 200: holdsView, ...problems },
      },
    },
    async (request): Promise<HoldsView> => {
      const { tenant } = tokenOfRequest(request);
      return { holds: deps.reads.holds(tenant, request.query.all === 'true', MOST_ROWS).map(viewOf) };
    },
  );
  for (const kind of ['hold', 'hold-end'] as const) {
    app.post<{ Body: z.output<typeof body> }>(
      kind === 'hold' ? '/api/v1/holds' : '/api/v1/holds/end',
      {
        config,
        schema: {
          ...shared,
          operationId: kind === 'hold' ? 'setHold' : 'endHold',
          summary:
            kind === 'hold'
              ? 'From now on nothing of a subscriber or an address is deleted by retention'
              : 'Retention may delete what a hold has kept',
          body,
          response: { 200: heldView, ...problems },
        },
      },
      async (request, reply) => {
        const { reason } = request.body;
        const command = { ...commandedNow(request), kind, ...checked(request.body), reason };
        return reply.send(outcome(await decide(deps.commands, command, reply)));
      },
    );
  }
}
