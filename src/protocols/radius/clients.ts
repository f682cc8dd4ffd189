import { addressOctets } from './address.js';
import { clearHostBits, type IpPrefix } from './attributes.js';

/**
 * What to make of a Message-Authenticator in an Accounting-Request or in the reply to a request of ours: not look at it,
 * check it where it is present, or refuse packets without it.
 */
export type MessageAuthenticatorPolicy = 'ignore' | 'optional' | 'required';

/** A RADIUS client (a NAS or a proxy), known by the source address of its packets. `payload` is the caller's own. */
export interface RadiusClient<T> {
  readonly name: string;
  readonly prefix: IpPrefix;
  /** At least one octet. */
  readonly secret: Uint8Array;
  readonly messageAuthenticator: MessageAuthenticatorPolicy;
  readonly payload: T;
}

export type ClientTableErrorCode = 'prefix-invalid' | 'prefix-duplicate' | 'secret-empty';

/** The list of clients cannot be used; `client` is the name of the entry at fault. */
export class ClientTableError extends Error {
  override readonly name = 'ClientTableError';
  readonly code: ClientTableErrorCode;
  readonly client: string;

  constructor(code: ClientTableErrorCode, client: string) {
    super(`${code}: ${client}`);
    this.code = code;
    this.client = client;
  }
}

/** The client of a source address, and that address as 4 or 16 octets. Shared between packets: do not write to it. */
export interface ClientMatch<T> {
  readonly client: RadiusClient<T>;
  readonly octets: Uint8Array;
}

/** Enough for every NAS of a large network; only known sources enter, so a flood of forged ones cannot displace them. */
const CACHE_LIMIT = 8192;

interface PrefixGroup<T> {
  readonly length: number;
  readonly byOctets: Map<string, RadiusClient<T>>;
}

/** Finds the client of a source address: the longest prefix wins. Immutable; to change clients, make a new table. */
export class ClientTable<T> {
  readonly #groups: { readonly 4: PrefixGroup<T>[]; readonly 16: PrefixGroup<T>[] } = { 4: [], 16: [] };
  readonly #cache = new Map<string, ClientMatch<T>>();

  /**
   * Bits beyond a prefix length are ignored.
   * @throws ClientTableError `prefix-invalid`, `prefix-duplicate`, `secret-empty`
   */
  constructor(clients: Iterable<RadiusClient<T>>) {
    for (const client of clients) {
      const { bytes, length } = client.prefix;
      if ((bytes.length !== 4 && bytes.length !== 16) || !isPrefixLength(length, bytes.length * 8)) {
        throw new ClientTableError('prefix-invalid', client.name);
      }
      if (client.secret.length === 0) throw new ClientTableError('secret-empty', client.name);
      const groups = this.#groups[bytes.length];
      let group = groups.find((candidate) => candidate.length === length);
      if (group === undefined) {
        group = { length, byOctets: new Map() };
        groups.push(group);
      }
      const key = maskedKey(bytes, length);
      if (group.byOctets.has(key)) throw new ClientTableError('prefix-duplicate', client.name);
      group.byOctets.set(key, client);
    }
    for (const groups of [this.#groups[4], this.#groups[16]]) groups.sort((a, b) => b.length - a.length);
  }

  /** `source` as the kernel prints it. An IPv4-mapped IPv6 source is looked up as IPv4. */
  find(source: string): ClientMatch<T> | undefined {
    const cached = this.#cache.get(source);
    if (cached !== undefined) return cached;
    const octets = addressOctets(source);
    if (octets === undefined) return undefined;
    for (const { length, byOctets } of this.#groups[octets.length === 4 ? 4 : 16]) {
      const client = byOctets.get(maskedKey(octets, length));
      if (client !== undefined) {
        const match = { client, octets };
        this.#remember(source, match);
        return match;
      }
    }
    return undefined;
  }

  #remember(source: string, match: ClientMatch<T>): void {
    if (this.#cache.size >= CACHE_LIMIT) this.#cache.clear();
    this.#cache.set(source, match);
  }
}

function isPrefixLength(length: number, most: number): boolean {
  return Number.isInteger(length) && length >= 0 && length <= most;
}

function maskedKey(octets: Uint8Array, length: number): string {
  const masked = Uint8Array.from(octets);
  clearHostBits(masked, length);
  return String.fromCharCode(...masked);
}
