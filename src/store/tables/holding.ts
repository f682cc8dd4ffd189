import { unhex } from '../../daemon/lifecycle/address.js';
import type { Holding } from '../../daemon/lifecycle/records.js';
import type { TableSpec } from './table.js';

/** Table holding: history. */
export const HOLDING: TableSpec<Holding> = {
  name: 'holding',
  keys: 6,
  guarded: ['subscriber', 'assignment', 'nas'],
  columns: [
    ['vrf', (row) => row.vrf],
    ['plen', (row) => row.prefix.length],
    ['net', (row) => row.prefix.bytes],
    ['since', (row) => row.since],
    ['kind', (row) => row.kind],
    ['seq', (row) => row.seq],
    ['until', (row) => row.until],
    ['tenant', (row) => row.tenant],
    ['subscriber', (row) => row.subscriber],
    ['assignment', (row) => row.assignment],
    ['nas', (row) => row.nas],
    ['confidence', (row) => row.confidence],
  ],
  read: (v) => ({
    vrf: v[0] as number,
    prefix: { length: v[1] as number, bytes: v[2] as Uint8Array },
    since: v[3] as number,
    kind: v[4] as Holding['kind'],
    seq: v[5] as number,
    until: v[6] as number | null,
    tenant: v[7] as string,
    subscriber: v[8] as number | null,
    assignment: v[9] as number | null,
    nas: v[10] as number | null,
    confidence: v[11] as Holding['confidence'],
  }),
  parse: (key) => {
    const [vrf, net, plen, since, kind, seq] = key.split('/');
    return [Number(vrf), Number(plen), unhex(net ?? ''), Number(since), kind ?? '', Number(seq)];
  },
};
