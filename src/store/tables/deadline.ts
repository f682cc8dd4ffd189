import type { Deadline } from '../../daemon/lifecycle/records.js';
import type { TableSpec } from './table.js';

/** Table deadline. */
export const DEADLINE: TableSpec<Deadline> = {
  name: 'deadline',
  keys: 2,
  guarded: ['due_at'],
  columns: [
    ['kind', (row) => row.kind],
    ['ref', (row) => row.ref],
    ['due_at', (row) => row.dueAt],
  ],
  read: (v) => ({ kind: v[0] as Deadline['kind'], ref: v[1] as string, dueAt: v[2] as number }),
  parse: (key) => [key.slice(0, key.indexOf('/')), key.slice(key.indexOf('/') + 1)],
};
