/** The read models of the API: rows with the names of what they refer to. Nothing here writes, and no query crosses a tenant. */
import type { Database, Statement } from 'better-sqlite3';
import { overlaps, type Prefix } from '../daemon/lifecycle/address.js';
import type { Identity, Outbox, Subscriber } from '../daemon/lifecycle/records.js';
import type { Alarm, Brake, HeldSuspend } from '../daemon/lifecycle/brake.js';
import type { Task } from '../daemon/lifecycle/task.js';
import { AssignmentReads, type ShownAssignment } from './reads/assignments.js';
import { BrakeReads, type ShownBatch } from './reads/brakes.js';
import { ConflictReads, type ShownConflict } from './reads/conflicts.js';
import { CountReads, type Counts } from './reads/counts.js';
import { EffectReads, type ShownEffect } from './reads/effects.js';
import { FigureReads, type Figures, type Lateness, type OpenSessions } from './reads/figures.js';
import { HoldReads, type ShownHold } from './reads/holds.js';
import { HoldingReads, type ShownHolding } from './reads/holdings.js';
import { JournalReads, type JournalSubject, type ShownEntry } from './reads/journal.js';
import { MOST_ROWS, ReadLimit, sane } from './reads/limit.js';
import { NasReads, type NasName, type ShownNas } from './reads/nas.js';
import { PoolReads, type ShownPool, type ShownUnit } from './reads/pools.js';
import { SessionReads, type ShownSession } from './reads/sessions.js';
import { TaskReads } from './reads/tasks.js';
import { VrfReads } from './reads/vrfs.js';
import { WhoReads, type WhoAnswer, type WhoQuery } from './reads/who.js';
import { IDENTITY } from './tables/identity.js';
import { SUBSCRIBER } from './tables/subscriber.js';
import { Table, type SqlValue } from './tables/table.js';

/** What happened around a subscriber or an address. */
export interface Story {
  readonly assignments: readonly ShownAssignment[];
  readonly sessions: readonly ShownSession[];
  readonly effects: readonly ShownEffect[];
  readonly conflicts: readonly ShownConflict[];
  /** Oldest first. */
  readonly journal: readonly ShownEntry[];
}

export interface SubscriberStory extends Story {
  readonly subscriber: Subscriber;
  readonly identities: readonly Identity[];
  /** The suspend that waits for approval, or null. */
  readonly heldSuspend: HeldSuspend | null;
}

export interface AddressStory extends Story {
  readonly prefix: Prefix;
  /** Its places in pools of the tenant, at most one a VRF; none where it is in no pool, or wider than a unit. */
  readonly units: readonly ShownUnit[];
  /** The newest first. */
  readonly history: readonly ShownHolding[];
}

export interface Page {
  readonly limit: number;
  /** Rows after this number. */
  readonly after: number;
}

export interface EventQuery {
  readonly limit: number;
  /** Lines after this number; null for the newest. */
  readonly after: number | null;
  readonly subscriber?: string;
  readonly address?: Prefix;
  /** Of the address; without it, any. */
  readonly vrf?: string;
  /** The name of a config entry of NASes, or the address of a NAS; not with one of those above. */
  readonly nas?: NasName;
  /** Written then or later, and before: Unix milliseconds. */
  readonly since?: number;
  readonly until?: number;
}

/** How many ended assignments and sessions a story goes back. */
const STORY_ROWS = 20;
const STORY_LINES = 50;

export class Reads {
  readonly #db: Database;
  readonly #limit: ReadLimit;
  readonly #subscriber: Statement;
  readonly #identities: Statement;
  readonly #assignments: AssignmentReads;
  readonly #sessions: SessionReads;
  readonly #pools: PoolReads;
  readonly #holdings: HoldingReads;
  readonly #vrfs: VrfReads;
  readonly #who: WhoReads;
  readonly #journal: JournalReads;
  readonly #effects: EffectReads;
  readonly #conflicts: ConflictReads;
  readonly #nas: NasReads;
  readonly #counts: CountReads;
  readonly #figures: FigureReads;
  readonly #brakes: BrakeReads;
  readonly #tasks: TaskReads;
  readonly #holds: HoldReads;

  /**
   * `db` may be a read-only connection; statements are prepared once, so the schema must be there. By `clock`, a read that
   * looks through rows for more than two seconds is ended with {@link ReadTooLong}.
   */
  constructor(db: Database, clock: { monoMs(): number }) {
    this.#db = db;
    this.#limit = new ReadLimit(db, clock);
    this.#subscriber = db
      .prepare(`SELECT ${Table.columns(SUBSCRIBER, 's')} FROM subscriber s WHERE s.tenant = ? AND s.name = ?`)
      .raw(true);
    this.#identities = db
      .prepare(`SELECT ${Table.columns(IDENTITY, 'i')} FROM identity i WHERE i.subscriber = ? AND i.tenant = ? LIMIT ?`)
      .raw(true);
    this.#assignments = new AssignmentReads(db);
    this.#sessions = new SessionReads(db);
    this.#pools = new PoolReads(db);
    this.#holdings = new HoldingReads(db);
    this.#vrfs = new VrfReads(db);
    this.#who = new WhoReads(db);
    this.#journal = new JournalReads(db);
    this.#effects = new EffectReads(db);
    this.#conflicts = new ConflictReads(db);
    this.#nas = new NasReads(db);
    this.#counts = new CountReads(db);
    this.#figures = new FigureReads(db);
    this.#brakes = new BrakeReads(db);
    this.#tasks = new TaskReads(db);
    this.#holds = new HoldReads(db);
  }

  /** Everything about a subscriber, or null where the tenant has none of that name. */
  subscriber(tenant: string, name: string, lines = STORY_LINES): SubscriberStory | null {
    return this.#atOnce(() => {
      const subscriber = this.#named(tenant, name);
      if (subscriber === null) return null;
      const assignments = this.#assignments.ofSubscriber(tenant, subscriber.id, STORY_ROWS);
      const sessions = this.#sessions.ofSubscriber(tenant, subscriber.id, STORY_ROWS);
      const ids = assignments.map(({ row }) => row.id);
      return {
        subscriber,
        identities: this.#identitiesOf(tenant, subscriber.id),
        assignments,
        sessions,
        heldSuspend: this.#brakes.heldSuspend(subscriber.id),
        effects: this.#effects.ofSubscriber(tenant, subscriber.id, STORY_ROWS),
        conflicts: this.#conflictsAbout(tenant, ids, sessions, null),
        journal: this.#journal.newest(tenant, { subscriber: subscriber.id, assignments: ids }, sane(lines)),
      };
    });
  }

  /** What names a subscriber, or null where the tenant has none of that name. */
  identities(tenant: string, name: string): readonly Identity[] | null {
    return this.#atOnce(() => {
      const subscriber = this.#named(tenant, name);
      return subscriber === null ? null : this.#identitiesOf(tenant, subscriber.id);
    });
  }

  #identitiesOf(tenant: string, subscriber: number): readonly Identity[] {
    return (this.#identities.all(subscriber, tenant, MOST_ROWS) as SqlValue[][]).map((values) => IDENTITY.read(values));
  }

  /** Whether the tenant has anything in a VRF of that name. */
  knowsVrf(tenant: string, name: string): boolean {
    return this.#vrfs.list(tenant, name).length > 0;
  }

  /**
   * Everything about an address or prefix: who holds it, who held it, and what its pool says of it; in each VRF of the
   * tenant, or in the one that is named.
   */
  address(tenant: string, prefix: Prefix, within?: string, lines = STORY_LINES): AddressStory {
    return this.#atOnce(() => {
      const vrfs = this.#vrfs.list(tenant, within);
      const history = vrfs
        .flatMap(({ id }) => this.#holdings.history(tenant, id, prefix, STORY_ROWS))
        .sort((a, b) => b.row.since - a.row.since);
      const live = vrfs.flatMap(({ id }) => this.#assignments.holding(tenant, id, prefix, STORY_ROWS));
      const past = history.flatMap(({ row }) => (row.assignment === null ? [] : [row.assignment]));
      const ids = [...new Set([...live, ...past])];
      const seen = history.filter(({ row }) => row.kind === 'session').map(({ row }) => row.seq);
      const units = vrfs.flatMap(({ id }) => this.#pools.unit(tenant, id, prefix) ?? []);
      // An address of no pool leaves no history: only its sessions show it.
      const poolless = vrfs.filter(({ id }) => !units.some(({ pool }) => pool.row.vrf === id)).map(({ id }) => id);
      const showing = poolless.length > 0 ? this.#sessions.on(tenant, poolless, prefix, STORY_ROWS) : [];
      const shown = new Set(showing.map(({ row }) => row.id));
      const others = [...new Set(seen)].filter((id) => !shown.has(id));
      const sessions = [...showing, ...this.#sessions.byIds(tenant, others)];
      return {
        prefix,
        units,
        history,
        assignments: this.#assignments.byIds(tenant, ids),
        sessions,
        effects: this.#effects.ofAssignments(tenant, ids, STORY_ROWS),
        conflicts: this.#conflictsAbout(tenant, ids, sessions, { prefix, vrfs: vrfs.map(({ id }) => id) }),
        journal: this.#journal.newest(tenant, { subscriber: null, assignments: ids }, sane(lines)),
      };
    });
  }

  /** Who had an address or prefix at a time, in each VRF of the tenant, or in the one that is named. */
  who(tenant: string, query: Omit<WhoQuery, 'vrfs' | 'limit'>, within?: string): WhoAnswer {
    return this.#atOnce(() => {
      const vrfs = this.#vrfs.list(tenant, within).map(({ id }) => id);
      return this.#who.at(tenant, { ...query, vrfs, limit: STORY_ROWS });
    });
  }

  sessions(tenant: string, query: Page & { readonly open: boolean }): ShownSession[] {
    return this.#atOnce(() => this.#sessions.list(tenant, query.open, query.after, sane(query.limit)));
  }

  /** Open sessions with a User-Name. */
  sessionsNamed(tenant: string, username: Uint8Array, { after, limit }: Page): ShownSession[] {
    return this.#atOnce(() => this.#sessions.named(tenant, username, after, sane(limit)));
  }

  pools(tenant: string): ShownPool[] {
    return this.#pools.list(tenant);
  }

  /** Lines of the journal, oldest first; null where the subscriber or NAS asked about is unknown. */
  events(tenant: string, query: EventQuery): ShownEntry[] | null {
    return this.#atOnce(() => {
      const { after, nas, since = null, until = null } = query;
      const nases = nas === undefined ? null : this.#nas.named(tenant, nas);
      if (nases?.length === 0) return null;
      const subject = this.#subjectOf(tenant, query);
      if (subject === 'unknown') return null;
      return this.#journal.search(tenant, { limit: sane(query.limit), after, subject, nases, since, until });
    });
  }

  #subjectOf(tenant: string, { subscriber: name, address, vrf }: EventQuery): JournalSubject | 'unknown' | null {
    if (name !== undefined) {
      const subscriber = this.#named(tenant, name);
      if (subscriber === null) return 'unknown';
      const assignments = this.#assignments.ofSubscriber(tenant, subscriber.id, MOST_ROWS).map(({ row }) => row.id);
      return { subscriber: subscriber.id, assignments };
    }
    if (address === undefined) return null;
    const assignments = this.#vrfs
      .list(tenant, vrf)
      .flatMap(({ id }) => this.#holdings.history(tenant, id, address, MOST_ROWS))
      .flatMap(({ row }) => (row.assignment === null ? [] : [row.assignment]));
    return { subscriber: null, assignments };
  }

  outbox(tenant: string, status: Outbox['status'] | null = null, limit = MOST_ROWS): ShownEffect[] {
    return this.#atOnce(() => this.#effects.list(tenant, status, sane(limit)));
  }

  conflicts(tenant: string, limit = MOST_ROWS): ShownConflict[] {
    return this.#atOnce(() => this.#conflicts.open(tenant, sane(limit)));
  }

  nas(tenant: string): ShownNas[] {
    return this.#atOnce(() => this.#nas.list(tenant, MOST_ROWS));
  }

  /** `tenant` null counts the rows of all tenants, for metrics. `now` in Unix milliseconds. */
  counts(tenant: string | null, now: number): Counts {
    return this.#atOnce(() => this.#counts.of(tenant, now));
  }

  /** What metrics say of the store, over all tenants. */
  figures(late: Lateness): Figures {
    return this.#atOnce(() => this.#figures.figures(late));
  }

  /** Open sessions by the config entry of their NAS, over all tenants. */
  openSessions(): OpenSessions[] {
    return this.#figures.sessions();
  }

  versions(): { sqlite: string; schema: number } {
    return this.#figures.versions();
  }

  restored(): ReturnType<BrakeReads['restored']> {
    return this.#brakes.restored();
  }

  freeze(): Brake | null {
    return this.#brakes.freeze();
  }

  /** The last run of each background task that has run. */
  tasks(): Task[] {
    return this.#tasks.all();
  }

  /** Legal holds; with `all`, those that were ended too. */
  holds(tenant: string, all: boolean, limit = MOST_ROWS): ShownHold[] {
    return this.#holds.list(tenant, all, sane(limit));
  }

  /** Until when lines of the journal were deleted, Unix milliseconds; null where none was. */
  journalDeletedUntil(): number | null {
    return this.#holds.deletedUntil();
  }

  /** Batches that the blast guard holds back; with `all`, those that were decided too. */
  batches(tenant: string, all: boolean, limit = MOST_ROWS): ShownBatch[] {
    return this.#atOnce(() => this.#brakes.batches(tenant, all, sane(limit)));
  }

  /** Open alarms of a tenant and of the daemon; with `all`, those that are cleared too. */
  alarms(tenant: string, all: boolean, limit = MOST_ROWS): Alarm[] {
    return this.#brakes.alarms(tenant, all, sane(limit));
  }

  #named(tenant: string, name: string): Subscriber | null {
    const values = this.#subscriber.get(tenant, name) as SqlValue[] | undefined;
    return values === undefined ? null : SUBSCRIBER.read(values);
  }

  #conflictsAbout(
    tenant: string,
    assignments: readonly number[],
    sessions: readonly ShownSession[],
    place: { readonly prefix: Prefix; readonly vrfs: readonly number[] } | null,
  ): ShownConflict[] {
    const theirs = new Set(sessions.map(({ row }) => row.id));
    return this.#conflicts
      .open(tenant, MOST_ROWS)
      .filter(
        ({ row }) =>
          theirs.has(row.session) ||
          (row.assignment !== null && assignments.includes(row.assignment)) ||
          (place !== null && place.vrfs.includes(row.vrf) && overlaps(row.prefix, place.prefix)),
      );
  }

  /** Runs several queries against one state of the database. */
  #atOnce<T>(read: () => T): T {
    this.#limit.begin();
    return this.#db.transaction(read)();
  }
}
