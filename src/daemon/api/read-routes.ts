import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { ShownSession } from '../../store/reads/sessions.js';
import { parseAddress, readPrefix } from '../address-text.js';
import { contains, type Prefix } from '../lifecycle/address.js';
import { isoTime } from '../lifecycle/time.js';
import { alarmOf, batchOf, frozenOf, restoredOf } from './brake-representation.js';
import { instant } from './instant.js';
import { LONGEST_PREFIX, subscriberId } from './order.js';
import { Problem } from './problem.js';
import { addressOf, conflictOf, countsOf, effectOf, eventOf, nasOf, poolOf, subscriberOf } from './representation.js';
import type { ApiDeps } from './deps.js';
import { sessionOf, type Reporting } from './session-representation.js';
import { tokenOfRequest } from './token.js';
import {
  addressView,
  conflictsView,
  eventsView,
  nasesView,
  outboxView,
  poolsView,
  problemView,
  sessionsView,
  statusView,
  subscriberView,
  type EventsView,
  type SessionsView,
  type StatusView,
} from './views.js';

const security = [{ token: [] }];
const config = { scope: 'read' } as const;
const problems = { '4xx': problemView, '5xx': problemView };

const wholeNumber = z
  .string()
  .regex(/^(0|[1-9]\d{0,14})$/, 'must be a whole number')
  .transform(Number);
const limit = wholeNumber
  .refine((given) => given >= 1 && given <= 1_000, 'must be 1 to 1000')
  .optional()
  .describe('default 100, at most 1000');
const DEFAULT_LIMIT = 100;
const STATUS_ALARMS = 20;

const sessionsQuery = z.strictObject({
  open: z.enum(['true', 'false']).optional().describe('default true: open sessions only'),
  after: wholeNumber.optional().describe('sessions numbered after this'),
  username: z.string().min(1).max(253).optional().describe('open sessions with this User-Name only, by its octets'),
  limit,
});
const eventsQuery = z.strictObject({
  after: wholeNumber.optional().describe('lines after this one; without it, the newest'),
  limit,
  subscriber: subscriberId.optional(),
  address: z.string().optional(),
  vrf: z.string().min(1).max(64).optional().describe('of the address; default: any'),
  nas: z
    .string()
    .min(1)
    .max(64)
    .optional()
    .describe('of the NASes of this config entry, or of the one with this address'),
  since: instant.optional().describe('written then or later: RFC 3339; without `after`, the first lines from then on'),
  until: instant.optional().describe('written before then'),
});
const addressQuery = z.strictObject({
  vrf: z.string().min(1).max(64).optional().describe('only what is known of it in this VRF'),
});
const outboxQuery = z.strictObject({
  status: z.enum(['pending', 'done', 'superseded', 'would-have']).optional(),
  limit,
});

/** An address or prefix of a path or query. */
function addressed(field: string, text: string): Prefix {
  const reading = readPrefix(text.slice(0, LONGEST_PREFIX));
  if ('prefix' in reading) return reading.prefix;
  throw new Problem('bad-request', `${field}: ${reading.fault}`, [{ field, message: reading.fault }]);
}

/** @throws Problem `unknown-vrf` where a VRF is named in which the tenant has nothing. */
function checkVrf(reads: ApiDeps['reads'], tenant: string, vrf: string | undefined): void {
  if (vrf !== undefined && !reads.knowsVrf(tenant, vrf))
    throw new Problem('unknown-vrf', `no pool, and no NAS that was heard, is in a VRF ${vrf}`);
}

/** The pool behind whose addresses a NAT stands that holds a prefix, or null. */
function natAround(
  { nats }: Pick<ApiDeps, 'nats'>,
  tenant: string,
  prefix: Prefix,
  vrf: string | undefined,
): ApiDeps['nats'][number] | null {
  const mine = nats.filter((pool) => pool.tenant === tenant && (vrf === undefined || pool.vrf === vrf));
  return mine.find((pool) => contains(pool.prefix, prefix)) ?? null;
}

function page(rows: readonly ShownSession[], most: number, reporting: Reporting): SessionsView {
  const last = rows.at(-1)?.row.id ?? null;
  return { sessions: rows.map((shown) => sessionOf(shown, reporting)), next_after: rows.length < most ? null : last };
}

/** Everything that is read only, under `/api/v1`. A tenant sees its own rows. */
export function readRoutes(
  app: FastifyInstance,
  deps: Pick<ApiDeps, 'reads' | 'readiness' | 'version' | 'mode' | 'modes' | 'reporting' | 'now' | 'nats'>,
): void {
  const { reads } = deps;
  /** The modes in force: nothing is sent before a restore was confirmed. */
  const modesNow = (): ApiDeps['modes'] => (reads.restored() === null ? deps.modes : { nas: 'observe', entries: {} });

  app.get<{ Params: { id: string } }>(
    '/api/v1/subscribers/:id',
    {
      config,
      schema: {
        tags: ['show'],
        security,
        operationId: 'getSubscriber',
        summary: 'Everything about a subscriber',
        params: z.strictObject({ id: subscriberId }),
        response: { 200: subscriberView, ...problems },
      },
    },
    async (request) => {
      const { id } = request.params;
      const story = reads.subscriber(tokenOfRequest(request).tenant, id);
      if (story === null) throw new Problem('unknown-subscriber', `there is no subscriber ${id}`);
      return subscriberOf(story, deps.reporting);
    },
  );

  app.get<{ Params: { '*': string }; Querystring: z.output<typeof addressQuery> }>(
    '/api/v1/addresses/*',
    {
      config: { ...config, wildcard: 'address' },
      schema: {
        tags: ['show'],
        security,
        operationId: 'getAddress',
        summary: 'Everything about an address or prefix, in each VRF or in one',
        querystring: addressQuery,
        params: z.strictObject({
          '*': z.string().describe('an address or a prefix; the slash of a prefix may be one of the path, or %2F'),
        }),
        response: { 200: addressView, ...problems },
      },
    },
    async (request) => {
      const text = request.params['*'];
      const { vrf } = request.query;
      const { tenant } = tokenOfRequest(request);
      const prefix = addressed('address', text);
      checkVrf(reads, tenant, vrf);
      const story = addressOf(reads.address(tenant, prefix, vrf), deps.reporting);
      const where = vrf === undefined ? '' : ` in VRF ${vrf}`;
      if (story !== null) return story;
      const nat = natAround(deps, tenant, prefix, vrf);
      if (nat === null) throw new Problem('unknown-address', `${text} is in no pool and was never seen${where}`);
      const why = 'nothing is made of its addresses, and the port tells whose one is';
      throw new Problem('unknown-address', `${text} is of pool ${nat.name} of kind nat: ${why}`);
    },
  );

  app.get<{ Querystring: z.output<typeof sessionsQuery> }>(
    '/api/v1/sessions',
    {
      config,
      schema: {
        tags: ['lists'],
        security,
        operationId: 'listSessions',
        summary: 'Sessions by number',
        querystring: sessionsQuery,
        response: { 200: sessionsView, ...problems },
      },
    },
    async (request): Promise<SessionsView> => {
      const { open, after = 0, limit: most = DEFAULT_LIMIT, username } = request.query;
      const { tenant } = tokenOfRequest(request);
      if (username !== undefined) {
        if (open === 'false')
          throw new Problem('bad-request', 'open, username: a User-Name is looked for in open sessions');
        const rows = reads.sessionsNamed(tenant, new TextEncoder().encode(username), { after, limit: most });
        return page(rows, most, deps.reporting);
      }
      return page(reads.sessions(tenant, { open: open !== 'false', after, limit: most }), most, deps.reporting);
    },
  );

  app.get(
    '/api/v1/pools',
    {
      config,
      schema: {
        tags: ['lists'],
        security,
        operationId: 'listPools',
        summary: 'Pools',
        response: { 200: poolsView, ...problems },
      },
    },
    async (request) => ({ pools: reads.pools(tokenOfRequest(request).tenant).map(poolOf) }),
  );

  app.get<{ Querystring: z.output<typeof eventsQuery> }>(
    '/api/v1/events',
    {
      config,
      schema: {
        tags: ['lists'],
        security,
        operationId: 'listEvents',
        summary: 'Lines of the journal, oldest first: those after a line, or the newest',
        querystring: eventsQuery,
        response: { 200: eventsView, ...problems },
      },
    },
    async (request): Promise<EventsView> => {
      const { after, limit: most = DEFAULT_LIMIT, subscriber, address, vrf, nas, since, until } = request.query;
      const { tenant } = tokenOfRequest(request);
      if ([subscriber, address, nas].filter((one) => one !== undefined).length > 1) {
        throw new Problem('bad-request', 'subscriber, address, nas: ask for one of them');
      }
      if (vrf !== undefined && address === undefined) throw new Problem('bad-request', 'vrf: it is of an address');
      checkVrf(reads, tenant, vrf);
      const entries = reads.events(tenant, {
        after: after ?? null,
        limit: most,
        ...(subscriber === undefined ? {} : { subscriber }),
        ...(address === undefined ? {} : { address: addressed('address', address) }),
        ...(vrf === undefined ? {} : { vrf }),
        ...(nas === undefined ? {} : { nas: { entry: nas, address: parseAddress(nas) } }),
        ...(since === undefined ? {} : { since }),
        ...(until === undefined ? {} : { until }),
      });
      if (entries === null && nas !== undefined) throw new Problem('unknown-nas', `no NAS ${nas} was heard yet`);
      if (entries === null) throw new Problem('unknown-subscriber', `there is no subscriber ${subscriber ?? ''}`);
      const deletedUntil = reads.journalDeletedUntil();
      return {
        events: entries.map(eventOf),
        last_id: entries.at(-1)?.id ?? after ?? null,
        deleted_until: deletedUntil === null ? null : isoTime(deletedUntil),
      };
    },
  );

  app.get<{ Querystring: z.output<typeof outboxQuery> }>(
    '/api/v1/outbox',
    {
      config,
      schema: {
        tags: ['lists'],
        security,
        operationId: 'listEffects',
        summary: 'Effects: pending ones by when they are due, others the newest first',
        querystring: outboxQuery,
        response: { 200: outboxView, ...problems },
      },
    },
    async (request) => {
      const { status = null, limit: most = DEFAULT_LIMIT } = request.query;
      return { outbox: reads.outbox(tokenOfRequest(request).tenant, status, most).map(effectOf) };
    },
  );

  app.get(
    '/api/v1/conflicts',
    {
      config,
      schema: {
        tags: ['lists'],
        security,
        operationId: 'listConflicts',
        summary: 'Open conflicts',
        response: { 200: conflictsView, ...problems },
      },
    },
    async (request) => ({ conflicts: reads.conflicts(tokenOfRequest(request).tenant).map(conflictOf) }),
  );

  app.get(
    '/api/v1/nas',
    {
      config,
      schema: {
        tags: ['lists'],
        security,
        operationId: 'listNases',
        summary: 'NASes',
        response: { 200: nasesView, ...problems },
      },
    },
    async (request) => ({ nas: reads.nas(tokenOfRequest(request).tenant).map((shown) => nasOf(shown, modesNow())) }),
  );

  app.get(
    '/api/v1/status',
    {
      config,
      schema: {
        tags: ['lists'],
        security,
        operationId: 'getStatus',
        summary: 'How it stands',
        response: { 200: statusView, ...problems },
      },
    },
    async (request): Promise<StatusView> => {
      const { tenant } = tokenOfRequest(request);
      const now = deps.now();
      const { ready, reasons } = deps.readiness();
      const restored = reads.restored();
      return {
        version: deps.version,
        mode: restored === null ? deps.mode : 'observe',
        modes: { nas: modesNow().nas },
        tenant,
        time: isoTime(now),
        ready,
        reasons: [...reasons],
        frozen: frozenOf(reads.freeze()),
        restored: restoredOf(restored),
        alarms: reads.alarms(tenant, false, STATUS_ALARMS).map(alarmOf),
        approvals: reads.batches(tenant, false, STATUS_ALARMS).map(batchOf),
        ...countsOf(reads.counts(tenant, now)),
      };
    },
  );
}
