import { type AttributeDictionary, USUAL_FORMAT } from './attribute-dictionary.js';
import { encodeInteger, readUint32 } from './attributes.js';
import { MAX_VALUE_LENGTH, type RadiusAttribute } from './packet.js';
import { concatenate, joinSubAttribute, splitSubAttributes } from './sub-attributes.js';

/** The More flag of long-extended attributes and of continuation octets. */
export const MORE = 0x80;
const RESERVED = 0x7f;
/** Type, Length, Extended-Type and flags leave so much of 255 octets (RFC 6929 section 2.2). */
const LONG_EXTENDED_FRAGMENT = 251;
/** Vendor-Id, type, length and continuation octet leave so much. */
const CONTINUED_FRAGMENT = 246;

/**
 * One value that may have been carried by several attributes. `payload` is absent where the fragments do not fit together.
 * For `long-extended` it is what stands behind the flags, for `continued` the vendor's value, for `concat` everything.
 */
export interface Gathered {
  readonly kind: 'whole' | 'long-extended' | 'continued' | 'concat';
  readonly sources: readonly RadiusAttribute[];
  readonly payload: Uint8Array | undefined;
  /** The Extended-Type, or the vendor and its type. */
  readonly member: readonly number[];
  /** A reserved bit of the flags is set. */
  readonly reserved: boolean;
}

interface Fragment {
  readonly kind: 'long-extended' | 'continued';
  readonly member: readonly number[];
  readonly flags: number;
  readonly payload: Uint8Array;
}

/**
 * Gathers the value that begins at `attributes[index]` with all its fragments. A fragment that promises more and is not
 * followed by its next leaves `payload` undefined.
 * @see RFC 6929 section 2.2 (long-extended), RFC 2869 section 5.13 (EAP-Message)
 */
export function gather(
  attributes: readonly RadiusAttribute[],
  index: number,
  dictionary: AttributeDictionary,
): Gathered {
  const first = attributes[index] as RadiusAttribute;
  const definition = dictionary.attributeAt([first.type]);
  if (definition?.concat === true) {
    let end = index + 1;
    while (attributes[end]?.type === first.type) end += 1;
    const sources = attributes.slice(index, end);
    const payload = concatenate(sources.map(({ value }) => value));
    return { kind: 'concat', sources, payload, member: [], reserved: false };
  }
  const fragment = fragmentOf(first, dictionary);
  if (fragment === undefined) {
    return { kind: 'whole', sources: [first], payload: first.value, member: [], reserved: false };
  }
  const { kind, member } = fragment;
  const parts = [fragment.payload];
  let reserved = (fragment.flags & RESERVED) !== 0;
  let more = (fragment.flags & MORE) !== 0;
  let end = index + 1;
  while (more) {
    const candidate = attributes[end];
    const next =
      candidate === undefined || candidate.type !== first.type ? undefined : fragmentOf(candidate, dictionary);
    if (next?.kind !== kind || next.member.join() !== member.join()) {
      return { kind, sources: attributes.slice(index, end), payload: undefined, member, reserved };
    }
    parts.push(next.payload);
    reserved ||= (next.flags & RESERVED) !== 0;
    more = (next.flags & MORE) !== 0;
    end += 1;
  }
  return { kind, sources: attributes.slice(index, end), payload: concatenate(parts), member, reserved };
}

/**
 * A long-extended attribute: one if it fits, else fragments of 251 octets, all but the last with the More flag.
 * @see RFC 6929 section 2.2
 */
export function longExtended(type: number, extendedType: number, payload: Uint8Array): RadiusAttribute[] {
  return chunks(payload, LONG_EXTENDED_FRAGMENT).map((part, index, all) => ({
    type,
    value: concatenate([Uint8Array.of(extendedType, index < all.length - 1 ? MORE : 0), part]),
  }));
}

/** A value that is longer than a Vendor-Specific with a continuation octet holds, over several of them. */
export function continued(vendorId: number, type: number, payload: Uint8Array): RadiusAttribute[] {
  return chunks(payload, CONTINUED_FRAGMENT).map((value, index, all) => {
    const flags = index < all.length - 1 ? MORE : 0;
    const item = joinSubAttribute({ type, value, flags }, { ...USUAL_FORMAT, continuation: true });
    return { type: 26, value: concatenate([encodeInteger(vendorId), item]) };
  });
}

/** A value over as many attributes of one type as it takes. */
export function concatenated(type: number, payload: Uint8Array): RadiusAttribute[] {
  return chunks(payload, MAX_VALUE_LENGTH).map((value) => ({ type, value }));
}

function fragmentOf({ type, value }: RadiusAttribute, dictionary: AttributeDictionary): Fragment | undefined {
  if (dictionary.typeAt([type]) === 'long-extended') {
    if (value.length < 2) return undefined;
    const [extendedType = 0, flags = 0] = value;
    return { kind: 'long-extended', member: [extendedType], flags, payload: value.subarray(2) };
  }
  if (type !== 26 || value.length < 4) return undefined;
  const vendorId = readUint32(value, 0);
  const format = dictionary.vendor(vendorId)?.format;
  if (format?.continuation !== true) return undefined;
  const [item, second] = splitSubAttributes(value.subarray(4), format) ?? [];
  // Several in one attribute cannot go on in the next.
  if (item === undefined || second !== undefined) return undefined;
  return { kind: 'continued', member: [vendorId, item.type], flags: item.flags ?? 0, payload: item.value };
}

function chunks(octets: Uint8Array, size: number): Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (let offset = 0; offset < octets.length || offset === 0; offset += size) {
    parts.push(octets.slice(offset, offset + size));
  }
  return parts;
}
