/** `addrd migrate`: the schema of the store, looked at and changed while no daemon runs. */
import { existsSync } from 'node:fs';
import { faultsOf } from '../store/inspection.js';
import { migrate, SCHEMA_VERSION } from '../store/migrate.js';
import { migrationNotes, type MigrationNote } from '../store/migration-notes.js';
import { openReader, openUnmigrated, type Database } from '../store/open.js';
import { backUpBeforeUpgrade } from '../store/upgrade-backup.js';
import type { Outcome } from './outcome.js';
import { fileStamp } from './file-stamp.js';

export interface MigrateOptions {
  /** The version to go down to. */
  readonly to?: number;
  /** That data may be put aside or lost. */
  readonly yes?: boolean;
  readonly json?: boolean;
}

/** What a command on the store is done with. `now` is Unix milliseconds. */
export interface Doer {
  readonly pid: number;
  readonly now: number;
}

function schemaOf(db: Database): number {
  return db.pragma('user_version', { simple: true }) as number;
}

function told(output: readonly string[]): Outcome {
  return { output: `${output.join('\n')}\n`, complaint: '', status: 0 };
}

function refused(...lines: readonly string[]): Outcome {
  return { output: '', complaint: lines.map((line) => `addrd: ${line}\n`).join(''), status: 1 };
}

/** Which version the store has, and what each migration does. Needs no lock: a daemon may run. @throws StoreError */
export function migrateStatus(path: string, { json = false }: Pick<MigrateOptions, 'json'>): Outcome {
  let schema: number | null = null;
  if (existsSync(path)) {
    const db = openReader(path);
    schema = schemaOf(db);
    db.close();
  }
  const migrations = migrationNotes();
  if (json) {
    const rows = migrations.map((note) => ({ ...note, done: schema !== null && note.version <= schema }));
    const all = { store: path, schema, writes: SCHEMA_VERSION, migrations: rows };
    return told([JSON.stringify(all, null, 2)]);
  }
  const head =
    schema === null
      ? `${path} is not there yet: addrd serve makes it, with schema ${String(SCHEMA_VERSION)}`
      : `${path} has schema ${String(schema)}; this addrd writes ${String(SCHEMA_VERSION)}`;
  const behind = schema !== null && schema < SCHEMA_VERSION;
  const ahead = schema !== null && schema > SCHEMA_VERSION;
  return told([
    head,
    ...(behind ? ['the next start brings it up, as addrd migrate up does; a backup is written first'] : []),
    ...(ahead ? ['a newer addrd has written it: start that one, or have it step down'] : []),
    ...migrations.map((note) => {
      const done = schema === null ? '-' : note.version <= schema ? 'done' : 'to do';
      return `  ${String(note.version).padStart(3, '0')}  ${done.padEnd(5)}  ${note.what}`;
    }),
  ]);
}

/** Takes the store's lock for as long as `work` lasts. @throws StoreError `store-owned` while a daemon runs */
function withStore(path: string, { pid }: Doer, work: (db: Database) => Outcome): Outcome {
  const store = openUnmigrated(path, pid);
  try {
    return work(store.db);
  } finally {
    store.close();
  }
}

/** Backs the store up, brings it to `target`, and looks whether every reference still holds. */
function bring(db: Database, path: string, from: number, target: number, now: number): string[] {
  const backup = backUpBeforeUpgrade(db, path, from, fileStamp(now));
  migrate(db, path, target);
  const faults = faultsOf(db);
  return [
    `backup: ${backup}`,
    `${path} has schema ${String(target)} now, and had ${String(from)}`,
    ...faults.map((fault) => `FAULT: ${fault}`),
  ];
}

/** Brings the store to the version that this program writes. @throws StoreError */
export function migrateUp(path: string, doer: Doer): Outcome {
  if (!existsSync(path)) return refused(`${path} is not there: addrd serve makes it`);
  return withStore(path, doer, (db) => {
    const from = schemaOf(db);
    if (from === SCHEMA_VERSION) return told([`${path} has schema ${String(from)} already`]);
    if (from === 0) return refused(`${path} is empty: addrd serve makes its tables`);
    return ended(bring(db, path, from, SCHEMA_VERSION, doer.now));
  });
}

/** Brings the store down, for an older addrd. What that one cannot hold needs `yes`. @throws StoreError */
export function migrateDown(path: string, { to, yes = false }: MigrateOptions, doer: Doer): Outcome {
  if (!existsSync(path)) return refused(`${path} is not there`);
  return withStore(path, doer, (db) => {
    const from = schemaOf(db);
    if (to === undefined || !Number.isInteger(to) || to < 1 || to >= from) {
      return refused(`--to must be below the store's schema ${String(from)}, and 1 at least`);
    }
    const missed = migrationNotes().filter(
      (note): note is MigrationNote & { down: string } =>
        note.version > to && note.version <= from && note.down !== null,
    );
    if (missed.length > 0 && !yes) {
      const steps = missed
        .reverse()
        .map(({ version, down }) => `from ${String(version)} to ${String(version - 1)}: ${down}`);
      return refused('an older schema does not hold everything; with --yes it is done', ...steps);
    }
    return ended([
      ...bring(db, path, from, to, doer.now),
      'start an older addrd now: this one brings the store up again',
    ]);
  });
}

function ended(lines: readonly string[]): Outcome {
  return { ...told(lines), status: lines.some((line) => line.startsWith('FAULT')) ? 74 : 0 };
}
