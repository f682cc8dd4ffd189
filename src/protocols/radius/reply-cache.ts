/** A request that is being worked on, or was answered. */
interface Entry {
  readonly key: string;
  /** Undefined while being worked on. */
  readonly reply: Uint8Array | undefined;
  readonly expiresAtMs: number;
}

/** What became of earlier copies of a request. A claim stands for the right, and the duty, to answer it. */
export type Earlier =
  | { readonly kind: 'none'; readonly claim: object }
  | { readonly kind: 'in-flight' }
  | { readonly kind: 'answered'; readonly reply: Uint8Array };

/**
 * Remembers requests for a while, so that a retransmission gets the same octets and is not worked on twice
 * (RFC 5080 section 2.2.2). Bounded in age and in number; the oldest go first. There is no timer: every call drops what
 * has expired by then.
 */
export class ReplyCache {
  readonly #maxAgeMs: number;
  readonly #maxEntries: number;
  readonly #entries = new Map<string, Entry>();
  /**
   * Entries in order of age, stale ones included. The map keeps that order too, but walking a Map from its front steps
   * over every deleted slot, which would make each call linear.
   */
  #queue: Entry[] = [];
  #head = 0;

  /** `maxAgeMs` counts from the arrival, then anew from the answer. `maxEntries` is at least 1. */
  constructor(maxAgeMs: number, maxEntries: number) {
    this.#maxAgeMs = maxAgeMs;
    this.#maxEntries = Math.max(1, maxEntries);
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Looks the request up and, if it is new, notes it as being worked on. `nowMs` is monotonic. */
  begin(key: string, nowMs: number): Earlier {
    this.#expire(nowMs);
    const entry = this.#entries.get(key);
    if (entry !== undefined) {
      return entry.reply === undefined ? { kind: 'in-flight' } : { kind: 'answered', reply: entry.reply };
    }
    return { kind: 'none', claim: this.#insert(key, undefined, nowMs) };
  }

  /** Keeps the reply. A claim that has expired meanwhile yields to the one that replaced it. */
  answer(key: string, claim: object, reply: Uint8Array, nowMs: number): void {
    this.#expire(nowMs);
    const current = this.#entries.get(key);
    if (current !== undefined && current !== claim) return;
    this.#insert(key, reply, nowMs);
  }

  /** The request will not be answered: its next copy counts as new. */
  forget(key: string, claim: object): void {
    if (this.#entries.get(key) === claim) this.#entries.delete(key);
  }

  #insert(key: string, reply: Uint8Array | undefined, nowMs: number): Entry {
    while (this.#entries.size >= this.#maxEntries && !this.#entries.has(key)) this.#dropOldest();
    const entry: Entry = { key, reply, expiresAtMs: nowMs + this.#maxAgeMs };
    this.#entries.set(key, entry);
    this.#queue.push(entry);
    this.#compact();
    return entry;
  }

  #expire(nowMs: number): void {
    for (;;) {
      const oldest = this.#queue[this.#head];
      if (oldest === undefined || oldest.expiresAtMs > nowMs) return;
      this.#dropOldest();
    }
  }

  #dropOldest(): void {
    const oldest = this.#queue[this.#head];
    if (oldest === undefined) return;
    this.#head += 1;
    if (this.#entries.get(oldest.key) === oldest) this.#entries.delete(oldest.key);
  }

  /** Once per as many insertions as it moves entries, so its cost per call is constant. */
  #compact(): void {
    if (this.#queue.length <= 2 * this.#maxEntries + 64) {
      if (this.#head <= 1024 || this.#head * 2 <= this.#queue.length) return;
      this.#queue = this.#queue.slice(this.#head);
    } else {
      this.#queue = this.#queue.filter((entry, index) => index >= this.#head && this.#entries.get(entry.key) === entry);
    }
    this.#head = 0;
  }
}
