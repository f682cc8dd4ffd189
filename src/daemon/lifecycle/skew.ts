/** How far the clock of a NAS is off, and what its Event-Timestamp is worth (SEMANTICS, "Time"). */
import { aboutNas, clear, raiseOfNas } from './alarms.js';
import { alarmKey } from './brake.js';
import type { Draft } from './draft.js';
import type { AccountingEvent, NasEvent, OddPacketEvent } from './events.js';
import { longestPause, type Policy } from './policy.js';
import type { Nas } from './nas-records.js';
import type { Session } from './records.js';

/** A NAS whose clock is off by this much is not asked for the time, and somebody is told. */
const OFF_MS = 60_000;
/** Timestamps are whole seconds, and packets are on their way for a while. */
const TOLERANCE_MS = 5_000;
/** Packets that waited in the NAS look like a clock that is behind: what lasts for a minute is a clock. */
const STEADY_MS = 60_000;

/** NASes repeat an unanswered packet for about this long. */
export const RETRANSMISSION_MS = 30_000;

/** What is older than this by its Event-Timestamp did not wait for so long: the clock of its NAS has begun anew, in 1970. */
export const BEGUN_ANEW_MS = 86_400_000;

type Skew = Pick<Nas, 'skewMs' | 'skewSince' | 'skewSeenAt'>;

/** What is known of a clock that was never measured. */
export const UNMEASURED: Skew = { skewMs: null, skewSince: 0, skewSeenAt: 0 };

/** Event-Timestamp minus arrival, less Acct-Delay-Time, milliseconds; null where the packet has none. */
function sampleOf(event: AccountingEvent | NasEvent | OddPacketEvent): number | null {
  if (!('eventTimestamp' in event) || event.eventTimestamp === null || event.eventTimestamp === 0) return null;
  return event.eventTimestamp * 1000 - event.at;
}

/**
 * What a packet tells of the clock of its NAS, or null where it tells nothing that is worth a write; `writing` says that
 * the row is written in any case. A packet that waited looks older than it is, and none looks younger: so the skew is the
 * most that is seen, and less is believed only where nothing has confirmed it for two of the longest pauses.
 */
export function measure(
  nas: Nas,
  event: AccountingEvent | NasEvent | OddPacketEvent,
  policy: Policy,
  writing: boolean,
): Skew | null {
  const sample = sampleOf(event);
  if (sample === null) return null;
  const now = event.receivedAt;
  const anew = { skewMs: sample, skewSince: now, skewSeenAt: now };
  if (nas.skewMs === null || sample > nas.skewMs + TOLERANCE_MS) return anew;
  if (sample >= nas.skewMs - TOLERANCE_MS) return writing ? { ...skewOf(nas), skewSeenAt: now } : null;
  const confirmed = Math.max(nas.skewSeenAt, nas.heardSince);
  return now - confirmed > 2 * longestPause(policy) ? anew : null;
}

/** The columns of a NAS that tell its skew. */
export function skewOf({ skewMs, skewSince, skewSeenAt }: Nas): Skew {
  return { skewMs, skewSince, skewSeenAt };
}

/** Raises or clears the alarm about the clock of a NAS. */
export function watchClock(d: Draft, nas: Nas, now: number): void {
  const { skewMs, skewSince, skewSeenAt } = nas;
  if (skewMs === null) return;
  const { ref } = aboutNas(nas);
  if (Math.abs(skewMs) <= OFF_MS) {
    clear(d, 'clock-skew', ref, now);
    return;
  }
  const open = d.find('alarm', alarmKey('clock-skew', ref));
  if (open?.clearedAt === null || skewSeenAt - skewSince < STEADY_MS) return;
  const seconds = Math.round(Math.abs(skewMs) / 1000);
  raiseOfNas(d, 'clock-skew', nas, `${String(seconds)} s ${skewMs > 0 ? 'ahead' : 'behind'}`, now);
}

/** When a packet was sent by its Event-Timestamp, Unix milliseconds of our clock; null where its NAS's clock is not known to be right. */
function toldBy({ eventTimestamp, at }: AccountingEvent | NasEvent, { skewMs }: Nas): number | null {
  if (skewMs === null || Math.abs(skewMs) >= OFF_MS || !eventTimestamp) return null;
  const told = eventTimestamp * 1000 - skewMs;
  return at - told > BEGUN_ANEW_MS ? null : told;
}

/** When an Accounting-On or -Off was sent, Unix milliseconds: as far as is known, and at the earliest. */
export interface Sent {
  readonly at: number;
  readonly earliest: number;
}

/**
 * When an Accounting-On or -Off was sent. `last` is when the one before was, or 0: a time before that one, or well before the
 * clock was last seen to be right, is that of a clock which was set back. `unseen` says that its NAS sends no Interims: who
 * began before a packet that may have waited does not show himself in the grace, as others do.
 */
export function sentAt(event: NasEvent, nas: Nas, last: number, unseen: boolean): Sent {
  const { at } = event;
  const told = toldBy(event, nas);
  const isKnown = told !== null && told >= last - TOLERANCE_MS && told >= nas.skewSeenAt - OFF_MS;
  if (isKnown && at - told > TOLERANCE_MS) return { at: told, earliest: told - TOLERANCE_MS };
  if (event.mayHaveWaited !== true) return { at, earliest: at };
  if (isKnown) return { at, earliest: Math.min(at, told) - TOLERANCE_MS };
  return { at, earliest: unseen ? at - RETRANSMISSION_MS : at };
}

/**
 * A packet as of when it happened: where it came late and does not say by how much, its Event-Timestamp tells, if the
 * clock of the NAS is known to be right. `session` is the last one of its number.
 */
export function timed(event: AccountingEvent, nas: Nas, session: Session | null): AccountingEvent {
  const at = toldBy(event, nas);
  if (at === null || event.at - at <= TOLERANCE_MS) return event;
  const setBack = opens(event, session) && (isFromBefore(event, nas, at) || isMidway(event, session, nas));
  return setBack ? event : { ...event, at };
}

/** Whether a packet opens a session, if it is not late. */
function opens({ kind }: AccountingEvent, session: Session | null): boolean {
  return kind === 'acct-start' || (kind === 'acct-interim' && (session === null || session.endedAt !== null));
}

/**
 * Whether a packet that came after an Accounting-On tells of a time before it: the NAS has begun anew with its clock set
 * back, rather than that it kept a packet over that. Who opens a session then is there.
 */
function isFromBefore(event: AccountingEvent, nas: Nas, at: number): boolean {
  return at < nas.epochAt && event.at >= nas.epochAt && event.receivedAt >= nas.epochReceivedAt;
}

/**
 * Whether a Start tells of a time at which the session of its number, which has ended, was well under way: it is of another
 * one, and the clock was set back in between.
 */
export function isMidway(event: AccountingEvent, session: Session | null, { skewMs }: Nas): boolean {
  if (event.kind !== 'acct-start' || event.eventTimestamp === null || skewMs === null) return false;
  if (session === null || session.endedAt === null) return false;
  const at = event.eventTimestamp * 1000 - skewMs;
  return at > session.startedAt + OFF_MS && at <= session.endedAt;
}
