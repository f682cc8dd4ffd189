/** Rows of a file of reservations as they come: CSV, JSON Lines or one JSON array, never held as a whole. */
import { parse, type CsvError } from 'csv-parse';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { printable } from './lifecycle/octets.js';
import { jsonElements } from './json-elements.js';

export type ImportFormat = 'csv' | 'jsonl' | 'json';

/** A row as it was read, or why it could not be; `line` counts from 1. */
export type FileRow =
  | { readonly line: number; readonly row: Readonly<Record<string, unknown>> }
  | { readonly line: number; readonly fault: string };

/** The file as a whole cannot be read as what it should be. */
export class UnfitImport extends Error {
  readonly code = 'unfit-import';
}

/** A row longer than this is none. */
const LONGEST_ROW = 49_152;

/** The columns of CSV that name a subscriber in packets, and the type of what they hold. */
const NAMES = { username: 'username', circuit_id: 'circuit-id', remote_id: 'remote-id', mac: 'mac' } as const;

/** Other names under which columns are found. */
const ALIASES: Readonly<Record<string, string>> = {
  subscriber: 'subscriber_id',
  prefix: 'address',
  ip: 'address',
  ip_address: 'address',
  pool: 'pool_id',
};

const FIELDS: ReadonlySet<string> = new Set([
  'subscriber_id',
  'address',
  'status',
  'pool_id',
  'vrf',
  'identities',
  'metadata',
]);

/** The format that the name of a file says, or null. */
export function formatOf(name: string): ImportFormat | null {
  if (/\.csv$/i.test(name)) return 'csv';
  if (/\.(jsonl|ndjson)$/i.test(name)) return 'jsonl';
  return /\.json$/i.test(name) ? 'json' : null;
}

/**
 * Reads rows. `onUnused` hears once of each column that is not one of ours.
 * @throws UnfitImport, NoArray, or the system's error
 */
export async function* fileRows(
  input: Readable,
  format: ImportFormat,
  onUnused: (column: string) => void,
): AsyncGenerator<FileRow> {
  const unused = new Set<string>();
  const shaped = (line: number, given: Readonly<Record<string, unknown>>): FileRow => {
    const { row, beside } = shape(given);
    for (const name of beside) {
      if (unused.has(name) || unused.size >= MOST_UNUSED) continue;
      unused.add(name);
      onUnused(name);
    }
    return { line, row };
  };
  const parsed = (line: number, text: string): FileRow => {
    let given: unknown;
    try {
      given = JSON.parse(text);
    } catch (error) {
      return { line, fault: `it is not JSON: ${error instanceof Error ? error.message : ''}` };
    }
    const isRow = typeof given === 'object' && given !== null && !Array.isArray(given);
    return isRow ? shaped(line, given as Record<string, unknown>) : { line, fault: 'it is not a JSON object' };
  };
  if (format === 'csv') yield* csvRows(input, shaped);
  else if (format === 'json') {
    input.setEncoding('utf8');
    for await (const { line, text } of jsonElements(input as AsyncIterable<string>, LONGEST_ROW))
      yield parsed(line, text);
  } else {
    let line = 0;
    for await (const text of createInterface({ input, crlfDelay: Infinity })) {
      line++;
      if (text.length > LONGEST_ROW) yield { line, fault: `it is longer than ${String(LONGEST_ROW)} characters` };
      else if (text.trim() !== '') yield parsed(line, line === 1 ? text.replace(/^\u{FEFF}/u, '') : text);
    }
  }
}

/** More names of columns than this are not told. */
const MOST_UNUSED = 32;

async function* csvRows(
  input: Readable,
  shaped: (line: number, given: Readonly<Record<string, unknown>>) => FileRow,
): AsyncGenerator<FileRow> {
  const broken: FileRow[] = [];
  const lost: { readonly line: number; readonly message: string }[] = [];
  const parser = parse({
    bom: true,
    columns: (names: string[]) => headerOf(names),
    delimiter: [',', ';', '\t'],
    info: true,
    max_record_size: LONGEST_ROW,
    on_skip: (error: CsvError | undefined) => {
      const line = typeof error?.['lines'] === 'number' ? error['lines'] : 0;
      const message = error?.message ?? 'it cannot be read as CSV';
      if (error?.code === 'CSV_RECORD_INCONSISTENT_COLUMNS') broken.push({ line, fault: message });
      // Where quotes are out of order nobody can tell where the next row begins.
      else lost.push({ line, message });
      return undefined;
    },
    skip_empty_lines: true,
    skip_records_with_error: true,
    trim: true,
  });
  const lostBefore = (line: number): boolean => (lost[0]?.line ?? Infinity) <= line;
  input.on('error', (error) => parser.destroy(error));
  input.pipe(parser);
  try {
    for await (const { record, info } of parser as AsyncIterable<{
      record: Record<string, string>;
      info: { lines: number };
    }>) {
      if (lostBefore(info.lines)) break;
      // The parser is ahead of us.
      const before = broken.findIndex(({ line }) => line > info.lines);
      yield* broken.splice(0, before < 0 ? broken.length : before);
      yield shaped(info.lines, filled(record));
    }
  } catch (error) {
    if (error instanceof Error && 'code' in error && String(error.code).startsWith('CSV_'))
      throw new UnfitImport(error.message);
    throw error;
  } finally {
    input.destroy();
  }
  yield* broken.filter(({ line }) => !lostBefore(line));
  const [first] = lost;
  if (first !== undefined) throw new UnfitImport(first.message);
}

/** The names of the columns. @throws UnfitImport */
function headerOf(names: readonly string[]): string[] {
  const columns = names.map((name) => name.trim().toLowerCase());
  const ours = columns.map((name) => ALIASES[name] ?? name);
  for (const wanted of ['subscriber_id', 'address', 'status']) {
    const count = ours.filter((name) => name === wanted).length;
    if (count === 0) throw new UnfitImport(`its first line names no column ${wanted}`);
    if (count > 1) throw new UnfitImport(`its first line names the column ${wanted} twice`);
  }
  return columns;
}

/** CSV has no null: what is empty was not given. Metadata is JSON. */
function filled(record: Readonly<Record<string, string>>): Record<string, unknown> {
  const row: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(record)) {
    if (value === '') continue;
    row[name] = name === 'metadata' || name === 'identities' ? jsonOr(value) : value;
  }
  return row;
}

function jsonOr(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Its schema says what is wrong with it.
    return text;
  }
}

/** A row in the words of the API, and the names that are not ours. */
function shape(given: Readonly<Record<string, unknown>>): { row: Record<string, unknown>; beside: string[] } {
  const row: Record<string, unknown> = {};
  const named: unknown[] = [];
  const beside: string[] = [];
  for (const [name, value] of Object.entries(given)) {
    const field = ALIASES[name] ?? name;
    if (FIELDS.has(field)) row[field] = field === 'status' && typeof value === 'string' ? value.toLowerCase() : value;
    else if (Object.hasOwn(NAMES, field)) {
      if (value !== null) named.push({ type: NAMES[field as keyof typeof NAMES], value: nameText(field, value) });
    } else beside.push(name);
  }
  const listed: readonly unknown[] = Array.isArray(row['identities']) ? row['identities'] : [];
  if (named.length > 0) row['identities'] = [...listed, ...named];
  return { row, beside };
}

/** A User-Name stands in the file as it is; the others as addrd shows them, as they may not be text. */
function nameText(field: string, value: unknown): unknown {
  return field === 'username' && typeof value === 'string' ? printable(new TextEncoder().encode(value)) : value;
}
