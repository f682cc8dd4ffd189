/** Legal holds: what is known of a subscriber or an address is not deleted while somebody has said so. */
import type { Prefix } from './address.js';

/** One row for each subject; after its end it stays until it is set anew. Times are Unix milliseconds. */
export interface Hold {
  /** `TENANT/subscriber/NUMBER` or `TENANT/address/PREFIX/VRF`. */
  readonly ref: string;
  readonly tenant: string;
  readonly subscriber: number | null;
  /** An address or prefix, in one VRF or (null) in each. */
  readonly prefix: Prefix | null;
  readonly vrf: number | null;
  readonly actor: string;
  readonly reason: string;
  readonly since: number;
  readonly endedAt: number | null;
  readonly endedBy: string | null;
}
