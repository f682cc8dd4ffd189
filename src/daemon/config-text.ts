/** The text of a config file: octets in, plain values out, and the line and column of each of them. */
import { isUtf8 } from 'node:buffer';
import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  visit,
  type Alias,
  type Document,
  type Node,
  type Pair,
  type YAMLMap,
} from 'yaml';
import { ConfigError, type ConfigFault } from './config-fault.js';

/** A place in the file, both counted from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** Thousands of NASes fit; a core dump or a disk image that was named by mistake does not. */
const LARGEST_OCTETS = 8 * 1024 * 1024;
/** How often aliases may be followed in all: more is a file made to fill the memory. */
const MOST_ALIASES = 10_000;
const LINE_FEED = 0x0a;
const START: Place = { line: 1, column: 1 };

/** The text of a YAML fault without the text of the file: what stands at the fault may be a secret. */
function yamlFault(code: string): string {
  switch (code) {
    case 'DUPLICATE_KEY':
      return 'this key is there already';
    case 'TAB_AS_INDENT':
      return 'tabs cannot indent: use spaces';
    case 'MISSING_CHAR':
      return 'a quote, bracket or colon is missing';
    case 'BAD_INDENT':
      return 'the indentation does not fit, or a bracket is not closed';
    case 'BAD_SCALAR_START':
      return 'text that begins with @ or ` must be in quotes';
    case 'TAG_RESOLVE_FAILED':
      return 'unknown tag: put text that begins with ! in quotes';
    case 'MULTIPLE_DOCS':
      return 'a second document begins: there can be one only';
    default:
      return `not YAML (${code.toLowerCase().replaceAll('_', ' ')})`;
  }
}

function fault(message: string, { line, column }: Place = START): ConfigFault {
  return { path: 'the file', message, line, column };
}

/**
 * The text of a file.
 * @throws ConfigError where it is empty, too large, begins with a byte order mark, or is not UTF-8.
 */
export function textOf(octets: Uint8Array): string {
  const refuse = (message: string, place?: Place): never => {
    throw new ConfigError([fault(message, place)]);
  };
  if (octets.length > LARGEST_OCTETS) refuse(`is larger than ${String(LARGEST_OCTETS / 1024 / 1024)} MiB`);
  const [first, second, third] = octets;
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)) {
    refuse('is UTF-16: save it as UTF-8 without a byte order mark');
  }
  if (first === 0xef && second === 0xbb && third === 0xbf) {
    refuse('begins with a byte order mark: save it as UTF-8 without one');
  }
  if (!isUtf8(octets)) {
    for (let from = 0, line = 1; from < octets.length; line++) {
      const end = octets.indexOf(LINE_FEED, from);
      const until = end < 0 ? octets.length : end;
      if (!isUtf8(octets.subarray(from, until))) refuse('is not UTF-8 in this line', { line, column: 1 });
      from = until + 1;
    }
  }
  return new TextDecoder().decode(octets);
}

/** A YAML document as plain values, and where they stand. */
export class ConfigText {
  /** What the file says, without any check of its keys. */
  readonly raw: unknown;
  readonly #document: Document;
  readonly #lines = new LineCounter();
  /** What each alias stands for. `yaml` itself would walk the whole document for every one of them. */
  readonly #targets = new Map<Alias, Node>();

  /** @throws ConfigError with every fault of the YAML. */
  constructor(text: string) {
    this.#document = parseDocument(text, {
      prettyErrors: false,
      lineCounter: this.#lines,
      logLevel: 'silent',
      merge: true,
    });
    const { errors, warnings, contents } = this.#document;
    const faults = [...errors, ...warnings].map(({ code, pos }) => fault(yamlFault(code), this.#place(pos[0])));
    if (faults.length === 0) faults.push(...this.#danglingAliases());
    if (faults.length > 0) throw new ConfigError(faults);
    if (contents === null || (isScalar(contents) && contents.value === null)) {
      // Half of a file that is being written must not be taken for a network without NASes.
      throw new ConfigError([fault('is empty: write {} where the defaults are meant')]);
    }
    this.raw = this.#values();
  }

  #values(): unknown {
    try {
      return this.#document.toJS({ maxAliasCount: MOST_ALIASES }) as unknown;
    } catch {
      throw new ConfigError([fault('its aliases (*name) or merges (<<) are too many, or do not name a mapping')]);
    }
  }

  /** Finds what each alias stands for, the last anchor of its name before it, and complains of those without one. */
  #danglingAliases(): ConfigFault[] {
    const faults: ConfigFault[] = [];
    const message = 'an alias (*name) has no anchor (&name): put text that begins with * in quotes';
    const anchored = new Map<string, Node>();
    visit(this.#document, {
      Node: (_key, node) => {
        if (isAlias(node)) {
          const target = anchored.get(node.source);
          if (target === undefined) faults.push(fault(message, this.#placeOf(node) ?? START));
          else this.#targets.set(node, target);
        } else if (node.anchor !== undefined) anchored.set(node.anchor, node);
      },
    });
    return faults;
  }

  /** Where the value at a path stands; of a value that is missing, where the nearest thing around it begins. */
  at(path: readonly PropertyKey[]): Place {
    return this.#find(path).value;
  }

  /** Where the key at the end of a path stands. */
  keyAt(path: readonly PropertyKey[]): Place {
    return this.#find(path).key;
  }

  #find(path: readonly PropertyKey[]): { key: Place; value: Place } {
    let node: unknown = this.#document.contents;
    let value = this.#placeOf(node) ?? START;
    let key = value;
    for (const part of path) {
      const here = this.#resolved(node);
      if (isMap(here)) {
        const pair = this.#pairOf(here, String(part), 0);
        if (pair === null) break;
        node = pair.value;
        key = this.#placeOf(pair.key) ?? value;
        value = this.#isNothing(node) ? key : (this.#placeOf(node) ?? key);
      } else if (isSeq(here)) {
        const item = here.items[Number(part)];
        if (item === undefined) break;
        node = item;
        value = this.#placeOf(node) ?? value;
        key = value;
      } else break;
    }
    return { key, value };
  }

  /** The pair of a key in a mapping, or in one that is merged into it (YAML 1.1, `<<`). */
  #pairOf(map: YAMLMap, key: string, depth: number): Pair | null {
    const merged: unknown[] = [];
    for (const pair of map.items) {
      const name = isScalar(pair.key) ? pair.key.value : pair.key;
      if (name === key || (typeof name === 'number' && String(name) === key)) return pair;
      if (typeof name === 'symbol' || name === '<<') {
        const source = this.#resolved(pair.value);
        merged.push(...(isSeq(source) ? source.items : [source]));
      }
    }
    if (depth > 8) return null;
    for (const source of merged) {
      const other = this.#resolved(source);
      const found = isMap(other) ? this.#pairOf(other, key, depth + 1) : null;
      if (found !== null) return found;
    }
    return null;
  }

  #resolved(node: unknown): unknown {
    return isAlias(node) ? this.#targets.get(node) : node;
  }

  #isNothing(node: unknown): boolean {
    return node === null || node === undefined || (isScalar(node) && node.value === null && node.source === '');
  }

  #placeOf(node: unknown): Place | null {
    const range = (node as Node | null)?.range;
    return range === null || range === undefined ? null : this.#place(range[0]);
  }

  #place(offset: number): Place {
    const { line, col } = this.#lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  }
}
