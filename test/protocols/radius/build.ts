import { addressOctets } from '../../../src/protocols/radius/address.js';
import type { MessageAuthenticatorPolicy, RadiusClient } from '../../../src/protocols/radius/clients.js';
import { octets } from './vectors.js';
import type { RadiusAttribute } from '../../../src/protocols/radius/packet.js';
import { ATTRIBUTES, type AttributeName } from '../../../src/protocols/radius/dictionary.js';
import { encodeInteger, encodeText } from '../../../src/protocols/radius/attributes.js';
import { signRequest } from '../../../src/protocols/radius/authenticator.js';

/** An attribute by its RFC name: a number is an integer, a string text, octets themselves. */
export function attribute(name: AttributeName, value: number | string | Uint8Array): RadiusAttribute {
  const octets =
    typeof value === 'number' ? encodeInteger(value) : typeof value === 'string' ? encodeText(value) : value;
  return { type: ATTRIBUTES[name].number, value: octets };
}

export function accountingRequest(
  secret: Uint8Array,
  attributes: readonly RadiusAttribute[],
  options: { identifier?: number; messageAuthenticator?: boolean } = {},
): Uint8Array {
  const fields = { code: 4, identifier: options.identifier ?? 1, authenticator: new Uint8Array(16), attributes };
  return signRequest(fields, secret, options.messageAuthenticator ?? false);
}

/** A client by the text of its prefix, with the secret of most tests. */
export function radiusClient(
  name: string,
  address: string,
  length: number,
  messageAuthenticator: MessageAuthenticatorPolicy = 'optional',
  secret: Uint8Array = octets('testing123'),
): RadiusClient<string> {
  const bytes = addressOctets(address);
  if (bytes === undefined) throw new Error(address);
  return { name, prefix: { bytes, length }, secret, messageAuthenticator, payload: `${name}'s own` };
}
