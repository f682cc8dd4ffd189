import type { Database, Statement } from 'better-sqlite3';
import { contains, prefixOf, type Prefix } from '../../daemon/lifecycle/address.js';
import type { Pool, PoolFree } from '../../daemon/lifecycle/records.js';
import { POOL } from '../tables/pool.js';
import { POOL_FREE } from '../tables/pool-free.js';
import { Table, type SqlValue } from '../tables/table.js';

export interface ShownPool {
  readonly row: Pool;
  readonly vrf: string;
}

/** The unit of a pool that an address lies in; `past` is null where nobody had it yet or somebody holds it. */
export interface ShownUnit {
  readonly pool: ShownPool;
  readonly unit: Prefix;
  readonly past: PoolFree | null;
  /** Who held it last. */
  readonly lastSubscriber: string | null;
}

type Values = readonly SqlValue[];

export class PoolReads {
  readonly #all: Statement;
  readonly #past: Statement;

  constructor(db: Database) {
    this.#all = db
      .prepare(
        `SELECT ${Table.columns(POOL, 'p')}, v.name FROM pool p JOIN vrf v ON v.id = p.vrf WHERE p.tenant = ?
         ORDER BY p.family, p.name`,
      )
      .raw(true);
    this.#past = db
      .prepare(
        `SELECT ${Table.columns(POOL_FREE, 'f')}, s.name FROM pool_free f LEFT JOIN subscriber s ON s.id = f.subscriber
         WHERE f.pool = ? AND f.net = ? AND f.plen = ?`,
      )
      .raw(true);
  }

  list(tenant: string): ShownPool[] {
    return (this.#all.all(tenant) as Values[]).map((values) => ({
      row: POOL.read(values),
      vrf: values[POOL.columns.length] as string,
    }));
  }

  /** The unit of a VRF that `prefix` is or lies in; null where no pool of the tenant has it, or it is wider than a unit. */
  unit(tenant: string, vrf: number, prefix: Prefix): ShownUnit | null {
    const around = this.list(tenant).filter(({ row }) => row.vrf === vrf && contains(row.prefix, prefix));
    // What a retired pool still holds in quarantine is asked for as well.
    const pool = around.find(({ row }) => row.retiredAt === null) ?? around[0];
    if (pool === undefined || prefix.length < pool.row.unitLength) return null;
    const unit = prefixOf(prefix.bytes, pool.row.unitLength);
    const values = this.#past.get(pool.row.id, unit.bytes, unit.length) as Values | undefined;
    if (values === undefined) return { pool, unit, past: null, lastSubscriber: null };
    const lastSubscriber = values[POOL_FREE.columns.length] as string | null;
    return { pool, unit, past: POOL_FREE.read(values), lastSubscriber };
  }
}
