/** What the daemon has to take up again after a start: effects without an outcome, and times that fall due. */
import type { Database, Statement } from 'better-sqlite3';
import type { AlarmCause, Brake } from '../daemon/lifecycle/brake.js';
import type { NasIdentity } from '../daemon/lifecycle/nas-records.js';
import type { Deadline, Outbox } from '../daemon/lifecycle/records.js';
import { BRAKE } from './tables/brake.js';
import { DEADLINE } from './tables/deadline.js';
import { OUTBOX } from './tables/outbox.js';
import { Table } from './tables/table.js';

/** What is decided also while addrd is frozen: it frees nothing. */
const UNFROZEN = "'epoch-grace', 'maintenance', 'approval', 'pool-wait'";

export class Pending {
  readonly #outbox: Table<Outbox>;
  readonly #deadline: Table<Deadline>;
  readonly #effects: Statement;
  readonly #next: Statement;
  readonly #due: Statement;
  readonly #subject: Statement;
  readonly #pools: Statement;
  readonly #vrfs: Statement;
  readonly #entry: Statement;
  readonly #held: Statement;
  readonly #brakes: Statement;
  readonly #frozen: Statement;
  readonly #unfrozenNext: Statement;
  readonly #unfrozenDue: Statement;
  readonly #alarms: Statement;
  readonly #batches: Statement;
  readonly #brake: Table<Brake>;
  readonly #restored: Statement;

  constructor(db: Database) {
    this.#outbox = new Table(db, OUTBOX);
    this.#deadline = new Table(db, DEADLINE);
    this.#brake = new Table(db, BRAKE);
    this.#effects = db
      .prepare(`SELECT ${Table.columns(OUTBOX, 'o')} FROM outbox o WHERE status = 'pending' ORDER BY id`)
      .raw(true);
    this.#next = db.prepare('SELECT min(due_at) FROM deadline').pluck(true);
    this.#due = db
      .prepare(`SELECT ${Table.columns(DEADLINE, 'd')} FROM deadline d WHERE due_at <= ? ORDER BY due_at LIMIT ?`)
      .raw(true);
    this.#subject = db
      .prepare(
        `SELECT s.sid, n.address, n.entry, u.name, n.kind, n.bytes FROM session s JOIN nas n ON n.id = s.nas
         LEFT JOIN subscriber u ON u.id = s.subscriber WHERE s.id = ?`,
      )
      .raw(true);
    this.#entry = db.prepare('SELECT entry FROM nas WHERE id = ?').pluck(true);
    this.#held = db
      .prepare(
        "SELECT coalesce(sum(count), 0) FROM assignment_count WHERE state IN ('allocated', 'active', 'suspended', 'revoking')",
      )
      .pluck(true);
    this.#vrfs = db.prepare('SELECT name, id FROM vrf').raw(true);
    this.#pools = db.prepare('SELECT id, tenant, name FROM pool').raw(true);
    this.#brakes = db.prepare(`SELECT ${Table.columns(BRAKE, 'b')} FROM brake b WHERE ended_at IS NULL`).raw(true);
    this.#frozen = db.prepare("SELECT 1 FROM brake WHERE kind = 'freeze' AND ended_at IS NULL").pluck(true);
    this.#unfrozenNext = db.prepare(`SELECT min(due_at) FROM deadline WHERE kind IN (${UNFROZEN})`).pluck(true);
    this.#unfrozenDue = db
      .prepare(
        `SELECT ${Table.columns(DEADLINE, 'd')} FROM deadline d WHERE due_at <= ? AND kind IN (${UNFROZEN})
          ORDER BY due_at LIMIT ?`,
      )
      .raw(true);
    this.#alarms = db.prepare('SELECT cause, count(*) FROM alarm WHERE cleared_at IS NULL GROUP BY cause').raw(true);
    this.#restored = db.prepare("SELECT value FROM meta WHERE key = 'restored'").pluck(true);
    this.#batches = db.prepare("SELECT count(*) FROM batch WHERE status = 'open'").pluck(true);
  }

  /** Unfinished effects in the order in which they were called for. */
  effects(): readonly Outbox[] {
    return this.#effects.all().map((values) => this.#outbox.read(values));
  }

  /** The earliest deadline, Unix milliseconds, or null. While addrd is frozen, those that free anything wait. */
  nextDue(): number | null {
    if (this.#isFrozen()) return this.#unfrozenNext.get() as number | null;
    return this.#next.get() as number | null;
  }

  /** Deadlines due by `now`, the earliest first. */
  due(now: number, limit: number): readonly Deadline[] {
    const due = this.#isFrozen() ? this.#unfrozenDue : this.#due;
    return due.all(now, limit).map((values) => this.#deadline.read(values));
  }

  /** The brakes that are set. */
  brakes(): readonly Brake[] {
    return this.#brakes.all().map((values) => this.#brake.read(values));
  }

  /** Whether the store is a restored one: see lifecycle/restored.ts. */
  restored(): number {
    return (this.#restored.get() as number | undefined) ?? 0;
  }

  /** How many alarms are open, by cause. */
  openAlarms(): readonly (readonly [AlarmCause, number])[] {
    return this.#alarms.all() as [AlarmCause, number][];
  }

  /** How many batches wait for approval. */
  openBatches(): number {
    return this.#batches.get() as number;
  }

  #isFrozen(): boolean {
    return this.#frozen.get() !== undefined;
  }

  /** The config entry of the NAS that an effect's target names (`nas:N`). */
  entryOf(target: string): string {
    return (this.#entry.get(Number(target.slice(target.indexOf(':') + 1))) as string | undefined) ?? '';
  }

  /** How many assignments hold an address or prefix, of all tenants: a sum of counters, whatever their number. */
  held(): number {
    return this.#held.get() as number;
  }

  /** The number that each pool has in the store. */
  poolIds(): readonly { readonly id: number; readonly tenant: string; readonly name: string }[] {
    return (this.#pools.all() as [number, string, string][]).map(([id, tenant, name]) => ({ id, tenant, name }));
  }

  /** The number of each VRF, by its name. */
  vrfIds(): ReadonlyMap<string, number> {
    return new Map(this.#vrfs.all() as [string, number][]);
  }

  /** Acct-Session-Id of a session, the NAS that holds it (its address, config entry and how it is known), and whose it is. */
  disconnectSubject(session: number): {
    readonly sid: Uint8Array;
    readonly nasAddress: Uint8Array;
    readonly entry: string;
    readonly nas: Pick<NasIdentity, 'kind' | 'bytes'>;
    readonly subscriber: string | null;
  } {
    type Values = [Uint8Array, Uint8Array, string, string | null, NasIdentity['kind'], Uint8Array];
    const [sid, nasAddress, entry, subscriber, kind, bytes] = this.#subject.get(session) as Values;
    return { sid, nasAddress, entry, nas: { kind, bytes }, subscriber };
  }
}
