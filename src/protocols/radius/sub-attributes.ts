import type { VendorFormat } from './attribute-dictionary.js';
import { EncodeError } from './errors.js';

/** One item of a vendor's list or of a TLV: its number, its value, and the continuation octet where the format has one. */
export interface SubAttribute {
  readonly type: number;
  readonly value: Uint8Array;
  /** The continuation octet as it stands; its highest bit says that the value goes on. */
  readonly flags?: number;
}

/**
 * Takes a list apart: type, length of the whole item, the continuation octet, value. Without a length octet the value is
 * all that remains. Undefined where an item runs past the end or is shorter than its own header, and for an empty list:
 * the octets are then no such list. The values share the octets.
 * @see RFC 2865 section 5.26, RFC 6929 section 2.3
 */
export function splitSubAttributes(octets: Uint8Array, format: VendorFormat): readonly SubAttribute[] | undefined {
  const { typeOctets, lengthOctets, continuation } = format;
  const header = typeOctets + lengthOctets + (continuation ? 1 : 0);
  const items: SubAttribute[] = [];
  let offset = 0;
  while (offset < octets.length) {
    if (offset + header > octets.length) return undefined;
    const type = readNumber(octets, offset, typeOctets);
    const length = lengthOctets === 0 ? octets.length - offset : readNumber(octets, offset + typeOctets, lengthOctets);
    const end = offset + length;
    if (length < header || end > octets.length) return undefined;
    const value = octets.subarray(offset + header, end);
    items.push(continuation ? { type, value, flags: octets[offset + header - 1] as number } : { type, value });
    offset = end;
  }
  return items.length === 0 ? undefined : items;
}

/**
 * Puts one item together.
 * @throws EncodeError `attribute-type-range` (a number that the format has no room for), `attribute-too-long`
 */
export function joinSubAttribute(item: SubAttribute, format: VendorFormat): Uint8Array {
  const { typeOctets, lengthOctets, continuation } = format;
  const header = typeOctets + lengthOctets + (continuation ? 1 : 0);
  if (!Number.isInteger(item.type) || item.type < 0 || item.type >= 256 ** typeOctets) {
    throw new EncodeError('attribute-type-range', String(item.type));
  }
  const length = header + item.value.length;
  if (lengthOctets > 0 && length >= 256 ** lengthOctets) {
    throw new EncodeError('attribute-too-long', `${String(item.value.length)} octets in a sub-attribute`);
  }
  const octets = new Uint8Array(length);
  writeNumber(octets, 0, typeOctets, item.type);
  writeNumber(octets, typeOctets, lengthOctets, length);
  if (continuation) octets[header - 1] = item.flags ?? 0;
  octets.set(item.value, header);
  return octets;
}

/** The octets of all parts, one behind the other. */
export function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const octets = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    octets.set(part, offset);
    offset += part.length;
  }
  return octets;
}

function readNumber(octets: Uint8Array, offset: number, count: number): number {
  let number = 0;
  for (let index = 0; index < count; index += 1) number = number * 256 + (octets[offset + index] as number);
  return number;
}

function writeNumber(octets: Uint8Array, offset: number, count: number, number: number): void {
  let rest = number;
  for (let index = count - 1; index >= 0; index -= 1) {
    octets[offset + index] = rest % 256;
    rest = Math.floor(rest / 256);
  }
}
