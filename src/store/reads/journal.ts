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
const SUBJECT = '(j.subscriber = :subscriber OR j.assignment IN (SELECT value FROM json_each(:assignments)))';

function subjectOf({ subscriber, assignments }: JournalSubject): Record<string, SqlValue> {
  return { subscriber, assignments: JSON.stringify(assignments) };
}

/** Which lines are wanted. */
export interface JournalQuery {
  readonly limit: number;
  /** Lines after this number; null for the newest, or with `since` the first. */
  readonly after: number | null;
  readonly subject: JournalSubject | null;
  /** Of these NASes only; null: of any, and of none. */
  readonly nases: readonly number[] | null;
  /** Written at this time or later, and before that one: Unix milliseconds, null for no bound. */
  readonly since: number | null;
  readonly until: number | null;
}

type Way = 'ASC' | 'DESC';

export class JournalReads {
  /** By what the lines are narrowed down, and which way they are read. */
  readonly #lists: Readonly<Record<'all' | 'subject' | 'nas', Readonly<Record<Way, Statement>>>>;
  readonly #ofSession: Statement;
  readonly #transitions: Statement;
  readonly #next: Statement;

  constructor(db: Database) {
    const bounds = `j.tenant = :tenant AND j.id > :after AND j.id < :before AND j.at >= :since AND j.at < :until`;
    const list = (where: string): Record<Way, Statement> => {
      const of = (way: Way): Statement =>
        db.prepare(`${SELECT} WHERE in_time(j.id) AND ${bounds}${where} ORDER BY j.id ${way} LIMIT :limit`).raw(true);
      return { ASC: of('ASC'), DESC: of('DESC') };
    };
    this.#lists = {
      all: list(''),
      subject: list(` AND ${SUBJECT}`),
      nas: list(' AND j.nas = :nas'),
    };
    const story = (where: string): Statement =>
      db
        .prepare(`${SELECT} WHERE ${where} AND j.tenant = :tenant AND in_time(j.id) ORDER BY j.id LIMIT :limit`)
        .raw(true);
    this.#ofSession = story(
      `j.session = :session AND j.kind IN
         ('session-started', 'session-reopened', 'session-moved', 'session-stopped', 'session-inferred-end', 'conflict')`,
    );
    this.#transitions = story("j.assignment = :assignment AND j.kind = 'transition'");
    this.#next = db.prepare('SELECT id, at FROM journal WHERE id >= ? ORDER BY id LIMIT 1');
  }

  /** Lines oldest first. */
  search(tenant: string, { limit, after, subject, nases, since, until }: JournalQuery): ShownEntry[] {
    const from = Math.max(after ?? 0, since === null ? 0 : this.#firstAt(since) - 1);
    const before = until === null ? Number.MAX_SAFE_INTEGER : this.#firstAt(until);
    const bound: Record<string, SqlValue> = { tenant, limit, after: from, before };
    // The times themselves, too: where the clock was set back, lines are not in their order.
    bound['since'] = since ?? 0;
    bound['until'] = until ?? Number.MAX_SAFE_INTEGER;
    const way: Way = after === null && since === null ? 'DESC' : 'ASC';
    const found =
      nases !== null
        ? nases.flatMap((nas) => this.#read(this.#lists.nas[way].all({ ...bound, nas })))
        : subject !== null
          ? this.#read(this.#lists.subject[way].all({ ...bound, ...subjectOf(subject) }))
          : this.#read(this.#lists.all[way].all(bound));
    found.sort((a, b) => a.id - b.id);
    return way === 'ASC' ? found.slice(0, limit) : found.slice(-limit);
  }

  /** The newest lines about a subject, oldest first. */
  newest(tenant: string, subject: JournalSubject, limit: number): ShownEntry[] {
    return this.search(tenant, { limit, after: null, subject, nases: null, since: null, until: null });
  }

  /** The number of the first line of a time or later; that after the last one where there is none. By halves: lines are in the order of their times. */
  #firstAt(time: number): number {
    let low = 0;
    let high = 2 ** 50;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const line = this.#next.get(middle) as { id: number; at: number } | undefined;
      if (line === undefined || line.at >= time) high = middle;
      else low = line.id + 1;
    }
    return low;
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
