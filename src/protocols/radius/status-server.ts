/** Status-Server on an accounting port (RFC 5997 section 4.2): whether accounting would be answered now. */
import { signResponse, verifyMessageAuthenticator } from './authenticator.js';
import { ATTRIBUTES } from './dictionary.js';
import { PACKET_CODES, type RadiusPacket } from './packet.js';

/**
 * The Accounting-Response to a Status-Server, or why there is none. Its Message-Authenticator is all that authenticates
 * such a packet, so it is required and checked whatever the policy for accounting says (RFC 5997 section 3).
 *
 * The answer has a Message-Authenticator too, over the request's authenticator as in every reply: in the answer to a
 * Status-Server FreeRADIUS reads it so, though not in the answer to an Accounting-Request. Proxy-State goes back as it
 * came. Nothing is remembered: the answer to a retransmission is to be true when it is given.
 */
export function statusResponse(
  packet: RadiusPacket,
  secret: Uint8Array,
): Uint8Array | 'missing-message-authenticator' | 'bad-message-authenticator' {
  const verdict = verifyMessageAuthenticator(packet, secret, undefined);
  if (verdict === 'absent') return 'missing-message-authenticator';
  if (verdict !== 'right') return 'bad-message-authenticator';
  const proxyState = ATTRIBUTES['Proxy-State'].number;
  const attributes = packet.attributes.filter(({ type }) => type === proxyState);
  const { identifier, authenticator } = packet;
  const code = PACKET_CODES['Accounting-Response'];
  return signResponse({ code, identifier, attributes }, authenticator, secret, true);
}
