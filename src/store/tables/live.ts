import { lastAddress } from '../../daemon/lifecycle/address.js';
import type { Live } from '../../daemon/lifecycle/records.js';
import { numbered, type TableSpec } from './table.js';

/** The address family's number as the table keys it: 4 or 6. */
export function familyOf(bytes: Uint8Array): 4 | 6 {
  return bytes.length === 4 ? 4 : 6;
}

/** Table live, addressed by its assignment: the primary key (vrf, family, lo) follows from the row. */
export const LIVE: TableSpec<Live> = {
  name: 'live',
  keys: 1,
  columns: [
    ['assignment', (row) => row.assignment],
    ['vrf', (row) => row.vrf],
    ['family', (row) => familyOf(row.prefix.bytes)],
    ['lo', (row) => row.prefix.bytes],
    ['hi', (row) => lastAddress(row.prefix)],
    ['plen', (row) => row.prefix.length],
  ],
  read: (v) => ({
    assignment: v[0] as number,
    vrf: v[1] as number,
    prefix: { bytes: v[3] as Uint8Array, length: v[5] as number },
  }),
  parse: numbered,
};
