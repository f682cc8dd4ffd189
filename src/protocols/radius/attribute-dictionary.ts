import type { AttributeOptions, AttributeRow, ValueTable, VendorTable } from './attribute-table.js';
import type { DataType } from './data-types.js';

/**
 * Where an attribute stands: its numbers from the top of the packet. `[44]` is Acct-Session-Id, `[26, 14988, 8]` attribute
 * 8 of vendor 14988, `[241, 5, 1]` member 1 of extended attribute 241.5, `[245, 26, 11344, 1]` an extended vendor's.
 */
export type AttributePath = readonly number[];

/** One attribute as a dictionary knows it. */
export interface DictionaryAttribute extends AttributeOptions {
  readonly name: string;
  readonly path: AttributePath;
  readonly type: DataType;
  /** Never on the wire: a server's own (FreeRADIUS numbers these from 256 on, or calls them `virtual`). */
  readonly internal?: boolean;
}

/** How a vendor lays its attributes out behind the Vendor-Id; RFC 2865 section 5.26 suggests one octet each. */
export interface VendorFormat {
  readonly typeOctets: 1 | 2 | 4;
  /** 0: no length, the value is all that remains. */
  readonly lengthOctets: 0 | 1 | 2;
  /** An octet behind the length whose highest bit says that the value goes on in the next Vendor-Specific (WiMAX). */
  readonly continuation: boolean;
}

export interface DictionaryVendor {
  readonly name: string;
  readonly id: number;
  readonly format: VendorFormat;
}

export const USUAL_FORMAT: VendorFormat = { typeOctets: 1, lengthOctets: 1, continuation: false };

/** Names that promise a secret, whatever a dictionary says of them. */
const SECRET_NAME = /passw(or)?d|secret|(^|[-_])psk$|[-_]keys?$/i;

/**
 * Attributes, vendors and names of values, found by name (of any case) or by number. Of two names for one number the
 * later is shown and both are understood. What was a secret under any of its names stays one.
 */
export class AttributeDictionary {
  readonly #byPath = new Map<string, DictionaryAttribute>();
  readonly #byName = new Map<string, DictionaryAttribute>();
  readonly #vendorsById = new Map<number, DictionaryVendor>();
  readonly #vendorsByName = new Map<string, DictionaryVendor>();
  readonly #valueNames = new Map<string, Map<string, string>>();
  readonly #valueNumbers = new Map<string, Map<string, bigint>>();
  readonly #holdsSecrets = new Set<string>();

  /** Adds an attribute. Its name must be free, or be its own: see `attributeNamed`. */
  addAttribute(attribute: DictionaryAttribute): void {
    const key = attribute.path.join('.');
    const secret =
      attribute.secret === true ||
      attribute.encryption !== undefined ||
      SECRET_NAME.test(attribute.name) ||
      this.#byPath.get(key)?.secret === true;
    const kept = secret ? { ...attribute, secret } : attribute;
    this.#byPath.set(key, kept);
    this.#byName.set(attribute.name.toLowerCase(), kept);
    if (secret) attribute.path.forEach((_, depth) => this.#holdsSecrets.add(attribute.path.slice(0, depth).join('.')));
  }

  /** Another name for an attribute. */
  addAlias(name: string, attribute: DictionaryAttribute): void {
    this.#byName.set(name.toLowerCase(), attribute);
  }

  addVendor(vendor: DictionaryVendor): void {
    this.#vendorsById.set(vendor.id, vendor);
    this.#vendorsByName.set(vendor.name.toLowerCase(), vendor);
  }

  /** Names a value of an attribute. */
  addValue(path: AttributePath, name: string, number: bigint): void {
    const key = path.join('.');
    const names = this.#valueNames.get(key) ?? new Map<string, string>();
    const numbers = this.#valueNumbers.get(key) ?? new Map<string, bigint>();
    this.#valueNames.set(key, names.set(String(number), name));
    this.#valueNumbers.set(key, numbers.set(name.toLowerCase(), number));
  }

  /** Adds a vendor's table. */
  addTable(table: VendorTable): void {
    this.addVendor({ name: table.name, id: table.id, format: USUAL_FORMAT });
    this.addRows(table.attributes, table.values, [26, table.id]);
  }

  /** Adds rows under a path; names of values belong to the rows, or to attributes known already. */
  addRows(rows: Readonly<Record<string, AttributeRow>>, values: ValueTable, under: AttributePath): void {
    for (const [name, [number, type, options]] of Object.entries(rows)) {
      const path = [...under, ...(typeof number === 'number' ? [number] : number)];
      this.addAttribute({ name, path, type, ...options });
    }
    for (const [attribute, names] of Object.entries(values)) {
      const path = this.attributeNamed(attribute)?.path;
      if (path === undefined) continue;
      for (const [name, number] of Object.entries(names)) this.addValue(path, name, BigInt(number));
    }
  }

  attributeAt(path: AttributePath): DictionaryAttribute | undefined {
    return this.#byPath.get(path.join('.'));
  }

  attributeNamed(name: string): DictionaryAttribute | undefined {
    return this.#byName.get(name.toLowerCase());
  }

  vendor(id: number): DictionaryVendor | undefined {
    return this.#vendorsById.get(id);
  }

  vendorNamed(name: string): DictionaryVendor | undefined {
    return this.#vendorsByName.get(name.toLowerCase());
  }

  valueName(path: AttributePath, number: number | bigint): string | undefined {
    return this.#valueNames.get(path.join('.'))?.get(String(number));
  }

  valueNumber(path: AttributePath, name: string): bigint | undefined {
    return this.#valueNumbers.get(path.join('.'))?.get(name.toLowerCase());
  }

  /** Every named value of an attribute. */
  valuesOf(path: AttributePath): ReadonlyMap<string, bigint> {
    return this.#valueNumbers.get(path.join('.')) ?? new Map<string, bigint>();
  }

  attributes(): Iterable<DictionaryAttribute> {
    return this.#byName.values();
  }

  vendors(): Iterable<DictionaryVendor> {
    return this.#vendorsById.values();
  }

  /** Whether octets under this path that cannot be taken apart may hide a secret. */
  holdsSecrets(path: AttributePath): boolean {
    return this.#holdsSecrets.has(path.join('.'));
  }

  /**
   * The type at a path, known or not: the structure of RFC 2865 section 5.26 and RFC 6929 holds without a dictionary, and
   * whatever is unknown is `string`.
   */
  typeAt(path: AttributePath): DataType {
    const known = this.attributeAt(path)?.type;
    if (known !== undefined) return known;
    const [top = 0, second] = path;
    const extended = top >= 241 && top <= 246;
    if (path.length === 1 && top === 26) return 'vsa';
    if (path.length === 1 && extended) return top < 245 ? 'extended' : 'long-extended';
    if (path.length === 2 && extended && second === 26) return 'evs';
    return 'string';
  }

  /**
   * The full name of a path: `Acct-Session-Id`, `Vendor-Specific.Mikrotik.Mikrotik-Rate-Limit`, `241.IP-Port-Range`.
   * What has no name stands as its number: `250`, `Vendor-Specific.14988.99`, `241.1`.
   */
  nameOf(path: AttributePath): string {
    const parts: string[] = [];
    for (let depth = 1; depth <= path.length; depth += 1) {
      const here = path.slice(0, depth);
      const number = here[depth - 1] as number;
      const type = this.typeAt(here);
      const placeholder = type === 'extended' || type === 'long-extended' || type === 'evs';
      const parent = depth > 1 ? this.typeAt(here.slice(0, -1)) : undefined;
      if (parent === 'vsa' || parent === 'evs') parts.push(this.vendor(number)?.name ?? String(number));
      else if (here.length === 1 && number === 26) parts.push('Vendor-Specific');
      else parts.push((placeholder ? undefined : this.attributeAt(here)?.name) ?? String(number));
    }
    return parts.join('.');
  }
}
