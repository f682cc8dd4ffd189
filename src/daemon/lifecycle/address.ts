/**
 * Addresses and prefixes as canonical octets. Nothing here knows text except to print it: parsing belongs to the edge,
 * where a library refuses what is not canonical.
 */

/** What a tenure holds: one IPv4 address or subnet, one IPv6 address or WAN prefix, one delegated IPv6 prefix. */
export type Family = 'ipv4' | 'ipv6' | 'ipv6-pd';

/** `bytes` are 4 or 16 octets in network order, `length` is the prefix length; bits beyond `length` are zero. */
export interface Prefix {
  readonly bytes: Uint8Array;
  readonly length: number;
}

const CHARACTERS: readonly string[] = Array.from({ length: 256 }, (_, n) => String.fromCharCode(n));
const HEX: readonly string[] = Array.from({ length: 256 }, (_, n) => n.toString(16).padStart(2, '0'));

/** Octets as lower-case hex, two digits an octet. */
export function hex(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i++) text += HEX[bytes[i] as number] as string;
  return text;
}

/** The octets of a string made by {@link hex}. */
export function unhex(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length >> 1);
  for (let i = 0; i < bytes.length; i++) {
    bytes[i] = (digit(text.charCodeAt(2 * i)) << 4) | digit(text.charCodeAt(2 * i + 1));
  }
  return bytes;
}

/** The value of a lower-case hex digit. */
function digit(code: number): number {
  return code < 58 ? code - 48 : code - 87;
}

/**
 * Octets as a key for a map in memory: one character an octet, never shown. Asked for several times a packet: a loop over
 * a table takes an eighth of the time that spreading the octets into `String.fromCharCode` does.
 */
export function octetsKey(bytes: Uint8Array): string {
  let key = '';
  for (let i = 0; i < bytes.length; i++) key += CHARACTERS[bytes[i] as number] as string;
  return key;
}

/** A prefix as a map key: equal exactly when octets and length are equal (v4 and v6 differ in the number of digits). */
export function prefixKey(prefix: Prefix): string {
  return `${hex(prefix.bytes)}/${String(prefix.length)}`;
}

/** The prefix that {@link prefixKey} made the key of. */
export function prefixOfKey(key: string): Prefix {
  const slash = key.indexOf('/');
  return { bytes: unhex(key.slice(0, slash)), length: Number(key.slice(slash + 1)) };
}

/** Width of the address in bits: 32 or 128. */
export function width(prefix: Prefix): 32 | 128 {
  return prefix.bytes.length === 4 ? 32 : 128;
}

/** A copy of `bytes` with every bit beyond `length` cleared. */
export function mask(bytes: Uint8Array, length: number): Uint8Array {
  const out = new Uint8Array(bytes.length);
  const whole = length >> 3;
  out.set(bytes.subarray(0, whole));
  const rest = length & 7;
  if (rest !== 0) out[whole] = (bytes[whole] ?? 0) & (0xff << (8 - rest));
  return out;
}

/** The prefix of `length` bits that `bytes` lies in. */
export function prefixOf(bytes: Uint8Array, length: number): Prefix {
  return { bytes: mask(bytes, length), length };
}

/** The last address of a prefix: every bit beyond its length set. */
export function lastAddress(prefix: Prefix): Uint8Array {
  const out = Uint8Array.from(prefix.bytes);
  const whole = prefix.length >> 3;
  const rest = prefix.length & 7;
  if (whole < out.length) out[whole] = (out[whole] ?? 0) | (0xff >> rest);
  out.fill(0xff, whole + 1);
  return out;
}

/** Orders octet strings as numbers of equal width; a shorter string (IPv4) comes before a longer one (IPv6). */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  if (a.length !== b.length) return a.length - b.length;
  for (let i = 0; i < a.length; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Same octets. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return compareBytes(a, b) === 0;
}

/** Same octets and same length. */
export function samePrefix(a: Prefix, b: Prefix): boolean {
  return a.length === b.length && sameBytes(a.bytes, b.bytes);
}

/** Whether every address of `inner` lies in `outer`. IPv4 and IPv6 never contain each other. */
export function contains(outer: Prefix, inner: Prefix): boolean {
  return (
    outer.bytes.length === inner.bytes.length &&
    outer.length <= inner.length &&
    sameBytes(mask(inner.bytes, outer.length), outer.bytes)
  );
}

/** Whether two prefixes share an address: prefixes nest or are disjoint, so one must contain the other. */
export function overlaps(a: Prefix, b: Prefix): boolean {
  return contains(a, b) || contains(b, a);
}

function toBigInt(bytes: Uint8Array): bigint {
  return BigInt(`0x${hex(bytes)}`);
}

/** How many units of `unitLength` bits a prefix is made of: a /40 delegating /56 has 65,536. */
export function unitCount(prefix: Prefix, unitLength: number): bigint {
  return 1n << BigInt(unitLength - prefix.length);
}

/** The unit number `index` (from 0) of a prefix; null when the prefix ends before it. */
export function unitAt(prefix: Prefix, unitLength: number, index: bigint): Prefix | null {
  if (index < 0n || index >= unitCount(prefix, unitLength)) return null;
  const value = toBigInt(prefix.bytes) + (index << BigInt(width(prefix) - unitLength));
  return { bytes: unhex(value.toString(16).padStart(prefix.bytes.length * 2, '0')), length: unitLength };
}

/** The number of the unit that `unit` is within `prefix`; the inverse of {@link unitAt}. */
export function unitIndex(prefix: Prefix, unit: Prefix): bigint {
  return (toBigInt(unit.bytes) - toBigInt(prefix.bytes)) >> BigInt(width(prefix) - unit.length);
}

/** Prints octets: dotted IPv4, or IPv6 as RFC 5952 section 4 (lower case, the longest run of zero groups shortened). */
export function formatAddress(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  const groups: number[] = [];
  for (let i = 0; i < 16; i += 2) groups.push(((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0));
  let best = -1;
  let bestLength = 1;
  for (let i = 0; i < 8; i++) {
    let run = 0;
    while (i + run < 8 && groups[i + run] === 0) run++;
    if (run > bestLength) {
      best = i;
      bestLength = run;
    }
    i += run;
  }
  const text = (part: readonly number[]): string => part.map((group) => group.toString(16)).join(':');
  return best < 0 ? text(groups) : `${text(groups.slice(0, best))}::${text(groups.slice(best + bestLength))}`;
}

/** Prints a prefix; a single address is printed without its length. */
export function formatPrefix(prefix: Prefix): string {
  const address = formatAddress(prefix.bytes);
  return prefix.length === width(prefix) ? address : `${address}/${String(prefix.length)}`;
}
