import type { Database, Statement } from 'better-sqlite3';
import type { Prefix } from '../../daemon/lifecycle/address.js';
import type { LifecycleState } from '../../daemon/lifecycle/state.js';
import { parsed, type SqlValue } from '../tables/table.js';

/** One line of the journal with the names of what it refers to. */
export interface ShownEntry {
  readonly id: number;
  readonly at: number;
  readonly kind: string;
  readonly actor: string;
  readonly subscriber: string | null;
  readonly assignment: number | null;
  readonly session: number | null;
  readonly sid: Uint8Array | null;
  readonly nas: string | null;
  readonly pool: string | null;
  readonly prefix: Prefix | null;
  readonly from: LifecycleState | null;
  readonly to: LifecycleState | null;
  readonly code: string | null;
  readonly detail: unknown;
}

/** Whose lines are wanted: a subscriber's (with those of its assignments), or those of some assignments. */
export interface JournalSubject {
  readonly subscriber: number | null;
  readonly assignments: readonly number[];
}

type Values = readonly SqlValue[];

const SELECT = `SELECT j.id, j.at, j.kind, j.actor, s.name, j.assignment, j.session, e.sid, n.entry, p.name, j.net, j.plen,
  j.from_state, j.to_state, j.code, j.detail FROM journal j
  LEFT JOIN subscriber s ON s.id = j.subscriber LEFT JOIN session e ON e.id = j.session
  LEFT JOIN nas n ON n.id = j.nas LEFT JOIN pool p ON p.id = j.pool`;
const SUBJECT = `in_time(j.id) AND j.tenant = :tenant
  AND (j.subscriber = :subscriber OR j.assignment IN (SELECT value FROM json_each(:assignments)))`;

export class JournalReads {
  readonly #after: Statement;
  readonly #newest: Statement;
  readonly #afterOf: Statement;
  readonly #newestOf: Statement;
  readonly #ofSession: Statement;
  readonly #transitions: Statement;

  constructor(db: Database) {
    const order = (way: 'ASC' | 'DESC'): string => `ORDER BY j.id ${way} LIMIT :limit`;
    this.#after = db
      .prepare(`${SELECT} WHERE in_time(j.id) AND j.tenant = :tenant AND j.id > :after ${order('ASC')}`)
      .raw(true);
    this.#newest = db.prepare(`${SELECT} WHERE in_time(j.id) AND j.tenant = :tenant ${order('DESC')}`).raw(true);
    this.#afterOf = db.prepare(`${SELECT} WHERE ${SUBJECT} AND j.id > :after ${order('ASC')}`).raw(true);
    this.#ofSession = db
      .prepare(
        `${SELECT} WHERE j.session = :session AND j.tenant = :tenant AND in_time(j.id)
         AND j.kind IN ('session-started', 'session-moved', 'session-stopped', 'session-inferred-end', 'conflict')
         ${order('ASC')}`,
      )
      .raw(true);
    this.#transitions = db
      .prepare(
        `${SELECT} WHERE j.assignment = :assignment AND j.tenant = :tenant AND in_time(j.id) AND j.kind = 'transition'
         ${order('ASC')}`,
      )
      .raw(true);
    this.#newestOf = db.prepare(`${SELECT} WHERE ${SUBJECT} ${order('DESC')}`).raw(true);
  }

  /** Lines oldest first: those after line `after`, or the newest where it is null. */
  list(tenant: string, subject: JournalSubject | null, after: number | null, limit: number): ShownEntry[] {
    const bound: Record<string, SqlValue> = { tenant, limit };
    if (subject !== null) {
      bound['subscriber'] = subject.subscriber;
      bound['assignments'] = JSON.stringify(subject.assignments);
    }
    if (after === null) return this.#read((subject === null ? this.#newest : this.#newestOf).all(bound)).reverse();
    bound['after'] = after;
    return this.#read((subject === null ? this.#after : this.#afterOf).all(bound));
  }

  /** Lines that say when a session came and went, oldest first. */
  ofSession(tenant: string, session: number, limit: number): ShownEntry[] {
    return this.#read(this.#ofSession.all({ tenant, session, limit }));
  }

  /** The transitions of an assignment, oldest first. */
  transitionsOf(tenant: string, assignment: number, limit: number): ShownEntry[] {
    return this.#read(this.#transitions.all({ tenant, assignment, limit }));
  }

  #read(rows: unknown[]): ShownEntry[] {
    return (rows as Values[]).map((v) => ({
      id: v[0] as number,
      at: v[1] as number,
      kind: v[2] as string,
      actor: v[3] as string,
      subscriber: v[4] as string | null,
      assignment: v[5] as number | null,
      session: v[6] as number | null,
      sid: v[7] as Uint8Array | null,
      nas: v[8] as string | null,
      pool: v[9] as string | null,
      prefix: v[10] === null ? null : { bytes: v[10] as Uint8Array, length: v[11] as number },
      from: v[12] as LifecycleState | null,
      to: v[13] as LifecycleState | null,
      code: v[14] as string | null,
      detail: parsed(v[15]),
    }));
  }
}
