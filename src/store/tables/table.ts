/** One table as the door writes it: rows in and out by primary key, from one list of columns. */
import type { Database, Statement } from 'better-sqlite3';
import { sameBytes } from '../../daemon/lifecycle/address.js';

/** What SQLite stores in a STRICT table. */
export type SqlValue = number | bigint | string | Uint8Array | null;

export interface TableSpec<R> {
  readonly name: string;
  /** The columns of the primary key, first among `columns`. */
  readonly keys: number;
  readonly columns: readonly (readonly [string, (row: R) => SqlValue])[];
  /**
   * Columns that an index, a foreign key or a trigger looks at, of those that a row may change. An update names one of
   * them only where its value is another: SQLite leaves alone what looks at columns that are not named.
   */
  readonly guarded?: readonly string[];
  /** A row from its values in the order of `columns`. */
  readonly read: (values: readonly SqlValue[]) => R;
  /** The primary key's values from a row key of keys.ts. */
  readonly parse: (key: string) => readonly SqlValue[];
}

/** An UPDATE and the columns whose values it takes, in their order. */
interface Update<R> {
  readonly statement: Statement | null;
  readonly columns: TableSpec<R>['columns'];
}

/** A row's values in the order of `columns`. */
function valuesOf<R>(columns: TableSpec<R>['columns'], row: R): SqlValue[] {
  const values: SqlValue[] = [];
  for (let i = 0; i < columns.length; i++) values.push((columns[i] as TableSpec<R>['columns'][number])[1](row));
  return values;
}

function same(a: SqlValue, b: SqlValue): boolean {
  if (a === b) return true;
  return a instanceof Uint8Array && b instanceof Uint8Array && sameBytes(a, b);
}

/** The octets of what SQLite's `hex` made of them. */
function octets(digits: string): Uint8Array {
  const bytes = new Uint8Array(digits.length >> 1);
  for (let i = 0; i < bytes.length; i++) {
    bytes[i] = (digit(digits.charCodeAt(2 * i)) << 4) | digit(digits.charCodeAt(2 * i + 1));
  }
  return bytes;
}

/** The value of an upper-case hex digit. */
function digit(code: number): number {
  return code < 58 ? code - 48 : code - 55;
}

export class Table<R> {
  readonly #db: Database;
  readonly #spec: TableSpec<R>;
  /** Places of the columns whose values are octets. */
  readonly #octets: readonly number[];
  readonly #guarded: TableSpec<R>['columns'];
  /** Columns that an update always names. */
  readonly #open: TableSpec<R>['columns'];
  readonly #load: Statement;
  readonly #insert: Statement;
  /** Updates by the guarded columns that they name: a bit each. */
  readonly #updates = new Map<number, Update<R>>();
  readonly #remove: Statement;

  constructor(db: Database, spec: TableSpec<R>) {
    this.#db = db;
    this.#spec = spec;
    const rest = spec.columns.slice(spec.keys);
    const guarded = new Set(spec.guarded);
    this.#guarded = rest.filter(([name]) => guarded.has(name));
    this.#open = rest.filter(([name]) => !guarded.has(name));
    const names = spec.columns.map(([name]) => name);
    const key = names
      .slice(0, spec.keys)
      .map((name) => `${name} = ?`)
      .join(' AND ');
    const types = db.prepare(`SELECT ${names.join(', ')} FROM ${spec.name}`).columns();
    this.#octets = [...types.keys()].filter((place) => types[place]?.type === 'BLOB');
    this.#load = db.prepare(`SELECT json_array(${this.packed(spec.name)}) FROM ${spec.name} WHERE ${key}`).pluck(true);
    this.#insert = db.prepare(
      `INSERT INTO ${spec.name} (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})`,
    );
    this.#remove = db.prepare(`DELETE FROM ${spec.name} WHERE ${key}`);
  }

  /** The row under a key, or null. */
  load(key: string): R | null {
    const text = this.#load.get(...this.#spec.parse(key)) as string | undefined;
    return text === undefined ? null : this.unpack(JSON.parse(text) as SqlValue[]);
  }

  /**
   * The columns as arguments of `json_array`, for queries whose rows {@link unpack} understands. A row that comes as one
   * text costs half of one that comes value by value: each value is a call into the engine, and octets are a Buffer, with
   * memory of its own to be collected. What is read for a person, and seldom, takes {@link columns}.
   */
  packed(alias: string): string {
    const column = (name: string, place: number): string => {
      const value = `${alias}.${name}`;
      return this.#octets.includes(place) ? `iif(${value} IS NULL, NULL, hex(${value}))` : value;
    };
    return this.#spec.columns.map(([name], place) => column(name, place)).join(', ');
  }

  /** The row of the values that {@link packed} has packed. They are changed in place. */
  unpack(values: SqlValue[]): R {
    for (const place of this.#octets) {
      const digits = values[place];
      if (typeof digits === 'string') values[place] = octets(digits);
    }
    return this.#spec.read(values);
  }

  /** The rows of another query that selects this table's columns in their order. */
  read(values: unknown): R {
    return this.#spec.read(values as readonly SqlValue[]);
  }

  insert(row: R): void {
    this.#insert.run(...valuesOf(this.#spec.columns, row));
  }

  /** Writes a row over the one that is stored under its key. A table whose columns are all key has nothing to write. */
  update(row: R, stored: R): void {
    let changed = 0;
    for (let bit = 0; bit < this.#guarded.length; bit++) {
      const [, get] = this.#guarded[bit] as TableSpec<R>['columns'][number];
      if (!same(get(row), get(stored))) changed |= 1 << bit;
    }
    const { statement, columns } = this.#updates.get(changed) ?? this.#prepare(changed);
    statement?.run(...valuesOf(columns, row));
  }

  #prepare(changed: number): Update<R> {
    const { name: table, columns, keys } = this.#spec;
    const set = [...this.#open, ...this.#guarded.filter((_, bit) => (changed & (1 << bit)) !== 0)];
    const key = columns.slice(0, keys);
    const assigned = (list: TableSpec<R>['columns']): string[] => list.map(([name]) => `${name} = ?`);
    const sql = `UPDATE ${table} SET ${assigned(set).join(', ')} WHERE ${assigned(key).join(' AND ')}`;
    const update = { statement: set.length === 0 ? null : this.#db.prepare(sql), columns: [...set, ...key] };
    this.#updates.set(changed, update);
    return update;
  }

  remove(row: R): void {
    this.#remove.run(...valuesOf(this.#spec.columns.slice(0, this.#spec.keys), row));
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
