import { prefixOfKey } from '../../daemon/lifecycle/address.js';
import type { PoolFree } from '../../daemon/lifecycle/records.js';
import type { TableSpec } from './table.js';

/** Table pool_free. */
export const POOL_FREE: TableSpec<PoolFree> = {
  name: 'pool_free',
  keys: 3,
  guarded: ['state', 'free_at', 'assignment', 'subscriber'],
  columns: [
    ['pool', (row) => row.pool],
    ['net', (row) => row.prefix.bytes],
    ['plen', (row) => row.prefix.length],
    ['state', (row) => row.state],
    ['free_at', (row) => row.freeAt],
    ['occupants', (row) => row.occupants],
    ['assignment', (row) => row.assignment],
    ['subscriber', (row) => row.subscriber],
    ['left_at', (row) => row.leftAt],
    ['doubted', (row) => row.doubted.join()],
  ],
  read: (v) => ({
    pool: v[0] as number,
    prefix: { bytes: v[1] as Uint8Array, length: v[2] as number },
    state: v[3] as PoolFree['state'],
    freeAt: v[4] as number,
    occupants: v[5] as number,
    assignment: v[6] as number | null,
    subscriber: v[7] as number | null,
    leftAt: v[8] as number,
    doubted: (v[9] as string) === '' ? [] : (v[9] as string).split(',').map(Number),
  }),
  parse: (key) => {
    const slash = key.indexOf('/');
    const prefix = prefixOfKey(key.slice(slash + 1));
    return [Number(key.slice(0, slash)), prefix.bytes, prefix.length];
  },
};
