import type { Subscriber } from '../../daemon/lifecycle/records.js';
import { json, numbered, parsed, type TableSpec } from './table.js';

/** Table subscriber. */
export const SUBSCRIBER: TableSpec<Subscriber> = {
  name: 'subscriber',
  keys: 1,
  guarded: ['tenant', 'name'],
  columns: [
    ['id', (row) => row.id],
    ['tenant', (row) => row.tenant],
    ['name', (row) => row.name],
    ['usernames', (row) => row.usernames],
    ['created_at', (row) => row.createdAt],
    ['generation', (row) => row.generation],
    ['suspended_at', (row) => row.suspendedAt],
    ['service', (row) => json(row.service)],
  ],
  read: (v) => ({
    id: v[0] as number,
    tenant: v[1] as string,
    name: v[2] as string,
    usernames: v[3] as number,
    createdAt: v[4] as number,
    generation: v[5] as number,
    suspendedAt: v[6] as number | null,
    service: parsed(v[7]) as Subscriber['service'],
  }),
  parse: numbered,
};
