import type { Conflict } from '../../daemon/lifecycle/records.js';
import { numbered, type TableSpec } from './table.js';

/** Table conflict. */
export const CONFLICT: TableSpec<Conflict> = {
  name: 'conflict',
  keys: 1,
  guarded: ['vrf', 'session', 'assignment', 'last_at', 'closed_at'],
  columns: [
    ['id', (row) => row.id],
    ['tenant', (row) => row.tenant],
    ['kind', (row) => row.kind],
    ['vrf', (row) => row.vrf],
    ['net', (row) => row.prefix.bytes],
    ['plen', (row) => row.prefix.length],
    ['session', (row) => row.session],
    ['assignment', (row) => row.assignment],
    ['count', (row) => row.count],
    ['first_at', (row) => row.firstAt],
    ['last_at', (row) => row.lastAt],
    ['closed_at', (row) => row.closedAt],
    ['pool', (row) => row.pool],
  ],
  read: (v) => ({
    id: v[0] as number,
    tenant: v[1] as string,
    kind: v[2] as Conflict['kind'],
    vrf: v[3] as number,
    prefix: { bytes: v[4] as Uint8Array, length: v[5] as number },
    session: v[6] as number,
    assignment: v[7] as number | null,
    count: v[8] as number,
    firstAt: v[9] as number,
    lastAt: v[10] as number,
    closedAt: v[11] as number | null,
    pool: v[12] as number | null,
  }),
  parse: numbered,
};
