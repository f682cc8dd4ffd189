import type { Database } from 'better-sqlite3';

/** No answer of a read model has more rows than this. */
export const MOST_ROWS = 1_000;

/** `wanted` rows, at least one and at most {@link MOST_ROWS}. */
export function sane(wanted: number): number {
  return Math.min(Math.max(Math.trunc(wanted), 1), MOST_ROWS);
}

/** A read transaction looks through rows for at most so long: while it does, the log of the store cannot begin anew. */
export const LONGEST_READ_MS = 2_000;

/** The clock is looked at once for so many rows. */
const ROWS_A_LOOK = 64;

/** There is too much to look through for one answer. Nothing was changed. */
export class ReadTooLong extends Error {
  readonly code = 'read-too-long';

  constructor() {
    super('too many rows to look through');
    this.name = 'ReadTooLong';
  }
}

/**
 * Ends a read that takes too long. better-sqlite3 cannot interrupt a statement; but a statement whose WHERE says
 * `in_time(ROW)` asks for each row that it looks at, and is ended by what that throws. Every statement that looks through
 * rows which no index narrows down says so, before all else: SQLite asks in the order of the WHERE.
 */
export class ReadLimit {
  readonly #clock: { monoMs(): number };
  #deadline = Infinity;
  #rows = 0;

  constructor(db: Database, clock: { monoMs(): number }) {
    this.#clock = clock;
    db.function('in_time', { directOnly: true }, (_row: unknown) => {
      if (this.#rows++ % ROWS_A_LOOK === 0 && clock.monoMs() > this.#deadline) throw new ReadTooLong();
      return 1;
    });
  }

  /** A read transaction begins. */
  begin(): void {
    this.#deadline = this.#clock.monoMs() + LONGEST_READ_MS;
    this.#rows = 0;
  }
}
