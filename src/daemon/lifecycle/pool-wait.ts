/** The wait of what a pool hands out anew: whether everybody who may be on it has had the time to show himself. */
import { formatAddress } from './address.js';
import { horizonOf, isMaintained, maintenanceBar } from './braking.js';
import type { Draft } from './draft.js';
import type { Policy } from './policy.js';
import type { Pool } from './records.js';
import { isoTime } from './time.js';

/** When a wait is worth another look, and why that may not be its end; null where it is, unless a gap or another growth comes. */
export interface Wait {
  readonly until: number;
  readonly because: string | null;
}

/** Before the first session of the first NAS. */
const FROM_THE_START = { nas: 0, after: new Uint8Array() };

/** Has pools whose wait begins now looked at when it ends, and the sessions that never report at once. */
export function beginWaits(d: Draft, now: number): void {
  for (const id of d.pools()) {
    const pool = d.get('pool', id);
    if (pool.retiredAt !== null || pool.unsureSince !== now) continue;
    d.put('pool', { ...pool, survey: FROM_THE_START });
    d.put('deadline', { kind: 'pool-wait', ref: String(id), dueAt: now });
  }
}

/** The wait of a pool that is not over yet, or null. */
export function waitOf(d: Draft, pool: Pool, now: number, policy: Policy): Wait | null {
  const { unsureSince: since, survey, vrf } = pool;
  if (since === null) return null;
  const until = since + policy.interimRoundMs;
  if (now < until) return { because: null, until };
  if (survey !== null) return { because: 'addrd is looking who may be on it', until: now + policy.heardStepMs };
  return unheard(d, vrf, since, now, policy);
}

/**
 * The NAS of a VRF that is to be heard for longest yet until it has been for a whole interim round since `since`. One that has
 * no session, had none then, or was not heard for so long that it has been taken away is not waited for, nor one that sends
 * no Interims: that it is heard shows nobody.
 */
function unheard(d: Draft, vrf: number, since: number, now: number, policy: Policy): Wait | null {
  const maintained = isMaintained(d, now, policy);
  let latest: Wait | null = null;
  for (const id of d.nasesIn(vrf)) {
    const nas = d.get('nas', id);
    if (nas.createdAt > since || now - nas.heardUntil > policy.forgottenNasMs) continue;
    if (policy.nas.get(nas.entry)?.interim === 'none' || d.openSessions(id, 1) === 0) continue;
    const until = Math.max(since, nas.heardSince, horizonOf(d, id)) + policy.interimRoundMs;
    const name = `NAS ${formatAddress(nas.address)}`;
    let bar: Wait | null = maintained ? maintenanceBar(d, nas, since, now, policy) : null;
    if (bar === null && now < until) {
      bar = { because: `${name} is heard since ${isoTime(nas.heardSince)}`, until };
    } else if (bar === null && nas.heardUntil < until - policy.heardStepMs) {
      bar = { because: `${name} was last heard at ${isoTime(nas.heardUntil)}`, until: now + policy.interimRoundMs };
    }
    if (bar !== null && (latest === null || bar.until > latest.until)) latest = bar;
  }
  return latest;
}
