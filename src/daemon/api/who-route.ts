/** `GET /api/v1/who`: who had an address at a time. It is in the journal who asked, and why, before there is an answer. */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Possessor, WhoAnswer } from '../../store/reads/who.js';
import { contains, formatAddress, formatPrefix } from '../lifecycle/address.js';
import { printable } from '../lifecycle/octets.js';
import { longestPause } from '../lifecycle/policy.js';
import { isoTime } from '../lifecycle/time.js';
import { commandedNow, decide, outcome } from './commanded.js';
import type { ApiDeps } from './deps.js';
import { instant } from './instant.js';
import { prefix } from './order.js';
import { Problem } from './problem.js';
import { eventOf } from './representation.js';
import { knownAs } from './session-representation.js';
import { problemView } from './views.js';
import { whoView, type PossessorView, type WhoView } from './who-views.js';

/** A time is told to the second: whoever had the address at any moment of it is meant. */
const SECOND_MS = 999;

const query = z.strictObject({
  address: prefix,
  at: instant.optional().describe('RFC 3339, with Z or an offset; default: now'),
  vrf: z.string().min(1).max(64).optional().describe('only in this VRF'),
  reason: z
    .string()
    .max(1_024)
    .refine((given) => given.trim() !== '', 'must say something')
    .describe('why it is asked, such as the number of a case: kept in the journal'),
});

/** Adds the route. It needs scope `who`, which no other scope includes. */
export function whoRoute(
  app: FastifyInstance,
  deps: Pick<ApiDeps, 'reads' | 'commands' | 'now' | 'reporting' | 'nats'>,
): void {
  app.get<{ Querystring: z.output<typeof query> }>(
    '/api/v1/who',
    {
      config: { scope: 'who' },
      schema: {
        tags: ['who'],
        security: [{ token: [] }],
        operationId: 'who',
        summary: 'Who had an address, or the prefix around it, at a time; the question is kept in the journal',
        querystring: query,
        response: { 200: whoView, '4xx': problemView, '5xx': problemView },
      },
    },
    async (request, reply): Promise<WhoView> => {
      const { address, vrf = null, reason, at: asked } = request.query;
      const now = deps.now();
      const at = Math.floor((asked ?? now) / 1_000) * 1_000;
      const by = commandedNow(request);
      if (at > now) {
        const message = 'is in the future';
        throw new Problem('bad-request', `at: ${message}`, [{ field: 'at', message }]);
      }
      if (vrf !== null && !deps.reads.knowsVrf(by.tenant, vrf)) {
        throw new Problem('unknown-vrf', `no pool, and no NAS that was heard, is in a VRF ${vrf}`);
      }
      outcome(await decide(deps.commands, { ...by, kind: 'who-asked', prefix: address, vrf, at, reason }, reply));
      const nats = deps.nats.filter((pool) => {
        return pool.tenant === by.tenant && (vrf ?? pool.vrf) === pool.vrf && contains(pool.prefix, address);
      });
      const silenceMs = longestPause(deps.reporting);
      const window = { at, until: Math.min(at + SECOND_MS, now), prefix: address, silenceMs };
      const found = deps.reads.who(by.tenant, window, vrf ?? undefined);
      return whoOf(formatPrefix(address), at, found, nats, deps.reads.journalDeletedUntil());
    },
  );
}

function whoOf(
  address: string,
  at: number,
  { possessors, gap }: WhoAnswer,
  nats: ApiDeps['nats'],
  deletedUntil: number | null,
): WhoView {
  // Behind a NAT the address says nothing of whose it was.
  const named = possessors.filter(({ vrf }) => !nats.some((nat) => nat.vrf === vrf));
  return {
    address,
    at: isoTime(at),
    vrfs: [...new Set(named.map(({ vrf }) => vrf))],
    possessors: named.map(possessorOf),
    unobserved: gapOf(gap),
    journal_deleted_until: deletedUntil === null ? null : isoTime(deletedUntil),
    nat: nats.map(({ vrf, name }) => ({ vrf, pool_id: name })),
  };
}

function gapOf(gap: WhoAnswer['gap']): WhoView['unobserved'] {
  return gap === null ? null : { since: isoTime(gap.since), until: isoTime(gap.until) };
}

function possessorOf({ row, vrf, subscriber, pool, session, confidence, gap, journal }: Possessor): PossessorView {
  return {
    vrf,
    address: formatPrefix(row.prefix),
    kind: row.kind,
    subscriber_id: subscriber,
    assignment: row.assignment,
    pool_id: pool,
    session:
      session === null
        ? null
        : {
            id: row.seq,
            session_id: printable(session.sid),
            username: session.username === null ? null : printable(session.username),
            nas: session.nas,
            nas_address: formatAddress(session.nasAddress),
            nas_known_by: session.nasKnown.kind,
            nas_known_as: knownAs(session.nasKnown),
          },
    since: isoTime(row.since),
    until: row.until === null ? null : isoTime(row.until),
    confidence,
    unobserved: gapOf(gap),
    events: journal.map(eventOf),
  };
}
