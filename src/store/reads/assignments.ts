import type { Database, Statement } from 'better-sqlite3';
import { lastAddress, type Prefix } from '../../daemon/lifecycle/address.js';
import type { Approval, Brake } from '../../daemon/lifecycle/brake.js';
import type { Assignment, AssignmentStep, PoolFree } from '../../daemon/lifecycle/records.js';
import { ASSIGNMENT } from '../tables/assignment.js';
import { BrakeReads } from './brakes.js';
import { familyOf } from '../tables/live.js';
import { POOL_FREE } from '../tables/pool-free.js';
import { STEP } from '../tables/step.js';
import { Table, type SqlValue } from '../tables/table.js';

/** An assignment with the names of what it refers to. */
export interface ShownAssignment {
  readonly row: Assignment;
  readonly subscriber: string;
  readonly pool: string;
  readonly vrf: string;
  readonly steps: readonly AssignmentStep[];
  /** What the pool says of the unit, where this assignment was the last to hold it. */
  readonly past: PoolFree | null;
  /** The revoke of it that waits for approval, and the freeze that keeps it from ending. */
  readonly approval: Approval | null;
  readonly freeze: Brake | null;
  /** What a routed subnet rides on, and the subnets that ride on this one and are not REVOKED. */
  readonly parent: Pick<Assignment, 'id' | 'prefix'> | null;
  readonly subnets: readonly Pick<Assignment, 'id' | 'prefix' | 'state'>[];
  /** The address in whose place it was ordered, and the assignment that was last ordered in its own place. */
  readonly supersedes: Prefix | null;
  readonly heir: Assignment | null;
}

type Values = readonly SqlValue[];

const COLUMNS = ASSIGNMENT.columns.length;
const FROM = `FROM assignment a
  JOIN subscriber s ON s.id = a.subscriber JOIN pool p ON p.id = a.pool JOIN vrf v ON v.id = a.vrf`;

export class AssignmentReads {
  readonly #ofSubscriber: Statement;
  readonly #byId: Statement;
  readonly #liveWithin: Statement;
  readonly #liveOver: Statement;
  readonly #steps: Statement;
  readonly #past: Statement;
  readonly #prefix: Statement;
  readonly #subnets: Statement;
  readonly #heir: Statement;
  readonly #brakes: BrakeReads;

  constructor(db: Database) {
    this.#brakes = new BrakeReads(db);
    const columns = `${Table.columns(ASSIGNMENT, 'a')}, s.name, p.name, v.name`;
    const ofSubscriber = `SELECT ${columns} ${FROM} WHERE a.subscriber = ? AND a.tenant = ?
      ORDER BY a.state = 'revoked', a.id DESC LIMIT ?`;
    this.#ofSubscriber = db.prepare(ofSubscriber).raw(true);
    this.#byId = db.prepare(`SELECT ${columns} ${FROM} WHERE a.id = ? AND a.tenant = ?`).raw(true);
    const live = `FROM live JOIN assignment a ON a.id = live.assignment WHERE a.tenant = ? AND live.family = ?`;
    this.#liveWithin = db.prepare(
      `SELECT live.assignment ${live} AND live.vrf = ? AND live.lo BETWEEN ? AND ? ORDER BY live.lo LIMIT ?`,
    );
    // Live prefixes of a VRF are disjoint: the last that begins before the address is the only one that can cover it.
    this.#liveOver = db.prepare(
      `SELECT assignment FROM (SELECT assignment, hi FROM live WHERE vrf = ? AND family = ? AND lo <= ?
         ORDER BY lo DESC LIMIT 1) WHERE hi >= ?`,
    );
    this.#steps = db
      .prepare(`SELECT ${Table.columns(STEP, 't')} FROM assignment_step t WHERE assignment = ?`)
      .raw(true);
    this.#prefix = db.prepare('SELECT net AS bytes, plen AS length FROM assignment WHERE id = ?');
    this.#subnets = db.prepare(
      "SELECT id, net AS bytes, plen AS length, state FROM assignment WHERE parent = ? AND state <> 'revoked' ORDER BY id",
    );
    this.#heir = db
      .prepare(
        `SELECT ${Table.columns(ASSIGNMENT, 'a')} FROM assignment a WHERE a.supersedes = ? ORDER BY a.id DESC LIMIT 1`,
      )
      .raw(true);
    this.#past = db
      .prepare(
        `SELECT ${Table.columns(POOL_FREE, 'f')} FROM pool_free f
         WHERE f.pool = ? AND f.net = ? AND f.plen = ? AND f.assignment = ?`,
      )
      .raw(true);
  }

  /** Assignments of a subscriber: those still open first, then the newest that ended. */
  ofSubscriber(tenant: string, subscriber: number, limit: number): ShownAssignment[] {
    return (this.#ofSubscriber.all(subscriber, tenant, limit) as Values[]).map((values) => this.#shown(values));
  }

  /** The assignments of these numbers that belong to the tenant. */
  byIds(tenant: string, ids: readonly number[]): ShownAssignment[] {
    return ids.flatMap((id) => (this.#byId.all(id, tenant) as Values[]).map((values) => this.#shown(values)));
  }

  /** Numbers of the tenant's assignments that hold `prefix`, a part of it, or something around it. */
  holding(tenant: string, vrf: number, prefix: Prefix, limit: number): number[] {
    const family = familyOf(prefix.bytes);
    const lo = prefix.bytes;
    const hi = lastAddress(prefix);
    const found = [
      ...this.#liveOver.all(vrf, family, lo, lo),
      ...this.#liveWithin.all(tenant, family, vrf, lo, hi, limit),
    ] as { assignment: number }[];
    return [...new Set(found.map(({ assignment }) => assignment))];
  }

  #shown(values: Values): ShownAssignment {
    const row = ASSIGNMENT.read(values);
    const past = this.#past.get(row.pool, row.prefix.bytes, row.prefix.length, row.id) as Values | undefined;
    const heir = this.#heir.get(row.id) as Values | undefined;
    return {
      row,
      subscriber: values[COLUMNS] as string,
      pool: values[COLUMNS + 1] as string,
      vrf: values[COLUMNS + 2] as string,
      steps: (this.#steps.all(row.id) as Values[]).map((step) => STEP.read(step)),
      past: past === undefined ? null : POOL_FREE.read(past),
      approval: this.#brakes.approval(row.id),
      freeze: this.#brakes.freeze(),
      parent: row.parent === null ? null : { id: row.parent, prefix: this.#prefix.get(row.parent) as Prefix },
      subnets: (this.#subnets.all(row.id) as (Prefix & Pick<Assignment, 'id' | 'state'>)[]).map(
        ({ id, state, bytes, length }) => ({ id, state, prefix: { bytes, length } }),
      ),
      supersedes: row.supersedes === null ? null : (this.#prefix.get(row.supersedes) as Prefix),
      heir: heir === undefined ? null : ASSIGNMENT.read(heir),
    };
  }
}
