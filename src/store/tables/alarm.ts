import type { Alarm } from '../../daemon/lifecycle/brake.js';
import { json, parsed, type TableSpec } from './table.js';

/** Table alarm. */
export const ALARM: TableSpec<Alarm> = {
  name: 'alarm',
  keys: 2,
  columns: [
    ['cause', (row) => row.cause],
    ['ref', (row) => row.ref],
    ['tenant', (row) => row.tenant],
    ['name', (row) => row.name],
    ['severity', (row) => row.severity],
    ['first_at', (row) => row.firstAt],
    ['last_at', (row) => row.lastAt],
    ['count', (row) => row.count],
    ['active', (row) => row.active],
    ['examples', (row) => json(row.examples)],
    ['noted_at', (row) => row.notedAt],
    ['cleared_at', (row) => row.clearedAt],
    ['cleared_by', (row) => row.clearedBy],
  ],
  read: (v) => ({
    cause: v[0] as Alarm['cause'],
    ref: v[1] as string,
    tenant: v[2] as string,
    name: v[3] as string,
    severity: v[4] as Alarm['severity'],
    firstAt: v[5] as number,
    lastAt: v[6] as number,
    count: v[7] as number,
    active: v[8] as number,
    examples: parsed(v[9]) as Alarm['examples'],
    notedAt: v[10] as number,
    clearedAt: v[11] as number | null,
    clearedBy: v[12] as string | null,
  }),
  parse: (key) => [key.slice(0, key.indexOf('@')), key.slice(key.indexOf('@') + 1)],
};
