/** Which keys two configs say differently: names only, never values. */
import type { ConfigFile } from './config-schema.js';
import { sameBytes } from './lifecycle/address.js';
import { Secret } from './secret.js';

type Mapping = Readonly<Record<string, unknown>>;

function isMapping(value: unknown): value is Mapping {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value);
}

/** A list whose entries are known by their names; the order of such a list means nothing. */
function isNamed(value: unknown): value is readonly (Mapping & { readonly name: string })[] {
  return Array.isArray(value) && value.every((entry) => isMapping(entry) && typeof entry['name'] === 'string');
}

/** A prefix or an address to listen on: one value to the reader of the file. */
function isWhole(value: unknown): boolean {
  return value instanceof Secret || !isMapping(value) || 'bytes' in value || 'host' in value;
}

function same(a: unknown, b: unknown): boolean {
  if (a instanceof Secret && b instanceof Secret) return a.equals(b);
  if (a instanceof Uint8Array && b instanceof Uint8Array) return sameBytes(a, b);
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((one, i) => same(one, b[i]));
  if (isMapping(a) && isMapping(b)) {
    return [...new Set([...Object.keys(a), ...Object.keys(b)])].every((key) => same(a[key], b[key]));
  }
  return a === b;
}

function byName(list: readonly (Mapping & { readonly name: string })[]): Map<string, Mapping> {
  const named = new Map<string, Mapping>();
  for (const entry of list) {
    const { tenant } = entry as { readonly tenant?: unknown };
    named.set(typeof tenant === 'string' ? `${tenant}/${entry.name}` : entry.name, entry);
  }
  return named;
}

function compare(before: unknown, after: unknown, path: string, changed: string[]): void {
  if (isNamed(before) && isNamed(after)) {
    const old = byName(before);
    const fresh = byName(after);
    for (const name of new Set([...old.keys(), ...fresh.keys()])) {
      compare(old.get(name), fresh.get(name), `${path}[${name}]`, changed);
    }
  } else if (isMapping(before) && isMapping(after) && !isWhole(before) && !isWhole(after)) {
    for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
      compare(before[key], after[key], path === '' ? key : `${path}.${key}`, changed);
    }
  } else if (!same(before, after)) changed.push(path);
}

/**
 * The keys that differ, entries of lists by their names: `lifecycle.ack_grace`, `radius.nas[bras1].secret`. An entry that
 * is in one of them only is named alone: `pools[v4]`.
 */
export function changedKeys(before: ConfigFile, after: ConfigFile): string[] {
  const changed: string[] = [];
  compare(before, after, '', changed);
  return changed;
}
