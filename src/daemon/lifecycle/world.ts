/**
 * The world as a decision sees it: rows and a few questions about them, as they stand in the middle of a batch. The store
 * answers from its working copies and, at the first question about a row, from the database, inside the transaction.
 */
import type { Prefix } from './address.js';
import type { UnitRange } from './ranges.js';
import type { NasIdentity } from './nas-records.js';
import type { IdentityType, JournalEntry, Rows, TableName, VerdictKind } from './records.js';

/** Tables whose rows are numbered by the store. */
export type NumberedTable =
  'vrf' | 'subscriber' | 'nas' | 'pool' | 'assignment' | 'session' | 'conflict' | 'outbox' | 'batch';

/** What a decision may read. Each answer reflects every earlier decision of the same batch; `null` means: not there. */
export interface World {
  row<T extends TableName>(table: T, key: string): Rows[T] | null;
  /** The number of the NAS of this identity. */
  nasOf(identity: NasIdentity): number | null;
  /** The newest instance of a session: the open one, else the one that ended last. */
  sessionOf(nas: number, sid: Uint8Array): number | null;
  /** The instance before a given one of the same NAS and Acct-Session-Id. */
  sessionBefore(session: number): number | null;
  /** The subscriber to whom an identity belongs. */
  subscriberOf(tenant: string, type: IdentityType, scope: string, bytes: Uint8Array): number | null;
  /** Keys of every identity of a subscriber. */
  identitiesOf(subscriber: number): readonly string[];
  subscriberNamed(tenant: string, name: string): number | null;
  vrfNamed(name: string): number | null;
  poolNamed(tenant: string, name: string): number | null;
  /** Every pool that the store knows, also those that the config has dropped. */
  pools(): readonly number[];
  /** Assignments whose live prefix shares an address with `prefix`; at most `most`, 2 if not given, are looked for. */
  overlapping(vrf: number, prefix: Prefix, most?: number): readonly number[];
  /** Keys of the open conflicts of sessions that stand within `prefix` without an assignment. */
  occupantsOf(vrf: number, prefix: Prefix): readonly string[];
  /** Assignments of a subscriber that are not REVOKED. */
  openAssignments(subscriber: number): readonly number[];
  /** Routed subnets of a parent that are not REVOKED. */
  subnetsOf(parent: number): readonly number[];
  /** Open sessions of a subscriber. */
  openSessionsOf(subscriber: number): readonly number[];
  /** Keys of every witness of an assignment. */
  witnessesOf(assignment: number): readonly string[];
  /** What is asked of the units of pools. */
  readonly units: Units;
  /** What background tasks ask. */
  readonly chores: Chores;
  /** Open sessions of a NAS last confirmed before `epoch`; at most `most`, or one slice. */
  unconfirmed(nas: number, epoch: number, most?: number): readonly number[];
  /** How many NASes a config entry has admitted that are known by what their packets report; counting ends at `most`. */
  reportedNases(entry: string, most: number): number;
  /** The NASes of a VRF. */
  nasesIn(vrf: number): readonly number[];
  /** What a batch of the blast guard holds back: at most one slice of each kind. */
  heldBack(batch: number): HeldBack;
  /** Keys of unfinished effects of a target: more than one decision can end, where there are so many. */
  pendingEffects(target: string): readonly string[];
  /** Sessions of a NAS that were open before the batch, by Acct-Session-Id and behind `after`; at most `most`. */
  openAfter(nas: number, after: Uint8Array, most: number): readonly number[];
  /** How many sessions of a NAS are open; counting ends at `most`. */
  openSessions(nas: number, most: number): number;
  /** A number not used in `table` before. */
  nextId(table: NumberedTable): number;
}

/** Questions about the units of a pool, each answered from an index whatever the pool's size. */
export interface Units {
  /** The first unit of a range of the pool that is neither live nor has a past; null when there is none. */
  unused(pool: number, range: UnitRange): Prefix | null;
  /** Keys of free units with a past, the least recently freed first, page by page; a page has as many as a batch can take. */
  freed(pool: number, page: number): readonly string[];
  /** When the next unit in ranges of the pool leaves quarantine; null where none is in quarantine there. */
  nextRested(pool: number, ranges: readonly UnitRange[]): Rested | null;
  /** Keys of the units that a subscriber held last and that nobody has had since. */
  former(pool: number, subscriber: number): readonly string[];
  /** Assignments of exactly a prefix that a subscriber has or had. */
  tenuresOf(vrf: number, subscriber: number, unit: Prefix): readonly number[];
  /** Keys of free units with a past in a range; at most one slice. */
  freedIn(pool: number, range: UnitRange): readonly string[];
  /** Assignments that hold a unit of the pool in a range, in the order of their units; at most `most`. */
  heldIn(pool: number, range: UnitRange, most: number): readonly number[];
  /** How many units of the pool in a range are live, and how many have a past that bars them. */
  usedIn(pool: number, range: UnitRange): number;
}

/** A row that a background task looks at: when it came to what it is, Unix milliseconds, and its number. */
export interface ChoreRow {
  readonly at: number;
  readonly id: number;
}

/** What a line of the journal is about. */
export interface JournalRow {
  readonly id: number;
  readonly at: number;
  readonly tenant: string;
  readonly subscriber: number | null;
  readonly assignment: number | null;
  readonly session: number | null;
  readonly vrf: number | null;
  readonly prefix: Prefix | null;
}

/** Questions of background tasks, answered as of before the batch. Rows come in the order of their times, behind a place. */
export interface Chores {
  /** Assignments that are REVOKING since before a time. */
  revoking(before: number, after: readonly [at: number, id: number], most: number): readonly ChoreRow[];
  /** Assignments that are ALLOCATED since before a time. */
  allocated(before: number, after: readonly [at: number, id: number], most: number): readonly ChoreRow[];
  /**
   * Lines of the journal behind a number, up to the first that was written between two times. One of a later time was written by a
   * clock that was wrong: it is among them, and what comes behind it.
   */
  journal(before: number, now: number, after: number, most: number): readonly JournalRow[];
  /** How many lines are older than a time, and how many there are: by their numbers, so that held ones that are gone count. */
  journalSpan(before: number): { readonly older: number; readonly all: number };
  /** Keys of the holds that are set, and of those that this batch has set or ended. */
  holds(): readonly string[];
  /** How many are REVOKING since before a time; counting ends at `most`. */
  countRevoking(before: number, most: number): number;
  /** How many quarantines should have ended before a time; counting ends at `most`. */
  countUnreleased(before: number, most: number): number;
}

/** When a unit leaves quarantine, Unix milliseconds; without `isKnown`, when one does at the earliest. */
export interface Rested {
  readonly at: number;
  readonly isKnown: boolean;
}

/** Keys of what a batch holds back: revokes, suspends and effects. */
export interface HeldBack {
  readonly approvals: readonly string[];
  readonly suspends: readonly string[];
  readonly effects: readonly string[];
}

/** One row to write (or, with `row: null`, to delete). */
export interface Change {
  readonly table: TableName;
  readonly key: string;
  readonly row: Rows[TableName] | null;
}

/** What the caller is told. `reply` is JSON for the API; `code` is stable and documented. */
export interface Verdict {
  readonly verdict: VerdictKind;
  readonly code: string | null;
  readonly detail: string | null;
  readonly reply: unknown;
}

/** A whole decision, as data. */
export interface Decision extends Verdict {
  readonly changes: readonly Change[];
  readonly journal: readonly JournalEntry[];
  /** Numbers of lines of the journal that retention deletes. */
  readonly forgotten?: readonly number[];
}
