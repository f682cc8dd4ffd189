/** The one door through which the store is written: a batch of events, their decisions, one commit. */
import type { Database, Statement } from 'better-sqlite3';
import { sameBytes } from '../daemon/lifecycle/address.js';
import type { JournalEntry, Rows } from '../daemon/lifecycle/records.js';
import type { Decision, Verdict, World } from '../daemon/lifecycle/world.js';
import { openError, StoreError, troubleOf } from './errors.js';
import { IdempotencyTable, type IdempotencyKey } from './idempotency.js';
import { Image } from './image.js';
import { JournalWriter } from './journal.js';
import type { NextIds } from './order.js';
import { PoisonTable } from './poison.js';
import { Queries } from './queries.js';
import type { Revoked } from './summary.js';
import { openTables, type Tables } from './tables.js';

/** How long a foreign lock is waited for, and how often it is tried. */
const BUSY_PATIENCE_MS = 1_000;
const BUSY_PAUSE_MS = 20;

/** An event on its way through the door. */
export interface Submission<E> {
  readonly event: E;
  /** Where it came from, and its octets: kept if it turns out to be poison. */
  readonly source: string;
  readonly raw: Uint8Array | null;
  readonly idempotency: IdempotencyKey | null;
}

/** The committed verdict on one event. */
export interface Settlement extends Verdict {
  readonly replayed: boolean;
}

/** What a batch came to. It is returned after COMMIT and only then. */
export interface Committed {
  readonly settlements: readonly Settlement[];
  /** Effects that were ordered, started or closed. */
  readonly outbox: readonly Rows['outbox'][];
  /** The earliest deadline that the batch set, Unix milliseconds. */
  readonly dueAt: number | null;
  /** Assignments that have ended. */
  readonly revoked: readonly Revoked[];
  /** Lines that were added to the journal. */
  readonly journal: number;
  /** Why the events behind the last settlement were not committed, or null where all were. */
  readonly rest: StoreError | null;
}

/** Points in a commit at which a simulation may let the process die: `true` says that it does. */
export type FaultPoint = 'after-begin' | 'before-commit' | 'after-commit';

export interface DoorOptions {
  readonly db: Database;
  /** Waits; only ever used while another program holds a lock. */
  readonly sleep: (ms: number) => Promise<void>;
  readonly faultAt?: (point: FaultPoint) => boolean;
  /** Hears of each event that was condemned, after its commit. */
  readonly onFault?: (kind: string, source: string, error: unknown) => void;
}

export type Decide<E> = (world: World, event: E) => Decision;

export class Door<E extends { readonly kind: string; readonly receivedAt: number }> {
  readonly #options: DoorOptions;
  readonly #tables: Tables;
  readonly #queries: Queries;
  readonly #journal: JournalWriter;
  readonly #idempotency: IdempotencyTable;
  readonly #poison: PoisonTable;
  readonly #begin: Statement;
  readonly #commit: Statement;
  readonly #rollback: Statement;
  #ids: NextIds;
  #lost = false;

  /** @throws StoreError `store-corrupt` where the numbers that were given out cannot be read. */
  constructor(options: DoorOptions) {
    const { db } = options;
    this.#options = options;
    this.#tables = openTables(db);
    this.#queries = new Queries(db, this.#tables);
    this.#journal = new JournalWriter(db);
    this.#idempotency = new IdempotencyTable(db);
    this.#poison = new PoisonTable(db);
    this.#begin = db.prepare('BEGIN IMMEDIATE');
    this.#commit = db.prepare('COMMIT');
    this.#rollback = db.prepare('ROLLBACK');
    try {
      this.#ids = this.#queries.nextIds();
    } catch (error) {
      throw openError(error, db.name);
    }
  }

  /**
   * Decides and commits a batch: everything between BEGIN IMMEDIATE and COMMIT happens in one synchronous run.
   *
   * An event whose decision throws or whose rows the schema refuses is found by halving the batch and condemned alone:
   * its verdict is `faulted`, its octets go to `poison`, and it is answered like any other.
   * @throws StoreError `store-full` or `store-busy`: nothing was committed, try again later. `store-lost`: the outcome is
   *   unknown; nothing may be answered and the process has to end.
   */
  async commitBatch(batch: readonly Submission<E>[], decide: Decide<E>): Promise<Committed> {
    const outcome = await this.#patiently(() => this.#attempt(batch, decide));
    return 'done' in outcome ? outcome.done : await this.#isolate(batch, decide, outcome.blame);
  }

  /** Runs one transaction, waiting a while for a foreign lock. `blame` is an error that the rows or our code made. */
  async #patiently<T>(transaction: () => T): Promise<{ done: T } | { blame: unknown }> {
    if (this.#lost) throw new StoreError('store-lost', 'the store was given up');
    for (let waited = 0; ; waited += BUSY_PAUSE_MS) {
      try {
        return { done: transaction() };
      } catch (error) {
        switch (this.#recover(error)) {
          case 'busy':
            if (waited < BUSY_PATIENCE_MS) break;
            throw new StoreError('store-busy', 'another program holds a lock on the store', error);
          case 'full':
            throw new StoreError('store-full', 'no space left for the store', error);
          case 'lost':
            this.#lost = true;
            throw new StoreError('store-lost', 'the outcome of a commit is unknown', error);
          case 'constraint':
          case 'fault':
            return { blame: error };
        }
      }
      await this.#options.sleep(BUSY_PAUSE_MS);
    }
  }

  #attempt(batch: readonly Submission<E>[], decide: Decide<E>): Committed {
    const ids = { ...this.#ids };
    const image = new Image(this.#tables, this.#queries, ids);
    const settlements: Settlement[] = [];
    const journal: (readonly JournalEntry[])[] = [];
    const old: (readonly number[])[] = [];
    const responses: { key: IdempotencyKey; response: string; at: number }[] = [];
    this.#begin.run();
    this.#mayDie('after-begin');
    for (const { event, idempotency } of batch) {
      const replay = idempotency === null ? null : this.#replay(idempotency, responses);
      if (replay !== null) {
        settlements.push(replay);
        continue;
      }
      const { verdict, code, detail, reply, changes, journal: lines, forgotten } = decide(image, event);
      image.apply(changes);
      if (lines.length > 0) journal.push(lines);
      if (forgotten !== undefined) old.push(forgotten);
      settlements.push({ verdict, code, detail, reply, replayed: false });
      if (idempotency !== null) {
        const response = JSON.stringify({ verdict, code, detail, reply });
        responses.push({ key: idempotency, response, at: event.receivedAt });
      }
    }
    image.flush();
    for (const lines of journal) for (const line of lines) this.#journal.append(line);
    for (const lines of old) this.#journal.forget(lines);
    for (const { key, response, at } of responses) this.#idempotency.insert(key, response, at);
    this.#mayDie('before-commit');
    this.#finish();
    this.#mayDie('after-commit');
    this.#ids = ids;
    const written = journal.reduce((sum, lines) => sum + lines.length, 0);
    return { settlements, ...image.summary(), journal: written, rest: null };
  }

  #mayDie(point: FaultPoint): void {
    if (this.#options.faultAt?.(point) === true) throw new StoreError('store-lost', `died ${point}`);
  }

  /** COMMIT; its own failures leave the outcome open, except where SQLite says that it refused or had no room. */
  #finish(): void {
    try {
      this.#commit.run();
    } catch (error) {
      const trouble = troubleOf(error);
      throw trouble === 'constraint' || trouble === 'full'
        ? error
        : new StoreError('store-lost', 'COMMIT failed', error);
    }
  }

  #replay(key: IdempotencyKey, fresh: readonly { key: IdempotencyKey; response: string }[]): Settlement | null {
    const twin = fresh.find((r) => r.key.tenant === key.tenant && r.key.token === key.token && r.key.key === key.key);
    const known =
      twin === undefined ? this.#idempotency.load(key) : { bodyHash: twin.key.bodyHash, response: twin.response };
    if (known === null) return null;
    if (!sameBytes(known.bodyHash, key.bodyHash)) {
      const detail = 'this Idempotency-Key was used with another request';
      return { verdict: 'refused', code: 'idempotency-key-reused', detail, reply: null, replayed: false };
    }
    return { ...(JSON.parse(known.response) as Verdict), replayed: true };
  }

  /** Rolls back and says what the error means. */
  #recover(error: unknown): 'busy' | 'full' | 'constraint' | 'lost' | 'fault' {
    const trouble = error instanceof StoreError && error.code === 'store-lost' ? 'lost' : troubleOf(error);
    if (trouble === 'lost') return 'lost';
    try {
      if (this.#options.db.inTransaction) this.#rollback.run();
    } catch {
      // A rollback that fails leaves a connection of unknown state: worse than the error that led here.
      return 'lost';
    }
    return trouble;
  }

  /** Commits the halves of a batch that could not be committed whole, down to the event that is to blame. */
  async #isolate(batch: readonly Submission<E>[], decide: Decide<E>, error: unknown): Promise<Committed> {
    const [first] = batch;
    if (first === undefined) throw new StoreError('store-lost', 'an empty batch failed', error);
    if (batch.length === 1) return await this.#condemn(first, error);
    const middle = batch.length >> 1;
    const left = await this.commitBatch(batch.slice(0, middle), decide);
    if (left.rest !== null) return left;
    try {
      const right = await this.commitBatch(batch.slice(middle), decide);
      const dueAt = Math.min(left.dueAt ?? Infinity, right.dueAt ?? Infinity);
      return {
        settlements: [...left.settlements, ...right.settlements],
        outbox: [...left.outbox, ...right.outbox],
        dueAt: dueAt === Infinity ? null : dueAt,
        revoked: [...left.revoked, ...right.revoked],
        journal: left.journal + right.journal,
        rest: right.rest,
      };
    } catch (trouble) {
      if (trouble instanceof StoreError && trouble.code !== 'store-lost') return { ...left, rest: trouble };
      throw trouble;
    }
  }

  async #condemn(submission: Submission<E>, error: unknown): Promise<Committed> {
    const { event, source } = submission;
    const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    const raw = submission.raw ?? new TextEncoder().encode(JSON.stringify(event, replaceOctets));
    const outcome = await this.#patiently(() => {
      this.#begin.run();
      this.#poison.insert({ receivedAt: event.receivedAt, source, kind: event.kind, raw, error: message });
      this.#finish();
    });
    if ('blame' in outcome) {
      this.#lost = true;
      throw new StoreError('store-lost', 'an event could not even be condemned', outcome.blame);
    }
    this.#options.onFault?.(event.kind, source, error);
    const settlement: Settlement = { verdict: 'faulted', code: 'faulted', detail: null, reply: null, replayed: false };
    return { settlements: [settlement], outbox: [], dueAt: null, revoked: [], journal: 0, rest: null };
  }
}

/** Octets and big numbers as text, for the record of an event that came without a packet. */
function replaceOctets(_key: string, value: unknown): unknown {
  if (value instanceof Uint8Array) return Array.from(value, (n) => n.toString(16).padStart(2, '0')).join('');
  return typeof value === 'bigint' ? value.toString() : value;
}
