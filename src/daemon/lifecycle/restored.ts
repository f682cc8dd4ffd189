/**
 * After a restore the store knows nothing of what happened since its backup: addrd observes, and hands nothing out until it has heard
 * who is there. Somebody has to say that it may act again.
 */
import { clear, DAEMON, DAEMON_TENANT, raise } from './alarms.js';
import type { Draft } from './draft.js';
import type { RestoreConfirmEvent, RestoredEvent } from './events.js';
import type { Nas } from './nas-records.js';
import { actsOn, type Policy } from './policy.js';
import { isoTime } from './time.js';
import type { Verdict } from './world.js';

/** Values of `restored`: nobody has confirmed it; and nothing is handed out either. */
const UNCONFIRMED = 1;
const HELD = 2;

function stageOf(d: Draft): number {
  return d.find('meta', 'restored')?.value ?? 0;
}

/** Whether effects on the NASes of a config entry are performed: never before a restore was confirmed. */
export function mayAct(d: Draft, policy: Policy, entry: string): boolean {
  return actsOn(policy, entry) && stageOf(d) === 0;
}

/** The store is that of a backup from now on: another one than before, so that the Classes of before name nobody in it. */
export function restore(d: Draft, event: RestoredEvent): Verdict {
  const { receivedAt: at, storeId, name, actor } = event;
  const alive = d.find('meta', 'alive_at')?.value ?? null;
  d.put('meta', { key: 'store_id', value: storeId });
  d.put('meta', { key: 'restored_at', value: at });
  d.put('meta', { key: 'restored_alive', value: alive ?? at });
  d.put('meta', { key: 'restored', value: HELD });
  const until = alive === null ? null : isoTime(alive);
  d.note({ at, kind: 'restored', tenant: DAEMON_TENANT, actor, code: 'unconfirmed', detail: { name, until } });
  raise(d, 'restored', DAEMON, `restored from ${name}, which knows nothing after ${until ?? 'its beginning'}`, at);
  return { verdict: 'applied', code: null, detail: null, reply: null };
}

/** Whether addrd did not listen before this start because the store is a restored one. */
export function isRestoredSince(d: Draft, alive: number | null): boolean {
  const at = d.find('meta', 'restored_at')?.value ?? null;
  return at !== null && (alive === null || alive <= at);
}

/** A NAS that the backup knew, and that was not heard for one interim round since addrd listens on it. */
function unheard(d: Draft, now: number, policy: Policy): Nas | null {
  const listening = d.find('meta', 'listening_since')?.value ?? now;
  // By what the backup knew: how old it is says nothing of them.
  const aliveThen = d.find('meta', 'restored_alive')?.value ?? now;
  const vrfs = new Set([0, ...Array.from(policy.nas.values(), ({ vrf }) => vrf)]);
  for (const id of [...vrfs].flatMap((vrf) => d.nasesIn(vrf))) {
    const nas = d.get('nas', id);
    // Taken away: by the config, or so long before that nobody waits for it.
    if (!policy.nas.has(nas.entry) || nas.heardUntil < aliveThen - policy.forgottenNasMs) continue;
    // Who is behind one that sends no Interims does not show himself.
    if (policy.nas.get(nas.entry)?.interim === 'none') return nas;
    if (nas.heardUntil <= listening) return nas;
    const until = Math.max(listening, nas.heardSince) + policy.interimRoundMs;
    if (now < until || nas.heardUntil < until - policy.heardStepMs) return nas;
  }
  return null;
}

/** Why nothing is handed out, or null where it is. */
export function heldByRestore(d: Draft, now: number, policy: Policy): Verdict | null {
  if (stageOf(d) !== HELD) return null;
  const nas = unheard(d, now, policy);
  const listening = d.find('meta', 'listening_since')?.value ?? now;
  const what =
    nas === null
      ? `one interim round ends at ${isoTime(listening + policy.interimRoundMs)}`
      : `NAS ${nas.entry} was not heard for one interim round since`;
  const detail = `the store is that of a backup, and ${what}; addrdctl restored --confirm ends it sooner`;
  return { verdict: 'refused', code: 'restored-unconfirmed', detail, reply: null };
}

/** Time has passed: once every source was heard for one interim round, addresses are handed out again. */
export function hearRestored(d: Draft, now: number, policy: Policy): void {
  if (stageOf(d) !== HELD) return;
  const listening = d.find('meta', 'listening_since')?.value ?? now;
  if (now < listening + policy.interimRoundMs || unheard(d, now, policy) !== null) return;
  d.put('meta', { key: 'restored', value: UNCONFIRMED });
  d.note({ at: now, kind: 'restore-heard', tenant: DAEMON_TENANT, actor: 'addrd', code: 'heard' });
}

/** Somebody has looked: it acts again as the config says, and hands out. */
export function confirmRestore(d: Draft, event: RestoreConfirmEvent): Verdict {
  const { receivedAt: at, tenant, actor, reason } = event;
  const stage = stageOf(d);
  const reply = { restored: null };
  if (stage === 0) return { verdict: 'duplicate', code: 'not-restored', detail: null, reply };
  d.put('meta', { key: 'restored', value: 0 });
  const restoredAt = d.find('meta', 'restored_at')?.value ?? at;
  const code = stage === HELD ? 'unheard' : 'heard';
  d.note({ at, kind: 'restore-confirmed', tenant, actor, code, detail: { reason, since: isoTime(restoredAt) } });
  clear(d, 'restored', DAEMON.ref, at, actor);
  return { verdict: 'applied', code: null, detail: null, reply };
}
