/** What is wrong with a config, said so that it can be mended without the source code. */
import type { z } from 'zod';
import { configKeys } from './config-schema.js';

/** `path` names the key (`pools[1].prefix`); line and column, from 1, are where it stands in the file. */
export interface ConfigFault {
  readonly path: string;
  readonly message: string;
  readonly line: number;
  readonly column: number;
}

/** One line of the kind that editors jump to: `addrd.yaml:14:5 pools[1].prefix: ...`. */
export function faultLine(file: string, { path, message, line, column }: ConfigFault): string {
  return `${file}:${String(line)}:${String(column)} ${path}: ${message}`;
}

/** The config cannot be used; every fault is named. No fault repeats a secret. */
export class ConfigError extends Error {
  readonly code = 'config-invalid';
  readonly faults: readonly ConfigFault[];

  constructor(faults: readonly ConfigFault[]) {
    const inOrder = [...faults].sort((a, b) => a.line - b.line || a.column - b.column);
    super(['the config is not valid', ...inOrder.map((fault) => `  ${faultLine('line', fault)}`)].join('\n'));
    this.name = 'ConfigError';
    this.faults = inOrder;
  }
}

/** Something about the value at a path, or about its key, that has no place in the file yet. */
export interface Remark {
  readonly at: readonly PropertyKey[];
  readonly message: string;
  readonly isAboutKey?: boolean;
  /** The last part of the path may be a secret. */
  readonly isHidden?: boolean;
}

/** Parts of the design that a file may name in good faith. */
const LATER = new Set(['dhcp', 'netbox', 'genieacs', 'modes.netbox', 'modes.aaa', 'modes.cpe']);

type Issue = z.core.$ZodIssue;

/** A key of the file. What does not look like one may be a secret at the wrong place (`secret:testing123` in braces). */
function keyText(key: PropertyKey): string {
  const text = String(key);
  return /^[A-Za-z_-]{1,40}$/.test(text) ? text : HIDDEN;
}

const HIDDEN = '(a key)';

/** Path of a key as people write it: `pools[1].prefix`; the last part hidden where it may be a secret. */
export function pathText(path: readonly PropertyKey[], isHidden = false): string {
  let out = '';
  for (const [i, part] of path.entries()) {
    const text = isHidden && i === path.length - 1 ? HIDDEN : keyText(part);
    if (typeof part === 'number') out += `[${String(part)}]`;
    else out += out === '' ? text : `.${text}`;
  }
  return out === '' ? 'the file' : out;
}

const NOUN: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'a mapping of keys',
  array: 'a list',
};

function nounOf(value: unknown): string {
  if (value === null) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  return NOUN[typeof value] ?? typeof value;
}

/** The sentence for a fault that the schema itself has no words for. Values are not repeated: one may be a secret. */
export const sayIssue: z.core.$ZodErrorMap = (issue) => {
  switch (issue.code) {
    case 'invalid_type':
      if (issue.input === undefined) return 'is missing';
      return `must be ${NOUN[issue.expected] ?? issue.expected}, not ${nounOf(issue.input)}`;
    case 'invalid_value':
      return `must be ${issue.values.map(String).join(' or ')}`;
    case 'too_small':
      return issue.origin === 'array' || issue.origin === 'string'
        ? 'must not be empty'
        : `must be at least ${String(issue.minimum)}`;
    case 'too_big':
      return `must be at most ${String(issue.maximum)}`;
    default:
      return undefined;
  }
};

/** What stands at a path of the raw file. */
function valueAt(raw: unknown, path: readonly PropertyKey[]): unknown {
  let value = raw;
  for (const key of path) value = (value as Record<PropertyKey, unknown> | null | undefined)?.[key];
  return value;
}

/**
 * What there is to say of one issue: one about unknown keys names several. `raw` is what the file says: an unknown key
 * without a value may be half of a secret with a comma in it (`secret: one, two` in braces), and is not repeated.
 */
export function remarksOf(issue: Issue, raw: unknown): Remark[] {
  if (issue.code !== 'unrecognized_keys') return [{ at: issue.path, message: issue.message }];
  return issue.keys.map((key) => {
    const at = [...issue.path, key];
    const value = valueAt(raw, at);
    if ((value !== null && value !== undefined) || LATER.has(pathText(at))) {
      return { at, message: unknownKey(issue.path, key), isAboutKey: true };
    }
    const message = 'unknown key without a value: text with a comma in it must be in quotes';
    return { at, message, isAboutKey: true, isHidden: true };
  });
}

function unknownKey(path: readonly PropertyKey[], key: string): string {
  if (LATER.has(path.length === 0 ? key : `${pathText(path)}.${key}`))
    return 'this version of addrd does not serve it yet';
  const inside = path.length === 0 ? '' : pathText(path).replace(/\[\d+\]/g, '[]');
  const known = new Set(
    configKeys()
      .filter((other) => inside === '' || other.startsWith(`${inside}.`))
      .map((other) => (inside === '' ? other : other.slice(inside.length + 1)).replace(/[.[].*$/, '')),
  );
  const near = [...known]
    .map((other) => ({ other, distance: editDistance(key, other) }))
    .sort((a, b) => a.distance - b.distance)[0];
  if (near !== undefined && near.distance <= Math.max(2, key.length / 2)) {
    return `unknown key; did you mean ${near.other}?`;
  }
  return `unknown key; known are ${[...known].join(', ')}`;
}

/** Levenshtein distance: how many letters must be put in, taken out or replaced. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, n) => n);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
