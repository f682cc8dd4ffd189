import t from 'tap';
import { decodeAccountingRequest } from '../../../src/protocols/radius/accounting.js';
import { DecodeError, EncodeError, type DecodeErrorCode } from '../../../src/protocols/radius/errors.js';
import { encode, parse, type PacketFields } from '../../../src/protocols/radius/packet.js';
import { allCaptures, fromHex } from './vectors.js';

const HEADER = '04 01 0014 000102030405060708090a0b0c0d0e0f';

t.test('a bad length is refused, each kind with its own code and place', (t) => {
  const cases: [hex: string, code: DecodeErrorCode, offset: number, why: string][] = [
    ['', 'datagram-too-short', 0, 'no octets'],
    [HEADER.slice(0, -2), 'datagram-too-short', 19, 'one octet short of a header'],
    [HEADER.replace('0014', '0013'), 'length-too-small', 2, 'Length 19'],
    [HEADER.replace('0014', '0000'), 'length-too-small', 2, 'Length 0'],
    [HEADER.replace('0014', '1001'), 'length-too-large', 2, 'Length 4097'],
    [HEADER.replace('0014', '0015'), 'length-beyond-datagram', 2, 'Length 21 of 20'],
    [`${HEADER.replace('0014', '0015')} 28`, 'attribute-overruns-packet', 20, 'a type without a length'],
    [`${HEADER.replace('0014', '0016')} 28 00`, 'attribute-length-too-small', 20, 'attribute length 0'],
    [`${HEADER.replace('0014', '0016')} 28 01`, 'attribute-length-too-small', 20, 'attribute length 1'],
    [`${HEADER.replace('0014', '0016')} 28 03`, 'attribute-overruns-packet', 20, 'attribute length 3 of 2'],
    [`${HEADER.replace('0014', '001b')} 2806 00000001 28`, 'attribute-overruns-packet', 26, 'a stray octet at the end'],
    [`${HEADER.replace('0014', '0016')} 28 06 00000001`, 'attribute-overruns-packet', 20, 'a value in the padding'],
  ];
  for (const [hex, code, offset, why] of cases) {
    t.throws(() => parse(fromHex(hex)), { name: 'DecodeError', code, offset }, why);
  }
  t.end();
});

t.test('octets beyond Length are padding', (t) => {
  const packet = parse(fromHex(`${HEADER.replace('0014', '001a')} 2806 00000001 ffff`));
  t.equal(packet.bytes.length, 26);
  t.same(packet.attributes, [{ type: 40, value: Uint8Array.of(0, 0, 0, 1) }]);
  t.end();
});

t.test('an attribute without a value is an attribute', (t) => {
  const bytes = fromHex(`${HEADER.replace('0014', '0016')} 21 02`);
  const packet = parse(bytes);
  t.same(packet.attributes, [{ type: 33, value: new Uint8Array(0) }]);
  t.same(encode(packet), bytes);
  t.end();
});

t.test('a packet of 4096 octets passes both ways', (t) => {
  const attributes = [
    ...Array.from({ length: 15 }, () => ({ type: 25, value: new Uint8Array(253).fill(7) })),
    { type: 25, value: new Uint8Array(4096 - 20 - 15 * 255 - 2) },
  ];
  const bytes = encode({ code: 4, identifier: 255, authenticator: new Uint8Array(16), attributes });
  t.equal(bytes.length, 4096);
  t.same(encode(parse(bytes)), bytes);
  t.end();
});

t.test('what RADIUS cannot carry is not encoded', (t) => {
  const good: PacketFields = { code: 4, identifier: 0, authenticator: new Uint8Array(16), attributes: [] };
  const cases: [Partial<PacketFields>, string][] = [
    [{ code: 256 }, 'code-range'],
    [{ identifier: 256 }, 'identifier-range'],
    [{ identifier: -1 }, 'identifier-range'],
    [{ identifier: 0.5 }, 'identifier-range'],
    [{ authenticator: new Uint8Array(15) }, 'authenticator-length'],
    [{ attributes: [{ type: 256, value: new Uint8Array(1) }] }, 'attribute-type-range'],
    [{ attributes: [{ type: 1, value: new Uint8Array(254) }] }, 'attribute-too-long'],
    [{ attributes: Array.from({ length: 16 }, () => ({ type: 25, value: new Uint8Array(253) })) }, 'packet-too-long'],
  ];
  for (const [change, code] of cases) {
    t.throws(() => encode({ ...good, ...change }), { name: 'EncodeError', code }, code);
  }
  t.ok(new EncodeError('code-range', '256') instanceof Error);
  t.end();
});

t.test('a captured packet cut at any octet is refused', (t) => {
  const capture = allCaptures()
    .filter(({ code }) => code === 4)
    .reduce((longest, next) => (next.bytes.length > longest.bytes.length ? next : longest));
  t.ok(capture.bytes.length > 250, `a packet of ${String(capture.bytes.length)} octets`);
  for (let length = 0; length < capture.bytes.length; length += 1) {
    const code = length < 20 ? 'datagram-too-short' : 'length-beyond-datagram';
    t.throws(() => parse(capture.bytes.subarray(0, length)), { name: 'DecodeError', code }, `${String(length)} octets`);
  }
  // The same cut with a Length that admits it: whole up to an attribute's end, refused within an attribute.
  const ends = new Set([20]);
  for (let offset = 20; offset < capture.bytes.length; offset += capture.bytes[offset + 1] ?? 0) ends.add(offset);
  for (let length = 20; length < capture.bytes.length; length += 1) {
    const cut = capture.bytes.slice(0, length);
    cut[2] = length >>> 8;
    cut[3] = length & 0xff;
    if (ends.has(length)) t.same(encode(parse(cut)), cut);
    else t.throws(() => parse(cut), { name: 'DecodeError', code: 'attribute-overruns-packet' });
  }
  t.end();
});

t.test('mutated packets are refused with a DecodeError or round-trip', (t) => {
  const seed = Number(process.env['FUZZ_SEED'] ?? 20261122);
  t.comment(`FUZZ_SEED=${String(seed)}`);
  const random = xorshift(seed);
  const captures = allCaptures();
  const originals = [...captures, ...captures.filter(({ code }) => code === 4)].map(({ bytes }) => bytes);
  const seen = { accepted: 0, refused: 0, accounting: 0, codes: new Set<string>() };
  for (let round = 0; round < 20_000; round += 1) {
    const mutated = mutate(originals[random() % originals.length] ?? new Uint8Array(0), random);
    try {
      const packet = parse(mutated);
      if (!sameOctets(encode(packet), packet.bytes)) t.fail(`round ${String(round)} does not re-encode`);
      seen.accepted += 1;
      decodeAccountingRequest(packet);
      seen.accounting += 1;
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      seen.refused += 1;
      seen.codes.add(error.code);
    }
  }
  t.ok(
    seen.accepted > 1000 && seen.refused > 1000 && seen.accounting > 1000,
    `each happened often: ${JSON.stringify(seen)}`,
  );
  for (const code of [
    'attribute-length-too-small',
    'attribute-overruns-packet',
    'datagram-too-short',
    'length-beyond-datagram',
    'length-too-large',
    'length-too-small',
    'missing-acct-status-type',
  ]) {
    t.ok(seen.codes.has(code), code);
  }
  t.end();
});

/** Flips, cuts, extends, or sets lengths to something else; sometimes repairs Length so that the attributes are reached. */
function mutate(original: Uint8Array, random: () => number): Uint8Array {
  const bytes = Array.from(original);
  const times = 1 + (random() % 4);
  for (let count = 0; count < times; count += 1) {
    const at = random() % Math.max(1, bytes.length);
    switch (random() % 5) {
      case 0:
        bytes[at] = random() & 0xff;
        break;
      case 1:
        bytes.splice(at, 1 + (random() % 8));
        break;
      case 2:
        bytes.splice(at, 0, random() & 0xff, random() & 0xff);
        break;
      case 3:
        bytes[2 + (at & 1)] = random() & 0xff;
        break;
      default:
        bytes.length = at;
    }
  }
  if (random() % 2 === 0 && bytes.length >= 20) {
    bytes[2] = (bytes.length >>> 8) & 0xff;
    bytes[3] = bytes.length & 0xff;
  }
  return Uint8Array.from(bytes);
}

function xorshift(seed: number): () => number {
  let state = seed >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state;
  };
}

function sameOctets(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((octet, index) => octet === b[index]);
}
