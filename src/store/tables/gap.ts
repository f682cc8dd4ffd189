import type { Gap } from '../../daemon/lifecycle/nas-records.js';
import type { TableSpec } from './table.js';

/** Table gap. */
export const GAP: TableSpec<Gap> = {
  name: 'gap',
  keys: 2,
  columns: [
    ['nas', (row) => row.nas],
    ['until', (row) => row.until],
    ['since', (row) => row.since],
  ],
  read: (v) => ({ nas: v[0] as number, until: v[1] as number, since: v[2] as number }),
  parse: (key) => key.split('/').map(Number),
};
