/** What packets count of a session: the one row that every Interim writes. */
import type { Draft } from './draft.js';
import type { AccountingEvent } from './events.js';
import type { SessionUsage } from './records.js';
import { RETRANSMISSION_MS } from './skew.js';

/** The counters after a packet; `before` is null where it is the first one. */
export function usageOf(event: AccountingEvent, session: number, before: SessionUsage | null): SessionUsage {
  const interim = event.kind === 'acct-interim';
  return {
    session,
    updatedAt: event.receivedAt,
    status: event.status,
    seconds: event.seconds ?? before?.seconds ?? 0,
    inputOctets: event.inputOctets ?? before?.inputOctets ?? 0,
    outputOctets: event.outputOctets ?? before?.outputOctets ?? 0,
    inputPackets: event.inputPackets ?? before?.inputPackets ?? 0,
    outputPackets: event.outputPackets ?? before?.outputPackets ?? 0,
    eventTimestamp: event.eventTimestamp,
    interims: (before?.interims ?? 0) + (interim ? 1 : 0),
    maxGapMs: before === null ? 0 : Math.max(before.maxGapMs, event.receivedAt - before.updatedAt),
  };
}

/**
 * An Interim that reports nothing new still says that the session is up: idle customers repeat themselves, and counters
 * were seen to start again. What comes soon after the last report may be a retransmission and says nothing.
 */
export function stayUp(d: Draft, event: AccountingEvent, usage: SessionUsage): void {
  const gap = event.receivedAt - usage.updatedAt;
  if (gap < RETRANSMISSION_MS) return;
  d.put('usage', { ...usage, updatedAt: event.receivedAt, maxGapMs: Math.max(usage.maxGapMs, gap) });
}
