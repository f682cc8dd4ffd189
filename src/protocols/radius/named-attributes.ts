import type { AttributeDictionary, AttributePath, DictionaryAttribute } from './attribute-dictionary.js';
import { type AttributeValue, isScalar } from './data-types.js';
import { type AttributeNode, encodeNode } from './encoded-attributes.js';
import { EncodeError } from './errors.js';
import type { RadiusAttribute } from './packet.js';
import { MAX_TAG } from './tag.js';
import { valueOfText } from './value-text.js';

/**
 * An attribute as a config says it: `{ name: 'Mikrotik-Rate-Limit', value: '1M/1M' }`. The name is the attribute's own, its
 * full name (`Vendor-Specific.Mikrotik.Mikrotik-Rate-Limit`) or numbers (`26.14988.8`, `241.1`); a tag follows a colon
 * (`Tunnel-Private-Group-Id:1`). Case does not matter. A string or number is read by the attribute's type as
 * `valueOfText` does; octets are the value of a text or string, or of an attribute that the dictionary does not know.
 */
export interface NamedAttribute {
  readonly name: string;
  readonly value: string | number | bigint | Uint8Array;
}

/** An attribute that was found by name, with the tag that the name asked for. */
export interface ResolvedName {
  readonly path: AttributePath;
  readonly tag?: number;
}

interface Branch {
  readonly path: AttributePath;
  readonly children: Branch[];
  tag?: number;
  value?: AttributeValue;
}

/**
 * The attributes of the wire for attributes by name, in their order. Each vendor attribute gets a Vendor-Specific of its
 * own, which every peer understands; members of one TLV that follow one another share it.
 * @throws EncodeError `attribute-unknown`, `attribute-internal`, `attribute-container`, `attribute-encrypted`,
 * `value-text`, `value-type`, and as `encodeNode` does. The message names the attribute, never a value of a secret one.
 */
export function encodeNamed(attributes: readonly NamedAttribute[], dictionary: AttributeDictionary): RadiusAttribute[] {
  const tops: Branch[] = [];
  for (const { name, value } of attributes) {
    const resolved = resolveName(name, dictionary);
    const definition = dictionary.attributeAt(resolved.path);
    plant(tops, { ...resolved, value: valueOf(name, value, resolved.path, definition, dictionary) }, dictionary);
  }
  return tops.flatMap((top) => encodeNode(top satisfies AttributeNode, dictionary));
}

/**
 * Finds the attribute that a name means.
 * @throws EncodeError `attribute-unknown`, `attribute-internal`, `tag-range`
 */
export function resolveName(name: string, dictionary: AttributeDictionary): ResolvedName {
  const whole = pathOf(name, dictionary);
  if (whole !== undefined) return { path: whole };
  const [, stem = '', digits = ''] = /^(.+):(\d{1,3})$/.exec(name) ?? [];
  const path = stem === '' ? undefined : pathOf(stem, dictionary);
  if (path === undefined) throw new EncodeError('attribute-unknown', name);
  const tag = Number(digits);
  if (tag > MAX_TAG || dictionary.attributeAt(path)?.tagged !== true) {
    throw new EncodeError('tag-range', `${name}: tags are 0 to 31, of attributes that have one`);
  }
  return { path, tag };
}

function pathOf(name: string, dictionary: AttributeDictionary): AttributePath | undefined {
  const exact = dictionary.attributeNamed(name);
  if (exact !== undefined) {
    if (exact.internal === true) throw new EncodeError('attribute-internal', exact.name);
    return exact.path;
  }
  // The full name of a known attribute ends in its own name, which may hold dots itself.
  for (let dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', dot + 1)) {
    const known = dictionary.attributeNamed(name.slice(dot + 1));
    if (known !== undefined && dictionary.nameOf(known.path).toLowerCase() === name.toLowerCase()) return known.path;
  }
  return numericPath(name.replace(/^attr-/i, ''), dictionary);
}

/** Numbers from the top; a vendor may stand by its name, as `nameOf` shows it. */
function numericPath(text: string, dictionary: AttributeDictionary): AttributePath | undefined {
  const numbers: number[] = [];
  for (const part of text.split('.')) {
    const parent = numbers.length === 0 ? undefined : dictionary.typeAt(numbers);
    if (/^\d{1,10}$/.test(part)) numbers.push(Number(part));
    else if (numbers.length === 0 && part.toLowerCase() === 'vendor-specific') numbers.push(26);
    else {
      const vendor = parent === 'vsa' || parent === 'evs' ? dictionary.vendorNamed(part)?.id : undefined;
      if (vendor === undefined) return undefined;
      numbers.push(vendor);
    }
  }
  return numbers;
}

function valueOf(
  name: string,
  value: NamedAttribute['value'],
  path: AttributePath,
  definition: DictionaryAttribute | undefined,
  dictionary: AttributeDictionary,
): AttributeValue {
  const type = dictionary.typeAt(path);
  if (!isScalar(type)) throw new EncodeError('attribute-container', `${name} holds attributes, not a value`);
  if (value instanceof Uint8Array) return value;
  if (definition?.encryption !== undefined) throw new EncodeError('attribute-encrypted', name);
  try {
    return valueOfText(type, String(value), path, dictionary);
  } catch (error) {
    if (!(error instanceof EncodeError)) throw error;
    const shown = definition?.secret === true ? '[hidden]' : error.message.slice(error.code.length + 2);
    throw new EncodeError(error.code, `${name}: ${shown}`);
  }
}

/** Hangs a value under its containers. Those of a TLV are shared with the value before, if it is in the same one. */
function plant(tops: Branch[], leaf: ResolvedName & { value: AttributeValue }, dictionary: AttributeDictionary): void {
  const levels = levelsOf(leaf.path, dictionary);
  const outermostTlv = levels.findIndex((level) => dictionary.typeAt(level) === 'tlv');
  let siblings = tops;
  let depth = 0;
  const shared: Branch[] = [];
  while (depth < levels.length - 1) {
    const last: Branch | undefined = (shared.at(-1)?.children ?? tops).at(-1);
    if (last === undefined || last.path.join() !== levels[depth]?.join()) break;
    shared.push(last);
    depth += 1;
  }
  if (outermostTlv < 0 || shared.length <= outermostTlv) depth = 0;
  else siblings = shared[depth - 1]?.children ?? tops;
  for (const path of levels.slice(depth, -1)) {
    const branch: Branch = { path, children: [] };
    siblings.push(branch);
    siblings = branch.children;
  }
  const value = { path: levels.at(-1) ?? leaf.path, children: [], value: leaf.value };
  siblings.push(leaf.tag === undefined ? value : { ...value, tag: leaf.tag });
}

/** The paths of an attribute's containers and its own, outermost first; a vendor's number makes no level of its own. */
function levelsOf(path: AttributePath, dictionary: AttributeDictionary): AttributePath[] {
  const levels: AttributePath[] = [];
  for (let length = 1; length <= path.length;) {
    const level = path.slice(0, length);
    levels.push(level);
    const type = dictionary.typeAt(level);
    length += type === 'vsa' || type === 'evs' ? 2 : 1;
  }
  return levels;
}
