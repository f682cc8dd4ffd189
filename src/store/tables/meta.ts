import type { Meta } from '../../daemon/lifecycle/meta-key.js';
import type { TableSpec } from './table.js';

/** Table meta. */
export const META: TableSpec<Meta> = {
  name: 'meta',
  keys: 1,
  columns: [
    ['key', (row) => row.key],
    ['value', (row) => row.value],
  ],
  read: (v) => ({ key: v[0] as Meta['key'], value: v[1] as number }),
  parse: (key) => [key],
};
