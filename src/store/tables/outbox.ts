import type { Outbox } from '../../daemon/lifecycle/records.js';
import { json, numbered, parsed, type TableSpec } from './table.js';

/** Table outbox. */
export const OUTBOX: TableSpec<Outbox> = {
  name: 'outbox',
  keys: 1,
  guarded: ['kind', 'target', 'subject', 'session', 'status', 'due_at'],
  columns: [
    ['id', (row) => row.id],
    ['tenant', (row) => row.tenant],
    ['kind', (row) => row.kind],
    ['target', (row) => row.target],
    ['subject', (row) => row.subject],
    ['session', (row) => row.session],
    ['orders', (row) => json(row.orders)],
    ['status', (row) => row.status],
    ['attempt', (row) => row.attempt],
    ['due_at', (row) => row.dueAt],
    ['created_at', (row) => row.createdAt],
    ['started_at', (row) => row.startedAt],
    ['finished_at', (row) => row.finishedAt],
    ['outcome', (row) => row.outcome],
    ['batch', (row) => row.batch],
  ],
  read: (v) => ({
    id: v[0] as number,
    tenant: v[1] as string,
    kind: v[2] as Outbox['kind'],
    target: v[3] as string,
    subject: v[4] as string,
    session: v[5] as number,
    orders: parsed(v[6]) as Outbox['orders'],
    status: v[7] as Outbox['status'],
    attempt: v[8] as number,
    dueAt: v[9] as number,
    createdAt: v[10] as number,
    startedAt: v[11] as number | null,
    finishedAt: v[12] as number | null,
    outcome: v[13] as string | null,
    batch: v[14] as number | null,
  }),
  parse: numbered,
};
