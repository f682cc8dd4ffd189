/** Suspend and reactivate: their body, and the command that it becomes. */
import { z } from 'zod';
import type { Command } from '../command.js';
import type { Family } from '../lifecycle/address.js';
import type { Commanded } from './commanded.js';
import { family6, notServed, reasonText, subscriberId } from './order.js';

const service = {
  subscriber_id: subscriberId.describe('he is suspended or reactivated with all that he holds, of every family'),
  reason: reasonText.nullish(),
  send_coa: z.boolean().nullish().describe('default true: each open session is told by CoA what has become of it'),
  send_disconnect: z
    .boolean()
    .nullish()
    .describe('default false; true disconnects a session where the config has nothing that a CoA could say'),
  update_netbox: notServed('update_netbox'),
  nas_ip: notServed('nas_ip'),
};

/** The body, for IPv4 (which has one family) and for IPv6 (where `family` is required). */
export const serviceBodies = {
  ipv4: z.strictObject(service).transform((body) => ({ ...body, family: 'ipv4' as Family })),
  ipv6: z.strictObject({ ...family6, ...service }).transform((body) => ({ ...body, family: body.family as Family })),
} as const;

type ServiceBody = z.output<typeof serviceBodies.ipv4>;

/** The family says only what the subscriber must hold something of. */
export function serviceCommand(kind: 'suspend' | 'reactivate', body: ServiceBody, by: Commanded): Command {
  return {
    kind,
    ...by,
    subscriber: body.subscriber_id,
    family: body.family,
    reason: body.reason ?? 'no reason given',
    sendCoa: body.send_coa ?? true,
    sendDisconnect: body.send_disconnect ?? false,
  };
}
