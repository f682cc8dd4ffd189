/** What a store looks like from a connection that cannot write, beside a running daemon or without one. */
import type { Database } from 'better-sqlite3';
import type { Pool } from '../daemon/lifecycle/records.js';
import { faultsOf, mustBeStore } from './inspection.js';
import { SCHEMA_VERSION } from './migrate.js';
import { POOL } from './tables/pool.js';
import { Table, type SqlValue } from './tables/table.js';

/** A NAS entry as the store knows it; times are Unix milliseconds. */
export interface HeardEntry {
  readonly entry: string;
  readonly heardUntil: number;
  /** Whether a NAS of it leaves Disconnects unanswered. */
  readonly silent: boolean;
}

export interface Checkup {
  readonly schema: number;
  /** What `quick_check` and `foreign_key_check` say; null where the store is too large to be read beside a running daemon. */
  readonly faults: readonly string[] | null;
  /** Counts that do not agree, a line each. */
  readonly disagreements: readonly string[];
  /** Pools of the config, with their counters. */
  readonly pools: readonly Pool[];
  readonly aliveAt: number | null;
  readonly lastJournalAt: number | null;
  readonly backupAt: number | null;
  readonly unconfirmedRestore: boolean;
  readonly frozen: boolean;
  readonly poison: number;
  /** Open critical alarms: `CAUSE about NAME`. */
  readonly alarms: readonly string[];
  /** Deadlines that were due before. */
  readonly overdue: number;
  readonly entries: readonly HeardEntry[];
}

const NOTHING_KNOWN: Omit<Checkup, 'schema' | 'faults'> = {
  ...{ disagreements: [], pools: [], alarms: [], entries: [] },
  ...{
    aliveAt: null,
    lastJournalAt: null,
    backupAt: null,
    unconfirmedRestore: false,
    frozen: false,
    poison: 0,
    overdue: 0,
  },
};

const HOLDING = "('allocated', 'active', 'suspended', 'revoking', 'failed')";

/** Rows of pools against what they count, and live prefixes against the states of their assignments. One pass over what is live. */
function disagreements(db: Database, pools: readonly Pool[]): string[] {
  const one = (sql: string): number => db.prepare(sql).pluck().get() as number;
  const found: string[] = [];
  const live = one('SELECT count(*) FROM live');
  const holding = one(`SELECT coalesce(sum(count), 0) FROM assignment_count WHERE state IN ${HOLDING}`);
  if (live !== holding) {
    found.push(`${String(holding)} assignments hold something by their state, and ${String(live)} prefixes are live`);
  }
  const astray = one(
    `SELECT count(*) FROM live l JOIN assignment a ON a.id = l.assignment
      WHERE a.state NOT IN ${HOLDING} OR a.vrf <> l.vrf OR a.net <> l.lo OR a.plen <> l.plen`,
  );
  if (astray > 0) found.push(`${String(astray)} live prefixes are not those of their assignments`);
  const heldRows = db
    .prepare('SELECT a.pool, count(*) FROM live l JOIN assignment a ON a.id = l.assignment GROUP BY a.pool')
    .raw(true)
    .all() as [number, number][];
  const pastRows = db
    .prepare("SELECT pool, sum(state = 'free'), sum(state <> 'free') FROM pool_free GROUP BY pool")
    .raw(true)
    .all() as [number, number, number][];
  const held = new Map(heldRows);
  const past = new Map(pastRows.map(([pool, freed, barred]) => [pool, { freed, barred }]));
  for (const pool of pools) {
    const { freed = 0, barred = 0 } = past.get(pool.id) ?? {};
    const rows = { held: held.get(pool.id) ?? 0, freed, barred };
    for (const key of ['held', 'freed', 'barred'] as const) {
      if (pool[key] === rows[key]) continue;
      found.push(`pool ${pool.name} counts ${key} as ${String(pool[key])}, and ${String(rows[key])} are`);
    }
  }
  return found;
}

/**
 * Looks at a store. `whole` reads all of the file; `dueBefore` is Unix milliseconds. Every figure is of one moment.
 * @throws StoreError `store-foreign`, `store-too-new`
 */
export function checkUp(db: Database, path: string, whole: boolean, dueBefore: number): Checkup {
  const schema = mustBeStore(db, path);
  const faults = whole ? faultsOf(db) : null;
  // Of an older schema only this much can be said.
  if (schema < SCHEMA_VERSION) return { ...NOTHING_KNOWN, schema, faults };
  return db.transaction((): Checkup => {
    const meta = (key: string): number | null =>
      (db.prepare('SELECT value FROM meta WHERE key = ?').pluck().get(key) as number | undefined) ?? null;
    const pools = (
      db
        .prepare(`SELECT ${Table.columns(POOL, 'p')} FROM pool p ORDER BY p.tenant, p.name`)
        .raw(true)
        .all() as SqlValue[][]
    ).map((values) => POOL.read(values));
    return {
      schema,
      faults,
      disagreements: disagreements(db, pools),
      pools: pools.filter(({ retiredAt }) => retiredAt === null),
      aliveAt: meta('alive_at'),
      lastJournalAt:
        (db.prepare('SELECT at FROM journal ORDER BY id DESC LIMIT 1').pluck().get() as number | undefined) ?? null,
      backupAt: meta('backup_at'),
      unconfirmedRestore: (meta('restored') ?? 0) > 0,
      frozen: db.prepare("SELECT 1 FROM brake WHERE kind = 'freeze' AND ended_at IS NULL").get() !== undefined,
      poison: db.prepare('SELECT count(*) FROM poison').pluck().get() as number,
      alarms: db
        .prepare(
          `SELECT cause || ' about ' || name FROM alarm WHERE cleared_at IS NULL AND severity = 'critical'
            AND cause NOT IN ('frozen', 'restored') ORDER BY cause, name LIMIT 20`,
        )
        .pluck()
        .all() as string[],
      overdue: db.prepare('SELECT count(*) FROM deadline WHERE due_at < ?').pluck().get(dueBefore) as number,
      entries: (
        db
          .prepare(
            `SELECT n.entry, max(n.heard_until), max(EXISTS (SELECT 1 FROM alarm a WHERE a.cause = 'target-silent'
                AND a.ref = 'nas:' || n.id AND a.cleared_at IS NULL)) FROM nas n GROUP BY n.entry`,
          )
          .raw(true)
          .all() as [string, number, number][]
      ).map(([entry, heardUntil, silent]) => ({ entry, heardUntil, silent: silent === 1 })),
    };
  })();
}
