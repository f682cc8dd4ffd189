/** A request that is being worked on, or was answered. */
interface Entry {
  /** Undefined while being worked on. */
  reply: Uint8Array | undefined;
  expiresAtMs: number;
}

/** What became of earlier copies of a request. A claim stands for the right, and the duty, to answer it. */
export type Earlier =
  | { readonly kind: 'none'; readonly claim: object }
  | { readonly kind: 'in-flight' }
  | { readonly kind: 'answered'; readonly reply: Uint8Array };

/** A reply is 20 octets, unless a proxy asks for kilobytes of Proxy-State to be sent back: those are bounded too. */
const HALF_OCTETS = 32 * 1024 * 1024;

const IN_FLIGHT: Earlier = { kind: 'in-flight' };

/**
 * Remembers requests for a while, so that a retransmission gets the same octets and is not worked on twice
 * (RFC 5080 section 2.2.2). Bounded in age and in number.
 *
 * There are two generations. New entries go into the young one; when it is as old as an entry may become, or holds half
 * of what may be remembered, it becomes the old one and the old one goes as a whole. So nothing is deleted entry by
 * entry, and there is no timer. At the least the younger half of the number is remembered.
 */
export class ReplyCache {
  readonly #maxAgeMs: number;
  readonly #halfEntries: number;
  #young = new Map<string, Entry>();
  #old = new Map<string, Entry>();
  /** When the young generation began, and when its last entry was made or answered. */
  #beganMs = -Infinity;
  #touchedMs = -Infinity;
  /** Octets of the replies in the young generation. */
  #octets = 0;

  /** `maxAgeMs` counts from the arrival, then anew from the answer. `maxEntries` is at least 2. */
  constructor(maxAgeMs: number, maxEntries: number) {
    this.#maxAgeMs = maxAgeMs;
    this.#halfEntries = Math.max(1, maxEntries >> 1);
  }

  /** How many requests take up memory, some of them perhaps expired. */
  get size(): number {
    return this.#young.size + this.#old.size;
  }

  /** Looks the request up and, if it is new, notes it as being worked on. `nowMs` is monotonic. */
  begin(key: string, nowMs: number): Earlier {
    const entry = this.#young.get(key) ?? this.#old.get(key);
    if (entry !== undefined && entry.expiresAtMs > nowMs) {
      return entry.reply === undefined ? IN_FLIGHT : { kind: 'answered', reply: entry.reply };
    }
    const claim: Entry = { reply: undefined, expiresAtMs: nowMs + this.#maxAgeMs };
    this.#insert(key, claim, nowMs);
    return { kind: 'none', claim };
  }

  /** Keeps the reply. A claim that has expired meanwhile yields to the one that replaced it. */
  answer(key: string, claim: object, reply: Uint8Array, nowMs: number): void {
    const entry = claim as Entry;
    const current = this.#young.get(key);
    if (current !== undefined && current !== entry) return;
    entry.reply = reply;
    entry.expiresAtMs = nowMs + this.#maxAgeMs;
    this.#touchedMs = nowMs;
    this.#octets += reply.length;
    // What is not among the young would go before its time.
    if (current === undefined) this.#insert(key, entry, nowMs);
  }

  /** The request will not be answered: its next copy counts as new. */
  forget(key: string, claim: object): void {
    for (const generation of [this.#young, this.#old]) if (generation.get(key) === claim) generation.delete(key);
  }

  #insert(key: string, entry: Entry, nowMs: number): void {
    const full = this.#young.size >= this.#halfEntries || this.#octets >= HALF_OCTETS;
    if (full || nowMs - this.#beganMs >= this.#maxAgeMs) {
      // Where nothing was made or answered for an age, all of the young generation has expired too.
      this.#old = nowMs - this.#touchedMs >= this.#maxAgeMs ? new Map<string, Entry>() : this.#young;
      this.#young = new Map<string, Entry>();
      this.#beganMs = nowMs;
      this.#octets = entry.reply?.length ?? 0;
    }
    this.#touchedMs = nowMs;
    this.#young.set(key, entry);
    this.#old.delete(key);
  }
}
