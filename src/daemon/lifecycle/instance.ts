/** Which session a packet is of: NASes use Acct-Session-Id again, repeat themselves, and lose Starts and Stops. */
import { samePrefix } from './address.js';
import type { Draft } from './draft.js';
import type { AccountingEvent } from './events.js';
import type { Nas } from './nas-records.js';
import type { Policy } from './policy.js';
import type { Session, SessionUsage } from './records.js';
import { BEGUN_ANEW_MS, isMidway } from './skew.js';
import { isSameName } from './user-name.js';

/** Clocks and counters of NASes are off by seconds: a session this much older than the open one is another one. */
export const INSTANCE_SLACK_MS = 60_000;

/** Acct-Delay-Time is in whole seconds, so that two times that a NAS tells of late are off by this much. */
const DELAY_SLACK_MS = 1000;

/**
 * Whether a session was not seen since its NAS began anew. An Accounting-On may come later than a Start that was sent after
 * it: who began since is of the new epoch, though nothing has confirmed him in it.
 */
export function isBehind(session: Session, nas: Nas): boolean {
  const slack = nas.epochAt < nas.epochReceivedAt ? DELAY_SLACK_MS : 0;
  return session.epoch < nas.epoch && session.startedAt <= nas.epochAt - slack;
}

/** Whether a packet came after its NAS had begun anew, since when nothing has confirmed the session of its number. */
function isSinceReborn(event: AccountingEvent, session: Session, nas: Nas): boolean {
  return isBehind(session, nas) && event.receivedAt >= nas.epochReceivedAt;
}

/** Whether a packet that came after its NAS began anew was sent before: it says nothing of who is there since. */
export function isOfBefore(event: AccountingEvent, nas: Nas): boolean {
  return event.at < nas.epochAt - DELAY_SLACK_MS && event.receivedAt >= nas.epochReceivedAt;
}

/** Same content: a retransmission, whatever its identifier and Acct-Delay-Time are. */
export function sameContent(event: AccountingEvent, usage: SessionUsage): boolean {
  return (
    usage.status === event.status &&
    usage.seconds === (event.seconds ?? usage.seconds) &&
    usage.inputOctets === (event.inputOctets ?? usage.inputOctets) &&
    usage.outputOctets === (event.outputOctets ?? usage.outputOctets) &&
    usage.inputPackets === (event.inputPackets ?? usage.inputPackets) &&
    usage.outputPackets === (event.outputPackets ?? usage.outputPackets) &&
    (event.eventTimestamp === null || usage.eventTimestamp === event.eventTimestamp)
  );
}

/** When the session began by the NAS's own count. */
export function impliedStart(event: AccountingEvent): number {
  return event.at - (event.seconds ?? 0) * 1000;
}

/** Whether one Event-Timestamp of a NAS, seconds, is after another; null where they do not tell. */
function isLater(one: number | null, other: number | null): boolean | null {
  if (one === null || other === null || one < other - BEGUN_ANEW_MS / 1000) return null;
  return one > other;
}

/** Whether a Start for a number that is known begins another session under the same number. */
export function isNewInstance(
  event: AccountingEvent,
  session: Session,
  usage: SessionUsage,
  nas: Nas,
  policy: Policy,
): boolean {
  const reborn = isSinceReborn(event, session, nas);
  // A clock that was set since then does not tell.
  const isSet = nas.skewMs !== null && nas.skewSince > usage.updatedAt;
  const later = isSet || isMidway(event, session, nas) ? null : isLater(event.eventTimestamp, usage.eventTimestamp);
  if (session.endedAt === null) {
    // What left before its NAS began anew, and is sent again, is no packet of a session since; unless its clock does not tell.
    const told = event.eventTimestamp === null || later !== null;
    const isOlder = told && isOfBefore(event, nas);
    const moved = session.startSeen && isElsewhere(event, session);
    return (reborn && !isOlder) || later === true || isSomebodyElse(event, session, policy) || moved;
  }
  // Within a session Acct-Session-Time orders events: a Start is older than the Stop it comes after, unless it says otherwise.
  // One of somebody else is another session, unless it is older than this one by a clock that has not begun anew either.
  if (isSomebodyElse(event, session, policy) && (reborn || later === null)) return true;
  // Sent since its NAS began anew: whatever its clock tells, which may have been set back.
  if (reborn && event.at >= nas.epochAt) return true;
  if (later !== null) return later;
  // Where its Start was never seen, this may be it, late: but not for long. One session too many only holds an address.
  return event.at > session.endedAt + (session.startSeen ? 0 : INSTANCE_SLACK_MS);
}

/** Whether a packet names another User-Name than the session of its number: no retransmission does. */
export function isSomebodyElse(event: AccountingEvent, session: Session, policy: Policy): boolean {
  if (event.username === null || session.username === null) return false;
  return !isSameName(event.username, session.username, policy.nas.get(event.entry)?.identity?.names);
}

/**
 * Whether a packet under another User-Name is of an earlier session than the open one, whose number was used again since: it
 * left before that one began, or tells of a time before it.
 */
export function isLateOfAnother(d: Draft, event: AccountingEvent, session: Session, policy: Policy): boolean {
  if (!isSomebodyElse(event, session, policy)) return false;
  const began = impliedStart(event);
  if (event.at < session.startedAt || began < session.startedAt - INSTANCE_SLACK_MS) return true;
  if (began >= session.startedAt) return false;
  // Within the slack it may be either: it is late where the session before was under its name.
  const before = d.sessionBefore(session.id);
  const known = before === null ? null : d.get('session', before);
  return known !== null && known.username !== null && !isSomebodyElse(event, known, policy);
}

/** Whether a Start shows another IPv4 address than the session of its number does. */
function isElsewhere(event: AccountingEvent, session: Session): boolean {
  const v4 = (a: { attribute: string }): boolean => a.attribute === 'Framed-IP-Address';
  const shown = event.addresses.find(v4);
  const known = session.addresses.find(v4);
  return shown !== undefined && known !== undefined && !samePrefix(shown.prefix, known.prefix);
}

/**
 * Whether an Interim or a Stop is of another session than the last one under its number: the NAS has begun anew since it
 * confirmed that one, and by its own count this one began later. Its Start was lost, perhaps while addrd was away.
 */
export function isReborn(event: AccountingEvent, session: Session, nas: Nas): boolean {
  const suspect = isSinceReborn(event, session, nas);
  return suspect && event.seconds !== null && impliedStart(event) > session.startedAt + INSTANCE_SLACK_MS;
}

/**
 * The open session under which a packet's session was known before its config entry trusted what the NAS reports: the
 * same number from the same source, and the same holder as far as the packet tells. Null where there is none.
 */
export function formerSelf(d: Draft, event: AccountingEvent, policy: Policy): Session | null {
  const { tenant, kind } = event.nas;
  if (kind === 'source-address') return null;
  const nas = d.nasOf({ tenant, kind: 'source-address', bytes: event.source });
  const id = nas === null ? null : d.sessionOf(nas, event.sid);
  const session = id === null ? null : d.get('session', id);
  if (session === null || session.endedAt !== null || isSomebodyElse(event, session, policy)) return null;
  const shared = event.addresses.some(({ prefix }) =>
    session.addresses.some((known) => samePrefix(known.prefix, prefix)),
  );
  const silent = event.addresses.length === 0 || session.addresses.length === 0;
  return shared || (silent && event.username !== null && session.username !== null) ? session : null;
}

/** Whether a Stop repeats the end of an earlier session whose number the open one has taken over. */
export function isOfEarlier(d: Draft, event: AccountingEvent, session: Session): boolean {
  if (impliedStart(event) >= session.startedAt - INSTANCE_SLACK_MS) return false;
  const before = d.sessionBefore(session.id);
  return before !== null && sameContent(event, d.get('usage', before));
}
