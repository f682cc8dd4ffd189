import type { Database, Statement } from 'better-sqlite3';
import { prefixOf, type Prefix } from '../../daemon/lifecycle/address.js';
import type { Holding } from '../../daemon/lifecycle/records.js';
import { HOLDING } from '../tables/holding.js';
import { Table, type SqlValue } from '../tables/table.js';

/** One line of an address's history. */
export interface ShownHolding {
  readonly row: Holding;
  readonly subscriber: string | null;
  readonly nas: string | null;
  readonly vrf: string;
}

type Values = readonly SqlValue[];

export class HoldingReads {
  readonly #lengths: Statement;
  readonly #history: Statement;

  constructor(db: Database) {
    // Hops from one length to the next along the primary key: a seek for each length in use, of which there are few.
    this.#lengths = db
      .prepare(
        `WITH RECURSIVE used (plen) AS (
           SELECT min(plen) FROM holding WHERE vrf = :vrf
           UNION ALL
           SELECT (SELECT min(plen) FROM holding WHERE vrf = :vrf AND plen > used.plen) FROM used
           WHERE used.plen IS NOT NULL)
         SELECT plen FROM used WHERE plen <= :length`,
      )
      .pluck(true);
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
    const lengths = this.#lengths.all({ vrf, length: prefix.length }) as number[];
    return lengths
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
