/** What names a subscriber, under `/api/v1/subscribers/{id}/identities`. */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Command } from '../command.js';
import { identityText } from '../lifecycle/identity.js';
import { unprintable } from '../lifecycle/octets.js';
import type { Identity } from '../lifecycle/records.js';
import { macAddress } from '../lifecycle/written-octets.js';
import { commandedBy, decide, outcome, type Commanded } from './commanded.js';
import type { ApiDeps } from './deps.js';
import { identitiesView, identityOrderView, type IdentitiesView, type IdentityView } from './identity-views.js';
import { subscriberId } from './order.js';
import { Problem } from './problem.js';
import { tokenOfRequest } from './token.js';
import { problemView } from './views.js';

const security = [{ token: [] }];
const problems = { '4xx': problemView, '5xx': problemView };
const tags = ['identities'];
const PATH = '/api/v1/subscribers/:id/identities';

/** RFC 2865 section 5: an attribute's value has at most 253 octets. */
const MOST_OCTETS = 253;
/** Each octet may be written as `\xNN`. */
const LONGEST_VALUE = 4 * MOST_OCTETS;

const params = z.strictObject({ id: subscriberId });

export const identitySchema = z.strictObject({
  type: z.enum(['username', 'circuit-id', 'remote-id', 'mac']),
  scope: z
    .string()
    .max(1_024)
    .regex(/^(tenant|nas:[^/\p{C}]+|relay:([0-9a-f]{2})+)$/u, 'must be tenant, nas:NAME or relay:HEX')
    .default('tenant')
    .describe('within what it is unique: `tenant`, `nas:NAME` or `relay:HEX`'),
  value: z
    .string()
    .min(1)
    .max(LONGEST_VALUE)
    .describe(
      String.raw`as it is shown: an octet that is not printable as \xNN, a backslash as \\; a MAC address as 02:00:5e:10:01:01`,
    ),
});

type Given = z.output<typeof identitySchema>;

/** What names a subscriber as canonical octets, or which field of it is wrong. */
export function readIdentity(
  given: Given,
):
  | { readonly identity: Pick<Identity, 'type' | 'scope' | 'bytes'> }
  | { readonly field: string; readonly message: string } {
  const { type, scope, value } = given;
  const bytes = type === 'mac' ? macAddress(new TextEncoder().encode(value)) : unprintable(value);
  if (bytes === null || bytes.length > MOST_OCTETS) {
    const message =
      bytes !== null
        ? `must be at most ${String(MOST_OCTETS)} octets`
        : type === 'mac'
          ? 'must be a MAC address such as 02:00:5e:10:01:01'
          : String.raw`must have a backslash as \\, and an octet that is not printable as \xNN`;
    return { field: 'value', message };
  }
  if ((type === 'mac' || type === 'username') && scope !== 'tenant') {
    return { field: 'scope', message: `must be tenant: a ${type} is unique in all of it` };
  }
  return { identity: { type, scope, bytes } };
}

/** @throws Problem `bad-request` */
function commandOf(kind: 'identity-put' | 'identity-drop', subscriber: string, given: Given, by: Commanded): Command {
  const reading = readIdentity(given);
  if ('identity' in reading) return { kind, ...by, subscriber, ...reading.identity };
  const { field, message } = reading;
  throw new Problem('bad-request', `${field}: ${message}`, [{ field, message }]);
}

/** An identity as the API shows it. */
export function shownIdentity(row: Identity): IdentityView {
  const { type, scope, provenance } = row;
  return { type, scope, value: identityText(row), provenance };
}

/** Looks at the identities of a subscriber, puts one on record and takes one off. */
export function identityRoutes(app: FastifyInstance, deps: Pick<ApiDeps, 'commands' | 'reads'>): void {
  app.get<{ Params: { id: string } }>(
    PATH,
    {
      config: { scope: 'read' },
      schema: {
        tags,
        security,
        operationId: 'listIdentities',
        summary: 'What names a subscriber',
        params,
        response: { 200: identitiesView, ...problems },
      },
    },
    async (request): Promise<IdentitiesView> => {
      const { id } = request.params;
      const identities = deps.reads.identities(tokenOfRequest(request).tenant, id);
      if (identities === null) throw new Problem('unknown-subscriber', `there is no subscriber ${id}`);
      return { subscriber_id: id, identities: identities.map(shownIdentity) };
    },
  );
  app.put<{ Params: { id: string }; Body: Given }>(
    PATH,
    {
      config: { scope: 'operate' },
      schema: {
        tags,
        security,
        operationId: 'putIdentity',
        summary: 'Put an identity on record; a subscriber that is not known is made',
        params,
        body: identitySchema,
        response: { 200: identityOrderView, ...problems },
      },
    },
    async (request, reply) => {
      const command = commandOf('identity-put', request.params.id, request.body, commandedBy(request));
      return reply.code(200).send(outcome(await decide(deps.commands, command, reply)));
    },
  );
  app.delete<{ Params: { id: string }; Querystring: Given }>(
    PATH,
    {
      config: { scope: 'operate' },
      schema: {
        tags,
        security,
        operationId: 'deleteIdentity',
        summary: 'Take an identity off the record; sessions that were known by it stay as they are',
        params,
        querystring: identitySchema,
        response: { 200: identityOrderView, ...problems },
      },
    },
    async (request, reply) => {
      const command = commandOf('identity-drop', request.params.id, request.query, commandedBy(request));
      return reply.code(200).send(outcome(await decide(deps.commands, command, reply)));
    },
  );
}
