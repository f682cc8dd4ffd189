/** RADIUS accounting: sessions open, report and end; their addresses stand on assignments (RFC 2866 section 4.1). */
import type { Draft } from './draft.js';
import type { AccountingEvent, NasEvent, OddPacketEvent } from './events.js';
import type { Policy } from './policy.js';
import { KEY_OF, type Nas, type Session, type SessionAddress, type SessionUsage, type Witness } from './records.js';
import { attach, detach, resolveSubscriber, shows, type Showing } from './standing.js';
import { evaluate } from './termination.js';
import type { Verdict } from './world.js';

/** Clocks and counters of NASes are off by seconds: a session this much older than the open one is another one. */
const INSTANCE_SLACK_MS = 60_000;

export const APPLIED: Verdict = { verdict: 'applied', code: null, detail: null, reply: null };

function verdict(kind: Verdict['verdict'], code: string): Verdict {
  return { verdict: kind, code, detail: null, reply: null };
}

const DUPLICATE = verdict('duplicate', 'same-content');
const STALE_REPORT = verdict('stale', 'older-than-last-report');
const STALE_ENDED = verdict('stale', 'session-ended');

/** The NAS of a packet, created when its config entry admits it for the first time, and that it was heard. */
export function hear(d: Draft, event: AccountingEvent | NasEvent | OddPacketEvent, policy: Policy): Nas {
  const now = event.receivedAt;
  const id = d.nasOf(event.nas);
  if (id === null) {
    return d.put('nas', {
      ...event.nas,
      id: d.nextId('nas'),
      entry: event.entry,
      vrf: policy.nas.get(event.entry)?.vrf ?? 0,
      address: event.source,
      epoch: 0,
      epochReceivedAt: 0,
      epochAt: 0,
      heardSince: now,
      heardUntil: now,
      createdAt: now,
    });
  }
  const nas = d.get('nas', id);
  if (now - nas.heardUntil < policy.heardStepMs && nas.entry === event.entry) return nas;
  const paused = now - nas.heardUntil > 2 * policy.interimRoundMs;
  return d.put('nas', { ...nas, entry: event.entry, heardSince: paused ? now : nas.heardSince, heardUntil: now });
}

function usageOf(event: AccountingEvent, session: number, before: SessionUsage | null): SessionUsage {
  const interim = event.kind === 'acct-interim';
  return {
    session,
    updatedAt: event.receivedAt,
    status: event.status,
    seconds: event.seconds ?? before?.seconds ?? 0,
    inputOctets: event.inputOctets,
    outputOctets: event.outputOctets,
    inputPackets: event.inputPackets,
    outputPackets: event.outputPackets,
    eventTimestamp: event.eventTimestamp,
    interims: (before?.interims ?? 0) + (interim ? 1 : 0),
    maxGapMs: before === null ? 0 : Math.max(before.maxGapMs, event.receivedAt - before.updatedAt),
  };
}

/** Same content: a retransmission, whatever its identifier and Acct-Delay-Time are. */
function sameContent(event: AccountingEvent, usage: SessionUsage): boolean {
  return (
    usage.status === event.status &&
    usage.seconds === (event.seconds ?? usage.seconds) &&
    usage.inputOctets === event.inputOctets &&
    usage.outputOctets === event.outputOctets &&
    usage.inputPackets === event.inputPackets &&
    usage.outputPackets === event.outputPackets &&
    (event.eventTimestamp === null || usage.eventTimestamp === event.eventTimestamp)
  );
}

/** When the session began by the NAS's own count. */
function impliedStart(event: AccountingEvent): number {
  return event.at - (event.seconds ?? 0) * 1000;
}

function note(d: Draft, kind: string, session: Session, event: AccountingEvent, nas: Nas, code: string): void {
  d.note({
    at: event.receivedAt,
    kind,
    tenant: session.tenant,
    actor: `nas:${nas.entry}`,
    subscriber: session.subscriber,
    session: session.id,
    nas: nas.id,
    vrf: nas.vrf,
    code,
    detail: session.terminateCause === null ? null : { 'Acct-Terminate-Cause': session.terminateCause },
  });
}

/** Opens a new instance of a session; for a Stop that nothing announced it is closed in the same breath. */
function open(d: Draft, event: AccountingEvent, nas: Nas, policy: Policy): Session {
  const stopped = event.kind === 'acct-stop';
  const startedAt = impliedStart(event);
  const session: Session = {
    id: d.nextId('session'),
    tenant: nas.tenant,
    nas: nas.id,
    sid: event.sid,
    epoch: nas.epoch,
    startSeen: event.kind === 'acct-start',
    startedAt,
    firstSeenAt: event.receivedAt,
    endedAt: stopped ? Math.max(event.at, startedAt) : null,
    endReceivedAt: stopped ? event.receivedAt : null,
    endKind: stopped ? 'stop' : null,
    terminateCause: event.terminateCause,
    username: event.username,
    subscriber: resolveSubscriber(d, nas.tenant, event.username),
    addresses: [],
    disconnect: null,
  };
  d.put('session', session);
  d.put('usage', usageOf(event, session.id, null));
  note(d, 'session-started', session, event, nas, event.kind);
  const showing: Showing = { event, nas, policy, since: startedAt };
  let opened = stand(
    d,
    session,
    event.addresses.map((shown) => attach(d, session, shown, showing)),
  );
  if (stopped) opened = leaveAll(d, opened, event, nas, policy, 'stop');
  return opened;
}

/** Writes a session's addresses. Attaching may have written the row already, so it is read again. */
function stand(d: Draft, session: Session, addresses: readonly SessionAddress[]): Session {
  const current = d.get('session', session.id);
  const subscriber = current.subscriber ?? ownerOf(d, addresses);
  return d.put('session', { ...current, addresses, subscriber });
}

function ownerOf(d: Draft, addresses: readonly SessionAddress[]): number | null {
  const held = addresses.find((address) => address.standing === 'held');
  const id = held?.assignment ?? null;
  return id === null ? null : d.get('assignment', id).subscriber;
}

/** Takes a session off all its addresses and looks at the evidence of the assignments it stood on. */
function leaveAll(
  d: Draft,
  session: Session,
  event: { at: number; receivedAt: number },
  nas: Nas,
  policy: Policy,
  kind: NonNullable<Witness['closeKind']>,
): Session {
  const changed = new Set<number>();
  for (const address of session.addresses) {
    const leaving = { at: event.at, receivedAt: event.receivedAt, kind, vrf: nas.vrf, policy };
    const assignment = detach(d, session, address, leaving);
    if (assignment !== null) changed.add(assignment);
  }
  for (const id of changed) evaluate(d, d.get('assignment', id), event.receivedAt, policy);
  return d.get('session', session.id);
}

/** Ends an open session: its addresses are left, and a Disconnect that was not sent yet has nothing left to do. */
export function endSession(
  d: Draft,
  session: Session,
  end: { at: number; receivedAt: number; kind: 'stop' | 'inferred' | 'sid-reused'; terminateCause: number | null },
  nas: Nas,
  policy: Policy,
): Session {
  const pending = session.disconnect === null ? null : d.find('outbox', String(session.disconnect));
  const inFlight = pending !== null && pending.startedAt !== null && pending.outcome === null;
  if (pending?.status === 'pending' && !inFlight) {
    d.put('outbox', { ...pending, status: 'superseded', finishedAt: end.receivedAt, outcome: 'session-ended' });
  }
  const ended = d.put('session', {
    ...session,
    endedAt: Math.max(end.at, session.startedAt),
    endReceivedAt: end.receivedAt,
    endKind: end.kind,
    terminateCause: end.terminateCause ?? session.terminateCause,
    disconnect: inFlight ? session.disconnect : null,
  });
  return leaveAll(d, ended, end, nas, policy, end.kind);
}

/** An open session is confirmed in the NAS's epoch by what the NAS sent after that epoch began. */
function confirm(d: Draft, session: Session, event: AccountingEvent, nas: Nas): Session {
  if (session.epoch >= nas.epoch || event.receivedAt < nas.epochReceivedAt) return session;
  return d.put('session', { ...session, epoch: nas.epoch });
}

/** Stands the session on addresses it did not show before; a new IPv4 address replaces the old one. */
function showMore(d: Draft, session: Session, event: AccountingEvent, nas: Nas, policy: Policy): Session {
  const added = event.addresses.filter((shown) => !shows(session, shown));
  if (added.length === 0) return session;
  let kept = session.addresses;
  if (added.some((shown) => shown.attribute === 'Framed-IP-Address')) {
    const gone = kept.filter((address) => address.attribute === 'Framed-IP-Address');
    kept = kept.filter((address) => address.attribute !== 'Framed-IP-Address');
    for (const address of gone) {
      const leaving = { at: event.at, receivedAt: event.receivedAt, kind: 'address-changed' as const, vrf: nas.vrf };
      const left = detach(d, session, address, { ...leaving, policy });
      if (left !== null) evaluate(d, d.get('assignment', left), event.receivedAt, policy);
    }
  }
  const showing: Showing = { event, nas, policy, since: event.at };
  return stand(d, session, [...kept, ...added.map((shown) => attach(d, session, shown, showing))]);
}

/** What the open part of a verdict says of a session's addresses. */
function judged(session: Session): Verdict {
  if (session.addresses.some((a) => a.standing === 'contested')) return verdict('conflict', 'contested');
  if (session.addresses.some((a) => a.standing === 'occupied')) return verdict('conflict', 'occupied');
  const unmanaged = session.addresses.length > 0 && session.addresses.every((a) => a.standing === 'unmanaged');
  return unmanaged ? verdict('unmanaged', 'in-no-pool') : APPLIED;
}

/** Whether a Start for a number that is known begins another session under the same number. */
function isNewInstance(event: AccountingEvent, session: Session, usage: SessionUsage, nas: Nas): boolean {
  const later =
    event.eventTimestamp !== null && usage.eventTimestamp !== null ? event.eventTimestamp > usage.eventTimestamp : null;
  if (session.endedAt === null) {
    const reborn = session.epoch < nas.epoch && event.receivedAt >= nas.epochReceivedAt;
    return reborn || later === true;
  }
  // Within a session Acct-Session-Time orders events: a Start is older than the Stop it comes after, unless it says otherwise.
  if (later !== null) return later;
  return session.startSeen && event.at > session.endedAt;
}

/**
 * Whether an Interim or a Stop is of another session than the open one under its number: the NAS has begun anew since it
 * confirmed that one, and by its own count this one began later. Its Start was lost, perhaps while addrd was away.
 */
function isReborn(event: AccountingEvent, session: Session, nas: Nas): boolean {
  const suspect = session.epoch < nas.epoch && event.receivedAt >= nas.epochReceivedAt;
  return suspect && event.seconds !== null && impliedStart(event) > session.startedAt + INSTANCE_SLACK_MS;
}

/** Ends the session whose number the NAS has given to another one, and opens that. */
function replace(d: Draft, event: AccountingEvent, nas: Nas, session: Session, policy: Policy): Verdict {
  const end = { at: event.at, receivedAt: event.receivedAt, kind: 'sid-reused' as const, terminateCause: null };
  endSession(d, session, end, nas, policy);
  return judged(open(d, event, nas, policy));
}

function start(d: Draft, event: AccountingEvent, nas: Nas, session: Session | null, policy: Policy): Verdict {
  if (session === null) return judged(open(d, event, nas, policy));
  const usage = d.get('usage', session.id);
  if (isNewInstance(event, session, usage, nas)) {
    return session.endedAt === null ? replace(d, event, nas, session, policy) : judged(open(d, event, nas, policy));
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
  if (session === null) return judged(open(d, event, nas, policy));
  const usage = d.get('usage', session.id);
  if (session.endedAt !== null) {
    const reborn = impliedStart(event) > session.endedAt + INSTANCE_SLACK_MS;
    const outlived = (event.seconds ?? 0) * 1000 > usage.seconds * 1000 + INSTANCE_SLACK_MS;
    return reborn || outlived ? judged(open(d, event, nas, policy)) : STALE_ENDED;
  }
  if (isReborn(event, session, nas)) return replace(d, event, nas, session, policy);
  if (sameContent(event, usage)) {
    confirm(d, session, event, nas);
    return DUPLICATE;
  }
  if (event.seconds !== null && event.seconds < usage.seconds) return STALE_REPORT;
  d.put('usage', usageOf(event, session.id, usage));
  const shown = showMore(d, confirm(d, session, event, nas), event, nas, policy);
  return shown === session ? APPLIED : judged(shown);
}

/** Whether a Stop repeats the end of an earlier session whose number the open one has taken over. */
function isOfEarlier(d: Draft, event: AccountingEvent, session: Session): boolean {
  if (impliedStart(event) >= session.startedAt - INSTANCE_SLACK_MS) return false;
  const before = d.sessionBefore(session.id);
  return before !== null && sameContent(event, d.get('usage', before));
}

function stop(d: Draft, event: AccountingEvent, nas: Nas, session: Session | null, policy: Policy): Verdict {
  if (session === null) return judged(open(d, event, nas, policy));
  const usage = d.get('usage', session.id);
  if (session.endedAt !== null) {
    if (sameContent(event, usage)) return DUPLICATE;
    return impliedStart(event) > session.endedAt + INSTANCE_SLACK_MS
      ? judged(open(d, event, nas, policy))
      : STALE_ENDED;
  }
  if (isReborn(event, session, nas)) return replace(d, event, nas, session, policy);
  if (isOfEarlier(d, event, session)) return verdict('stale', 'stop-of-an-earlier-session');
  d.put('usage', usageOf(event, session.id, usage));
  const shown = showMore(d, session, event, nas, policy);
  const end = {
    at: event.at,
    receivedAt: event.receivedAt,
    kind: 'stop' as const,
    terminateCause: event.terminateCause,
  };
  note(d, 'session-stopped', { ...shown, terminateCause: event.terminateCause }, event, nas, event.kind);
  endSession(d, shown, end, nas, policy);
  return APPLIED;
}

/** Judges one Accounting-Request of a session. */
export function account(d: Draft, event: AccountingEvent, policy: Policy): Verdict {
  const nas = hear(d, event, policy);
  const id = d.sessionOf(nas.id, event.sid);
  const session = id === null ? null : d.get('session', id);
  switch (event.kind) {
    case 'acct-start':
      return start(d, event, nas, session, policy);
    case 'acct-interim':
      return interim(d, event, nas, session, policy);
    case 'acct-stop':
      return stop(d, event, nas, session, policy);
  }
}

/** Accounting-On and -Off: a new epoch in constant time; sessions confirm themselves or are closed when a grace ends. */
export function beginEpoch(d: Draft, event: NasEvent, policy: Policy): Verdict {
  const nas = hear(d, event, policy);
  if (nas.epoch > 0 && Math.abs(event.at - nas.epochAt) < policy.epochRepeatMs)
    return verdict('duplicate', 'same-epoch');
  const next = d.put('nas', { ...nas, epoch: nas.epoch + 1, epochAt: event.at, epochReceivedAt: event.receivedAt });
  d.put('epoch', { nas: next.id, epoch: next.epoch, cause: event.kind, at: event.at, receivedAt: event.receivedAt });
  d.put('deadline', { kind: 'epoch-grace', ref: KEY_OF.nas(next), dueAt: event.receivedAt + policy.epochGraceMs });
  d.note({
    at: event.receivedAt,
    kind: 'nas-epoch',
    tenant: nas.tenant,
    actor: `nas:${nas.entry}`,
    nas: nas.id,
    vrf: nas.vrf,
    code: event.kind,
    detail: { epoch: next.epoch },
  });
  return APPLIED;
}

/** Closes, as inferred, a slice of the sessions that no packet confirmed since the NAS's epoch began. */
export function endGrace(d: Draft, nasId: number, now: number, policy: Policy): Verdict {
  const nas = d.get('nas', nasId);
  const slice = d.unconfirmed(nas.id, nas.epoch);
  for (const id of slice) {
    const session = d.get('session', id);
    if (session.endedAt !== null || session.epoch >= nas.epoch) continue;
    const end = { at: d.get('usage', id).updatedAt, receivedAt: now, kind: 'inferred' as const, terminateCause: null };
    endSession(d, session, end, nas, policy);
    d.note({
      at: now,
      kind: 'session-inferred-end',
      tenant: session.tenant,
      actor: 'addrd',
      subscriber: session.subscriber,
      session: id,
      nas: nas.id,
      vrf: nas.vrf,
      code: 'epoch-grace',
    });
  }
  const ref = KEY_OF.nas(nas);
  if (slice.length > 0) d.put('deadline', { kind: 'epoch-grace', ref, dueAt: now });
  else d.drop('deadline', `epoch-grace/${ref}`);
  return APPLIED;
}
