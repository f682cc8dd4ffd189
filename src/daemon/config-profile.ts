/** What a config says that a CoA-Request should say, as attributes of the wire. */
import type { AttributeDictionary } from '../protocols/radius/attribute-dictionary.js';
import { builtInDictionary } from '../protocols/radius/built-in.js';
import { EncodeError } from '../protocols/radius/errors.js';
import { encodeNamed, resolveName, type NamedAttribute } from '../protocols/radius/named-attributes.js';
import type { RadiusAttribute } from '../protocols/radius/packet.js';

/**
 * What addrd puts into a request itself: NAS-IP-Address, NAS-Identifier, Acct-Session-Id, Event-Timestamp,
 * Message-Authenticator, NAS-IPv6-Address.
 */
const OWN = new Set([4, 32, 44, 55, 80, 95]);

const WORDS: Readonly<Record<string, string>> = {
  'attribute-unknown': 'is no attribute that addrd knows: write its name, or numbers such as 26.14988.8',
  'attribute-internal': 'is a name that no packet carries',
  'attribute-container': 'holds attributes, not a value',
  'attribute-encrypted': 'is encrypted on the wire, which addrd does not do in a CoA-Request',
};

/** The attributes that addrd knows, looked up by a function: most files name none, and to gather them all takes a while. */
export function attributesOnDemand(): () => AttributeDictionary {
  let known: AttributeDictionary | null = null;
  return () => (known ??= builtInDictionary());
}

/** What is wrong with an attribute of a CoA-Request, and with which of its keys; null where nothing is. */
export function profileFault(
  given: NamedAttribute,
  dictionary: AttributeDictionary,
): { key: 'name' | 'value'; message: string } | null {
  try {
    const { path } = resolveName(given.name, dictionary);
    if (path.length === 1 && OWN.has(path[0] ?? 0)) return { key: 'name', message: 'is put in by addrd itself' };
    encodeNamed([given], dictionary);
    return null;
  } catch (error) {
    if (!(error instanceof EncodeError)) throw error;
    const message = WORDS[error.code];
    if (message !== undefined) return { key: 'name', message };
    return {
      key: error.code === 'tag-range' ? 'name' : 'value',
      message: `does not fit the attribute (${error.code})`,
    };
  }
}

/** The attributes of a list without faults, in its order; null where there is none. */
export function profileAttributes(
  list: readonly NamedAttribute[] | undefined,
  known: () => AttributeDictionary,
): readonly RadiusAttribute[] | null {
  return list === undefined ? null : encodeNamed(list, known());
}
