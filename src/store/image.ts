/** The world of one batch: working copies of what its decisions read and wrote, and their way back to the tables. */
import { compareBytes, lastAddress, overlaps, type Prefix } from '../daemon/lifecycle/address.js';
import { DROPPED, identityOfKey, KEY_OF, witnessKey } from '../daemon/lifecycle/keys.js';
import type { Nas, NasIdentity } from '../daemon/lifecycle/nas-records.js';
import type { IdentityType, Rows, TableName } from '../daemon/lifecycle/records.js';
import type { Change, Chores, HeldBack, NumberedTable, Units, World } from '../daemon/lifecycle/world.js';
import { ImageChores } from './chores.js';
import { bornWith, FLUSH_ORDER, type NextIds } from './order.js';
import { noEntries, type Entry } from './entries.js';
import { summaryOf, type Summary } from './summary.js';
import type { Queries } from './queries.js';
import { familyOf } from './tables/live.js';
import type { Tables } from './tables.js';
import { identityUnique, nasUnique, sessionUnique } from './unique.js';
import { ImageUnits } from './units.js';

/** How many overlapping live prefixes a question is answered with: one is the holder, two are already too many. */
const OVERLAP_LIMIT = 2;
/** How many sessions one deadline event closes, or held things it settles: some 20 ms of work, for which accounting waits. */
const SLICE = 100;
/** How many pending effects of a target are looked through. */
const EFFECTS = 1_000;

/** The session of a witness's key. */
function sessionOfWitness(key: string): number {
  return Number(key.slice(key.indexOf('/') + 1));
}

/** Adds to the set under a key of a map. */
function add<K, V>(map: Map<K, Set<V>>, key: K, value: V): void {
  const set = map.get(key);
  if (set === undefined) map.set(key, new Set([value]));
  else set.add(value);
}

export class Image implements World {
  readonly #tables: Tables;
  readonly #queries: Queries;
  readonly #ids: NextIds;
  /** The first number of this batch in each table. */
  readonly #firstIds: Readonly<NextIds>;
  readonly #entries = noEntries();
  /** Answers of unique keys, by key; kept right by {@link apply}. */
  readonly #unique = new Map<string, number | null>();
  /** Rows of this batch by the foreign key under which a question asks for them. */
  readonly #assignmentsOf = new Map<number, Set<number>>();
  readonly #subnetsOf = new Map<number, Set<number>>();
  readonly #witnessesOf = new Map<number, Set<number>>();
  readonly units: Units;
  readonly chores: Chores;

  /** `ids` is changed in place: hand in a copy and keep it when the commit has returned. */
  constructor(tables: Tables, queries: Queries, ids: NextIds) {
    this.#tables = tables;
    this.#queries = queries;
    this.#ids = ids;
    this.#firstIds = { ...ids };
    this.chores = new ImageChores(queries.chores, this.#entries);
    this.units = new ImageUnits(this, queries.units, this.#entries);
  }

  row<T extends TableName>(table: T, key: string): Rows[T] | null {
    const entries: Map<string, Entry<Rows[T]>> = this.#entries[table];
    const known = entries.get(key);
    if (known !== undefined) return known.row;
    // What belongs to a session of this very batch is in the working copies, or nowhere.
    if (table === 'witness' && sessionOfWitness(key) >= this.#firstIds.session) return null;
    const stored = this.#tables[table].load(key);
    entries.set(key, { row: stored, stored });
    return stored;
  }

  /** Takes over a row that a query brought along, unless a working copy of it is there. */
  #adopt<T extends TableName>(table: T, key: string, stored: Rows[T]): void {
    const entries: Map<string, Entry<Rows[T]>> = this.#entries[table];
    if (!entries.has(key)) entries.set(key, { row: stored, stored });
  }

  #lookUp(key: string, load: () => number | null): number | null {
    const known = this.#unique.get(key);
    if (known !== undefined) return known;
    const answer = load();
    this.#unique.set(key, answer);
    return answer;
  }

  nasOf(identity: NasIdentity): number | null {
    return this.#lookUp(nasUnique(identity), () => {
      const nas = this.#queries.nas(identity);
      if (nas !== null) this.#adopt('nas', String(nas.id), nas);
      return nas?.id ?? null;
    });
  }

  sessionOf(nas: number, sid: Uint8Array): number | null {
    return this.#lookUp(sessionUnique(nas, sid), () => {
      const found = this.#queries.session(nas, sid);
      if (found === null) return null;
      this.#adopt('session', String(found.session.id), found.session);
      this.#adopt('usage', String(found.session.id), found.usage);
      return found.session.id;
    });
  }

  sessionBefore(session: number): number | null {
    const newer = this.row('session', String(session));
    if (newer === null) return null;
    let before = this.#queries.sessionBefore(newer.nas, newer.sid, session);
    for (const { row, stored } of this.#entries.session.values()) {
      if (row === null || stored !== null || row.id >= session || row.id < (before ?? 0)) continue;
      if (row.nas === newer.nas && compareBytes(row.sid, newer.sid) === 0) before = row.id;
    }
    return before;
  }

  subscriberNamed(tenant: string, name: string): number | null {
    return this.#lookUp(`subscriber/${tenant}/${name}`, () => this.#queries.subscriberNamed(tenant, name));
  }

  subscriberOf(tenant: string, type: IdentityType, scope: string, bytes: Uint8Array): number | null {
    return this.#lookUp(identityUnique({ tenant, type, scope, bytes }), () =>
      this.#queries.subscriberOf(tenant, type, scope, bytes),
    );
  }

  identitiesOf(subscriber: number): readonly string[] {
    const { identity: entries } = this.#entries;
    const keys = new Set<string>();
    for (const row of this.#queries.identities(subscriber)) {
      const key = KEY_OF.identity(row);
      this.#adopt('identity', key, row);
      keys.add(key);
    }
    for (const key of entries.keys()) keys.add(key);
    return [...keys].filter((key) => entries.get(key)?.row?.subscriber === subscriber).sort();
  }

  vrfNamed(name: string): number | null {
    return this.#lookUp(`vrf/${name}`, () => this.#queries.vrfNamed(name));
  }

  poolNamed(tenant: string, name: string): number | null {
    return this.#lookUp(`pool/${tenant}/${name}`, () => this.#queries.poolNamed(tenant, name));
  }

  pools(): readonly number[] {
    const ids = new Set(this.#queries.pools());
    for (const { row } of this.#entries.pool.values()) if (row !== null) ids.add(row.id);
    return [...ids];
  }

  overlapping(vrf: number, prefix: Prefix, most = OVERLAP_LIMIT): readonly number[] {
    const found: number[] = [];
    const family = familyOf(prefix.bytes);
    const live = this.#entries.live;
    const gone = (assignment: number): boolean => live.get(String(assignment))?.row === null;
    const before = this.#queries.liveBefore(vrf, family, prefix.bytes);
    if (before !== null && compareBytes(before.hi, prefix.bytes) >= 0 && !gone(before.assignment)) {
      found.push(before.assignment);
    }
    const hi = lastAddress(prefix);
    if (compareBytes(hi, prefix.bytes) > 0) {
      const limit = most + live.size;
      for (const assignment of this.#queries.liveWithin(vrf, family, prefix.bytes, hi, limit)) {
        if (!gone(assignment)) found.push(assignment);
      }
    }
    const known = found.length;
    for (const { row, stored } of live.values()) {
      if (row !== null && stored === null && row.vrf === vrf && overlaps(row.prefix, prefix))
        found.push(row.assignment);
    }
    if (found.length > 1 && found.length > known) {
      const lo = (assignment: number): Uint8Array => this.row('live', String(assignment))?.prefix.bytes ?? hi;
      found.sort((a, b) => compareBytes(lo(a), lo(b)));
    }
    return found.slice(0, most);
  }

  occupantsOf(vrf: number, prefix: Prefix): readonly string[] {
    const keys = new Set(this.#queries.occupants(vrf, prefix));
    // What this batch has closed is told by its row.
    for (const [key, { row }] of this.#entries.conflict) if (row?.kind === 'occupied') keys.add(key);
    return [...keys].sort((a, b) => Number(a) - Number(b));
  }

  openAssignments(subscriber: number): readonly number[] {
    const ids = new Set(this.#queries.openAssignments(subscriber));
    for (const id of this.#assignmentsOf.get(subscriber) ?? []) ids.add(id);
    return [...ids].filter((id) => this.row('assignment', String(id))?.state !== 'revoked');
  }

  subnetsOf(parent: number): readonly number[] {
    const ids = new Set([...this.#queries.subnets(parent), ...(this.#subnetsOf.get(parent) ?? [])]);
    return [...ids].filter((id) => {
      const row = this.row('assignment', String(id));
      return row?.parent === parent && row.state !== 'revoked';
    });
  }

  openSessionsOf(subscriber: number): readonly number[] {
    const ids = new Set(this.#queries.openSessionsOf(subscriber));
    for (const { row } of this.#entries.session.values()) if (row?.subscriber === subscriber) ids.add(row.id);
    const isOpen = (row: Rows['session'] | null): boolean => row?.subscriber === subscriber && row.endedAt === null;
    return [...ids].filter((id) => isOpen(this.row('session', String(id)))).sort((a, b) => a - b);
  }

  witnessesOf(assignment: number): readonly string[] {
    const refs = new Set(this.#witnessesOf.get(assignment));
    for (const witness of this.#queries.witnesses(assignment)) {
      this.#adopt('witness', witnessKey(assignment, witness.ref), witness);
      refs.add(witness.ref);
    }
    return [...refs].sort((a, b) => a - b).map((ref) => witnessKey(assignment, ref));
  }

  unconfirmed(nas: number, epoch: number, most = SLICE): readonly number[] {
    const entries = this.#entries.session;
    const found: Rows['session'][] = [];
    const look = (session: Rows['session'] | null): void => {
      if (session?.nas === nas && session.endedAt === null && session.epoch < epoch) found.push(session);
    };
    // The database does not know whom this batch has confirmed or closed: as many more are asked for.
    for (const id of this.#queries.unconfirmed(nas, epoch, most + entries.size)) {
      if (found.length === most) break;
      look(this.row('session', String(id)));
    }
    for (const { row, stored } of entries.values()) if (stored === null) look(row);
    found.sort((a, b) => a.epoch - b.epoch || a.id - b.id);
    return found.slice(0, most).map(({ id }) => id);
  }

  nasesIn(vrf: number): readonly number[] {
    const ids = new Set(this.#queries.nasesIn(vrf));
    for (const { row } of this.#entries.nas.values()) if (row?.vrf === vrf) ids.add(row.id);
    return [...ids];
  }

  heldBack(batch: number): HeldBack {
    const queries = this.#queries;
    const held = (table: 'approval' | 'heldSuspend' | 'outbox', stored: (limit: number) => readonly string[]) => {
      const known = this.#entries[table];
      const waits = (key: string): boolean => {
        const row = this.row(table, key);
        return row?.batch === batch && (!('status' in row) || row.status === 'pending');
      };
      return [...new Set([...stored(SLICE + known.size), ...known.keys()])].filter(waits).slice(0, SLICE);
    };
    return {
      approvals: held('approval', (limit) => queries.approvals(batch, limit)),
      suspends: held('heldSuspend', (limit) => queries.heldSuspends(batch, limit)),
      effects: held('outbox', (limit) => queries.heldEffects(batch, limit)),
    };
  }

  pendingEffects(target: string): readonly string[] {
    const { outbox } = this.#entries;
    const keys = new Set(this.#queries.pendingEffects(target, EFFECTS + outbox.size));
    for (const [key, { row }] of outbox) {
      if (row?.target !== target) continue;
      if (row.status === 'pending') keys.add(key);
      else keys.delete(key);
    }
    return [...keys];
  }

  reportedNases(entry: string, most: number): number {
    const entries = this.#entries.nas;
    let count = this.#queries.reportedNases(entry, most + entries.size);
    const counts = (nas: Nas | null): number => Number(nas?.entry === entry && nas.kind !== 'source-address');
    for (const { row, stored } of entries.values()) count += counts(row) - counts(stored);
    return Math.min(count, most);
  }

  openAfter(nas: number, after: Uint8Array, most: number): readonly number[] {
    return this.#queries.openAfter(nas, after, most);
  }

  openSessions(nas: number, most: number): number {
    const entries = this.#entries.session;
    let count = this.#queries.openSessions(nas, most + entries.size);
    for (const { row, stored } of entries.values()) {
      if (row?.nas === nas) count += Number(row.endedAt === null) - Number(stored?.endedAt === null);
    }
    return Math.min(count, most);
  }

  nextId(table: NumberedTable): number {
    return this.#ids[table]++;
  }

  /** Takes a decision's rows into the working copies, so that the next decision of the batch sees them. */
  apply(changes: readonly Change[]): void {
    for (const change of changes) {
      if (!this.#isNew(change)) this.row(change.table, change.key);
      const entries: Map<string, Entry<Rows[TableName]>> = this.#entries[change.table];
      const stored = entries.get(change.key)?.stored ?? null;
      entries.set(change.key, { row: change.row, stored });
      this.#index(change, stored === null);
    }
  }

  #isNew({ table, row }: Change): boolean {
    const born = row === null ? null : bornWith(table, row);
    return born !== null && born.id >= this.#firstIds[born.table];
  }

  #index({ table, key: rowKey, row }: Change, isNew: boolean): void {
    switch (table) {
      case 'nas': {
        const nas = row as Rows['nas'];
        this.#unique.set(nasUnique(nas), nas.id);
        break;
      }
      case 'session': {
        const { nas, sid, id } = row as Rows['session'];
        const key = sessionUnique(nas, sid);
        // An older instance, of this batch or an earlier one, may be written when a newer one has taken over the number.
        if (isNew && (this.#unique.get(key) ?? 0) <= id) this.#unique.set(key, id);
        break;
      }
      case 'vrf': {
        const { name, id } = row as Rows['vrf'];
        this.#unique.set(`vrf/${name}`, id);
        break;
      }
      case 'subscriber': {
        const { tenant, name, id } = row as Rows['subscriber'];
        this.#unique.set(`subscriber/${tenant}/${name}`, id);
        break;
      }
      case 'identity': {
        const identity = row as Rows['identity'] | null;
        this.#unique.set(identityUnique(identity ?? identityOfKey(rowKey)), identity?.subscriber ?? null);
        break;
      }
      case 'pool': {
        const { tenant, name, id } = row as Rows['pool'];
        this.#unique.set(`pool/${tenant}/${name}`, id);
        break;
      }
      case 'assignment': {
        const { subscriber, parent, id } = row as Rows['assignment'];
        add(this.#assignmentsOf, subscriber, id);
        if (parent !== null) add(this.#subnetsOf, parent, id);
        break;
      }
      case 'witness': {
        const { assignment, ref } = row as Rows['witness'];
        add(this.#witnessesOf, assignment, ref);
        break;
      }
      default:
        break;
    }
  }

  /**
   * Writes what changed: deletions first, then table by table updates before inserts, live rows and effects last. UNIQUE,
   * foreign keys and the overlap trigger act statement by statement, so a hand-over within one batch works in this order
   * only, and so does an update that names a row of this very batch.
   */
  flush(): void {
    for (const table of DROPPED) this.#remove(table);
    for (const table of FLUSH_ORDER) {
      // What rides on another assignment from now on names a row that may be new.
      if (table === 'assignment') this.#insert(table);
      this.#update(table);
      if (table !== 'assignment') this.#insert(table);
    }
    this.#insert('live');
    this.#update('outbox');
    this.#insert('outbox');
  }

  #remove<T extends TableName>(table: T): void {
    for (const { row, stored } of this.#entries[table].values()) {
      if (row === null && stored !== null) this.#tables[table].remove(stored);
    }
  }

  #update<T extends TableName>(table: T): void {
    for (const { row, stored } of this.#entries[table].values()) {
      if (row !== null && stored !== null && row !== stored) this.#tables[table].update(row, stored);
    }
  }

  #insert<T extends TableName>(table: T): void {
    for (const { row, stored } of this.#entries[table].values()) {
      if (row !== null && stored === null) this.#tables[table].insert(row);
    }
  }

  /** What came of the batch. */
  summary(): Summary {
    return summaryOf(this.#entries);
  }
}
