import type { Database, Statement } from 'better-sqlite3';
import type { Brake } from '../../daemon/lifecycle/brake.js';
import type { Nas } from '../../daemon/lifecycle/nas-records.js';
import { BrakeReads } from './brakes.js';
import { behind } from './suspicion.js';
import { NAS } from '../tables/nas.js';
import { Table, type SqlValue } from '../tables/table.js';

export interface ShownNas {
  readonly row: Nas;
  readonly vrf: string;
  readonly openSessions: number;
  /** Open sessions not seen since its last restart. */
  readonly suspectSessions: number;
  /** Its maintenance that goes on, or null. */
  readonly maintenance: Brake | null;
}

/** How people name NASes: by the config entry, or by an address (4 or 16 octets), if that is one. */
export interface NasName {
  readonly entry: string;
  readonly address: Uint8Array | null;
}

type Values = readonly SqlValue[];

const COLUMNS = NAS.columns.length;

export class NasReads {
  readonly #all: Statement;
  readonly #named: Statement;
  readonly #brakes: BrakeReads;

  constructor(db: Database) {
    this.#brakes = new BrakeReads(db);
    const open = 'SELECT count(*) FROM session e INDEXED BY session_epoch WHERE e.nas = n.id AND e.ended_at IS NULL';
    this.#all = db
      .prepare(
        `SELECT ${Table.columns(NAS, 'n')}, v.name, (${open}), (${open} AND e.epoch < n.epoch AND ${behind('e', 'n')}) FROM nas n
         JOIN vrf v ON v.id = n.vrf WHERE in_time(n.id) AND n.tenant = ? ORDER BY n.entry, n.id LIMIT ?`,
      )
      .raw(true);
    this.#named = db
      .prepare('SELECT id FROM nas WHERE in_time(id) AND tenant = ? AND (entry = ? OR address = ?) ORDER BY id')
      .pluck(true);
  }

  /** The numbers of the NASes of that name. */
  named(tenant: string, { entry, address }: NasName): number[] {
    return this.#named.all(tenant, entry, address) as number[];
  }

  list(tenant: string, limit: number): ShownNas[] {
    return (this.#all.all(tenant, limit) as Values[]).map((values) => ({
      row: NAS.read(values),
      vrf: values[COLUMNS] as string,
      openSessions: values[COLUMNS + 1] as number,
      suspectSessions: values[COLUMNS + 2] as number,
      maintenance: this.#brakes.maintenance(values[0] as number),
    }));
  }
}
