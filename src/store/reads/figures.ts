import type { Database, Statement } from 'better-sqlite3';
import type { Family } from '../../daemon/lifecycle/address.js';
import type { Conflict, Outbox, Pool } from '../../daemon/lifecycle/records.js';
import type { LifecycleState } from '../../daemon/lifecycle/state.js';
import { POOL } from '../tables/pool.js';
import { Table, type SqlValue } from '../tables/table.js';
import { behind } from './suspicion.js';

/** When what counts as late; Unix milliseconds. */
export interface Lateness {
  readonly now: number;
  /** REVOKING since before is a leak. */
  readonly revokingBefore: number;
  /** A quarantine that should have ended before is a leak. */
  readonly quarantineBefore: number;
  /** ALLOCATED since before and never seen. */
  readonly allocatedBefore: number;
  /** A NAS not heard since is silent. */
  readonly heardBefore: number;
}

export interface FamilyCount {
  readonly family: Family;
  readonly count: number;
}

/** What metrics say of the store, over all tenants. */
export interface Figures {
  readonly states: readonly (FamilyCount & { readonly state: LifecycleState })[];
  /** REVOKING for too long. */
  readonly overdue: readonly FamilyCount[];
  /** REVOKING with a reason on record why it does not end. */
  readonly stuck: readonly FamilyCount[];
  /** In quarantine beyond its end. */
  readonly unreleased: readonly FamilyCount[];
  readonly neverSeen: readonly FamilyCount[];
  /** Those of the config. */
  readonly pools: readonly Pool[];
  readonly effects: readonly { readonly kind: Outbox['kind']; readonly oldest: number }[];
  readonly conflicts: readonly { readonly kind: Conflict['kind']; readonly count: number }[];
  readonly nases: { readonly heard: number; readonly silent: number };
  /** `skewMs`: of its NASes the clock that is off the most; null where none was measured. */
  readonly entries: readonly { readonly entry: string; readonly heardUntil: number; readonly skewMs: number | null }[];
  readonly dueDeadlines: number;
  readonly poison: number;
  /** Unix milliseconds; null before the first start. */
  readonly aliveAt: number | null;
  readonly listeningSince: number | null;
  /** The last backup: when it was made (Unix milliseconds), how long it took, and its octets; null where there was none. */
  readonly backup: { readonly at: number; readonly ms: number; readonly bytes: number } | null;
  /** Octets of the file, and of the pages in it that hold nothing. */
  readonly size: { readonly file: number; readonly free: number };
}

/** Open sessions of the NASes of one config entry; `suspect` are not confirmed since their NAS restarted. */
export interface OpenSessions {
  readonly entry: string;
  readonly open: number;
  readonly suspect: number;
}

export class FigureReads {
  readonly #db: Database;
  readonly #states: Statement;
  readonly #overdue: Statement;
  readonly #stuck: Statement;
  readonly #unreleased: Statement;
  readonly #neverSeen: Statement;
  readonly #pools: Statement;
  readonly #effects: Statement;
  readonly #conflicts: Statement;
  readonly #nases: Statement;
  readonly #entries: Statement;
  readonly #due: Statement;
  readonly #poison: Statement;
  readonly #meta: Statement;
  readonly #sessions: Statement;
  readonly #sqlite: Statement;

  constructor(db: Database) {
    this.#db = db;
    this.#states = db.prepare(
      'SELECT family, state, sum(count) AS count FROM assignment_count GROUP BY family, state ORDER BY family, state',
    );
    // Each of these walks an index that holds only what is unfinished.
    const families = (table: string): Statement =>
      db.prepare(`SELECT family, count(*) AS count FROM ${table} GROUP BY family`);
    this.#overdue = families(`assignment INDEXED BY assignment_revoking WHERE state = 'revoking' AND revoking_at < ?`);
    this.#stuck = families(`assignment INDEXED BY assignment_revoking WHERE state = 'revoking' AND stuck IS NOT NULL`);
    this.#neverSeen = families(
      `assignment INDEXED BY assignment_allocated WHERE state = 'allocated' AND allocated_at < ?`,
    );
    // The reference of a quarantine is the pool's number, a slash and the unit.
    this.#unreleased = db.prepare(
      `SELECT p.family, count(*) AS count FROM deadline d INDEXED BY deadline_due
       JOIN pool p ON p.id = CAST(substr(d.ref, 1, instr(d.ref, '/') - 1) AS INTEGER)
       WHERE d.due_at < ? AND d.kind = 'quarantine' GROUP BY p.family`,
    );
    this.#pools = db
      .prepare(`SELECT ${Table.columns(POOL, 'p')} FROM pool p WHERE p.retired_at IS NULL ORDER BY p.tenant, p.name`)
      .raw(true);
    this.#effects = db.prepare(
      `SELECT kind, min(created_at) AS oldest FROM outbox WHERE status = 'pending' GROUP BY kind`,
    );
    this.#conflicts = db.prepare(`SELECT kind, count(*) AS count FROM conflict WHERE closed_at IS NULL GROUP BY kind`);
    this.#nases = db.prepare(
      `SELECT coalesce(sum(heard_until >= :before), 0) AS heard, coalesce(sum(heard_until < :before), 0) AS silent FROM nas`,
    );
    this.#entries = db.prepare(
      `SELECT entry, max(heard_until) AS heardUntil,
         CASE WHEN max(skew_ms) >= -min(skew_ms) THEN max(skew_ms) ELSE min(skew_ms) END AS skewMs
       FROM nas GROUP BY entry ORDER BY entry`,
    );
    this.#due = db.prepare('SELECT count(*) FROM deadline WHERE due_at <= ?').pluck(true);
    this.#poison = db.prepare('SELECT count(*) FROM poison').pluck(true);
    this.#meta = db.prepare('SELECT value FROM meta WHERE key = ?').pluck(true);
    this.#sessions = db.prepare(
      `SELECT n.entry AS entry, coalesce(sum(c.open), 0) AS open, coalesce(sum(c.suspect), 0) AS suspect
       FROM nas n LEFT JOIN (
         SELECT e.nas AS nas, count(*) AS open, sum(${behind('e', 'm')}) AS suspect
         FROM session e INDEXED BY session_epoch JOIN nas m ON m.id = e.nas WHERE e.ended_at IS NULL GROUP BY e.nas
       ) c ON c.nas = n.id GROUP BY n.entry ORDER BY n.entry`,
    );
    this.#sqlite = db.prepare('SELECT sqlite_version()').pluck(true);
  }

  /** The versions of SQLite and of the schema. */
  versions(): { sqlite: string; schema: number } {
    return { sqlite: this.#sqlite.get() as string, schema: this.#pragma('user_version') };
  }

  /** What costs little however large the store is: counters, and indexes over what is unfinished. */
  figures(late: Lateness): Figures {
    const at = (key: string): number | null => (this.#meta.get(key) as number | undefined) ?? null;
    const page = this.#pragma('page_size');
    const backupAt = at('backup_at');
    return {
      states: this.#states.all() as Figures['states'],
      overdue: this.#overdue.all(late.revokingBefore) as FamilyCount[],
      stuck: this.#stuck.all() as FamilyCount[],
      unreleased: this.#unreleased.all(late.quarantineBefore) as FamilyCount[],
      neverSeen: this.#neverSeen.all(late.allocatedBefore) as FamilyCount[],
      pools: (this.#pools.all() as SqlValue[][]).map((values) => POOL.read(values)),
      effects: this.#effects.all() as Figures['effects'],
      conflicts: this.#conflicts.all() as Figures['conflicts'],
      nases: this.#nases.get({ before: late.heardBefore }) as Figures['nases'],
      entries: this.#entries.all() as Figures['entries'],
      dueDeadlines: this.#due.get(late.now) as number,
      poison: this.#poison.get() as number,
      aliveAt: at('alive_at'),
      listeningSince: at('listening_since'),
      backup: backupAt === null ? null : { at: backupAt, ms: at('backup_ms') ?? 0, bytes: at('backup_bytes') ?? 0 },
      size: { file: page * this.#pragma('page_count'), free: page * this.#pragma('freelist_count') },
    };
  }

  /** One walk over the index of open sessions: a few milliseconds for 100,000 of them. */
  sessions(): OpenSessions[] {
    return this.#sessions.all() as OpenSessions[];
  }

  #pragma(name: string): number {
    return this.#db.pragma(name, { simple: true }) as number;
  }
}
