/** Accounting-On and -Off, and the grace in which sessions confirm themselves (SEMANTICS, "Sessions and NAS restarts"). */
import { APPLIED, endSession, evaluateAll } from './accounting.js';
import { aboutNas, clear, raiseOfNas } from './alarms.js';
import { maintenanceOf } from './braking.js';
import type { Draft } from './draft.js';
import type { NasEvent } from './events.js';
import { hear, TOO_MANY_NASES } from './hearing.js';
import { isBehind } from './instance.js';
import type { Policy } from './policy.js';
import { epochKey, KEY_OF } from './keys.js';
import type { Nas } from './nas-records.js';
import { sentAt } from './skew.js';
import type { Verdict } from './world.js';

/** Accounting-On and -Off: a new epoch in constant time; sessions confirm themselves or are closed when a grace ends. */
export function beginEpoch(d: Draft, event: NasEvent, policy: Policy): Verdict {
  const nas = hear(d, event, policy);
  if (nas === null) return TOO_MANY_NASES;
  const means = policy.nas.get(nas.entry)?.accountingOn ?? 'restart';
  if (means === 'partial') return { verdict: 'applied', code: 'partial', detail: null, reply: null };
  const last = nas.epoch === 0 ? null : (d.find('epoch', epochKey(nas.id, nas.epoch))?.at ?? nas.epochAt);
  const sent = sentAt(event, nas, last ?? 0, policy.nas.get(nas.entry)?.interim === 'none');
  if (last !== null && Math.abs(sent.at - last) < policy.epochRepeatMs) {
    return { verdict: 'duplicate', code: 'same-epoch', detail: null, reply: null };
  }
  // Sent before the one that began this epoch: it says nothing of the sessions since. Unless our clock was set back.
  if (last !== null && sent.at < last && event.receivedAt >= nas.epochReceivedAt) {
    return { verdict: 'stale', code: 'older-than-epoch', detail: null, reply: null };
  }
  const next = d.put('nas', {
    ...nas,
    epoch: nas.epoch + 1,
    epochAt: sent.earliest,
    epochReceivedAt: event.receivedAt,
  });
  d.put('epoch', { nas: next.id, epoch: next.epoch, cause: event.kind, at: sent.at, receivedAt: event.receivedAt });
  // In a maintenance it is noted, and the grace begins when that ends.
  const from = maintenanceOf(d, nas.id)?.until ?? event.receivedAt;
  d.put('deadline', { kind: 'epoch-grace', ref: KEY_OF.nas(next), dueAt: from + policy.epochGraceMs });
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
  if (d.unconfirmed(next.id, next.epoch, 1).length > 0) {
    raiseOfNas(d, 'restart-storm', next, `${event.kind}, epoch ${String(next.epoch)}`, event.receivedAt);
  }
  return APPLIED;
}

/**
 * When to look again whether a grace is over, or null where it is: it is time in which addrd listened and, unless the NAS has
 * said that its sessions are gone, in which it was heard for an interim round: across a gap, and while it is mute, nobody can
 * show himself. One that was not heard for long enough has been taken away.
 */
function graceLasts(d: Draft, nas: Nas, rebooted: boolean, now: number, policy: Policy): number | null {
  const listening = d.find('meta', 'listening_since')?.value ?? 0;
  // Nor is one waited for that sends no Interims: that it is heard shows nobody.
  const shows = !rebooted && policy.nas.get(nas.entry)?.interim !== 'none';
  const isWaitedFor = shows && now - nas.heardUntil < policy.forgottenNasMs;
  const from = Math.max(nas.epochReceivedAt, listening, isWaitedFor ? nas.heardSince : 0);
  const until = from + policy.epochGraceMs;
  if (from > nas.epochReceivedAt && now < until) return until;
  const heard = from + Math.min(policy.epochGraceMs, policy.interimRoundMs) - policy.heardStepMs;
  return isWaitedFor && nas.heardUntil < heard ? now + policy.interimRoundMs : null;
}

/** Closes, as inferred, a slice of the sessions that no packet confirmed since the NAS's epoch began. */
export function endGrace(d: Draft, nasId: number, now: number, policy: Policy): Verdict {
  const nas = d.get('nas', nasId);
  const rebooted = policy.nas.get(nas.entry)?.accountingOn === 'reboot';
  const later = graceLasts(d, nas, rebooted, now, policy);
  if (later !== null) {
    d.put('deadline', { kind: 'epoch-grace', ref: KEY_OF.nas(nas), dueAt: later });
    return APPLIED;
  }
  const slice = d.unconfirmed(nas.id, nas.epoch);
  for (const id of slice) {
    const session = d.get('session', id);
    if (session.endedAt !== null || session.epoch >= nas.epoch) continue;
    if (!isBehind(session, nas)) {
      d.put('session', { ...session, epoch: nas.epoch });
      continue;
    }
    const end = { at: d.get('usage', id).updatedAt, receivedAt: now, kind: 'inferred' as const, terminateCause: null };
    const left = endSession(d, session, end, policy, rebooted ? 'nas-rebooted' : 'inferred');
    evaluateAll(d, left, now, policy);
    d.note({
      at: now,
      kind: 'session-inferred-end',
      tenant: session.tenant,
      actor: 'addrd',
      subscriber: session.subscriber,
      session: id,
      nas: nas.id,
      vrf: session.vrf,
      code: 'epoch-grace',
    });
  }
  const ref = KEY_OF.nas(nas);
  if (slice.length > 0) d.put('deadline', { kind: 'epoch-grace', ref, dueAt: now });
  else {
    d.drop('deadline', `epoch-grace/${ref}`);
    clear(d, 'restart-storm', aboutNas(nas).ref, now);
  }
  return APPLIED;
}
