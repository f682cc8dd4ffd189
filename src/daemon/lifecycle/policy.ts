/** The knobs that `decide` obeys, compiled from the config and never changed while it runs. Durations are milliseconds. */
import { contains, type Prefix } from './address.js';
import type { ConfiguredPool } from './events.js';
import type { ClaimType, StrongType } from './records.js';
import type { NameRules } from './user-name.js';

/** A pool as the config wants it, with the numbers that the store gave to it and to its VRF. */
export interface PoolPolicy extends Omit<ConfiguredPool, 'vrf'> {
  readonly id: number;
  readonly vrf: number;
}

/** A config entry for NASes. */
export interface NasPolicy {
  readonly name: string;
  readonly tenant: string;
  readonly vrf: number;
  /** Whether a Disconnect can be sent there. */
  readonly coa: boolean;
  /** How many NASes may be known by what its packets report. */
  readonly mostNases: number;
  /** How long one attempt at an effect can last on the wire, all retransmissions included. */
  readonly effectLifeMs: number;
  /** What its packets may name a subscriber by, and what is learned of that; everything and User-Names where not said. */
  readonly identity?: {
    readonly use: readonly ClaimType[];
    readonly learn: readonly StrongType[];
    /** How its User-Names are read; as they come where not said. */
    readonly names?: NameRules;
  };
  /** Which profiles it can be told by CoA, and the Class of a session in the garden. Without: none. */
  readonly profiles?:
    { readonly suspend: boolean; readonly resume: boolean; readonly gardenClass: Uint8Array | null } | undefined;
  /** Its own mode; without one, that of {@link Policy.mode} holds. */
  readonly mode?: Mode;
  /**
   * What an Accounting-On or -Off says: sessions may have ended (`restart`, the default), have ended (`reboot`), or it is
   * about a part of the NAS that no packet names (`partial`).
   */
  readonly accountingOn?: AccountingOn;
  /** `none`: it sends no Interims, so that silence says nothing. */
  readonly interim?: 'none';
  /** `gone`: an IPv6 attribute that an Interim shows no more was withdrawn; without it, its absence says nothing. */
  readonly v6Absence?: 'gone';
}

export type AccountingOn = 'restart' | 'reboot' | 'partial';

/** `act` performs effects; `observe` records them as `would-have`. */
export type Mode = 'observe' | 'act';

export interface Policy {
  /** The mode of effects on NASes, where the entry of the NAS says nothing else. */
  readonly mode: Mode;
  readonly pools: readonly PoolPolicy[];
  readonly nas: ReadonlyMap<string, NasPolicy>;
  /** How often a live session reports at the latest: one interim round. */
  readonly interimRoundMs: number;
  /** How long addrd may have been away without a gap on the horizon: NASes repeat unanswered packets that long. */
  readonly gapToleranceMs: number;
  /** After an Accounting-On or -Off, how long a session has to show itself again. */
  readonly epochGraceMs: number;
  /** An Accounting-On this soon after the last is a repeat. */
  readonly epochRepeatMs: number;
  /** Silence proves an end after this many Interims, and for this many times the largest gap between them. */
  readonly silence: { readonly interims: number; readonly factor: number };
  /** A NAS that was not heard for this long has been taken away and is not waited for. */
  readonly forgottenNasMs: number;
  /** After a Disconnect-ACK, when to look whether the Stop came. */
  readonly ackGraceMs: number;
  /** After this long in REVOKING without evidence, the reason is shown and it is looked at less often. */
  readonly evidenceTimeoutMs: number;
  /** What becomes of it then: it is held, or ended by force unless somebody was seen on it lately. */
  readonly evidence: 'hold' | 'force';
  /** How long a session has to show the new address of a renumbering. */
  readonly renumberTimeoutMs: number;
  /** New Disconnects for a session that comes back while REVOKING: at most `count` in `windowMs`. */
  readonly disconnect: { readonly count: number; readonly windowMs: number };
  /** Effects that failed are tried again after `baseMs`, doubled each time up to `capMs`. */
  readonly retry: { readonly baseMs: number; readonly capMs: number };
  /**
   * What may be cut in `windowMs`, by each token and on each NAS: `count`, or less where `share` of the live assignments
   * is less, but never less than `floor`.
   */
  readonly guard: {
    readonly count: number;
    readonly share: number;
    readonly floor: number;
    readonly windowMs: number;
  };
  /** How long what is over is kept; null: for ever. */
  readonly retention: { readonly journalMs: number | null };
  /** What one run of a background task may touch: this share of the live assignments, and as many as `floor` in any case. */
  readonly task: { readonly share: number; readonly floor: number };
  /** How coarse `heardUntil` of a NAS is. */
  readonly heardStepMs: number;
}

/** The defaults of SEMANTICS; the config replaces what it names. */
export const DEFAULT_KNOBS = {
  interimRoundMs: 600_000,
  gapToleranceMs: 10_000,
  epochGraceMs: 1_200_000,
  epochRepeatMs: 10_000,
  silence: { interims: 3, factor: 3 },
  forgottenNasMs: 7 * 86_400_000,
  ackGraceMs: 5_000,
  evidenceTimeoutMs: 3_600_000,
  evidence: 'hold',
  renumberTimeoutMs: 86_400_000,
  disconnect: { count: 3, windowMs: 600_000 },
  retry: { baseMs: 1_000, capMs: 300_000 },
  guard: { count: 200, share: 0.01, floor: 20, windowMs: 600_000 },
  retention: { journalMs: null },
  task: { share: 0.1, floor: 1_000 },
  heardStepMs: 5_000,
} as const;

/** A NAS with sessions is not silent for longer than this, milliseconds: one round and a quarter for what is late. */
export function longestPause(policy: Pick<Policy, 'interimRoundMs'>): number {
  return policy.interimRoundMs * 1.25;
}

/** Whether effects on the NASes of a config entry are performed. */
export function actsOn(policy: Policy, entry: string): boolean {
  return (policy.nas.get(entry)?.mode ?? policy.mode) === 'act';
}

/** The pool that a prefix lies in, or null: pools of one VRF do not overlap. */
export function poolOf(policy: Policy, vrf: number, prefix: Prefix): PoolPolicy | null {
  for (const pool of policy.pools) if (pool.vrf === vrf && contains(pool.prefix, prefix)) return pool;
  return null;
}

/** Where the config says nothing else, or the pool is retired. */
const OFFER_TIMEOUT_MS = 120_000;

/** How long an ALLOCATED unit of a dynamic pool waits for its subscriber, milliseconds. */
export function offerTimeoutOf(policy: Policy, pool: number): number {
  return policy.pools.find(({ id }) => id === pool)?.offerTimeoutMs ?? OFFER_TIMEOUT_MS;
}

/** Whether a session of an unknown User-Name makes a subscriber in a pool. */
export function adoptsUnknown({ kind, unknownSubscriber }: PoolPolicy): boolean {
  return (unknownSubscriber ?? (kind === 'external' ? 'adopt' : 'occupy')) === 'adopt';
}
