/** What operators and provisioning systems order: allocate, activate, revoke. */
import { formatPrefix, samePrefix } from './address.js';
import { watchPool } from './alarms.js';
import type { Approval } from './brake.js';
import { freezeOf, frozenBy } from './braking.js';
import { choosePools, chooseUnit } from './choice.js';
import { carryOn, carryOpen } from './carriage.js';
import type { Draft } from './draft.js';
import type { ActivateEvent, AllocateEvent, RevokeEvent, Selection } from './events.js';
import { barred, seenUntil } from './evidence.js';
import { admits, guardOfActor, holdBack, mark } from './guard.js';
import { record, TENANT_SCOPE } from './identity.js';
import { printable } from './octets.js';
import { parentOf, stillOn } from './parent.js';
import { offerTimeoutOf, type Policy } from './policy.js';
import type { Assignment, Subscriber } from './records.js';
import { validateLifecycleTransition } from './state.js';
import { reclaim, rivalOf } from './reclaim.js';
import { MOST_SUBNETS, withSubnets } from './subnets.js';
import { beginTenure, dropApproval, free, recheck } from './tenure.js';
import { heldByRestore } from './restored.js';
import { newSubscriber } from './subscriber.js';
import { beginRevoke, orderAgain } from './termination.js';
import { isoTime } from './time.js';
import { intoService } from './transition.js';
import { mayBegin, takeUnit } from './units.js';
import type { Verdict } from './world.js';

/** An assignment as a caller is told of it: JSON, times in Unix milliseconds. */
export interface AssignmentReply {
  readonly id: number;
  readonly subscriber_id: string;
  readonly pool_id: string;
  readonly family: string;
  readonly address: string;
  readonly lifecycle_state: string;
  readonly generation: number;
  readonly stuck: string | null;
}

/** What a caller is told of assignments. `batch`: what was ordered waits in it for approval. */
export function reply(
  d: Draft,
  ids: readonly number[],
  batch: number | null = null,
): { batch: number | null; assignments: readonly AssignmentReply[] } {
  const frozen = freezeOf(d);
  return {
    batch,
    assignments: ids.map((id) => {
      const row = d.get('assignment', id);
      return {
        id,
        subscriber_id: d.get('subscriber', row.subscriber).name,
        pool_id: d.get('pool', row.pool).name,
        family: row.family,
        address: formatPrefix(row.prefix),
        lifecycle_state: row.state,
        generation: row.generation,
        stuck: row.state === 'revoking' && frozen !== null ? frozenBy(frozen) : row.stuck,
      };
    }),
  };
}

/** An order that is not carried out, and why. */
export function refused(code: string, detail: string): Verdict {
  return { verdict: 'refused', code, detail, reply: null };
}

/** The subscriber of a name, who is made where there is none. */
export function subscriberRow(d: Draft, tenant: string, name: string, now: number): Subscriber {
  const id = d.subscriberNamed(tenant, name);
  if (id !== null) return d.get('subscriber', id);
  return d.put('subscriber', newSubscriber(d.nextId('subscriber'), tenant, name, now));
}

/** Allocates: PENDING -> ALLOCATED in one decision. Repeating it for a subscriber that holds one is a duplicate. */
export function allocate(d: Draft, event: AllocateEvent, policy: Policy): Verdict {
  const now = event.receivedAt;
  const rides = event.parent !== undefined && event.parent !== null;
  const pools = choosePools(d, rides ? { ...event, use: event.use ?? 'routed' } : event, policy);
  if ('verdict' in pools) return pools;
  const known = d.subscriberNamed(event.tenant, event.subscriber);
  const parent = parentOf(d, event, pools, known);
  if (parent !== null && 'verdict' in parent) return parent;
  let ending: Assignment | null = null;
  if (known !== null) {
    const all = d
      .openAssignments(known)
      .map((id) => d.get('assignment', id))
      .filter(
        (a) =>
          pools.some(({ id }) => id === a.pool) &&
          (event.requested === null || samePrefix(a.prefix, event.requested)) &&
          (parent === null || a.parent === parent.id || (a.state === 'revoking' && event.reclaim === true)),
      );
    const held = all.find(({ state }) => state !== 'revoking') ?? all[0];
    if (held?.state === 'revoking' && event.reclaim === true) ending = held;
    else if (held?.state === 'revoking') {
      return refused('being-revoked', `${formatPrefix(held.prefix)} of ${event.subscriber} is still being revoked`);
    } else if (held !== undefined) {
      return { verdict: 'duplicate', code: 'already-allocated', detail: null, reply: reply(d, [held.id]) };
    }
  }
  const { usernameBytes } = event;
  const owner = usernameBytes === null ? null : d.subscriberOf(event.tenant, 'username', TENANT_SCOPE, usernameBytes);
  if (owner !== null && owner !== known) {
    const other = d.get('subscriber', owner).name;
    return refused('identity-taken', `User-Name ${event.username ?? ''} belongs to subscriber ${other}`);
  }
  const own = ending === null ? null : d.get('pool', ending.pool);
  if (ending !== null && own !== null && !mayBegin(own, ending.prefix)) {
    return refused('not-in-pool', `${formatPrefix(ending.prefix)} is nothing that pool ${own.name} hands out any more`);
  }
  const { actor, metadata } = event;
  const beginning = { provenance: 'allocated', confidence: 'authorised', metadata, actor, code: 'allocate' } as const;
  const rode = parent ?? (ending === null ? null : stillOn(d, ending));
  if (rode !== null && 'verdict' in rode) return rode;
  if (rode !== null && ending?.parent !== rode.id && d.subnetsOf(rode.id).length >= MOST_SUBNETS) {
    const detail = `${String(MOST_SUBNETS)} subnets ride on ${formatPrefix(rode.prefix)} already`;
    return refused('too-many-subnets', detail);
  }
  const restored = ending === null ? null : heldByRestore(d, now, policy);
  if (restored !== null) return restored;
  const rival = ending === null ? null : rivalOf(d, ending);
  if (ending !== null && rival !== null) {
    const detail = `session ${printable(rival.sid)} contests ${formatPrefix(ending.prefix)}`;
    return refused('address-contested', detail);
  }
  if (ending !== null) {
    if (usernameBytes !== null && owner === null) {
      const claim = { type: 'username', scope: TENANT_SCOPE, bytes: usernameBytes } as const;
      record(d, ending.subscriber, claim, 'configured', now);
    }
    const { id, state } = reclaim(d, ending, { ...beginning, parent: rode?.id ?? null }, now);
    if (state === 'allocated' && d.get('pool', ending.pool).kind !== 'static') {
      recheck(d, d.get('assignment', id), now + offerTimeoutOf(policy, ending.pool));
    }
    const back = [id, ...d.subnetsOf(id).map((subnet) => subnet.id)];
    return { verdict: 'applied', code: 'reclaimed', detail: null, reply: reply(d, back) };
  }
  const external = pools.find(({ kind }) => kind === 'external');
  if (external !== undefined) {
    return refused('pool-external', `pool ${external.name} is external: the NAS or another server hands it out`);
  }
  const chosen = chooseUnit(d, pools, event, known, policy);
  if ('verdict' in chosen) return chosen;
  const { pool, unit } = chosen;
  const subscriber = subscriberRow(d, event.tenant, event.subscriber, now);
  if (usernameBytes !== null && owner === null) {
    const identity = { type: 'username', scope: TENANT_SCOPE, bytes: usernameBytes } as const;
    record(d, subscriber.id, identity, 'configured', now);
  }
  const doubted = takeUnit(d, pool, unit, chosen.next);
  watchPool(d, pool.id, 1, now);
  const assignment = beginTenure(
    d,
    pool,
    { ...beginning, subscriber: subscriber.id, unit, parent: parent?.id ?? null },
    now,
  );
  carryOn(d, assignment, doubted, now);
  if (pool.kind === 'dynamic') recheck(d, assignment, now + offerTimeoutOf(policy, pool.id));
  return { verdict: 'applied', code: null, detail: null, reply: reply(d, [assignment.id]) };
}

/** The assignments that an order means, or why there are none. */
export function select(d: Draft, tenant: string, selection: Selection): Assignment[] | Verdict {
  const subscriber = d.subscriberNamed(tenant, selection.subscriber);
  if (subscriber === null) return refused('unknown-subscriber', `there is no subscriber ${selection.subscriber}`);
  const { family, prefix } = selection;
  const chosen = d
    .openAssignments(subscriber)
    .map((id) => d.get('assignment', id))
    .filter((a) => (family === null || a.family === family) && (prefix === null || samePrefix(a.prefix, prefix)));
  if (chosen.length > 0) return chosen;
  const what = prefix === null ? (family ?? 'assignment') : formatPrefix(prefix);
  return refused('no-assignment', `subscriber ${selection.subscriber} has no open ${what}`);
}

const UNSEEN: ReadonlySet<Assignment['state']> = new Set(['allocated']);
const ENDING: ReadonlySet<Assignment['state']> = new Set(['revoking']);
const REVOCABLE: ReadonlySet<Assignment['state']> = new Set(['allocated', 'active', 'suspended', 'revoking']);

/** Puts ALLOCATED assignments into service by order, before any session shows them, and the subnets that ride on them. */
export function activate(d: Draft, event: ActivateEvent): Verdict {
  const named = select(d, event.tenant, event);
  if ('verdict' in named) return named;
  const chosen = withSubnets(d, named, UNSEEN);
  const wrong = chosen.find((a) => a.state !== 'allocated' && a.state !== 'active');
  if (wrong !== undefined) {
    return refused('invalid-transition', `${formatPrefix(wrong.prefix)} is ${wrong.state} and cannot become active`);
  }
  const fresh = chosen.filter((a) => a.state === 'allocated');
  const why = { at: event.receivedAt, actor: event.actor, code: 'activate' };
  for (const { id } of fresh) intoService(d, d.get('assignment', id), why);
  // What was in service by one session may have been brought to another since.
  for (const { id } of chosen) carryOpen(d, d.get('assignment', id), event.receivedAt);
  return {
    verdict: fresh.length > 0 ? 'applied' : 'duplicate',
    code: fresh.length > 0 ? null : 'already-active',
    detail: null,
    reply: reply(
      d,
      chosen.map((a) => a.id),
    ),
  };
}

/** Ends terminations that no evidence ends. Not where somebody was there lately: it would be given to two. */
function force(d: Draft, event: RevokeEvent, chosen: readonly Assignment[], policy: Policy): Verdict {
  const { actor, reason, receivedAt: now } = event;
  const freeze = freezeOf(d);
  if (freeze !== null) return refused('frozen', frozenBy(freeze));
  const behind = barred(d, now, now, policy);
  if (behind !== null) return refused('clock-behind', behind.because);
  for (const assignment of chosen) {
    const name = formatPrefix(assignment.prefix);
    if (assignment.state !== 'revoking') {
      return refused('not-revoking', `${name} is ${assignment.state}: revoke it first, force ends what is stuck`);
    }
    const until = seenUntil(d, assignment, now, policy);
    if (until !== null) {
      const when = `it may be ended by force not before ${isoTime(until)}, counted in time in which its NAS is heard`;
      return refused('seen-lately', `a session was seen on ${name} within two interim intervals; ${when}`);
    }
  }
  for (const { id } of chosen) {
    free(d, d.get('assignment', id), { kind: 'operator', detail: `${actor}: ${reason}` }, now, policy);
  }
  const ids = chosen.map(({ id }) => id);
  return { verdict: 'applied', code: 'forced', detail: null, reply: reply(d, ids) };
}

/** Begins the termination of every assignment that is meant, and of the subnets that ride on them. */
export function revoke(d: Draft, event: RevokeEvent, policy: Policy): Verdict {
  const named = select(d, event.tenant, event);
  if ('verdict' in named) return named;
  if (event.force === true) return force(d, event, withSubnets(d, named, ENDING), policy);
  const chosen = withSubnets(d, named, REVOCABLE);
  const wrong = chosen.find((a) => a.state !== 'revoking' && !validateLifecycleTransition(a.state, 'revoking'));
  if (wrong !== undefined) {
    return refused('invalid-transition', `${formatPrefix(wrong.prefix)} is ${wrong.state} and cannot be revoked`);
  }
  const { reason, actor, sendDisconnect, releaseToPool, receivedAt: now } = event;
  const order = { reason, actor, sendDisconnect, releaseToPool };
  const guarded = guardOfActor(d, event.tenant, actor);
  const waits = (a: Assignment): Approval | null => d.find('approval', String(a.id));
  // What another token ordered and was held back is this one's own order, and judged as such.
  const isOwn = ({ batch }: Approval): boolean => d.get('batch', String(batch)).scope === guarded.scope;
  const unbegun = chosen.filter(({ state }) => state !== 'revoking');
  const waiting = unbegun.flatMap((a) => waits(a) ?? []);
  let fresh = unbegun.filter((a) => {
    const approval = waits(a);
    return approval === null || !isOwn(approval);
  });
  let batch = waiting.find(isOwn)?.batch ?? null;
  // An order is carried out as a whole or held back as a whole.
  if (fresh.length > 0 && !admits(d, guarded, fresh.length, now, policy)) {
    fresh = fresh.filter((a) => waits(a) === null);
    batch ??= waiting[0]?.batch ?? null;
    if (fresh.length > 0) {
      const held = holdBack(d, guarded, 'revokes', fresh.length, `revoke of ${event.subscriber}`, now);
      for (const assignment of fresh) hold(d, assignment, { ...order, batch: held, at: now });
      batch = held;
    }
  } else {
    mark(d, guarded, fresh.length, now, policy);
    for (const assignment of fresh) {
      const approval = waits(assignment);
      if (approval !== null) dropApproval(d, approval);
      beginRevoke(d, d.get('assignment', assignment.id), order, now, policy);
    }
  }
  // Said again, it also asks the NAS again: the last Disconnect may have been refused, or only observed.
  for (const { id, state } of chosen) if (state === 'revoking') orderAgain(d, d.get('assignment', id), now, policy);
  return {
    verdict: fresh.length > 0 ? 'applied' : 'duplicate',
    code: batch !== null ? 'awaiting-approval' : fresh.length > 0 ? null : 'already-revoking',
    detail: null,
    reply: reply(
      d,
      chosen.map((a) => a.id),
      batch,
    ),
  };
}

/** Records a revoke that waits for approval. Its assignment stays as it is. */
function hold(d: Draft, assignment: Assignment, order: Omit<Approval, 'assignment'>): void {
  d.put('approval', { ...order, assignment: assignment.id });
  d.note({
    at: order.at,
    kind: 'revoke-held',
    tenant: assignment.tenant,
    actor: order.actor,
    subscriber: assignment.subscriber,
    assignment: assignment.id,
    vrf: assignment.vrf,
    prefix: assignment.prefix,
    code: 'awaiting-approval',
    detail: { batch: order.batch, reason: order.reason },
  });
}
