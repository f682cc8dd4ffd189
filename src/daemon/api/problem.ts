/** What the API says when it does not do what it was asked: RFC 9457 problem documents with a stable `code`. */

/** Every code with its HTTP status and title. `docs/api.md` has a row for each. */
export const PROBLEMS = {
  'bad-request': { status: 400, title: 'The request is not well formed' },
  unauthorized: { status: 401, title: 'A valid token is needed' },
  forbidden: { status: 403, title: 'The token may not do this' },
  'not-found': { status: 404, title: 'There is no such resource' },
  'unknown-subscriber': { status: 404, title: 'There is no such subscriber' },
  'unknown-address': { status: 404, title: 'Nothing is known of this address' },
  'unknown-vrf': { status: 404, title: 'There is no such VRF' },
  'unknown-pool': { status: 404, title: 'There is no such pool' },
  'no-assignment': { status: 404, title: 'The subscriber has no such assignment' },
  'unknown-parent': { status: 404, title: 'There is nothing that the subnet can ride on' },
  'unknown-nas': { status: 404, title: 'There is no such NAS' },
  'unknown-batch': { status: 404, title: 'There is no such batch' },
  'unknown-task': { status: 404, title: 'There is no such background task' },
  'unknown-hold': { status: 404, title: 'There is no such hold' },
  'unknown-alarm': { status: 404, title: 'There is no such alarm' },
  'pool-exhausted': { status: 409, title: 'The pool has no free address' },
  'pool-unsure': {
    status: 409,
    title: 'The pool, or a part of it, is new or back in the config and waits for one interim round',
  },
  'address-taken': { status: 409, title: 'The address is held by another assignment' },
  'address-quarantined': { status: 409, title: 'The address is in quarantine' },
  'address-occupied': { status: 409, title: 'A session without an assignment is on the address' },
  'address-reserved': { status: 409, title: 'The address is reserved' },
  'not-reserved': { status: 409, title: 'The address is not reserved' },
  'address-contested': { status: 409, title: 'Another session may be on the address' },
  'already-renumbering': { status: 409, title: 'The assignment is being renumbered already' },
  'parent-ended': { status: 409, title: 'What the subnet is to ride on is being revoked, or was' },
  'too-many-subnets': { status: 409, title: 'As many subnets as can ride on it already' },
  'address-required': { status: 409, title: 'The subscriber has several: say which one is meant' },
  'bad-deadline': { status: 400, title: 'The times of the order leave no time' },
  'being-revoked': { status: 409, title: 'The assignment is still being revoked' },
  'identity-taken': { status: 409, title: 'The identity belongs to another subscriber' },
  'too-many-identities': { status: 409, title: 'The subscriber has as many identities as one can have' },
  'invalid-transition': { status: 409, title: 'The assignment is in a state that does not allow this' },
  'not-revoking': { status: 409, title: 'Force ends terminations only: revoke it first' },
  'seen-lately': { status: 409, title: 'Somebody was seen on the address lately' },
  frozen: { status: 409, title: 'addrd is frozen' },
  'clock-behind': { status: 409, title: 'The clock of the host is behind' },
  'backup-exists': { status: 409, title: 'There is a file of that name' },
  'backup-running': { status: 409, title: 'Another backup is being made' },
  'backup-name': { status: 422, title: 'That is no name of a backup' },
  'backup-failed': { status: 500, title: 'The backup could not be written' },
  'backup-unsound': { status: 500, title: 'The copy of the store is damaged' },
  'restored-unconfirmed': { status: 409, title: 'The store was restored and the sources are not heard again' },
  'task-running': { status: 409, title: 'The task runs already' },
  'task-too-large': { status: 409, title: 'The task would touch an unusually large share' },
  'batch-decided': { status: 409, title: 'The batch was decided otherwise' },
  refused: { status: 409, title: 'The order was refused' },
  'payload-too-large': { status: 413, title: 'The body is too large' },
  'unsupported-media-type': { status: 415, title: 'The body must be JSON' },
  'wrong-family': { status: 422, title: 'The pool hands out another family' },
  'pool-external': { status: 409, title: 'The pool is handed out by others' },
  'pool-required': { status: 422, title: 'Pools of several VRFs fit: name one' },
  'parent-required': { status: 422, title: 'The subscriber has several: say which one is the parent' },
  'parent-mismatch': { status: 422, title: 'The subnet cannot ride on this assignment' },
  'not-routed': { status: 422, title: 'Only routed subnets have a parent' },
  'pool-mismatch': { status: 422, title: 'The pool does not serve this' },
  'not-in-pool': { status: 422, title: 'The pool does not hand out this address' },
  'time-is-over': { status: 422, title: 'The time is over already' },
  'not-supported': { status: 422, title: 'This version cannot do this' },
  'idempotency-key-reused': { status: 422, title: 'The Idempotency-Key was used for another request' },
  'internal-fault': { status: 500, title: 'addrd met a fault of its own' },
  'queue-full': { status: 503, title: 'Too much is waiting: try again' },
  'store-unavailable': { status: 503, title: 'The store cannot be written' },
  'read-too-long': { status: 503, title: 'There is too much to look through for one answer' },
  stopping: { status: 503, title: 'addrd is stopping' },
} as const satisfies Readonly<Record<string, { status: number; title: string }>>;

export type ProblemCode = keyof typeof PROBLEMS;

/** Seconds after which it may be tried again. */
const RETRY_AFTER: Readonly<Partial<Record<ProblemCode, number>>> = {
  'queue-full': 1,
  'store-unavailable': 5,
  stopping: 5,
};

/** A field of the request that is at fault; `field` is empty where it is the body as a whole. */
export interface FieldFault {
  readonly field: string;
  readonly message: string;
}

export interface ProblemDocument {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: ProblemCode;
  readonly detail?: string;
  readonly errors?: readonly FieldFault[];
  /** `pool-exhausted`: the pools that have nothing left, and when the next unit of one leaves quarantine. */
  readonly pools?: readonly string[];
  readonly next_free_at?: string | null;
}

/** What `decide` says of pools that have nothing left; `retry_after` is seconds. */
export interface Exhausted {
  readonly pools: readonly string[];
  readonly next_free_at: string | null;
  readonly retry_after: number | null;
}

/** Ends a request with a problem document. */
export class Problem extends Error {
  readonly code: ProblemCode;
  readonly detail: string | null;
  readonly errors: readonly FieldFault[];
  readonly #exhausted: Exhausted | null;

  constructor(
    code: ProblemCode,
    detail: string | null = null,
    errors: readonly FieldFault[] = [],
    exhausted: Exhausted | null = null,
  ) {
    super(`${code}: ${detail ?? PROBLEMS[code].title}`);
    this.name = 'Problem';
    this.code = code;
    this.detail = detail;
    this.errors = errors;
    this.#exhausted = exhausted;
  }

  get status(): number {
    return PROBLEMS[this.code].status;
  }

  /** Seconds for Retry-After, or null where trying again would not help. */
  get retryAfter(): number | null {
    return this.#exhausted?.retry_after ?? RETRY_AFTER[this.code] ?? null;
  }

  /** The document as RFC 9457 section 3 wants it. */
  document(): ProblemDocument {
    return {
      type: `urn:addrd:problem:${this.code}`,
      title: PROBLEMS[this.code].title,
      status: this.status,
      code: this.code,
      ...(this.detail === null ? {} : { detail: this.detail }),
      ...(this.errors.length === 0 ? {} : { errors: this.errors }),
      ...(this.#exhausted === null ? {} : { pools: this.#exhausted.pools, next_free_at: this.#exhausted.next_free_at }),
    };
  }
}

/** Whether a code of the lifecycle is one of the table. */
export function isProblemCode(code: string): code is ProblemCode {
  return Object.hasOwn(PROBLEMS, code);
}
