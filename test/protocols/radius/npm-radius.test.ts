/**
 * The npm package `radius` as an independent reader of well-formed packets. Left out, because it is wrong or silent there
 * (docs/dependencies.md): octets that are not UTF-8, values of another length than their type's, vendor attributes and
 * everything extended, IPv6 types (it gives a Buffer), RFC 6911, trailing padding, Message-Authenticator in accounting,
 * `time` (it gives a Date).
 */
import fc from 'fast-check';
import radius from 'radius';
import t from 'tap';
import { addressText } from '../../../src/protocols/radius/address.js';
import { signRequest, verifyRequestAuthenticator } from '../../../src/protocols/radius/authenticator.js';
import { builtInDictionary } from '../../../src/protocols/radius/built-in.js';
import { decodeAttributes } from '../../../src/protocols/radius/decoded-attributes.js';
import { encodeNamed } from '../../../src/protocols/radius/named-attributes.js';
import { parse } from '../../../src/protocols/radius/packet.js';
import { seedOf } from '../../support/seeded.js';
import { octets } from './vectors.js';

const dictionary = builtInDictionary();
const text = fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 60 });
const address = fc.ipV4();
const TEXTS = ['User-Name', 'Acct-Session-Id', 'NAS-Identifier', 'Calling-Station-Id', 'Connect-Info', 'Filter-Id'];
const NUMBERS = ['NAS-Port', 'Acct-Session-Time', 'Acct-Input-Octets', 'Acct-Output-Gigawords', 'Framed-MTU'];
const ADDRESSES = ['NAS-IP-Address', 'Framed-IP-Address', 'Framed-IP-Netmask', 'Login-IP-Host'];
const ENUMERATED = {
  'Acct-Status-Type': ['Start', 'Stop', 'Interim-Update', 'Accounting-On', 'Accounting-Off'],
  'Acct-Authentic': ['RADIUS', 'Local', 'Remote'],
  'Acct-Terminate-Cause': ['User-Request', 'Lost-Carrier', 'Admin-Reset', 'NAS-Reboot'],
  'NAS-Port-Type': ['Virtual', 'Ethernet', 'xDSL'],
};

const packet = fc.record({
  texts: fc.dictionary(fc.constantFrom(...TEXTS), text, { noNullPrototype: true }),
  numbers: fc.dictionary(fc.constantFrom(...NUMBERS), fc.integer({ min: 0, max: 0xffff_ffff }), {
    noNullPrototype: true,
  }),
  addresses: fc.dictionary(fc.constantFrom(...ADDRESSES), address, { noNullPrototype: true }),
  names: fc.tuple(
    ...Object.entries(ENUMERATED).map(([name, values]) =>
      fc.constantFrom(...values).map((value): [string, string] => [name, value]),
    ),
  ),
  identifier: fc.integer({ min: 0, max: 255 }),
});

t.test('it reads what we encode, and we read what it encodes, octet by octet the same', (t) => {
  const seed = seedOf(t);
  fc.assert(
    fc.property(packet, ({ texts, numbers, addresses, names, identifier }) => {
      const wanted = { ...texts, ...numbers, ...addresses, ...Object.fromEntries(names) };
      const attributes = encodeNamed(
        Object.entries(wanted).map(([name, value]) => ({ name, value })),
        dictionary,
      );
      const fields = { code: 4, identifier, authenticator: new Uint8Array(16), attributes };
      const ours = signRequest(fields, octets('testing123'), false);
      const read = radius.decode({ packet: Buffer.from(ours), secret: 'testing123' });
      t.same({ ...read.attributes }, wanted);
      t.equal(read.identifier, identifier);

      const theirs = radius.encode({
        code: 'Accounting-Request',
        identifier,
        secret: 'testing123',
        attributes: Object.entries(wanted),
      });
      t.same(Uint8Array.from(theirs), ours);
      const parsed = parse(Uint8Array.from(theirs));
      t.ok(verifyRequestAuthenticator(parsed, octets('testing123')));
      const seen = decodeAttributes(parsed.attributes, dictionary).map(({ name, path, value }) => {
        if (typeof value === 'number') return [name, dictionary.valueName(path, value) ?? value];
        if (value instanceof Uint8Array) return [name, Buffer.from(value).toString()];
        return [name, typeof value === 'object' ? addressText(value.bytes) : value];
      });
      t.same(Object.fromEntries(seen), wanted);
    }),
    { seed, numRuns: 150 },
  );
  t.end();
});
