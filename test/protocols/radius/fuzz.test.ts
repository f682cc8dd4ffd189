/**
 * Hostile octets through the whole attribute decoder: every packet of the captures cut at every octet, mutated from a
 * printed seed, and the kept corpus. Never anything but a DecodeError; whatever decodes encodes again to the same octets.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { requestAuthenticator } from '../../../src/protocols/radius/authenticator.js';
import type { AttributeDictionary } from '../../../src/protocols/radius/attribute-dictionary.js';
import { builtInDictionary } from '../../../src/protocols/radius/built-in.js';
import { decodeAttributes, type DecodedPacketAttribute } from '../../../src/protocols/radius/decoded-attributes.js';
import { dumpPacket } from '../../../src/protocols/radius/dump.js';
import { encodeDecoded } from '../../../src/protocols/radius/encoded-attributes.js';
import { DecodeError } from '../../../src/protocols/radius/errors.js';
import { encode, parse, type RadiusPacket } from '../../../src/protocols/radius/packet.js';
import { type Chance, seeded, seedOf } from '../../support/seeded.js';
import { allCaptures, fromHex, octets } from './vectors.js';

const ROUNDS = Number(process.env['FUZZ_ROUNDS'] ?? 8000);
const CORPUS = join(import.meta.dirname, 'corpus');

/** Every kind of container and format, so that mutations reach each decoder. */
function widened(): AttributeDictionary {
  const dictionary = builtInDictionary();
  dictionary.addVendor({ name: 'C', id: 1, format: { typeOctets: 1, lengthOctets: 1, continuation: true } });
  dictionary.addVendor({ name: 'W', id: 2, format: { typeOctets: 2, lengthOctets: 2, continuation: false } });
  dictionary.addVendor({ name: 'B', id: 3, format: { typeOctets: 4, lengthOctets: 0, continuation: false } });
  dictionary.addAttribute({ name: 'C-Group', path: [26, 1, 1], type: 'tlv' });
  dictionary.addAttribute({ name: 'L-Group', path: [245, 1], type: 'tlv' });
  dictionary.addAttribute({ name: 'L-Inner', path: [245, 1, 1], type: 'tlv' });
  dictionary.addAttribute({ name: 'L-Number', path: [245, 1, 1, 1], type: 'integer' });
  return dictionary;
}

const dictionary = widened();

/** Prefixes have shorter forms and bits beyond their length; fragments may be shorter than full ones. */
function isCanonical(decoded: DecodedPacketAttribute): boolean {
  const prefixes = JSON.stringify(typesOf(decoded));
  return !/prefix/.test(prefixes) && decoded.sources.length === 1;
}

function typesOf(attribute: {
  type: string;
  children: readonly DecodedPacketAttribute['children'][number][];
}): unknown {
  return [attribute.type, attribute.children.map(typesOf)];
}

/** The property; gives whether the packet could be parsed. */
function hold(datagram: Uint8Array): boolean {
  const before = datagram.slice();
  let packet: RadiusPacket;
  const { lines, parsed } = dumpPacket(datagram, { dictionary, secret: octets('testing123'), request: datagram });
  if (lines.length === 0 || lines.join('').length > 80 * datagram.length + 2000)
    throw new Error('a dump out of bounds');
  try {
    packet = parse(datagram);
  } catch (error) {
    if (error instanceof DecodeError && !parsed) return false;
    throw error;
  }
  const decoded = decodeAttributes(packet.attributes, dictionary);
  const sources = decoded.flatMap((one) => one.sources);
  if (sources.length !== packet.attributes.length) throw new Error('attributes were lost');
  for (const one of decoded) {
    const again = encodeDecoded([one], dictionary);
    const same = Buffer.compare(wire(again), wire(one.sources)) === 0;
    if (!same && isCanonical(one)) throw new Error(`attribute ${one.name} does not go back as it came`);
    const reread = decodeAttributes(again, dictionary);
    if (!same && JSON.stringify(shown(reread)) !== JSON.stringify(shown([one]))) {
      throw new Error(`attribute ${one.name} reads otherwise once encoded`);
    }
  }
  if (Buffer.compare(encode(packet), packet.bytes) !== 0) throw new Error('the packet does not go back as it came');
  if (Buffer.compare(before, datagram) !== 0) throw new Error('the datagram was changed');
  return true;
}

function wire(attributes: RadiusPacket['attributes']): Uint8Array {
  const authenticator = new Uint8Array(16);
  return encode({ code: 4, identifier: 0, authenticator, attributes });
}

function shown(decoded: readonly DecodedPacketAttribute['children'][number][]): unknown {
  return decoded.map(({ name, tag, value, oddity, children }) => [
    name,
    tag ?? '-',
    typeof value === 'bigint' ? String(value) : (value ?? '-'),
    oddity ?? '-',
    shown(children),
  ]);
}

/** As `hold`, with the octets in the message, ready for the corpus. */
function held(datagram: Uint8Array, what: string): boolean {
  try {
    return hold(datagram);
  } catch (error) {
    throw new Error(`${what}: keep ${Buffer.from(datagram).toString('hex')} in the corpus`, { cause: error });
  }
}

t.test('every packet of the captures, cut at every octet', (t) => {
  let cuts = 0;
  for (const { bytes, file, line } of allCaptures()) {
    t.ok(held(bytes, `${file}:${String(line)}`));
    for (let length = 0; length < bytes.length; length += 1) {
      const cut = bytes.slice(0, length);
      if (held(cut, 'a cut')) t.fail('a cut packet is no packet: its Length says more');
      // The same cut with an honest Length: the attributes end in the middle of one.
      if (length >= 20) {
        cut[2] = length >>> 8;
        cut[3] = length & 0xff;
        held(cut, 'an honest cut');
      }
      cuts += 1;
    }
  }
  t.comment(`${String(cuts)} cuts`);
  t.ok(cuts > 19_000);
  t.end();
});

/** Attributes that the captures do not have: extended, tagged, vendors of each format, fragments. */
const SEEDS = [
  'f10902010445600304ab',
  'f11002060000000702080018c0000200',
  'f50801000105017f61',
  'f5ff0980' + '78'.repeat(251),
  'f5090900' + '78'.repeat(5),
  'f50c1a00000000090362617a',
  'f50f01000109010600000007020361',
  '1a0c0000000101060001036162',
  '1a0d0000000201020007616263',
  '1a0e00000003010203040000002a',
  '40060100000d',
  '510703766c616e',
  '6112004020010db80000000000000000',
  '7b04000020',
  '4f064141414142',
  '1a0f000001370109000102030405060708',
].map(fromHex);

/** Whole attributes added, and octets changed within values: the packet stays one. */
function reshaped(chance: Chance, originals: readonly Uint8Array[]): Uint8Array {
  const packet = parse(chance.pick(originals));
  const attributes = packet.attributes.map(({ type, value }) => ({ type, value: value.slice() }));
  for (let count = 1 + chance.below(4); count > 0; count -= 1) {
    const [type = 0, , ...value] = chance.pick(SEEDS);
    attributes.splice(chance.below(attributes.length + 1), 0, { type, value: Uint8Array.from(value) });
  }
  for (let count = chance.below(6); count > 0; count -= 1) {
    const { value } = chance.pick(attributes);
    if (value.length > 0) value[chance.below(value.length)] = chance.pick([0, 1, 2, 3, 5, 26, 128, chance.below(256)]);
  }
  return encode({ ...packet, attributes });
}

function mutated(chance: Chance, originals: readonly Uint8Array[]): Uint8Array {
  if (chance.below(2) === 0) return reshaped(chance, originals);
  const octetsOf = [...chance.pick(originals)];
  for (let count = chance.below(4); count > 0; count -= 1) octetsOf.push(...chance.pick(SEEDS));
  for (let count = 1 + chance.below(6); count > 0; count -= 1) {
    const at = chance.below(octetsOf.length);
    switch (chance.below(6)) {
      case 0:
        octetsOf[at] = chance.below(256);
        break;
      case 1:
        octetsOf[at] = (octetsOf[at] ?? 0) ^ (1 << chance.below(8));
        break;
      case 2:
        octetsOf.splice(at, 1 + chance.below(8));
        break;
      case 3:
        octetsOf.splice(at, 0, ...Array.from({ length: chance.below(8) }, () => chance.below(256)));
        break;
      case 4:
        octetsOf.splice(at, 0, ...chance.pick(SEEDS));
        break;
      default:
        octetsOf[at] = chance.pick([0, 1, 2, 3, 26, 79, 127, 128, 241, 245, 255]);
    }
  }
  const bytes = Uint8Array.from(octetsOf.slice(0, 4200));
  // Mostly with an honest Length and half of them signed again, so that what lies deeper is reached.
  if (bytes.length >= 20 && bytes.length <= 4096 && chance.below(8) > 0) {
    bytes[2] = bytes.length >>> 8;
    bytes[3] = bytes.length & 0xff;
    if (chance.below(2) === 0) bytes.set(requestAuthenticator(bytes, octets('testing123')), 4);
  }
  return bytes;
}

t.test('mutations of the captures', (t) => {
  const chance = seeded(seedOf(t));
  const originals = allCaptures().map(({ bytes }) => bytes);
  const began = process.cpuUsage();
  let parsed = 0;
  for (let round = 0; round < ROUNDS; round += 1)
    if (held(mutated(chance, originals), `round ${String(round)}`)) parsed += 1;
  const { user } = process.cpuUsage(began);
  t.comment(`${String(parsed)} of ${String(ROUNDS)} parsed`);
  t.ok(parsed > ROUNDS / 3, 'the mutations get past the header');
  t.ok(user / ROUNDS < 20_000, 'under 20 ms of CPU each');
  t.end();
});

t.test('the kept corpus', (t) => {
  const files = readdirSync(CORPUS).filter((name) => name.endsWith('.hex'));
  t.ok(files.length >= 8);
  for (const name of files)
    t.equal(typeof held(fromHex(readFileSync(join(CORPUS, name), 'utf8')), name), 'boolean', name);
  t.end();
});

t.test('4096 octets of the worst take a moment', (t) => {
  const worst = [
    Array.from({ length: 2038 }, () => [79, 2]).flat(),
    Array.from({ length: 15 }, () => [245, 255, 9, 128, ...Array.from({ length: 251 }, () => 0x78)]).flat(),
    Array.from({ length: 15 }, () => [245, 255, 1, 128, ...Array.from({ length: 125 }, () => [1, 2]).flat(), 1]).flat(),
    Array.from({ length: 1000 }, () => [245, 4, 1, 128]).flat(),
    Array.from({ length: 500 }, () => [26, 8, 0, 0, 0, 9, 1, 2]).flat(),
  ];
  for (const attributes of worst) {
    const bytes = Uint8Array.of(4, 1, 0, 0, ...new Uint8Array(16), ...attributes);
    bytes[2] = bytes.length >>> 8;
    bytes[3] = bytes.length & 0xff;
    const began = process.cpuUsage();
    decodeAttributes(parse(bytes).attributes, dictionary);
    t.ok(process.cpuUsage(began).user < 500_000, `${String(bytes.length)} octets`);
  }
  t.end();
});
