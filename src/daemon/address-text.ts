/** Addresses and prefixes from text. Strict: one address has few spellings here, and a doubtful one is refused. */
import { Address4, Address6 } from 'ip-address';
import { formatPrefix, prefixOf, sameBytes, type Prefix } from './lifecycle/address.js';

const DOTTED_QUAD = /^\d{1,3}(\.\d{1,3}){3}$/;
const GROUPS = /^[0-9A-Fa-f:]+$/;
const LENGTH = /^(0|[1-9]\d{0,2})$/;

/**
 * An address as 4 or 16 octets, or null. Refused are leading zeros (`010.0.0.1` is 8.0.0.1 to some programs), short forms
 * (`10.1`), zone ids, embedded dotted quads, and IPv4-mapped IPv6 (RFC 4291 section 2.5.5.2): they are IPv4 addresses.
 */
export function parseAddress(text: string): Uint8Array | null {
  if (DOTTED_QUAD.test(text)) return Address4.isValid(text) ? Uint8Array.from(new Address4(text).toArray()) : null;
  if (!GROUPS.test(text) || !Address6.isValid(text)) return null;
  const bytes = Uint8Array.from(new Address6(text).toUnsignedByteArray());
  const mapped = bytes.subarray(0, 10).every((octet) => octet === 0) && bytes[10] === 0xff && bytes[11] === 0xff;
  return mapped ? null : bytes;
}

/** A prefix as text was read, or a sentence that says what is wrong with it (it begins with the text itself). */
export type PrefixReading = { readonly prefix: Prefix } | { readonly fault: string };

/** Reads `address/length`, or an address alone, which is the prefix of its full length. */
export function readPrefix(text: string): PrefixReading {
  const slash = text.indexOf('/');
  const bytes = parseAddress(slash < 0 ? text : text.slice(0, slash));
  if (bytes === null) return { fault: `${text} is not an IPv4 or IPv6 prefix` };
  const width = bytes.length * 8;
  const digits = slash < 0 ? String(width) : text.slice(slash + 1);
  if (!LENGTH.test(digits) || Number(digits) > width) {
    return { fault: `${text} is not a prefix: its length must be 0 to ${String(width)}` };
  }
  const prefix = prefixOf(bytes, Number(digits));
  if (sameBytes(prefix.bytes, bytes)) return { prefix };
  return { fault: `${text} is not a prefix: it has bits set beyond /${digits}; ${formatPrefix(prefix)} has not` };
}

/** A prefix without bits beyond its length, or null; the inverse of `formatPrefix`. */
export function parsePrefix(text: string): Prefix | null {
  const reading = readPrefix(text);
  return 'prefix' in reading ? reading.prefix : null;
}

/** Where something listens. `text` is what the config said. */
export interface ListenAddress {
  readonly host: string;
  readonly address: Uint8Array;
  readonly port: number;
  readonly text: string;
}

/** Reads `192.0.2.1:1813` or `[2001:db8::1]:1813`; port 0 is the kernel's choice. Null where it is neither. */
export function parseListen(text: string): ListenAddress | null {
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*)):(0|[1-9]\d{0,4})$/.exec(text);
  if (match === null) return null;
  const [, v6, v4, digits] = match;
  const host = v6 ?? v4 ?? '';
  const address = parseAddress(host);
  const port = Number(digits);
  if (address === null || port > 65_535 || (v6 !== undefined) !== (address.length === 16)) return null;
  return { host, address, port, text };
}

/** Whether an address can be reached from this host only: 127.0.0.0/8 (RFC 1122 section 3.2.1.3) or ::1. */
export function isLoopback(address: Uint8Array): boolean {
  if (address.length === 4) return address[0] === 127;
  return address.every((octet, i) => octet === (i === 15 ? 1 : 0));
}
