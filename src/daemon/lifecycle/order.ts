/** What was ordered about assignments, as their rows and the rows of effects keep it. */

export interface RevokeOrder {
  readonly reason: string;
  readonly actor: string;
  readonly sendDisconnect: boolean;
  readonly releaseToPool: boolean;
  /** The assignment that the subscriber has instead: this one is not given back to him. */
  readonly renumberedTo?: number;
}

/** When the sessions on the old address are told to end: never, at once, or at a time. */
export type RenumberWhen = 'next_session' | 'now' | 'window';

/** That an assignment is to take the place of the one that it supersedes. Times are Unix milliseconds. */
export interface RenumberOrder {
  readonly when: RenumberWhen;
  /** When the sessions are told to end; null where they are not. */
  readonly at: number | null;
  /** Whether that was done. */
  readonly told: boolean;
  /** Until when a session has to show the new address. */
  readonly deadline: number;
  readonly reason: string;
  readonly actor: string;
  /** How it ended, or null. */
  readonly outcome: 'done' | 'failed' | null;
  readonly endedAt: number | null;
}

/**
 * What an effect serves: the end of an assignment, void when its generation has passed; with `intruder`, that the session
 * stops contesting it; with `renumber`, that the session comes back on another assignment, void when either has passed.
 */
export interface EffectOrder {
  readonly assignment: number;
  readonly generation: number;
  readonly intruder?: boolean;
  readonly renumber?: { readonly assignment: number; readonly generation: number };
}

/** What a reservation is called in the system that it is imported from. */
export type LegacyStatus = 'reserved' | 'assigned' | 'released' | 'expired';

/** Of an assignment: that it was a reservation of another system before, or null. */
export interface FromElsewhere {
  readonly imported: {
    readonly status: LegacyStatus;
    readonly at: number;
    /** When a session of its subscriber first showed it, or null: only the other system says so yet. */
    readonly verifiedAt: number | null;
  } | null;
}
