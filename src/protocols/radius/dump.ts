import type { AttributeDictionary } from './attribute-dictionary.js';
import { readUint32 } from './attributes.js';
import {
  verifyMessageAuthenticator,
  verifyRequestAuthenticator,
  verifyResponseAuthenticator,
} from './authenticator.js';
import { isScalar } from './data-types.js';
import { decodeAttributes, type DecodedAttribute } from './decoded-attributes.js';
import { DecodeError } from './errors.js';
import { HEADER_LENGTH, PACKET_CODES, parse, type RadiusPacket } from './packet.js';
import { hexText, showValue } from './value-text.js';

/** What stands in place of a password, a key or a secret. */
export const HIDDEN = '[hidden]';

export interface DumpOptions {
  readonly dictionary: AttributeDictionary;
  /** The shared secret: says whether the packet was signed with it. */
  readonly secret?: Uint8Array;
  /** The datagram of the request that a reply answers. */
  readonly request?: Uint8Array;
}

export interface Dump {
  /** Without line ends. */
  readonly lines: readonly string[];
  /** Whether the packet could be parsed; if not, the lines say where it ends and show what comes before. */
  readonly parsed: boolean;
}

const CODE_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(PACKET_CODES).map(([name, code]) => [code, name]),
);
const { 'Access-Request': ACCESS_REQUEST, 'Status-Server': STATUS_SERVER } = PACKET_CODES;
const SIGNED_REQUESTS: readonly number[] = [
  PACKET_CODES['Accounting-Request'],
  PACKET_CODES['CoA-Request'],
  PACKET_CODES['Disconnect-Request'],
];

/**
 * A packet for people: its header, each attribute with its name and value, oddities, what was left over. Passwords, keys
 * and what may hold them show as `[hidden]`, in raw form too; the secret is never shown.
 */
export function dumpPacket(datagram: Uint8Array, options: DumpOptions): Dump {
  try {
    const packet = parse(datagram);
    const lines = [headerLine(packet), ...authenticatorLines(packet, options), ...attributeLines(packet, options)];
    const left = datagram.length - packet.bytes.length;
    if (left > 0) lines.push(`  ${octetCount(left)} behind the packet, ignored as padding`);
    return { lines, parsed: true };
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    return { lines: [...readablePart(datagram, error, options), `  ! ${error.message}`], parsed: false };
  }
}

/** Up to the attribute that runs past the end; its octets are not shown, for they may be those of a password. */
function readablePart(datagram: Uint8Array, { code, offset }: DecodeError, options: DumpOptions): string[] {
  if (code === 'length-beyond-datagram' && datagram.length >= HEADER_LENGTH) return cutShort(datagram, options);
  if (offset < HEADER_LENGTH) return [`not a RADIUS packet: ${octetCount(datagram.length)}`];
  const before = datagram.slice(0, offset);
  before[2] = offset >>> 8;
  before[3] = offset & 0xff;
  const packet = parse(before);
  const length = (datagram[2] ?? 0) * 256 + (datagram[3] ?? 0);
  return [
    headerLine({ ...packet, bytes: datagram.subarray(0, length) }),
    ...attributeLines(packet, options),
    `  attribute ${String(datagram[offset])}, length ${String(datagram[offset + 1] ?? 'missing')}, with ${octetCount(
      length - offset,
    )} left in the packet`,
  ];
}

/** A datagram that is shorter than its Length says: the attributes that are whole. The last octets are not shown, see above. */
function cutShort(datagram: Uint8Array, options: DumpOptions): string[] {
  const length = (datagram[2] ?? 0) * 256 + (datagram[3] ?? 0);
  let end = HEADER_LENGTH;
  for (;;) {
    const attribute = datagram[end + 1] ?? 0;
    if (attribute < 2 || end + attribute > datagram.length) break;
    end += attribute;
  }
  const whole = datagram.slice(0, end);
  whole[2] = end >>> 8;
  whole[3] = end & 0xff;
  const packet = parse(whole);
  const rest = datagram.length - end;
  return [
    `${headerLine(packet).replace(/length \d+$/, `length ${String(length)}`)}, cut short`,
    ...attributeLines(packet, options),
    `  cut: ${String(datagram.length)} of ${octetCount(length)} are here${
      rest === 0 ? '' : `, the last ${String(rest)} of an attribute that is not whole`
    }`,
  ];
}

function headerLine(packet: RadiusPacket): string {
  const name = CODE_NAMES.get(packet.code) ?? 'unknown code';
  return `${name} (${String(packet.code)}), id ${String(packet.identifier)}, length ${String(packet.bytes.length)}`;
}

function authenticatorLines(packet: RadiusPacket, options: DumpOptions): string[] {
  const lines = [`  authenticator ${hexText(packet.authenticator)}${authenticatorVerdict(packet, options)}`];
  const { secret } = options;
  if (secret === undefined) return lines;
  const request = isRequest(packet.code) ? undefined : requestOf(packet, options);
  if (typeof request === 'string') {
    if (packet.attributes.some(({ type }) => type === 80)) lines.push('  Message-Authenticator: not checked');
    return lines;
  }
  const verdict = verifyMessageAuthenticator(packet, secret, request?.authenticator);
  return [...lines, `  Message-Authenticator: ${verdict}`];
}

function authenticatorVerdict(packet: RadiusPacket, options: DumpOptions): string {
  const { secret } = options;
  if (secret === undefined) return '';
  if (SIGNED_REQUESTS.includes(packet.code)) return verdict(verifyRequestAuthenticator(packet, secret));
  if (isRequest(packet.code)) return ': random, not signed (RFC 2865 section 3)';
  const request = requestOf(packet, options);
  if (typeof request === 'string') return `: not checked, ${request}`;
  return verdict(verifyResponseAuthenticator(packet, request.authenticator, secret));
}

function verdict(right: boolean): string {
  return right ? ': right' : ': wrong (another secret, or a changed packet)';
}

/** The request of a reply, or why there is none. */
function requestOf(packet: RadiusPacket, { request }: DumpOptions): RadiusPacket | string {
  if (request === undefined) return 'a reply needs its request';
  try {
    const parsed = parse(request);
    return parsed.identifier === packet.identifier
      ? parsed
      : `the request has id ${String(parsed.identifier)}, this reply ${String(packet.identifier)}`;
  } catch (error) {
    if (error instanceof DecodeError) return `the request cannot be parsed: ${error.message}`;
    throw error;
  }
}

function isRequest(code: number): boolean {
  return code === ACCESS_REQUEST || code === STATUS_SERVER || SIGNED_REQUESTS.includes(code);
}

function attributeLines(packet: RadiusPacket, { dictionary }: DumpOptions): string[] {
  return decodeAttributes(packet.attributes, dictionary).flatMap((attribute) => {
    const { sources } = attribute;
    const note = sources.length > 1 ? `  (in ${String(sources.length)} attributes)` : '';
    return leafLines(attribute, dictionary).map((line) => `  ${line}${note}`);
  });
}

/** A line for each value, and one for whatever is odd. */
function leafLines(attribute: DecodedAttribute, dictionary: AttributeDictionary): string[] {
  const { children, oddity } = attribute;
  const lines = children.flatMap((child) => leafLines(child, dictionary));
  if (children.length > 0) return oddity === undefined ? lines : [...lines, `! ${attribute.name}: ${oddity}`];
  const tag = attribute.tag === undefined || attribute.tag === 0 ? '' : `:${String(attribute.tag)}`;
  const shown = hiddenValue(attribute, dictionary) ?? shownValue(attribute, dictionary);
  return [`${attribute.name}${tag} = ${shown}${oddity === undefined ? '' : `  ! ${oddity}`}`];
}

function shownValue(attribute: DecodedAttribute, dictionary: AttributeDictionary): string {
  const { type, value, definition, octets } = attribute;
  if (value === undefined || !isScalar(type)) return octets.length === 0 ? '(empty)' : hexText(octets);
  if (definition === undefined) return hexText(octets);
  return showValue(type, value, attribute.path, dictionary);
}

/**
 * What is shown of a secret, or of raw octets that may hold one: nothing, but of a Vendor-Specific the vendor and the two
 * octets behind it, which are no value. Undefined where everything may be shown.
 */
function hiddenValue(attribute: DecodedAttribute, dictionary: AttributeDictionary): string | undefined {
  const { definition, path, type, octets } = attribute;
  if (definition?.secret === true) return HIDDEN;
  if (isScalar(type)) return undefined;
  if (type !== 'vsa') return dictionary.holdsSecrets(path) ? HIDDEN : undefined;
  if (octets.length < 4 || !dictionary.holdsSecrets([26, readUint32(octets, 0)])) return undefined;
  return `${hexText(octets.subarray(0, 6))} ${HIDDEN}`;
}

function octetCount(count: number): string {
  return count === 1 ? '1 octet' : `${String(count)} octets`;
}
