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
