import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Command } from '../command.js';
import { commandedBy, decide, outcome, type Commanded } from './commanded.js';
import {
  activateCommand,
  allocateCommand,
  answered,
  bodies,
  prefix,
  revokeCommand,
  statusOf,
  subscriberId,
} from './order.js';
import { Problem } from './problem.js';
import { assignmentOf } from './representation.js';
import { renumberBodies, renumberCommand } from './renumber-order.js';
import { serviceBodies, serviceCommand } from './service-order.js';
import type { ApiDeps } from './deps.js';
import { allows, scopesText, tokenOfRequest } from './token.js';
import { orderView } from './order-views.js';
import { lifecycleView, problemView, releasedView, type LifecycleView } from './views.js';

const security = [{ token: [] }];
const problems = { '4xx': problemView, '5xx': problemView };

interface Order {
  readonly verb: 'allocate' | 'activate' | 'suspend' | 'reactivate' | 'revoke' | 'update';
  readonly summary: string;
  readonly body: z.ZodType;
  readonly answers: readonly (200 | 201 | 202)[];
  command(body: unknown, by: Commanded): Command;
}

function orders(version: 'ipv4' | 'ipv6'): Order[] {
  const { allocate, activate, revoke } = bodies[version];
  return [
    {
      verb: 'allocate',
      summary: 'Allocate an address to a subscriber; repeating it answers with the one it has',
      body: allocate,
      answers: [200, 201],
      command: (body, by) => allocateCommand(body as z.output<typeof allocate>, by),
    },
    {
      verb: 'activate',
      summary: 'Put allocated addresses into service before a session shows them',
      body: activate,
      answers: [200],
      command: (body, by) => activateCommand(body as z.output<typeof activate>, by),
    },
    ...(['suspend', 'reactivate'] as const).map((verb): Order => ({
      verb,
      summary:
        verb === 'suspend'
          ? 'Take a subscriber out of service with all that he holds; 202 where it waits for approval'
          : 'Put a subscriber back into service with all that he holds',
      body: serviceBodies[version],
      answers: verb === 'suspend' ? [200, 202] : [200],
      command: (body, by) => serviceCommand(verb, body as z.output<typeof serviceBodies.ipv4>, by),
    })),
    {
      verb: 'revoke',
      summary: 'Begin the termination: 202 while it runs, 200 when all are revoked',
      body: revoke,
      answers: [200, 202],
      command: (body, by) => revokeCommand(body as z.output<typeof revoke>, by),
    },
    {
      verb: 'update',
      summary:
        'Renumber: allocate another address beside the one in service, which ends when a session shows the new one',
      body: renumberBodies[version],
      answers: [202],
      command: (body, by) => renumberCommand(body as z.output<typeof renumberBodies.ipv4>, by),
    },
  ];
}

const releaseBody = z.strictObject({
  address: prefix,
  vrf: z.string().min(1).max(64).nullish().describe('default global'),
});

/** `POST /api/v1/pools/release`. */
export function releaseRoute(app: FastifyInstance, { commands }: Pick<ApiDeps, 'commands'>): void {
  app.post<{ Body: z.output<typeof releaseBody> }>(
    '/api/v1/pools/release',
    {
      config: { scope: 'operate' },
      schema: {
        tags: ['pools'],
        security,
        operationId: 'releaseAddress',
        summary: 'Give up an address that a revoke kept reserved: it rests, and is free then',
        body: releaseBody,
        response: { 200: releasedView, ...problems },
      },
    },
    async (request, reply) => {
      const { address, vrf } = request.body;
      const command = { ...commandedBy(request), kind: 'pool-release', prefix: address, vrf: vrf ?? null } as const;
      return reply.code(200).send(outcome(await decide(commands, command, reply)));
    },
  );
}

/** Orders and states under `/api/v1/network/ipv4-lifecycle` and `ipv6-lifecycle`. */
export function lifecycleRoutes(app: FastifyInstance, deps: Pick<ApiDeps, 'commands' | 'reads' | 'nats'>): void {
  for (const version of ['ipv4', 'ipv6'] as const) {
    const base = `/api/v1/network/${version}-lifecycle`;
    const name = version === 'ipv4' ? 'Ipv4' : 'Ipv6';
    const tags = [`${version}-lifecycle`];
    for (const order of orders(version)) {
      const response = { ...Object.fromEntries(order.answers.map((status) => [status, orderView])), ...problems };
      app.post(
        `${base}/${order.verb}`,
        {
          config: { scope: 'operate' },
          schema: {
            tags,
            security,
            operationId: `${order.verb}${name}`,
            summary: order.summary,
            body: order.body,
            response,
          },
        },
        async (request, reply) => execute(deps, order, request, reply),
      );
    }
    app.get<{ Params: { subscriber_id: string } }>(
      `${base}/:subscriber_id`,
      {
        config: { scope: 'read' },
        schema: {
          tags,
          security,
          operationId: `list${name}Assignments`,
          summary: 'The assignments of a subscriber: the open ones first, then the newest that ended',
          params: z.strictObject({ subscriber_id: subscriberId }),
          response: { 200: lifecycleView, ...problems },
        },
      },
      async (request) => lifecycle(deps, tokenOfRequest(request).tenant, request.params.subscriber_id, version),
    );
  }
}

async function execute(
  { commands, nats }: Pick<ApiDeps, 'commands' | 'nats'>,
  order: Order,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const command = order.command(request.body, commandedBy(request));
  const { name, scopes } = tokenOfRequest(request);
  if (command.kind === 'revoke' && command.force === true && !allows(scopes, 'admin')) {
    throw new Problem('forbidden', `token ${name} has scope ${scopesText(scopes)}; force needs admin`);
  }
  // The door knows of no such pool: nothing of it is anybody's.
  const pool = 'pool' in command ? command.pool : null;
  if (nats.some(({ tenant, name: nat }) => tenant === command.tenant && nat === pool)) {
    const why = "the address of a NAT is many customers', and nothing of it is handed out";
    throw new Problem('unknown-pool', `pool ${pool ?? ''} is of kind nat: ${why}; name another one`);
  }
  const answer = answered(await decide(commands, command, reply));
  return reply.code(statusOf(command.kind, answer)).send(answer);
}

function lifecycle(
  { reads }: Pick<ApiDeps, 'reads'>,
  tenant: string,
  name: string,
  version: 'ipv4' | 'ipv6',
): LifecycleView {
  const story = reads.subscriber(tenant, name, 1);
  if (story === null) throw new Problem('unknown-subscriber', `there is no subscriber ${name}`);
  const theirs = story.assignments.filter(({ row }) => (row.family === 'ipv4') === (version === 'ipv4'));
  if (theirs.length === 0) throw new Problem('no-assignment', `subscriber ${name} never had an ${version} assignment`);
  return { subscriber_id: name, assignments: theirs.map(assignmentOf) };
}
