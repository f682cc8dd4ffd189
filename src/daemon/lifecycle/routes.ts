/** Routes that a packet shows: they may be as wide as somebody has written them (RFC 2865 section 5.22). */
import { unitAt, unitCount } from './address.js';
import type { AccountingEvent, ShownAddress } from './events.js';
import { poolOf, type Policy } from './policy.js';
import type { SessionAddress } from './records.js';

/** A route over more units of a pool than this is judged as a whole. */
const MOST_UNITS = 16n;

/** A packet shows at most this many addresses, with the units of its routes. */
const MOST_ADDRESSES = 64;

/** Whether what was shown is a route. */
export function isRoute({ attribute }: Pick<SessionAddress, 'attribute'>): boolean {
  return attribute === 'Framed-Route' || attribute === 'Framed-IPv6-Route';
}

/** A packet whose routes over several units of a pool are one route for each: every unit may be somebody else's. */
export function spread(event: AccountingEvent, vrf: number, policy: Policy): AccountingEvent {
  if (!event.addresses.some(isRoute)) return event;
  const addresses: ShownAddress[] = [];
  let room = MOST_ADDRESSES - event.addresses.length;
  for (const shown of event.addresses) {
    const units = isRoute(shown) ? unitsOf(shown, vrf, policy) : [];
    room -= Math.max(0, units.length - 1);
    addresses.push(...(units.length > 1 && room >= 0 ? units : [shown]));
  }
  return { ...event, addresses };
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
