import { posix } from 'node:path';
import {
  type AttributeDictionary,
  type AttributePath,
  type DictionaryAttribute,
  USUAL_FORMAT,
  type VendorFormat,
} from './attribute-dictionary.js';
import type { AttributeOptions } from './attribute-table.js';
import { type DataType, isScalar } from './data-types.js';
import { DictionaryError, type DictionaryFault, type DictionaryFaultCode } from './dictionary-fault.js';

/** The text of a file, or undefined where it cannot be read. */
export type ReadDictionary = (path: string) => string | undefined;

const DEEPEST_INCLUDE = 16;

/** FreeRADIUS's names of types, in lower case. */
const TYPES: ReadonlyMap<string, DataType> = new Map(
  Object.entries<DataType>({
    ...{ string: 'text', octets: 'string', abinary: 'abinary' },
    ...{ integer: 'integer', uint32: 'integer', short: 'short', uint16: 'short', byte: 'byte', uint8: 'byte' },
    ...{ integer64: 'integer64', uint64: 'integer64', signed: 'signed', int32: 'signed', date: 'time' },
    ...{ ipaddr: 'ipaddr', ipv4addr: 'ipaddr', ipv6addr: 'ipv6addr', 'combo-ip': 'combo-ip' },
    ...{ ipv4prefix: 'ipv4prefix', ipv6prefix: 'ipv6prefix', ifid: 'ifid', ether: 'ether' },
    ...{ tlv: 'tlv', vsa: 'vsa', evs: 'evs', extended: 'extended', 'long-extended': 'long-extended' },
  }),
);

const FLAGS: ReadonlyMap<string, Readonly<Partial<DictionaryAttribute>>> = new Map(
  Object.entries<Readonly<Partial<DictionaryAttribute>>>({
    has_tag: { tagged: true },
    concat: { concat: true },
    secret: { secret: true },
    virtual: { internal: true },
    // Several of them in one packet are allowed: nothing that a codec would do differently.
    array: {},
  }),
);

interface Block {
  readonly keyword: 'BEGIN-VENDOR' | 'BEGIN-TLV';
  readonly name: string;
  readonly under: AttributePath;
}

interface LateValue {
  readonly attribute: string;
  readonly name: string;
  readonly number: bigint;
  readonly file: string;
  readonly line: number;
}

/**
 * Adds a dictionary file in FreeRADIUS's format to a dictionary: ATTRIBUTE, VALUE, VENDOR, BEGIN- and END-VENDOR, BEGIN-
 * and END-TLV, ALIAS, `$INCLUDE` (relative to the file that says it; `$INCLUDE-` may be missing), comments. Definitions of
 * the file take the place of those that the dictionary has for the same number; a VALUE may come before its ATTRIBUTE.
 *
 * @throws DictionaryError with every fault, by file and line; the dictionary is then of no use
 */
export function addDictionaryFile(path: string, read: ReadDictionary, dictionary: AttributeDictionary): void {
  const reader = new DictionaryReader(read, dictionary);
  reader.readFile(path, []);
  reader.nameValues();
  if (reader.faults.length > 0) throw new DictionaryError(reader.faults);
}

class DictionaryReader {
  readonly faults: DictionaryFault[] = [];
  readonly #read: ReadDictionary;
  readonly #dictionary: AttributeDictionary;
  readonly #values: LateValue[] = [];
  /** Where this file (not an older table) said a name, so that it cannot say it twice in two ways. */
  readonly #said = new Map<string, string>();
  #blocks: Block[] = [];
  #file = '';
  #line = 0;

  constructor(read: ReadDictionary, dictionary: AttributeDictionary) {
    this.#read = read;
    this.#dictionary = dictionary;
  }

  readFile(path: string, trail: readonly string[], optional = false): void {
    if (trail.includes(path)) {
      this.#fault('include-loop', `${path} includes itself by way of ${[...trail.slice(1), path].join(', ')}`);
      return;
    }
    if (trail.length > DEEPEST_INCLUDE) {
      this.#fault('include-depth', `at most ${String(DEEPEST_INCLUDE)} files deep`);
      return;
    }
    const text = this.#read(path);
    if (text === undefined) {
      if (optional) return;
      if (trail.length === 0) this.#file = path;
      this.#fault('file-unreadable', `a readable file ${path}`);
      return;
    }
    const outer = { file: this.#file, line: this.#line, blocks: this.#blocks };
    this.#file = path;
    this.#blocks = [];
    for (const [index, line] of text.split('\n').entries()) {
      this.#line = index + 1;
      const fields = line.replace(/#.*$/, '').trim().split(/\s+/);
      if (fields[0] !== '') this.#readLine(fields, [...trail, path]);
    }
    for (const { keyword, name } of this.#blocks) {
      this.#fault('block-mismatch', `${keyword.replace('BEGIN', 'END')} ${name} before the end of the file`);
    }
    this.#file = outer.file;
    this.#line = outer.line;
    this.#blocks = outer.blocks;
  }

  /** Gives the values their attributes, now that all of them are known. */
  nameValues(): void {
    for (const { attribute, name, number, file, line } of this.#values) {
      this.#file = file;
      this.#line = line;
      const found = this.#dictionary.attributeNamed(attribute);
      if (found === undefined) this.#fault('attribute-unknown', `an attribute of the name ${attribute}`);
      else if (!isScalar(found.type) || !hasNumbers(found.type)) {
        this.#fault('value-type', `an attribute of an integer type; ${attribute} is ${found.type}`);
      } else if (this.#once(`value ${found.path.join('.')} ${name.toLowerCase()}`, String(number), 'value-conflict')) {
        this.#dictionary.addValue(found.path, name, number);
      }
    }
  }

  #readLine(fields: readonly string[], trail: readonly string[]): void {
    const [keyword = '', ...rest] = fields;
    switch (keyword.toUpperCase()) {
      case 'ATTRIBUTE':
        if (this.#expect(rest, 3, 4, 'ATTRIBUTE name number type [options]')) this.#attribute(rest);
        return;
      case 'VALUE':
        if (this.#expect(rest, 3, 3, 'VALUE attribute name number')) this.#value(rest);
        return;
      case 'VENDOR':
        if (this.#expect(rest, 2, 3, 'VENDOR name number [format=t,l[,c]]')) this.#vendor(rest);
        return;
      case 'BEGIN-VENDOR':
        if (this.#expect(rest, 1, 2, 'BEGIN-VENDOR name [format=Extended-Vendor-Specific-n]')) this.#beginVendor(rest);
        return;
      case 'BEGIN-TLV':
        if (this.#expect(rest, 1, 1, 'BEGIN-TLV attribute')) this.#beginTlv(rest);
        return;
      case 'END-VENDOR':
      case 'END-TLV':
        if (this.#expect(rest, 1, 1, `${keyword} name`)) this.#end(keyword.toUpperCase(), rest[0] ?? '');
        return;
      case 'ALIAS':
        if (this.#expect(rest, 2, 2, 'ALIAS name attribute')) this.#alias(rest);
        return;
      case '$INCLUDE':
      case '$INCLUDE-': {
        if (!this.#expect(rest, 1, 1, `${keyword} file`)) return;
        const path = posix.resolve('/', posix.dirname(this.#file), rest[0] ?? '');
        const relative = posix.isAbsolute(this.#file) ? path : posix.join(posix.dirname(this.#file), rest[0] ?? '');
        this.readFile(posix.isAbsolute(rest[0] ?? '') ? (rest[0] ?? '') : relative, trail, keyword.endsWith('-'));
        return;
      }
      default:
        this.#fault('keyword-unknown', 'ATTRIBUTE, VALUE, VENDOR, BEGIN-VENDOR, BEGIN-TLV, ALIAS or $INCLUDE');
    }
  }

  #attribute([name = '', number = '', typeText = '', options = '']: readonly string[]): void {
    const [, typeName = '', length] = /^([a-z0-9-]+)(?:\[(\d{1,3})\])?$/i.exec(typeText) ?? [];
    const type = TYPES.get(typeName.toLowerCase());
    if (type === undefined || (length !== undefined && type !== 'string')) {
      this.#fault('type-unknown', `a type of FreeRADIUS 3, not ${typeText}`);
      return;
    }
    const numbers = this.#numbers(number);
    if (numbers === undefined) return;
    const read = this.#options(options, type);
    if (read === undefined) return;
    const under = read.vendor ?? this.#blocks.at(-1)?.under ?? [];
    const path = [...under, ...numbers];
    const [first = 0] = numbers;
    const topmost = under.length === 0;
    if (!topmost && under.length === 2 && first >= 256 ** this.#typeOctets(under)) {
      this.#fault('number-range', `a number that fits the vendor's format, not ${number}`);
      return;
    }
    if (numbers.slice(1).some((one) => one > 255)) {
      this.#fault('number-range', `members are numbered 0 to 255, not ${number}`);
      return;
    }
    const own = this.#dictionary.attributeNamed(name);
    // A file may say a name twice only for one number; the older tables give way.
    if (!this.#once(`attribute ${name.toLowerCase()}`, path.join('.'), 'attribute-conflict')) return;
    if (path.join('.') === '26' ? type !== 'vsa' : isScalar(type) && this.#dictionary.holdsSecrets(path)) {
      // Its octets would be shown whole, and with them the secrets of its members.
      const kept = this.#dictionary.typeAt(path);
      this.#fault('attribute-conflict', `the type ${kept}: members of ${path.join('.')} are secrets`);
      return;
    }
    const internal = read.options.internal === true || (topmost && first > 255);
    const attribute = { ...read.options, name, path, type, ...(internal ? { internal } : {}) };
    const fixed = length === undefined ? {} : { length: Number(length) };
    this.#dictionary.addAttribute({ ...attribute, ...fixed, ...(own?.secret === true ? { secret: true } : {}) });
  }

  #options(
    text: string,
    type: DataType,
  ): { options: AttributeOptions & { internal?: boolean }; vendor?: AttributePath } | undefined {
    let options: AttributeOptions & { internal?: boolean } = {};
    let vendor: AttributePath | undefined;
    for (const option of text === '' ? [] : text.split(',')) {
      const [, level] = /^encrypt=([123])$/i.exec(option) ?? [];
      const flag = FLAGS.get(option.toLowerCase());
      // The format of old: the vendor's name behind the type.
      const named = this.#dictionary.vendorNamed(option);
      if (level !== undefined) options = { ...options, encryption: Number(level) };
      else if (flag !== undefined) options = { ...options, ...flag };
      else if (named !== undefined) vendor = [26, named.id];
      else {
        this.#fault('option-unknown', `has_tag, encrypt=1 to 3, array, concat, secret, virtual or a vendor: ${option}`);
        return undefined;
      }
    }
    if (options.tagged === true && type !== 'integer' && type !== 'text' && type !== 'string') {
      this.#fault('option-unknown', `has_tag belongs to integer, string and octets, not ${type}`);
      return undefined;
    }
    return vendor === undefined ? { options } : { options, vendor };
  }

  #value([attribute = '', name = '', text = '']: readonly string[]): void {
    if (!/^(-?\d{1,20}|0x[0-9a-f]{1,16})$/i.test(text)) {
      this.#fault('number-malformed', `a decimal or 0x number, not ${text}`);
      return;
    }
    this.#values.push({ attribute, name, number: BigInt(text), file: this.#file, line: this.#line });
  }

  #vendor([name = '', number = '', formatText]: readonly string[]): void {
    const [id, more] = this.#numbers(number) ?? [];
    if (id === undefined) return;
    if (more !== undefined || id > 0xffffff) {
      this.#fault('number-range', `a Private Enterprise Number, not ${number}`);
      return;
    }
    const format = formatText === undefined ? USUAL_FORMAT : formatOf(formatText);
    if (format === undefined) {
      this.#fault('format-unknown', 'format=t,l or format=t,l,c with t of 1, 2, 4 and l of 0, 1, 2; c with 1,1');
      return;
    }
    if (this.#once(`vendor ${name.toLowerCase()}`, String(id), 'vendor-conflict')) {
      this.#dictionary.addVendor({ name, id, format });
    }
  }

  #beginVendor([name = '', format]: readonly string[]): void {
    const vendor = this.#dictionary.vendorNamed(name);
    if (vendor === undefined) this.#fault('vendor-unknown', `a VENDOR line for ${name} before this`);
    if (this.#blocks.length > 0) this.#fault('block-mismatch', 'the end of the block before');
    let under: AttributePath = [26, vendor?.id ?? 0];
    if (format !== undefined) {
      const parent = this.#dictionary.attributeNamed(format.replace(/^format=/i, ''));
      if (parent?.type === 'evs') under = [...parent.path, vendor?.id ?? 0];
      else this.#fault('format-unknown', 'format=Extended-Vendor-Specific-1 to -6');
    }
    this.#blocks.push({ keyword: 'BEGIN-VENDOR', name, under });
  }

  #beginTlv([name = '']: readonly string[]): void {
    const parent = this.#dictionary.attributeNamed(name);
    if (parent?.type !== 'tlv') this.#fault('attribute-unknown', `an attribute of type tlv, not ${name}`);
    this.#blocks.push({ keyword: 'BEGIN-TLV', name, under: parent?.path ?? [] });
  }

  #end(keyword: string, name: string): void {
    const block = this.#blocks.pop();
    if (block?.keyword.slice(5) === keyword.slice(3) && block.name.toLowerCase() === name.toLowerCase()) return;
    if (block === undefined) this.#fault('block-mismatch', `no ${keyword}: nothing has begun`);
    else this.#fault('block-mismatch', `${block.keyword.replace('BEGIN', 'END')} ${block.name}`);
  }

  #alias([name = '', target = '']: readonly string[]): void {
    const found = this.#dictionary.attributeNamed(target);
    if (found === undefined) this.#fault('attribute-unknown', `an attribute of the name ${target}`);
    else if (this.#once(`attribute ${name.toLowerCase()}`, found.path.join('.'), 'attribute-conflict')) {
      this.#dictionary.addAlias(name, found);
    }
  }

  #numbers(text: string): number[] | undefined {
    const parts = text.split('.');
    if (parts.length > 8 || !parts.every((part) => /^(\d{1,10}|0x[0-9a-f]{1,8})$/i.test(part))) {
      this.#fault('number-malformed', `a decimal, 0x or dotted number, not ${text}`);
      return undefined;
    }
    return parts.map(Number);
  }

  #typeOctets([top, vendor = 0]: AttributePath): number {
    return top === 26 ? (this.#dictionary.vendor(vendor)?.format.typeOctets ?? 1) : 1;
  }

  /** Whether this says what was said before of the same thing, if anything was. */
  #once(thing: string, meaning: string, code: DictionaryFaultCode): boolean {
    const before = this.#said.get(thing);
    if (before !== undefined && before !== meaning) {
      this.#fault(code, `one number for ${thing}; it was ${before}, now ${meaning}`);
      return false;
    }
    this.#said.set(thing, meaning);
    return true;
  }

  #expect(fields: readonly string[], least: number, most: number, form: string): boolean {
    if (fields.length < least) this.#fault('field-missing', form);
    else if (fields.length > most) this.#fault('field-surplus', form);
    else return true;
    return false;
  }

  #fault(code: DictionaryFaultCode, expected: string): void {
    this.faults.push({ file: this.#file, line: this.#line, code, expected });
  }
}

function formatOf(text: string): VendorFormat | undefined {
  const [, t = '', l = '', c] = /^format=([124]),([012])(,c)?$/i.exec(text) ?? [];
  if (t === '' || (c !== undefined && (t !== '1' || l !== '1'))) return undefined;
  return {
    typeOctets: Number(t) as VendorFormat['typeOctets'],
    lengthOctets: Number(l) as VendorFormat['lengthOctets'],
    continuation: c !== undefined,
  };
}

/** `string` as well: FreeRADIUS's own files name values of octets, which nothing then shows. */
function hasNumbers(type: DataType): boolean {
  return ['integer', 'integer64', 'signed', 'short', 'byte', 'time', 'string'].includes(type);
}
