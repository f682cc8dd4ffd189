import type { Hold } from '../../daemon/lifecycle/hold.js';
import type { TableSpec } from './table.js';

/** Table hold. */
export const HOLD: TableSpec<Hold> = {
  name: 'hold',
  keys: 1,
  columns: [
    ['ref', (row) => row.ref],
    ['tenant', (row) => row.tenant],
    ['subscriber', (row) => row.subscriber],
    ['net', (row) => row.prefix?.bytes ?? null],
    ['plen', (row) => row.prefix?.length ?? null],
    ['vrf', (row) => row.vrf],
    ['actor', (row) => row.actor],
    ['reason', (row) => row.reason],
    ['since', (row) => row.since],
    ['ended_at', (row) => row.endedAt],
    ['ended_by', (row) => row.endedBy],
  ],
  read: (v) => ({
    ref: v[0] as string,
    tenant: v[1] as string,
    subscriber: v[2] as number | null,
    prefix: v[3] === null ? null : { bytes: v[3] as Uint8Array, length: v[4] as number },
    vrf: v[5] as number | null,
    actor: v[6] as string,
    reason: v[7] as string,
    since: v[8] as number,
    endedAt: v[9] as number | null,
    endedBy: v[10] as string | null,
  }),
  parse: (key) => [key],
};
