/** Sessions that were taken to have ended and report on: an end that was only inferred is disproved by the session itself. */
import { ride } from './carriage.js';
import type { Draft } from './draft.js';
import type { AccountingEvent } from './events.js';
import { impliedStart, INSTANCE_SLACK_MS, isSomebodyElse, sameContent } from './instance.js';
import type { Policy } from './policy.js';
import type { Session, SessionAddress, SessionUsage } from './records.js';
import { attach, sameAddress, stand, type Showing } from './standing.js';

/**
 * Whether an Interim is of the very session whose end was inferred: by the NAS's own count it began when that one did, and it
 * has gone on since its last report.
 */
export function goesOn(event: AccountingEvent, session: Session, usage: SessionUsage, policy: Policy): boolean {
  const { endKind, endReceivedAt, startedAt } = session;
  if (endKind !== 'inferred' || endReceivedAt === null || event.seconds === null) return false;
  if (isSomebodyElse(event, session, policy) || sameContent(event, usage)) return false;
  const same = Math.abs(impliedStart(event) - startedAt) <= INSTANCE_SLACK_MS;
  return same && (event.seconds > usage.seconds || event.at > endReceivedAt) && event.seconds >= usage.seconds;
}

/**
 * Opens a session again, in its NAS's present epoch. It stands where it stood, as NASes do not repeat everything that they
 * gave; as far as that is somebody else's by now, it contests it.
 */
export function reopen(d: Draft, ended: Session, showing: Showing): Session {
  const { event, nas } = showing;
  const open = { endedAt: null, endReceivedAt: null, endKind: null, terminateCause: null };
  const session = d.put('session', { ...ended, ...open, epoch: nas.epoch, addresses: [], profile: null });
  d.note({
    at: event.receivedAt,
    kind: 'session-reopened',
    tenant: session.tenant,
    actor: `nas:${nas.entry}`,
    subscriber: session.subscriber,
    session: session.id,
    nas: nas.id,
    vrf: session.vrf,
    code: event.kind,
  });
  const joined = ended.addresses.flatMap((before): SessionAddress[] => {
    const { attribute, prefix, since } = before;
    // What rode on another address comes with that.
    if (attribute === 'parent') return [];
    const isShown = event.addresses.some((shown) => sameAddress(shown, before));
    const holders = d.overlapping(session.vrf, prefix).map((id) => d.get('assignment', id));
    // It has another one in its place; since when, nobody knows. Only what is his own still is left by that.
    const isReplaced =
      !isShown && attribute === 'Framed-IP-Address' && event.addresses.some((shown) => shown.attribute === attribute);
    if (isReplaced && !holders.some((holder) => holder.subscriber === session.subscriber)) return [];
    // Of what is another's by now it takes nothing away but what it shows itself.
    const told = isShown || holders.length === 0;
    const remembering: Showing = told ? showing : { ...showing, event: { ...event, remembered: true } };
    return [attach(d, session, { attribute, prefix }, { ...remembering, since })];
  });
  return stand(d, session, ride(d, session, [], joined, showing));
}
