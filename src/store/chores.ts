/** What background tasks ask of the store: a slice behind a place each, from indexes that hold only what is unfinished. */
import type { Database, Statement } from 'better-sqlite3';
import type { Chores, ChoreRow, JournalRow } from '../daemon/lifecycle/world.js';
import type { Entries } from './entries.js';
import type { SqlValue } from './tables/table.js';

export class ChoreQueries implements Chores {
  readonly #revoking: Statement;
  readonly #allocated: Statement;
  readonly #countRevoking: Statement;
  readonly #countUnreleased: Statement;
  readonly #journal: Statement;
  readonly #line: Statement;
  readonly #ends: Statement;
  readonly #holds: Statement;

  constructor(db: Database) {
    const slice = (index: string, state: string, column: string): Statement =>
      db.prepare(
        `SELECT ${column} AS at, id FROM assignment INDEXED BY ${index}
          WHERE state = '${state}' AND (${column}, id) > (?, ?) AND ${column} < ? ORDER BY ${column}, id LIMIT ?`,
      );
    this.#revoking = slice('assignment_revoking', 'revoking', 'revoking_at');
    this.#allocated = slice('assignment_allocated', 'allocated', 'allocated_at');
    this.#countRevoking = db
      .prepare(
        `SELECT count(*) FROM (SELECT 1 FROM assignment INDEXED BY assignment_revoking
          WHERE state = 'revoking' AND revoking_at < ? LIMIT ?)`,
      )
      .pluck(true);
    this.#countUnreleased = db
      .prepare(
        `SELECT count(*) FROM (SELECT 1 FROM deadline INDEXED BY deadline_due
          WHERE due_at < ? AND kind = 'quarantine' LIMIT ?)`,
      )
      .pluck(true);
    this.#journal = db
      .prepare(
        `SELECT id, at, tenant, subscriber, assignment, session, vrf, net, plen FROM journal WHERE id > ?
          ORDER BY id LIMIT ?`,
      )
      .raw(true);
    this.#line = db.prepare('SELECT id, at FROM journal WHERE id >= ? ORDER BY id LIMIT 1');
    this.#ends = db.prepare('SELECT min(id) AS first, max(id) AS last FROM journal');
    this.#holds = db.prepare('SELECT ref FROM hold WHERE ended_at IS NULL').pluck(true);
  }

  revoking(before: number, [at, id]: readonly [number, number], most: number): readonly ChoreRow[] {
    return this.#revoking.all(at, id, before, most) as ChoreRow[];
  }

  allocated(before: number, [at, id]: readonly [number, number], most: number): readonly ChoreRow[] {
    return this.#allocated.all(at, id, before, most) as ChoreRow[];
  }

  countRevoking(before: number, most: number): number {
    return this.#countRevoking.get(before, most) as number;
  }

  countUnreleased(before: number, most: number): number {
    return this.#countUnreleased.get(before, most) as number;
  }

  journal(before: number, now: number, after: number, most: number): readonly JournalRow[] {
    const lines = (this.#journal.all(after, most) as SqlValue[][]).map(lineOf);
    const end = lines.findIndex(({ at }) => at >= before && at <= now);
    return end < 0 ? lines : lines.slice(0, end);
  }

  journalSpan(before: number): { readonly older: number; readonly all: number } {
    const { first, last } = this.#ends.get() as { first: number | null; last: number | null };
    if (first === null || last === null) return { older: 0, all: 0 };
    // By halves: lines are in the order of their times, but for a clock that was set back.
    let [low, high] = [first, last + 1];
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const line = this.#line.get(middle) as { id: number; at: number } | undefined;
      if (line === undefined || line.at >= before) high = middle;
      else low = line.id + 1;
    }
    return { older: low - first, all: last - first + 1 };
  }

  holds(): readonly string[] {
    return this.#holds.all() as string[];
  }
}

function lineOf(v: readonly SqlValue[]): JournalRow {
  return {
    id: v[0] as number,
    at: v[1] as number,
    tenant: v[2] as string,
    subscriber: v[3] as number | null,
    assignment: v[4] as number | null,
    session: v[5] as number | null,
    vrf: v[6] as number | null,
    prefix: v[7] === null ? null : { bytes: v[7] as Uint8Array, length: v[8] as number },
  };
}

/** The same within a batch: a hold that it has set counts already. */
export class ImageChores implements Chores {
  readonly #queries: ChoreQueries;
  readonly #entries: Pick<Entries, 'hold'>;

  constructor(queries: ChoreQueries, entries: Pick<Entries, 'hold'>) {
    this.#queries = queries;
    this.#entries = entries;
  }

  revoking(before: number, after: readonly [number, number], most: number): readonly ChoreRow[] {
    return this.#queries.revoking(before, after, most);
  }

  allocated(before: number, after: readonly [number, number], most: number): readonly ChoreRow[] {
    return this.#queries.allocated(before, after, most);
  }

  journal(before: number, now: number, after: number, most: number): readonly JournalRow[] {
    return this.#queries.journal(before, now, after, most);
  }

  journalSpan(before: number): { readonly older: number; readonly all: number } {
    return this.#queries.journalSpan(before);
  }

  holds(): readonly string[] {
    return [...new Set([...this.#queries.holds(), ...this.#entries.hold.keys()])];
  }

  countRevoking(before: number, most: number): number {
    return this.#queries.countRevoking(before, most);
  }

  countUnreleased(before: number, most: number): number {
    return this.#queries.countUnreleased(before, most);
  }
}
