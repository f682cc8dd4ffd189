/** Who a packet says that it is about: its identifying attributes as canonical octets, by the rules of its config entry. */
import type { AccountingRequest } from '../../protocols/radius/accounting.js';
import { formatAddress, hex } from '../lifecycle/address.js';
import { printable } from '../lifecycle/octets.js';
import type { NasIdentity } from '../lifecycle/nas-records.js';
import type { Claim, ClaimType, StrongType } from '../lifecycle/records.js';
import { looksLikeClass } from '../lifecycle/session-class.js';
import { nameClaims, type NameRules } from '../lifecycle/user-name.js';
import { macAddress, octetsOfDigits } from '../lifecycle/written-octets.js';

/** What the attributes of a NAS are worth, and how they are written (`radius.nas[].identity`). */
export interface IdentityRules extends NameRules {
  /** What is looked at, in this order. */
  readonly use: readonly ClaimType[];
  /** What may be learned from a session on its holder's own address. */
  readonly learn: readonly StrongType[];
  /** Whether the NAS writes the octets of a circuit id as hex digits. */
  readonly circuitId: 'text' | 'hex';
  /** Within what a circuit id is unique; with `relay` the remote id names the relay, and nobody else. */
  readonly scope: 'tenant' | 'nas' | 'relay';
}

/** What holds where the config says nothing. */
export const DEFAULT_RULES: IdentityRules = {
  use: ['class', 'username', 'circuit-id', 'remote-id', 'mac'],
  learn: ['username'],
  realm: 'keep',
  case: 'keep',
  circuitId: 'text',
  scope: 'tenant',
};

/** The claims of a packet in the order of the rules. */
export function claimsOf(request: AccountingRequest, nas: NasIdentity, rules: IdentityRules): readonly Claim[] {
  const claims: Claim[] = [];
  const { line } = request;
  for (const type of rules.use) {
    switch (type) {
      case 'class':
        for (const bytes of request.class) if (looksLikeClass(bytes)) claims.push({ type, scope: 'tenant', bytes });
        break;
      case 'username': {
        const { userName: raw } = request;
        if (raw === undefined) break;
        claims.push(...nameClaims(raw, rules));
        break;
      }
      case 'circuit-id': {
        const scope = line?.circuitId === undefined ? null : scopeOf(rules.scope, nas, line.remoteId);
        if (line?.circuitId === undefined || scope === null) break;
        const bytes = rules.circuitId === 'hex' ? octetsOfDigits(line.circuitId) : line.circuitId;
        claims.push({ type, scope, bytes });
        break;
      }
      case 'remote-id': {
        const scope = line?.remoteId === undefined || rules.scope === 'relay' ? null : scopeOf(rules.scope, nas);
        if (line?.remoteId !== undefined && scope !== null) claims.push({ type, scope, bytes: line.remoteId });
        break;
      }
      case 'mac': {
        const text = line?.macAddress ?? request.callingStationId;
        const bytes = text === undefined ? null : macAddress(text);
        if (bytes !== null) claims.push({ type, scope: 'tenant', bytes });
        break;
      }
    }
  }
  return claims;
}

/** A scope as records have it, or null where the packet does not tell. It holds no slash. */
function scopeOf(rule: IdentityRules['scope'], nas: NasIdentity, relay?: Uint8Array): string | null {
  switch (rule) {
    case 'tenant':
      return 'tenant';
    case 'nas':
      return `nas:${nas.kind === 'nas-identifier' ? printable(nas.bytes).replaceAll('/', '\\x2f') : formatAddress(nas.bytes)}`;
    case 'relay':
      return relay === undefined ? null : `relay:${hex(relay)}`;
  }
}
