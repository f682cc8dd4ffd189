/** The order to renumber: its body, and the command that it becomes. */
import { z } from 'zod';
import type { Command } from '../command.js';
import type { Family } from '../lifecycle/address.js';
import { parseIsoTime } from '../lifecycle/time.js';
import type { Commanded } from './commanded.js';
import { family6, fitting, notServed, poolName, prefix, reasonText, subscriberId } from './order.js';
import { Problem } from './problem.js';

const instant = z.string().transform((given, context): number => {
  const ms = parseIsoTime(given);
  if (ms !== null) return ms;
  context.addIssue({ code: 'custom', message: 'must be a time in UTC like 2026-11-22T05:40:00Z' });
  return z.NEVER;
});

const renumber = {
  subscriber_id: subscriberId,
  address: prefix.nullish().describe('the old one; required where the subscriber has several of the family'),
  to: prefix.nullish().describe('the new one; left out: the next of the pool'),
  pool_id: poolName.nullish().describe('left out: the pool of the old one'),
  when: z
    .enum(['next_session', 'now', 'window'])
    .nullish()
    .describe('default next_session; now disconnects the sessions on the old address, window does it at `at`'),
  at: instant.nullish().describe('when a window begins; required with window'),
  deadline: instant
    .nullish()
    .describe('until when a session has to show the new address; default lifecycle.renumber_timeout from then on'),
  reason: reasonText.nullish(),
  update_netbox: notServed('update_netbox'),
};

/** The body, for IPv4 (which has one family) and for IPv6 (where `family` is required). */
export const renumberBodies = {
  ipv4: z.strictObject(renumber).transform((body) => ({ ...body, family: 'ipv4' as Family })),
  ipv6: z.strictObject({ ...family6, ...renumber }).transform((body) => ({ ...body, family: body.family as Family })),
} as const;

type RenumberBody = z.output<typeof renumberBodies.ipv4>;

/** @throws Problem `bad-request` for a window without a time, and for a time without a window */
export function renumberCommand(body: RenumberBody, by: Commanded): Command {
  const when = body.when ?? 'next_session';
  const at = body.at ?? null;
  if ((when === 'window') !== (at !== null)) {
    const message = when === 'window' ? 'is required with window' : 'stands with window only';
    throw new Problem('bad-request', `at: ${message}`, [{ field: 'at', message }]);
  }
  return {
    kind: 'renumber',
    ...by,
    subscriber: body.subscriber_id,
    family: body.family,
    prefix: fitting('address', body.address, body.family),
    to: fitting('to', body.to, body.family),
    pool: body.pool_id ?? null,
    when,
    at,
    deadline: body.deadline ?? null,
    reason: body.reason ?? 'no reason given',
  };
}
