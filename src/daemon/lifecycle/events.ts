/** What can happen. Every change of state starts as one of these and goes through `decide`. */
import type { Family, Prefix } from './address.js';
import type { UnitRange } from './ranges.js';
import type { ImportRowEvent } from './import-row.js';
import type { RenumberWhen } from './order.js';
import type { NasIdentity } from './nas-records.js';
import type { TaskName } from './task.js';
import type { AddressAttribute, Claim, Deadline, IdentityType, PoolKind, PoolUse } from './records.js';

/** `receivedAt` is our clock in Unix milliseconds; it orders commits and drives deadlines. */
interface Received {
  readonly receivedAt: number;
}

/** Which NAS a packet is from. */
interface FromNas extends Received {
  readonly nas: NasIdentity;
  /** The config entry that admitted the packet, and its VRF. */
  readonly entry: string;
  /** The packet's source, 4 or 16 octets. */
  readonly source: Uint8Array;
  /** The NAS's own address as the packet reports it, where the entry trusts that; else it is reached at `source`. */
  readonly address?: Uint8Array | undefined;
}

/** An address that a packet shows, by the attribute that carried it. */
export interface ShownAddress {
  readonly attribute: AddressAttribute;
  readonly prefix: Prefix;
}

/** Accounting-Request Start, Interim-Update or Stop (RFC 2866 section 5.1). */
export interface AccountingEvent extends FromNas {
  readonly kind: 'acct-start' | 'acct-interim' | 'acct-stop';
  readonly sid: Uint8Array;
  /** Arrival minus Acct-Delay-Time, milliseconds: orders only within one session. */
  readonly at: number;
  readonly status: number;
  readonly seconds: number | null;
  /** Counters; null where the packet has none, or one that cannot be read. */
  readonly inputOctets: number | null;
  readonly outputOctets: number | null;
  readonly inputPackets: number | null;
  readonly outputPackets: number | null;
  readonly eventTimestamp: number | null;
  /** User-Name as it came. */
  readonly username: Uint8Array | null;
  /** Who the packet says that it is about, what decides first in front. */
  readonly claims: readonly Claim[];
  readonly terminateCause: number | null;
  readonly addresses: readonly ShownAddress[];
  /** The Class attributes of the packet, octets. */
  readonly class?: readonly Uint8Array[];
  /** No packet: what an open session showed before is looked at again. Nobody loses an address for it. */
  readonly remembered?: true;
}

/** Accounting-On or Accounting-Off: the NAS, or a part of it, began anew. */
export interface NasEvent extends FromNas {
  readonly kind: 'nas-on' | 'nas-off';
  /** Arrival minus Acct-Delay-Time, milliseconds. */
  readonly at: number;
  readonly eventTimestamp?: number | null;
  /** It has no Acct-Delay-Time: it does not say that it was sent just now. */
  readonly mayHaveWaited?: boolean;
}

/** An authenticated packet that says nothing addrd can use: answered, so that its sender does not repeat it for ever. */
export interface OddPacketEvent extends FromNas {
  readonly kind: 'acct-odd';
  /** `missing-session-id`, or `status-type-N`. */
  readonly reason: string;
}

/** Who asks, and how a repeated request is recognised. */
interface Commanded extends Received {
  readonly tenant: string;
  readonly actor: string;
}

/** What a routed subnet is to ride on: an assignment by its number or its prefix, or the only one that its subscriber has. */
export type ParentChoice =
  | { readonly by: 'id'; readonly id: number }
  | { readonly by: 'prefix'; readonly prefix: Prefix }
  | { readonly by: 'subscriber' };

export interface AllocateEvent extends Commanded {
  readonly kind: 'allocate';
  readonly subscriber: string;
  readonly family: Family;
  /** Pool name; null where the choice is left to addrd: by family and by the three below, in the order of the config. */
  readonly pool: string | null;
  /** VRF name. */
  readonly vrf?: string | null;
  readonly use?: PoolUse | null;
  /** The name of a config entry of NASes, or the address of a NAS. */
  readonly nas?: string | null;
  readonly requested: Prefix | null;
  readonly username: string | null;
  /** The octets of `username` (UTF-8). */
  readonly usernameBytes: Uint8Array | null;
  readonly metadata: string | null;
  /** Takes back what is being revoked from this very subscriber. */
  readonly reclaim?: boolean;
  /** Of a routed subnet; without one it stands by itself. */
  readonly parent?: ParentChoice | null;
}

/** Which assignments an order means: those of a subscriber, narrowed by family and by address. */
export interface Selection {
  readonly subscriber: string;
  readonly family: Family | null;
  readonly prefix: Prefix | null;
}

export interface ActivateEvent extends Commanded, Selection {
  readonly kind: 'activate';
}

export interface RevokeEvent extends Commanded, Selection {
  readonly kind: 'revoke';
  readonly reason: string;
  readonly sendDisconnect: boolean;
  readonly releaseToPool: boolean;
  /** Ends a termination without evidence. */
  readonly force?: boolean;
}

/**
 * The subscriber gets another address beside the one that is meant, in whose place it comes once a session shows it. `to` null:
 * the next of `pool`; both null: of the same pool. Times are Unix milliseconds; `deadline` null: as the config says.
 */
export interface RenumberEvent extends Commanded, Selection {
  readonly kind: 'renumber';
  readonly to: Prefix | null;
  readonly pool: string | null;
  readonly when: RenumberWhen;
  /** When a window begins. */
  readonly at: number | null;
  readonly deadline: number | null;
  readonly reason: string;
}

/** What names a subscriber from now on: canonical octets, as the claims of packets have them. */
export interface IdentityPutEvent extends Commanded {
  readonly kind: 'identity-put';
  readonly subscriber: string;
  readonly type: IdentityType;
  readonly scope: string;
  readonly bytes: Uint8Array;
}

/** What names a subscriber no longer. */
export interface IdentityDropEvent extends Omit<IdentityPutEvent, 'kind'> {
  readonly kind: 'identity-drop';
}

/**
 * A subscriber goes out of service or comes back, with all that he holds. `family` is what he must hold something of, where
 * the order says one: it does not narrow what the order does.
 */
export interface ServiceEvent extends Commanded {
  readonly kind: 'suspend' | 'reactivate';
  readonly subscriber: string;
  readonly family: Family | null;
  readonly reason: string;
  readonly sendCoa: boolean;
  /** Where no CoA can say it, the session is disconnected, so that AAA decides anew. */
  readonly sendDisconnect: boolean;
}

/** Gives up an address that a revoke kept reserved. `vrf` null: `global`. */
export interface ReleaseEvent extends Commanded {
  readonly kind: 'pool-release';
  readonly prefix: Prefix;
  readonly vrf: string | null;
}

/** The outbox worker is about to perform an effect: the decision says whether it still should. */
export interface EffectStartedEvent extends Received {
  readonly kind: 'effect-started';
  readonly outbox: number;
}

/** What came of an attempt. `nak` carries the Error-Cause (RFC 5176 section 3.6) or null where the NAS gave none. */
export type EffectResult =
  | { readonly result: 'ack' }
  | { readonly result: 'nak'; readonly errorCause: number | null }
  | { readonly result: 'timeout' }
  | { readonly result: 'error'; readonly code: string };

export interface EffectOutcomeEvent extends Received {
  readonly kind: 'effect-outcome';
  readonly outbox: number;
  readonly attempt: number;
  readonly outcome: EffectResult;
  /** In [0, 1): spreads retries. */
  readonly jitter: number;
}

export interface DeadlineEvent extends Received {
  readonly kind: 'deadline';
  readonly what: Deadline['kind'];
  readonly ref: string;
}

/** addrd starts to listen. `pools` are those of the config; they are created or compared. `vrfs`: those that it names, where no pool does. */
export interface DaemonStartedEvent extends Received {
  readonly kind: 'daemon-started';
  readonly tenant: string;
  /** A number drawn by lot, below 2^48, which a store without one takes for its own. */
  readonly storeId?: number;
  readonly vrfs?: readonly string[];
  readonly pools: readonly ConfiguredPool[];
}

/** Another config comes into force while addrd runs. `changed` names its keys. */
export interface ConfigLoadedEvent extends Received {
  readonly kind: 'config-loaded';
  readonly tenant: string;
  readonly vrfs?: readonly string[];
  readonly pools: readonly ConfiguredPool[];
  readonly changed: readonly string[];
}

/** A pool as the config says it. `unitLength` is the length of what it hands out: 32, 128 or the delegated length. */
export interface ConfiguredPool {
  readonly tenant: string;
  readonly name: string;
  /** The VRF's name. */
  readonly vrf: string;
  readonly family: Family;
  readonly use: PoolUse;
  readonly kind: PoolKind;
  readonly prefix: Prefix;
  readonly unitLength: number;
  readonly quarantineMs: number;
  /** The config entries of the NASes that it serves; none: all. */
  readonly nas?: readonly string[];
  /** Whether a subscriber gets back what he had before; it is so where nothing is said. */
  readonly sticky?: boolean;
  /** What it never hands out, and what only where it is asked for by address: any order; parts may lie outside. */
  readonly excluded?: readonly UnitRange[];
  readonly reserved?: readonly UnitRange[];
  /** `dynamic`: how long an allocated unit waits for its subscriber; without it, as the defaults say. */
  readonly offerTimeoutMs?: number;
  /** Whether a session of an unknown User-Name makes a subscriber; without it, in `external` pools. */
  readonly unknownSubscriber?: 'adopt' | 'occupy';
  /** Whether who stands on another's address there is disconnected, once. */
  readonly disconnectIntruders?: boolean;
}

/** Nothing leaves and nothing becomes free until a {@link ThawEvent}. */
export interface FreezeEvent extends Commanded {
  readonly kind: 'freeze';
  readonly reason: string;
}

export interface ThawEvent extends Commanded {
  readonly kind: 'thaw';
  readonly reason: string | null;
}

/** Somebody works on a NAS until `until`. `nas` is the name of its config entry, or its address. */
export interface MaintenanceEvent extends Commanded {
  readonly kind: 'maintenance';
  readonly nas: string;
  readonly until: number;
  readonly reason: string;
}

export interface MaintenanceEndEvent extends Commanded {
  readonly kind: 'maintenance-end';
  readonly nas: string;
}

/** What becomes of a batch that the blast guard held back. */
export interface ApproveEvent extends Commanded {
  readonly kind: 'approve' | 'reject';
  readonly batch: number;
  readonly reason: string | null;
}

/** Somebody has seen an alarm: `CAUSE@REF`. */
export interface AcknowledgeEvent extends Commanded {
  readonly kind: 'acknowledge';
  readonly alarm: string;
}

/** Somebody wants to know who had an address at a time (Unix milliseconds), and says why. `vrf` null: wherever it is known. */
export interface WhoAskedEvent extends Commanded {
  readonly kind: 'who-asked';
  readonly prefix: Prefix;
  readonly vrf: string | null;
  readonly at: number;
  readonly reason: string;
}

/**
 * A background task is to run: by order, as the calendar says, or at a `start`, if the calendar missed it. `force`: whatever it
 * touches.
 */
export interface TaskRunEvent extends Commanded {
  readonly kind: 'task-run';
  readonly task: TaskName;
  readonly cause: 'ordered' | 'calendar' | 'start';
  readonly force: boolean;
}

/** What is known of a subscriber, or of an address, is not deleted from now on, or may be again. `vrf` null: in each. */
export interface HoldEvent extends Commanded {
  readonly kind: 'hold' | 'hold-end';
  readonly subscriber: string | null;
  readonly prefix: Prefix | null;
  readonly vrf: string | null;
  readonly reason: string;
}

/** The daemon tells of trouble of its own, which it could not write down while it lasted. */
export interface TroubleEvent extends Received {
  readonly kind: 'daemon-trouble';
  readonly cause: 'faulted-often' | 'store-trouble';
  readonly detail: string;
}

/** The store has become that of a backup. `name` is that of its file; `storeId` is drawn by lot, below 2^48. */
export interface RestoredEvent extends Commanded {
  readonly kind: 'restored';
  readonly name: string;
  readonly storeId: number;
}

/** After a restore, addrd may act again. */
export interface RestoreConfirmEvent extends Commanded {
  readonly kind: 'restore-confirm';
  readonly reason: string;
}

/** A backup of the store was made, or failed (`fault`: its code, and why). */
export interface BackupEvent extends Commanded {
  readonly kind: 'backup';
  /** The name of its file. */
  readonly name: string;
  readonly fault: { readonly code: string; readonly why: string } | null;
  readonly bytes: number;
  readonly pages: number;
  readonly tookMs: number;
}

/** addrd is alive: bounds the gap that a crash leaves. */
export interface HeartbeatEvent extends Received {
  readonly kind: 'heartbeat';
  /** Packets that were answered without being recorded since the last one: where there are any, that is a gap. */
  readonly unrecorded?: number;
  /** Events that were condemned since the last one. */
  readonly condemned?: number;
}

export type LifecycleEvent =
  | AccountingEvent
  | NasEvent
  | OddPacketEvent
  | AllocateEvent
  | ActivateEvent
  | RevokeEvent
  | RenumberEvent
  | IdentityPutEvent
  | IdentityDropEvent
  | ServiceEvent
  | ReleaseEvent
  | ImportRowEvent
  | EffectStartedEvent
  | EffectOutcomeEvent
  | DeadlineEvent
  | DaemonStartedEvent
  | ConfigLoadedEvent
  | FreezeEvent
  | ThawEvent
  | MaintenanceEvent
  | MaintenanceEndEvent
  | ApproveEvent
  | AcknowledgeEvent
  | WhoAskedEvent
  | TaskRunEvent
  | HoldEvent
  | TroubleEvent
  | BackupEvent
  | RestoredEvent
  | RestoreConfirmEvent
  | HeartbeatEvent;
