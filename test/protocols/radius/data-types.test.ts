/** One law for every data type: see `law`. Containers keep it as whole attributes, through the decoded view. */
import fc from 'fast-check';
import t from 'tap';
import type { AttributeDictionary } from '../../../src/protocols/radius/attribute-dictionary.js';
import type { IpPrefix } from '../../../src/protocols/radius/attributes.js';
import { builtInDictionary } from '../../../src/protocols/radius/built-in.js';
import { type AttributeValue, SCALAR_TYPES, type ScalarType } from '../../../src/protocols/radius/data-types.js';
import { decodeAttributes, isOdd } from '../../../src/protocols/radius/decoded-attributes.js';
import { type AttributeNode, encodeDecoded, encodeNode } from '../../../src/protocols/radius/encoded-attributes.js';
import { DecodeError, EncodeError } from '../../../src/protocols/radius/errors.js';
import { encode, parse } from '../../../src/protocols/radius/packet.js';
import { decodeValue, encodeValue } from '../../../src/protocols/radius/values.js';
import { seedOf } from '../../support/seeded.js';
import { fromHex, octets } from './vectors.js';

const bytes = (minLength: number, maxLength = minLength): fc.Arbitrary<Uint8Array> =>
  fc.array(fc.integer({ min: 0, max: 255 }), { minLength, maxLength }).map((list) => Uint8Array.from(list));
const whole = (min: number, max: number): fc.Arbitrary<number> => fc.integer({ min, max });
const address = (count: number): fc.Arbitrary<IpPrefix> =>
  bytes(count).map((octets) => ({ bytes: octets, length: count * 8 }));
const prefix = (count: number): fc.Arbitrary<IpPrefix> =>
  fc.tuple(bytes(count), whole(0, count * 8)).map(([octets, length]) => ({
    bytes: octets.map((octet, index) => octet & (0xff00 >>> Math.max(0, Math.min(8, length - index * 8)))),
    length,
  }));

const VALUES: Record<ScalarType, fc.Arbitrary<AttributeValue>> = {
  text: bytes(1, 253),
  string: bytes(1, 253),
  abinary: bytes(1, 253),
  integer: whole(0, 0xffff_ffff),
  integer64: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  signed: whole(-0x8000_0000, 0x7fff_ffff),
  short: whole(0, 0xffff),
  byte: whole(0, 0xff),
  time: whole(0, 0xffff_ffff),
  ipaddr: address(4),
  ipv6addr: address(16),
  'combo-ip': fc.oneof(address(4), address(16)),
  ipv4prefix: prefix(4),
  ipv6prefix: prefix(16),
  ifid: bytes(8),
  ether: bytes(6),
};

/** Types whose every cut is refused: they have one length. */
const FIXED: readonly ScalarType[] = SCALAR_TYPES.filter(
  (type) => !['text', 'string', 'abinary', 'combo-ip', 'ipv6prefix'].includes(type),
);

const seed = seedOf(t);

/** decode(encode(x)) is x; encode(decode(o)) is o; the same at an offset in a bigger buffer; nothing is mutated. */
for (const type of SCALAR_TYPES) {
  t.test(`${type} keeps the law`, (t) => {
    fc.assert(
      fc.property(VALUES[type], whole(0, 40), (value, offset) => {
        const encoded = encodeValue(type, value);
        t.same(decodeValue(type, encoded), value);
        t.same(encodeValue(type, decodeValue(type, encoded)), encoded);
        const within = new Uint8Array(offset + encoded.length + 7).fill(0xa5);
        within.set(encoded, offset);
        const before = within.slice();
        t.same(decodeValue(type, within.subarray(offset, offset + encoded.length)), value);
        t.same(within, before, 'nothing around it was touched');
        if (!FIXED.includes(type)) return;
        for (let length = 0; length <= encoded.length + 1; length += 1) {
          if (length === encoded.length) continue;
          t.throws(() => decodeValue(type, new Uint8Array(length)), { code: 'value-length' });
        }
      }),
      { seed, numRuns: 20 },
    );
    t.end();
  });
}

t.test('each type refuses the values of another', (t) => {
  const samples: AttributeValue[] = [1, 1n, octets('a'), { bytes: new Uint8Array(4), length: 32 }];
  for (const type of SCALAR_TYPES) {
    const taken = samples.filter((sample) => {
      try {
        return encodeValue(type, sample).length > 0;
      } catch (error) {
        if (!(error instanceof EncodeError)) throw error;
        return error.code !== 'value-type';
      }
    });
    t.equal(taken.length, 1, `${type} takes one kind`);
  }
  for (const [type, value] of [
    ['byte', 256],
    ['short', -1],
    ['short', 65536],
    ['signed', 2 ** 31],
    ['signed', -(2 ** 31) - 1],
    ['byte', 0.5],
  ] as const) {
    t.throws(() => encodeValue(type, value), { code: 'value-range' }, `${type} ${String(value)}`);
  }
  const net = (hex: string, length: number): IpPrefix => ({ bytes: fromHex(hex), length });
  t.throws(() => encodeValue('ipv4prefix', net('c0000201', 24)), { code: 'host-bits-set' });
  t.throws(() => encodeValue('ipv4prefix', net('c0000200', 33)), { code: 'prefix-length' });
  t.throws(() => encodeValue('ipv4prefix', net('c000', 8)), { code: 'value-length' });
  t.throws(() => decodeValue('ipv4prefix', fromHex('0021c0000200')), { code: 'prefix-length', offset: 1 });
  t.same(decodeValue('ipv4prefix', fromHex('0018c00002ff')), net('c0000200', 24), 'host bits of the peer are cleared');
  t.throws(() => encodeValue('ether', octets('abc')), { code: 'value-length' });
  t.throws(() => encodeValue('string', octets('abc'), 4), { code: 'value-length' }, 'octets[4]');
  t.throws(() => decodeValue('string', octets('abc'), 4), DecodeError, 'octets[4]');
  t.throws(() => encodeValue('text', new Uint8Array(0)), { code: 'value-empty' });
  t.end();
});

/** A dictionary in which every container holds every scalar: TLV member n, and vendors of each format, are of type n. */
function containers(): AttributeDictionary {
  const dictionary = builtInDictionary();
  const formats = [
    [1, 1, false],
    [2, 1, false],
    [2, 2, false],
    [4, 0, false],
    [4, 2, false],
    [1, 0, false],
    [1, 1, true],
  ] as const;
  for (const [index, [typeOctets, lengthOctets, continuation]] of formats.entries()) {
    const format = { typeOctets, lengthOctets, continuation };
    dictionary.addVendor({ name: `Format-${String(index)}`, id: 70000 + index, format });
    addMembers(`V${String(index)}`, [26, 70000 + index]);
  }
  for (const top of [241, 244, 245, 246]) {
    dictionary.addAttribute({ name: `T${String(top)}`, path: [top, 200], type: 'tlv' });
    dictionary.addAttribute({ name: `TT${String(top)}`, path: [top, 200, 99], type: 'tlv' });
    addMembers(`T${String(top)}`, [top, 200]);
    addMembers(`TT${String(top)}`, [top, 200, 99]);
    addMembers(`X${String(top)}`, [top]);
    addMembers(`E${String(top)}`, [top, 26, 70000]);
  }
  return dictionary;

  function addMembers(name: string, under: readonly number[]): void {
    for (const [index, type] of SCALAR_TYPES.entries()) {
      dictionary.addAttribute({ name: `${name}-${type}`, path: [...under, 100 + index], type });
    }
  }
}

const dictionary = containers();

/** One value of any type that fits into a TLV in a TLV in an extended attribute. */
const member = fc
  .constantFrom(...SCALAR_TYPES)
  .chain((type) =>
    fc.tuple(fc.constant(100 + SCALAR_TYPES.indexOf(type)), VALUES[type]).filter(([, value]) => !isLong(value)),
  );
const isLong = (value: AttributeValue): boolean => value instanceof Uint8Array && value.length > 60;

const leaf = (under: readonly number[]): fc.Arbitrary<AttributeNode> =>
  member.map(([number, value]) => ({ path: [...under, number], value, children: [] }));

const some = (under: readonly number[], max: number): fc.Arbitrary<AttributeNode[]> =>
  fc.array(leaf(under), { minLength: 1, maxLength: max });

const node = (path: readonly number[], children: AttributeNode[]): AttributeNode => ({ path, children });

const CONTAINERS: Record<string, fc.Arbitrary<AttributeNode>> = {
  vsa: whole(0, 6).chain((index) =>
    // Without a length octet there is one attribute.
    some([26, 70000 + index], index === 3 || index === 5 ? 1 : 3).map((children) => node([26], children)),
  ),
  extended: fc.constantFrom(241, 244).chain((top) => leaf([top]).map((child) => node([top], [child]))),
  tlv: fc
    .constantFrom(241, 244, 245)
    .chain((top) => some([top, 200], 3).map((children) => node([top], [node([top, 200], children)]))),
  'tlv in a tlv': fc
    .constantFrom(241, 246)
    .chain((top) =>
      some([top, 200, 99], 2).map((children) => node([top], [node([top, 200], [node([top, 200, 99], children)])])),
    ),
  evs: fc
    .constantFrom(241, 245)
    .chain((top) => leaf([top, 26, 70000]).map((child) => node([top], [node([top, 26], [child])]))),
  'long-extended': fc.tuple(fc.constantFrom(245, 246), bytes(1, 1500)).map(([top, value]) => ({
    path: [top],
    children: [{ path: [top, 101], value, children: [] }],
  })),
  'continued vendor attribute': bytes(1, 1500).map((value) => ({
    path: [26],
    children: [{ path: [26, 70006, 101], value, children: [] }],
  })),
  'concat (EAP-Message)': bytes(1, 1500).map((value) => ({ path: [79], value, children: [] })),
};

/** What was asked for, out of what was decoded. */
function asked({ path, tag, value, children }: AttributeNode): AttributeNode {
  return {
    path,
    ...(tag === undefined ? {} : { tag }),
    ...(value === undefined ? {} : { value }),
    children: children.map(asked),
  };
}

t.equal(SCALAR_TYPES[1], 'string', 'member 101 is a string');

for (const [name, nodes] of Object.entries(CONTAINERS)) {
  t.test(`${name} keeps the law`, (t) => {
    fc.assert(
      fc.property(nodes, (wanted) => {
        const attributes = encodeNode(wanted, dictionary);
        // Through a whole packet: lengths are honest, the attributes stand at an offset.
        const bytes = encode({ code: 4, identifier: 1, authenticator: new Uint8Array(16), attributes });
        t.equal(bytes.length, 20 + attributes.reduce((sum, { value }) => sum + 2 + value.length, 0));
        const decoded = decodeAttributes(parse(bytes).attributes, dictionary);
        t.equal(decoded.length, 1);
        t.notOk(decoded.some(isOdd));
        t.same(decoded.map(asked), [asked(wanted)]);
        t.same(encodeDecoded(decoded, dictionary), attributes);
      }),
      { seed, numRuns: 20 },
    );
    t.end();
  });
}

t.test('tagged attributes keep the law (RFC 2868)', (t) => {
  const tagged = fc.oneof(
    fc.tuple(fc.constantFrom(64, 65, 83), whole(0, 31), whole(0, 0xff_ffff)),
    fc.tuple(fc.constantFrom(66, 67, 81, 82, 90, 91), fc.option(whole(0, 31), { nil: undefined }), bytes(1, 250)),
  );
  fc.assert(
    fc.property(tagged, ([type, tag, value]) => {
      const wanted = { path: [type], ...(tag === undefined ? {} : { tag }), value, children: [] };
      if (value instanceof Uint8Array && tag === undefined && (value[0] ?? 0) <= 31) {
        t.throws(() => encodeNode(wanted, dictionary), { code: 'tag-range' }, 'it would be read as a tag');
        return;
      }
      const attributes = encodeNode(wanted, dictionary);
      const decoded = decodeAttributes(attributes, dictionary);
      t.same(decoded.map(asked), [asked(wanted)]);
      t.same(encodeDecoded(decoded, dictionary), attributes);
    }),
    { seed, numRuns: 40 },
  );
  t.throws(() => encodeNode({ path: [64], tag: 32, value: 1, children: [] }, dictionary), { code: 'tag-range' });
  t.throws(() => encodeNode({ path: [64], value: 2 ** 24, children: [] }, dictionary), { code: 'value-range' });
  t.end();
});
