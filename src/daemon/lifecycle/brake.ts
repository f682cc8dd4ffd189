/** What holds addrd back, and what it tells the operators: the records of brakes, approvals and alarms. */
import type { ServiceOrder } from './service.js';

/**
 * A brake that somebody has set. `freeze` has the ref `daemon`; `maintenance` the number of its NAS. After its end the row
 * stays: a maintenance marks the horizon of its NAS.
 */
export interface Brake {
  readonly kind: 'freeze' | 'maintenance';
  readonly ref: string;
  readonly tenant: string;
  readonly actor: string;
  readonly reason: string;
  readonly since: number;
  /** When it ends by itself, or null. */
  readonly until: number | null;
  readonly endedAt: number | null;
  /** The config entry whose name it was ordered by: NASes that are first heard under it share it. */
  readonly entry: string | null;
}

/** How much was cut in a scope: `token:TENANT/ACTOR` or `nas:NUMBER`. */
export interface Guard {
  readonly scope: string;
  /** The number of the last {@link GuardMark}. */
  readonly seq: number;
  /** Marks up to this number were approved of: they do not count. */
  readonly base: number;
  /** The batch that waits for approval; while there is one, everything more joins it. */
  readonly batch: number | null;
}

/** When one thing was cut. The last `guard.count` of a scope are kept. */
export interface GuardMark {
  readonly scope: string;
  readonly seq: number;
  readonly at: number;
}

/** What the blast guard held back in one scope. */
export interface Batch {
  readonly id: number;
  readonly tenant: string;
  readonly scope: string;
  /** Whom it is about, as people write it: `token:crm`, `nas:bras`. */
  readonly name: string;
  readonly status: 'open' | 'approved' | 'rejected';
  readonly revokes: number;
  readonly disconnects: number;
  /** Suspends, each by the assignments that it takes out of service. */
  readonly suspends: number;
  readonly coas: number;
  readonly openedAt: number;
  readonly lastAt: number;
  readonly decidedAt: number | null;
  readonly decidedBy: string | null;
  readonly reason: string | null;
}

/** A revoke that waits for approval: the assignment is as it was. */
export interface Approval {
  readonly assignment: number;
  readonly batch: number;
  readonly reason: string;
  readonly actor: string;
  readonly sendDisconnect: boolean;
  readonly releaseToPool: boolean;
  readonly at: number;
}

/** A suspend that waits for approval: the subscriber is as he was. */
export interface HeldSuspend extends ServiceOrder {
  readonly subscriber: number;
  readonly batch: number;
  /** How many assignments it was counted as. */
  readonly count: number;
}

/** Why an alarm is raised. Closed: each is a label of a metric and a row of docs/alarms.md. */
export type AlarmCause =
  | 'restart-storm'
  | 'gap'
  | 'contested'
  | 'occupied'
  | 'wider-than-pool'
  | 'termination-stuck'
  | 'renumber-failed'
  | 'target-silent'
  | 'coa-unconfirmed'
  | 'faulted-often'
  | 'store-trouble'
  | 'pool-nearly-full'
  | 'pool-exhausted'
  | 'frozen'
  | 'restored'
  | 'guard-tripped'
  | 'maintenance-overdue'
  | 'task-refused'
  | 'identity-conflict'
  | 'clock-skew';

/** One row for each (cause, ref), however often it happens. */
export interface Alarm {
  readonly cause: AlarmCause;
  /** `daemon`, `nas:NUMBER`, `pool:NUMBER`, `task:NAME`, or `token:TENANT/ACTOR`. */
  readonly ref: string;
  readonly tenant: string;
  /** Whom it is about, as people write it. */
  readonly name: string;
  readonly severity: 'critical' | 'warning';
  readonly firstAt: number;
  readonly lastAt: number;
  /** How often since `firstAt`. */
  readonly count: number;
  /** How many of its causes have not ended yet, where causes end one by one. */
  readonly active: number;
  /** The first three. */
  readonly examples: readonly string[];
  /** When the journal heard of it last. */
  readonly notedAt: number;
  readonly clearedAt: number | null;
  readonly clearedBy: string | null;
}

/** Their tables, by name. */
export interface BrakeRows {
  brake: Brake;
  guard: Guard;
  guardMark: GuardMark;
  batch: Batch;
  approval: Approval;
  heldSuspend: HeldSuspend;
  alarm: Alarm;
}

/** As `KEY_OF` of keys.ts. */
export const BRAKE_KEY_OF: { readonly [T in keyof BrakeRows]: (row: BrakeRows[T]) => string } = {
  brake: (row) => `${row.kind}/${row.ref}`,
  guard: (row) => row.scope,
  guardMark: (row) => guardMarkKey(row.scope, row.seq),
  batch: (row) => String(row.id),
  approval: (row) => String(row.assignment),
  heldSuspend: (row) => String(row.subscriber),
  alarm: (row) => alarmKey(row.cause, row.ref),
};

/** The key of a mark: the number first, as a scope may hold slashes. */
export function guardMarkKey(scope: string, seq: number): string {
  return `${String(seq)}/${scope}`;
}

/** The key of an alarm, and the name by which it is acknowledged: `gap@daemon`. */
export function alarmKey(cause: AlarmCause, ref: string): string {
  return `${cause}@${ref}`;
}
