import { identityOfKey } from '../../daemon/lifecycle/keys.js';
import type { Identity } from '../../daemon/lifecycle/records.js';
import type { TableSpec } from './table.js';

/** Table identity. */
export const IDENTITY: TableSpec<Identity> = {
  name: 'identity',
  keys: 4,
  guarded: ['subscriber'],
  columns: [
    ['tenant', (row) => row.tenant],
    ['type', (row) => row.type],
    ['scope', (row) => row.scope],
    ['bytes', (row) => row.bytes],
    ['subscriber', (row) => row.subscriber],
    ['provenance', (row) => row.provenance],
    ['created_at', (row) => row.createdAt],
  ],
  read: (v) => ({
    tenant: v[0] as string,
    type: v[1] as Identity['type'],
    scope: v[2] as string,
    bytes: v[3] as Uint8Array,
    subscriber: v[4] as number,
    provenance: v[5] as Identity['provenance'],
    createdAt: v[6] as number,
  }),
  parse: (key) => {
    const { tenant, type, scope, bytes } = identityOfKey(key);
    return [tenant, type, scope, bytes];
  },
};
