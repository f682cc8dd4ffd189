/** How many datagrams a source may send: so many a second for as long as it likes, and so many at once. */
export interface FloodLimits {
  /** Datagrams a second; more than 0. */
  readonly perSecond: number;
  /** Datagrams at once after a rest; at least 1. */
  readonly burst: number;
}

/** All sources that no client covers share this: enough to show in the log who asks in vain. */
const STRANGERS: FloodLimits = { perSecond: 50, burst: 200 };

/** A power of two, over the number of NASes of a large network, so that two of them seldom share a slot. */
const SLOTS = 16_384;

/**
 * A token bucket for each source, looked at before anything is computed for a datagram. The table has a fixed size and
 * nothing is allocated: forged sources cannot make it grow. Sources whose addresses hash alike share a bucket.
 */
export class FloodGate {
  readonly #limits: FloodLimits | undefined;
  /** What each slot has spent of its burst, and the monotonic time in milliseconds of that. */
  readonly #spent = new Float64Array(SLOTS + 1);
  readonly #at = new Float64Array(SLOTS + 1);

  /** Without limits a client may send as much as it likes. */
  constructor(limits: FloodLimits | undefined) {
    this.#limits = limits;
  }

  /** Whether a datagram of a client is within its limits. `source` is its address, 4 or 16 octets; `nowMs` is monotonic. */
  admit(source: Uint8Array, nowMs: number): boolean {
    return this.#limits === undefined || this.#spend(slotOf(source), this.#limits, nowMs);
  }

  /** Whether a datagram of somebody who is no client is worth being told of. All of them share one small budget. */
  admitStranger(nowMs: number): boolean {
    return this.#spend(SLOTS, STRANGERS, nowMs);
  }

  #spend(slot: number, { perSecond, burst }: FloodLimits, nowMs: number): boolean {
    const regained = ((nowMs - (this.#at[slot] as number)) * perSecond) / 1000;
    const spent = Math.max(0, (this.#spent[slot] as number) - regained);
    const admitted = spent + 1 <= burst;
    this.#spent[slot] = admitted ? spent + 1 : spent;
    this.#at[slot] = nowMs;
    return admitted;
  }
}

/** FNV-1a, whose low bits are folded with the high ones. */
function slotOf(source: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const octet of source) hash = Math.imul(hash ^ octet, 0x01000193);
  return (hash ^ (hash >>> 16)) & (SLOTS - 1);
}
