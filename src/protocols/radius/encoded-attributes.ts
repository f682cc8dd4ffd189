import { type AttributeDictionary, type AttributePath, USUAL_FORMAT } from './attribute-dictionary.js';
import { encodeInteger } from './attributes.js';
import { type AttributeValue, isScalar } from './data-types.js';
import { type DecodedPacketAttribute, isOdd } from './decoded-attributes.js';
import { EncodeError } from './errors.js';
import { concatenated, continued, longExtended } from './fragments.js';
import { MAX_VALUE_LENGTH, type RadiusAttribute } from './packet.js';
import { concatenate, joinSubAttribute } from './sub-attributes.js';
import { withTag } from './tag.js';
import { encodeValue } from './values.js';

/** What is to be encoded: a value, or a container with its members. A `DecodedAttribute` without oddities is one. */
export interface AttributeNode {
  readonly path: AttributePath;
  readonly tag?: number;
  readonly value?: AttributeValue;
  readonly children: readonly AttributeNode[];
}

/**
 * The attributes of the wire for what `decodeAttributes` has read. What is odd goes back as it came.
 * @throws EncodeError as `encodeNode` does
 */
export function encodeDecoded(
  decoded: readonly DecodedPacketAttribute[],
  dictionary: AttributeDictionary,
): RadiusAttribute[] {
  return decoded.flatMap((attribute) => (isOdd(attribute) ? attribute.sources : encodeNode(attribute, dictionary)));
}

/**
 * The attributes of the wire for one top-level attribute: one, or several where it has to be fragmented.
 * @throws EncodeError `attribute-too-long`, `attribute-type-range`, `attribute-internal`, `attribute-container` (a
 * container without members), `tag-range`, and as `encodeValue` does
 */
export function encodeNode(node: AttributeNode, dictionary: AttributeDictionary): RadiusAttribute[] {
  const [type = -1] = node.path;
  const definition = dictionary.attributeAt(node.path);
  if (definition?.internal === true) throw new EncodeError('attribute-internal', definition.name);
  if (!Number.isInteger(type) || type < 0 || type > 255) throw new EncodeError('attribute-type-range', String(type));
  switch (dictionary.typeAt(node.path)) {
    case 'vsa':
      return encodeVsa(node, dictionary);
    case 'extended': {
      const [number, payload] = extendedMember(node, dictionary);
      return [bounded(type, concatenate([Uint8Array.of(number), payload]))];
    }
    case 'long-extended':
      return longExtended(type, ...extendedMember(node, dictionary));
    default: {
      const payload = payloadOf(node, dictionary);
      return definition?.concat === true ? concatenated(type, payload) : [bounded(type, payload)];
    }
  }
}

function encodeVsa(node: AttributeNode, dictionary: AttributeDictionary): RadiusAttribute[] {
  const vendorId = onlyVendor(node);
  const format = dictionary.vendor(vendorId)?.format ?? USUAL_FORMAT;
  const items = node.children.map((child) => ({ type: child.path[2] ?? -1, value: payloadOf(child, dictionary) }));
  const [first] = items;
  if (format.continuation && items.length === 1 && first !== undefined && first.value.length > 246) {
    return continued(vendorId, first.type, first.value);
  }
  const octets = items.map((item) => joinSubAttribute(item, format));
  return [bounded(26, concatenate([encodeInteger(vendorId), ...octets]))];
}

/** The octets behind the header of a member: RFC 6929 sections 2.3 (tlv) and 2.4 (evs), or a value. */
function payloadOf(node: AttributeNode, dictionary: AttributeDictionary): Uint8Array {
  const type = dictionary.typeAt(node.path);
  if (type === 'tlv') {
    if (node.children.length === 0) throw new EncodeError('attribute-container', dictionary.nameOf(node.path));
    const items = node.children.map((child) =>
      joinSubAttribute({ type: child.path.at(-1) ?? -1, value: payloadOf(child, dictionary) }, USUAL_FORMAT),
    );
    return concatenate(items);
  }
  if (type === 'evs') {
    const vendorId = onlyVendor(node);
    const [child, second] = node.children;
    if (child === undefined || second !== undefined) {
      throw new EncodeError('attribute-container', `${dictionary.nameOf(node.path)} holds one attribute`);
    }
    const number = child.path.at(-1) ?? -1;
    return concatenate([encodeInteger(vendorId), octetOf(number), payloadOf(child, dictionary)]);
  }
  if (!isScalar(type) || node.value === undefined) {
    throw new EncodeError('attribute-container', `${dictionary.nameOf(node.path)} holds attributes, not a value`);
  }
  const definition = dictionary.attributeAt(node.path);
  if (definition?.encryption !== undefined) {
    if (node.value instanceof Uint8Array) return node.value.slice();
    throw new EncodeError('attribute-encrypted', definition.name);
  }
  const octets = encodeValue(type, node.value, definition?.length);
  if (definition?.tagged !== true) return octets;
  return withTag({ tag: node.tag, octets }, type === 'integer');
}

function extendedMember(node: AttributeNode, dictionary: AttributeDictionary): [number: number, payload: Uint8Array] {
  const [child, second] = node.children;
  if (child === undefined || second !== undefined) {
    throw new EncodeError('attribute-container', `${dictionary.nameOf(node.path)} holds one attribute`);
  }
  const number = child.path[1] ?? -1;
  octetOf(number);
  return [number, payloadOf(child, dictionary)];
}

/** The vendor of a container's members, of whom there must be one. */
function onlyVendor(node: AttributeNode): number {
  const at = node.path.length;
  const [first] = node.children;
  const vendorId = first?.path[at];
  if (vendorId === undefined || node.children.some(({ path }) => path[at] !== vendorId)) {
    throw new EncodeError('attribute-container', 'a vendor attribute holds the attributes of one vendor');
  }
  return vendorId;
}

function octetOf(number: number): Uint8Array {
  if (!Number.isInteger(number) || number < 0 || number > 255) {
    throw new EncodeError('attribute-type-range', String(number));
  }
  return Uint8Array.of(number);
}

function bounded(type: number, value: Uint8Array): RadiusAttribute {
  if (value.length > MAX_VALUE_LENGTH) {
    throw new EncodeError('attribute-too-long', `attribute ${String(type)}, ${String(value.length)} octets`);
  }
  return { type, value };
}
