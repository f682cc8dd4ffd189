import type { Database, Statement } from 'better-sqlite3';
import type { Outbox } from '../../daemon/lifecycle/records.js';
import { OUTBOX } from '../tables/outbox.js';
import { Table, type SqlValue } from '../tables/table.js';

/** An effect with the session and NAS that it is about. */
export interface ShownEffect {
  readonly row: Outbox;
  readonly nas: string | null;
  readonly sid: Uint8Array | null;
  readonly subscriber: string | null;
  /** The brake that keeps it from leaving, where it is pending. */
  readonly brake: 'frozen' | 'maintenance' | null;
}

type Values = readonly SqlValue[];

const COLUMNS = OUTBOX.columns.length;
const BRAKE = `SELECT CASE b.kind WHEN 'freeze' THEN 'frozen' ELSE 'maintenance' END FROM brake b
  WHERE o.status = 'pending' AND b.ended_at IS NULL AND (b.kind = 'freeze' OR b.ref = CAST(n.id AS TEXT))
  ORDER BY b.kind LIMIT 1`;
const SELECT = `SELECT ${Table.columns(OUTBOX, 'o')}, n.entry, e.sid, s.name, (${BRAKE}) FROM outbox o
  LEFT JOIN session e ON e.id = o.session LEFT JOIN nas n ON n.id = e.nas LEFT JOIN subscriber s ON s.id = e.subscriber`;

export class EffectReads {
  readonly #pending: Statement;
  readonly #ofStatus: Statement;
  readonly #all: Statement;
  readonly #ofAssignments: Statement;
  readonly #ofSubscriber: Statement;

  constructor(db: Database) {
    const newest = 'ORDER BY o.id DESC LIMIT ?';
    // The partial index of pending rows is used only where the query says `pending` itself.
    this.#pending = db
      .prepare(
        `${SELECT} WHERE in_time(o.id) AND o.status = 'pending' AND o.tenant = ? ORDER BY o.due_at, o.id LIMIT ?`,
      )
      .raw(true);
    this.#ofStatus = db.prepare(`${SELECT} WHERE in_time(o.id) AND o.tenant = ? AND o.status = ? ${newest}`).raw(true);
    this.#all = db.prepare(`${SELECT} WHERE in_time(o.id) AND o.tenant = ? ${newest}`).raw(true);
    // The outbox has no index by assignment; the journal has, and every effect was journalled when it was ordered.
    this.#ofAssignments = db
      .prepare(
        `${SELECT} WHERE o.tenant = ? AND o.id IN (SELECT json_extract(j.detail, '$.outbox') FROM json_each(?) a
           JOIN journal j ON j.assignment = a.value WHERE in_time(j.id) AND j.kind = 'effect-ordered') ${newest}`,
      )
      .raw(true);
    this.#ofSubscriber = db
      .prepare(
        `${SELECT} WHERE o.tenant = ? AND o.id IN (SELECT json_extract(j.detail, '$.outbox') FROM journal j
           WHERE j.subscriber = ? AND in_time(j.id) AND j.kind = 'effect-ordered') ${newest}`,
      )
      .raw(true);
  }

  /** Effects: the pending ones by when they are due, any others (or all) by age, the newest first. */
  list(tenant: string, status: Outbox['status'] | null, limit: number): ShownEffect[] {
    if (status === 'pending') return shown(this.#pending.all(tenant, limit));
    return shown(status === null ? this.#all.all(tenant, limit) : this.#ofStatus.all(tenant, status, limit));
  }

  /** Effects that were ordered for a subscriber, whatever session they are about. */
  ofSubscriber(tenant: string, subscriber: number, limit: number): ShownEffect[] {
    return shown(this.#ofSubscriber.all(tenant, subscriber, limit));
  }

  ofAssignments(tenant: string, assignments: readonly number[], limit: number): ShownEffect[] {
    return shown(this.#ofAssignments.all(tenant, JSON.stringify(assignments), limit));
  }
}

function shown(rows: unknown[]): ShownEffect[] {
  return (rows as Values[]).map((values) => ({
    row: OUTBOX.read(values),
    nas: values[COLUMNS] as string | null,
    sid: values[COLUMNS + 1] as Uint8Array | null,
    subscriber: values[COLUMNS + 2] as string | null,
    brake: values[COLUMNS + 3] as ShownEffect['brake'],
  }));
}
