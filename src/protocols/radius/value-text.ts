import { addressOctets, addressText } from './address.js';
import type { AttributeDictionary, AttributePath } from './attribute-dictionary.js';
import type { IpPrefix } from './attributes.js';
import { timeOfText, timeText } from './civil-time.js';
import type { AttributeValue, ScalarType } from './data-types.js';
import { displayOctets } from './display.js';
import { EncodeError } from './errors.js';

/** Octets that are all printable ASCII: most `string` values are names after all. */
const PRINTABLE = /^[\x20-\x7e]+$/;

/**
 * A value as people read it: text in quotes, `Start (1)` where the value has a name, `2001:db8::/56`, `aa:bb:cc:dd:ee:ff`,
 * `2026-11-22T10:00:00Z (1795341600)`. A `string` that is printable shows as text, any other as `0x` and hex.
 */
export function showValue(
  type: ScalarType,
  value: AttributeValue,
  path: AttributePath,
  dictionary: AttributeDictionary,
): string {
  if (value instanceof Uint8Array) return showOctets(type, value);
  if (typeof value === 'object') return prefixText(type, value);
  if (type === 'time') return `${timeText(Number(value))} (${String(value)})`;
  const name = dictionary.valueName(path, value);
  return name === undefined ? String(value) : `${name} (${String(value)})`;
}

/** Octets as `0x` and hex digits. */
export function hexText(octets: Uint8Array): string {
  return `0x${hexDigits(octets)}`;
}

/**
 * The value that a config or a person means. By type: a decimal or `0x` number or the name of a value; an address; a prefix
 * `address/length`; an interface id of four groups `0:5eff:fe10:101`; a MAC address; Unix seconds or
 * `2026-11-22T10:00:00Z`; for `string`, `0x` and hex digits or the text itself; for `text`, always the text itself.
 * @throws EncodeError `value-text` (says what was expected), `value-empty`
 */
export function valueOfText(
  type: ScalarType,
  text: string,
  path: AttributePath,
  dictionary: AttributeDictionary,
): AttributeValue {
  switch (type) {
    case 'text':
      return new TextEncoder().encode(text);
    case 'string':
    case 'abinary':
      return /^0x/i.test(text) ? hexOctets(text.slice(2)) : new TextEncoder().encode(text);
    case 'integer':
    case 'signed':
    case 'short':
    case 'byte':
      return Number(numberOfText(text, path, dictionary));
    case 'integer64':
      return numberOfText(text, path, dictionary);
    case 'time': {
      const seconds = /^\d+$/.test(text) ? Number(text) : timeOfText(text);
      return seconds ?? refuse(text, 'Unix seconds or a time such as 2026-11-22T10:00:00Z');
    }
    case 'ipaddr':
      return addressOfText(text, [4], 'an IPv4 address');
    case 'ipv6addr':
      return addressOfText(text, [16], 'an IPv6 address');
    case 'combo-ip':
      return addressOfText(text, [4, 16], 'an IP address');
    case 'ipv4prefix':
      return prefixOfText(text, 4, 'an IPv4 prefix such as 192.0.2.0/24');
    case 'ipv6prefix':
      return prefixOfText(text, 16, 'an IPv6 prefix such as 2001:db8::/56');
    case 'ifid':
      return interfaceIdOfText(text);
    case 'ether': {
      if (!/^[0-9a-f]{2}([:-][0-9a-f]{2}){5}$/i.test(text)) refuse(text, 'a MAC address such as 02:00:5e:10:01:01');
      return hexOctets(text.replaceAll(/[:-]/g, ''));
    }
  }
}

function showOctets(type: ScalarType, octets: Uint8Array): string {
  if (type === 'ether') return hexDigits(octets).replaceAll(/..(?=.)/g, '$&:');
  if (type === 'ifid') {
    const groups = [0, 2, 4, 6].map((at) => ((octets[at] ?? 0) * 256 + (octets[at + 1] ?? 0)).toString(16));
    return groups.join(':');
  }
  if (type === 'text') return `"${displayOctets(octets)}"`;
  const ascii = String.fromCharCode(...octets);
  return PRINTABLE.test(ascii) ? `"${displayOctets(octets)}"` : hexText(octets);
}

function prefixText(type: ScalarType, { bytes, length }: IpPrefix): string {
  const address = addressText(bytes);
  return type === 'ipv4prefix' || type === 'ipv6prefix' ? `${address}/${String(length)}` : address;
}

function numberOfText(text: string, path: AttributePath, dictionary: AttributeDictionary): bigint {
  const named = dictionary.valueNumber(path, text);
  if (named !== undefined) return named;
  if (/^(-?\d{1,20}|0x[0-9a-f]{1,16})$/i.test(text)) return BigInt(text);
  const names = [...dictionary.valuesOf(path).keys()];
  return refuse(text, names.length === 0 ? 'a number' : `a number or one of ${names.slice(0, 12).join(', ')}`);
}

function addressOfText(text: string, lengths: readonly number[], expected: string): IpPrefix {
  const bytes = plainAddress(text);
  if (bytes === undefined || !lengths.includes(bytes.length)) return refuse(text, expected);
  return { bytes, length: bytes.length * 8 };
}

function prefixOfText(text: string, octets: number, expected: string): IpPrefix {
  const [, address = '', digits = ''] = /^([^/]+)\/(\d{1,3})$/.exec(text) ?? [];
  const bytes = plainAddress(address);
  if (bytes?.length !== octets || digits === '' || Number(digits) > octets * 8) return refuse(text, expected);
  return { bytes, length: Number(digits) };
}

/** An address without a zone. IPv4-mapped IPv6 stays IPv6 here: the type of the attribute decides, not the host. */
function plainAddress(text: string): Uint8Array | undefined {
  if (text.includes('%')) return undefined;
  const octets = addressOctets(text);
  if (octets?.length !== 4 || !text.includes(':')) return octets;
  return Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, ...octets);
}

function interfaceIdOfText(text: string): Uint8Array {
  const groups = text.split(':');
  if (groups.length !== 4 || !groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) {
    return refuse(text, 'an interface id of four groups such as 0:5eff:fe10:101');
  }
  return hexOctets(groups.map((group) => group.padStart(4, '0')).join(''));
}

function hexOctets(digits: string): Uint8Array {
  if (digits.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(digits)) return refuse(`0x${digits}`, 'pairs of hex digits');
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

function hexDigits(octets: Uint8Array): string {
  return Array.from(octets, (octet) => octet.toString(16).padStart(2, '0')).join('');
}

function refuse(text: string, expected: string): never {
  throw new EncodeError('value-text', `${JSON.stringify(text)} is not ${expected}`);
}
