import { createHmac, hash, timingSafeEqual } from 'node:crypto';
import { EncodeError } from './errors.js';
import {
  AUTHENTICATOR_LENGTH,
  AUTHENTICATOR_OFFSET,
  encode,
  HEADER_LENGTH,
  type PacketFields,
  PACKET_CODES,
  type RadiusAttribute,
  type RadiusPacket,
  view,
} from './packet.js';

const MESSAGE_AUTHENTICATOR = 80;

/** What the Message-Authenticator of a packet is worth. `malformed`: not 16 octets; `repeated`: more than one. */
export type MessageAuthenticatorVerdict = 'absent' | 'right' | 'wrong' | 'malformed' | 'repeated';

/**
 * Request Authenticator of Accounting-Request, CoA-Request and Disconnect-Request: MD5 over the packet with 16 zero
 * octets in the Authenticator field, followed by the secret. `bytes` is the whole packet.
 * @see RFC 2866 section 3, RFC 5176 section 2.3
 */
export function requestAuthenticator(bytes: Uint8Array, secret: Uint8Array): Uint8Array {
  return digest(bytes, undefined, secret);
}

/**
 * Response Authenticator: MD5 over the reply with the request's authenticator in the Authenticator field, followed by
 * the secret.
 * @see RFC 2865 section 3, RFC 2866 section 3, RFC 5176 section 2.3
 */
export function responseAuthenticator(bytes: Uint8Array, request: Uint8Array, secret: Uint8Array): Uint8Array {
  return digest(bytes, request, secret);
}

/** Whether an Accounting-, CoA- or Disconnect-Request was signed with this secret. Octet by octet, in constant time. */
export function verifyRequestAuthenticator(packet: RadiusPacket, secret: Uint8Array): boolean {
  return timingSafeEqual(requestAuthenticator(packet.bytes, secret), packet.authenticator);
}

/** Whether a reply was signed with this secret for the request with this authenticator. In constant time. */
export function verifyResponseAuthenticator(packet: RadiusPacket, request: Uint8Array, secret: Uint8Array): boolean {
  return timingSafeEqual(responseAuthenticator(packet.bytes, request, secret), packet.authenticator);
}

/**
 * Checks the Message-Authenticator. `request` is the authenticator of the request a reply answers; it is not looked at
 * for requests.
 * @see RFC 2869 section 5.14, RFC 5176 section 3.4, RFC 5997 section 3
 */
export function verifyMessageAuthenticator(
  packet: RadiusPacket,
  secret: Uint8Array,
  request: Uint8Array | undefined,
): MessageAuthenticatorVerdict {
  const { bytes } = packet;
  let offset = -1;
  let value: Uint8Array | undefined;
  for (let position = HEADER_LENGTH; position < bytes.length;) {
    const end = position + (bytes[position + 1] as number);
    if (bytes[position] === MESSAGE_AUTHENTICATOR) {
      if (value !== undefined) return 'repeated';
      offset = position + 2;
      value = view(bytes, offset, end);
    }
    position = end;
  }
  if (value === undefined) return 'absent';
  if (value.length !== AUTHENTICATOR_LENGTH) return 'malformed';
  const expected = messageAuthenticator(packet.bytes, offset, secret, request);
  return timingSafeEqual(expected, value) ? 'right' : 'wrong';
}

/**
 * Encodes a request and signs it: with a Message-Authenticator as its first attribute if asked for, then, for
 * Accounting-, CoA- and Disconnect-Request, with the Request Authenticator. An Access-Request or Status-Server keeps the
 * random authenticator that it brings. `attributes` must not hold a Message-Authenticator.
 * @throws EncodeError as `encode` does, and `secret-empty`
 */
export function signRequest(packet: PacketFields, secret: Uint8Array, withMessageAuthenticator: boolean): Uint8Array {
  expectSecret(secret);
  const bytes = encode({ ...packet, attributes: withPlaceholder(packet.attributes, withMessageAuthenticator) });
  if (withMessageAuthenticator) {
    bytes.set(messageAuthenticator(bytes, HEADER_LENGTH + 2, secret, undefined), HEADER_LENGTH + 2);
  }
  // After the Message-Authenticator, which it covers (RFC 5176 section 3.4).
  if (isSignedRequest(packet.code)) bytes.set(requestAuthenticator(bytes, secret), AUTHENTICATOR_OFFSET);
  return bytes;
}

/**
 * Encodes a reply to the request with the authenticator `request` and signs it: with a Message-Authenticator as its
 * first attribute if asked for, then with the Response Authenticator.
 * @throws EncodeError as `encode` does, and `secret-empty`
 */
export function signResponse(
  reply: Omit<PacketFields, 'authenticator'>,
  request: Uint8Array,
  secret: Uint8Array,
  withMessageAuthenticator: boolean,
): Uint8Array {
  expectSecret(secret);
  const attributes = withPlaceholder(reply.attributes, withMessageAuthenticator);
  const bytes = encode({ code: reply.code, identifier: reply.identifier, authenticator: request, attributes });
  if (withMessageAuthenticator) {
    bytes.set(messageAuthenticator(bytes, HEADER_LENGTH + 2, secret, request), HEADER_LENGTH + 2);
  }
  bytes.set(responseAuthenticator(bytes, request, secret), AUTHENTICATOR_OFFSET);
  return bytes;
}

/**
 * HMAC-MD5 over the packet with the Message-Authenticator's own 16 octets zero. The Authenticator field counts as zero
 * in Accounting-, CoA- and Disconnect-Request, because it is computed later; as itself in Access-Request and
 * Status-Server; as the request's authenticator in replies.
 */
function messageAuthenticator(
  bytes: Uint8Array,
  offset: number,
  secret: Uint8Array,
  request: Uint8Array | undefined,
): Uint8Array {
  const covered = Uint8Array.from(bytes);
  const code = bytes[0] as number;
  if (isSignedRequest(code)) covered.fill(0, AUTHENTICATOR_OFFSET, HEADER_LENGTH);
  else if (code !== PACKET_CODES['Access-Request'] && code !== PACKET_CODES['Status-Server'] && request !== undefined) {
    covered.set(request, AUTHENTICATOR_OFFSET);
  }
  covered.fill(0, offset, offset + AUTHENTICATOR_LENGTH);
  return createHmac('md5', secret).update(covered).digest();
}

function isSignedRequest(code: number): boolean {
  return (
    code === PACKET_CODES['Accounting-Request'] ||
    code === PACKET_CODES['CoA-Request'] ||
    code === PACKET_CODES['Disconnect-Request']
  );
}

/**
 * One contiguous copy and one call: several times cheaper than feeding a hash object piece by piece. The digest is taken
 * as text, one character an octet: as a Buffer, with memory of its own, it would cost twice as much.
 */
function digest(bytes: Uint8Array, authenticator: Uint8Array | undefined, secret: Uint8Array): Uint8Array {
  const input = Buffer.allocUnsafe(bytes.length + secret.length);
  input.set(bytes, 0);
  if (authenticator === undefined) input.fill(0, AUTHENTICATOR_OFFSET, HEADER_LENGTH);
  else input.set(authenticator, AUTHENTICATOR_OFFSET);
  input.set(secret, bytes.length);
  const text = hash('md5', input, 'binary');
  const octets = new Uint8Array(AUTHENTICATOR_LENGTH);
  for (let i = 0; i < octets.length; i++) octets[i] = text.charCodeAt(i);
  return octets;
}

/** First, so that no attacker-chosen octets precede it in the hash (the lesson of CVE-2024-3596). */
function withPlaceholder(attributes: readonly RadiusAttribute[], wanted: boolean): readonly RadiusAttribute[] {
  return wanted
    ? [{ type: MESSAGE_AUTHENTICATOR, value: new Uint8Array(AUTHENTICATOR_LENGTH) }, ...attributes]
    : attributes;
}

function expectSecret(secret: Uint8Array): void {
  if (secret.length === 0) throw new EncodeError('secret-empty', 'a shared secret has at least one octet');
}
