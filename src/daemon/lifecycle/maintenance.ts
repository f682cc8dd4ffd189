/** Maintenance of one NAS: what it does and does not say meanwhile proves nothing, and nothing is sent to it. */
import { aboutNas, clear, raise } from './alarms.js';
import { formatAddress, sameBytes } from './address.js';
import type { Brake } from './brake.js';
import { isMaintained, maintenanceOf } from './braking.js';
import type { Draft } from './draft.js';
import type { MaintenanceEndEvent, MaintenanceEvent } from './events.js';
import type { JournalKind } from './journal-kind.js';
import type { Policy } from './policy.js';
import type { Nas } from './nas-records.js';
import { isoTime } from './time.js';
import type { Verdict } from './world.js';

/** The NASes that a name means: those of a config entry, or the one of an address. */
function named(d: Draft, tenant: string, name: string, policy: Policy): Nas[] {
  const vrfs = new Set([0, ...Array.from(policy.nas.values(), ({ vrf }) => vrf)]);
  return [...vrfs]
    .flatMap((vrf) => d.nasesIn(vrf))
    .map((id) => d.get('nas', id))
    .filter((nas) => nas.tenant === tenant && (nas.entry === name || formatAddress(nas.address) === name));
}

function unknown(name: string): Verdict {
  const detail = `no NAS ${name} was heard yet; \`addrdctl nas\` lists those that were`;
  return { verdict: 'refused', code: 'unknown-nas', detail, reply: null };
}

function answer(verdict: 'applied' | 'duplicate', code: string | null, brakes: readonly (readonly [Nas, Brake])[]) {
  const maintenance = brakes.map(([nas, { actor, reason, since, until, endedAt }]) => ({
    nas: nas.entry,
    nas_address: formatAddress(nas.address),
    actor,
    reason,
    since: isoTime(since),
    until: isoTime(until ?? since),
    ended_at: endedAt === null ? null : isoTime(endedAt),
  }));
  return { verdict, code, detail: null, reply: { maintenance } } satisfies Verdict;
}

function note(
  d: Draft,
  kind: JournalKind,
  nas: Nas,
  at: number,
  actor: string,
  detail: Readonly<Record<string, unknown>>,
): void {
  d.note({ at, kind, tenant: nas.tenant, actor, nas: nas.id, vrf: nas.vrf, code: kind, detail });
}

/** Moves the grace in which sessions confirm themselves, where one runs or waits: it begins when the maintenance ends. */
function moveGrace(d: Draft, nas: Nas, from: number, policy: Policy): void {
  const ref = String(nas.id);
  if (d.find('deadline', `epoch-grace/${ref}`) === null) return;
  d.put('deadline', { kind: 'epoch-grace', ref, dueAt: from + policy.epochGraceMs });
}

/** Begins a maintenance, or changes when it ends. */
export function beginMaintenance(d: Draft, event: MaintenanceEvent, policy: Policy): Verdict {
  const { tenant, actor, reason, until, receivedAt: now } = event;
  if (until <= now) {
    const detail = `${isoTime(until)} is over: it is ${isoTime(now)}`;
    return { verdict: 'refused', code: 'time-is-over', detail, reply: null };
  }
  const nases = named(d, tenant, event.nas, policy);
  if (nases.length === 0) return unknown(event.nas);
  const brakes = nases.map((nas) => {
    const ref = String(nas.id);
    const since = maintenanceOf(d, nas.id)?.since ?? now;
    const entry = nas.entry === event.nas ? nas.entry : null;
    const row = { ref, tenant, actor, reason, since, until, endedAt: null, entry };
    const brake = d.put('brake', { kind: 'maintenance', ...row });
    d.put('deadline', { kind: 'maintenance', ref, dueAt: until });
    moveGrace(d, nas, until, policy);
    clear(d, 'maintenance-overdue', aboutNas(nas).ref, now, actor);
    note(d, 'maintenance', nas, now, actor, { reason, until: isoTime(until) });
    return [nas, brake] as const;
  });
  lasts(d, until);
  return answer('applied', null, brakes);
}

/** A NAS goes on as another one: what it is in goes on with it. */
export function shareMaintenance(d: Draft, from: number, nas: Nas, now: number): void {
  const brake = maintenanceOf(d, from);
  if (brake === null || maintenanceOf(d, nas.id) !== null) return;
  const { actor, reason } = brake;
  const until = brake.until ?? now;
  const ref = String(nas.id);
  d.put('brake', { ...brake, ref });
  d.put('deadline', { kind: 'maintenance', ref, dueAt: until });
  note(d, 'maintenance', nas, now, actor, { reason, until: isoTime(until) });
}

/** A NAS is heard for the first time: a maintenance of its entry, or of the address that its packets come from, is its own. */
export function enterMaintenance(d: Draft, nas: Nas, source: Uint8Array, now: number, policy: Policy): void {
  if (!isMaintained(d, now, policy)) return;
  const maintained = d.nasesIn(nas.vrf).find((id) => {
    const brake = maintenanceOf(d, id);
    if (brake === null || brake.tenant !== nas.tenant) return false;
    return brake.entry === nas.entry || sameBytes(d.get('nas', id).address, source);
  });
  if (maintained !== undefined) shareMaintenance(d, maintained, nas, now);
}

/** Notes until when a maintenance may matter at the latest. */
function lasts(d: Draft, until: number): void {
  const before = d.find('meta', 'maintained_until')?.value ?? 0;
  if (until > before) d.put('meta', { key: 'maintained_until', value: until });
}

function end(d: Draft, nas: Nas, brake: Brake, now: number, actor: string, policy: Policy): Brake {
  moveGrace(d, nas, now, policy);
  lasts(d, now);
  d.put('deadline', { kind: 'maintenance', ref: String(nas.id), dueAt: now + policy.interimRoundMs });
  note(d, 'maintenance-ended', nas, now, actor, { reason: brake.reason, since: isoTime(brake.since) });
  return d.put('brake', { ...brake, endedAt: now });
}

/** Ends a maintenance before its time. */
export function endMaintenance(d: Draft, event: MaintenanceEndEvent, policy: Policy): Verdict {
  const nases = named(d, event.tenant, event.nas, policy);
  if (nases.length === 0) return unknown(event.nas);
  const ended = nases.flatMap((nas) => {
    const brake = maintenanceOf(d, nas.id);
    return brake === null ? [] : [[nas, end(d, nas, brake, event.receivedAt, event.actor, policy)] as const];
  });
  return ended.length === 0 ? answer('duplicate', 'not-in-maintenance', []) : answer('applied', null, ended);
}

/** Its time has come: it ends; and one interim round later the NAS should have been heard. */
export function maintenanceDue(d: Draft, ref: string, now: number, policy: Policy): Verdict {
  const done = { verdict: 'applied', code: null, detail: null, reply: null } as const;
  const nas = d.get('nas', ref);
  const brake = d.get('brake', `maintenance/${ref}`);
  if (brake.endedAt === null) {
    end(d, nas, brake, now, 'addrd', policy);
    return done;
  }
  if (nas.heardUntil >= brake.endedAt) {
    clear(d, 'maintenance-overdue', aboutNas(nas).ref, now);
    d.drop('deadline', `maintenance/${ref}`);
    return done;
  }
  // As for silence: a NAS that was not heard for so long has been taken away.
  if (now - brake.endedAt >= policy.forgottenNasMs) {
    clear(d, 'maintenance-overdue', aboutNas(nas).ref, now);
    d.drop('deadline', `maintenance/${ref}`);
    return done;
  }
  raise(d, 'maintenance-overdue', aboutNas(nas), `not heard since ${isoTime(nas.heardUntil)}`, now);
  d.put('deadline', { kind: 'maintenance', ref, dueAt: now + policy.interimRoundMs });
  return done;
}
