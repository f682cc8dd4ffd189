/** Alarms: one row for each cause and whom it is about, however often it happens. */
import { alarmKey, type Alarm, type AlarmCause } from './brake.js';
import { maintenanceOf } from './braking.js';
import type { Draft } from './draft.js';
import type { Nas } from './nas-records.js';
import type { Conflict, Pool } from './records.js';
import { formatPrefix } from './address.js';
import type { AcknowledgeEvent, TroubleEvent } from './events.js';
import type { JournalKind } from './journal-kind.js';
import { isoTime } from './time.js';
import type { Verdict } from './world.js';
import { censusOf } from './zones.js';

/** The tenant of what concerns them all. */
export const DAEMON_TENANT = 'default';

const EXAMPLES = 3;
/** The journal hears of an open alarm this often. */
const NOTE_EVERY_MS = 3_600_000;
/** A pool is nearly full from this share on. */
const NEARLY_FULL_PERCENT = 80n;

const CRITICAL: ReadonlySet<AlarmCause> = new Set([
  'contested',
  'pool-exhausted',
  'faulted-often',
  'store-trouble',
  'frozen',
  'restored',
  'guard-tripped',
]);

/** Whom an alarm is about. */
export interface About {
  readonly ref: string;
  readonly tenant: string;
  readonly name: string;
}

export const DAEMON: About = { ref: 'daemon', tenant: DAEMON_TENANT, name: 'addrd' };

export function aboutNas({ id, tenant, entry }: Nas): About {
  return { ref: `nas:${String(id)}`, tenant, name: entry };
}

export function aboutPool({ id, tenant, name }: Pick<Pool, 'id' | 'tenant' | 'name'>): About {
  return { ref: `pool:${String(id)}`, tenant, name };
}

/** The NAS or pool of a reference, for the journal. */
function placeOf(ref: string): { nas?: number; pool?: number } {
  if (ref.startsWith('nas:')) return { nas: Number(ref.slice(4)) };
  return ref.startsWith('pool:') ? { pool: Number(ref.slice(5)) } : {};
}

function note(d: Draft, kind: JournalKind, alarm: Alarm, at: number, actor: string, detail: object): void {
  const { tenant, cause, ref, name, count } = alarm;
  d.note({ at, kind, tenant, actor, ...placeOf(ref), code: cause, detail: { about: name, count, ...detail } });
}

/** Raises an alarm, or counts one more. `active` says that this cause has an end of its own, which {@link lower} tells. */
export function raise(d: Draft, cause: AlarmCause, about: About, example: string, at: number, active = false): void {
  const before = d.find('alarm', alarmKey(cause, about.ref));
  const open = before?.clearedAt === null ? before : null;
  const noted = open === null || at - open.notedAt >= NOTE_EVERY_MS;
  const examples = open?.examples ?? [];
  const alarm = d.put('alarm', {
    cause,
    ...about,
    severity: CRITICAL.has(cause) ? 'critical' : 'warning',
    firstAt: open?.firstAt ?? at,
    lastAt: at,
    count: (open?.count ?? 0) + 1,
    active: (before?.active ?? 0) + (active ? 1 : 0),
    examples: examples.length < EXAMPLES ? [...examples, example] : examples,
    notedAt: noted ? at : open.notedAt,
    clearedAt: null,
    clearedBy: null,
  });
  if (noted) note(d, 'alarm', alarm, at, 'addrd', { example });
}

/** What an open alarm gave as an example is so for another reason by now: it counts no more, and says what is so. */
export function amend(d: Draft, cause: AlarmCause, ref: string, before: string, after: string): void {
  const alarm = d.find('alarm', alarmKey(cause, ref));
  if (alarm?.clearedAt !== null || !alarm.examples.includes(before)) return;
  d.put('alarm', { ...alarm, examples: alarm.examples.map((example) => (example === before ? after : example)) });
}

/** As {@link raise} about a NAS; not while it is in maintenance. */
export function raiseOfNas(d: Draft, cause: AlarmCause, nas: Nas, example: string, at: number): void {
  if (maintenanceOf(d, nas.id) === null) raise(d, cause, aboutNas(nas), example, at);
}

/** One cause of an alarm has ended; with the last one the alarm is cleared. */
export function lower(d: Draft, cause: AlarmCause, ref: string, at: number): void {
  const before = d.find('alarm', alarmKey(cause, ref));
  if (before === null || before.active === 0) return;
  const active = before.active - 1;
  d.put('alarm', { ...before, active });
  if (active === 0) clear(d, cause, ref, at);
}

/** An effect of a target (`nas:NUMBER`) has ended: with the last one nobody waits for its answer any more. */
export function effectEnded(d: Draft, target: string, at: number): void {
  if (d.find('alarm', alarmKey('target-silent', target))?.clearedAt !== null) return;
  if (!d.hasPending(target)) clear(d, 'target-silent', target, at);
}

/** The cause of an open alarm goes on, though it is not worth another count. */
export function recur(d: Draft, cause: AlarmCause, ref: string, at: number): void {
  const alarm = d.find('alarm', alarmKey(cause, ref));
  if (alarm?.clearedAt === null) d.put('alarm', { ...alarm, lastAt: at });
}

/** Clears an alarm whose cause tells no end of its own: `quietMs` after it was last met, and after `since`. */
export function subside(d: Draft, cause: AlarmCause, ref: string, at: number, quietMs: number, since = 0): void {
  const alarm = d.find('alarm', alarmKey(cause, ref));
  if (alarm?.clearedAt === null && at >= Math.max(alarm.lastAt, since) + quietMs) clear(d, cause, ref, at);
}

/** Clears an alarm, if it is open. */
export function clear(d: Draft, cause: AlarmCause, ref: string, at: number, by = 'addrd'): boolean {
  const before = d.find('alarm', alarmKey(cause, ref));
  if (before?.clearedAt !== null) return false;
  const alarm = d.put('alarm', { ...before, clearedAt: at, clearedBy: by });
  note(d, 'alarm-cleared', alarm, at, by, { last_at: isoTime(alarm.lastAt) });
  return true;
}

/** A session stands where it should not: the alarm names the pool of the holder, else the one in which the address lies. */
export function conflictOpened(d: Draft, { kind, pool, prefix, firstAt }: Conflict, nas: Nas): void {
  if (pool === null) return;
  const about = aboutPool(d.get('pool', pool));
  const where = nas.tenant === about.tenant ? `NAS ${nas.entry}` : 'a NAS of another tenant';
  raise(d, kind, about, `${formatPrefix(prefix)} on ${where}`, firstAt, true);
}

/** It stands there no more. */
export function conflictClosed(d: Draft, { kind, pool }: Conflict, at: number): void {
  if (pool !== null) lower(d, kind, aboutPool(d.get('pool', pool)).ref, at);
}

function isNearlyFull(used: bigint, usable: bigint): boolean {
  return usable > 0n && used * 100n >= usable * NEARLY_FULL_PERCENT;
}

/** A unit of a pool was taken (`change` 1) or has become free (-1): looks whether the pool fills up. */
export function watchPool(d: Draft, id: number, change: 1 | -1, at: number): void {
  const pool = d.get('pool', id);
  const { usable, used } = censusOf(pool);
  const { ref } = aboutPool(pool);
  if (change === -1) {
    if (!isNearlyFull(used + 1n, usable)) return;
    if (used < usable) clear(d, 'pool-exhausted', ref, at);
    if (!isNearlyFull(used, usable)) clear(d, 'pool-nearly-full', ref, at);
  } else if (isNearlyFull(used, usable)) {
    const example = `${used.toString()} of ${usable.toString()} are held or barred`;
    const open = d.find('alarm', alarmKey('pool-nearly-full', ref));
    if (open?.clearedAt !== null) raise(d, 'pool-nearly-full', aboutPool(pool), example, at);
    if (used >= usable) raise(d, 'pool-exhausted', aboutPool(pool), example, at);
  }
}

/** A pool has another size: looks at it anew, whatever it was before. */
export function rewatchPool(d: Draft, id: number, at: number): void {
  const pool = d.get('pool', id);
  const { usable, used } = censusOf(pool);
  const { ref } = aboutPool(pool);
  if (used < usable) clear(d, 'pool-exhausted', ref, at);
  if (isNearlyFull(used, usable)) watchPool(d, id, 1, at);
  else clear(d, 'pool-nearly-full', ref, at);
}

/** The config has dropped a pool: that it fills up matters to nobody. Back, it is looked at anew. */
export function unwatchPool(d: Draft, pool: Pool, at: number): void {
  const { ref } = aboutPool(pool);
  clear(d, 'pool-exhausted', ref, at);
  clear(d, 'pool-nearly-full', ref, at);
}

/** An operator has seen an alarm: it is closed until its cause happens again. */
export function acknowledge(d: Draft, event: AcknowledgeEvent): Verdict {
  const { alarm: key, tenant, actor, receivedAt } = event;
  const alarm = d.find('alarm', key);
  if (alarm === null || (alarm.tenant !== tenant && alarm.ref !== DAEMON.ref)) {
    return { verdict: 'refused', code: 'unknown-alarm', detail: `there is no alarm ${key}`, reply: null };
  }
  const done = clear(d, alarm.cause, alarm.ref, receivedAt, actor);
  return {
    verdict: done ? 'applied' : 'duplicate',
    code: done ? null : 'not-open',
    detail: null,
    reply: { alarm: key },
  };
}

/** What the daemon itself met, and can tell now. */
export function trouble(d: Draft, event: TroubleEvent): Verdict {
  raise(d, event.cause, DAEMON, event.detail, event.receivedAt);
  return { verdict: 'applied', code: null, detail: null, reply: null };
}
