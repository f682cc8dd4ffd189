/** User-Names as a NAS's config entry wants them read (RFC 2865 section 5.1): what is the same name, however it is written. */
import { sameBytes } from './address.js';
import type { Claim } from './records.js';

/** How User-Names are read. */
export interface NameRules {
  /** What stands behind the last `@`. */
  readonly realm: 'keep' | 'strip';
  /** ASCII letters. */
  readonly case: 'keep' | 'lower';
}

const AT_SIGN = 0x40;

/** A User-Name without its realm and in lower case, as far as the rules want it; itself where that changes nothing. */
function canonicalName(name: Uint8Array, { realm, case: letters }: NameRules): Uint8Array {
  const end = realm === 'strip' ? name.lastIndexOf(AT_SIGN) : -1;
  // `@realm` alone names nobody without its realm.
  const kept = end > 0 ? name.subarray(0, end) : name;
  return letters === 'lower' && kept.some(isUpper) ? kept.map((octet) => (isUpper(octet) ? octet + 32 : octet)) : kept;
}

function isUpper(octet: number): boolean {
  return octet >= 0x41 && octet <= 0x5a;
}

/** What a User-Name claims: as the rules make it and, where they rewrite it, as it came: it may be on record from before them. */
export function nameClaims(raw: Uint8Array, rules: NameRules | undefined): Claim[] {
  const bytes = rules === undefined ? raw : canonicalName(raw, rules);
  const claim = { type: 'username', scope: 'tenant', bytes } as const;
  return bytes === raw ? [claim] : [claim, { ...claim, bytes: raw }];
}

/** Whether two User-Names are one by the rules. */
export function isSameName(a: Uint8Array, b: Uint8Array, rules: NameRules | undefined): boolean {
  if (sameBytes(a, b)) return true;
  return rules !== undefined && sameBytes(canonicalName(a, rules), canonicalName(b, rules));
}
