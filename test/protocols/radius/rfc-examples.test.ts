/**
 * The example packets of RFC 2865 section 7 and RFC 5997 section 6 (secret `xyzzy5461`), and the attributes of
 * RFC 6929 section 10. Every authenticator is computed again. The reply of RFC 5997 section 6.2 is printed with code 2,
 * which its authenticator denies: it was computed over code 5. The second Access-Request of RFC 2865 section 7.3 is printed
 * with a State of length 16 octets; its Length says 10, and so do the octets.
 */
import { createHash } from 'node:crypto';
import t, { type Test } from 'tap';
import {
  signRequest,
  signResponse,
  verifyMessageAuthenticator,
  verifyResponseAuthenticator,
} from '../../../src/protocols/radius/authenticator.js';
import { builtInDictionary } from '../../../src/protocols/radius/built-in.js';
import { decodeAttributes, isOdd } from '../../../src/protocols/radius/decoded-attributes.js';
import { dumpPacket } from '../../../src/protocols/radius/dump.js';
import { encodeDecoded } from '../../../src/protocols/radius/encoded-attributes.js';
import { encodeNamed, type NamedAttribute } from '../../../src/protocols/radius/named-attributes.js';
import { encode, parse, type RadiusPacket } from '../../../src/protocols/radius/packet.js';
import { fromHex, octets } from './vectors.js';

const SECRET = octets('xyzzy5461');
const dictionary = builtInDictionary();

interface Example {
  readonly name: string;
  readonly request: string;
  readonly reply: string;
  /** What the request is built from; a Message-Authenticator is added where `signed`. */
  readonly asks: readonly NamedAttribute[];
  readonly signed?: boolean;
  readonly answers: readonly NamedAttribute[];
}

const hidden = (name: string, hex: string): NamedAttribute => ({ name, value: fromHex(hex) });

const EXAMPLES: readonly Example[] = [
  {
    name: 'RFC 2865 section 7.1',
    request: `01 00 00 38 0f 40 3f 94 73 97 80 57 bd 83 d5 cb 98 f4 22 7a 01 06 6e 65 6d 6f 02 12 0d be 70 8d 93 d4 13 ce
      31 96 e4 3f 78 2a 0a ee 04 06 c0 a8 01 10 05 06 00 00 00 03`,
    reply:
      '02 00 00 26 86 fe 22 0e 76 24 ba 2a 10 05 f6 bf 9b 55 e0 b2 06 06 00 00 00 01 0f 06 00 00 00 00 0e 06 c0 a8 01 03',
    asks: [
      { name: 'User-Name', value: 'nemo' },
      hidden('User-Password', '0dbe708d93d413ce3196e43f782a0aee'),
      { name: 'NAS-IP-Address', value: '192.168.1.16' },
      { name: 'NAS-Port', value: 3 },
    ],
    answers: [
      { name: 'Service-Type', value: 'Login-User' },
      { name: 'Login-Service', value: 'Telnet' },
      { name: 'Login-IP-Host', value: '192.168.1.3' },
    ],
  },
  {
    name: 'RFC 2865 section 7.2',
    request: `01 01 00 47 2a ee 86 f0 8d 0d 55 96 9c a5 97 8e 0d 33 67 a2 01 08 66 6c 6f 70 73 79 03 13 16 e9 75 57 c3 16
      18 58 95 f2 93 ff 63 44 07 72 75 04 06 c0 a8 01 10 05 06 00 00 00 14 06 06 00 00 00 02 07 06 00 00 00 01`,
    reply: `02 01 00 38 15 ef bc 7d ab 26 cf a3 dc 34 d9 c0 3c 86 01 a4 06 06 00 00 00 02 07 06 00 00 00 01 08 06 ff ff
      ff fe 0a 06 00 00 00 02 0d 06 00 00 00 01 0c 06 00 00 05 dc`,
    asks: [
      { name: 'User-Name', value: 'flopsy' },
      hidden('CHAP-Password', '16e97557c316185895f293ff6344077275'),
      { name: 'NAS-IP-Address', value: '192.168.1.16' },
      { name: 'NAS-Port', value: 20 },
      { name: 'Service-Type', value: 'Framed-User' },
      { name: 'Framed-Protocol', value: 'PPP' },
    ],
    answers: [
      { name: 'Service-Type', value: 'Framed-User' },
      { name: 'Framed-Protocol', value: 'PPP' },
      { name: 'Framed-IP-Address', value: '255.255.255.254' },
      { name: 'Framed-Routing', value: 'Listen' },
      { name: 'Framed-Compression', value: 'Van-Jacobson-TCP-IP' },
      { name: 'Framed-MTU', value: 1500 },
    ],
  },
  {
    name: 'RFC 2865 section 7.3, the challenge',
    request: `01 02 00 39 f3 a4 7a 1f 6a 6d 76 71 0b 94 7a b9 30 41 a0 39 01 07 6d 6f 70 73 79 02 12 33 65 75 73 77 82 89
      b5 70 88 5e 15 08 48 25 c5 04 06 c0 a8 01 10 05 06 00 00 00 07`,
    reply: `0b 02 00 4e 36 f3 c8 76 4a e8 c7 11 57 40 3c 0c 71 ff 9c 45 12 30 43 68 61 6c 6c 65 6e 67 65 20 33 32 37 36
      39 34 33 30 2e 20 20 45 6e 74 65 72 20 72 65 73 70 6f 6e 73 65 20 61 74 20 70 72 6f 6d 70 74 2e 18 0a 33 32 37
      36 39 34 33 30`,
    asks: [
      { name: 'User-Name', value: 'mopsy' },
      hidden('User-Password', '33657573778289b570885e15084825c5'),
      { name: 'NAS-IP-Address', value: '192.168.1.16' },
      { name: 'NAS-Port', value: 7 },
    ],
    answers: [
      { name: 'Reply-Message', value: 'Challenge 32769430.  Enter response at prompt.' },
      { name: 'State', value: '32769430' },
    ],
  },
  {
    name: 'RFC 2865 section 7.3, the response',
    request: `01 03 00 43 b1 22 55 6d 42 8a 13 d0 d6 25 38 07 c4 57 ec f0 01 07 6d 6f 70 73 79 02 12 69 2c 1f 20 5f c0 81
      b9 19 b9 51 95 f5 61 a5 81 04 06 c0 a8 01 10 05 06 00 00 00 07 18 0a 33 32 37 36 39 34 33 30`,
    reply: '03 03 00 14 a4 2f 4f ca 45 91 6c 4e 09 c8 34 0f 9e 74 6a a0',
    asks: [
      { name: 'User-Name', value: 'mopsy' },
      hidden('User-Password', '692c1f205fc081b919b95195f561a581'),
      { name: 'NAS-IP-Address', value: '192.168.1.16' },
      { name: 'NAS-Port', value: 7 },
      { name: 'State', value: '32769430' },
    ],
    answers: [],
  },
  {
    name: 'RFC 5997 section 6.1',
    request: `0c da 00 26 8a 54 f4 68 6f b3 94 c5 28 66 e3 02 18 5d 06 23 50 12 5a 66 5e 2e 1e 84 11 f3 e2 43 82 20 97 c8
      4f a3`,
    reply: '02 da 00 14 ef 0d 55 2a 4b f2 d6 93 ec 2b 6f e8 b5 41 1d 66',
    asks: [],
    signed: true,
    answers: [],
  },
  {
    name: 'RFC 5997 section 6.2',
    request: `0c b3 00 26 92 5f 6b 66 dd 5f ed 57 1f cb 1d b7 ad 38 82 60 50 12 e8 d6 ea bd a9 10 87 5c d9 1f da de 26 36
      78 58`,
    reply: '05 b3 00 14 0f 6f 92 14 5f 10 7e 2f 50 4e 86 0a 48 60 66 9c',
    asks: [],
    signed: true,
    answers: [],
  },
  {
    name: 'RFC 5997 section 6.3',
    request: `0c 47 00 2c bf 58 de 56 ae 40 8a d3 b7 0c 85 13 f9 b0 3f be 04 06 c0 00 02 10 50 12 85 2d 6f ec 61 e7 ed 74
      b8 e3 2d ac 2f 2a 5f b2`,
    reply: `02 47 00 34 46 f4 3e 62 fd 03 54 42 4c bb eb fd 6d 21 4e 06 12 20 52 41 44 49 55 53 20 53 65 72 76 65 72 20
      75 70 20 32 20 64 61 79 73 2c 20 31 38 3a 34 30`,
    asks: [
      { name: 'NAS-IP-Address', value: '192.0.2.16' },
      // Not the first, where we put it ourselves.
      hidden('Message-Authenticator', '852d6fec61e7ed74b8e32dac2f2a5fb2'),
    ],
    answers: [{ name: 'Reply-Message', value: 'RADIUS Server up 2 days, 18:40' }],
  },
];

for (const { name, request, reply, asks, signed = false, answers } of EXAMPLES) {
  t.test(`${name}, byte for byte`, (t) => {
    const asked = parse(fromHex(request));
    const answered = parse(fromHex(reply));
    for (const packet of [asked, answered]) roundTrip(t, packet);
    t.ok(verifyResponseAuthenticator(answered, asked.authenticator, SECRET), 'the reply belongs to the request');
    const isSigned = signed || asks.some((attribute) => attribute.name === 'Message-Authenticator');
    t.equal(verifyMessageAuthenticator(asked, SECRET, undefined), isSigned ? 'right' : 'absent');

    const { code, identifier, authenticator } = asked;
    const fields = { code, identifier, authenticator, attributes: encodeNamed(asks, dictionary) };
    t.same(signRequest(fields, SECRET, signed), fromHex(request), 'the request, built from names');
    const response = { code: answered.code, identifier, attributes: encodeNamed(answers, dictionary) };
    t.same(signResponse(response, authenticator, SECRET, false), fromHex(reply), 'the reply, built from names');
    t.end();
  });
}

function roundTrip(t: Test, packet: RadiusPacket): void {
  const decoded = decodeAttributes(packet.attributes, dictionary);
  t.notOk(decoded.some(isOdd));
  t.same(encode({ ...packet, attributes: encodeDecoded(decoded, dictionary) }), packet.bytes);
}

t.test('the passwords of the examples are what the RFC says, and are never shown', (t) => {
  for (const [index, password] of ['arctangent', undefined, 'challenge', '99101462'].entries()) {
    const example = EXAMPLES[index];
    if (example === undefined) throw new Error('no example');
    const packet = parse(fromHex(example.request));
    const lines = dumpPacket(packet.bytes, { dictionary, secret: SECRET }).lines.join('\n');
    t.match(lines, /(User|CHAP)-Password = \[hidden\]/);
    t.notMatch(lines, /xyzzy|arctangent|99101462/);
    const chap = packet.attributes.find(({ type }) => type === 3)?.value;
    const pap = packet.attributes.find(({ type }) => type === 2)?.value;
    if (chap !== undefined) {
      const digest = createHash('md5').update(chap.subarray(0, 1)).update('arctangent').update(packet.authenticator);
      t.same(Uint8Array.from(digest.digest()), Uint8Array.from(chap.subarray(1)), 'CHAP of arctangent');
    } else if (pap !== undefined && password !== undefined) {
      const key = createHash('md5').update(SECRET).update(packet.authenticator).digest();
      const clear = Buffer.from(pap.map((octet, at) => octet ^ (key[at] ?? 0))).toString();
      t.equal(clear.replace(/\0+$/, ''), password);
    }
  }
  t.end();
});

/** The 137, 1 and 113 octets of the RFC's longest example; the vendor's header leaves room for 5 fewer. */
const A_TO_B = (last: number): string => `${'aa'.repeat(137)}ab${'bb'.repeat(last)}`;
const C_END = `${'cc'.repeat(10)}13456789`;

/** The octets, which numbers hold others (the rest is octets), and what they hold. */
const EXTENDED: readonly (readonly [
  hex: string,
  holders: readonly string[],
  held: Readonly<Record<string, string>>,
])[] = [
  ['f1 06 01 62 6f 62', [], { '241.1': 'bob' }],
  ['f1 07 02 01 04 23 45', ['241.2'], { '241.2.1': '0x2345' }],
  ['f1 0b 02 01 04 23 45 02 04 67 89', ['241.2'], { '241.2.1': '0x2345', '241.2.2': '0x6789' }],
  ['f1 0d 02 01 04 23 45 03 06 01 04 ab cd', ['241.2', '241.2.3'], { '241.2.1': '0x2345', '241.2.3.1': '0xabcd' }],
  [
    'f1 12 02 01 04 23 45 03 0b 01 04 ab cd 02 05 66 6f 6f',
    ['241.2', '241.2.3'],
    { '241.2.1': '0x2345', '241.2.3.1': '0xabcd', '241.2.3.2': 'foo' },
  ],
  [
    'f1 0f 01 01 0c 02 0a 03 08 04 06 05 04 cd ef',
    ['241.1', '241.1.1', '241.1.1.2', '241.1.1.2.3', '241.1.1.2.3.4'],
    { '241.1.1.2.3.4.5': '0xcdef' },
  ],
  ['f1 0c 1a 00 00 00 01 04 74 65 73 74', [], { '241.26.1.4': 'test' }],
  ['f1 0e 1a 00 00 00 01 05 03 06 74 65 73 74', ['241.26.1.5'], { '241.26.1.5.3': 'test' }],
  ['f5 07 01 00 62 6f 62', [], { '245.1': 'bob' }],
  ['f5 08 02 00 01 04 23 45', ['245.2'], { '245.2.1': '0x2345' }],
  ['f5 0c 02 00 01 04 23 45 02 04 67 89', ['245.2'], { '245.2.1': '0x2345', '245.2.2': '0x6789' }],
  ['f5 0e 02 00 01 04 23 45 03 06 01 04 ab cd', ['245.2', '245.2.3'], { '245.2.1': '0x2345', '245.2.3.1': '0xabcd' }],
  [
    'f5 13 02 00 01 04 23 45 03 0b 01 04 ab cd 02 05 66 6f 6f',
    ['245.2', '245.2.3'],
    { '245.2.1': '0x2345', '245.2.3.1': '0xabcd', '245.2.3.2': 'foo' },
  ],
  [
    'f5 10 01 00 01 0c 02 0a 03 08 04 06 05 04 cd ef',
    ['245.1', '245.1.1', '245.1.1.2', '245.1.1.2.3', '245.1.1.2.3.4'],
    { '245.1.1.2.3.4.5': '0xcdef' },
  ],
  ['f5 0d 1a 00 00 00 00 01 04 74 65 73 74', [], { '245.26.1.4': 'test' }],
  ['f5 0f 1a 00 00 00 00 01 05 03 06 74 65 73 74', ['245.26.1.5'], { '245.26.1.5.3': 'test' }],
  [`f5 ff 04 80 ${A_TO_B(113)} f5 13 04 00 ${'cc'.repeat(15)}`, [], { '245.4': `0x${A_TO_B(113)}${'cc'.repeat(15)}` }],
  // The header of the vendor stands in the first fragment only.
  [
    `f5 ff 1a 80 00 00 00 01 06 ${A_TO_B(108)} f5 17 1a 00 ${'bb'.repeat(5)}${C_END}`,
    [],
    { '245.26.1.6': `0x${A_TO_B(113)}${C_END}` },
  ],
  // 256 octets, which the RFC does not have.
  [`f5 ff 01 80 ${'78'.repeat(251)} f5 09 01 00 ${'78'.repeat(5)}`, [], { '245.1': 'x'.repeat(256) }],
];

t.test('the attributes of RFC 6929 section 10', (t) => {
  for (const [hex, holders, held] of EXTENDED) {
    // Of the RFC's numbers some have meanings since, and not those of the examples.
    const own = builtInDictionary();
    const path = (dotted: string): number[] => dotted.split('.').map(Number);
    for (const dotted of Object.keys(held))
      own.addAttribute({ name: `A-${dotted}`, path: path(dotted), type: 'string' });
    for (const dotted of holders) own.addAttribute({ name: `A-${dotted}`, path: path(dotted), type: 'tlv' });
    const named = Object.entries(held).map(([dotted, value]) => {
      return { name: `A-${dotted}`, value: value.startsWith('0x') ? fromHex(value.slice(2)) : octets(value) };
    });
    const attributes = encodeNamed(named, own);
    const packet = encode({ code: 1, identifier: 0, authenticator: new Uint8Array(16), attributes });
    t.same(packet.subarray(20), fromHex(hex), hex.slice(0, 60));
    const decoded = decodeAttributes(parse(packet).attributes, own);
    t.notOk(decoded.some(isOdd));
    t.same(encodeDecoded(decoded, own), attributes);
  }
  t.end();
});
