/** RADIUS accounting: sessions open, report and end; their addresses stand on assignments (RFC 2866 section 4.1). */
import type { Draft } from './draft.js';
import { alongWith, ride } from './carriage.js';
import { voidEffects } from './effect.js';
import type { AccountingEvent } from './events.js';
import { hear, TOO_MANY_NASES } from './hearing.js';
import {
  formerSelf,
  impliedStart,
  INSTANCE_SLACK_MS,
  isLateOfAnother,
  isNewInstance,
  isOfBefore,
  isOfEarlier,
  isReborn,
  isSomebodyElse,
  sameContent,
} from './instance.js';
import { inheritGuard } from './guard.js';
import { shareMaintenance } from './maintenance.js';
import type { Policy } from './policy.js';
import { hearClass, leaveProfile, tellAgain, tellNew } from './profile.js';
import { KEY_OF, witnessKey } from './keys.js';
import type { Nas } from './nas-records.js';
import type { Session, SessionAddress, SessionUsage } from './records.js';
import { claimsOn, isDisputed, noteDispute, resolve, subscriberOf, type Who } from './identity.js';
import type { JournalKind } from './journal-kind.js';
import { settle } from './release.js';
import { goesOn, reopen } from './reopening.js';
import { spread } from './routes.js';
import { timed } from './skew.js';
import { attach, detach, prolong, sameAddress, shows, stand, type Leaving, type Showing } from './standing.js';
import { settleOccupant } from './units.js';
import { stayUp, usageOf } from './usage.js';
import type { Verdict } from './world.js';

/** A session with more addresses than this is no subscriber's line; each packet would cost what all of them cost. */
const MOST_ADDRESSES = 64;

export const APPLIED: Verdict = { verdict: 'applied', code: null, detail: null, reply: null };

function verdict(kind: Verdict['verdict'], code: string): Verdict {
  return { verdict: kind, code, detail: null, reply: null };
}

const DUPLICATE = verdict('duplicate', 'same-content');
const STALE_REPORT = verdict('stale', 'older-than-last-report');
const STALE_STOP = verdict('stale', 'stop-of-an-earlier-session');
const STALE_ENDED = verdict('stale', 'session-ended');

function note(d: Draft, kind: JournalKind, session: Session, event: AccountingEvent, nas: Nas, code: string): void {
  d.note({
    at: event.receivedAt,
    kind,
    tenant: session.tenant,
    actor: `nas:${nas.entry}`,
    subscriber: session.subscriber,
    session: session.id,
    nas: nas.id,
    vrf: session.vrf,
    code,
    detail: session.terminateCause === null ? null : { 'Acct-Terminate-Cause': session.terminateCause },
  });
}

/**
 * Opens a new instance of a session, and says what its addresses are; for a Stop that nothing announced it is closed in the
 * same breath.
 */
function open(d: Draft, event: AccountingEvent, nas: Nas, policy: Policy): Verdict {
  const stopped = event.kind === 'acct-stop';
  const startedAt = impliedStart(event);
  const who = resolve(d, nas.tenant, event.claims);
  const session: Session = {
    id: d.nextId('session'),
    tenant: nas.tenant,
    nas: nas.id,
    vrf: nas.vrf,
    sid: event.sid,
    epoch: isOfBefore(event, nas) ? nas.epoch - 1 : nas.epoch,
    startSeen: event.kind === 'acct-start',
    startedAt,
    firstSeenAt: event.receivedAt,
    endedAt: stopped ? Math.max(event.at, startedAt) : null,
    endReceivedAt: stopped ? event.receivedAt : null,
    endKind: stopped ? 'stop' : null,
    terminateCause: event.terminateCause,
    username: event.username,
    subscriber: subscriberOf(who),
    addresses: [],
    disconnect: null,
    coa: null,
    garden: null,
    profile: null,
  };
  d.put('session', session);
  const grace = KEY_OF.nas(nas);
  if (!stopped && session.epoch < nas.epoch && d.find('deadline', `epoch-grace/${grace}`) === null) {
    d.put('deadline', { kind: 'epoch-grace', ref: grace, dueAt: event.receivedAt + policy.epochGraceMs });
  }
  d.put('usage', usageOf(event, session.id, null));
  note(d, 'session-started', session, event, nas, event.kind);
  const showing: Showing = { event, nas, policy, who, since: startedAt };
  const joined = event.addresses.map((shown) => attach(d, session, shown, showing));
  const opened = stand(d, session, ride(d, session, [], joined, showing));
  if (stopped) {
    const { at, receivedAt } = event;
    const changed = leaveEach(d, opened, opened.addresses, { at, receivedAt, kind: 'stop', policy });
    evaluateAll(d, changed, receivedAt, policy);
  } else tellNew(d, hearClass(d, opened, event, nas, policy), event.receivedAt, policy);
  if (isDisputed(who)) noteDispute(d, session, who, nas, event.receivedAt);
  return judged(d.get('session', session.id), who);
}

/** Whom a packet of a known session names. */
function whoIs(d: Draft, session: Session, event: AccountingEvent, nas: Nas, policy: Policy): Who {
  return resolve(d, nas.tenant, claimsOn(session, event.claims, policy.nas.get(nas.entry)));
}

/** Takes a session off some of its addresses. Returns the assignments whose evidence has changed. */
function leaveEach(
  d: Draft,
  session: Session,
  addresses: readonly SessionAddress[],
  leaving: Leaving,
): ReadonlySet<number> {
  return new Set(addresses.flatMap((address) => detach(d, session, address, leaving) ?? []));
}

/** Looks at the evidence of assignments. Only after all that the packet says is in the draft: it may show who is there. */
export function evaluateAll(d: Draft, assignments: Iterable<number>, now: number, policy: Policy): void {
  for (const id of assignments) settle(d, d.get('assignment', id), now, policy);
}

/**
 * Ends an open session: its addresses are left, and an effect on it that was not sent yet has nothing left to do. Returns the
 * assignments whose evidence is to be looked at. `closeKind` is what its witnesses are told.
 */
export function endSession(
  d: Draft,
  session: Session,
  end: { at: number; receivedAt: number; kind: 'stop' | 'inferred' | 'sid-reused'; terminateCause: number | null },
  policy: Policy,
  closeKind: Leaving['kind'] = end.kind,
): ReadonlySet<number> {
  leaveProfile(d, session, end.receivedAt);
  const ended = d.put('session', {
    ...session,
    endedAt: Math.max(end.at, session.startedAt),
    endReceivedAt: end.receivedAt,
    endKind: end.kind,
    terminateCause: end.terminateCause ?? session.terminateCause,
    ...voidEffects(d, session, end.receivedAt),
  });
  return leaveEach(d, ended, ended.addresses, { ...end, kind: closeKind, policy });
}

/** An open session is confirmed in the NAS's epoch by what the NAS sent after that epoch began. */
function confirm(d: Draft, session: Session, event: AccountingEvent, nas: Nas): Session {
  if (session.epoch >= nas.epoch || event.receivedAt < nas.epochReceivedAt || isOfBefore(event, nas)) return session;
  return d.put('session', { ...session, epoch: nas.epoch });
}

/** Stands the session on addresses it did not show before; a new IPv4 address replaces the old one. */
export function showMore(d: Draft, session: Session, event: AccountingEvent, nas: Nas, policy: Policy): Session {
  const added = event.addresses.filter((shown) => !shows(session, shown, policy));
  if (added.length === 0) return session;
  const isNewV4 = added.some((shown) => shown.attribute === 'Framed-IP-Address');
  // What is shown anew was in no pool before: it is judged again.
  const others = session.addresses.filter((address) => !added.some((shown) => sameAddress(shown, address)));
  const replaced = others.filter(({ attribute }) => isNewV4 && attribute === 'Framed-IP-Address');
  const along = alongWith(d, others, replaced);
  const kept = makeRoom(
    others.filter((address) => !along.includes(address)),
    added.length,
  );
  const { at, receivedAt } = event;
  const gone = session.addresses.filter((address) => !kept.includes(address));
  const left = leaveEach(d, session, gone, { at, receivedAt, kind: 'address-changed', policy, kept });
  const who = whoIs(d, session, event, nas, policy);
  const showing: Showing = { event, nas, policy, who, since: event.at };
  const fitting = added.slice(0, Math.max(0, MOST_ADDRESSES - kept.length));
  const joined = fitting.map((shown) => attach(d, session, shown, showing));
  // An address that it has taken over by another attribute has let go of this one.
  const { addresses } = d.get('session', session.id);
  const lost = kept.filter((address) => !addresses.some((one) => sameAddress(one, address)));
  const again = lost.flatMap(({ attribute, prefix }) =>
    attribute === 'parent' ? [] : [attach(d, session, { attribute, prefix }, showing)],
  );
  const stays = kept.filter((address) => !lost.includes(address));
  stand(d, session, ride(d, session, stays, [...again, ...joined], showing));
  if (isDisputed(who)) noteDispute(d, session, who, nas, event.receivedAt);
  evaluateAll(d, left, event.receivedAt, policy);
  return d.get('session', session.id);
}

/** Takes a session off the IPv6 addresses that its Interim does not show any more. */
function withdraw(d: Draft, session: Session, event: AccountingEvent, policy: Policy): Session {
  const isGone = (known: SessionAddress): boolean =>
    known.prefix.bytes.length === 16 &&
    known.attribute !== 'parent' &&
    !event.addresses.some((shown) => sameAddress(shown, known));
  const gone = session.addresses.filter(isGone);
  if (gone.length === 0) return session;
  const { at, receivedAt } = event;
  const along = alongWith(d, session.addresses, gone);
  const kept = session.addresses.filter((address) => !along.includes(address));
  const left = leaveEach(d, session, along, { at, receivedAt, kind: 'address-changed', policy, kept });
  stand(d, session, kept);
  evaluateAll(d, left, receivedAt, policy);
  return d.get('session', session.id);
}

/** Without the oldest addresses that are in no pool, as far as new ones need their places. */
function makeRoom(kept: readonly SessionAddress[], wanted: number): SessionAddress[] {
  let excess = kept.length + wanted - MOST_ADDRESSES;
  return kept.filter(({ standing }) => standing !== 'unmanaged' || excess-- <= 0);
}

/** Whether a session shows addresses that it does not stand on, since it stands on as many as one may. */
function isFull(session: Session, event: AccountingEvent): boolean {
  if (session.addresses.length < MOST_ADDRESSES) return false;
  return event.addresses.some((shown) => !session.addresses.some((known) => sameAddress(shown, known)));
}

/** What the open part of a verdict says of a session's addresses. */
function judged(session: Session, who?: Who): Verdict {
  if (session.addresses.some((a) => a.standing === 'contested')) return verdict('conflict', 'contested');
  if (session.addresses.some((a) => a.standing === 'occupied')) return verdict('conflict', 'occupied');
  if (who !== undefined && isDisputed(who)) return verdict('conflict', 'identity-conflict');
  const unmanaged = session.addresses.length > 0 && session.addresses.every((a) => a.standing === 'unmanaged');
  return unmanaged ? verdict('unmanaged', 'in-no-pool') : APPLIED;
}

/** Ends the session whose number the NAS has given to another one, and opens that. */
function replace(d: Draft, event: AccountingEvent, nas: Nas, session: Session, policy: Policy): Verdict {
  const end = { at: event.at, receivedAt: event.receivedAt, kind: 'sid-reused' as const, terminateCause: null };
  const left = endSession(d, session, end, policy);
  const opened = open(d, event, nas, policy);
  evaluateAll(d, left, event.receivedAt, policy);
  return opened;
}

function start(d: Draft, event: AccountingEvent, nas: Nas, session: Session | null, policy: Policy): Verdict {
  if (session === null) return open(d, event, nas, policy);
  const usage = d.get('usage', session.id);
  if (session.endedAt === null && isLateOfAnother(d, event, session, policy)) return STALE_REPORT;
  if (isNewInstance(event, session, usage, nas, policy)) {
    return session.endedAt === null ? replace(d, event, nas, session, policy) : open(d, event, nas, policy);
  }
  if (session.endedAt !== null) {
    if (!session.startSeen) d.put('session', { ...session, startSeen: true });
    return STALE_ENDED;
  }
  if (sameContent(event, usage)) return DUPLICATE;
  if (!session.startSeen) d.put('session', { ...session, startSeen: true });
  return STALE_REPORT;
}

function interim(d: Draft, event: AccountingEvent, nas: Nas, session: Session | null, policy: Policy): Verdict {
  if (session === null) return open(d, event, nas, policy);
  const usage = d.get('usage', session.id);
  if (session.endedAt !== null) {
    if (session.endKind === 'inferred' && isOfBefore(event, nas)) return STALE_ENDED;
    const named = subscriberOf(resolve(d, nas.tenant, event.claims));
    const isAnothers = named !== null && session.subscriber !== null && named !== session.subscriber;
    if (!isAnothers && goesOn(event, session, usage, policy)) {
      const showing = { event, nas, policy, who: whoIs(d, session, event, nas, policy), since: event.at };
      const told = report(d, event, nas, reopen(d, session, showing), usage, policy);
      tellNew(d, d.get('session', session.id), event.receivedAt, policy);
      return told;
    }
    const reborn = impliedStart(event) > session.endedAt + INSTANCE_SLACK_MS;
    const outlived = (event.seconds ?? 0) * 1000 > usage.seconds * 1000 + INSTANCE_SLACK_MS;
    const another = isSomebodyElse(event, session, policy) && event.at > session.endedAt;
    const isNew = reborn || outlived || another || isReborn(event, session, nas);
    return isNew ? open(d, event, nas, policy) : STALE_ENDED;
  }
  if (isLateOfAnother(d, event, session, policy)) return STALE_REPORT;
  if (isReborn(event, session, nas) || isSomebodyElse(event, session, policy)) {
    return replace(d, event, nas, session, policy);
  }
  const repeated = sameContent(event, usage);
  if (repeated || (event.seconds !== null && event.seconds < usage.seconds)) {
    stayUp(d, event, usage);
    confirm(d, session, event, nas);
    return repeated ? DUPLICATE : STALE_REPORT;
  }
  return report(d, event, nas, session, usage, policy);
}

/** What an Interim says of its open session. */
function report(
  d: Draft,
  event: AccountingEvent,
  nas: Nas,
  session: Session,
  usage: SessionUsage,
  policy: Policy,
): Verdict {
  d.put('usage', usageOf(event, session.id, usage));
  const heard = hearClass(d, confirm(d, session, event, nas), event, nas, policy);
  const more = showMore(d, heard, event, nas, policy);
  const shown = policy.nas.get(nas.entry)?.v6Absence === 'gone' ? withdraw(d, more, event, policy) : more;
  if (session.subscriber === null) tellNew(d, shown, event.receivedAt, policy);
  else tellAgain(d, shown, nas, event.receivedAt, policy);
  if (isFull(shown, event)) return verdict('conflict', 'too-many-addresses');
  return shown === session ? APPLIED : judged(shown, whoIs(d, shown, event, nas, policy));
}

/** The Stop of a session whose end was only inferred: now it is known. */
function proveEnd(d: Draft, event: AccountingEvent, session: Session, usage: SessionUsage, policy: Policy): Verdict {
  const { receivedAt, terminateCause } = event;
  d.put('usage', usageOf(event, session.id, usage));
  const endedAt = prolong(d, session, usage.updatedAt, Math.min(event.at, receivedAt));
  d.put('session', { ...session, endedAt, endKind: 'stop', endReceivedAt: receivedAt, terminateCause });
  const changed = new Set<number>();
  for (const { assignment, standing, prefix } of session.addresses) {
    if (standing === 'occupied') settleOccupant(d, session, prefix, receivedAt);
    const witness = assignment === null ? null : d.find('witness', witnessKey(assignment, session.id));
    const { closeKind } = witness ?? {};
    if (assignment === null || witness === null || (closeKind !== 'inferred' && closeKind !== 'nas-rebooted')) continue;
    d.put('witness', { ...witness, closedAt: receivedAt, closeKind: 'stop' });
    changed.add(assignment);
  }
  evaluateAll(d, changed, receivedAt, policy);
  return APPLIED;
}

function stop(d: Draft, event: AccountingEvent, nas: Nas, session: Session | null, policy: Policy): Verdict {
  if (session === null) return open(d, event, nas, policy);
  const usage = d.get('usage', session.id);
  if (session.endedAt !== null) {
    const own = !isSomebodyElse(event, session, policy);
    if (session.endKind === 'inferred' && own) return proveEnd(d, event, session, usage, policy);
    if (own && sameContent(event, usage)) return DUPLICATE;
    const reborn = impliedStart(event) > session.endedAt + INSTANCE_SLACK_MS;
    // Not one that began before: a NAS has one session of a number at a time.
    const another = !own && event.at > session.endedAt && impliedStart(event) >= session.startedAt - INSTANCE_SLACK_MS;
    return reborn || another ? open(d, event, nas, policy) : STALE_ENDED;
  }
  if (isOfEarlier(d, event, session) || isLateOfAnother(d, event, session, policy)) return STALE_STOP;
  // A Stop closes its own session only: the open one has ended before, and this one began and ended since.
  if (isReborn(event, session, nas) || isSomebodyElse(event, session, policy)) {
    return replace(d, event, nas, session, policy);
  }
  d.put('usage', usageOf(event, session.id, usage));
  const shown = showMore(d, session, event, nas, policy);
  const end = {
    at: event.at,
    receivedAt: event.receivedAt,
    kind: 'stop' as const,
    terminateCause: event.terminateCause,
  };
  note(d, 'session-stopped', { ...shown, terminateCause: event.terminateCause }, event, nas, event.kind);
  evaluateAll(d, endSession(d, shown, end, policy), event.receivedAt, policy);
  return APPLIED;
}

/** Judges one Accounting-Request of a session. */
export function account(d: Draft, received: AccountingEvent, policy: Policy): Verdict {
  const nas = hear(d, received, policy);
  if (nas === null) return TOO_MANY_NASES;
  const id = d.sessionOf(nas.id, received.sid);
  const session = id === null ? null : d.get('session', id);
  const event = spread(d, timed(received, nas, session), nas, policy);
  const former = id === null ? formerSelf(d, event, policy) : null;
  if (former !== null) {
    note(d, 'session-moved', former, event, nas, nas.kind);
    shareMaintenance(d, former.nas, nas, event.receivedAt);
    inheritGuard(d, former.nas, nas.id, policy);
    return replace(d, event, nas, former, policy);
  }
  switch (event.kind) {
    case 'acct-start':
      return start(d, event, nas, session, policy);
    case 'acct-interim':
      return interim(d, event, nas, session, policy);
    case 'acct-stop':
      return stop(d, event, nas, session, policy);
  }
}
