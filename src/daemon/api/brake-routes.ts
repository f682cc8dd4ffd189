/** Freeze, thaw, maintenance, approvals, alarms. A brake is easy to pull: releasing one needs scope `admin`. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Command } from '../command.js';
import { parseIsoTime } from '../lifecycle/time.js';
import { alarmOf, batchOf } from './brake-representation.js';
import {
  acknowledgedView,
  alarmsView,
  batchesView,
  confirmedView,
  decidedView,
  freezeView,
  maintenancesView,
  type AlarmsView,
  type BatchesView,
} from './brake-views.js';
import { commandedNow, decide, outcome, type Commanded } from './commanded.js';
import type { ApiDeps } from './deps.js';
import { Problem } from './problem.js';
import { mayConcernAll, tokenOfRequest, type ApiToken, type Scope } from './token.js';
import { problemView } from './views.js';

const security = [{ token: [] }];
const problems = { '4xx': problemView, '5xx': problemView };
const MOST_ROWS = 1_000;

const words = z
  .string()
  .min(1)
  .max(256)
  .regex(/^[^\p{Cc}]*$/u, 'must not hold control characters');
const reason = words.describe('kept in the journal, and shown to whoever meets the brake');
const maybeReason = words.nullish().describe('kept in the journal');
const hour = z
  .string()
  .transform((given, context): number => {
    const at = parseIsoTime(given);
    if (at !== null) return at;
    context.addIssue({ code: 'custom', message: 'must be a time in UTC such as 2026-11-22T05:00:00Z' });
    return z.NEVER;
  })
  .describe('ISO 8601, UTC, at most 30 days ahead');

/** While it lasts nothing that a session there stood on becomes free: a slip of the pen must not hold it for years. */
const LONGEST_MAINTENANCE_MS = 30 * 86_400_000;

/** How the id of an alarm ends that is about the daemon, and so shown to all tenants. */
const DAEMON_ALARM = '@daemon';

const bodies = {
  freeze: z.strictObject({ reason }),
  thaw: z.strictObject({ reason: maybeReason }),
  maintenance: z.strictObject({ nas: words.describe('name of a config entry, or an address'), until: hour, reason }),
  end: z.strictObject({ nas: words.describe('name of a config entry, or an address') }),
  decide: z.strictObject({ reason: maybeReason }),
  acknowledge: z.strictObject({ alarm: words.describe('its `id`') }),
};

const batchParams = z.strictObject({
  id: z
    .string()
    .regex(/^[1-9]\d{0,14}$/, 'must be the number of a batch')
    .transform(Number),
});
const all = z.strictObject({ all: z.enum(['true', 'false']).optional().describe('default false: open ones only') });

interface Order {
  readonly path: string;
  readonly operationId: string;
  readonly summary: string;
  readonly scope: Scope;
  readonly allTenants?: true;
  readonly body: z.ZodType;
  readonly params?: z.ZodType;
  readonly answer: z.ZodType;
  /** Refuses what the shape of the body alone cannot: `now` is Unix milliseconds. @throws Problem */
  check?(body: unknown, now: number, token: ApiToken): void;
  command(by: Commanded, body: unknown, params: unknown): Command;
}

const ORDERS: readonly Order[] = [
  {
    path: '/api/v1/freeze',
    operationId: 'freeze',
    summary: 'Stop every effect and every release; events are still received and answered',
    scope: 'operate',
    allTenants: true,
    body: bodies.freeze,
    answer: freezeView,
    command: (by, body) => ({ ...by, kind: 'freeze', ...(body as z.output<typeof bodies.freeze>) }),
  },
  {
    path: '/api/v1/thaw',
    operationId: 'thaw',
    summary: 'Let everything go on',
    scope: 'admin',
    allTenants: true,
    body: bodies.thaw,
    answer: freezeView,
    command: (by, body) => ({ ...by, kind: 'thaw', reason: (body as z.output<typeof bodies.thaw>).reason ?? null }),
  },
  {
    path: '/api/v1/restored/confirm',
    operationId: 'confirmRestore',
    summary: 'After a restore: act again as the config says, and hand out addresses',
    scope: 'admin',
    allTenants: true,
    body: bodies.freeze,
    answer: confirmedView,
    command: (by, body) => ({ ...by, kind: 'restore-confirm', ...(body as z.output<typeof bodies.freeze>) }),
  },
  {
    path: '/api/v1/maintenance',
    operationId: 'beginMaintenance',
    summary: 'Somebody works on a NAS: what it does until then proves nothing, and nothing is sent to it',
    scope: 'operate',
    body: bodies.maintenance,
    answer: maintenancesView,
    check: (body, now) => {
      const { until } = body as z.output<typeof bodies.maintenance>;
      if (until - now <= LONGEST_MAINTENANCE_MS) return;
      const message = 'must be at most 30 days ahead: say it again when it takes longer';
      throw new Problem('bad-request', `until: ${message}`, [{ field: 'until', message }]);
    },
    command: (by, body) => ({ ...by, kind: 'maintenance', ...(body as z.output<typeof bodies.maintenance>) }),
  },
  {
    path: '/api/v1/maintenance/end',
    operationId: 'endMaintenance',
    summary: 'End a maintenance before its time',
    scope: 'operate',
    body: bodies.end,
    answer: maintenancesView,
    command: (by, body) => ({ ...by, kind: 'maintenance-end', ...(body as z.output<typeof bodies.end>) }),
  },
  ...(['approve', 'reject'] as const).map((kind): Order => ({
    path: `/api/v1/approvals/:id/${kind}`,
    operationId: kind === 'approve' ? 'approveBatch' : 'rejectBatch',
    summary: kind === 'approve' ? 'Carry out what the blast guard held back' : 'Drop what the blast guard held back',
    scope: 'admin',
    body: bodies.decide,
    params: batchParams,
    answer: decidedView,
    command: (by, body, params) => ({
      ...by,
      kind,
      batch: (params as z.output<typeof batchParams>).id,
      reason: (body as z.output<typeof bodies.decide>).reason ?? null,
    }),
  })),
  {
    path: '/api/v1/alarms/acknowledge',
    operationId: 'acknowledgeAlarm',
    summary: 'Close an alarm until its cause happens again',
    scope: 'operate',
    body: bodies.acknowledge,
    answer: acknowledgedView,
    check: (body, _now, token) => {
      const { alarm } = body as z.output<typeof bodies.acknowledge>;
      if (alarm.endsWith(DAEMON_ALARM)) mayConcernAll(token);
    },
    command: (by, body) => ({ ...by, kind: 'acknowledge', ...(body as z.output<typeof bodies.acknowledge>) }),
  },
];

async function execute(
  deps: Pick<ApiDeps, 'commands' | 'now'>,
  order: Order,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  order.check?.(request.body, deps.now(), tokenOfRequest(request));
  const command = order.command(commandedNow(request), request.body, request.params);
  return reply.code(200).send(outcome(await decide(deps.commands, command, reply)));
}

/** Brakes and what they hold back, under `/api/v1`. */
export function brakeRoutes(app: FastifyInstance, deps: Pick<ApiDeps, 'commands' | 'reads' | 'now'>): void {
  const tags = ['brakes'];
  for (const order of ORDERS) {
    const { path, operationId, summary, scope, allTenants = false, body, params, answer } = order;
    app.post(
      path,
      {
        config: { scope, allTenants },
        schema: {
          tags,
          security,
          operationId,
          summary,
          body,
          ...(params === undefined ? {} : { params }),
          response: { 200: answer, ...problems },
        },
      },
      async (request, reply) => execute(deps, order, request, reply),
    );
  }
  app.get<{ Querystring: z.output<typeof all> }>(
    '/api/v1/approvals',
    {
      config: { scope: 'read' },
      schema: {
        tags,
        security,
        operationId: 'listApprovals',
        summary: 'Batches that the blast guard holds back, the newest first',
        querystring: all,
        response: { 200: batchesView, ...problems },
      },
    },
    async (request): Promise<BatchesView> => {
      const { tenant } = tokenOfRequest(request);
      return { approvals: deps.reads.batches(tenant, request.query.all === 'true', MOST_ROWS).map(batchOf) };
    },
  );
  app.get<{ Querystring: z.output<typeof all> }>(
    '/api/v1/alarms',
    {
      config: { scope: 'read' },
      schema: {
        tags,
        security,
        operationId: 'listAlarms',
        summary: 'Open alarms, the critical ones first',
        querystring: all,
        response: { 200: alarmsView, ...problems },
      },
    },
    async (request): Promise<AlarmsView> => {
      const { tenant } = tokenOfRequest(request);
      return { alarms: deps.reads.alarms(tenant, request.query.all === 'true', MOST_ROWS).map(alarmOf) };
    },
  );
}
