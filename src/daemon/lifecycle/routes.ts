/** Routes that a packet shows: they may be as wide as somebody has written them (RFC 2865 section 5.22). */
import { contains, samePrefix, unitAt, unitCount, type Prefix } from './address.js';
import type { Draft } from './draft.js';
import type { AccountingEvent, ShownAddress } from './events.js';
import { resolve } from './identity.js';
import type { Nas } from './nas-records.js';
import { poolOf, type Policy } from './policy.js';
import type { SessionAddress } from './records.js';
import { MOST_SUBNETS } from './subnets.js';

/** A route over more units of a pool than this is judged as a whole. */
const MOST_UNITS = 16n;

/** A packet shows at most this many addresses, with the units of its routes. */
const MOST_ADDRESSES = 64;

/** How many holders are looked for in a route: all that a subscriber may have there behind one address, and one more. */
export const MOST_HOLDERS = MOST_SUBNETS + 1;

/** Whether what was shown is a route. */
export function isRoute({ attribute }: Pick<SessionAddress, 'attribute'>): boolean {
  return attribute === 'Framed-Route' || attribute === 'Framed-IPv6-Route';
}

/**
 * A packet whose routes over several units of a pool are one route for each: every unit may be somebody else's. One that is
 * too wide for that stays whole, and beside it is what its subscriber has in it.
 */
export function spread(d: Draft, event: AccountingEvent, nas: Nas, policy: Policy): AccountingEvent {
  if (!event.addresses.some(isRoute)) return event;
  const addresses: ShownAddress[] = [];
  let room = MOST_ADDRESSES - event.addresses.length;
  for (const shown of event.addresses) {
    const units = isRoute(shown) ? unitsOf(shown, nas.vrf, policy) : [];
    const fits = units.length > 1 && units.length - 1 <= room;
    const several = fits ? units : [shown, ...ownWithin(d, event, nas, shown, policy).slice(0, room)];
    room -= several.length - 1;
    for (const one of several) if (!addresses.some((known) => sameRoute(known, one))) addresses.push(one);
  }
  return { ...event, addresses };
}

function sameRoute(a: ShownAddress, b: ShownAddress): boolean {
  return a.attribute === b.attribute && samePrefix(a.prefix, b.prefix);
}

/** Routes to what the subscriber of a packet has within a route over several units of a pool. */
function ownWithin(
  d: Draft,
  event: AccountingEvent,
  nas: Nas,
  shown: ShownAddress,
  policy: Policy,
): readonly ShownAddress[] {
  const { attribute, prefix } = shown;
  const pool = isRoute(shown) ? poolOf(policy, nas.vrf, prefix) : null;
  if (pool === null || prefix.length >= pool.unitLength) return [];
  const subscriber = subscriberOf(d, event, nas);
  const isInside = (one: Prefix): boolean => one.length > prefix.length && contains(prefix, one);
  return d
    .overlapping(nas.vrf, prefix, MOST_HOLDERS)
    .map((id) => d.get('assignment', id))
    .filter((one) => one.subscriber === subscriber && isInside(one.prefix))
    .map((one) => ({ attribute, prefix: one.prefix }));
}

/** Whose packet it is, as far as that is known before it is judged, or null. */
function subscriberOf(d: Draft, event: AccountingEvent, nas: Nas): number | null {
  const id = d.sessionOf(nas.id, event.sid);
  const known = id === null ? null : d.get('session', id);
  if (known?.endedAt === null && known.subscriber !== null) return known.subscriber;
  const [match, ...others] = resolve(d, nas.tenant, event.claims).strong;
  return match === undefined || others.length > 0 ? null : match.subscriber;
}

function unitsOf({ attribute, prefix }: ShownAddress, vrf: number, policy: Policy): ShownAddress[] {
  const pool = poolOf(policy, vrf, prefix);
  if (pool === null || prefix.length >= pool.unitLength || unitCount(prefix, pool.unitLength) > MOST_UNITS) return [];
  const units: ShownAddress[] = [];
  for (let n = 0n; n < MOST_UNITS; n++) {
    const unit = unitAt(prefix, pool.unitLength, n);
    if (unit !== null) units.push({ attribute, prefix: unit });
  }
  return units;
}
