/** Judges that are wrong on purpose about routed subnets: see bad-judges.ts. */
import { decide } from '../../src/daemon/lifecycle/decide.js';
import type { LifecycleEvent } from '../../src/daemon/lifecycle/events.js';
import { isRoute } from '../../src/daemon/lifecycle/routes.js';
import type { World as Seen } from '../../src/daemon/lifecycle/world.js';
import { isPacket, seenThrough, type Judge } from './bad-judges.js';

/** The world without its subnets where `where` says so: nothing rides on anything. */
function alone(where: (event: LifecycleEvent) => boolean): Judge {
  return (world, event, policy) =>
    decide(where(event) ? seenThrough(world, { subnetsOf: () => [] }) : world, event, policy);
}

/** Sessions do not carry what rides on their addresses. */
export const carriesNothing: Judge = alone(isPacket);

/** What becomes of the parent is of no interest to its subnets. */
export const outlives: Judge = alone((event) => !isPacket(event) && event.kind !== 'allocate');

/** Frees a subnet without a look at the sessions that carry it. */
export const freedWhileCarried: Judge = (world, event, policy) => {
  const witnessesOf: Seen['witnessesOf'] = (id) => {
    const keys = world.witnessesOf(id);
    return world.row('assignment', String(id))?.use === 'routed' ? [] : keys;
  };
  return decide(isPacket(event) ? world : seenThrough(world, { witnessesOf }), event, policy);
};

/** Does not read the routes that a packet shows. */
export const routeless: Judge = (world, event, policy) =>
  decide(
    world,
    isPacket(event) ? { ...event, addresses: event.addresses.filter((one) => !isRoute(one)) } : event,
    policy,
  );
