/**
 * What a suspend or reactivate wants of each session of its subscriber, by CoA (RFC 5176 section 2.2): whether it has to be
 * told, and how far that is. The state of the subscriber's assignments does not wait for it.
 */
import { aboutNas, lower, raise } from './alarms.js';
import { sameBytes } from './address.js';
import type { Draft } from './draft.js';
import { close, orderEffect } from './effect.js';
import type { AccountingEvent } from './events.js';
import { awaits } from './guard.js';
import { printable } from './octets.js';
import type { Policy } from './policy.js';
import { mayAct } from './restored.js';
import type { Nas } from './nas-records.js';
import type { EffectKind, Outbox, Session, Subscriber } from './records.js';
import type { Desired, Profile, SessionProfile } from './service.js';

/** What the sessions of a subscriber are to be told by now, or null where he was never suspended. */
function desiredOf({ id: subscriber, generation, suspendedAt, service }: Subscriber): Desired | null {
  if (service === null) return null;
  return { subscriber, generation, profile: suspendedAt === null ? 'resume' : 'suspend' };
}

/** Whether an effect serves what its subscriber's sessions are to be told by now. */
export function isDesired(d: Draft, { desired }: Outbox): boolean {
  return desired !== null && d.get('subscriber', desired.subscriber).generation === desired.generation;
}

/** Whether the Class of a packet is that of the garden; null where it has none, or nobody said which it is. */
function isGarden(event: AccountingEvent, nas: Nas, policy: Policy): boolean | null {
  if (event.class === undefined || event.class.length === 0) return null;
  const garden = policy.nas.get(nas.entry)?.profiles?.gardenClass ?? null;
  return garden === null ? null : event.class.some((given) => sameBytes(given, garden));
}

/** Shows how far a session is. Each that is stuck counts in the alarm of its NAS until it is not any more. */
function put(d: Draft, about: Session, profile: SessionProfile | null, now: number): void {
  const session = d.get('session', about.id);
  const stuck = isStuck(session);
  const after = d.put('session', { ...session, profile });
  if (stuck === isStuck(after)) return;
  const nas = aboutNas(d.get('nas', session.nas));
  if (stuck) lower(d, 'coa-unconfirmed', nas.ref, now);
  else raise(d, 'coa-unconfirmed', nas, `session ${printable(session.sid)}: ${profile?.outcome ?? ''}`, now, true);
}

function isStuck({ endedAt, profile }: Session): boolean {
  return endedAt === null && profile?.state === 'failed';
}

/** A session ends: what was in its way is in nobody's any more. To be called while it is open. */
export function leaveProfile(d: Draft, session: Session, now: number): void {
  if (isStuck(session)) lower(d, 'coa-unconfirmed', aboutNas(d.get('nas', session.nas)).ref, now);
}

function settle(
  d: Draft,
  about: Session,
  desired: Desired,
  now: number,
  fields: Partial<SessionProfile> & Pick<SessionProfile, 'state' | 'outcome'>,
): void {
  const { generation, profile } = desired;
  const before = d.get('session', about.id).profile;
  const same = before?.generation === generation ? before : null;
  const fresh = { attempts: 0, rejected: null, gardened: before?.gardened === true };
  put(d, about, { ...fresh, ...same, profile, generation, at: now, ...fields }, now);
}

/** As {@link settle} where no effect's end tells of it: the journal hears. */
function settleAloud(
  d: Draft,
  about: Session,
  desired: Desired,
  now: number,
  fields: Partial<SessionProfile> & Pick<SessionProfile, 'state' | 'outcome'>,
): void {
  const before = d.get('session', about.id).profile;
  const known = before?.generation === desired.generation && before.state === fields.state;
  settle(d, about, desired, now, fields);
  if (known && before.outcome === fields.outcome) return;
  const { subscriber, id, nas, vrf } = about;
  d.note({
    at: now,
    kind: 'session-profile',
    tenant: about.tenant,
    actor: 'addrd',
    subscriber,
    session: id,
    nas,
    vrf,
    code: fields.state,
    detail: { profile: desired.profile, because: fields.outcome },
  });
}

/** Whether an effect may have left: nobody knows what it did until its outcome is there. */
function mayHaveLeft(row: Outbox): boolean {
  return row.attempt > 0;
}

/** Takes back what an earlier suspend or reactivate ordered for a session. */
function supersede(d: Draft, about: Session, now: number): void {
  const { coa } = d.get('session', about.id);
  const row = coa === null ? null : d.get('outbox', coa);
  if (row === null || isDesired(d, row)) return;
  const gardened = row.desired?.profile === 'suspend' && mayHaveLeft(row);
  close(d, row, 'superseded', 'generation-passed', now);
  const session = d.get('session', about.id);
  if (gardened && session.profile !== null) put(d, session, { ...session.profile, gardened: true }, now);
}

/** Whether a session may be in the garden, so that it has to be told to leave it. */
function mayBeInGarden(session: Session, since: number, policy: Policy, entry: string): boolean {
  if (session.profile?.gardened === true || session.garden === true) return true;
  // AAA may have put it there, and its Class does not tell.
  const tells = (policy.nas.get(entry)?.profiles?.gardenClass ?? null) !== null;
  return !tells && session.firstSeenAt > since;
}

/** The Class of a session shows what AAA gave it, and nothing of what a CoA has changed since. */
function isInGardenByClass({ garden, profile }: Session): boolean {
  return garden === true && !(profile?.profile === 'resume' && profile.state === 'confirmed');
}

/**
 * Tells a session what its subscriber's state is, unless it knows: at most one effect, and none where it would say nothing
 * new. `suspendedSince` is when the suspension began that a reactivate ends. `approved`: the order was, and its effects with it.
 */
export function tell(
  d: Draft,
  about: Session,
  subscriber: Subscriber,
  now: number,
  policy: Policy,
  { approved = false, suspendedSince = now }: { approved?: boolean; suspendedSince?: number } = {},
): void {
  const desired = desiredOf(subscriber);
  if (desired === null || about.endedAt !== null) return;
  supersede(d, about, now);
  const session = d.get('session', about.id);
  const { entry } = d.get('nas', session.nas);
  const order = subscriber.service;
  const known = session.profile?.generation === desired.generation ? session.profile : null;
  if (known !== null && (known.state === 'confirmed' || known.rejected !== null || session.coa !== null)) return;
  if (desired.profile === 'suspend' && isInGardenByClass(session)) {
    settleAloud(d, session, desired, now, { state: 'confirmed', outcome: 'its Class is that of the garden' });
    return;
  }
  if (desired.profile === 'resume' && known === null && !mayBeInGarden(session, suspendedSince, policy, entry)) {
    settle(d, session, desired, now, { state: 'confirmed', outcome: 'it was not in the garden' });
    return;
  }
  if (order?.sendCoa !== true) {
    settleAloud(d, session, desired, now, { state: 'skipped', outcome: 'send_coa is false' });
    return;
  }
  const nas = policy.nas.get(entry);
  if (nas?.coa !== true) {
    const outcome = `no CoA address for NAS ${entry}; give its entry coa and say the order again`;
    settleAloud(d, session, desired, now, { state: 'failed', outcome });
    return;
  }
  if (nas.profiles?.[desired.profile] === true) send(d, session, 'nas.coa', desired, now, policy, approved);
  // Whoever came later was let in by AAA as it is now: to disconnect him would only bring him back.
  else if (order.sendDisconnect && session.firstSeenAt <= order.at)
    send(d, session, 'nas.disconnect', desired, now, policy, approved);
  else if (desired.profile === 'suspend' && session.firstSeenAt > (subscriber.suspendedAt ?? 0))
    settleAloud(d, session, desired, now, { state: 'skipped', outcome: 'no-profile' });
  else settleAloud(d, session, desired, now, { state: 'failed', outcome: noProfile(desired.profile, entry) });
}

/** Why a session is not told where the config has nothing that a CoA could say, and what is to be done. */
export function noProfile(profile: Profile, entry: string): string {
  const why = `no-profile: the entry ${entry} has no coa.${profile}`;
  return `${why}; give it one and say the order again, or say it with --disconnect`;
}

function send(
  d: Draft,
  session: Session,
  kind: EffectKind,
  desired: Desired,
  now: number,
  policy: Policy,
  approved: boolean,
): void {
  const attempts = (session.profile?.generation === desired.generation ? session.profile.attempts : 0) + 1;
  const acts = mayAct(d, policy, d.get('nas', session.nas).entry);
  const cut = kind === 'nas.disconnect' && session.disconnect !== null ? d.get('outbox', session.disconnect) : null;
  if (cut !== null) {
    // It is being disconnected already, which serves as well.
    if (cut.desired?.generation !== desired.generation) d.put('outbox', { ...cut, desired });
    const outcome = cut.batch === null ? null : awaits(cut.batch);
    settle(d, session, desired, now, { state: 'waiting', outcome, attempts });
    return;
  }
  const row = orderEffect(d, { kind, session, orders: [], desired, acts, approved }, now);
  d.note({
    at: now,
    kind: 'effect-ordered',
    tenant: session.tenant,
    actor: d.get('subscriber', desired.subscriber).service?.actor ?? 'addrd',
    subscriber: desired.subscriber,
    session: session.id,
    nas: session.nas,
    vrf: session.vrf,
    code: kind,
    detail: { outbox: row.id, status: row.status, profile: desired.profile },
  });
  const { profile } = session;
  // What has failed is shown so until an answer is better: an alarm that ended with each attempt would wake people each time.
  const failed = acts && profile?.generation === desired.generation && profile.state === 'failed';
  const state = acts ? 'waiting' : 'skipped';
  const shown = failed ? profile : ({ state, outcome: acts ? null : OBSERVED } as const);
  settle(d, session, desired, now, { state: shown.state, outcome: shown.outcome, attempts });
}

/** The outcome of what was only recorded. */
const OBSERVED = 'observed';
/** The NAS knows no such session (Error-Cause 503): it has ended, or is heard again. */
const UNKNOWN = 'nak-503';

/** A session has opened, or is known to be a subscriber's by now: it is told, where he is suspended. */
export function tellNew(d: Draft, session: Session, now: number, policy: Policy): void {
  if (session.subscriber === null || session.endedAt !== null) return;
  const subscriber = d.get('subscriber', session.subscriber);
  const { service } = subscriber;
  if (service === null) return;
  // One that began before its subscriber came back into service, and is heard of late, may be in the garden.
  const late = subscriber.suspendedAt === null && session.garden === true && session.startedAt <= service.at;
  if (subscriber.suspendedAt !== null || late) tell(d, session, subscriber, now, policy);
}

/** Hears the Class of a session: one that has changed may show that AAA or the NAS has done what was wanted. */
export function hearClass(d: Draft, about: Session, event: AccountingEvent, nas: Nas, policy: Policy): Session {
  const garden = isGarden(event, nas, policy);
  if (garden === null || garden === about.garden) return about;
  const session = d.put('session', { ...d.get('session', about.id), garden });
  const { profile } = session;
  const fits = profile !== null && (profile.profile === 'suspend') === garden;
  if (!fits || profile.state === 'confirmed' || session.subscriber === null) return session;
  const desired = desiredOf(d.get('subscriber', session.subscriber));
  if (desired?.generation !== profile.generation) return session;
  const outcome = garden ? 'its Class is that of the garden' : 'its Class is that of the garden no more';
  settleAloud(d, session, desired, event.receivedAt, { state: 'confirmed', outcome, gardened: garden });
  const pending = session.coa === null ? null : d.get('outbox', session.coa);
  if (pending !== null) close(d, pending, 'superseded', 'confirmed-by-class', event.receivedAt);
  return d.get('session', session.id);
}

/** Why a session that was not told may be told now, or null: some time later, as often as a Disconnect is renewed. */
function mayRenew(d: Draft, { profile, coa }: Session, entry: string, now: number, policy: Policy): boolean {
  if (profile === null || coa !== null || profile.rejected !== null) return false;
  if (profile.outcome === OBSERVED) return mayAct(d, policy, entry);
  const { count, windowMs } = policy.disconnect;
  const untold = profile.state === 'failed' || profile.outcome === UNKNOWN;
  return untold && profile.attempts < count && now - profile.at > windowMs;
}

/** A session that could not be told is heard: it is told again. */
export function tellAgain(d: Draft, session: Session, nas: Nas, now: number, policy: Policy): void {
  if (session.subscriber === null || !mayRenew(d, session, nas.entry, now, policy)) return;
  const subscriber = d.get('subscriber', session.subscriber);
  if (subscriber.generation === session.profile?.generation) tell(d, session, subscriber, now, policy);
}

/** What became of an attempt, or of an effect, that serves a suspension. */
export function settleProfile(
  d: Draft,
  row: Outbox,
  fields: Pick<SessionProfile, 'state' | 'outcome'> & Partial<Pick<SessionProfile, 'rejected'>>,
  now: number,
): void {
  if (row.desired === null || !isDesired(d, row)) return;
  const { profile }: { profile: Profile } = row.desired;
  const session = d.get('session', row.session);
  if (session.endedAt !== null) return;
  const told = row.kind === 'nas.coa' && fields.state === 'confirmed';
  settle(d, session, row.desired, now, { ...fields, ...(told ? { gardened: profile === 'suspend' } : {}) });
}

/** What the NAS said. A bare NAK may be half done: accel-ppp was seen to change a rate and refuse. */
export function answerProfile(d: Draft, row: Outbox, outcome: string, now: number, policy: Policy): void {
  if (outcome === 'nak') mayHaveActed(d, row, now);
  const what = row.kind === 'nas.coa' ? 'CoA' : 'Disconnect';
  const attempts = d.get('session', row.session).profile?.attempts ?? 0;
  if (outcome === 'ack') settleProfile(d, row, { state: 'confirmed', outcome }, now);
  else if (outcome === UNKNOWN && attempts < policy.disconnect.count)
    settleProfile(d, row, { state: 'skipped', outcome }, now);
  else settleProfile(d, row, { state: 'failed', outcome: `the NAS refused the ${what} (${outcome})` }, now);
}

/** An attempt has ended in a way that leaves open whether the NAS acted: the session may be in the garden. */
export function mayHaveActed(d: Draft, row: Outbox, now: number): void {
  if (row.kind !== 'nas.coa' || row.desired?.profile !== 'suspend') return;
  const session = d.get('session', row.session);
  if (session.profile !== null) put(d, session, { ...session.profile, gardened: true }, now);
}
