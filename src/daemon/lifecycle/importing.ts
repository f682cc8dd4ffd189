/**
 * Reservations of another system become assignments, a row at a time, each judged as an order for that very address would
 * be. What was `reserved` there is ALLOCATED here; what was `assigned` is ACTIVE, and only the other system says so until a
 * session shows it; what was `released` or has `expired` is history, and keeps nothing from anybody.
 */
import { contains, formatPrefix, sameBytes, type Prefix } from './address.js';
import { watchPool } from './alarms.js';
import { carryOn } from './carriage.js';
import { absent, chooseUnit, whyNoUnit } from './choice.js';
import type { Draft } from './draft.js';
import { forget, identityText, record } from './identity.js';
import { MOST_IDENTITIES } from './identity-orders.js';
import type { ImportRowEvent } from './import-row.js';
import { holdingKey, identityKey } from './keys.js';
import { refused, subscriberRow } from './orders.js';
import { offerTimeoutOf, type Policy } from './policy.js';
import { tellNew } from './profile.js';
import type { Assignment, Conflict, Pool, Session } from './records.js';
import { openWitness } from './standing.js';
import { beginTenure, recheck, settleConflict } from './tenure.js';
import { intoService } from './transition.js';
import { isUnit, takeUnit } from './units.js';
import { nameClaims } from './user-name.js';
import { verify } from './verified.js';
import type { Verdict } from './world.js';

/** The VRF that is meant where pools of several hold the address and none is named. */
const GLOBAL = 0;

function told(verdict: 'applied' | 'duplicate', code: string | null, { id, state }: Assignment): Verdict {
  return { verdict, code, detail: null, reply: { assignment: id, lifecycle_state: state } };
}

/**
 * Takes over one row. The same subscriber, address and status again is a duplicate, whatever became of it meanwhile: a file
 * that is read twice changes nothing twice.
 */
export function importRow(d: Draft, event: ImportRowEvent, policy: Policy): Verdict {
  const { tenant, subscriber: name, prefix: unit, status, receivedAt: now } = event;
  const pool = poolOfRow(d, event, policy);
  if ('verdict' in pool) return pool;
  const known = d.subscriberNamed(tenant, name);
  const his = known === null ? [] : d.units.tenuresOf(pool.vrf, known, unit).map((id) => d.get('assignment', id));
  const same = his.find(({ imported }) => {
    // What was reserved before it was assigned is no news.
    return imported?.status === status || (status === 'reserved' && imported?.status === 'assigned');
  });
  if (same !== undefined) return told('duplicate', 'already-imported', same);
  const taken = identityFault(d, event, known);
  if (taken !== null) return taken;
  if (status === 'released' || status === 'expired') {
    return isUnit(pool, unit) ? bury(d, event, pool) : refused('not-in-pool', whyNoUnit([pool], pool, unit));
  }
  if (pool.kind === 'external') {
    return refused('pool-external', `pool ${pool.name} is external: who is on its addresses is adopted from the NAS`);
  }
  const held = his.find(({ state }) => state !== 'revoked');
  if (held !== undefined) return join(d, event, held);
  const chosen = chooseUnit(d, [pool], { requested: unit, receivedAt: now }, known, policy);
  const own = 'verdict' in chosen && chosen.code === 'address-occupied' ? ownOccupants(d, event, pool, policy) : [];
  if ('verdict' in chosen && own.length === 0) {
    return chosen.code === 'address-taken' ? refused('address-taken', heldBy(d, tenant, pool, unit)) : chosen;
  }
  return begin(d, event, pool, own, policy);
}

/** The pool that a row is about, or why there is none. */
function poolOfRow(d: Draft, event: ImportRowEvent, policy: Policy): Pool | Verdict {
  const { tenant, pool: name, vrf, prefix } = event;
  const space = vrf === null ? null : d.vrfNamed(vrf);
  if (vrf !== null && space === null) return refused('unknown-vrf', `no pool is of VRF ${vrf}`);
  const own = policy.pools.filter((pool) => pool.tenant === tenant && (name === null || pool.name === name));
  const [named] = name === null ? [] : own;
  if (name !== null && named === undefined) return refused('unknown-pool', absent(d, tenant, name));
  if (named !== undefined && space !== null && named.vrf !== space) {
    return refused(
      'pool-mismatch',
      `pool ${named.name} is of VRF ${d.get('vrf', named.vrf).name}, not of ${vrf ?? ''}`,
    );
  }
  const around = own.filter((pool) => (space === null || pool.vrf === space) && contains(pool.prefix, prefix));
  const pool = around.length > 1 ? around.find((one) => one.vrf === GLOBAL) : around[0];
  if (pool !== undefined) return d.get('pool', pool.id);
  if (around.length > 1) {
    const names = around.map((one) => one.name).join(', ');
    return refused('pool-required', `pools of several VRFs hold ${formatPrefix(prefix)}: ${names}; name one of them`);
  }
  if (named !== undefined) {
    const row = d.get('pool', named.id);
    return refused('not-in-pool', whyNoUnit([row], row, prefix));
  }
  return refused('not-in-pool', `${formatPrefix(prefix)} is in no pool${vrf === null ? '' : ` of VRF ${vrf}`}`);
}

/** Why the identities of a row cannot all be its subscriber's, or null. A MAC address that was only seen elsewhere can. */
function identityFault(
  d: Draft,
  { tenant, identities, subscriber }: ImportRowEvent,
  known: number | null,
): Verdict | null {
  let fresh = 0;
  for (const { type, scope, bytes } of identities) {
    const before = d.find('identity', identityKey(tenant, type, scope, bytes));
    if (before !== null && before.subscriber === known) continue;
    fresh++;
    if (before === null || (type === 'mac' && before.provenance === 'observed')) continue;
    const other = d.get('subscriber', before.subscriber).name;
    return refused('identity-taken', `${type} ${identityText({ type, bytes })} belongs to subscriber ${other}`);
  }
  const has = known === null || fresh === 0 ? 0 : d.identitiesOf(known).length;
  if (has + fresh <= MOST_IDENTITIES) return null;
  return refused(
    'too-many-identities',
    `subscriber ${subscriber} would have more than ${String(MOST_IDENTITIES)} identities`,
  );
}

/** Puts the identities of a row on record that are not yet, and returns them as the journal shows them. */
function recordAll(d: Draft, subscriber: number, { tenant, identities, receivedAt }: ImportRowEvent): string[] {
  return identities.flatMap(({ type, scope, bytes }) => {
    const before = d.find('identity', identityKey(tenant, type, scope, bytes));
    if (before?.subscriber === subscriber) return [];
    if (before !== null) forget(d, before);
    record(d, subscriber, { type, scope, bytes }, 'configured', receivedAt);
    return [`${type} ${identityText({ type, bytes })}`];
  });
}

/** What the journal says of a row beside the assignment itself. */
function detailOf({ status, line }: ImportRowEvent, identities: readonly string[]): Record<string, unknown> {
  return { status, ...(line === null ? {} : { line }), ...(identities.length === 0 ? {} : { identities }) };
}

/** Who holds the address, as far as the tenant may know. */
function heldBy(d: Draft, tenant: string, pool: Pool, unit: Prefix): string {
  const [id] = d.overlapping(pool.vrf, unit);
  const holder = id === undefined ? null : d.get('assignment', id);
  const name = holder?.tenant === tenant ? d.get('subscriber', holder.subscriber).name : 'another assignment';
  return `${formatPrefix(unit)} is held by ${name}`;
}

/** The subscriber has the address already, by an order or since he was seen there: from now on it is the row's as well. */
function join(d: Draft, event: ImportRowEvent, held: Assignment): Verdict {
  const { status, receivedAt: at, actor } = event;
  if (held.state === 'revoking') {
    return refused('being-revoked', `${formatPrefix(held.prefix)} of ${event.subscriber} is still being revoked`);
  }
  const detail = detailOf(event, recordAll(d, held.subscriber, event));
  const seen = d.witnessesOf(held.id).some(({ standing }) => standing === 'held');
  const verifiedAt = held.imported?.verifiedAt ?? (seen ? at : null);
  const joined = d.put('assignment', { ...held, imported: { status, at, verifiedAt } });
  if (status === 'assigned' && held.state === 'allocated' && held.renumber === null) {
    intoService(d, joined, { at, actor, code: 'import' });
  }
  const { tenant, subscriber, id, pool, vrf, prefix } = held;
  d.note({ at, kind: 'imported', tenant, actor, subscriber, assignment: id, pool, vrf, prefix, code: status, detail });
  return told('applied', 'joined', d.get('assignment', id));
}

/** A tenure that was over before addrd knew of it: history, which bars its address from nobody. */
function bury(d: Draft, event: ImportRowEvent, pool: Pool): Verdict {
  const { tenant, actor, prefix, status, metadata, receivedAt: now } = event;
  const { id: subscriber } = subscriberRow(d, tenant, event.subscriber, now);
  const identities = recordAll(d, subscriber, event);
  const buried = d.put('assignment', {
    id: d.nextId('assignment'),
    tenant,
    subscriber,
    pool: pool.id,
    vrf: pool.vrf,
    family: pool.family,
    use: pool.use,
    prefix,
    state: 'revoked',
    generation: 1,
    createdAt: now,
    allocatedAt: null,
    activatedAt: null,
    suspendedAt: null,
    revokingAt: null,
    revokedAt: now,
    revoke: null,
    evidence: { kind: 'operator', at: now, detail: `${status} in the system that it was imported from` },
    stuck: null,
    provenance: 'imported',
    metadata,
    parent: null,
    supersedes: null,
    renumber: null,
    imported: { status, at: now, verifiedAt: null },
  });
  d.note({
    at: now,
    kind: 'imported',
    tenant,
    actor,
    subscriber,
    assignment: buried.id,
    pool: pool.id,
    vrf: pool.vrf,
    prefix,
    to: 'revoked',
    code: status,
    detail: detailOf(event, identities),
  });
  return told('applied', null, buried);
}

/** The sessions that occupy a unit, where each of them is the subscriber's own by name; none where one is not. */
function ownOccupants(d: Draft, event: ImportRowEvent, pool: Pool, policy: Policy): readonly Conflict[] {
  const { tenant, subscriber, identities, prefix } = event;
  const known = d.subscriberNamed(tenant, subscriber);
  const names = identities.filter(({ type }) => type === 'username');
  const isHis = (session: Session): boolean => {
    if (session.tenant !== tenant) return false;
    if (session.subscriber !== null) return session.subscriber === known;
    if (session.username === null) return false;
    const rules = policy.nas.get(d.get('nas', session.nas).entry)?.identity?.names;
    const claims = nameClaims(session.username, rules);
    return claims.some((claim) => names.some(({ bytes }) => sameBytes(bytes, claim.bytes)));
  };
  const occupants = d.occupantsOf(pool.vrf, prefix);
  return occupants.every(({ session }) => isHis(d.get('session', session))) ? occupants : [];
}

function begin(d: Draft, event: ImportRowEvent, pool: Pool, occupants: readonly Conflict[], policy: Policy): Verdict {
  const { tenant, actor, prefix: unit, status, metadata, receivedAt: now } = event;
  const { id: subscriber } = subscriberRow(d, tenant, event.subscriber, now);
  const detail = detailOf(event, recordAll(d, subscriber, event));
  const imported = { status, at: now, verifiedAt: null };
  const doubted = takeUnit(d, d.get('pool', pool.id), unit, false);
  watchPool(d, pool.id, 1, now);
  const origin = { provenance: 'imported', confidence: 'authorised', metadata, actor, code: 'import' } as const;
  const { id } = beginTenure(d, pool, { ...origin, subscriber, unit, detail, imported }, now);
  carryOn(d, d.get('assignment', id), doubted, now);
  if (status === 'assigned' || occupants.length > 0) {
    intoService(d, d.get('assignment', id), { at: now, actor, code: 'import' });
  } else if (pool.kind === 'dynamic') recheck(d, d.get('assignment', id), now + offerTimeoutOf(policy, pool.id));
  for (const conflict of occupants) comeTo(d, d.get('assignment', id), conflict, event, policy);
  return told('applied', null, d.get('assignment', id));
}

/** A session of the subscriber's has been on the address without an assignment: it stands on his own from now on. */
function comeTo(
  d: Draft,
  { id, subscriber }: Assignment,
  conflict: Conflict,
  { actor, receivedAt: now }: ImportRowEvent,
  policy: Policy,
): void {
  const session = d.get('session', conflict.session);
  const { vrf, tenant, nas } = session;
  settleConflict(d, conflict.id, now);
  const addresses = session.addresses.map((address) => {
    if (address.conflict !== conflict.id) return address;
    const { prefix, since } = address;
    const before = d.find('holding', holdingKey({ vrf, prefix, since, kind: 'session', seq: session.id }));
    if (before?.until === null) d.put('holding', { ...before, until: Math.max(now, since) });
    const row = { vrf, prefix, kind: 'session' as const, seq: session.id, until: null, tenant, subscriber, nas };
    d.put('holding', {
      ...row,
      since: Math.max(now, since),
      assignment: id,
      confidence: before?.confidence ?? 'inferred',
    });
    return { ...address, standing: 'held' as const, assignment: id, conflict: null, since: Math.max(now, since) };
  });
  d.put('session', { ...session, subscriber, addresses });
  openWitness(d, id, session.id, 'held', now);
  verify(d, id, session, actor, now);
  if (session.subscriber === null) tellNew(d, d.get('session', session.id), now, policy);
}
