import type { Database, Statement } from 'better-sqlite3';
import { prefixKey, type Prefix } from '../../daemon/lifecycle/address.js';
import type { NasIdentity } from '../../daemon/lifecycle/nas-records.js';
import type { Session, SessionUsage } from '../../daemon/lifecycle/records.js';
import { SESSION } from '../tables/session.js';
import { Table, type SqlValue } from '../tables/table.js';
import { USAGE } from '../tables/usage.js';
import { behind } from './suspicion.js';

/** A session with its counters and the names of what it refers to. */
export interface ShownSession {
  readonly row: Session;
  readonly usage: SessionUsage | null;
  readonly subscriber: string | null;
  readonly vrf: string;
  /** The config entry of the NAS, where it is reached, and what tells it from others. */
  readonly nas: string;
  readonly nasAddress: Uint8Array;
  readonly nasKnown: Pick<NasIdentity, 'kind' | 'bytes'>;
  /** Open, and not seen since its NAS restarted; in a maintenance of its NAS nobody is. */
  readonly suspect: boolean;
  /**
   * From when until when its NAS was heard, and addrd listened; Unix milliseconds. Null while the NAS is in maintenance.
   */
  readonly heard: { readonly since: number; readonly until: number } | null;
}

type Values = readonly SqlValue[];

const COLUMNS = SESSION.columns.length;
const SELECT = `SELECT ${Table.columns(SESSION, 'e')}, s.name, n.entry, n.address, ${behind('e', 'n')}, n.kind, n.bytes, v.name,
  max(n.heard_since, coalesce(b.ended_at, 0), coalesce(m.value, 0)), n.heard_until,
  b.since IS NOT NULL AND b.ended_at IS NULL FROM session e
  JOIN nas n ON n.id = e.nas JOIN vrf v ON v.id = e.vrf LEFT JOIN subscriber s ON s.id = e.subscriber
  LEFT JOIN brake b ON b.kind = 'maintenance' AND b.ref = CAST(n.id AS TEXT)
  LEFT JOIN meta m ON m.key = 'listening_since'`;

/**
 * No index leads from an address or a User-Name to its sessions: this many open ones are looked through, the newest
 * first. Which are open says an index that holds no others, however many have ended.
 */
const LOOKED_THROUGH = 100_000;

export class SessionReads {
  readonly #ofSubscriber: Statement;
  readonly #byId: Statement;
  readonly #all: Statement;
  readonly #open: Statement;
  readonly #named: Statement;
  readonly #on: Statement;
  readonly #usage: Statement;

  constructor(db: Database) {
    this.#ofSubscriber = db
      .prepare(`${SELECT} WHERE e.subscriber = ? AND e.tenant = ? ORDER BY e.ended_at IS NOT NULL, e.id DESC LIMIT ?`)
      .raw(true);
    this.#byId = db.prepare(`${SELECT} WHERE e.id = ? AND e.tenant = ?`).raw(true);
    this.#all = db
      .prepare(`${SELECT} WHERE in_time(e.id) AND e.tenant = ? AND e.id > ? ORDER BY e.id LIMIT ?`)
      .raw(true);
    this.#open = db
      .prepare(
        `${SELECT} WHERE e.id IN (
           SELECT o.id FROM nas m CROSS JOIN session o INDEXED BY session_epoch ON o.nas = m.id
           WHERE m.tenant = ? AND o.id > ? AND o.ended_at IS NULL ORDER BY o.id LIMIT ?)
         ORDER BY e.id`,
      )
      .raw(true);
    const newest = `SELECT id FROM session INDEXED BY session_epoch WHERE ended_at IS NULL
      ORDER BY id DESC LIMIT ${String(LOOKED_THROUGH)}`;
    const looked = `in_time(e.id) AND e.id IN (${newest})`;
    this.#named = db
      .prepare(`${SELECT} WHERE ${looked} AND e.tenant = ? AND e.username = ? AND e.id > ? ORDER BY e.id LIMIT ?`)
      .raw(true);
    this.#on = db
      .prepare(
        `${SELECT} WHERE ${looked} AND e.tenant = ? AND instr(e.addresses, ?) > 0
         AND e.vrf IN (SELECT value FROM json_each(?)) ORDER BY e.id DESC LIMIT ?`,
      )
      .raw(true);
    this.#usage = db.prepare(`SELECT ${Table.columns(USAGE, 'u')} FROM session_usage u WHERE u.id = ?`).raw(true);
  }

  /** Sessions of a subscriber, the open ones first, then the newest that ended. */
  ofSubscriber(tenant: string, subscriber: number, limit: number): ShownSession[] {
    return this.#shown(this.#ofSubscriber.all(subscriber, tenant, limit));
  }

  byIds(tenant: string, ids: readonly number[]): ShownSession[] {
    return ids.flatMap((id) => this.#shown(this.#byId.all(id, tenant)));
  }

  /** Sessions numbered after `after`, in order. */
  list(tenant: string, open: boolean, after: number, limit: number): ShownSession[] {
    return this.#shown((open ? this.#open : this.#all).all(tenant, after, limit));
  }

  /** Open sessions with a User-Name, numbered after `after`, in order. */
  named(tenant: string, username: Uint8Array, after: number, limit: number): ShownSession[] {
    return this.#shown(this.#named.all(tenant, username, after, limit));
  }

  /** Open sessions of some VRFs that show exactly this address or prefix, whether a pool knows it or not; the newest first. */
  on(tenant: string, vrfs: readonly number[], prefix: Prefix, limit: number): ShownSession[] {
    return this.#shown(this.#on.all(tenant, `"${prefixKey(prefix)}"`, JSON.stringify(vrfs), limit));
  }

  #shown(found: unknown[]): ShownSession[] {
    return (found as Values[]).map((values) => {
      const row = SESSION.read(values);
      const usage = this.#usage.get(row.id) as Values | undefined;
      const maintained = values[COLUMNS + 9] === 1;
      return {
        row,
        usage: usage === undefined ? null : USAGE.read(usage),
        subscriber: values[COLUMNS] as string | null,
        nas: values[COLUMNS + 1] as string,
        vrf: values[COLUMNS + 6] as string,
        nasAddress: values[COLUMNS + 2] as Uint8Array,
        nasKnown: { kind: values[COLUMNS + 4] as NasIdentity['kind'], bytes: values[COLUMNS + 5] as Uint8Array },
        suspect: row.endedAt === null && !maintained && values[COLUMNS + 3] === 1,
        heard: maintained ? null : { since: values[COLUMNS + 7] as number, until: values[COLUMNS + 8] as number },
      };
    });
  }
}
