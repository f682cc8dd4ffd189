/** Which brakes are set, and what they forbid. Setting and releasing them is in `freeze.ts` and `maintenance.ts`. */
import type { Brake } from './brake.js';
import type { Draft } from './draft.js';
import type { Policy } from './policy.js';
import type { Nas } from './nas-records.js';
import { isoTime } from './time.js';

/** Nothing may be freed that began before; why, and when it is worth another look. */
export interface Bar {
  readonly because: string;
  readonly until: number;
}

/** The freeze that is in force, or null. */
export function freezeOf(d: Draft): Brake | null {
  const brake = d.find('brake', 'freeze/daemon');
  return brake?.endedAt === null ? brake : null;
}

/** A freeze in words: who, since when, why. */
export function frozenBy({ actor, since, reason }: Pick<Brake, 'actor' | 'since' | 'reason'>): string {
  return `frozen by ${actor} since ${isoTime(since)}: ${reason}`;
}

/** The maintenance of a NAS that goes on, or null. */
export function maintenanceOf(d: Draft, nas: number): Brake | null {
  const brake = d.find('brake', `maintenance/${String(nas)}`);
  return brake?.endedAt === null ? brake : null;
}

/** When the last maintenance of a NAS ended: what it did not report until then proves nothing. 0 where it had none. */
export function horizonOf(d: Draft, nas: number): number {
  return d.find('brake', `maintenance/${String(nas)}`)?.endedAt ?? 0;
}

/**
 * Whether a maintenance of a NAS forbids to free what began at `since`: until it has ended and one interim round after it
 * was heard, as after a gap.
 */
export function maintenanceBar(d: Draft, nas: Nas, since: number, now: number, policy: Policy): Bar | null {
  const brake = d.find('brake', `maintenance/${String(nas.id)}`);
  if (brake === null) return null;
  const { endedAt } = brake;
  if (endedAt === null) {
    const because = `NAS ${nas.entry} is in maintenance until ${isoTime(brake.until ?? now)}`;
    return { because, until: Math.min(brake.until ?? now, now) + policy.interimRoundMs };
  }
  const until = endedAt + policy.interimRoundMs;
  if (endedAt <= since || now >= until) return null;
  const because = `NAS ${nas.entry} was in maintenance until ${isoTime(endedAt)}; one interim round ends at ${isoTime(until)}`;
  return { because, until };
}

/** Whether any maintenance may matter now: most of the time none does, and nobody needs to look for one. */
export function isMaintained(d: Draft, now: number, policy: Policy): boolean {
  const last = d.find('meta', 'maintained_until');
  return last !== null && now < last.value + policy.interimRoundMs;
}

/** As {@link maintenanceBar}, for every NAS on which a session stood on an assignment. */
export function maintenanceBarOf(d: Draft, assignment: number, since: number, now: number, policy: Policy): Bar | null {
  if (!isMaintained(d, now, policy)) return null;
  const nases = new Set(d.witnessesOf(assignment).map(({ ref }) => d.get('session', ref).nas));
  return latestBar(d, nases, since, now, policy);
}

/** As {@link maintenanceBar}, for every NAS of a VRF: of a unit that nobody held, nobody knows on which ones he was who left it. */
export function maintenanceBarIn(d: Draft, vrf: number, since: number, now: number, policy: Policy): Bar | null {
  return isMaintained(d, now, policy) ? latestBar(d, d.nasesIn(vrf), since, now, policy) : null;
}

function latestBar(d: Draft, nases: Iterable<number>, since: number, now: number, policy: Policy): Bar | null {
  let latest: Bar | null = null;
  for (const id of nases) {
    const bar = maintenanceBar(d, d.get('nas', id), since, now, policy);
    if (bar !== null && (latest === null || bar.until > latest.until)) latest = bar;
  }
  return latest;
}
