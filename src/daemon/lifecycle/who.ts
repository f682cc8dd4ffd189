/** Who asks who had an address: a line of the journal before there is an answer. */
import { APPLIED } from './accounting.js';
import type { Draft } from './draft.js';
import type { WhoAskedEvent } from './events.js';
import { isoTime } from './time.js';
import type { Verdict } from './world.js';

/** Notes who asks, for which address and time, and why. */
export function whoAsked(d: Draft, { tenant, actor, prefix, vrf, at, reason, receivedAt }: WhoAskedEvent): Verdict {
  const space = vrf === null ? null : d.vrfNamed(vrf);
  const detail = { about: isoTime(at), reason, ...(vrf === null ? {} : { vrf }) };
  const within = space === null ? {} : { vrf: space };
  d.note({ at: receivedAt, kind: 'who-asked', tenant, actor, ...within, prefix, detail });
  return APPLIED;
}
