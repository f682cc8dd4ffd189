/** How a session stands on the addresses it shows, and what its coming and going does to their assignments. */
import { contains, samePrefix } from './address.js';
import { adopt, goneAt, mayAdopt, stoodSince, succeed, takes } from './adoption.js';
import { conflictOpened, watchPool } from './alarms.js';
import { freezeOf } from './braking.js';
import type { Draft } from './draft.js';
import type { AccountingEvent, ShownAddress } from './events.js';
import { canFallSilent, UNSURE_REST_MS } from './evidence.js';
import { isDisputed, isHolders, learn, record, type Who } from './identity.js';
import { expel } from './intruder.js';
import { holdingKey, witnessKey } from './keys.js';
import { utf8 } from './octets.js';
import type { Nas } from './nas-records.js';
import { adoptsUnknown, poolOf, type Policy, type PoolPolicy } from './policy.js';
import type { Assignment, Session, SessionAddress, Witness } from './records.js';
import { stay } from './release.js';
import { arrive } from './renumbering.js';
import { isRoute, MOST_HOLDERS } from './routes.js';
import { newSubscriber } from './subscriber.js';
import { settleConflict } from './tenure.js';
import { blameAnew, lookAgain, orderDisconnect } from './termination.js';
import { intoService } from './transition.js';
import { verify } from './verified.js';
import { occupiedUnit, occupyUnit, strayOnto, unitOf, vacateUnit } from './units.js';

/** A Start this much older than the tenure it meets was buffered by its NAS. */
export const BUFFERED_MS = 60_000;

/** What attaching an address needs to know of the packet that showed it. */
export interface Showing {
  readonly event: AccountingEvent;
  readonly nas: Nas;
  readonly policy: Policy;
  /** Whom the packet names. */
  readonly who: Who;
  /** Since when the session has had the address, in the NAS's time. */
  readonly since: number;
}

/** Notes that a session stands on an assignment. */
export function openWitness(
  d: Draft,
  assignment: number,
  session: number,
  standing: Witness['standing'],
  at: number,
): void {
  d.put('witness', {
    assignment,
    source: 'session',
    ref: session,
    standing,
    openedAt: at,
    closedAt: null,
    closeKind: null,
    answer: null,
    answeredAt: null,
  });
}

function conflict(
  d: Draft,
  kind: 'contested' | 'occupied' | 'wider-than-pool',
  session: Session,
  showing: Showing,
  shown: ShownAddress,
  holder: Assignment | null,
): number {
  const { event, nas } = showing;
  const row = {
    id: d.nextId('conflict'),
    tenant: session.tenant,
    kind,
    vrf: session.vrf,
    prefix: shown.prefix,
    session: session.id,
    assignment: holder?.id ?? null,
    pool: holder?.pool ?? poolOf(showing.policy, session.vrf, shown.prefix)?.id ?? null,
    count: 1,
    firstAt: event.receivedAt,
    lastAt: event.receivedAt,
    closedAt: null,
  };
  d.put('conflict', row);
  d.note({
    at: event.receivedAt,
    kind: 'conflict',
    tenant: session.tenant,
    actor: `nas:${nas.entry}`,
    subscriber: session.subscriber,
    assignment: row.assignment,
    session: session.id,
    nas: nas.id,
    vrf: session.vrf,
    prefix: shown.prefix,
    code: kind,
    detail: { conflict: row.id, attribute: shown.attribute },
  });
  conflictOpened(d, row, nas);
  return row.id;
}

/** The subscriber as whose own a session is adopted, who is made of its User-Name where he is not known; or null. */
function claimant(d: Draft, session: Session, pool: PoolPolicy, { event, who }: Showing): number | null {
  // Nobody loses an address to a session of which nobody can tell whose it is.
  if (session.tenant !== pool.tenant || isDisputed(who)) return null;
  if (session.subscriber !== null) return session.subscriber;
  const claim = event.claims.find(({ type }) => type === 'username');
  const name = claim === undefined ? null : utf8(claim.bytes);
  if (claim === undefined || name === null || name === '' || !adoptsUnknown(pool)) return null;
  const known = d.subscriberNamed(session.tenant, name);
  if (known !== null) return known;
  const now = event.receivedAt;
  const { id } = d.put('subscriber', newSubscriber(d.nextId('subscriber'), session.tenant, name, now));
  record(d, id, { ...claim, type: 'username' }, 'observed', now);
  return id;
}

function hold(d: Draft, session: Session, showing: Showing, shown: ShownAddress, assignment: Assignment | null): void {
  const { event, nas, since } = showing;
  d.put('holding', {
    vrf: session.vrf,
    prefix: shown.prefix,
    since,
    kind: 'session',
    seq: session.id,
    until: null,
    tenant: session.tenant,
    subscriber: session.subscriber ?? (assignment === null ? null : assignment.subscriber),
    assignment: assignment?.id ?? null,
    nas: nas.id,
    confidence: event.kind === 'acct-start' ? 'seen' : 'inferred',
  });
}

/** What a live session of its own does to an assignment: ALLOCATED goes into service, REVOKING is cut again. */
export function seen(d: Draft, assignment: Assignment, session: Session, showing: Showing): void {
  const { event, nas, policy } = showing;
  const now = event.receivedAt;
  if (assignment.state === 'allocated') {
    const why = { at: now, actor: `nas:${nas.entry}`, code: event.kind, session: session.id };
    intoService(d, assignment, why);
  } else if (assignment.state === 'revoking' && session.endedAt === null) {
    orderDisconnect(d, assignment, session, now, policy);
    blameAnew(d, assignment, now, policy);
  }
  if (assignment.imported?.verifiedAt === null && !isDisputed(showing.who)) {
    verify(d, assignment.id, session, `nas:${nas.entry}`, now);
  }
  // On the account of a session that may be somebody else's nothing ends.
  if (assignment.renumber !== null && !isDisputed(showing.who)) arrive(d, d.get('assignment', assignment.id), now);
}

/**
 * Stands a session on an address that it shows. The session's row is in the draft already; the result belongs into its
 * `addresses`. A session that has ended leaves only history and the proof that its assignment was in service.
 */
export function attach(d: Draft, before: Session, shown: ShownAddress, showing: Showing): SessionAddress {
  const { event, nas, policy, who, since } = showing;
  // An address before this one may have told whose session it is.
  const session = d.get('session', before.id);
  const stand = (
    standing: SessionAddress['standing'],
    assignment: number | null = null,
    about: number | null = null,
  ): SessionAddress => ({ ...shown, standing, assignment, conflict: about, since });
  const most = isRoute(shown) ? MOST_HOLDERS : undefined;
  const holders = d.overlapping(session.vrf, shown.prefix, most).map((id) => d.get('assignment', id));
  const isHis = (holder: Assignment): boolean => isHolders(d, holder, session, who, policy.nas.get(nas.entry));
  const own = holders.find((holder) => contains(holder.prefix, shown.prefix));
  const live = session.endedAt === null;
  // Whose it is nobody can tell for sure: one that should end is not cut for it, and does not end while it lasts.
  const unclear = isDisputed(who) && own?.state === 'revoking';
  if (own !== undefined && !unclear && isHis(own)) {
    // Older than the tenure: history. Whether a buffered Start is still up, its next Interim tells.
    const slack = live ? BUFFERED_MS : 0;
    if (event.kind !== 'acct-interim' && own.allocatedAt !== null && event.at < own.allocatedAt - slack) {
      hold(d, session, showing, shown, null);
      return stand('unmanaged');
    }
    hold(d, session, showing, shown, own);
    if (learn(d, own, session, who, { nas, policy, now: event.receivedAt })) {
      d.put('session', { ...session, subscriber: own.subscriber });
    }
    const known = d.find('witness', witnessKey(own.id, session.id));
    if (known?.closedAt !== null) openWitness(d, own.id, session.id, 'held', event.receivedAt);
    if (live) stay(d, own, event.receivedAt);
    seen(d, own, session, showing);
    return stand('held', own.id);
  }
  const pool = poolOf(policy, session.vrf, shown.prefix);
  const unit = pool === null ? null : unitOf(pool, shown.prefix);
  // A link's own prefix covers many customers: it holds no unit of an address pool and contests none of them.
  const link = shown.attribute === 'Framed-IPv6-Prefix' && own === undefined && unit === null;
  // Nor does a route around whole pools say anything of what is in them.
  const around = isRoute(shown) && own === undefined;
  if (link || (pool === null && (holders.length === 0 || around))) {
    if (live && pool === null) strayOnto(d, session.vrf, shown.prefix, event.receivedAt);
    return stand('unmanaged');
  }
  const holder = own ?? (around ? holders.find((one) => !isHis(one)) : holders[0]);
  // A route shows who it is behind, and not who is on what it leads to.
  const mayHold = live && pool !== null && !isRoute(shown) && event.remembered !== true;
  const heir = mayHold ? adoptOnto(d, session, shown, showing, pool, own ?? null) : null;
  if (heir === 'late') {
    hold(d, session, showing, shown, null);
    return stand('unmanaged');
  }
  if (heir !== null) return stand('held', heir.id);
  hold(d, session, showing, shown, null);
  if (holder !== undefined) {
    if (live) {
      openWitness(d, holder.id, session.id, 'contested', event.receivedAt);
      blameAnew(d, holder, event.receivedAt, policy);
      const passes = d.get('pool', holder.pool).kind !== 'static' && !isRoute(shown);
      const gone = passes ? goneAt(d, holder, session.nas, policy) : null;
      if (gone !== null) lookAgain(d, holder, gone);
      // Nobody is cut for identities that contradict each other.
      if (pool?.disconnectIntruders === true && !isDisputed(who)) expel(d, session, holder, event.receivedAt, policy);
    }
    return stand('contested', holder.id, live ? conflict(d, 'contested', session, showing, shown, holder) : null);
  }
  if (pool === null || unit === null) {
    return stand('unmanaged', null, live ? conflict(d, 'wider-than-pool', session, showing, shown, null) : null);
  }
  if (live) {
    occupyUnit(d, pool, unit);
    watchPool(d, pool.id, 1, event.receivedAt);
  }
  return stand('occupied', null, live ? conflict(d, 'occupied', session, showing, shown, null) : null);
}

/** Writes a session's addresses. Attaching may have written the row already, so it is read again. */
export function stand(d: Draft, session: Session, addresses: readonly SessionAddress[]): Session {
  const current = d.get('session', session.id);
  const subscriber = current.subscriber ?? ownerOf(d, addresses);
  return d.put('session', { ...current, addresses, subscriber });
}

function ownerOf(d: Draft, addresses: readonly SessionAddress[]): number | null {
  const held = addresses.find((address) => address.standing === 'held');
  const id = held?.assignment ?? null;
  return id === null ? null : d.get('assignment', id).subscriber;
}

/**
 * Makes a live session the holder of what it shows, where its pool is not addrd's to hand out, or its holder there is
 * gone by all that addrd knows (SEMANTICS, "Somebody is on an address"). Null where that is not so; `late` where a session
 * that had to leave the address reports from before then.
 */
function adoptOnto(
  d: Draft,
  session: Session,
  shown: ShownAddress,
  showing: Showing,
  pool: PoolPolicy,
  holder: Assignment | null,
): Assignment | 'late' | null {
  const unit = unitOf(pool, shown.prefix);
  if (unit === null) return null;
  const { event, nas, policy, who, since } = showing;
  if (holder === null) {
    if (!mayAdopt(d, session, pool, unit, since)) return null;
  } else {
    const claim = takes(d, holder, session, since, event.receivedAt, policy);
    const late =
      claim === 'pushed-off'
        ? event.kind === 'acct-stop' || event.at < (holder.allocatedAt ?? 0)
        : claim === 'takes' && event.at < stoodSince(d, holder);
    if (late) return 'late';
    if (claim !== 'takes' || holder.pool !== pool.id) return null;
  }
  const subscriber = claimant(d, session, pool, showing);
  if (subscriber === null) return null;
  const { at, receivedAt: now } = event;
  const by = { subscriber, actor: `nas:${nas.entry}`, at, now, seen: event.kind === 'acct-start' };
  const claimed = d.put('session', { ...session, subscriber });
  if (holder !== null && freezeOf(d) !== null) {
    // While addrd is frozen nobody loses an address; whose it is then is looked at when it thaws.
    lookAgain(d, holder, now);
    return null;
  }
  const heir = holder === null ? adopt(d, claimed, pool.id, unit, by) : succeed(d, holder, claimed, by);
  hold(d, claimed, showing, shown, heir);
  openWitness(d, heir.id, session.id, 'held', event.receivedAt);
  learn(d, heir, claimed, who, { nas, policy, now });
  return heir;
}

/** How an address left a session: when by the NAS's time and by ours, and why. */
export interface Leaving {
  readonly at: number;
  readonly receivedAt: number;
  readonly kind: NonNullable<Witness['closeKind']>;
  readonly policy: Policy;
  /** Where the session goes on: what it stands on still. */
  readonly kept?: readonly SessionAddress[];
}

/** Ends a session's standing on one address. Returns the assignment whose evidence has changed, or null. */
export function detach(d: Draft, session: Session, address: SessionAddress, leaving: Leaving): number | null {
  const { at, receivedAt, kind, policy } = leaving;
  const { vrf } = session;
  const holding = d.find(
    'holding',
    holdingKey({ vrf, prefix: address.prefix, since: address.since, kind: 'session', seq: session.id }),
  );
  if (holding?.until === null) {
    const confidence = kind === 'inferred' || kind === 'nas-rebooted' ? 'inferred' : holding.confidence;
    d.put('holding', { ...holding, until: Math.max(at, holding.since), confidence });
  }
  // Without a conflict it stood there only in history: its Stop was the first that was heard of it, and it occupied nothing.
  if (address.standing === 'occupied' && address.conflict !== null) {
    const occupied = occupiedUnit(d, vrf, address.prefix);
    // Whose end was only inferred may still be there: his silence has to show it, or where it shows nothing a long rest.
    const inferred = kind === 'inferred';
    const unsure = inferred && !canFallSilent(d, session, policy);
    if (occupied !== null) {
      const rest = Math.max(occupied.pool.quarantineMs, unsure ? UNSURE_REST_MS : 0);
      vacateUnit(d, occupied.pool, occupied.unit, { session, leftAt: receivedAt, until: receivedAt + rest, inferred });
    }
  }
  settleConflict(d, address.conflict, receivedAt);
  const { assignment } = address;
  if (assignment === null || leaving.kept?.some((one) => one.assignment === assignment) === true) return null;
  const witness = d.find('witness', witnessKey(assignment, session.id));
  if (witness?.closedAt === null) d.put('witness', { ...witness, closedAt: receivedAt, closeKind: kind });
  return assignment;
}

/**
 * Has a session that was taken to end at `inferred` end at `at`, if that is later, in the history of what it stood on to the
 * last. Returns when it ended.
 */
export function prolong(d: Draft, session: Session, inferred: number, at: number): number {
  for (const { prefix, since } of session.addresses) {
    const holding = d.find(
      'holding',
      holdingKey({ vrf: session.vrf, prefix, since, kind: 'session', seq: session.id }),
    );
    if (holding === null || holding.until !== Math.max(inferred, holding.since)) continue;
    d.put('holding', { ...holding, until: Math.max(holding.until, at) });
  }
  return Math.max(session.endedAt ?? at, at);
}

type Sighting = Pick<SessionAddress, 'attribute' | 'prefix'>;

/** Whether two sightings are of one address, by the same attribute. */
export function sameAddress(a: Sighting, b: Sighting): boolean {
  return a.attribute === b.attribute && samePrefix(a.prefix, b.prefix);
}

/**
 * Whether a session stands on this address already. One that was in no pool is looked at again where a pool hands it out
 * by now.
 */
export function shows(session: Session, shown: ShownAddress, policy: Policy): boolean {
  const known = session.addresses.find((address) => sameAddress(shown, address));
  if (known?.standing !== 'unmanaged') return known !== undefined;
  const pool = poolOf(policy, session.vrf, shown.prefix);
  return pool === null || unitOf(pool, shown.prefix) === null;
}
