import { EncodeError } from './errors.js';

/** The highest tag, RFC 2868 section 3.1. A first octet above it belongs to the value. */
export const MAX_TAG = 0x1f;

/** A value and its tag: 0 is "unused", undefined "there is no tag octet". */
export interface Tagged {
  readonly tag: number | undefined;
  readonly octets: Uint8Array;
}

/**
 * Takes the tag off. For an integer it is the first of four octets and the value the other three; for text and string a
 * first octet of at most 0x1F is the tag, any other begins the value. Undefined where an integer's first octet is no tag
 * or the length is not 4. The result shares the value's octets, for an integer it does not.
 * @see RFC 2868 sections 3.1 and 3.3
 */
export function untag(value: Uint8Array, integer: boolean): Tagged | undefined {
  const first = value[0];
  if (integer) {
    if (value.length !== 4 || first === undefined || first > MAX_TAG) return undefined;
    return { tag: first, octets: Uint8Array.of(0, ...value.subarray(1)) };
  }
  if (first === undefined || first > MAX_TAG) return { tag: undefined, octets: value };
  return { tag: first, octets: value.subarray(1) };
}

/**
 * Puts the tag on. An integer without one gets the unused tag 0.
 * @throws EncodeError `tag-range` (not 0 to 31; or a text without a tag whose first octet would be read as one),
 * `value-range` (an integer over 24 bits)
 */
export function withTag({ tag, octets }: Tagged, integer: boolean): Uint8Array {
  if (tag !== undefined && (!Number.isInteger(tag) || tag < 0 || tag > MAX_TAG)) {
    throw new EncodeError('tag-range', String(tag));
  }
  if (integer) {
    if (octets[0] !== 0) throw new EncodeError('value-range', 'a tagged integer has 24 bits');
    return Uint8Array.of(tag ?? 0, ...octets.subarray(1));
  }
  if (tag !== undefined) return Uint8Array.of(tag, ...octets);
  if ((octets[0] ?? 0) <= MAX_TAG) throw new EncodeError('tag-range', 'the first octet would be read as a tag');
  return octets;
}
