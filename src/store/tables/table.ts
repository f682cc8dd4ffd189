/** One table as the door writes it: rows in and out by primary key, from one list of columns. */
import type { Database, Statement } from 'better-sqlite3';

/** What SQLite stores in a STRICT table. */
export type SqlValue = number | bigint | string | Uint8Array | null;

export interface TableSpec<R> {
  readonly name: string;
  /** The columns of the primary key, first among `columns`. */
  readonly keys: number;
  readonly columns: readonly (readonly [string, (row: R) => SqlValue])[];
  /** A row from its values in the order of `columns`. */
  readonly read: (values: readonly SqlValue[]) => R;
  /** The primary key's values from a row key of records.ts. */
  readonly parse: (key: string) => readonly SqlValue[];
}

export class Table<R> {
  readonly #spec: TableSpec<R>;
  /** The columns in the order of the UPDATE: those it sets, then the key. */
  readonly #updated: TableSpec<R>['columns'];
  readonly #load: Statement;
  readonly #insert: Statement;
  readonly #update: Statement;
  readonly #remove: Statement;

  constructor(db: Database, spec: TableSpec<R>) {
    this.#spec = spec;
    this.#updated = [...spec.columns.slice(spec.keys), ...spec.columns.slice(0, spec.keys)];
    const names = spec.columns.map(([name]) => name);
    const key = names
      .slice(0, spec.keys)
      .map((name) => `${name} = ?`)
      .join(' AND ');
    const set = names
      .slice(spec.keys)
      .map((name) => `${name} = ?`)
      .join(', ');
    this.#load = db.prepare(`SELECT ${names.join(', ')} FROM ${spec.name} WHERE ${key}`).raw(true);
    this.#insert = db.prepare(
      `INSERT INTO ${spec.name} (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})`,
    );
    this.#update = db.prepare(`UPDATE ${spec.name} SET ${set === '' ? `${names[0] ?? ''} = ?` : set} WHERE ${key}`);
    this.#remove = db.prepare(`DELETE FROM ${spec.name} WHERE ${key}`);
  }

  /** The row under a key, or null. */
  load(key: string): R | null {
    const values = this.#load.get(...this.#spec.parse(key)) as readonly SqlValue[] | undefined;
    return values === undefined ? null : this.#spec.read(values);
  }

  /** The rows of another query that selects this table's columns in their order. */
  read(values: unknown): R {
    return this.#spec.read(values as readonly SqlValue[]);
  }

  insert(row: R): void {
    this.#insert.run(this.#spec.columns.map(([, get]) => get(row)));
  }

  update(row: R): void {
    this.#update.run(this.#updated.map(([, get]) => get(row)));
  }

  remove(row: R): void {
    this.#remove.run(this.#spec.columns.slice(0, this.#spec.keys).map(([, get]) => get(row)));
  }

  /** The column names, for queries whose rows {@link read} understands. */
  static columns<R>(spec: TableSpec<R>, alias: string): string {
    return spec.columns.map(([name]) => `${alias}.${name}`).join(', ');
  }
}

/** The key of a table numbered by the store. */
export function numbered(key: string): readonly SqlValue[] {
  return [Number(key)];
}

export function flag(value: boolean): number {
  return value ? 1 : 0;
}

export function json(value: unknown): string | null {
  return value === null ? null : JSON.stringify(value);
}

/** A column's JSON, null for NULL. What was written there was written by {@link json} from the same type. */
export function parsed(value: SqlValue | undefined): unknown {
  return typeof value === 'string' ? JSON.parse(value) : null;
}
