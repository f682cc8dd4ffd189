/** Keys and orders by which the working copies of a batch are found. */
import { compareBytes, octetsKey } from '../daemon/lifecycle/address.js';
import type { NasIdentity } from '../daemon/lifecycle/nas-records.js';
import type { Rows } from '../daemon/lifecycle/records.js';

/** The least recently freed first; as the query of free units orders them. */
export function compareFreed(a: Rows['poolFree'] | null, b: Rows['poolFree'] | null): number {
  if (a === null || b === null) return Number(a === null) - Number(b === null);
  return a.freeAt - b.freeAt || compareBytes(a.prefix.bytes, b.prefix.bytes);
}

export function nasUnique(identity: NasIdentity): string {
  return `nas/${identity.kind}/${octetsKey(identity.bytes)}/${identity.tenant}`;
}

export function sessionUnique(nas: number, sid: Uint8Array): string {
  return `session/${String(nas)}/${octetsKey(sid)}`;
}

export function identityUnique(row: { tenant: string; type: string; scope: string; bytes: Uint8Array }): string {
  return `identity/${row.type}/${octetsKey(row.bytes)}/${row.scope}/${row.tenant}`;
}
