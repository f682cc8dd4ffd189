import type { Vrf } from '../../daemon/lifecycle/nas-records.js';
import { numbered, type TableSpec } from './table.js';

/** Table vrf. */
export const VRF: TableSpec<Vrf> = {
  name: 'vrf',
  keys: 1,
  columns: [
    ['id', (row) => row.id],
    ['name', (row) => row.name],
  ],
  read: (v) => ({ id: v[0] as number, name: v[1] as string }),
  parse: numbered,
};
