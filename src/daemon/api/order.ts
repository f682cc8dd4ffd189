/** Orders: the bodies of allocate, activate and revoke, and the commands that they become. */
import { z } from 'zod';
import { parseAddress, readPrefix } from '../address-text.js';
import type { Command, CommandResult } from '../command.js';
import { formatAddress, width, type Family, type Prefix } from '../lifecycle/address.js';
import type { ParentChoice } from '../lifecycle/events.js';
import { outcome, type Commanded } from './commanded.js';
import { orderView, type OrderView } from './order-views.js';
import { Problem } from './problem.js';
import { NOT_SERVED } from './validation.js';

const MOST_METADATA = 16_384;
/** RFC 2865 section 5.1: an attribute's value has at most 253 octets. */
const MOST_USERNAME = 253;
/** More than the longest text of a prefix: what is longer is none, and is not repeated whole. */
export const LONGEST_PREFIX = 64;
const WITHOUT_CONTROLS = /^[^\p{Cc}]*$/u;

/** A subscriber's name: opaque text. A client's URL would swallow a path segment of dots alone. */
export const subscriberId = z
  .string()
  .min(1)
  .max(256)
  .regex(WITHOUT_CONTROLS, 'must not hold control characters')
  .refine((given) => given !== '.' && given !== '..', 'must not be a dot or two')
  .describe("the caller's own name of the subscriber, opaque");

/** The name of a pool, a VRF or an entry. */
export const poolName = z.string().min(1).max(64);

export const prefix = z.string().transform((given, context): Prefix => {
  const reading = readPrefix(given.slice(0, LONGEST_PREFIX));
  if ('prefix' in reading) return reading.prefix;
  context.addIssue({ code: 'custom', message: reading.fault });
  return z.NEVER;
});

function octetsOf(text: string): number {
  return new TextEncoder().encode(text).length;
}

/** A field of the seed's orders that asks for what this version cannot do. */
export function notServed(field: string) {
  return z.union([z.literal(false), z.null()], { error: NOT_SERVED[field] ?? 'is not served' }).optional();
}

const inherited = {
  send_coa: notServed('send_coa'),
  update_netbox: notServed('update_netbox'),
  nas_ip: notServed('nas_ip'),
};

const nasAddress = z.string().transform((given, context): string => {
  const bytes = parseAddress(given.slice(0, LONGEST_PREFIX));
  if (bytes !== null) return formatAddress(bytes);
  context.addIssue({ code: 'custom', message: 'must be an IPv4 or IPv6 address' });
  return z.NEVER;
});

const PARENT = 'must be `subscriber`, the number of an assignment, or an address or prefix';

/** What a routed subnet rides on: an assignment's number, an address or prefix of the subscriber, or `subscriber`. */
const parent = z
  .union([z.number().int().positive(), z.string()], { error: PARENT })
  .transform((given, context): ParentChoice => {
    if (typeof given === 'number') return { by: 'id', id: given };
    if (given === 'subscriber') return { by: 'subscriber' };
    const reading = readPrefix(given.slice(0, LONGEST_PREFIX));
    if ('prefix' in reading) return { by: 'prefix', prefix: reading.prefix };
    context.addIssue({
      code: 'custom',
      message: `${PARENT}: ${reading.fault}`,
    });
    return z.NEVER;
  });

const allocate = {
  subscriber_id: subscriberId,
  pool_id: poolName.nullish().describe('left out: the first pool of the config that fits and has something left'),
  vrf: poolName
    .nullish()
    .describe('the VRF of the address; left out: that of the NAS, else global where a pool of it fits'),
  use: z
    .enum(['address', 'wan-prefix', 'delegated', 'routed'])
    .nullish()
    .describe('what it is for; routed subnets are handed out only where this, parent or pool_id says so'),
  parent: parent
    .nullish()
    .describe(
      'what a routed subnet rides on: the number of an assignment, its address, or `subscriber`: the only one that fits',
    ),
  nas: poolName.nullish().describe('the name of the entry of radius.nas at which the subscriber is'),
  requested_address: prefix.nullish().describe('a particular address or prefix of the pool'),
  username: z
    .string()
    .min(1)
    .regex(WITHOUT_CONTROLS, 'must not hold control characters')
    .refine((given) => octetsOf(given) <= MOST_USERNAME, `must be at most ${String(MOST_USERNAME)} octets`)
    .nullish()
    .describe('the User-Name by which the sessions of the subscriber are known'),
  reclaim: z
    .boolean()
    .nullish()
    .describe('default false; true takes back, without quarantine, what is being revoked from this subscriber'),
  metadata: z
    .record(z.string(), z.unknown())
    .refine(
      (given) => octetsOf(JSON.stringify(given)) <= MOST_METADATA,
      `must be at most ${String(MOST_METADATA)} octets`,
    )
    .nullish()
    .describe("the caller's own, kept as it came"),
  ...inherited,
  nas_ip: nasAddress.nullish().describe('the address of the NAS at which the subscriber is; not with nas'),
};

const selection = {
  subscriber_id: subscriberId,
  address: prefix.nullish().describe('only this address or prefix of the subscriber'),
  ...inherited,
};

/** Why somebody orders something, in his own words. */
export const reasonText = z.string().max(256).regex(WITHOUT_CONTROLS, 'must not hold control characters');

const revoke = {
  ...selection,
  reason: reasonText.nullish(),
  send_disconnect: z.boolean().nullish().describe('default true'),
  release_to_pool: z.boolean().nullish().describe('default true; false keeps the address reserved'),
  force: z
    .boolean()
    .nullish()
    .describe('default false; true ends a termination that is stuck, without evidence: scope admin, with a reason'),
};

/** What the bodies of IPv6 begin with. */
export const family6 = { family: z.enum(['ipv6', 'ipv6-pd']) };

/** The bodies, for IPv4 (which has one family) and for IPv6 (where `family` is required). */
export const bodies = {
  ipv4: {
    allocate: z.strictObject(allocate).transform((body) => ({ ...body, family: 'ipv4' as Family })),
    activate: z.strictObject(selection).transform((body) => ({ ...body, family: 'ipv4' as Family })),
    revoke: z.strictObject(revoke).transform((body) => ({ ...body, family: 'ipv4' as Family })),
  },
  ipv6: {
    allocate: z
      .strictObject({ ...family6, ...allocate })
      .transform((body) => ({ ...body, family: body.family as Family })),
    activate: z
      .strictObject({ ...family6, ...selection })
      .transform((body) => ({ ...body, family: body.family as Family })),
    revoke: z.strictObject({ ...family6, ...revoke }).transform((body) => ({ ...body, family: body.family as Family })),
  },
} as const;

type AllocateBody = z.output<typeof bodies.ipv4.allocate>;
type SelectionBody = z.output<typeof bodies.ipv4.activate>;
type RevokeBody = z.output<typeof bodies.ipv4.revoke>;

/** An address of the other kind can be none of the family's: said at once, and of the field that is wrong. */
export function fitting(field: string, given: Prefix | null | undefined, family: Family): Prefix | null {
  if (given === null || given === undefined) return null;
  const v4 = family === 'ipv4';
  if ((width(given) === 32) === v4) return given;
  const message = `must be an ${v4 ? 'IPv4' : 'IPv6'} address or prefix`;
  throw new Problem('bad-request', `${field}: ${message}`, [{ field, message }]);
}

function nasOf({ nas, nas_ip: address }: AllocateBody): string | null {
  if (typeof nas !== 'string' || typeof address !== 'string') return nas ?? address ?? null;
  const message = 'must not stand beside nas';
  throw new Problem('bad-request', `nas_ip: ${message}`, [{ field: 'nas_ip', message }]);
}

export function allocateCommand(body: AllocateBody, by: Commanded): Command {
  return {
    kind: 'allocate',
    ...by,
    subscriber: body.subscriber_id,
    family: body.family,
    pool: body.pool_id ?? null,
    vrf: body.vrf ?? null,
    use: body.use ?? null,
    nas: nasOf(body),
    requested: fitting('requested_address', body.requested_address, body.family),
    username: body.username ?? null,
    ...(body.reclaim === true ? { reclaim: true } : {}),
    ...(body.parent === null || body.parent === undefined ? {} : { parent: body.parent }),
    metadata: body.metadata === null || body.metadata === undefined ? null : JSON.stringify(body.metadata),
  };
}

export function activateCommand(body: SelectionBody, by: Commanded): Command {
  return {
    kind: 'activate',
    ...by,
    subscriber: body.subscriber_id,
    family: body.family,
    prefix: fitting('address', body.address, body.family),
  };
}

/** @throws Problem `bad-request` for force without a reason */
export function revokeCommand(body: RevokeBody, by: Commanded): Command {
  if (body.force === true && (body.reason ?? '').trim() === '') {
    const message = 'is required with force';
    throw new Problem('bad-request', `reason: ${message}`, [{ field: 'reason', message }]);
  }
  return {
    kind: 'revoke',
    ...by,
    subscriber: body.subscriber_id,
    family: body.family,
    prefix: fitting('address', body.address, body.family),
    reason: body.reason ?? 'no reason given',
    sendDisconnect: body.send_disconnect ?? true,
    releaseToPool: body.release_to_pool ?? true,
    ...(body.force === true ? { force: true } : {}),
  };
}

/**
 * What the door decided, as an answer.
 * @throws Problem where the order was refused or met a fault
 */
export function answered(result: CommandResult): OrderView {
  const read = orderView.safeParse(outcome(result));
  if (read.success) return read.data;
  throw new Problem('internal-fault', 'the order was carried out, but its answer cannot be shown: read the subscriber');
}

/** HTTP status of an answer: 201 for what is new, 202 while a termination runs, or an order waits for approval. */
export function statusOf(kind: Command['kind'], answer: OrderView): 200 | 201 | 202 {
  if (kind === 'allocate') return answer.verdict === 'applied' ? 201 : 200;
  if (kind === 'activate') return 200;
  if (kind === 'renumber') return 202;
  if (kind === 'suspend' || kind === 'reactivate') return answer.batch === null ? 200 : 202;
  return answer.assignments.every(({ lifecycle_state: state }) => state === 'revoked') ? 200 : 202;
}
