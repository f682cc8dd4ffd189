import type { IpPrefix } from './attributes.js';

/**
 * Types of a single value. The names are those of RFC 8044 section 3 where it has one and of this codec's older tables
 * elsewhere: `text` is UTF-8 kept as octets, `string` any octets, `ipaddr` RFC 8044's ipv4addr, `signed`, `short`, `byte`,
 * `ether` (a MAC address), `combo-ip` (an address of either family) and `abinary` (Ascend's filters, kept as octets) are
 * in use by vendors.
 */
export const SCALAR_TYPES = [
  'text',
  'string',
  'integer',
  'integer64',
  'signed',
  'short',
  'byte',
  'time',
  'ipaddr',
  'ipv6addr',
  'combo-ip',
  'ipv4prefix',
  'ipv6prefix',
  'ifid',
  'ether',
  'abinary',
] as const;

export type ScalarType = (typeof SCALAR_TYPES)[number];

/** Types that hold attributes: RFC 2865 section 5.26 (vsa), RFC 6929 sections 2.1 to 2.4. */
export type ContainerType = 'vsa' | 'tlv' | 'extended' | 'long-extended' | 'evs';

export type DataType = ScalarType | ContainerType;

/**
 * A value by its type: octets for text, string, ifid, ether and abinary; a number for integer, signed, short, byte and
 * time; a bigint for integer64; an address or prefix for the others.
 */
export type AttributeValue = number | bigint | Uint8Array | IpPrefix;

export function isScalar(type: DataType): type is ScalarType {
  return (SCALAR_TYPES as readonly string[]).includes(type);
}
