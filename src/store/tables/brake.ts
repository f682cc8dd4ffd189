import type { Approval, Batch, Brake, Guard, GuardMark, HeldSuspend } from '../../daemon/lifecycle/brake.js';
import { flag, numbered, type TableSpec } from './table.js';

/** Table brake. */
export const BRAKE: TableSpec<Brake> = {
  name: 'brake',
  keys: 2,
  columns: [
    ['kind', (row) => row.kind],
    ['ref', (row) => row.ref],
    ['tenant', (row) => row.tenant],
    ['actor', (row) => row.actor],
    ['reason', (row) => row.reason],
    ['since', (row) => row.since],
    ['until', (row) => row.until],
    ['ended_at', (row) => row.endedAt],
    ['entry', (row) => row.entry],
  ],
  read: (v) => ({
    kind: v[0] as Brake['kind'],
    ref: v[1] as string,
    tenant: v[2] as string,
    actor: v[3] as string,
    reason: v[4] as string,
    since: v[5] as number,
    until: v[6] as number | null,
    endedAt: v[7] as number | null,
    entry: v[8] as string | null,
  }),
  parse: (key) => [key.slice(0, key.indexOf('/')), key.slice(key.indexOf('/') + 1)],
};

/** Table guard. */
export const GUARD: TableSpec<Guard> = {
  name: 'guard',
  keys: 1,
  columns: [
    ['scope', (row) => row.scope],
    ['seq', (row) => row.seq],
    ['base', (row) => row.base],
    ['batch', (row) => row.batch],
  ],
  read: (v) => ({
    scope: v[0] as string,
    seq: v[1] as number,
    base: v[2] as number,
    batch: v[3] as number | null,
  }),
  parse: (key) => [key],
};

/** Table guard_mark. */
export const GUARD_MARK: TableSpec<GuardMark> = {
  name: 'guard_mark',
  keys: 2,
  columns: [
    ['scope', (row) => row.scope],
    ['seq', (row) => row.seq],
    ['at', (row) => row.at],
  ],
  read: (v) => ({ scope: v[0] as string, seq: v[1] as number, at: v[2] as number }),
  parse: (key) => [key.slice(key.indexOf('/') + 1), Number(key.slice(0, key.indexOf('/')))],
};

/** Table batch. */
export const BATCH: TableSpec<Batch> = {
  name: 'batch',
  keys: 1,
  columns: [
    ['id', (row) => row.id],
    ['tenant', (row) => row.tenant],
    ['scope', (row) => row.scope],
    ['name', (row) => row.name],
    ['status', (row) => row.status],
    ['revokes', (row) => row.revokes],
    ['disconnects', (row) => row.disconnects],
    ['opened_at', (row) => row.openedAt],
    ['last_at', (row) => row.lastAt],
    ['decided_at', (row) => row.decidedAt],
    ['decided_by', (row) => row.decidedBy],
    ['reason', (row) => row.reason],
    ['suspends', (row) => row.suspends],
    ['coas', (row) => row.coas],
  ],
  read: (v) => ({
    id: v[0] as number,
    tenant: v[1] as string,
    scope: v[2] as string,
    name: v[3] as string,
    status: v[4] as Batch['status'],
    revokes: v[5] as number,
    disconnects: v[6] as number,
    openedAt: v[7] as number,
    lastAt: v[8] as number,
    decidedAt: v[9] as number | null,
    decidedBy: v[10] as string | null,
    reason: v[11] as string | null,
    suspends: v[12] as number,
    coas: v[13] as number,
  }),
  parse: numbered,
};

/** Table approval. */
export const APPROVAL: TableSpec<Approval> = {
  name: 'approval',
  keys: 1,
  columns: [
    ['assignment', (row) => row.assignment],
    ['batch', (row) => row.batch],
    ['reason', (row) => row.reason],
    ['actor', (row) => row.actor],
    ['send_disconnect', (row) => flag(row.sendDisconnect)],
    ['release_to_pool', (row) => flag(row.releaseToPool)],
    ['at', (row) => row.at],
  ],
  read: (v) => ({
    assignment: v[0] as number,
    batch: v[1] as number,
    reason: v[2] as string,
    actor: v[3] as string,
    sendDisconnect: v[4] === 1,
    releaseToPool: v[5] === 1,
    at: v[6] as number,
  }),
  parse: numbered,
};

/** Table held_suspend. */
export const HELD_SUSPEND: TableSpec<HeldSuspend> = {
  name: 'held_suspend',
  keys: 1,
  columns: [
    ['subscriber', (row) => row.subscriber],
    ['batch', (row) => row.batch],
    ['count', (row) => row.count],
    ['reason', (row) => row.reason],
    ['actor', (row) => row.actor],
    ['send_coa', (row) => flag(row.sendCoa)],
    ['send_disconnect', (row) => flag(row.sendDisconnect)],
    ['at', (row) => row.at],
  ],
  read: (v) => ({
    subscriber: v[0] as number,
    batch: v[1] as number,
    count: v[2] as number,
    reason: v[3] as string,
    actor: v[4] as string,
    sendCoa: v[5] === 1,
    sendDisconnect: v[6] === 1,
    at: v[7] as number,
  }),
  parse: numbered,
};
