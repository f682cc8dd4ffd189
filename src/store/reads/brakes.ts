import type { Database, Statement } from 'better-sqlite3';
import type { Alarm, Approval, Batch, Brake, HeldSuspend } from '../../daemon/lifecycle/brake.js';
import { ALARM } from '../tables/alarm.js';
import { APPROVAL, BATCH, BRAKE, HELD_SUSPEND } from '../tables/brake.js';
import { Table, type SqlValue } from '../tables/table.js';

/** A batch with the first of the subscribers whose revokes and suspends wait in it, and how much waits by now. */
export interface ShownBatch {
  readonly row: Batch;
  readonly waiting: number;
  readonly examples: readonly string[];
}

type Values = readonly SqlValue[];

const EXAMPLES = 3;

/** Brakes, batches that wait for approval, alarms. */
export class BrakeReads {
  readonly #freeze: Statement;
  readonly #meta: Statement;
  readonly #maintenance: Statement;
  readonly #batches: Statement;
  readonly #waiting: Statement;
  readonly #examples: Statement;
  readonly #approval: Statement;
  readonly #heldSuspend: Statement;
  readonly #alarms: Statement;

  constructor(db: Database) {
    const brake = `SELECT ${Table.columns(BRAKE, 'b')} FROM brake b`;
    this.#freeze = db.prepare(`${brake} WHERE kind = 'freeze' AND ended_at IS NULL`).raw(true);
    this.#meta = db.prepare('SELECT value FROM meta WHERE key = ?').pluck(true);
    this.#maintenance = db.prepare(`${brake} WHERE kind = 'maintenance' AND ref = ? AND ended_at IS NULL`).raw(true);
    this.#batches = db
      .prepare(
        `SELECT ${Table.columns(BATCH, 'b')} FROM batch b WHERE tenant = ? AND (status = 'open' OR ?)
          ORDER BY b.id DESC LIMIT ?`,
      )
      .raw(true);
    this.#waiting = db
      .prepare(
        `SELECT (SELECT count(*) FROM approval WHERE batch = :batch) +
                (SELECT coalesce(sum(count), 0) FROM held_suspend WHERE batch = :batch) +
                (SELECT count(*) FROM outbox WHERE batch = :batch AND status = 'pending')`,
      )
      .pluck(true);
    this.#examples = db
      .prepare(
        `SELECT name FROM (SELECT s.name, w.at FROM approval w JOIN assignment a ON a.id = w.assignment
                             JOIN subscriber s ON s.id = a.subscriber WHERE w.batch = :batch
                           UNION ALL
                           SELECT s.name, h.at FROM held_suspend h JOIN subscriber s ON s.id = h.subscriber
                             WHERE h.batch = :batch
                           UNION ALL
                           SELECT s.name, o.created_at FROM outbox o JOIN session e ON e.id = o.session
                             JOIN subscriber s ON s.id = e.subscriber WHERE o.batch = :batch AND o.status = 'pending')
          ORDER BY at LIMIT ${String(EXAMPLES)}`,
      )
      .pluck(true);
    this.#approval = db
      .prepare(`SELECT ${Table.columns(APPROVAL, 'w')} FROM approval w WHERE assignment = ?`)
      .raw(true);
    this.#heldSuspend = db
      .prepare(`SELECT ${Table.columns(HELD_SUSPEND, 'h')} FROM held_suspend h WHERE subscriber = ?`)
      .raw(true);
    this.#alarms = db
      .prepare(
        `SELECT ${Table.columns(ALARM, 'a')} FROM alarm a WHERE (tenant = ? OR ref = 'daemon') AND (cleared_at IS NULL OR ?)
          ORDER BY cleared_at IS NOT NULL, severity, last_at DESC LIMIT ?`,
      )
      .raw(true);
  }

  /** The freeze that is in force, or null. */
  freeze(): Brake | null {
    const values = this.#freeze.get() as Values | undefined;
    return values === undefined ? null : BRAKE.read(values);
  }

  /** When the store was made of a backup (Unix milliseconds), and whether it hands nothing out still; null where that is confirmed. */
  restored(): { readonly at: number; readonly held: boolean } | null {
    const value = (key: string): number => (this.#meta.get(key) as number | undefined) ?? 0;
    const stage = value('restored');
    return stage === 0 ? null : { at: value('restored_at'), held: stage > 1 };
  }

  /** The maintenance of a NAS that goes on, or null. */
  maintenance(nas: number): Brake | null {
    const values = this.#maintenance.get(String(nas)) as Values | undefined;
    return values === undefined ? null : BRAKE.read(values);
  }

  /** Batches that wait, or with `all` those that were decided too; the newest first. */
  batches(tenant: string, all: boolean, limit: number): ShownBatch[] {
    return (this.#batches.all(tenant, Number(all), limit) as Values[]).map((values) => {
      const row = BATCH.read(values);
      const batch = { batch: row.id };
      return { row, waiting: this.#waiting.get(batch) as number, examples: this.#examples.all(batch) as string[] };
    });
  }

  /** The revoke of an assignment that waits for approval, or null. */
  approval(assignment: number): Approval | null {
    const values = this.#approval.get(assignment) as Values | undefined;
    return values === undefined ? null : APPROVAL.read(values);
  }

  /** The suspend of a subscriber that waits for approval, or null. */
  heldSuspend(subscriber: number): HeldSuspend | null {
    const values = this.#heldSuspend.get(subscriber) as Values | undefined;
    return values === undefined ? null : HELD_SUSPEND.read(values);
  }

  /** Open alarms of a tenant and of the daemon, the critical ones first; with `all` those that are cleared too. */
  alarms(tenant: string, all: boolean, limit: number): Alarm[] {
    return (this.#alarms.all(tenant, Number(all), limit) as Values[]).map((values) => ALARM.read(values));
  }
}
