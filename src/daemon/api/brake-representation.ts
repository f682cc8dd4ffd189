/** Brakes, batches and alarms as the API shows them. */
import type { ShownBatch } from '../../store/reads/brakes.js';
import { alarmKey, type Alarm, type Brake } from '../lifecycle/brake.js';
import { isoTime } from '../lifecycle/time.js';
import type { AlarmView, BatchView, FrozenView, MaintenanceView, RestoredView } from './brake-views.js';

function maybeTime(ms: number | null): string | null {
  return ms === null ? null : isoTime(ms);
}

export function frozenOf(brake: Brake | null): FrozenView {
  return brake === null ? null : { actor: brake.actor, since: isoTime(brake.since), reason: brake.reason };
}

export function restoredOf(restored: { readonly at: number; readonly held: boolean } | null): RestoredView {
  return restored === null ? null : { at: isoTime(restored.at), allocation: restored.held ? 'held' : 'open' };
}

export function maintenanceOf(brake: Brake | null): MaintenanceView | null {
  if (brake === null) return null;
  const { actor, reason, since, until } = brake;
  return { actor, reason, since: isoTime(since), until: isoTime(until ?? since) };
}

export function batchOf({ row, waiting, examples }: ShownBatch): BatchView {
  return {
    batch: row.id,
    about: row.name,
    status: row.status,
    revokes: row.revokes,
    disconnects: row.disconnects,
    suspends: row.suspends,
    coas: row.coas,
    waiting,
    examples: [...examples],
    opened_at: isoTime(row.openedAt),
    last_at: isoTime(row.lastAt),
    decided_at: maybeTime(row.decidedAt),
    decided_by: row.decidedBy,
    reason: row.reason,
  };
}

export function alarmOf(row: Alarm): AlarmView {
  return {
    id: alarmKey(row.cause, row.ref),
    cause: row.cause,
    about: row.name,
    severity: row.severity,
    count: row.count,
    first_at: isoTime(row.firstAt),
    last_at: isoTime(row.lastAt),
    examples: [...row.examples],
    cleared_at: maybeTime(row.clearedAt),
    cleared_by: row.clearedBy,
  };
}
