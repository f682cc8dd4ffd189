import type { Nas } from '../../daemon/lifecycle/records.js';
import { numbered, type TableSpec } from './table.js';

/** Table nas. */
export const NAS: TableSpec<Nas> = {
  name: 'nas',
  keys: 1,
  guarded: ['tenant', 'kind', 'bytes', 'vrf'],
  columns: [
    ['id', (row) => row.id],
    ['tenant', (row) => row.tenant],
    ['kind', (row) => row.kind],
    ['bytes', (row) => row.bytes],
    ['entry', (row) => row.entry],
    ['vrf', (row) => row.vrf],
    ['address', (row) => row.address],
    ['epoch', (row) => row.epoch],
    ['epoch_received_at', (row) => row.epochReceivedAt],
    ['epoch_at', (row) => row.epochAt],
    ['heard_since', (row) => row.heardSince],
    ['heard_until', (row) => row.heardUntil],
    ['created_at', (row) => row.createdAt],
  ],
  read: (v) => ({
    id: v[0] as number,
    tenant: v[1] as string,
    kind: v[2] as Nas['kind'],
    bytes: v[3] as Uint8Array,
    entry: v[4] as string,
    vrf: v[5] as number,
    address: v[6] as Uint8Array,
    epoch: v[7] as number,
    epochReceivedAt: v[8] as number,
    epochAt: v[9] as number,
    heardSince: v[10] as number,
    heardUntil: v[11] as number,
    createdAt: v[12] as number,
  }),
  parse: numbered,
};
