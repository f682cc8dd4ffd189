import {
  type AttributeDictionary,
  type AttributePath,
  type DictionaryAttribute,
  USUAL_FORMAT,
} from './attribute-dictionary.js';
import { readUint32 } from './attributes.js';
import { type AttributeValue, type DataType, isScalar } from './data-types.js';
import { DecodeError } from './errors.js';
import { gather, type Gathered } from './fragments.js';
import type { RadiusAttribute } from './packet.js';
import { splitSubAttributes } from './sub-attributes.js';
import { untag } from './tag.js';
import { decodeValue } from './values.js';

/**
 * Why an attribute, or a part of one, was kept raw. The rest of the packet is intact. `reserved-bits` alone leaves the
 * value readable.
 */
export type AttributeOddity =
  | 'value-length'
  | 'value-empty'
  | 'prefix-length'
  | 'tag-missing'
  | 'vendor-id-missing'
  | 'vendor-format'
  | 'tlv-format'
  | 'extended-empty'
  | 'fragment-missing'
  | 'reserved-bits';

/** One attribute, or one member of a container, as a dictionary reads it. */
export interface DecodedAttribute {
  readonly path: AttributePath;
  /** As `AttributeDictionary.nameOf` gives it. */
  readonly name: string;
  /** What the dictionary knows of it. */
  readonly definition: DictionaryAttribute | undefined;
  /** The dictionary's type; `string` where it knows none. */
  readonly type: DataType;
  /** The tag, where the attribute has one; 0 is "unused". */
  readonly tag?: number;
  /** Absent for containers and where an oddity keeps it from being read. Octets are views of the packet. */
  readonly value?: AttributeValue;
  /** What a container holds, in order; empty for a value. */
  readonly children: readonly DecodedAttribute[];
  readonly oddity?: AttributeOddity;
  /** The octets behind type, length and flags, fragments put together. */
  readonly octets: Uint8Array;
}

/** A top-level attribute, with the attributes of the packet that it was read from: several where it was fragmented. */
export interface DecodedPacketAttribute extends DecodedAttribute {
  readonly sources: readonly RadiusAttribute[];
}

/**
 * Reads every attribute of a packet by a dictionary. Never fails: what cannot be read is kept raw and says why. Depth is
 * bounded by the dictionary's own, time by the octets.
 * @see RFC 2865 section 5, RFC 2868, RFC 6929
 */
export function decodeAttributes(
  attributes: readonly RadiusAttribute[],
  dictionary: AttributeDictionary,
): DecodedPacketAttribute[] {
  const decoded: DecodedPacketAttribute[] = [];
  for (let index = 0; index < attributes.length;) {
    const gathered = gather(attributes, index, dictionary);
    decoded.push({ ...decodeGathered(gathered, dictionary), sources: gathered.sources });
    index += gathered.sources.length;
  }
  return decoded;
}

/** Whether an attribute or anything in it is odd. */
export function isOdd(attribute: DecodedAttribute): boolean {
  return attribute.oddity !== undefined || attribute.children.some(isOdd);
}

function decodeGathered(gathered: Gathered, dictionary: AttributeDictionary): DecodedAttribute {
  const [first] = gathered.sources as readonly [RadiusAttribute];
  const path = [first.type];
  if (gathered.payload === undefined) return raw(path, first.value, dictionary, 'fragment-missing');
  const { payload } = gathered;
  switch (gathered.kind) {
    case 'whole':
    case 'concat':
      return decodeMember(path, payload, dictionary);
    case 'long-extended': {
      if (payload.length === 0) return raw(path, first.value, dictionary, 'extended-empty');
      const member = decodeMember([...path, ...gathered.member], payload, dictionary);
      return container(path, first.value, dictionary, [member], gathered.reserved ? 'reserved-bits' : undefined);
    }
    case 'continued': {
      const member = decodeMember([...path, ...gathered.member], payload, dictionary);
      return container(path, first.value, dictionary, [member], gathered.reserved ? 'reserved-bits' : undefined);
    }
  }
}

function decodeMember(path: AttributePath, octets: Uint8Array, dictionary: AttributeDictionary): DecodedAttribute {
  const type = dictionary.typeAt(path);
  switch (type) {
    case 'vsa':
      return decodeVsa(path, octets, dictionary);
    case 'tlv': {
      const items = splitSubAttributes(octets, USUAL_FORMAT);
      if (items === undefined) return raw(path, octets, dictionary, 'tlv-format');
      const children = items.map((item) => decodeMember([...path, item.type], item.value, dictionary));
      return container(path, octets, dictionary, children);
    }
    case 'extended':
    case 'long-extended': {
      // A long-extended attribute comes here only when it is too short for its flags.
      if (type === 'long-extended' || octets.length < 2) return raw(path, octets, dictionary, 'extended-empty');
      const child = decodeMember([...path, octets[0] as number], octets.subarray(1), dictionary);
      return container(path, octets, dictionary, [child]);
    }
    case 'evs': {
      // Vendor-Id, vendor type and at least one octet: RFC 6929 section 2.4.
      if (octets.length < 6) return raw(path, octets, dictionary, 'vendor-format');
      const here = [...path, readUint32(octets, 0), octets[4] as number];
      return container(path, octets, dictionary, [decodeMember(here, octets.subarray(5), dictionary)]);
    }
    default:
      return decodeScalar(path, octets, dictionary);
  }
}

function decodeVsa(path: AttributePath, octets: Uint8Array, dictionary: AttributeDictionary): DecodedAttribute {
  if (octets.length < 4) return raw(path, octets, dictionary, 'vendor-id-missing');
  const vendorId = readUint32(octets, 0);
  const items = splitSubAttributes(octets.subarray(4), dictionary.vendor(vendorId)?.format ?? USUAL_FORMAT);
  if (items === undefined) return raw(path, octets, dictionary, 'vendor-format');
  // Flags of several items in one attribute promise what cannot be kept.
  const oddity = items.some(({ flags }) => (flags ?? 0) !== 0) ? 'reserved-bits' : undefined;
  const children = items.map((item) => decodeMember([...path, vendorId, item.type], item.value, dictionary));
  return container(path, octets, dictionary, children, oddity);
}

function decodeScalar(path: AttributePath, octets: Uint8Array, dictionary: AttributeDictionary): DecodedAttribute {
  const definition = dictionary.attributeAt(path);
  const type = dictionary.typeAt(path);
  if (!isScalar(type)) return raw(path, octets, dictionary, 'vendor-format');
  const read = { path, name: dictionary.nameOf(path), definition, type, children: [], octets };
  // Hidden with the shared secret: any octets.
  if (definition?.encryption !== undefined) {
    return octets.length === 0 ? { ...read, oddity: 'value-empty' } : { ...read, value: octets };
  }
  const tagged = definition?.tagged === true ? untag(octets, type === 'integer') : { tag: undefined, octets };
  if (tagged === undefined) return { ...read, oddity: octets.length === 4 ? 'tag-missing' : 'value-length' };
  try {
    const value = decodeValue(type, tagged.octets, definition?.length);
    return tagged.tag === undefined ? { ...read, value } : { ...read, tag: tagged.tag, value };
  } catch (error) {
    if (error instanceof DecodeError) return { ...read, oddity: oddityOf(error) };
    throw error;
  }
}

function oddityOf({ code }: DecodeError): AttributeOddity {
  return code === 'value-empty' || code === 'prefix-length' ? code : 'value-length';
}

function raw(
  path: AttributePath,
  octets: Uint8Array,
  dictionary: AttributeDictionary,
  oddity: AttributeOddity,
): DecodedAttribute {
  return container(path, octets, dictionary, [], oddity);
}

function container(
  path: AttributePath,
  octets: Uint8Array,
  dictionary: AttributeDictionary,
  children: readonly DecodedAttribute[],
  oddity?: AttributeOddity,
): DecodedAttribute {
  const read = {
    path,
    name: dictionary.nameOf(path),
    definition: dictionary.attributeAt(path),
    type: dictionary.typeAt(path),
    children,
    octets,
  };
  return oddity === undefined ? read : { ...read, oddity };
}
