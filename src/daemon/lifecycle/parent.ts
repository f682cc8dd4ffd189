/** The parent of a routed subnet that is allocated: which assignment is meant, and whether one may ride on it. */
import { formatPrefix, samePrefix, width } from './address.js';
import type { Draft } from './draft.js';
import type { AllocateEvent } from './events.js';
import type { Assignment, Pool } from './records.js';
import { heirOf, renumberOf } from './renumbering.js';
import type { Verdict } from './world.js';

function refused(code: string, detail: string): Verdict {
  return { verdict: 'refused', code, detail, reply: null };
}

const SERVED: ReadonlySet<Assignment['state']> = new Set(['allocated', 'active', 'suspended']);

/** Whether a subnet of a VRF can ride on an assignment. That of a dynamic pool ends with its session, and not by order. */
function carries(d: Draft, one: Assignment, space: number): boolean {
  const fits = one.use !== 'routed' && one.vrf === space && passing(d, one) === null;
  return fits && SERVED.has(one.state) && renumberOf(one) === null;
}

/** The pool of an assignment, or of what is to take its place, where that ends with its session; else null. */
function passing(d: Draft, one: Assignment): Pool | null {
  const pools = [one, heirOf(d, one)].map((of) => (of === null ? null : d.get('pool', of.pool)));
  return pools.find((pool) => pool !== null && pool.kind !== 'static') ?? null;
}

/**
 * The assignment that an allocation names as parent, null where it names none, or why it cannot be one. `known` is the
 * subscriber, if there is one yet.
 */
export function parentOf(
  d: Draft,
  { parent, tenant, subscriber }: AllocateEvent,
  pools: readonly Pool[],
  known: number | null,
): Assignment | null | Verdict {
  if (parent === undefined || parent === null) return null;
  const other = pools.find(({ use }) => use !== 'routed');
  if (other !== undefined) {
    return refused('not-routed', `pool ${other.name} is for ${other.use}: only routed subnets have a parent`);
  }
  const space = pools[0]?.vrf ?? 0;
  const his = known === null ? [] : d.openAssignments(known).map((id) => d.get('assignment', id));
  switch (parent.by) {
    case 'subscriber':
      return only(d, his, pools, subscriber);
    case 'prefix': {
      const { prefix } = parent;
      const named = his.filter((one) => samePrefix(one.prefix, prefix));
      const found = named.find(({ vrf }) => vrf === space) ?? named[0];
      if (found !== undefined) return checked(d, found, known, subscriber, space);
      return refused('unknown-parent', `subscriber ${subscriber} does not have ${formatPrefix(prefix)}`);
    }
    case 'id': {
      const found = d.find('assignment', String(parent.id));
      if (found?.tenant === tenant) return checked(d, found, known, subscriber, space);
      return refused('unknown-parent', `there is no assignment ${String(parent.id)}`);
    }
  }
}

function checked(
  d: Draft,
  parent: Assignment,
  known: number | null,
  subscriber: string,
  space: number,
): Assignment | Verdict {
  const name = `assignment ${String(parent.id)} (${formatPrefix(parent.prefix)})`;
  if (parent.subscriber !== known) {
    return refused(
      'parent-mismatch',
      `${name} is of ${d.get('subscriber', parent.subscriber).name}, not ${subscriber}`,
    );
  }
  if (!SERVED.has(parent.state)) return refused('parent-ended', `${name} is ${parent.state}`);
  if (parent.use === 'routed') return refused('parent-mismatch', `${name} is a routed subnet itself`);
  if (parent.vrf !== space) return refused('parent-mismatch', `${name} is of another VRF`);
  if (carries(d, parent, space)) return parent;
  const pool = passing(d, parent);
  const what = pool?.id === parent.pool ? 'is of' : 'is to be renumbered into';
  return refused(
    'parent-mismatch',
    pool === null
      ? `${name} is to take the place of another one, and no session has shown it yet`
      : `${name} ${what} a pool of kind ${pool.kind} and ends with its session: allocate the subnet without a parent`,
  );
}

/**
 * What a routed subnet rides on that its subscriber takes back: its parent, or what he has on the address of that by now;
 * null where it stands by itself. Refused where that is ending, too, as it comes back with it.
 */
export function stillOn(d: Draft, { parent, subscriber }: Assignment): Assignment | null | Verdict {
  if (parent === null) return null;
  const old = d.get('assignment', parent);
  const his = d.openAssignments(subscriber).map((id) => d.get('assignment', id));
  const now = [old, ...his].find((a) => SERVED.has(a.state) && a.vrf === old.vrf && samePrefix(a.prefix, old.prefix));
  if (now !== undefined) return now;
  const name = formatPrefix(old.prefix);
  if (old.state !== 'revoking')
    return refused('parent-ended', `${name}, on which it rode, is ${old.state}: name a parent`);
  return refused('parent-ended', `it comes back with ${name}, on which it rides: reclaim that`);
}

/** The only assignment of a subscriber that can be the parent; one of the subnet's own IP version before others. */
function only(d: Draft, his: readonly Assignment[], pools: readonly Pool[], subscriber: string): Assignment | Verdict {
  const [pool] = pools;
  const fitting = his.filter((one) => carries(d, one, pool?.vrf ?? 0));
  const own = fitting.filter(({ prefix }) => pool !== undefined && width(prefix) === width(pool.prefix));
  const [parent, ...others] = own.length > 0 ? own : fitting;
  if (parent === undefined) return refused('unknown-parent', `${subscriber} has nothing that the subnet can ride on`);
  if (others.length === 0) return parent;
  const names = [parent, ...others].map(({ id, prefix }) => `${formatPrefix(prefix)} (${String(id)})`).join(', ');
  return refused('parent-required', `${subscriber} has ${names}; say which one is the parent`);
}
