import { DecodeError, EncodeError } from './errors.js';
import { MAX_VALUE_LENGTH, type RadiusAttribute } from './packet.js';

/** An address or prefix: 4 or 16 octets in network order, and the prefix length in bits (32 or 128 for one address). */
export interface IpPrefix {
  readonly bytes: Uint8Array;
  readonly length: number;
}

/**
 * A Vendor-Specific value. `sub-attributes` where the vendor's octets are a clean list of one-octet types and lengths,
 * `opaque` where they are anything else, `malformed` where not even the Vendor-Id fits.
 */
export type VendorSpecific =
  | { readonly kind: 'sub-attributes'; readonly vendorId: number; readonly attributes: readonly RadiusAttribute[] }
  | { readonly kind: 'opaque'; readonly vendorId: number; readonly data: Uint8Array }
  | { readonly kind: 'malformed'; readonly data: Uint8Array };

const UINT32_MAX = 0xffff_ffff;
const UINT64_MAX = 0xffff_ffff_ffff_ffffn;

/**
 * integer: 4 octets, unsigned (RFC 2865 section 5).
 * @throws DecodeError `value-length`
 */
export function decodeInteger(value: Uint8Array): number {
  expectLength(value, 4);
  return readUint32(value, 0);
}

/**
 * integer, 0 to 2^32-1.
 * @throws EncodeError `value-range`
 */
export function encodeInteger(value: number): Uint8Array {
  if (!Number.isInteger(value) || value < 0 || value > UINT32_MAX) throw new EncodeError('value-range', String(value));
  return Uint8Array.of(value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff);
}

/**
 * time: Unix time in whole seconds, 4 octets, unsigned (RFC 2865 section 5).
 * @throws DecodeError `value-length`
 */
export function decodeTime(value: Uint8Array): number {
  return decodeInteger(value);
}

/**
 * time, Unix time in whole seconds.
 * @throws EncodeError `value-range` (also for a fraction of a second)
 */
export function encodeTime(seconds: number): Uint8Array {
  return encodeInteger(seconds);
}

/**
 * integer64: 8 octets, unsigned (RFC 6929 section 2.5).
 * @throws DecodeError `value-length`
 */
export function decodeInteger64(value: Uint8Array): bigint {
  expectLength(value, 8);
  return (BigInt(readUint32(value, 0)) << 32n) | BigInt(readUint32(value, 4));
}

/**
 * integer64, 0 to 2^64-1.
 * @throws EncodeError `value-range`
 */
export function encodeInteger64(value: bigint): Uint8Array {
  if (value < 0n || value > UINT64_MAX) throw new EncodeError('value-range', String(value));
  const bytes = new Uint8Array(8);
  bytes.set(encodeInteger(Number(value >> 32n)), 0);
  bytes.set(encodeInteger(Number(value & 0xffff_ffffn)), 4);
  return bytes;
}

/**
 * ipaddr: 4 octets (RFC 2865 section 5), as a prefix of length 32. The result shares the value's octets.
 * @throws DecodeError `value-length`
 */
export function decodeIpAddr(value: Uint8Array): IpPrefix {
  expectLength(value, 4);
  return { bytes: value, length: 32 };
}

/**
 * ipaddr.
 * @throws EncodeError `value-length` (not 4 octets), `prefix-length` (not 32)
 */
export function encodeIpAddr(address: IpPrefix): Uint8Array {
  return encodeAddress(address, 4);
}

/**
 * ipv6addr: 16 octets (RFC 3162 section 2.1), as a prefix of length 128. The result shares the value's octets.
 * @throws DecodeError `value-length`
 */
export function decodeIpv6Addr(value: Uint8Array): IpPrefix {
  expectLength(value, 16);
  return { bytes: value, length: 128 };
}

/**
 * ipv6addr.
 * @throws EncodeError `value-length` (not 16 octets), `prefix-length` (not 128)
 */
export function encodeIpv6Addr(address: IpPrefix): Uint8Array {
  return encodeAddress(address, 16);
}

/**
 * ipv6prefix: a reserved octet, the prefix length, 0 to 16 octets of prefix (RFC 3162 section 2.3). Omitted octets are
 * zero. The reserved octet is not looked at. Bits beyond the prefix length, which senders MUST clear and some do not,
 * are cleared, so that equal prefixes are equal octets. The result is always 16 fresh octets.
 * @throws DecodeError `value-length` (not 2 to 18 octets), `prefix-length` (over 128)
 */
export function decodeIpv6Prefix(value: Uint8Array): IpPrefix {
  if (value.length < 2 || value.length > 18) throw new DecodeError('value-length', 0);
  const length = value[1] as number;
  if (length > 128) throw new DecodeError('prefix-length', 1);
  const bytes = new Uint8Array(16);
  bytes.set(value.subarray(2));
  clearHostBits(bytes, length);
  return { bytes, length };
}

/**
 * ipv6prefix, always in its full form of 18 octets, which every peer we met understands.
 * @throws EncodeError `value-length` (not 16 octets), `prefix-length` (not 0 to 128), `host-bits-set`
 */
export function encodeIpv6Prefix(prefix: IpPrefix): Uint8Array {
  if (prefix.bytes.length !== 16) throw new EncodeError('value-length', `${String(prefix.bytes.length)} octets`);
  if (!Number.isInteger(prefix.length) || prefix.length < 0 || prefix.length > 128) {
    throw new EncodeError('prefix-length', String(prefix.length));
  }
  const value = new Uint8Array(18);
  value[1] = prefix.length;
  const bytes = value.subarray(2);
  bytes.set(prefix.bytes);
  clearHostBits(bytes, prefix.length);
  if (bytes.some((octet, index) => octet !== prefix.bytes[index])) {
    throw new EncodeError('host-bits-set', `beyond /${String(prefix.length)}`);
  }
  return value;
}

/**
 * Interface-Id: 8 octets (RFC 3162 section 2.2). The result shares the value's octets.
 * @throws DecodeError `value-length`
 */
export function decodeInterfaceId(value: Uint8Array): Uint8Array {
  expectLength(value, 8);
  return value;
}

/**
 * Interface-Id.
 * @throws EncodeError `value-length` (not 8 octets)
 */
export function encodeInterfaceId(interfaceId: Uint8Array): Uint8Array {
  if (interfaceId.length !== 8) throw new EncodeError('value-length', `${String(interfaceId.length)} octets`);
  return interfaceId.slice();
}

/**
 * text and string: 1 to 253 octets (RFC 2865 section 5), kept as octets because they serve as keys and need not be
 * UTF-8. The result shares the value's octets.
 * @throws DecodeError `value-empty`
 */
export function decodeOctets(value: Uint8Array): Uint8Array {
  if (value.length === 0) throw new DecodeError('value-empty', 0);
  return value;
}

/**
 * text and string, from octets.
 * @throws EncodeError `value-empty`, `attribute-too-long` (over 253 octets)
 */
export function encodeOctets(octets: Uint8Array): Uint8Array {
  if (octets.length === 0) throw new EncodeError('value-empty', '0 octets');
  if (octets.length > MAX_VALUE_LENGTH) {
    throw new EncodeError('attribute-too-long', `${String(octets.length)} octets`);
  }
  return octets.slice();
}

/**
 * text, from a string, as UTF-8.
 * @throws EncodeError `value-empty`, `attribute-too-long` (over 253 octets)
 */
export function encodeText(text: string): Uint8Array {
  return encodeOctets(new TextEncoder().encode(text));
}

/**
 * Vendor-Specific (RFC 2865 section 5.26). Never fails: vendors format their octets as they like, and one odd attribute
 * must not cost the packet. The result shares the value's octets.
 */
export function decodeVendorSpecific(value: Uint8Array): VendorSpecific {
  if (value.length < 4) return { kind: 'malformed', data: value };
  const vendorId = readUint32(value, 0);
  const data = value.subarray(4);
  const attributes: RadiusAttribute[] = [];
  let offset = 0;
  while (offset < data.length) {
    const length = data[offset + 1] ?? 0;
    if (length < 2 || offset + length > data.length) return { kind: 'opaque', vendorId, data };
    attributes.push({ type: data[offset] as number, value: data.subarray(offset + 2, offset + length) });
    offset += length;
  }
  return attributes.length === 0
    ? { kind: 'opaque', vendorId, data }
    : { kind: 'sub-attributes', vendorId, attributes };
}

/**
 * Vendor-Specific.
 * @throws EncodeError `value-range` (Vendor-Id), `attribute-type-range` (sub-attribute), `attribute-too-long` (over 253
 * octets in all)
 */
export function encodeVendorSpecific(vendorSpecific: VendorSpecific): Uint8Array {
  if (vendorSpecific.kind === 'malformed') return vendorSpecific.data.slice();
  const data =
    vendorSpecific.kind === 'opaque' ? vendorSpecific.data : concatenateSubAttributes(vendorSpecific.attributes);
  const value = new Uint8Array(4 + data.length);
  if (value.length > MAX_VALUE_LENGTH) throw new EncodeError('attribute-too-long', `${String(value.length)} octets`);
  value.set(encodeInteger(vendorSpecific.vendorId), 0);
  value.set(data, 4);
  return value;
}

/** A 32-bit octet counter and the times it wrapped (RFC 2869 section 5.1); at most Number.MAX_SAFE_INTEGER. */
export function combineGigawords(gigawords: number, octets: number): number {
  return Math.min(gigawords * 0x1_0000_0000 + octets, Number.MAX_SAFE_INTEGER);
}

/** Unsigned 32 bits in network order; the caller has checked the length. */
export function readUint32(bytes: Uint8Array, offset: number): number {
  return (
    (((bytes[offset] as number) << 24) |
      ((bytes[offset + 1] as number) << 16) |
      ((bytes[offset + 2] as number) << 8) |
      (bytes[offset + 3] as number)) >>>
    0
  );
}

/** Clears every bit of `bytes` behind the first `length` bits, in place. */
export function clearHostBits(bytes: Uint8Array, length: number): void {
  const whole = length >>> 3;
  if (whole >= bytes.length) return;
  bytes[whole] = (bytes[whole] as number) & (0xff00 >>> (length & 7));
  bytes.fill(0, whole + 1);
}

function concatenateSubAttributes(attributes: readonly RadiusAttribute[]): Uint8Array {
  const octets: number[] = [];
  for (const { type, value } of attributes) {
    if (!Number.isInteger(type) || type < 0 || type > 255) throw new EncodeError('attribute-type-range', String(type));
    if (value.length > MAX_VALUE_LENGTH) throw new EncodeError('attribute-too-long', `${String(value.length)} octets`);
    octets.push(type, value.length + 2, ...value);
  }
  return Uint8Array.from(octets);
}

function encodeAddress(address: IpPrefix, octets: 4 | 16): Uint8Array {
  if (address.bytes.length !== octets) throw new EncodeError('value-length', `${String(address.bytes.length)} octets`);
  if (address.length !== octets * 8) throw new EncodeError('prefix-length', String(address.length));
  return address.bytes.slice();
}

function expectLength(value: Uint8Array, length: number): void {
  if (value.length !== length) throw new DecodeError('value-length', 0);
}
