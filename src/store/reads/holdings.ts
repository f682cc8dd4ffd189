import type { Database, Statement } from 'better-sqlite3';
import { prefixOf, type Prefix } from '../../daemon/lifecycle/address.js';
import type { Holding } from '../../daemon/lifecycle/records.js';
import { HOLDING } from '../tables/holding.js';
import { Table, type SqlValue } from '../tables/table.js';
import { lengthsInUse } from './lengths.js';

/** One line of an address's history. */
export interface ShownHolding {
  readonly row: Holding;
  readonly subscriber: string | null;
  readonly nas: string | null;
  readonly vrf: string;
}

type Values = readonly SqlValue[];

export class HoldingReads {
  readonly #lengths: (vrf: number, most: number) => readonly number[];
  readonly #history: Statement;

  constructor(db: Database) {
    this.#lengths = lengthsInUse(db);
    this.#history = db
      .prepare(
        `SELECT ${Table.columns(HOLDING, 'h')}, s.name, n.entry, v.name FROM holding h JOIN vrf v ON v.id = h.vrf
         LEFT JOIN subscriber s ON s.id = h.subscriber LEFT JOIN nas n ON n.id = h.nas
         WHERE h.vrf = ? AND h.plen = ? AND h.net = ? AND h.tenant = ? ORDER BY h.since DESC LIMIT ?`,
      )
      .raw(true);
  }

  /** Who had `prefix`, or a prefix around it, the newest first: one probe for each prefix length in use. */
  history(tenant: string, vrf: number, prefix: Prefix, limit: number): ShownHolding[] {
    return this.#lengths(vrf, prefix.length)
      .flatMap((length) => {
        const { bytes } = prefixOf(prefix.bytes, length);
        return this.#history.all(vrf, length, bytes, tenant, limit) as Values[];
      })
      .map((values) => ({
        row: HOLDING.read(values),
        subscriber: values[HOLDING.columns.length] as string | null,
        nas: values[HOLDING.columns.length + 1] as string | null,
        vrf: values[HOLDING.columns.length + 2] as string,
      }))
      .sort((a, b) => b.row.since - a.row.since)
      .slice(0, limit);
  }
}
