/** Who a packet says that it is about: its identifying attributes as canonical octets, by the rules of its config entry. */
import type { AccountingRequest } from '../../protocols/radius/accounting.js';
import { formatAddress, hex } from '../lifecycle/address.js';
import { printable } from '../lifecycle/octets.js';
import type { Claim, ClaimType, NasIdentity, StrongType } from '../lifecycle/records.js';
import { looksLikeClass } from '../lifecycle/session-class.js';

/** What the attributes of a NAS are worth, and how they are written (`radius.nas[].identity`). */
export interface IdentityRules {
  /** What is looked at, in this order. */
  readonly use: readonly ClaimType[];
  /** What may be learned from a session on its holder's own address. */
  readonly learn: readonly StrongType[];
  /** Of a User-Name: what stands behind its last `@`. */
  readonly realm: 'keep' | 'strip';
  /** Of a User-Name: ASCII letters. */
  readonly case: 'keep' | 'lower';
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

/**
 * The claims of a packet in the order of the rules. A User-Name that the rules rewrite is claimed as it came, too, behind
 * what it was made: it may be on record from before the rules.
 */
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
        const bytes = canonicalName(raw, rules);
        claims.push({ type, scope: 'tenant', bytes });
        if (bytes !== raw) claims.push({ type, scope: 'tenant', bytes: raw });
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

const AT_SIGN = 0x40;

/** A User-Name without its realm and in lower case, as far as the rules want it; itself where that changes nothing. */
function canonicalName(name: Uint8Array, { realm, case: letters }: IdentityRules): Uint8Array {
  const end = realm === 'strip' ? name.lastIndexOf(AT_SIGN) : -1;
  // `@realm` alone names nobody without its realm.
  const kept = end > 0 ? name.subarray(0, end) : name;
  return letters === 'lower' && kept.some(isUpper) ? kept.map((octet) => (isUpper(octet) ? octet + 32 : octet)) : kept;
}

function isUpper(octet: number): boolean {
  return octet >= 0x41 && octet <= 0x5a;
}

/** The value of an ASCII hex digit, or -1. */
function digit(octet: number): number {
  if (octet >= 0x30 && octet <= 0x39) return octet - 0x30;
  const lower = octet | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

/** `:`, `-`, `.` and space stand between digits. */
function isSeparator(octet: number): boolean {
  return octet === 0x3a || octet === 0x2d || octet === 0x2e || octet === 0x20;
}

/** The octets that hex digits write, with or without `0x` and separators; the octets themselves where they are no digits. */
function octetsOfDigits(text: Uint8Array): Uint8Array {
  const prefixed = text[0] === 0x30 && ((text[1] ?? 0) | 0x20) === 0x78;
  const digits: number[] = [];
  for (const octet of prefixed ? text.subarray(2) : text) {
    if (isSeparator(octet)) continue;
    const value = digit(octet);
    if (value < 0) return text;
    digits.push(value);
  }
  if (digits.length === 0 || digits.length % 2 === 1) return text;
  return Uint8Array.from(
    { length: digits.length / 2 },
    (_, n) => ((digits[2 * n] ?? 0) << 4) | (digits[2 * n + 1] ?? 0),
  );
}

/** 17 characters are the longest form, `02-00-5E-10-01-01`. */
const LONGEST_MAC = 17;

/**
 * The six octets of a MAC address in any of its written forms (`02:00:5e:10:01:01`, `02-00-5E-10-01-01`,
 * `0200.5e10.0101`, `02005e-100101`, `02005e100101`), or null. What is nobody's own (zero, a group) names nobody.
 */
export function macAddress(text: Uint8Array): Uint8Array | null {
  if (text.length < 12 || text.length > LONGEST_MAC) return null;
  const mac = new Uint8Array(6);
  let digits = 0;
  for (const octet of text) {
    const value = digit(octet);
    if (value < 0) {
      // Between whole octets only.
      if (!isSeparator(octet) || digits === 0 || digits === 12 || digits % 2 === 1) return null;
      continue;
    }
    if (digits === 12) return null;
    const place = digits++ >> 1;
    mac[place] = ((mac[place] as number) << 4) | value;
  }
  const group = ((mac[0] as number) & 1) === 1;
  return digits === 12 && !group && mac.some((octet) => octet !== 0) ? mac : null;
}
