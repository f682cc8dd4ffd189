/**
 * The port through which the API orders changes: asynchronous, and plain data both ways, so that it may lie between two
 * threads. A result that comes back is committed and fsynced.
 */
import type {
  AcknowledgeEvent,
  ActivateEvent,
  AllocateEvent,
  ApproveEvent,
  FreezeEvent,
  HoldEvent,
  IdentityDropEvent,
  IdentityPutEvent,
  MaintenanceEndEvent,
  MaintenanceEvent,
  ReleaseEvent,
  RestoreConfirmEvent,
  RenumberEvent,
  RevokeEvent,
  ServiceEvent,
  TaskRunEvent,
  ThawEvent,
  WhoAskedEvent,
} from './lifecycle/events.js';
import type { ImportRowEvent } from './lifecycle/import-row.js';
import type { VerdictKind } from './lifecycle/records.js';

/** How a repeated request is recognised: the same key with the same body is answered from the first one's commit. */
export interface Idempotency {
  readonly token: string;
  readonly key: string;
  /** SHA-256 of method, path and body. */
  readonly bodyHash: Uint8Array;
}

type Order<E> = Omit<E, 'receivedAt' | 'usernameBytes'>;

export type Command = (
  | Order<AllocateEvent>
  | Order<ActivateEvent>
  | Order<RevokeEvent>
  | Order<RenumberEvent>
  | Order<IdentityPutEvent>
  | Order<IdentityDropEvent>
  | Order<ServiceEvent>
  | Order<ReleaseEvent>
  | Order<ImportRowEvent>
  | Order<FreezeEvent>
  | Order<ThawEvent>
  | Order<MaintenanceEvent>
  | Order<MaintenanceEndEvent>
  | Order<RestoreConfirmEvent>
  | Order<ApproveEvent>
  | Order<AcknowledgeEvent>
  | Order<WhoAskedEvent>
  | Order<TaskRunEvent>
  | Order<HoldEvent>
) & {
  readonly idempotency: Idempotency | null;
};

/** What the door decided. `reply` is the JSON that `decide` gave; `code` says why where the verdict is not `applied`. */
export interface CommandResult {
  readonly verdict: VerdictKind;
  readonly code: string | null;
  readonly detail: string | null;
  readonly reply: unknown;
  /** Whether it was answered from an earlier request's commit. */
  readonly replayed: boolean;
}

/** A backup of the store is wanted. `name`: of its file in the folder of backups; null: one by the time. */
export interface BackupOrder {
  readonly kind: 'back-up';
  readonly tenant: string;
  readonly actor: string;
  readonly name: string | null;
}

/** What whoever ordered a backup is told of it. Of one that goes on, the last values are null. */
export interface BackupReply {
  readonly name: string;
  readonly path: string;
  readonly done: boolean;
  /** It was read whole and found sound. */
  readonly verified: boolean;
  readonly at: string | null;
  readonly duration_seconds: number | null;
  readonly bytes: number | null;
  readonly schema: number | null;
  readonly pages: number;
  readonly pages_remaining: number;
}

/** Where backups are ordered. Rejects as {@link CommandPort} does. */
export interface BackupPort {
  backUp(order: BackupOrder): Promise<CommandResult>;
}

/** Why a command could not be decided. Nothing has changed, and it may be tried again. */
export type CommandUnavailableCode = 'queue-full' | 'store-unavailable' | 'stopping';

export class CommandUnavailable extends Error {
  readonly code: CommandUnavailableCode;
  constructor(code: CommandUnavailableCode) {
    super(`the command was not decided: ${code}`);
    this.name = 'CommandUnavailable';
    this.code = code;
  }
}

/** Rejects with {@link CommandUnavailable}. */
export interface CommandPort {
  execute(command: Command): Promise<CommandResult>;
}

/** What `readyz` reports: ready, or every reason why not. `notes`: what holds addrd back though it is ready. */
export interface Readiness {
  readonly ready: boolean;
  readonly reasons: readonly string[];
  readonly notes: readonly string[];
}
