/** A row of another system's reservations, as an event. */
import type { Prefix } from './address.js';
import type { LegacyStatus } from './order.js';
import type { Identity } from './records.js';

/** What names a subscriber: canonical octets, as the claims of packets have them. */
export type ImportedIdentity = Pick<Identity, 'type' | 'scope' | 'bytes'>;

export interface ImportRowEvent {
  readonly kind: 'import-row';
  readonly tenant: string;
  readonly actor: string;
  readonly receivedAt: number;
  readonly subscriber: string;
  readonly prefix: Prefix;
  /** Names; null: the one pool of the tenant that the prefix lies in, and where pools of several VRFs do, that of `global`. */
  readonly pool: string | null;
  readonly vrf: string | null;
  readonly status: LegacyStatus;
  readonly identities: readonly ImportedIdentity[];
  /** The caller's own JSON. */
  readonly metadata: string | null;
  /** Of the file that it is from, or null: for the journal. */
  readonly line: number | null;
}
