import { addressOctets } from './address.js';
import type { IpPrefix } from './attributes.js';

/** A route that a NAS gave to a session (RFC 2865 section 5.22, RFC 3162 section 2.5). */
export interface FramedRoute {
  readonly prefix: IpPrefix;
  /**
   * What Nokia SR OS says of it behind `type`: `pd-host` is a prefix that the host was delegated by DHCPv6. Undefined where
   * nothing is said.
   */
  readonly type: string | undefined;
}

/** A whole number without a sign and without leading zeros. */
const LENGTH = /^(?:0|[1-9]\d{0,2})$/;

/**
 * Reads the text of a Framed-Route (IPv4) or Framed-IPv6-Route: a prefix, a gateway, metrics; only the prefix and Nokia's
 * `type` are looked at. An IPv4 route without a length has that of the mask behind it, where there is one in place of the
 * gateway, else that of its class (RFC 2865 section 5.22). Bits beyond the length are cleared. Undefined where the text is
 * no such route: NASes send names of route tables there, too.
 */
export function parseFramedRoute(value: Uint8Array, family: 4 | 6): FramedRoute | undefined {
  const words = ascii(value).split(' ').filter(isWord);
  const [destination, second] = words;
  if (destination === undefined) return undefined;
  const slash = destination.indexOf('/');
  const bytes = addressOctets(slash === -1 ? destination : destination.slice(0, slash));
  if (bytes === undefined || bytes.length !== (family === 4 ? 4 : 16)) return undefined;
  const length =
    slash === -1 ? impliedLength(bytes, second) : readLength(destination.slice(slash + 1), bytes.length * 8);
  if (length === undefined) return undefined;
  const at = words.indexOf('type');
  return { prefix: { bytes: masked(bytes, length), length }, type: at < 0 ? undefined : words[at + 1] };
}

function isWord(word: string): boolean {
  return word !== '';
}

/** Octets as characters; what is beyond ASCII makes a word that is no address. A NUL at the end is padding. */
function ascii(value: Uint8Array): string {
  let text = '';
  for (const octet of value) text += octet === 0 || octet === 9 ? ' ' : String.fromCharCode(octet);
  return text;
}

function readLength(text: string, most: number): number | undefined {
  const length = LENGTH.test(text) ? Number(text) : NaN;
  return length <= most ? length : undefined;
}

/** The length of a destination that has none: an IPv6 one alone is a host, an IPv4 one is followed by a mask or a gateway. */
function impliedLength(bytes: Uint8Array, second: string | undefined): number | undefined {
  if (bytes.length === 16) return 128;
  if (second === undefined) return classLength(bytes);
  const [first = 0, ...rest] = addressOctets(second) ?? [];
  if (rest.length !== 3) return undefined;
  if (first === 255) return maskLength([first, ...rest]);
  return first < 224 ? classLength(bytes) : undefined;
}

/** How many bits a mask has, where its ones are all before its zeros. */
function maskLength(octets: readonly number[]): number | undefined {
  const bits = octets.map((octet) => octet.toString(2).padStart(8, '0')).join('');
  return /^1*0*$/.test(bits) ? bits.lastIndexOf('1') + 1 : undefined;
}

/** 8, 16 or 24 by the class of an IPv4 address. */
function classLength(bytes: Uint8Array): number | undefined {
  const [first = 0] = bytes;
  if (first < 128) return 8;
  if (first < 192) return 16;
  return first < 224 ? 24 : undefined;
}

function masked(bytes: Uint8Array, length: number): Uint8Array {
  const kept = Uint8Array.from(bytes);
  for (let i = 0; i < kept.length; i++) {
    const bits = Math.min(8, Math.max(0, length - i * 8));
    kept[i] = (kept[i] as number) & (0xff00 >> bits) & 0xff;
  }
  return kept;
}
