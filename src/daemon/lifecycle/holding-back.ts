/** Sets and ends legal holds, and says what they hold. */
import { formatPrefix, overlaps, prefixKey, type Prefix } from './address.js';
import type { Draft } from './draft.js';
import type { HoldEvent } from './events.js';
import type { Hold } from './hold.js';
import { isoTime } from './time.js';
import type { JournalRow, Verdict } from './world.js';

interface Subject extends Pick<Hold, 'ref' | 'subscriber' | 'prefix' | 'vrf'> {
  readonly text: string;
}

function refused(code: string, detail: string): Verdict {
  return { verdict: 'refused', code, detail, reply: null };
}

function subjectOf(d: Draft, { tenant, subscriber, prefix, vrf }: HoldEvent): Subject | Verdict {
  if (subscriber !== null) {
    const id = d.subscriberNamed(tenant, subscriber);
    if (id === null) return refused('unknown-subscriber', `there is no subscriber ${subscriber}`);
    const ref = `${tenant}/subscriber/${String(id)}`;
    return { ref, subscriber: id, prefix: null, vrf: null, text: subscriber };
  }
  if (prefix === null) return refused('refused', 'a hold is about a subscriber or an address');
  const space = vrf === null ? null : d.vrfNamed(vrf);
  if (vrf !== null && space === null) return refused('unknown-vrf', `there is no VRF ${vrf}`);
  const ref = `${tenant}/address/${prefixKey(prefix)}/${vrf === null ? '*' : String(space)}`;
  return { ref, subscriber: null, prefix, vrf: space, text: formatPrefix(prefix) };
}

/** Sets a hold, or ends one. What is so already is a duplicate. */
export function holdOrEnd(d: Draft, event: HoldEvent): Verdict {
  const { kind, tenant, actor, reason, receivedAt: now } = event;
  const subject = subjectOf(d, event);
  if ('verdict' in subject) return subject;
  const { text, ...about } = subject;
  const before = d.find('hold', about.ref);
  const open = before?.endedAt === null ? before : null;
  if (kind === 'hold-end' && open === null) return refused('unknown-hold', `there is no hold on ${text}`);
  if (kind === 'hold' && open !== null) return told('duplicate', 'already-held', text, open);
  const hold: Hold =
    open === null
      ? { ...about, tenant, actor, reason, since: now, endedAt: null, endedBy: null }
      : { ...open, endedAt: now, endedBy: actor };
  d.put('hold', hold);
  const { subscriber, prefix, vrf } = about;
  const detail = open === null ? { reason } : { reason, set_by: open.actor, since: isoTime(open.since) };
  d.note({ at: now, kind: open === null ? 'hold' : 'hold-ended', tenant, actor, subscriber, prefix, vrf, detail });
  return told('applied', null, text, hold);
}

function told(verdict: 'applied' | 'duplicate', code: string | null, about: string, hold: Hold): Verdict {
  const { actor, reason, since, endedAt } = hold;
  const at = endedAt === null ? null : isoTime(endedAt);
  return { verdict, code, detail: null, reply: { about, actor, reason, since: isoTime(since), ended_at: at } };
}

/** Whether a hold is about what a line of the journal names: itself, or by its assignment or its session. */
export function isHeld(d: Draft, line: JournalRow, holds: readonly Hold[]): boolean {
  const assignment = line.assignment === null ? null : d.find('assignment', String(line.assignment));
  const session = line.session === null ? null : d.find('session', String(line.session));
  const subscribers = [line.subscriber, assignment?.subscriber, session?.subscriber];
  const places: { prefix: Prefix; vrf: number | null }[] = [];
  if (line.prefix !== null) places.push({ prefix: line.prefix, vrf: line.vrf });
  if (assignment !== null) places.push(assignment);
  for (const { prefix } of session?.addresses ?? []) places.push({ prefix, vrf: session?.vrf ?? null });
  return holds.some((hold) => {
    if (hold.tenant !== line.tenant) return false;
    if (hold.subscriber !== null) return subscribers.includes(hold.subscriber);
    const { prefix: held, vrf } = hold;
    if (held === null) return false;
    return places.some((one) => (vrf === null || one.vrf === null || one.vrf === vrf) && overlaps(held, one.prefix));
  });
}
