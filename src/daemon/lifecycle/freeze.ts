/** The brake for everything: no effect leaves and nothing becomes free until somebody thaws it (SEMANTICS, "Modes"). */
import { clear, DAEMON, raise } from './alarms.js';
import type { Brake } from './brake.js';
import { freezeOf, frozenBy } from './braking.js';
import type { Draft } from './draft.js';
import type { FreezeEvent, ThawEvent } from './events.js';
import { isoTime } from './time.js';
import type { Verdict } from './world.js';

/** The answer to both: whether it is frozen now, and by whom. */
function answer(verdict: 'applied' | 'duplicate', code: string | null, brake: Brake | null): Verdict {
  const reply =
    brake === null
      ? { frozen: null }
      : { frozen: { actor: brake.actor, since: isoTime(brake.since), reason: brake.reason } };
  return { verdict, code, detail: null, reply };
}

/** Freezes the whole daemon. The first one to do it keeps the name. */
export function freeze(d: Draft, event: FreezeEvent): Verdict {
  const before = freezeOf(d);
  if (before !== null) return answer('duplicate', 'already-frozen', before);
  const { tenant, actor, reason, receivedAt } = event;
  const row = { tenant, actor, reason, since: receivedAt, until: null, endedAt: null, entry: null };
  const brake = d.put('brake', { kind: 'freeze', ref: DAEMON.ref, ...row });
  d.note({ at: receivedAt, kind: 'frozen', tenant, actor, code: 'freeze', detail: { reason } });
  raise(d, 'frozen', DAEMON, frozenBy(brake), receivedAt);
  return answer('applied', null, brake);
}

/** Lets everything go on: effects are due, and what could not be freed is looked at again. */
export function thaw(d: Draft, event: ThawEvent): Verdict {
  const brake = freezeOf(d);
  if (brake === null) return answer('duplicate', 'not-frozen', null);
  const { tenant, actor, reason, receivedAt } = event;
  d.put('brake', { ...brake, endedAt: receivedAt });
  const detail = { reason, frozen_by: brake.actor, since: isoTime(brake.since) };
  d.note({ at: receivedAt, kind: 'thawed', tenant, actor, code: 'thaw', detail });
  clear(d, 'frozen', DAEMON.ref, receivedAt, actor);
  return answer('applied', null, null);
}
