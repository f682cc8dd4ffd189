/** Which NAS a packet is from, and that it was heard. */
import type { Draft } from './draft.js';
import type { AccountingEvent, NasEvent, OddPacketEvent } from './events.js';
import { enterMaintenance } from './maintenance.js';
import { longestPause, type Policy } from './policy.js';
import type { Nas } from './nas-records.js';
import { measure, UNMEASURED, watchClock } from './skew.js';
import type { Verdict } from './world.js';

/** What is said of a packet whose NAS is one too many. */
export const TOO_MANY_NASES: Verdict = { verdict: 'refused', code: 'too-many-nases', detail: null, reply: null };

/** Whether an entry whose packets name their NASes has admitted as many as it may: a peer that lies would name ever more. */
function isOneTooMany(d: Draft, { nas, entry }: AccountingEvent | NasEvent | OddPacketEvent, policy: Policy): boolean {
  if (nas.kind === 'source-address') return false;
  const most = policy.nas.get(entry)?.mostNases;
  return most !== undefined && d.reportedNases(entry, most) >= most;
}

/**
 * The NAS of a packet, created when its config entry admits it for the first time, and that it was heard; null where it is
 * one too many for its entry.
 */
export function hear(d: Draft, event: AccountingEvent | NasEvent | OddPacketEvent, policy: Policy): Nas | null {
  const now = event.receivedAt;
  const id = d.nasOf(event.nas);
  if (id === null) {
    if (isOneTooMany(d, event, policy)) return null;
    const fresh: Nas = {
      ...event.nas,
      id: d.nextId('nas'),
      entry: event.entry,
      vrf: policy.nas.get(event.entry)?.vrf ?? 0,
      address: event.address ?? event.source,
      epoch: 0,
      epochReceivedAt: 0,
      epochAt: 0,
      heardSince: now,
      heardUntil: now,
      ...UNMEASURED,
      createdAt: now,
    };
    const nas = d.put('nas', { ...fresh, ...measure(fresh, event, policy, true) });
    enterMaintenance(d, nas, event.source, now, policy);
    return nas;
  }
  const nas = d.get('nas', id);
  const vrf = policy.nas.get(event.entry)?.vrf ?? nas.vrf;
  // Not for each packet, even where two proxies take turns to bring them.
  const writing = now - nas.heardUntil >= policy.heardStepMs || nas.vrf !== vrf;
  const skew = measure(nas, event, policy, writing);
  if (!writing && skew === null) return nas;
  const paused = now - nas.heardUntil > longestPause(policy);
  const heardSince = paused ? now : nas.heardSince;
  if (paused) d.put('gap', { nas: id, since: nas.heardUntil, until: now });
  const address = event.address ?? event.source;
  const heard = { ...nas, ...skew, entry: event.entry, vrf, address, heardSince, heardUntil: now };
  watchClock(d, heard, now);
  return d.put('nas', heard);
}
