/** What vendor-specific attributes say of the access line of a session (RFC 2865 section 5.26, RFC 4679 section 3.3). */
import { view } from './packet.js';

/** Circuit id and remote id as the access node gave them, and the subscriber's MAC address as a vendor writes it: views. */
export interface LineAttributes {
  readonly circuitId: Uint8Array | undefined;
  readonly remoteId: Uint8Array | undefined;
  readonly macAddress: Uint8Array | undefined;
}

/** Nothing is said of the line. */
const NO_LINE: LineAttributes = { circuitId: undefined, remoteId: undefined, macAddress: undefined };

const CISCO = 9;
const HUAWEI = 2011;
const ADSL_FORUM = 3561;
const ERX = 4874;
const NOKIA_SR_OS = 6527;

const CISCO_AVPAIR = 1;

type Field = keyof LineAttributes;

/** The attributes of one octet of type and one of length, by vendor and number. */
const PLAIN: ReadonlyMap<number, ReadonlyMap<number, Field>> = new Map([
  [
    ADSL_FORUM,
    new Map<number, Field>([
      [1, 'circuitId'],
      [2, 'remoteId'],
    ]),
  ],
  [
    ERX,
    new Map<number, Field>([
      [56, 'macAddress'],
      [110, 'circuitId'],
      [182, 'remoteId'],
    ]),
  ],
  [NOKIA_SR_OS, new Map<number, Field>([[27, 'macAddress']])],
  [HUAWEI, new Map<number, Field>([[153, 'macAddress']])],
]);

/** What a Cisco-AVPair begins with, as octets. */
const PAIRS: readonly (readonly [Field, Uint8Array])[] = (
  [
    ['circuitId', 'circuit-id-tag='],
    ['remoteId', 'remote-id-tag='],
    ['macAddress', 'client-mac-address='],
  ] as const
).map(([field, text]) => [field, new TextEncoder().encode(text)]);

/**
 * Adds what one Vendor-Specific attribute, whose value lies from `at` to `end`, says of the line; of a repeated attribute
 * the first counts. A vendor without such attributes costs four octets; what is malformed says nothing.
 */
export function readLine(
  line: LineAttributes | undefined,
  bytes: Uint8Array,
  at: number,
  end: number,
): LineAttributes | undefined {
  if (end - at < 7 || bytes[at] !== 0) return line;
  const vendor = ((bytes[at + 1] as number) << 16) | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number);
  const fields = PLAIN.get(vendor);
  if (fields === undefined && vendor !== CISCO) return line;
  let known = line ?? NO_LINE;
  for (let next = at + 4; next + 2 < end;) {
    const type = bytes[next] as number;
    const value = next + 2;
    const length = bytes[next + 1] as number;
    next += length;
    // A length that runs over the end, or is none, takes what follows with it.
    if (length < 2 || next > end) break;
    if (value === next) continue;
    if (fields === undefined) {
      if (type === CISCO_AVPAIR) known = readPair(known, bytes, value, next);
      continue;
    }
    const field = fields.get(type);
    if (field !== undefined && known[field] === undefined) known = { ...known, [field]: view(bytes, value, next) };
  }
  return known === NO_LINE ? line : known;
}

function readPair(line: LineAttributes, bytes: Uint8Array, at: number, end: number): LineAttributes {
  for (const [field, name] of PAIRS) {
    const value = at + name.length;
    if (line[field] !== undefined || value >= end) continue;
    if (name.every((octet, index) => bytes[at + index] === octet)) return { ...line, [field]: view(bytes, value, end) };
  }
  return line;
}
