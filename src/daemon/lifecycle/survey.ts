/**
 * Looks at the sessions that never report, where a pool hands out anew what they may be on: of an address in no pool only
 * the session itself knows.
 */
import { showMore } from './accounting.js';
import type { Draft } from './draft.js';
import type { AccountingEvent } from './events.js';
import type { Nas } from './nas-records.js';
import { poolOf, type Policy } from './policy.js';
import { waitOf } from './pool-wait.js';
import type { Pool, Session, SessionAddress } from './records.js';

/** How many sessions one event looks at: most of them are somewhere else. */
const MOST_LOOKED_AT = 200;

/** Acct-Status-Type Interim-Update (RFC 2866 section 5.1). */
const INTERIM = 3;

/** Goes on with the wait of a pool: some sessions to look at, or the question whether it is over. */
export function waitDue(d: Draft, id: string, now: number, policy: Policy): void {
  const pool = d.get('pool', id);
  if (pool.retiredAt !== null || pool.unsureSince === null) {
    d.drop('deadline', `pool-wait/${id}`);
    return;
  }
  const survey = pool.survey === null ? null : lookOn(d, pool, pool.survey, now, policy);
  // The look itself has changed the pool.
  const looked = d.put('pool', { ...d.get('pool', id), survey });
  const wait = survey === null ? waitOf(d, looked, now, policy) : null;
  if (survey !== null || wait !== null) {
    d.put('deadline', { kind: 'pool-wait', ref: id, dueAt: wait?.until ?? now });
    return;
  }
  d.put('pool', { ...looked, unsureSince: null, unsurePart: [] });
  d.drop('deadline', `pool-wait/${id}`);
}

/** Looks at as many sessions as one event may; where to go on, or null where none is left. */
function lookOn(
  d: Draft,
  { vrf, kind }: Pool,
  { nas: first, after }: NonNullable<Pool['survey']>,
  now: number,
  policy: Policy,
): Pool['survey'] {
  // Who is on an address of an external pool is adopted when he reports, and addrd hands out nothing there.
  if (kind === 'external') return null;
  let left = MOST_LOOKED_AT;
  for (const id of d
    .nasesIn(vrf)
    .filter((one) => one >= first)
    .sort((a, b) => a - b)) {
    const nas = d.get('nas', id);
    if (policy.nas.get(nas.entry)?.interim !== 'none') continue;
    if (left <= 0) return { nas: id, after: new Uint8Array() };
    const some = d.openAfter(id, id === first ? after : new Uint8Array(), left).map((one) => d.get('session', one));
    for (const session of some) show(d, session, nas, now, policy);
    const last = some.at(-1);
    if (last !== undefined && some.length === left) return { nas: id, after: last.sid };
    left -= some.length + 1;
  }
  return null;
}

/** A session that goes on stands on what it showed once, where that is in a pool by now. */
function show(d: Draft, session: Session, nas: Nas, now: number, policy: Policy): void {
  const addresses = session.addresses.flatMap(({ attribute, prefix, standing }: SessionAddress) =>
    attribute === 'parent' || standing !== 'unmanaged' ? [] : [{ attribute, prefix }],
  );
  const pools = addresses.map(({ prefix }) => poolOf(policy, session.vrf, prefix));
  const isIn = pools.some((pool) => pool !== null && pool.kind !== 'external');
  if (session.endedAt !== null || !isIn) return;
  const event: AccountingEvent = {
    kind: 'acct-interim',
    remembered: true,
    nas,
    entry: nas.entry,
    source: nas.address,
    sid: session.sid,
    at: now,
    receivedAt: now,
    status: INTERIM,
    seconds: null,
    inputOctets: null,
    outputOctets: null,
    inputPackets: null,
    outputPackets: null,
    eventTimestamp: null,
    username: session.username,
    // His User-Name stands in for the packet's.
    claims: [],
    terminateCause: null,
    addresses: addresses.filter((_, n) => pools[n]?.kind !== 'external'),
  };
  showMore(d, session, event, nas, policy);
}
