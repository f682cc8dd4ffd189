import { hex, unhex } from '../../daemon/lifecycle/address.js';
import type { Pool } from '../../daemon/lifecycle/records.js';
import { numbered, type TableSpec } from './table.js';

/** Table pool. The cursor may be 2^128, one more than sixteen octets hold. */
export const POOL: TableSpec<Pool> = {
  name: 'pool',
  keys: 1,
  guarded: ['tenant', 'name', 'vrf'],
  columns: [
    ['id', (row) => row.id],
    ['tenant', (row) => row.tenant],
    ['name', (row) => row.name],
    ['vrf', (row) => row.vrf],
    ['family', (row) => row.family],
    ['use', (row) => row.use],
    ['kind', (row) => row.kind],
    ['net', (row) => row.prefix.bytes],
    ['plen', (row) => row.prefix.length],
    ['unit_length', (row) => row.unitLength],
    ['cursor', (row) => unhex(row.cursor.toString(16).padStart(34, '0'))],
    ['held', (row) => row.held],
    ['barred', (row) => row.barred],
    ['freed', (row) => row.freed],
    ['excluded', (row) => row.excluded],
    ['retired_at', (row) => row.retiredAt],
  ],
  read: (v) => ({
    id: v[0] as number,
    tenant: v[1] as string,
    name: v[2] as string,
    vrf: v[3] as number,
    family: v[4] as Pool['family'],
    use: v[5] as Pool['use'],
    kind: v[6] as Pool['kind'],
    prefix: { bytes: v[7] as Uint8Array, length: v[8] as number },
    unitLength: v[9] as number,
    cursor: BigInt(`0x${hex(v[10] as Uint8Array)}`),
    held: v[11] as number,
    barred: v[12] as number,
    freed: v[13] as number,
    excluded: v[14] as number,
    retiredAt: v[15] as number | null,
  }),
  parse: numbered,
};
