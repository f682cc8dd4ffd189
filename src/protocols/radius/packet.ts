import { DecodeError, EncodeError } from './errors.js';

/** Packet codes, RFC 2865 section 4, RFC 2866 section 4, RFC 5176 section 2.3. */
export const PACKET_CODES = {
  'Access-Request': 1,
  'Access-Accept': 2,
  'Access-Reject': 3,
  'Accounting-Request': 4,
  'Accounting-Response': 5,
  'Access-Challenge': 11,
  'Status-Server': 12,
  'Disconnect-Request': 40,
  'Disconnect-ACK': 41,
  'Disconnect-NAK': 42,
  'CoA-Request': 43,
  'CoA-ACK': 44,
  'CoA-NAK': 45,
} as const;

export const HEADER_LENGTH = 20;
export const AUTHENTICATOR_OFFSET = 4;
export const AUTHENTICATOR_LENGTH = 16;
export const MAX_PACKET_LENGTH = 4096;
export const MAX_VALUE_LENGTH = 253;

/** One attribute as it stands in the packet: its Type octet and its Value octets (RFC 2865 section 5). */
export interface RadiusAttribute {
  readonly type: number;
  readonly value: Uint8Array;
}

/** A packet without its Length, which `encode` computes. */
export interface PacketFields {
  /** 0-255. */
  readonly code: number;
  /** 0-255. */
  readonly identifier: number;
  /** 16 octets. */
  readonly authenticator: Uint8Array;
  /** In the order of the wire. */
  readonly attributes: readonly RadiusAttribute[];
}

/**
 * A parsed packet. `authenticator`, the attribute values and `bytes` are views of the datagram it was parsed from. The
 * list of attributes is made when it is first asked for: who knows what to look for reads `bytes`, whose attributes are
 * known to fit.
 */
export interface RadiusPacket extends PacketFields {
  /** Exactly Length octets. */
  readonly bytes: Uint8Array;
}

class ParsedPacket implements RadiusPacket {
  readonly code: number;
  readonly identifier: number;
  readonly authenticator: Uint8Array;
  readonly bytes: Uint8Array;
  #attributes: readonly RadiusAttribute[] | undefined;

  constructor(bytes: Uint8Array) {
    this.code = octet(bytes, 0);
    this.identifier = octet(bytes, 1);
    this.authenticator = view(bytes, AUTHENTICATOR_OFFSET, HEADER_LENGTH);
    this.bytes = bytes;
  }

  get attributes(): readonly RadiusAttribute[] {
    this.#attributes ??= attributesOf(this.bytes);
    return this.#attributes;
  }
}

function attributesOf(bytes: Uint8Array): readonly RadiusAttribute[] {
  const attributes: RadiusAttribute[] = [];
  for (let offset = HEADER_LENGTH; offset < bytes.length;) {
    const end = offset + octet(bytes, offset + 1);
    attributes.push({ type: octet(bytes, offset), value: view(bytes, offset + 2, end) });
    offset = end;
  }
  return attributes;
}

/**
 * Takes a datagram apart without copying it: keep the datagram unchanged while the packet is in use.
 * Any Code is accepted. Octets beyond Length are padding and are ignored.
 *
 * @throws DecodeError `datagram-too-short` (under 20 octets), `length-too-small` (under 20), `length-too-large` (over
 * 4096), `length-beyond-datagram`, `attribute-length-too-small` (under 2), `attribute-overruns-packet`.
 * @see RFC 2865 section 3 and section 5
 */
export function parse(datagram: Uint8Array): RadiusPacket {
  if (datagram.length < HEADER_LENGTH) throw new DecodeError('datagram-too-short', datagram.length);
  const length = octet(datagram, 2) * 256 + octet(datagram, 3);
  if (length < HEADER_LENGTH) throw new DecodeError('length-too-small', 2);
  if (length > MAX_PACKET_LENGTH) throw new DecodeError('length-too-large', 2);
  if (length > datagram.length) throw new DecodeError('length-beyond-datagram', 2);

  let offset = HEADER_LENGTH;
  while (offset < length) {
    if (offset + 1 === length) throw new DecodeError('attribute-overruns-packet', offset);
    const attributeLength = octet(datagram, offset + 1);
    if (attributeLength < 2) throw new DecodeError('attribute-length-too-small', offset);
    const end = offset + attributeLength;
    if (end > length) throw new DecodeError('attribute-overruns-packet', offset);
    offset = end;
  }
  return new ParsedPacket(length === datagram.length ? datagram : view(datagram, 0, length));
}

/** The octets from `start` up to `end`, shared. Several times cheaper than `subarray`, which asks for the species. */
export function view(bytes: Uint8Array, start: number, end: number): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start);
}

/**
 * Builds the octets of a packet as given: authenticators are not computed here (see `signRequest`, `signResponse`).
 *
 * @throws EncodeError `code-range`, `identifier-range`, `authenticator-length` (not 16 octets), `attribute-type-range`,
 * `attribute-too-long` (a value over 253 octets), `packet-too-long` (over 4096 octets).
 * @see RFC 2865 section 3
 */
export function encode(packet: PacketFields): Uint8Array {
  if (!isOctet(packet.code)) throw new EncodeError('code-range', String(packet.code));
  if (!isOctet(packet.identifier)) throw new EncodeError('identifier-range', String(packet.identifier));
  if (packet.authenticator.length !== AUTHENTICATOR_LENGTH) {
    throw new EncodeError('authenticator-length', `${String(packet.authenticator.length)} octets`);
  }
  let length = HEADER_LENGTH;
  for (const { type, value } of packet.attributes) {
    if (!isOctet(type)) throw new EncodeError('attribute-type-range', String(type));
    if (value.length > MAX_VALUE_LENGTH) {
      throw new EncodeError('attribute-too-long', `attribute ${String(type)}, ${String(value.length)} octets`);
    }
    length += 2 + value.length;
  }
  if (length > MAX_PACKET_LENGTH) throw new EncodeError('packet-too-long', `${String(length)} octets`);

  const bytes = new Uint8Array(length);
  bytes[0] = packet.code;
  bytes[1] = packet.identifier;
  bytes[2] = length >>> 8;
  bytes[3] = length & 0xff;
  bytes.set(packet.authenticator, AUTHENTICATOR_OFFSET);
  let offset = HEADER_LENGTH;
  for (const { type, value } of packet.attributes) {
    bytes[offset] = type;
    bytes[offset + 1] = value.length + 2;
    bytes.set(value, offset + 2);
    offset += 2 + value.length;
  }
  return bytes;
}

function isOctet(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= 255;
}

/** Callers have checked the bound; the type checker cannot see it. */
function octet(bytes: Uint8Array, offset: number): number {
  return bytes[offset] as number;
}
