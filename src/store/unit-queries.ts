/** The questions about the units of pools, prepared once on the writer's connection. Prefix keys are those of keys.ts. */
import type { Database, Statement } from 'better-sqlite3';
import type { Prefix } from '../daemon/lifecycle/address.js';
import type { UnitRange } from '../daemon/lifecycle/ranges.js';
import { addressesOf, unitNumber } from '../daemon/lifecycle/ranges.js';
import type { Pool } from '../daemon/lifecycle/records.js';

/** How many free units one batch can ask for at once: more than it has events. */
const FREED_PAGE = 300;
/** A subscriber seldom had more units of one pool. */
const FORMER_PAGE = 32;
/** How many used units are read at a time on the way to the first that is not. */
const RUN = 4_096;

/** A unit in quarantine, and when it leaves it. */
export interface Resting {
  readonly freeAt: number;
  readonly net: Uint8Array;
  readonly plen: number;
}

const KEY = `lower(hex(net)) || '/' || plen`;

export class UnitQueries {
  readonly #freed: Statement;
  readonly #freedAfter: Statement;
  readonly #resting: Statement;
  readonly #former: Statement;
  readonly #tenures: Statement;
  readonly #freedIn: Statement;
  readonly #heldIn: Statement;
  readonly #holders: Statement;
  readonly #barredIn: Statement;
  readonly #live: Statement;
  readonly #past: Statement;

  constructor(db: Database) {
    const next = `SELECT ${KEY} FROM pool_free INDEXED BY pool_free_next WHERE pool = ? AND state =`;
    this.#freed = db.prepare(`${next} 'free' ORDER BY free_at, net LIMIT ${String(FREED_PAGE)}`).pluck(true);
    this.#freedAfter = db
      .prepare(`${next} 'free' AND (free_at, net) > (?, ?) ORDER BY free_at, net LIMIT ${String(FREED_PAGE)}`)
      .pluck(true);
    this.#resting = db.prepare(
      `SELECT free_at AS freeAt, net, plen FROM pool_free INDEXED BY pool_free_next
          WHERE pool = ? AND state = 'quarantined' AND (free_at, net) > (?, ?) ORDER BY free_at, net LIMIT ?`,
    );
    this.#former = db
      .prepare(
        `SELECT ${KEY} FROM pool_free INDEXED BY pool_free_former WHERE pool = ? AND subscriber = ?
          LIMIT ${String(FORMER_PAGE)}`,
      )
      .pluck(true);
    this.#tenures = db
      .prepare('SELECT id FROM assignment WHERE subscriber = ? AND vrf = ? AND net = ? AND plen = ?')
      .pluck(true);
    const within = `FROM pool_free WHERE pool = ? AND net BETWEEN ? AND ?`;
    this.#freedIn = db.prepare(`SELECT ${KEY} ${within} AND state = 'free' LIMIT ?`).pluck(true);
    this.#barredIn = db.prepare(`SELECT count(*) ${within} AND state <> 'free'`).pluck(true);
    this.#heldIn = db
      .prepare(
        `SELECT count(*) FROM live l JOIN assignment a ON a.id = l.assignment
          WHERE l.vrf = ? AND l.family = ? AND l.lo BETWEEN ? AND ? AND a.pool = ?`,
      )
      .pluck(true);
    this.#holders = db
      .prepare(
        `SELECT l.assignment FROM live l JOIN assignment a ON a.id = l.assignment
          WHERE l.vrf = ? AND l.family = ? AND l.lo BETWEEN ? AND ? AND a.pool = ? ORDER BY l.lo LIMIT ?`,
      )
      .pluck(true);
    const run = `ORDER BY net LIMIT ${String(RUN)}`;
    this.#past = db.prepare(`SELECT net ${within} ${run}`).pluck(true);
    this.#live = db
      .prepare(
        `SELECT lo FROM live WHERE vrf = ? AND family = ? AND lo BETWEEN ? AND ? ORDER BY lo LIMIT ${String(RUN)}`,
      )
      .pluck(true);
  }

  /** Free units, the least recently freed first, those after a place in that order. */
  freed(pool: number, after: { freeAt: number; net: Uint8Array } | null): string[] {
    return (after === null ? this.#freed.all(pool) : this.#freedAfter.all(pool, after.freeAt, after.net)) as string[];
  }

  /** Units in quarantine, those that leave it soonest first, those after a place in that order. */
  resting(pool: number, after: Pick<Resting, 'freeAt' | 'net'> | null, limit: number): Resting[] {
    return this.#resting.all(pool, after?.freeAt ?? -1, after?.net ?? new Uint8Array(), limit) as Resting[];
  }

  former(pool: number, subscriber: number): string[] {
    return this.#former.all(pool, subscriber) as string[];
  }

  tenures(vrf: number, subscriber: number, { bytes, length }: Prefix): number[] {
    return this.#tenures.all(subscriber, vrf, bytes, length) as number[];
  }

  freedIn(pool: Pool, range: UnitRange, limit: number): string[] {
    const { lo, hi } = addressesOf(range, pool.unitLength, pool.prefix.bytes.length);
    return this.#freedIn.all(pool.id, lo, hi, limit) as string[];
  }

  /** Assignments that hold a unit of the pool in a range, in the order of their units. */
  heldIn(pool: Pool, range: UnitRange, limit: number): number[] {
    const { lo, hi } = addressesOf(range, pool.unitLength, pool.prefix.bytes.length);
    return this.#holders.all(pool.vrf, lo.length === 4 ? 4 : 6, lo, hi, pool.id, limit) as number[];
  }

  /** Units of the pool in a range that are live or barred. */
  usedIn(pool: Pool, range: UnitRange): number {
    const { lo, hi } = addressesOf(range, pool.unitLength, pool.prefix.bytes.length);
    const held = this.#heldIn.get(pool.vrf, lo.length === 4 ? 4 : 6, lo, hi, pool.id) as number;
    return held + (this.#barredIn.get(pool.id, lo, hi) as number);
  }

  /**
   * The number from which on a range may hold a unit that is neither live nor has a past: all before it are used. Reads
   * them in order, so that a million of them take less than a second, where a look at each would take many.
   */
  runEnd(pool: Pool, range: UnitRange): bigint {
    const { unitLength, vrf, id } = pool;
    const octets = pool.prefix.bytes.length;
    let next = range.first;
    while (next <= range.last) {
      const { lo, hi } = addressesOf({ first: next, last: range.last }, unitLength, octets);
      const live = this.#live.all(vrf, octets === 4 ? 4 : 6, lo, hi) as Uint8Array[];
      const past = this.#past.all(id, lo, hi) as Uint8Array[];
      const before = next;
      next = follow(live, past, unitLength, next);
      if (next - before < BigInt(RUN)) return next;
    }
    return next;
  }
}

/** The number after the last of those that follow on `from` without a gap in either of two lists in order. */
function follow(live: readonly Uint8Array[], past: readonly Uint8Array[], unitLength: number, from: bigint): bigint {
  let next = from;
  let a = 0;
  let b = 0;
  const numberOf = (bytes: Uint8Array | undefined): bigint | null =>
    bytes === undefined ? null : unitNumber(bytes, unitLength);
  let left = numberOf(live[0]);
  let right = numberOf(past[0]);
  for (;;) {
    if (left !== null && left <= next) {
      if (left === next) next++;
      left = numberOf(live[++a]);
    } else if (right !== null && right <= next) {
      if (right === next) next++;
      right = numberOf(past[++b]);
    } else return next;
  }
}
