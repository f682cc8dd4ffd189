/** What addrd remembers: the records that `decide` reads and writes and that the store keeps, a table each. */
import type { DeadlineKind } from './deadline-kind.js';
import type { BrakeRows } from './brake.js';
import type { JournalKind } from './journal-kind.js';
import type { Meta } from './meta-key.js';
import type { NasRows } from './nas-records.js';
import type { Family, Prefix } from './address.js';
import type { EffectOrder, FromElsewhere, RenumberOrder, RevokeOrder } from './order.js';
import type { UnitRange } from './ranges.js';
import type { Desired, ServiceOrder, SessionProfile } from './service.js';
import type { LifecycleState } from './state.js';
import type { TaskRows } from './task.js';

/** What became of an event. Every one of them is committed, and so every one is answered. */
export type VerdictKind = 'applied' | 'duplicate' | 'stale' | 'conflict' | 'refused' | 'unmanaged' | 'faulted';

/** Times are Unix milliseconds. `receivedAt` is our clock, `at` the peer's claim. Tenants and names are opaque text. */
export interface Subscriber {
  readonly id: number;
  readonly tenant: string;
  readonly name: string;
  /** How many User-Names are on record: with one known, an unknown one is a stranger. */
  readonly usernames: number;
  /** Rises with each suspend and reactivate: what an earlier one called for is void. */
  readonly generation: number;
  /** Since when the subscriber is suspended, or null. */
  readonly suspendedAt: number | null;
  /** The last suspend or reactivate, or null. */
  readonly service: ServiceOrder | null;
  readonly createdAt: number;
}

/** What names one subscriber for sure: but for the Class they are on record. */
export type StrongType = 'username' | 'circuit-id' | 'remote-id';

/** A MAC address tells who it probably is: customers change their CPE, and some change it with a neighbour. */
export type IdentityType = StrongType | 'mac';

/** What a packet can name a subscriber by: `class` is addrd's own, the others are on record as identities. */
export type ClaimType = 'class' | IdentityType;

/** That a packet is about whoever has this identity. */
export interface Claim {
  readonly type: ClaimType;
  readonly scope: string;
  /** Canonical: equal octets are the same identity. */
  readonly bytes: Uint8Array;
}

export interface Identity {
  readonly tenant: string;
  readonly type: IdentityType;
  /** `tenant`, or the NAS (`nas:NAME`) or relay (`relay:HEX`) within which the octets are unique. No slash is in it. */
  readonly scope: string;
  readonly bytes: Uint8Array;
  readonly subscriber: number;
  readonly provenance: 'configured' | 'observed';
  readonly createdAt: number;
}

export interface Pool {
  readonly id: number;
  readonly tenant: string;
  readonly name: string;
  readonly vrf: number;
  readonly family: Family;
  readonly use: PoolUse;
  readonly kind: PoolKind;
  readonly prefix: Prefix;
  /** The length of what it hands out: 32, 128, or the delegated length. */
  readonly unitLength: number;
  /** How many units from the start of the prefix were used, are in `excluded` or in `reserved`: the next may be new. */
  readonly cursor: bigint;
  /** Ranges behind the cursor in which no unit is new either. */
  readonly skips: readonly UnitRange[];
  /** Units of the prefix that are never handed out; those in use stay until they end. */
  readonly excluded: readonly UnitRange[];
  /** Units of the prefix that are handed out only where they are asked for by address; none of them is excluded. */
  readonly reserved: readonly UnitRange[];
  /** Units with a live assignment. */
  readonly held: number;
  /** Units in quarantine, occupied or reserved by a revoke. */
  readonly barred: number;
  /** Units that were used and are free again. */
  readonly freed: number;
  /** Units in use (held or barred) within `excluded`, within `reserved`, and outside the prefix since it shrank. */
  readonly usedExcluded: number;
  readonly usedReserved: number;
  readonly usedOutside: number;
  /** What it covered before it shrank, and does not now. */
  readonly former: readonly UnitRange[];
  /** Whether sessions came onto `former` meanwhile: what takes its place waits until they are noticed. */
  readonly strayed: boolean;
  /** Since when the config does not name it, or null. */
  readonly retiredAt: number | null;
  /** How long a unit rests after its last holder, as the config last said. It holds while the pool is retired as well. */
  readonly quarantineMs: number;
  /** Since when sessions may stand on units that do not know it (see `unsureUntil`), or null; and on which, if not on any. */
  readonly unsureSince: number | null;
  readonly unsurePart: readonly UnitRange[];
  /** Behind which Acct-Session-Id of which NAS the look at who is there goes on (see `survey.ts`), or null. */
  readonly survey: { readonly nas: number; readonly after: Uint8Array } | null;
}

/** `static`: handed out by order; `dynamic`: for as long as a session lasts; `external`: by the NAS or another server. */
export type PoolKind = 'static' | 'dynamic' | 'external';

export type PoolUse = 'address' | 'wan-prefix' | 'delegated' | 'routed';

/** A unit of a pool that has a past: `quarantined` until `freeAt`, `free`, `occupied` by a stranger, or `reserved`. */
export interface PoolFree {
  readonly pool: number;
  readonly prefix: Prefix;
  readonly state: 'quarantined' | 'free' | 'occupied' | 'reserved';
  /** When it became, or becomes, free; orders the free ones by the least recently freed. */
  readonly freeAt: number;
  /** When its last holder, or the last session that occupied it, left it; 0 where nobody knows. */
  readonly leftAt: number;
  /** Open sessions that stand on it without an assignment. */
  readonly occupants: number;
  /** Sessions that may be there still: their ends were only inferred, or a forced end of what they carried let them go. */
  readonly doubted: readonly number[];
  /** The assignment and subscriber that held it last. */
  readonly assignment: number | null;
  readonly subscriber: number | null;
}

/** Why an address is known to be idle (SEMANTICS, "Evidence"). */
export type EvidenceKind =
  | 'stop'
  | 'no-live-witness'
  | 'never-seen'
  | 'ack+silence'
  | 'nak-503+silence'
  | 'superseded'
  | 'reclaimed'
  | 'operator';
export interface Evidence {
  readonly kind: EvidenceKind;
  readonly at: number;
  readonly detail: string;
}

export interface Assignment extends FromElsewhere {
  readonly id: number;
  readonly tenant: string;
  readonly subscriber: number;
  readonly pool: number;
  readonly vrf: number;
  readonly family: Family;
  readonly use: PoolUse;
  readonly prefix: Prefix;
  readonly state: LifecycleState;
  /** Rises with every order that makes earlier effects void. */
  readonly generation: number;
  readonly createdAt: number;
  readonly allocatedAt: number | null;
  readonly activatedAt: number | null;
  readonly suspendedAt: number | null;
  readonly revokingAt: number | null;
  readonly revokedAt: number | null;
  readonly revoke: RevokeOrder | null;
  readonly evidence: Evidence | null;
  /** Why a termination does not end; null while nothing is in its way. */
  readonly stuck: string | null;
  /** `allocated` by order; `observed`: a session stood on it first; `imported` from another system. */
  readonly provenance: 'allocated' | 'observed' | 'imported';
  /** The caller's own JSON, kept as it came. */
  readonly metadata: string | null;
  /** Of a routed subnet: the assignment whose sessions it rides on, or null where it stands by itself. */
  readonly parent: number | null;
  /** The assignment in whose place it was ordered, and how that order stands; or null. */
  readonly supersedes: number | null;
  readonly renumber: RenumberOrder | null;
}

/** That an assignment holds its prefix now. */
export interface Live {
  readonly assignment: number;
  readonly vrf: number;
  readonly prefix: Prefix;
}

/** One step of a termination, as a row that survives a crash. */
export interface AssignmentStep {
  readonly assignment: number;
  readonly step: 'disconnect' | 'evidence' | 'release';
  readonly state: 'waiting' | 'done' | 'skipped' | 'failed';
  readonly attempts: number;
  /** When it is looked at again, or null. */
  readonly dueAt: number | null;
  readonly outcome: string | null;
  readonly startedAt: number;
  readonly updatedAt: number;
  /** The batch in which its Disconnect was rejected: none is ordered until the revoke is said again. */
  readonly rejected: number | null;
}

/** The RADIUS attribute that showed an address. */
export type AddressAttribute =
  | 'Framed-IP-Address'
  | 'Framed-IPv6-Address'
  | 'Framed-IPv6-Prefix'
  | 'Delegated-IPv6-Prefix'
  | 'Framed-Route'
  | 'Framed-IPv6-Route';

/**
 * An address that a session showed. `held`: its subscriber's assignment; `contested`: somebody else's; `occupied`:
 * nobody's, in one of our pools; `unmanaged`: in no pool.
 */
export interface SessionAddress {
  readonly prefix: Prefix;
  /** `parent`: none showed it, the subnet came with the address that it rides on. */
  readonly attribute: AddressAttribute | 'parent';
  readonly standing: 'held' | 'contested' | 'occupied' | 'unmanaged';
  /** The assignment that it holds or contests. */
  readonly assignment: number | null;
  /** The open conflict about it, or null. */
  readonly conflict: number | null;
  readonly since: number;
}

export interface Session {
  readonly id: number;
  readonly tenant: string;
  readonly nas: number;
  /** That of its NAS when it was opened. */
  readonly vrf: number;
  /** Acct-Session-Id, octets. */
  readonly sid: Uint8Array;
  /** The NAS's epoch in which it was last confirmed; suspect while behind the NAS's own. */
  readonly epoch: number;
  readonly startSeen: boolean;
  readonly startedAt: number;
  readonly firstSeenAt: number;
  readonly endedAt: number | null;
  readonly endReceivedAt: number | null;
  readonly endKind: 'stop' | 'inferred' | 'sid-reused' | null;
  /** Acct-Terminate-Cause. */
  readonly terminateCause: number | null;
  /** User-Name, octets. */
  readonly username: Uint8Array | null;
  readonly subscriber: number | null;
  readonly addresses: readonly SessionAddress[];
  /** The unfinished Disconnect for this session, if there is one. */
  readonly disconnect: number | null;
  /** The unfinished CoA for this session, if there is one. */
  readonly coa: number | null;
  /** Whether its last Class is the one of the garden; null while none has told. */
  readonly garden: boolean | null;
  /** What it was last to be told, or null where its subscriber was never suspended in its time. */
  readonly profile: SessionProfile | null;
}

/** The hot part of a session: the only row that a common Interim changes. */
export interface SessionUsage {
  readonly session: number;
  readonly updatedAt: number;
  /** Acct-Status-Type of the last packet. */
  readonly status: number;
  /** Acct-Session-Time, seconds. */
  readonly seconds: number;
  readonly inputOctets: number;
  readonly outputOctets: number;
  readonly inputPackets: number;
  readonly outputPackets: number;
  /** Event-Timestamp as sent, seconds, or null. */
  readonly eventTimestamp: number | null;
  readonly interims: number;
  readonly maxGapMs: number;
}

/** That a session stood on an assignment's address, as its holder's own or not. Idle is what has no open witness. */
export interface Witness {
  readonly assignment: number;
  readonly source: 'session';
  readonly ref: number;
  readonly standing: 'held' | 'contested';
  readonly openedAt: number;
  readonly closedAt: number | null;
  readonly closeKind:
    'stop' | 'inferred' | 'nas-rebooted' | 'sid-reused' | 'address-changed' | 'superseded' | 'reclaimed' | null;
  /** What the NAS said to the last Disconnect, and when we heard it. */
  readonly answer: 'ack' | 'nak-503' | null;
  readonly answeredAt: number | null;
}

/** History: who had a prefix from `since` until `until`, as a tenure or as one session within it. */
export interface Holding {
  readonly vrf: number;
  readonly prefix: Prefix;
  readonly since: number;
  readonly kind: 'tenure' | 'session';
  /** The assignment's id for a tenure, the session's for a session. */
  readonly seq: number;
  readonly until: number | null;
  readonly tenant: string;
  readonly subscriber: number | null;
  readonly assignment: number | null;
  readonly nas: number | null;
  readonly confidence: 'seen' | 'authorised' | 'inferred' | 'overlapping';
}

export interface Conflict {
  readonly id: number;
  readonly tenant: string;
  readonly kind: 'contested' | 'occupied' | 'wider-than-pool';
  readonly vrf: number;
  readonly prefix: Prefix;
  readonly session: number;
  readonly assignment: number | null;
  /** The holder's, else the one that the address lay in: its alarm counts it until it ends. */
  readonly pool: number | null;
  readonly count: number;
  readonly firstAt: number;
  readonly lastAt: number;
  readonly closedAt: number | null;
}

export interface Deadline {
  readonly kind: DeadlineKind;
  readonly ref: string;
  readonly dueAt: number;
}

/** Disconnect-Request and CoA-Request (RFC 5176). */
export type EffectKind = 'nas.disconnect' | 'nas.coa';

/** An effect to perform. */
export interface Outbox {
  readonly id: number;
  readonly tenant: string;
  readonly kind: EffectKind;
  /** What is acted on through whom: one effect in flight for each (target, subject), in order. */
  readonly target: string;
  readonly subject: string;
  readonly session: number;
  /** The orders it serves; each is void when its generation has passed. */
  readonly orders: readonly EffectOrder[];
  /** The suspension it serves, or null. */
  readonly desired: Desired | null;
  readonly status: 'pending' | 'done' | 'superseded' | 'would-have';
  readonly attempt: number;
  readonly dueAt: number;
  readonly createdAt: number;
  readonly startedAt: number | null;
  readonly finishedAt: number | null;
  readonly outcome: string | null;
  /** The batch that holds it back until somebody approves, or null. */
  readonly batch: number | null;
  /** Whether the blast guard has let it pass: it was counted when it first left, or somebody approved of it. */
  readonly admitted: boolean;
  /** How many of the attempts a brake ended: they say nothing of the NAS. */
  readonly cancelled: number;
}

/** One line of the journal; the door adds its number. */
export interface JournalEntry {
  readonly at: number;
  readonly kind: JournalKind;
  readonly tenant: string;
  readonly actor: string;
  readonly subscriber?: number | null;
  readonly assignment?: number | null;
  readonly session?: number | null;
  readonly nas?: number | null;
  readonly pool?: number | null;
  readonly vrf?: number | null;
  readonly prefix?: Prefix | null;
  readonly from?: LifecycleState | null;
  readonly to?: LifecycleState | null;
  readonly code?: string | null;
  readonly detail?: Readonly<Record<string, unknown>> | null;
}

/** The tables that a decision may read and write, by name. */
export interface Rows extends BrakeRows, NasRows, TaskRows {
  subscriber: Subscriber;
  identity: Identity;
  pool: Pool;
  poolFree: PoolFree;
  assignment: Assignment;
  live: Live;
  step: AssignmentStep;
  session: Session;
  usage: SessionUsage;
  witness: Witness;
  holding: Holding;
  conflict: Conflict;
  deadline: Deadline;
  outbox: Outbox;
  meta: Meta;
}
export type TableName = keyof Rows;
