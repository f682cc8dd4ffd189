import fc from 'fast-check';
import t from 'tap';
import {
  combineGigawords,
  decodeInteger,
  decodeInteger64,
  decodeInterfaceId,
  decodeIpAddr,
  decodeIpv6Addr,
  decodeIpv6Prefix,
  decodeOctets,
  decodeTime,
  decodeVendorSpecific,
  encodeInteger,
  encodeInteger64,
  encodeInterfaceId,
  encodeIpAddr,
  encodeIpv6Addr,
  encodeIpv6Prefix,
  encodeOctets,
  encodeText,
  encodeTime,
  encodeVendorSpecific,
  type IpPrefix,
} from '../../../src/protocols/radius/attributes.js';
import {
  acctStatusTypeName,
  acctTerminateCauseName,
  attributeName,
  ATTRIBUTES,
  errorCauseName,
} from '../../../src/protocols/radius/dictionary.js';
import { displayOctets } from '../../../src/protocols/radius/display.js';
import { DecodeError } from '../../../src/protocols/radius/errors.js';
import { fromHex, octets } from './vectors.js';

/** Plain Uint8Arrays of fc's own making differ in their prototype chain from ours under deep equality. */
const bytes = (minLength: number, maxLength = minLength): fc.Arbitrary<Uint8Array> =>
  fc.array(fc.integer({ min: 0, max: 255 }), { minLength, maxLength }).map((list) => Uint8Array.from(list));

const ipv6Prefix: fc.Arbitrary<IpPrefix> = fc
  .tuple(bytes(16), fc.integer({ min: 0, max: 128 }))
  .map(([octets, length]) => ({
    bytes: octets.map((octet, index) => octet & (0xff00 >>> Math.max(0, Math.min(8, length - index * 8)))),
    length,
  }));

/** decode(encode(x)) is x; the encoding is stable; the value decodes alike inside a bigger buffer; every cut is refused. */
function lawful<T>(
  name: string,
  values: fc.Arbitrary<T>,
  encode: (value: T) => Uint8Array,
  decode: (octets: Uint8Array) => T,
  cutsRefused: boolean,
): void {
  t.test(`${name} keeps the round-trip law`, (t) => {
    fc.assert(
      fc.property(values, (value) => {
        const encoded = encode(value);
        t.same(decode(encoded), value);
        t.same(encode(decode(encoded)), encoded);
        const within = new Uint8Array(encoded.length + 20).fill(0xa5);
        within.set(encoded, 10);
        t.same(decode(within.subarray(10, 10 + encoded.length)), value);
        if (!cutsRefused) return;
        for (let length = 0; length < encoded.length; length += 1) {
          t.throws(() => decode(encoded.subarray(0, length)), DecodeError);
        }
        t.throws(() => decode(within.subarray(0, encoded.length + 1)), { code: 'value-length' });
      }),
    );
    t.end();
  });
}

lawful('integer', fc.integer({ min: 0, max: 0xffff_ffff }), encodeInteger, decodeInteger, true);
lawful('time', fc.integer({ min: 0, max: 0xffff_ffff }), encodeTime, decodeTime, true);
lawful('integer64', fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), encodeInteger64, decodeInteger64, true);
lawful(
  'ipaddr',
  bytes(4).map((octets) => ({ bytes: octets, length: 32 })),
  encodeIpAddr,
  decodeIpAddr,
  true,
);
lawful(
  'ipv6addr',
  bytes(16).map((octets) => ({ bytes: octets, length: 128 })),
  encodeIpv6Addr,
  decodeIpv6Addr,
  true,
);
lawful('ipv6prefix', ipv6Prefix, encodeIpv6Prefix, decodeIpv6Prefix, false);
lawful('interface-id', bytes(8), encodeInterfaceId, decodeInterfaceId, true);
lawful('text and string', bytes(1, 253), encodeOctets, decodeOctets, false);
lawful(
  'vendor-specific',
  fc
    .tuple(
      fc.integer({ min: 0, max: 0xffff_ffff }),
      fc.array(fc.record({ type: fc.integer({ min: 0, max: 255 }), value: bytes(0, 60) }), {
        minLength: 1,
        maxLength: 4,
      }),
    )
    .map(([vendorId, attributes]) => ({ kind: 'sub-attributes', vendorId, attributes }) as const),
  encodeVendorSpecific,
  decodeVendorSpecific as (octets: Uint8Array) => never,
  false,
);

t.test('integers at their edges', (t) => {
  t.equal(decodeInteger(fromHex('ffffffff')), 4294967295);
  t.equal(decodeInteger(fromHex('80000000')), 2147483648);
  for (const value of [-1, 2 ** 32, 0.5, Number.NaN]) t.throws(() => encodeInteger(value), { code: 'value-range' });
  for (const value of [-1n, 2n ** 64n]) t.throws(() => encodeInteger64(value), { code: 'value-range' });
  t.equal(decodeInteger64(fromHex('ffffffffffffffff')), 18446744073709551615n);
  t.end();
});

t.test('ipv6prefix: short forms, stray bits, bad lengths (RFC 3162 section 2.3)', (t) => {
  const cases: [hex: string, prefix: string, length: number, why: string][] = [
    ['00 00', '00000000000000000000000000000000', 0, '::/0 without an octet'],
    ['00 20 20010db8', '20010db8000000000000000000000000', 32, 'as many octets as the length needs'],
    ['00 40 20010db8', '20010db8000000000000000000000000', 64, 'fewer, the rest is zero'],
    ['00 38 20010db8010000', '20010db8010000000000000000000000', 56, '/56 in 7 octets'],
    ['00 30 20010db8 0001ffff ffffffffffffffff', '20010db8000100000000000000000000', 48, 'bits beyond cleared'],
    ['00 1d 20010dbf', '20010db8000000000000000000000000', 29, 'bits beyond cleared within an octet'],
    ['ff 80 20010db8000000000000000000000001', '20010db8000000000000000000000001', 128, 'reserved octet not looked at'],
  ];
  for (const [hex, prefix, length, why] of cases) {
    t.same(decodeIpv6Prefix(fromHex(hex)), { bytes: fromHex(prefix), length }, why);
  }
  t.throws(() => decodeIpv6Prefix(fromHex('00')), { code: 'value-length' });
  t.throws(() => decodeIpv6Prefix(new Uint8Array(19)), { code: 'value-length' });
  t.throws(() => decodeIpv6Prefix(fromHex('00 81 20010db8')), { code: 'prefix-length', offset: 1 });
  const host = { bytes: fromHex('20010db8000000000000000000000001'), length: 64 };
  t.throws(() => encodeIpv6Prefix(host), { code: 'host-bits-set' });
  t.throws(() => encodeIpv6Prefix({ ...host, length: 129 }), { code: 'prefix-length' });
  t.throws(() => encodeIpv6Prefix({ bytes: new Uint8Array(4), length: 32 }), { code: 'value-length' });
  t.end();
});

t.test('addresses of the wrong size are not encoded', (t) => {
  t.throws(() => encodeIpAddr({ bytes: new Uint8Array(16), length: 32 }), { code: 'value-length' });
  t.throws(() => encodeIpAddr({ bytes: new Uint8Array(4), length: 24 }), { code: 'prefix-length' });
  t.throws(() => encodeIpv6Addr({ bytes: new Uint8Array(16), length: 64 }), { code: 'prefix-length' });
  t.throws(() => encodeInterfaceId(new Uint8Array(7)), { code: 'value-length' });
  t.end();
});

t.test('text and string: never empty, never over 253 octets', (t) => {
  t.throws(() => decodeOctets(new Uint8Array(0)), { code: 'value-empty' });
  t.throws(() => encodeText(''), { code: 'value-empty' });
  t.throws(() => encodeText('é'.repeat(127)), { code: 'attribute-too-long' }, '254 octets of 127 characters');
  t.same(encodeText('é'), Uint8Array.of(0xc3, 0xa9));
  t.end();
});

t.test('an odd Vendor-Specific is kept raw', (t) => {
  const cases: [hex: string, kind: string, why: string][] = [
    ['000001ad 00000001 00000004', 'opaque', '4-octet types'],
    ['00000009 01 09 61', 'opaque', 'a sub-attribute beyond the end'],
    ['00000009 01 01', 'opaque', 'a sub-length of 1'],
    ['00000009 01 00', 'opaque', 'a sub-length of 0'],
    ['00000009 01', 'opaque', 'a type without a length'],
    ['00000009 0103 61 02', 'opaque', 'a stray octet'],
    ['00000009', 'opaque', 'a Vendor-Id alone'],
    ['000009', 'malformed', 'not even a Vendor-Id'],
    ['', 'malformed', 'nothing'],
    ['00000009 0103 61', 'sub-attributes', 'one as it should be'],
  ];
  for (const [hex, kind, why] of cases) {
    const value = decodeVendorSpecific(fromHex(hex));
    t.equal(value.kind, kind, why);
    t.same(encodeVendorSpecific(value), fromHex(hex), `${why}, and back`);
  }
  const data = new Uint8Array(250);
  t.throws(() => encodeVendorSpecific({ kind: 'opaque', vendorId: 9, data }), { code: 'attribute-too-long' });
  t.end();
});

t.test('gigawords saturate where a number loses count', (t) => {
  t.equal(combineGigawords(0, 5), 5);
  t.equal(combineGigawords(1, 5), 4294967301);
  t.equal(combineGigawords(2 ** 21 - 1, 2 ** 32 - 1), Number.MAX_SAFE_INTEGER);
  t.equal(combineGigawords(2 ** 21, 0), Number.MAX_SAFE_INTEGER);
  t.equal(combineGigawords(2 ** 32 - 1, 2 ** 32 - 1), Number.MAX_SAFE_INTEGER);
  t.end();
});

t.test('octets show without loss', (t) => {
  const cases: [Uint8Array, string][] = [
    [octets('sub-1@isp.example'), 'sub-1@isp.example'],
    [octets('Zoë \\ x'), 'Zoë \\\\ x'],
    [octets('a\nb\u0000'), 'a\\x0ab\\x00'],
    [octets('\ufeffa\u202eb'), '\\xef\\xbb\\xbfa\\xe2\\x80\\xaeb'],
    [Uint8Array.of(0x61, 0xff, 0x5c, 0x0a), 'a\\xff\\\\\\x0a'],
  ];
  for (const [value, shown] of cases) t.equal(displayOctets(value), shown);
  fc.assert(
    fc.property(fc.oneof(bytes(0, 40), fc.string({ unit: 'binary' }).map(octets)), (value) => {
      t.same(fromDisplay(displayOctets(value)), value);
    }),
  );
  t.end();
});

function fromDisplay(shown: string): Uint8Array {
  const parts = shown.match(/\\x[0-9a-f]{2}|\\\\|[^\\]+/gu) ?? [];
  return Uint8Array.from(
    parts.flatMap((part) => {
      if (part.startsWith('\\x')) return [Number.parseInt(part.slice(2), 16)];
      return [...octets(part === '\\\\' ? '\\' : part)];
    }),
  );
}

t.test('the dictionary names what it numbers', (t) => {
  const numbers = Object.values(ATTRIBUTES).map(({ number }) => number);
  t.equal(new Set(numbers).size, numbers.length, 'no number twice');
  for (const [name, { number }] of Object.entries(ATTRIBUTES)) t.equal(attributeName(number), name);
  t.equal(attributeName(241), undefined);
  t.equal(acctStatusTypeName(3), 'Interim-Update');
  t.equal(acctTerminateCauseName(6), 'Admin-Reset');
  t.equal(errorCauseName(503), 'Session-Context-Not-Found');
  t.equal(errorCauseName(999), undefined);
  t.end();
});
