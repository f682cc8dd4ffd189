/** `addrd import`: the reservations of another system, from a file. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { StoreError } from '../store/errors.js';
import { openReader, openStore, type Database } from '../store/open.js';
import { backUpBeforeUpgrade } from '../store/upgrade-backup.js';
import { importRow, MOST_ROWS, type ImportRowView } from './api/import-rows.js';
import { Problem } from './api/problem.js';
import { validated } from './api/validation.js';
import { tokenOf, urlOf } from './backup-command.js';
import type { Config } from './config.js';
import { Client } from './ctl/http.js';
import { fileStamp } from './file-stamp.js';
import { fileRows, UnfitImport, type FileRow, type ImportFormat } from './import-file.js';
import { sinkOfClient, sinkOfStore, type ImportSink, type SoundRow } from './import-sink.js';
import { NoArray } from './json-elements.js';
import type { Doer } from './migrate-command.js';
import type { Outcome } from './outcome.js';

export interface ImportOptions {
  readonly dryRun?: boolean;
  readonly json?: boolean;
  /** For rows that name none. */
  readonly pool?: string;
  readonly vrf?: string;
  /** Whose they are, where not the tenant of the config. */
  readonly tenant?: string;
}

/** What an import needs of the process. */
export interface ImportWorld {
  /** The file, by the name under which faults are told. */
  readonly name: string;
  readonly format: ImportFormat;
  readonly open: () => Readable;
  readonly readFile: (path: string) => string;
  /** Hears of each row that is refused, a line each, and of what else is to be known. */
  readonly complain: (line: string) => void;
  /** Hears each refused row as JSON, where a report is wanted. */
  readonly report: ((row: RefusedRow) => void) | null;
  /** Hears how far it is, after each batch; null where nobody looks. */
  readonly progress: ((counts: ImportCounts) => void) | null;
}

/** A row that was not taken over; `field` is the column that is at fault, where one is. */
export interface RefusedRow {
  readonly line: number;
  readonly code: string;
  readonly field: string | null;
  readonly detail: string;
  readonly subscriber_id: string | null;
  readonly address: string | null;
}

export interface ImportCounts {
  readonly rows: number;
  readonly applied: number;
  readonly duplicate: number;
  readonly refused: number;
}

/** sysexits(3): some rows were refused; the file cannot be read. */
const DATA_ERROR = 65;
const NO_INPUT = 66;

/** A request of the API is no longer than this, with room for what stands around the rows. */
const MOST_OCTETS = 57_344;

/** The column that a code is about. */
const FIELD_OF: Readonly<Record<string, string>> = {
  'not-in-pool': 'address',
  'address-taken': 'address',
  'address-quarantined': 'address',
  'address-occupied': 'address',
  'address-reserved': 'address',
  'being-revoked': 'address',
  'pool-unsure': 'address',
  'unknown-pool': 'pool_id',
  'pool-external': 'pool_id',
  'pool-required': 'pool_id',
  'pool-mismatch': 'vrf',
  'unknown-vrf': 'vrf',
  'identity-taken': 'identities',
  'too-many-identities': 'identities',
};

/**
 * Imports a file: through the daemon where it runs, else into the store itself. With `dryRun`, into a copy of the store that is
 * thrown away, so that each row is judged as it would be.
 * @throws StoreError, CtlFailure
 */
export async function importCommand(
  config: Config,
  options: ImportOptions,
  doer: Doer,
  world: ImportWorld,
): Promise<Outcome> {
  const { path } = config.store;
  if (!existsSync(path)) {
    throw new StoreError(
      'store-unreadable',
      `${path} is not there: start addrd once, so that it has the pools of the config`,
    );
  }
  if (options.dryRun === true) {
    const folder = mkdtempSync(join(tmpdir(), 'addrd-import-'));
    try {
      const copy = join(folder, 'copy.db');
      copyInto(path, copy);
      return await intoStore(copy, config, options, doer, world);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
  try {
    return await intoStore(path, config, options, doer, world);
  } catch (error) {
    if (!(error instanceof StoreError) || error.code !== 'store-owned') throw error;
  }
  const token = tokenOf(config, world.readFile, tenantOf(config, options));
  const client = new Client(urlOf(config), token, new AbortController().signal);
  return await run(sinkOfClient(client), options, world);
}

function tenantOf(config: Config, { tenant }: ImportOptions): string {
  return tenant ?? config.tenant;
}

/** A copy of the store as it is at this moment, also while a daemon writes it. */
function copyInto(path: string, copy: string): void {
  const db: Database = openReader(path);
  try {
    db.prepare('VACUUM INTO ?').run(copy);
  } finally {
    db.close();
  }
}

async function intoStore(
  path: string,
  config: Config,
  options: ImportOptions,
  { pid, now }: Doer,
  world: ImportWorld,
): Promise<Outcome> {
  const store = openStore(path, pid, (db, schema) => {
    if (options.dryRun !== true) backUpBeforeUpgrade(db, path, schema, fileStamp(now));
  });
  try {
    return await run(sinkOfStore(store.db, config, tenantOf(config, options)), options, world);
  } finally {
    store.close();
  }
}

async function run(sink: ImportSink, options: ImportOptions, world: ImportWorld): Promise<Outcome> {
  const run = new ImportRun(sink, options, world);
  try {
    for await (const row of fileRows(world.open(), world.format, (column) => {
      world.complain(`${world.name}: column ${column} is not one of addrd's, and is left out`);
    })) {
      await run.take(row);
    }
    await run.flush();
  } catch (error) {
    const unfit = error instanceof UnfitImport || error instanceof NoArray;
    const missing = error instanceof Error && 'syscall' in error && 'code' in error;
    if (!unfit && !missing) throw error;
    await run.flush();
    const where = error instanceof NoArray ? `${world.name}:${String(error.line)}` : world.name;
    return { ...told(run.counts, options, world), complaint: `addrd: ${where}: ${error.message}\n`, status: NO_INPUT };
  }
  return told(run.counts, options, world);
}

class ImportRun {
  readonly #sink: ImportSink;
  readonly #options: ImportOptions;
  readonly #world: ImportWorld;
  #batch: SoundRow[] = [];
  #octets = 0;
  #counts = { rows: 0, applied: 0, duplicate: 0, refused: 0 };

  constructor(sink: ImportSink, options: ImportOptions, world: ImportWorld) {
    this.#sink = sink;
    this.#options = options;
    this.#world = world;
  }

  get counts(): ImportCounts {
    return this.#counts;
  }

  async take(read: FileRow): Promise<void> {
    this.#counts.rows++;
    const { line } = read;
    if ('fault' in read) {
      this.#refuse({ line, code: 'bad-row', field: null, detail: read.fault, subscriber_id: null, address: null });
      return;
    }
    const { pool, vrf } = this.#options;
    const given = {
      ...(pool === undefined ? {} : { pool_id: pool }),
      ...(vrf === undefined ? {} : { vrf }),
      ...read.row,
    };
    let row;
    try {
      row = validated(importRow, { ...given, line });
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      const [first] = error.errors;
      const text = (name: string): string | null => {
        const value = read.row[name];
        return typeof value === 'string' ? value.slice(0, LONGEST_SHOWN) : null;
      };
      const about = { subscriber_id: text('subscriber_id'), address: text('address') };
      const detail = error.detail ?? error.message;
      this.#refuse({ line, code: 'bad-row', field: first?.field ?? null, detail, ...about });
      return;
    }
    const octets = Buffer.byteLength(JSON.stringify(given)) + 32;
    if (this.#octets + octets > MOST_OCTETS) await this.flush();
    this.#batch.push({ given, row });
    this.#octets += octets;
    if (this.#batch.length === MOST_ROWS) await this.flush();
  }

  async flush(): Promise<void> {
    const batch = this.#batch;
    if (batch.length === 0) return;
    this.#batch = [];
    this.#octets = 0;
    for (const view of await this.#sink(batch)) this.#count(view);
    this.#world.progress?.(this.#counts);
  }

  #count({ line, verdict, code, detail, subscriber_id, address }: ImportRowView): void {
    if (verdict === 'applied' || verdict === 'duplicate') {
      this.#counts[verdict]++;
      return;
    }
    const why = code ?? verdict;
    const field = FIELD_OF[why] ?? null;
    this.#refuse({ line: line ?? 0, code: why, field, detail: detail ?? '', subscriber_id, address });
  }

  #refuse(row: RefusedRow): void {
    this.#counts.refused++;
    const { line, code, field, detail } = row;
    if (this.#world.report !== null) this.#world.report(row);
    else
      this.#world.complain(
        `${this.#world.name}:${String(line)}: ${field === null ? '' : `${field}: `}${code}: ${detail}`,
      );
  }
}

/** Of a value that is wrong, so much is repeated. */
const LONGEST_SHOWN = 256;

function told(counts: ImportCounts, { dryRun = false, json = false }: ImportOptions, { name }: ImportWorld): Outcome {
  const { rows, applied, duplicate, refused } = counts;
  const would = dryRun ? 'would be ' : '';
  const text =
    `${name}: ${String(rows)} rows: ${String(applied)} ${would}taken over, ${String(duplicate)} known already, ` +
    `${String(refused)} ${would}refused${dryRun ? '; nothing was written' : ''}`;
  const output = json ? JSON.stringify({ file: name, dry_run: dryRun, ...counts }, null, 2) : text;
  return { output: `${output}\n`, complaint: '', status: refused > 0 ? DATA_ERROR : 0 };
}
