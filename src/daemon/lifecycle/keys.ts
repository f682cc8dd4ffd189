/** The keys under which records are held: equal exactly when the primary keys of their rows are equal. */
import { hex, prefixKey, unhex, type Prefix } from './address.js';
import { BRAKE_KEY_OF } from './brake.js';
import type { Holding, Identity, IdentityType, Rows, TableName } from './records.js';

/** The key under which a row is held; equal exactly when the primary keys are equal. */
export const KEY_OF: { readonly [T in TableName]: (row: Rows[T]) => string } = {
  vrf: (row) => String(row.id),
  subscriber: (row) => String(row.id),
  identity: (row) => identityKey(row.tenant, row.type, row.scope, row.bytes),
  nas: (row) => String(row.id),
  epoch: (row) => epochKey(row.nas, row.epoch),
  gap: (row) => `${String(row.nas)}/${String(row.until)}`,
  pool: (row) => String(row.id),
  poolFree: (row) => poolFreeKey(row.pool, row.prefix),
  assignment: (row) => String(row.id),
  live: (row) => String(row.assignment),
  step: (row) => `${String(row.assignment)}/${row.step}`,
  session: (row) => String(row.id),
  usage: (row) => String(row.session),
  witness: (row) => witnessKey(row.assignment, row.ref),
  holding: (row) => holdingKey(row),
  conflict: (row) => String(row.id),
  deadline: (row) => `${row.kind}/${row.ref}`,
  outbox: (row) => String(row.id),
  meta: (row) => row.key,
  task: (row) => row.name,
  hold: (row) => row.ref,
  ...BRAKE_KEY_OF,
};

/** The tables whose rows a decision may drop, in the order in which the store deletes them. */
export const DROPPED = [
  'live',
  'deadline',
  'poolFree',
  'guardMark',
  'approval',
  'identity',
  'heldSuspend',
  'step',
] as const satisfies readonly TableName[];

/** The key of an identity. */
export function identityKey(tenant: string, type: IdentityType, scope: string, bytes: Uint8Array): string {
  return `${type}/${hex(bytes)}/${scope}/${tenant}`;
}

/** The fields that {@link identityKey} made the key of. Tenant and scope names hold no slash. */
export function identityOfKey(key: string): Pick<Identity, 'tenant' | 'type' | 'scope' | 'bytes'> {
  const [type, bytes, scope, tenant] = key.split('/');
  return { type: type as IdentityType, bytes: unhex(bytes ?? ''), scope: scope ?? '', tenant: tenant ?? '' };
}

/** The key of a pool's unit. */
export function poolFreeKey(pool: number, prefix: Prefix): string {
  return `${String(pool)}/${prefixKey(prefix)}`;
}

export function epochKey(nas: number, epoch: number): string {
  return `${String(nas)}/${String(epoch)}`;
}

/** The key of a session's standing on an assignment. */
export function witnessKey(assignment: number, session: number): string {
  return `${String(assignment)}/${String(session)}`;
}

/** The key of a holding. */
export function holdingKey(row: Pick<Holding, 'vrf' | 'prefix' | 'since' | 'kind' | 'seq'>): string {
  return `${String(row.vrf)}/${prefixKey(row.prefix)}/${String(row.since)}/${row.kind}/${String(row.seq)}`;
}
