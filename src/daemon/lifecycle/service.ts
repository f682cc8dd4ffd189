/** In service or suspended: what the records of a subscriber, of his sessions and of effects say of it. */

/** Who took a subscriber out of service, or put him back, and what his sessions are to be told. */
export interface ServiceOrder {
  readonly at: number;
  readonly actor: string;
  readonly reason: string;
  readonly sendCoa: boolean;
  /** Where no CoA can say it, the session is disconnected, so that AAA decides anew. */
  readonly sendDisconnect: boolean;
}

/** What a CoA says: `suspend` puts a session into the garden, `resume` takes it out. */
export type Profile = 'suspend' | 'resume';

/** How far a session is with what a suspend or reactivate of its subscriber wants of it. */
export interface SessionProfile {
  readonly profile: Profile;
  /** The subscriber's when this was wanted. */
  readonly generation: number;
  readonly state: 'waiting' | 'confirmed' | 'failed' | 'skipped';
  readonly outcome: string | null;
  /** How many effects were ordered for it. */
  readonly attempts: number;
  /** Whether a CoA may have put the session into the garden since it was last taken out. */
  readonly gardened: boolean;
  /** The batch in which its effect was rejected: none is ordered until the order is said again. */
  readonly rejected: number | null;
  readonly at: number;
}

/** What a suspend or reactivate wants of a session; void when the subscriber's generation has passed. */
export interface Desired {
  readonly subscriber: number;
  readonly generation: number;
  readonly profile: Profile;
}

/** What the answer to an order notes: a session was not told, and its subscriber's `stuck` says why; one is told to end. */
export type ServiceNote = 'not-told' | 'disconnect-ordered';
