/** The order to renumber: which assignment is meant, and what is handed out beside it. */
import { contains, formatPrefix } from './address.js';
import { watchPool } from './alarms.js';
import { choosePools, chooseUnit } from './choice.js';
import type { Draft } from './draft.js';
import type { AllocateEvent, RenumberEvent } from './events.js';
import { poolFreeKey } from './keys.js';
import type { RenumberOrder } from './order.js';
import { refused, reply, select } from './orders.js';
import type { Policy } from './policy.js';
import type { Assignment, Pool } from './records.js';
import { awaitSession, heirOf, renumberOf, tellSessions } from './renumbering.js';
import { beginTenure } from './tenure.js';
import { isoTime } from './time.js';
import { takeUnit } from './units.js';
import type { Verdict } from './world.js';

/** The one assignment in service that is meant, or why there is none. */
function meant(d: Draft, event: RenumberEvent): Assignment | Verdict {
  const chosen = select(d, event.tenant, event);
  if ('verdict' in chosen) return chosen;
  const going = chosen.filter(({ state }) => state !== 'revoking');
  // A routed subnet keeps its prefix, whatever it rides on, unless it is named.
  const bare = event.prefix === null ? going.filter(({ use }) => use !== 'routed') : [];
  const open = bare.length > 0 ? bare : going;
  const [old] = open;
  if (old === undefined) {
    const [ending] = chosen;
    const name = ending === undefined ? event.subscriber : formatPrefix(ending.prefix);
    return refused('being-revoked', `${name} of ${event.subscriber} is being revoked`);
  }
  for (const one of open) {
    const heir = renumberOf(one) === null ? heirOf(d, one) : one;
    const order = heir === null ? null : renumberOf(heir);
    if (heir === null || order === null) continue;
    const until = `a session has until ${isoTime(order.deadline)} to show it`;
    return refused('already-renumbering', `${formatPrefix(heir.prefix)} is to take its place; ${until}`);
  }
  if (open.length > 1) {
    const names = open.map(({ prefix }) => formatPrefix(prefix)).join(', ');
    return refused('address-required', `${event.subscriber} has ${names}; say which one is renumbered`);
  }
  if (old.state === 'allocated' || old.state === 'active' || old.state === 'suspended') return old;
  return refused('invalid-transition', `${formatPrefix(old.prefix)} is ${old.state} and cannot be renumbered`);
}

/** The pools that may serve it: that of the old one, where nothing else is said. */
function poolsFor(d: Draft, event: RenumberEvent, old: Assignment, policy: Policy): readonly Pool[] | Verdict {
  const { to, receivedAt, tenant, actor, subscriber } = event;
  const own = d.get('pool', old.pool);
  const stays = to === null || contains(own.prefix, to);
  const pool = event.pool ?? (stays ? own.name : null);
  const asked: AllocateEvent = {
    kind: 'allocate',
    ...{ tenant, actor, subscriber, receivedAt, pool, requested: to },
    family: old.family,
    vrf: null,
    use: event.pool === null ? old.use : null,
    username: null,
    usernameBytes: null,
    metadata: null,
  };
  const pools = choosePools(d, asked, policy);
  if ('verdict' in pools) return pools;
  const external = [own, ...pools].find(({ kind }) => kind === 'external');
  if (external !== undefined) {
    return refused('pool-external', `pool ${external.name} is external: the NAS or another server hands it out`);
  }
  const passing = own.kind === 'static' ? pools.find(({ kind }) => kind !== 'static') : undefined;
  if (passing !== undefined && d.subnetsOf(old.id).some(({ state }) => state !== 'revoking')) {
    const ends = `pool ${passing.name} is of kind ${passing.kind} and ends with its session`;
    return refused('pool-mismatch', `${ends}: subnets ride on ${formatPrefix(old.prefix)}`);
  }
  const other = pools.find(({ vrf, use }) => vrf !== old.vrf || use !== old.use);
  if (other === undefined) return pools;
  const what = other.vrf === old.vrf ? `is for ${other.use}, not for ${old.use}` : 'is of another VRF';
  return refused('pool-mismatch', `pool ${other.name} ${what}`);
}

/** A window may begin so long ago, milliseconds: the clock of who orders it is not ours. */
const CLOCK_SLACK_MS = 60_000;

function orderOf(event: RenumberEvent, policy: Policy): RenumberOrder | Verdict {
  const { when, reason, actor, receivedAt: now } = event;
  if ((when === 'window') !== (event.at !== null)) {
    return refused('bad-deadline', 'a window, and only a window, has a time at which it begins');
  }
  const at = when === 'now' ? now : event.at;
  if (at !== null && at < now - CLOCK_SLACK_MS) {
    return refused('time-is-over', `the window was to begin at ${isoTime(at)}: it is ${isoTime(now)}`);
  }
  const deadline = event.deadline ?? Math.max(now, at ?? now) + policy.renumberTimeoutMs;
  if (deadline <= now || (at !== null && deadline <= at)) {
    return refused('bad-deadline', `the deadline ${isoTime(deadline)} leaves no time for a session to come`);
  }
  return { when, at, told: false, deadline, reason, actor, outcome: null, endedAt: null };
}

/** Renumbers: another assignment is ALLOCATED beside the one in service, which stays until a session shows the new one. */
export function renumber(d: Draft, event: RenumberEvent, policy: Policy): Verdict {
  const old = meant(d, event);
  if ('verdict' in old) return old;
  const order = orderOf(event, policy);
  if ('verdict' in order) return order;
  const pools = poolsFor(d, event, old, policy);
  if ('verdict' in pools) return pools;
  const now = event.receivedAt;
  // What he had before he was once renumbered is no substitute: only what is asked for by address may be his own.
  const chosen = chooseUnit(
    d,
    pools,
    { requested: event.to, receivedAt: now },
    event.to === null ? null : old.subscriber,
    policy,
  );
  if ('verdict' in chosen) return chosen;
  const { pool, unit, next } = chosen;
  // Whoever may be on it still would look as if he had come.
  if ((d.find('poolFree', poolFreeKey(pool.id, unit))?.doubted ?? []).length > 0) {
    return refused('address-quarantined', `${formatPrefix(unit)} is quarantined: a session may have it still`);
  }
  takeUnit(d, pool, unit, next);
  watchPool(d, pool.id, 1, now);
  const { actor, reason } = event;
  const heir = beginTenure(
    d,
    pool,
    {
      subscriber: old.subscriber,
      unit,
      provenance: 'allocated',
      confidence: 'authorised',
      metadata: old.metadata,
      actor,
      code: 'renumber',
      parent: old.parent,
      supersedes: old.id,
      renumber: order,
    },
    now,
  );
  const { when, deadline } = order;
  const at = order.at === null ? {} : { at: isoTime(order.at) };
  d.note({
    at: now,
    kind: 'renumber-ordered',
    tenant: heir.tenant,
    actor,
    subscriber: heir.subscriber,
    assignment: heir.id,
    pool: pool.id,
    vrf: heir.vrf,
    prefix: unit,
    code: when,
    detail: { supersedes: formatPrefix(old.prefix), ...at, deadline: isoTime(deadline), reason },
  });
  const isDue = order.at !== null && order.at <= now;
  const batch = isDue ? tellSessions(d, heir, order, now, policy) : null;
  if (!isDue) awaitSession(d, heir, order);
  const code = batch === null ? null : 'awaiting-approval';
  return { verdict: 'applied', code, detail: null, reply: reply(d, [old.id, heir.id], batch) };
}
