/** Whether an address is known to be idle, and why: the only ground on which one is freed. */
import type { Draft } from './draft.js';
import { formatAddress, formatPrefix, sameBytes } from './address.js';
import { horizonOf, isMaintained, maintenanceBar, maintenanceBarOf, maintenanceOf, type Bar } from './braking.js';
import { isBehind } from './instance.js';
import { epochKey } from './keys.js';
import { printable } from './octets.js';
import type { Nas } from './nas-records.js';
import { longestPause, type Policy } from './policy.js';
import { isoTime } from './time.js';
import type { Assignment, EvidenceKind, PoolFree, Session, SessionUsage, Witness } from './records.js';

/**
 * Idle with its ground; or not yet, with the reason and the time at which time alone may settle it (null: it cannot).
 * `mute`: the silence of the session that is named can prove nothing.
 */
export type Proof =
  | { readonly idle: true; readonly kind: EvidenceKind; readonly detail: string }
  | { readonly idle: false; readonly because: string; readonly recheckAt: number | null; readonly mute?: boolean };

type Silence =
  { readonly proven: true } | { readonly proven: false; because: string; recheckAt: number | null; mute?: boolean };

function unusable(why: string): Silence {
  return { proven: false, because: `silence: unusable, ${why}`, recheckAt: null, mute: true };
}

/**
 * Whether a session has been silent for so long that it is gone: enough Interims before, several times its largest
 * gap since, within the horizon, while its NAS was heard otherwise.
 */
function silence(d: Draft, session: Session, horizon: number, now: number, policy: Policy): Silence {
  const usage = d.get('usage', session.id);
  const nas = d.get('nas', session.nas);
  if (policy.nas.get(nas.entry)?.interim === 'none') {
    return unusable(`${nas.entry} sends no Interims`);
  }
  const { interims: needed } = policy.silence;
  if (usage.interims < needed) {
    return unusable(`${String(usage.interims)} Interims seen, ${String(needed)} are needed`);
  }
  const from = Math.max(usage.updatedAt, horizon, nas.heardSince, horizonOf(d, nas.id));
  // A pause of its NAS that was too short to be noticed proves nothing, and a burst of Interims at the start is no rhythm.
  const until = from + Math.max(policy.silence.factor * usage.maxGapMs, longestPause(policy) + usage.maxGapMs);
  if (now < until) return { proven: false, because: `silent only since ${isoTime(from)}`, recheckAt: until };
  if (nas.heardUntil < until) {
    const because = `NAS ${formatAddress(nas.address)} itself was last heard at ${isoTime(nas.heardUntil)}`;
    return { proven: false, because, recheckAt: now + policy.interimRoundMs };
  }
  return { proven: true };
}

/** Whether a session reported so that its silence can prove anything. */
export function canFallSilent(d: Draft, session: Session, policy: Policy): boolean {
  if (policy.nas.get(d.get('nas', session.nas).entry)?.interim === 'none') return false;
  return d.get('usage', session.id).interims >= policy.silence.interims;
}

/** How long an address rests after a session whose end nobody saw, where its silence can show nothing. */
export const UNSURE_REST_MS = 86_400_000;

/** Until when a unit rests, or when to look again, since a session may be on it still; null where none may. */
export function doubtedUntil(d: Draft, past: PoolFree, now: number, policy: Policy): number | null {
  const untils = past.doubted.flatMap((id) => thereUntil(d, d.get('session', id), past, now, policy) ?? []);
  return untils.length === 0 ? null : Math.max(...untils);
}

/**
 * As {@link doubtedUntil}, of one session. Its silence shows that it is gone; where that can show nothing, a unit has rested
 * long enough after a while. One whose end is known leaves the unit like any other.
 */
function thereUntil(d: Draft, session: Session, past: PoolFree, now: number, policy: Policy): number | null {
  const { id, endKind, endReceivedAt } = session;
  const after = (at: number): number | null => (now < at ? at : null);
  if (endKind !== null && endKind !== 'inferred') {
    return after((endReceivedAt ?? 0) + d.get('pool', past.pool).quarantineMs);
  }
  const quiet = silence(d, session, d.find('meta', 'listening_since')?.value ?? now, now, policy);
  if (quiet.proven) return null;
  if (endKind !== null) return quiet.recheckAt ?? after((endReceivedAt ?? 0) + UNSURE_REST_MS);
  const rested = after(Math.max(d.get('usage', id).updatedAt, past.leftAt) + UNSURE_REST_MS);
  // It may end before.
  return rested === null ? null : Math.min(rested, now + policy.interimRoundMs);
}

/** Since when a session is silent as far as addrd could hear it: its last report, or later, where nobody listened. */
function silentSince(d: Draft, session: Session): number {
  const horizon = d.find('meta', 'listening_since')?.value ?? 0;
  const { heardSince, id } = d.get('nas', session.nas);
  return Math.max(d.get('usage', session.id).updatedAt, horizon, heardSince, horizonOf(d, id));
}

/**
 * How long a session may be silent before it is stale, milliseconds: two interim rounds and, where it had a rhythm, no less
 * than the pause of the silence rule.
 */
export function stalePause(
  { interims, maxGapMs }: Pick<SessionUsage, 'interims' | 'maxGapMs'>,
  policy: Pick<Policy, 'interimRoundMs' | 'silence'>,
): number {
  const rounds = 2 * policy.interimRoundMs;
  const rhythm = Math.max(policy.silence.factor * maxGapMs, longestPause(policy) + maxGapMs);
  return interims < policy.silence.interims ? rounds : Math.max(rounds, rhythm);
}

/**
 * From when on an open session is stale, should it not report: no proof that it ended, but where another stands on its
 * address at the same NAS, that one is believed. Null while its NAS is in maintenance, and of a NAS that sends no Interims.
 */
export function staleAt(d: Draft, session: Session, policy: Policy): number | null {
  if (maintenanceOf(d, session.nas) !== null) return null;
  if (policy.nas.get(d.get('nas', session.nas).entry)?.interim === 'none') return null;
  return silentSince(d, session) + stalePause(d.get('usage', session.id), policy);
}

/** Whether an open session was not seen since its NAS restarted. In a maintenance nobody is suspect. */
export function isSuspect(d: Draft, session: Session): boolean {
  return isBehind(session, d.get('nas', session.nas)) && maintenanceOf(d, session.nas) === null;
}

/**
 * Until when a tenure may not be ended by force, since a session was on it that no Stop has ended: two interim rounds
 * after its last report, or after the maintenance of its NAS. Null where nobody was there so lately.
 */
export function seenUntil(d: Draft, assignment: Assignment, now: number, policy: Policy): number | null {
  let until = 0;
  for (const { ref, closedAt, closeKind } of d.witnessesOf(assignment.id)) {
    if (closedAt !== null && closeKind !== 'inferred') continue;
    const session = d.get('session', ref);
    // In a maintenance nobody can say how lately: it counts from when that ends.
    const silent = Math.max(silentSince(d, session), maintenanceOf(d, session.nas)?.until ?? 0);
    until = Math.max(until, silent + 2 * policy.interimRoundMs);
  }
  return now < until ? until : null;
}

/** Who stands on an address that is not his. What another tenant has is not told: that it is another's is. */
function strangerOf(d: Draft, witness: Witness): string {
  return isAnothers(d, witness)
    ? 'a session of another tenant'
    : `session ${printable(d.get('session', witness.ref).sid)}`;
}

function isAnothers(d: Draft, { ref, assignment }: Witness): boolean {
  return d.get('session', ref).tenant !== d.get('assignment', assignment).tenant;
}

function openWitness(d: Draft, witness: Witness, horizon: number, now: number, policy: Policy): Silence {
  const session = d.get('session', witness.ref);
  if (witness.standing === 'contested') {
    return { proven: false, because: `contested by ${strangerOf(d, witness)}`, recheckAt: null };
  }
  const name = `session ${printable(session.sid)}`;
  if (witness.answer === null) return { proven: false, because: `${name} is open`, recheckAt: null };
  const quiet = silence(d, session, horizon, now, policy);
  return quiet.proven
    ? quiet
    : { ...quiet, because: `${name} answered ${witness.answer} and sent no Stop; ${quiet.because}` };
}

/** Of a session that did not show itself after its NAS restarted: whether its silence shows by now that it is gone. */
function inferredWitness(d: Draft, witness: Witness, horizon: number, now: number, policy: Policy): Silence {
  const session = d.get('session', witness.ref);
  const quiet = silence(d, session, horizon, now, policy);
  if (quiet.proven) return quiet;
  const { subscriber, nas, epoch } = session;
  const whose = subscriber === null ? '' : ` of ${d.get('subscriber', subscriber).name}`;
  const restart = d.find('epoch', epochKey(nas, epoch + 1));
  const when = restart === null ? '' : ` after the NAS restart of ${isoTime(restart.at)}`;
  if (isAnothers(d, witness)) return { ...quiet, because: `${strangerOf(d, witness)}: its end was only inferred` };
  const name = `${strangerOf(d, witness)}${whose} on ${d.get('nas', nas).entry}`;
  return { ...quiet, because: `${name}: its end was only inferred${when}; ${quiet.because}` };
}

function waiting(because: string, recheckAt: number | null, mute = false): Proof {
  return { idle: false, because, recheckAt, mute };
}

/**
 * Why a NAS cannot tell whether somebody came before the horizon: it sends no Interims, so that nobody who is there shows
 * himself. Null where that is not so, or where it has begun anew since and keeps no session over that.
 */
function unshown(nas: Nas, horizon: number, policy: Policy): string | null {
  const { interim, accountingOn } = policy.nas.get(nas.entry) ?? {};
  if (interim !== 'none' || (accountingOn === 'reboot' && nas.epochAt >= horizon)) return null;
  return `addrd did not listen until ${isoTime(horizon)}, and ${nas.entry} sends no Interims`;
}

/** As {@link unshown}, of an assignment whose sessions have all ended, unless one of them lasted until after the horizon. */
function unshownAgain(d: Draft, witnesses: readonly Witness[], horizon: number, policy: Policy): string | null {
  let because: string | null = null;
  for (const { standing, ref, closedAt } of witnesses) {
    if (standing !== 'held') continue;
    const { nas, endedAt } = d.get('session', ref);
    // A Stop that the NAS has kept ends it when it was sent.
    if (Math.min(closedAt ?? Infinity, endedAt ?? Infinity) >= horizon) return null;
    because ??= unshown(d.get('nas', nas), horizon, policy);
  }
  return because;
}

function neverSeen(d: Draft, assignment: Assignment, horizon: number, now: number, policy: Policy): Proof {
  const since = assignment.allocatedAt ?? assignment.createdAt;
  const from = Math.max(since, horizon);
  const round = from + policy.interimRoundMs;
  if (now < round) return waiting(`never seen; one interim round ends at ${isoTime(round)}`, round);
  const maintained = isMaintained(d, now, policy);
  // Each restart of addrd would take some more offers out of a pool for good.
  const isOffer = assignment.activatedAt === null && d.get('pool', assignment.pool).kind !== 'static';
  const restedAt = isOffer ? horizon + UNSURE_REST_MS : Infinity;
  // A NAS that the pool serves and that was never heard may have a wrong secret; that another one was heard proves nothing.
  const unheard = new Set(policy.pools.find(({ id }) => id === assignment.pool)?.nas);
  let heard = 0;
  for (const id of d.nasesIn(assignment.vrf)) {
    const nas = d.get('nas', id);
    const isOwn = nas.tenant === assignment.tenant;
    if (isOwn) unheard.delete(nas.entry);
    if (now - nas.heardUntil > policy.forgottenNasMs) continue;
    if (isOwn) heard++;
    const bar = maintained ? maintenanceBar(d, nas, from, now, policy) : null;
    if (bar !== null) return waiting(`never seen; ${bar.because}`, bar.until);
    const hidden = horizon > since ? unshown(nas, horizon, policy) : null;
    if (hidden !== null && now < restedAt) {
      const rests = restedAt === Infinity ? '' : `; it rests until ${isoTime(restedAt)}`;
      return waiting(`never seen, but ${hidden}${rests}`, Math.min(now + policy.interimRoundMs, restedAt));
    }
    // Who has no session has nothing to report.
    if (d.openSessions(nas.id, 1) === 0) continue;
    const until = Math.max(from, nas.heardSince) + policy.interimRoundMs;
    if (now < until) return waiting(`never seen; one interim round ends at ${isoTime(until)}`, until);
    if (nas.heardUntil < until - policy.heardStepMs) {
      const because = `never seen, but NAS ${formatAddress(nas.address)} was last heard at ${isoTime(nas.heardUntil)}`;
      return waiting(because, now + policy.interimRoundMs);
    }
  }
  // With a wrong secret, or a NAS that reports elsewhere, addrd hears nobody, and that proves nothing.
  if (heard === 0) return waiting('never seen, but no NAS was heard at all', now + policy.interimRoundMs);
  if (unheard.size > 0) {
    const because = `never seen, but NAS ${[...unheard].join(', ')} of its pool was never heard`;
    return waiting(because, now + policy.interimRoundMs);
  }
  return { idle: true, kind: 'never-seen', detail: `no session since ${isoTime(from)}` };
}

/** What proves nothing of the subnets that ride on the address. */
const UNPROVEN: ReadonlySet<EvidenceKind> = new Set(['operator', 'superseded', 'reclaimed']);

/** A routed subnet that no session ever had is idle when its parent was found to be: nothing else brings it to its subscriber. */
function withParent(d: Draft, { parent }: Assignment): Proof | null {
  const row = parent === null ? null : d.get('assignment', parent);
  const evidence = row?.evidence ?? null;
  if (row === null || evidence === null || UNPROVEN.has(evidence.kind)) return null;
  return { idle: true, kind: evidence.kind, detail: `with ${formatPrefix(row.prefix)}: ${evidence.detail}` };
}

/** Until when nothing may be freed that began at `since`, with the reason; null where nothing forbids it. */
export function barred(d: Draft, since: number, now: number, policy: Policy): Bar | null {
  const alive = d.find('meta', 'alive_at')?.value ?? now;
  if (alive > now + policy.gapToleranceMs) {
    return { because: `the clock is behind: addrd was alive at ${isoTime(alive)}`, until: alive };
  }
  // Across a gap somebody may have appeared unseen; one interim round shows everybody who is there.
  const horizon = d.find('meta', 'listening_since')?.value ?? now;
  const until = horizon + policy.interimRoundMs;
  if (horizon <= since || now >= until) return null;
  return {
    because: `addrd did not listen until ${isoTime(horizon)}; one interim round ends at ${isoTime(until)}`,
    until,
  };
}

/** Whether two sessions are of one person, as far as addrd knows. */
function isOnes(a: Session, b: Session): boolean {
  if (a.subscriber !== null && a.subscriber === b.subscriber) return true;
  return a.username !== null && b.username !== null && sameBytes(a.username, b.username);
}

/**
 * Whether the end of a session that was only inferred is proven by a later one of the same person on the same NAS: one that
 * began after the restart that made it suspect, and after its last report. One that was there beside it proves nothing, nor
 * does one stranger of another.
 */
function isSucceeded(d: Draft, witness: Witness, all: readonly Witness[]): boolean {
  const before = d.get('session', witness.ref);
  const { id, nas, epoch } = before;
  const restart = d.find('epoch', epochKey(nas, epoch + 1));
  if (restart === null) return false;
  const { updatedAt } = d.get('usage', id);
  return all.some((later) => {
    if (later.standing !== witness.standing || later.ref <= id || later.closeKind !== 'stop') return false;
    const session = d.get('session', later.ref);
    if (witness.standing === 'contested' && !isOnes(before, session)) return false;
    return session.nas === nas && session.firstSeenAt > updatedAt && session.startedAt > restart.at;
  });
}

/** A stranger whose silence can show nothing is gone after a while, as where he stood on what nobody held. */
function rested(d: Draft, quiet: Silence, witness: Witness, closedAt: number, now: number): Silence {
  if (quiet.proven || quiet.recheckAt !== null) return quiet;
  const until = closedAt + UNSURE_REST_MS;
  const because = `contested by ${strangerOf(d, witness)}, whose end was only inferred; it rests until ${isoTime(until)}`;
  return now < until ? { proven: false, because, recheckAt: until } : { proven: true };
}

/** Looks at every witness of an assignment (SEMANTICS, "Evidence that an address is idle"). */
export function idleProof(d: Draft, assignment: Assignment, now: number, policy: Policy): Proof {
  const since = assignment.allocatedAt ?? assignment.createdAt;
  const bar = barred(d, since, now, policy) ?? maintenanceBarOf(d, assignment.id, since, now, policy);
  if (bar !== null) return waiting(bar.because, bar.until);
  const horizon = d.find('meta', 'listening_since')?.value ?? now;
  const witnesses = d.witnessesOf(assignment.id);
  let answered: Witness['answer'] = null;
  let recheckAt: number | null = null;
  let because: string | null = null;
  let mute = false;
  let last: Witness | null = null;
  for (const witness of witnesses) {
    let quiet: Silence = { proven: true };
    if (witness.closedAt === null) {
      quiet = openWitness(d, witness, horizon, now, policy);
      answered = witness.answer ?? answered;
    } else {
      if (witness.closeKind === 'inferred' && !isSucceeded(d, witness, witnesses)) {
        quiet = inferredWitness(d, witness, horizon, now, policy);
        if (witness.standing === 'contested') quiet = rested(d, quiet, witness, witness.closedAt, now);
      }
      if (witness.standing === 'held' && (last === null || witness.closedAt >= (last.closedAt ?? 0))) last = witness;
    }
    if (!quiet.proven) {
      if (because === null) ({ because, mute = false } = quiet);
      if (quiet.recheckAt !== null) recheckAt = Math.max(recheckAt ?? 0, quiet.recheckAt);
    }
  }
  if (because !== null) return waiting(because, recheckAt, mute);
  if (answered !== null) return { idle: true, kind: `${answered}+silence`, detail: 'every open session fell silent' };
  if (last === null) return withParent(d, assignment) ?? neverSeen(d, assignment, horizon, now, policy);
  const name = `session ${printable(d.get('session', last.ref).sid)}`;
  const hidden = horizon > since ? unshownAgain(d, witnesses, horizon, policy) : null;
  if (hidden !== null) return waiting(`${name} had ended, but ${hidden}`, now + policy.interimRoundMs);
  const endedAt = last.closedAt ?? 0;
  return last.closeKind === 'stop' && endedAt >= (assignment.revokingAt ?? 0)
    ? { idle: true, kind: 'stop', detail: `${name} stopped at ${isoTime(endedAt)}` }
    : {
        idle: true,
        kind: 'no-live-witness',
        detail: `${name} had ${last.closeKind === 'address-changed' ? 'left it' : 'ended'} at ${isoTime(endedAt)}`,
      };
}
