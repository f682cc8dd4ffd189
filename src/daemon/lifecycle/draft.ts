/** A decision in the making: reads see its own writes, and nothing leaves it until it is whole. */
import { contains, overlaps, type Prefix } from './address.js';
import { identityKey, KEY_OF, type DROPPED } from './keys.js';
import type { NasIdentity } from './nas-records.js';
import type { IdentityType, JournalEntry, Rows, TableName } from './records.js';
import type { Change, Chores, Decision, HeldBack, NumberedTable, Units, Verdict, World } from './world.js';

/** As many changes as a packet makes are looked through faster than a map is made. */
const FEW = 16;

export class Draft {
  readonly #world: World;
  /** In the order in which rows were first written. */
  readonly #changes: Change[] = [];
  /** Places in `#changes` by table and key, once there are so many that looking through them is slower. */
  #places: Map<string, number> | null = null;
  readonly #journal: JournalEntry[] = [];
  #forgotten: readonly number[] = [];
  readonly #newWitnesses: { assignment: number; key: string }[] = [];

  constructor(world: World) {
    this.#world = world;
  }

  /** A row, or null where there is none. */
  find<T extends TableName>(table: T, key: string): Rows[T] | null {
    const change = this.#changes[this.#place(table, key)];
    return change === undefined ? this.#world.row(table, key) : (change.row as Rows[T] | null);
  }

  /** A row that a foreign key says is there. */
  get<T extends TableName>(table: T, key: string | number): Rows[T] {
    const row = this.find(table, String(key));
    if (row === null) throw new MissingRow(table, String(key));
    return row;
  }

  put<T extends TableName>(table: T, row: Rows[T]): Rows[T] {
    const key = KEY_OF[table](row);
    this.#change(table, key, row);
    if (table === 'witness') {
      const witness = row as Rows['witness'];
      this.#newWitnesses.push({ assignment: witness.assignment, key });
    }
    return row;
  }

  drop(table: (typeof DROPPED)[number], key: string): void {
    this.#change(table, key, null);
  }

  /** Where a row's change is, or -1. */
  #place(table: TableName, key: string): number {
    if (this.#places !== null) return this.#places.get(`${table}:${key}`) ?? -1;
    return this.#changes.findIndex((change) => change.table === table && change.key === key);
  }

  #change(table: TableName, key: string, row: Rows[TableName] | null): void {
    const place = this.#place(table, key);
    const change: Change = { table, key, row };
    if (place >= 0) {
      this.#changes[place] = change;
      return;
    }
    this.#changes.push(change);
    this.#places?.set(`${table}:${key}`, this.#changes.length - 1);
    if (this.#places === null && this.#changes.length > FEW) {
      this.#places = new Map(this.#changes.map((one, index) => [`${one.table}:${one.key}`, index]));
    }
  }

  /** Adds a line to the journal. */
  note(entry: JournalEntry): void {
    this.#journal.push(entry);
  }

  /** Deletes lines of the journal: retention only. */
  forget(lines: readonly number[]): void {
    this.#forgotten = lines;
  }

  nextId(table: NumberedTable): number {
    return this.#world.nextId(table);
  }

  nasOf(identity: NasIdentity): number | null {
    return this.#world.nasOf(identity);
  }

  sessionOf(nas: number, sid: Uint8Array): number | null {
    return this.#world.sessionOf(nas, sid);
  }

  sessionBefore(session: number): number | null {
    return this.#world.sessionBefore(session);
  }

  subscriberNamed(tenant: string, name: string): number | null {
    return this.#world.subscriberNamed(tenant, name);
  }

  subscriberOf(tenant: string, type: IdentityType, scope: string, bytes: Uint8Array): number | null {
    const place = this.#changes.length === 0 ? -1 : this.#place('identity', identityKey(tenant, type, scope, bytes));
    const change = this.#changes[place];
    if (change !== undefined) return (change.row as Rows['identity'] | null)?.subscriber ?? null;
    return this.#world.subscriberOf(tenant, type, scope, bytes);
  }

  identitiesOf(subscriber: number): readonly Rows['identity'][] {
    const keys = new Set(this.#world.identitiesOf(subscriber));
    for (const { table, key } of this.#changes) if (table === 'identity') keys.add(key);
    const rows = Array.from(keys, (key) => this.find('identity', key));
    return rows.filter((row) => row?.subscriber === subscriber) as Rows['identity'][];
  }

  vrfNamed(name: string): number | null {
    for (const { table, row } of this.#changes) {
      if (table === 'vrf' && (row as Rows['vrf']).name === name) return (row as Rows['vrf']).id;
    }
    return this.#world.vrfNamed(name);
  }

  poolNamed(tenant: string, name: string): number | null {
    return this.#world.poolNamed(tenant, name);
  }

  pools(): readonly number[] {
    const ids = new Set(this.#world.pools());
    for (const { table, row } of this.#changes) if (table === 'pool') ids.add((row as Rows['pool']).id);
    return [...ids];
  }

  overlapping(vrf: number, prefix: Prefix, most?: number): readonly number[] {
    const found = new Set(this.#world.overlapping(vrf, prefix, most));
    for (const { table, key, row } of this.#changes) {
      if (table !== 'live') continue;
      const live = row as Rows['live'] | null;
      if (live === null) found.delete(Number(key));
      else if (live.vrf === vrf && overlaps(live.prefix, prefix)) found.add(live.assignment);
    }
    return [...found];
  }

  /** The open conflicts of sessions that stand within a prefix without an assignment. */
  occupantsOf(vrf: number, prefix: Prefix): readonly Rows['conflict'][] {
    const keys = new Set(this.#world.occupantsOf(vrf, prefix));
    for (const { table, key } of this.#changes) if (table === 'conflict') keys.add(key);
    return Array.from(keys, (key) => this.get('conflict', key)).filter((one) => occupies(one, vrf, prefix));
  }

  openAssignments(subscriber: number): readonly number[] {
    return this.#world.openAssignments(subscriber);
  }

  /** Routed subnets of a parent that are not REVOKED. */
  subnetsOf(parent: number): readonly Rows['assignment'][] {
    const ids = new Set(this.#world.subnetsOf(parent));
    for (const { table, row } of this.#changes) if (table === 'assignment') ids.add((row as Rows['assignment']).id);
    const rows = Array.from(ids, (id) => this.get('assignment', id));
    return rows.filter((row) => row.parent === parent && row.state !== 'revoked').sort((a, b) => a.id - b.id);
  }

  /** Open sessions of a subscriber, as they were before this decision. */
  openSessionsOf(subscriber: number): readonly number[] {
    return this.#world.openSessionsOf(subscriber);
  }

  witnessesOf(assignment: number): readonly Rows['witness'][] {
    const keys = new Set(this.#world.witnessesOf(assignment));
    for (const added of this.#newWitnesses) if (added.assignment === assignment) keys.add(added.key);
    return Array.from(keys, (key) => this.get('witness', key));
  }

  /** As the decisions before this one left them. */
  get units(): Units {
    return this.#world.units;
  }

  /** As of before the batch. */
  get chores(): Chores {
    return this.#world.chores;
  }

  unconfirmed(nas: number, epoch: number, most?: number): readonly number[] {
    return this.#world.unconfirmed(nas, epoch, most);
  }

  reportedNases(entry: string, most: number): number {
    return this.#world.reportedNases(entry, most);
  }

  nasesIn(vrf: number): readonly number[] {
    return this.#world.nasesIn(vrf);
  }

  heldBack(batch: number): HeldBack {
    return this.#world.heldBack(batch);
  }

  /** Whether an effect of a target is unfinished. */
  hasPending(target: string): boolean {
    const keys = new Set(this.#world.pendingEffects(target));
    for (const { table, key } of this.#changes) if (table === 'outbox') keys.add(key);
    return [...keys].some((key) => {
      const row = this.find('outbox', key);
      return row?.target === target && row.status === 'pending';
    });
  }

  openAfter(nas: number, after: Uint8Array, most: number): readonly number[] {
    return this.#world.openAfter(nas, after, most);
  }

  openSessions(nas: number, most: number): number {
    return this.#world.openSessions(nas, most);
  }

  /** The whole decision. */
  close(verdict: Verdict): Decision {
    const { verdict: kind, code, detail, reply } = verdict;
    const decision = { verdict: kind, code, detail, reply, changes: this.#changes, journal: this.#journal };
    return this.#forgotten.length === 0 ? decision : { ...decision, forgotten: this.#forgotten };
  }
}

/** Whether a conflict is that of a session which stands within a prefix without an assignment, and still open. */
function occupies(one: Rows['conflict'], vrf: number, prefix: Prefix): boolean {
  return one.kind === 'occupied' && one.closedAt === null && one.vrf === vrf && contains(prefix, one.prefix);
}

/** A row that another row refers to is not there: a fault of ours, which condemns the one event that met it. */
export class MissingRow extends Error {
  readonly code = 'missing-row';
  constructor(table: TableName, key: string) {
    super(`${table} ${key} is referred to and missing`);
    this.name = 'MissingRow';
  }
}
