import type { NasEpoch } from '../../daemon/lifecycle/nas-records.js';
import type { TableSpec } from './table.js';

/** Table nas_epoch. */
export const NAS_EPOCH: TableSpec<NasEpoch> = {
  name: 'nas_epoch',
  keys: 2,
  columns: [
    ['nas', (row) => row.nas],
    ['epoch', (row) => row.epoch],
    ['cause', (row) => row.cause],
    ['at', (row) => row.at],
    ['received_at', (row) => row.receivedAt],
  ],
  read: (v) => ({
    nas: v[0] as number,
    epoch: v[1] as number,
    cause: v[2] as NasEpoch['cause'],
    at: v[3] as number,
    receivedAt: v[4] as number,
  }),
  parse: (key) => key.split('/').map(Number),
};
