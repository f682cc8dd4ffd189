import {
  clearHostBits,
  decodeInteger,
  decodeInteger64,
  decodeInterfaceId,
  decodeIpAddr,
  decodeIpv6Addr,
  decodeIpv6Prefix,
  decodeOctets,
  decodeTime,
  encodeInteger,
  encodeInteger64,
  encodeInterfaceId,
  encodeIpAddr,
  encodeIpv6Addr,
  encodeIpv6Prefix,
  encodeTime,
  type IpPrefix,
} from './attributes.js';
import type { AttributeValue, ScalarType } from './data-types.js';
import { DecodeError, EncodeError } from './errors.js';

/**
 * byte: 1 octet, unsigned (FreeRADIUS's `byte`; RFC 8044 knows only integer).
 * @throws DecodeError `value-length`
 */
export function decodeByte(value: Uint8Array): number {
  expectLength(value, 1);
  return value[0] as number;
}

/**
 * byte, 0 to 255.
 * @throws EncodeError `value-range`
 */
export function encodeByte(value: number): Uint8Array {
  return Uint8Array.of(inRange(value, 0, 0xff));
}

/**
 * short: 2 octets, unsigned.
 * @throws DecodeError `value-length`
 */
export function decodeShort(value: Uint8Array): number {
  expectLength(value, 2);
  return (value[0] as number) * 256 + (value[1] as number);
}

/**
 * short, 0 to 65535.
 * @throws EncodeError `value-range`
 */
export function encodeShort(value: number): Uint8Array {
  inRange(value, 0, 0xffff);
  return Uint8Array.of(value >>> 8, value & 0xff);
}

/**
 * signed: 4 octets, two's complement (in use by WiMAX and Motorola).
 * @throws DecodeError `value-length`
 */
export function decodeSigned(value: Uint8Array): number {
  return decodeInteger(value) | 0;
}

/**
 * signed, -2^31 to 2^31-1.
 * @throws EncodeError `value-range`
 */
export function encodeSigned(value: number): Uint8Array {
  return encodeInteger(inRange(value, -0x8000_0000, 0x7fff_ffff) >>> 0);
}

/**
 * ether: a MAC address, 6 octets. The result shares the value's octets.
 * @throws DecodeError `value-length`
 */
export function decodeEther(value: Uint8Array): Uint8Array {
  expectLength(value, 6);
  return value;
}

/**
 * ether.
 * @throws EncodeError `value-length` (not 6 octets)
 */
export function encodeEther(address: Uint8Array): Uint8Array {
  if (address.length !== 6) throw new EncodeError('value-length', `${String(address.length)} octets`);
  return address.slice();
}

/**
 * ipv4prefix: a reserved octet, the prefix length (RFC 8044 section 3.11 clears its two high bits), 4 octets. Bits beyond
 * the length are cleared, so that equal prefixes are equal octets. The result is fresh.
 * @throws DecodeError `value-length` (not 6 octets), `prefix-length` (over 32)
 * @see RFC 6572 section 4.10, RFC 8044 section 3.11
 */
export function decodeIpv4Prefix(value: Uint8Array): IpPrefix {
  expectLength(value, 6);
  const length = value[1] as number;
  if (length > 32) throw new DecodeError('prefix-length', 1);
  const bytes = value.slice(2);
  clearHostBits(bytes, length);
  return { bytes, length };
}

/**
 * ipv4prefix.
 * @throws EncodeError `value-length` (not 4 octets), `prefix-length` (not 0 to 32), `host-bits-set`
 */
export function encodeIpv4Prefix(prefix: IpPrefix): Uint8Array {
  if (prefix.bytes.length !== 4) throw new EncodeError('value-length', `${String(prefix.bytes.length)} octets`);
  if (!Number.isInteger(prefix.length) || prefix.length < 0 || prefix.length > 32) {
    throw new EncodeError('prefix-length', String(prefix.length));
  }
  const cleared = prefix.bytes.slice();
  clearHostBits(cleared, prefix.length);
  if (cleared.some((octet, index) => octet !== prefix.bytes[index])) {
    throw new EncodeError('host-bits-set', `beyond /${String(prefix.length)}`);
  }
  return Uint8Array.of(0, prefix.length, ...cleared);
}

/**
 * combo-ip: an IPv4 or IPv6 address, told apart by its length. The result shares the value's octets.
 * @throws DecodeError `value-length`
 */
export function decodeComboIp(value: Uint8Array): IpPrefix {
  return value.length === 4 ? decodeIpAddr(value) : decodeIpv6Addr(value);
}

/**
 * combo-ip.
 * @throws EncodeError `value-length`, `prefix-length` (not all of the address)
 */
export function encodeComboIp(address: IpPrefix): Uint8Array {
  return address.bytes.length === 4 ? encodeIpAddr(address) : encodeIpv6Addr(address);
}

/**
 * Reads the octets of one value of this type. `length` is the only length that the dictionary allows (`octets[n]`).
 * @throws DecodeError `value-length`, `value-empty`, `prefix-length`
 */
export function decodeValue(type: ScalarType, octets: Uint8Array, length?: number): AttributeValue {
  switch (type) {
    case 'text':
    case 'string':
    case 'abinary':
      if (length !== undefined) expectLength(octets, length);
      return decodeOctets(octets);
    case 'integer':
      return decodeInteger(octets);
    case 'integer64':
      return decodeInteger64(octets);
    case 'signed':
      return decodeSigned(octets);
    case 'short':
      return decodeShort(octets);
    case 'byte':
      return decodeByte(octets);
    case 'time':
      return decodeTime(octets);
    case 'ipaddr':
      return decodeIpAddr(octets);
    case 'ipv6addr':
      return decodeIpv6Addr(octets);
    case 'combo-ip':
      return decodeComboIp(octets);
    case 'ipv4prefix':
      return decodeIpv4Prefix(octets);
    case 'ipv6prefix':
      return decodeIpv6Prefix(octets);
    case 'ifid':
      return decodeInterfaceId(octets);
    case 'ether':
      return decodeEther(octets);
  }
}

/**
 * The octets of one value of this type. Text and string may be longer than an attribute: how they are carried decides.
 * @throws EncodeError `value-type` (a bigint where a number belongs, and so on), `value-range`, `value-length`,
 * `value-empty`, `prefix-length`, `host-bits-set`
 */
export function encodeValue(type: ScalarType, value: AttributeValue, length?: number): Uint8Array {
  switch (type) {
    case 'text':
    case 'string':
    case 'abinary': {
      const octets = octetsOf(type, value);
      if (octets.length === 0) throw new EncodeError('value-empty', '0 octets');
      if (length !== undefined && octets.length !== length) {
        throw new EncodeError('value-length', `${String(octets.length)} octets, not ${String(length)}`);
      }
      return octets.slice();
    }
    case 'integer':
      return encodeInteger(numberOf(type, value));
    case 'integer64':
      if (typeof value !== 'bigint') throw new EncodeError('value-type', `${type} takes a bigint`);
      return encodeInteger64(value);
    case 'signed':
      return encodeSigned(numberOf(type, value));
    case 'short':
      return encodeShort(numberOf(type, value));
    case 'byte':
      return encodeByte(numberOf(type, value));
    case 'time':
      return encodeTime(numberOf(type, value));
    case 'ipaddr':
      return encodeIpAddr(prefixOf(type, value));
    case 'ipv6addr':
      return encodeIpv6Addr(prefixOf(type, value));
    case 'combo-ip':
      return encodeComboIp(prefixOf(type, value));
    case 'ipv4prefix':
      return encodeIpv4Prefix(prefixOf(type, value));
    case 'ipv6prefix':
      return encodeIpv6Prefix(prefixOf(type, value));
    case 'ifid':
      return encodeInterfaceId(octetsOf(type, value));
    case 'ether':
      return encodeEther(octetsOf(type, value));
  }
}

function numberOf(type: ScalarType, value: AttributeValue): number {
  if (typeof value === 'number') return value;
  throw new EncodeError('value-type', `${type} takes a number`);
}

function octetsOf(type: ScalarType, value: AttributeValue): Uint8Array {
  if (value instanceof Uint8Array) return value;
  throw new EncodeError('value-type', `${type} takes octets`);
}

function prefixOf(type: ScalarType, value: AttributeValue): IpPrefix {
  if (typeof value === 'object' && 'bytes' in value) return value;
  throw new EncodeError('value-type', `${type} takes an address or prefix`);
}

function inRange(value: number, least: number, most: number): number {
  if (!Number.isInteger(value) || value < least || value > most) throw new EncodeError('value-range', String(value));
  return value;
}

function expectLength(value: Uint8Array, length: number): void {
  if (value.length !== length) throw new DecodeError('value-length', 0);
}
