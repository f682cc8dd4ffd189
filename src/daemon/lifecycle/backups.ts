/** What came of a backup of the store: kept in the journal, and for metrics. */
import { DAEMON_TENANT } from './alarms.js';
import type { Draft } from './draft.js';
import type { BackupEvent } from './events.js';
import type { Verdict } from './world.js';

/** Writes down how a backup ended. It changes nothing of the store's contents but this. */
export function backedUp(d: Draft, event: BackupEvent): Verdict {
  const { name, fault, bytes, pages, tookMs, actor, receivedAt: at } = event;
  if (fault === null) {
    d.put('meta', { key: 'backup_at', value: at });
    d.put('meta', { key: 'backup_ms', value: Math.round(tookMs) });
    d.put('meta', { key: 'backup_bytes', value: bytes });
  }
  d.note({
    at,
    kind: 'backup',
    tenant: DAEMON_TENANT,
    actor,
    code: fault === null ? 'done' : fault.code,
    detail: { name, bytes, pages, ms: Math.round(tookMs), ...(fault === null ? {} : { why: fault.why }) },
  });
  return { verdict: 'applied', code: null, detail: null, reply: null };
}
