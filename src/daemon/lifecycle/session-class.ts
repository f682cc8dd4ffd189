/**
 * The Class that addrd gives a session (RFC 2865 section 5.25): the NAS sends it back in accounting, and it names the
 * assignment that the session was authorised for.
 *
 * 22 octets: `addrd`, the version 1, the number of the store (6), of the assignment (6), and its generation (4), in
 * network order. The number of the store is drawn by lot: another addrd, or this one on another store, is no match.
 */
export interface SessionClass {
  /** Below 2^48, as is `assignment`. */
  readonly store: number;
  readonly assignment: number;
  /** Below 2^32. */
  readonly generation: number;
}

const MAGIC = Uint8Array.of(0x61, 0x64, 0x64, 0x72, 0x64, 1);
const LENGTH = 22;

/** The octets of a Class. */
export function encodeClass({ store, assignment, generation }: SessionClass): Uint8Array {
  const octets = new Uint8Array(LENGTH);
  octets.set(MAGIC);
  write(octets, 6, 6, store);
  write(octets, 12, 6, assignment);
  write(octets, 18, 4, generation);
  return octets;
}

/** Whether octets look like a Class of an addrd: their length and their beginning. */
export function looksLikeClass(octets: Uint8Array): boolean {
  return octets.length === LENGTH && MAGIC.every((octet, index) => octets[index] === octet);
}

/** What {@link encodeClass} wrote, or null where the octets are another program's. */
export function decodeClass(octets: Uint8Array): SessionClass | null {
  if (!looksLikeClass(octets)) return null;
  return { store: read(octets, 6, 6), assignment: read(octets, 12, 6), generation: read(octets, 18, 4) };
}

function write(octets: Uint8Array, at: number, length: number, value: number): void {
  let rest = value;
  for (let index = at + length - 1; index >= at; index--) {
    octets[index] = rest % 256;
    rest = Math.floor(rest / 256);
  }
}

function read(octets: Uint8Array, at: number, length: number): number {
  let value = 0;
  for (let index = at; index < at + length; index++) value = value * 256 + (octets[index] as number);
  return value;
}
