/** `addrd decode`: what it shows, what it never shows, how it ends. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { decodeCommand, type DecodeOptions, packetsOf } from '../../src/daemon/decode-command.js';
import { signRequest, signResponse } from '../../src/protocols/radius/authenticator.js';
import { builtInDictionary } from '../../src/protocols/radius/built-in.js';
import { encodeNamed, type NamedAttribute } from '../../src/protocols/radius/named-attributes.js';
import { encode, parse } from '../../src/protocols/radius/packet.js';

const SECRET = 'a secret of some length';
const secret = new TextEncoder().encode(SECRET);
const hex = (octets: Uint8Array): string => Buffer.from(octets).toString('hex');
const attributes = (named: readonly NamedAttribute[]): ReturnType<typeof encodeNamed> =>
  encodeNamed(named, builtInDictionary());

const start = signRequest(
  {
    code: 4,
    identifier: 17,
    authenticator: new Uint8Array(16),
    attributes: [
      ...attributes([
        { name: 'User-Name', value: 'alice\n@isp.example' },
        { name: 'Acct-Status-Type', value: 'Start' },
        { name: 'Framed-IPv6-Prefix', value: '2001:db8:1::/64' },
        { name: 'Event-Timestamp', value: 1795341600 },
        { name: 'Mikrotik-Rate-Limit', value: '1M/1M' },
        { name: 'ERX-Service-Activate:2', value: 'garden' },
        { name: '26.12345.7', value: '0x00ff' },
        { name: '250', value: '0x0102' },
        { name: '241.200', value: '0x0304' },
      ]),
      { type: 26, value: Uint8Array.of(0, 0, 0x0a, 0x4c, 1, 9, 0x61) },
      { type: 8, value: Uint8Array.of(192, 0, 2) },
    ],
  },
  secret,
  true,
);

const reply = signResponse({ code: 5, identifier: 17, attributes: [] }, parse(start).authenticator, secret, false);

const files: Record<string, string> = {
  '/secret': `${SECRET}\n`,
  '/own': 'VENDOR Own 12345\nBEGIN-VENDOR Own\nATTRIBUTE Own-Flags 7 short\nEND-VENDOR Own\n',
  '/faulty': 'ATTRIBUTE X 250 nonsense\n',
};

function run(input: string, options: DecodeOptions = {}): ReturnType<typeof decodeCommand> {
  return decodeCommand(input, options, (path) => files[path]);
}

t.test('a packet for people', (t) => {
  const { output, status } = run(hex(start), { secretFile: '/secret' });
  t.equal(status, 0);
  const { length } = start;
  t.same(output.replace(/0x[0-9a-f]{32}/g, '0x…').split('\n'), [
    `Accounting-Request (4), id 17, length ${String(length)}`,
    '  authenticator 0x…: right',
    '  Message-Authenticator: right',
    '  Message-Authenticator = 0x…',
    '  User-Name = "alice\\x0a@isp.example"',
    '  Acct-Status-Type = Start (1)',
    '  Framed-IPv6-Prefix = 2001:db8:1::/64',
    '  Event-Timestamp = 2026-11-22T10:00:00Z (1795341600)',
    '  Vendor-Specific.Mikrotik.Mikrotik-Rate-Limit = "1M/1M"',
    '  Vendor-Specific.ERX.ERX-Service-Activate:2 = "garden"',
    '  Vendor-Specific.12345.7 = 0x00ff',
    '  250 = 0x0102',
    '  241.200 = 0x0304',
    '  Vendor-Specific = 0x00000a4c010961  ! vendor-format',
    '  Framed-IP-Address = 0xc00002  ! value-length',
    '',
  ]);
  t.match(run(hex(start), { dictionary: ['/own'] }).output, 'Vendor-Specific.Own.Own-Flags = 255');
  t.match(run(hex(start), { secret: 'another' }).output, /authenticator 0x\w+: wrong/);
  t.match(run(hex(start), { secret: 'another' }).output, 'Message-Authenticator: wrong');
  t.match(run(`${hex(start)}0000`).output, '  2 octets behind the packet, ignored as padding');
  t.end();
});

t.test('a reply needs its request', (t) => {
  t.match(run(hex(reply), { secret: SECRET }).output, ': not checked, a reply needs its request');
  t.match(run(hex(reply), { secret: SECRET, request: hex(start) }).output, /authenticator 0x\w+: right/);
  const other = hex(start).replace(/^0411/, '0412');
  t.match(run(hex(reply), { secret: SECRET, request: other }).output, 'the request has id 18, this reply 17');
  t.match(run(hex(reply), { secret: SECRET, request: '0411' }).output, 'the request cannot be parsed');
  t.equal(run(hex(reply), { secret: SECRET, request: 'xyz' }).status, 65);
  t.end();
});

t.test('hex as people have it', (t) => {
  const plain = hex(start);
  const spaced = plain.replace(/../g, '$& ');
  const forms = [
    spaced,
    plain.replace(/..(?=.)/g, '$&:').toUpperCase(),
    `0x${plain}`,
    spaced.replace(/.{48}/g, '$&\n'),
    `# a comment\n${plain}   # and another\n`,
  ];
  for (const form of forms)
    t.same(
      packetsOf(form).map((one) => hex(one ?? new Uint8Array())),
      [plain],
      form.slice(0, 50),
    );
  t.equal(packetsOf(`${plain}\n${hex(reply)}\n${hex(start)}`).length, 3, 'one a line');
  t.equal(packetsOf(`${spaced.replace(/.{48}/g, '$&\n')}\n\n${hex(reply)}`).length, 2, 'a block each');
  t.equal(run(`${plain}\n${hex(reply)}`).status, 0);
  t.equal(run(`${plain}\n${hex(reply).slice(2)}`).status, 65, 'one of them cannot be parsed');
  t.match(run(`${plain}\nnonsense`).output, 'not hex digits');
  for (const nothing of ['', '  \n', '# only a comment']) t.equal(run(nothing).status, 65);
  t.end();
});

t.test('what cannot be parsed shows what can be read', (t) => {
  const broken = Uint8Array.of(...start);
  broken[2] = 0;
  broken[3] = 70;
  const { output, status } = run(hex(broken));
  t.equal(status, 65);
  t.match(output, 'User-Name = "alice');
  t.match(output, /attribute \d+, length \d+, with \d+ octets? left in the packet/);
  t.match(output, '! attribute-overruns-packet at octet');
  t.match(run('0411').output, 'not a RADIUS packet: 2 octets');
  t.match(run('0411').output, '! datagram-too-short');
  t.end();
});

t.test('a packet cut short shows the attributes that are whole', (t) => {
  const short = hex(start.subarray(0, start.length - 3));
  const { output, status } = run(short);
  t.equal(status, 65);
  t.match(output, `Accounting-Request (4), id 17, length ${String(start.length)}, cut short\n`);
  t.match(output, 'User-Name = "alice');
  t.match(output, `cut: ${String(start.length - 3)} of ${String(start.length)} octets are here, the last`);
  t.match(output, '! length-beyond-datagram');
  t.match(run(hex(start.subarray(0, 20))).output, `cut: 20 of ${String(start.length)} octets are here\n`);
  t.match(run(hex(start.subarray(0, 19))).output, 'not a RADIUS packet: 19 octets');
  t.end();
});

/** A dump of octets as a program prints it. */
function dumped(octets: Uint8Array, line: (offset: string, pairs: string[], text: string) => string): string {
  const lines: string[] = [];
  for (let at = 0; at < octets.length; at += 16) {
    const row = octets.subarray(at, at + 16);
    const text = [...row].map((octet) => (octet > 32 && octet < 127 ? String.fromCharCode(octet) : '.')).join('');
    lines.push(line(at.toString(16).padStart(4, '0'), hex(row).match(/../g) ?? [], text));
  }
  return lines.join('\n');
}

t.test('dumps with offsets', (t) => {
  const fours = (pairs: string[]): string => pairs.join('').replace(/.{4}(?=.)/g, '$& ');
  const xxd = (octets: Uint8Array): string =>
    dumped(octets, (at, pairs, text) => `0000${at}: ${fours(pairs).padEnd(39)}  ${text}`);
  const wireshark = dumped(start, (at, pairs, text) => `${at}   ${pairs.join(' ').padEnd(47)}   ${text}`);
  const canonical = dumped(start, (at, pairs, text) => {
    const halves = `${pairs.slice(0, 8).join(' ')}  ${pairs.slice(8).join(' ')}`;
    return `0000${at}  ${halves.padEnd(48)}  |${text}|`;
  });
  const end = start.length.toString(16).padStart(8, '0');
  const ip = Uint8Array.of(0x45, 0, 0, start.length + 28, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2);
  ip[2] = (start.length + 28) >> 8;
  const datagram = Uint8Array.of(...ip, 0xc0, 0, 7, 0x15, 0, start.length + 8, 0, 0, ...start);
  const tcpdump = dumped(datagram, (at, pairs) => `\t0x${at}:  ${fours(pairs)}`);
  for (const [name, text] of Object.entries({
    xxd: xxd(start),
    wireshark,
    canonical: `${canonical}\n${end}`,
    tcpdump,
  })) {
    t.same(
      packetsOf(text).map((one) => hex(one ?? new Uint8Array())),
      [hex(start)],
      name,
    );
  }
  t.equal(packetsOf(`${xxd(start)}\n\n${xxd(reply)}`).length, 2);
  t.same(
    packetsOf(xxd(start).split('\n').slice(1).join('\n')),
    [null],
    'a dump without its first line is not guessed at',
  );
  t.end();
});

t.test('files that cannot be used', (t) => {
  t.same(run(hex(start), { dictionary: ['/faulty'] }), {
    output: '',
    complaint: 'addrd: /faulty:1: type-unknown: a type of FreeRADIUS 3, not nonsense\n',
    status: 66,
  });
  t.same(run(hex(start), { dictionary: ['/none'] }), {
    output: '',
    complaint: 'addrd: /none cannot be read: it is not there, or not for this user\n',
    status: 66,
  });
  t.equal(run(hex(start), { secretFile: '/none' }).status, 66);
  t.end();
});

t.test('secrets are never shown', (t) => {
  const marked = Uint8Array.from(Buffer.from('MARKED-OCTETS-16'));
  const marks = hex(marked);
  const vendor = (id: number[], type: number, length = marked.length + 2): { type: number; value: Uint8Array } => ({
    type: 26,
    value: Uint8Array.of(...id, type, length, ...marked),
  });
  const secrets = [
    { type: 2, value: marked },
    { type: 3, value: Uint8Array.of(1, ...marked) },
    { type: 69, value: Uint8Array.of(1, 0x80, 0, ...marked) },
    { type: 70, value: marked },
    { type: 70, value: Uint8Array.of(...marked, 1) },
    ...[1, 5, 6, 12, 16, 17, 25, 26, 27].map((type) => vendor([0, 0, 1, 0x37], type)),
    vendor([0, 0, 1, 0x37], 16, 99),
    vendor([0, 0, 0x3a, 0x8c], 16),
    vendor([0, 0, 0x3a, 0x8c], 16, 99),
    vendor([0, 0, 0x13, 0x0a], 9),
  ];
  for (const attribute of secrets) {
    const packet = { code: 1, identifier: 1, authenticator: new Uint8Array(16), attributes: [attribute] };
    const { output } = run(hex(encode(packet)), { secret: SECRET });
    t.match(output, '[hidden]', hex(attribute.value));
    t.notMatch(output, /MARKED/);
    t.notOk(output.includes(marks));
    t.notOk(output.includes(SECRET));
    // Nor where the packet ends in the middle of it, nor behind the packet.
    const cut = encode(packet).slice(0, -3);
    cut[3] = cut.length;
    t.notMatch(run(hex(cut)).output, /MARKED|4d41524b/);
    const short = encode(packet);
    short[3] = 20;
    t.notMatch(run(hex(short)).output, /MARKED|4d41524b/);
  }
  files['/redefined'] = 'ATTRIBUTE Plain 2 octets\nATTRIBUTE Own-Passwd 250 string\n';
  const packet = {
    code: 1,
    identifier: 1,
    authenticator: new Uint8Array(16),
    attributes: [
      { type: 2, value: marked },
      { type: 250, value: marked },
    ],
  };
  t.notMatch(run(hex(encode(packet)), { dictionary: ['/redefined'] }).output, /MARKED|4d41524b/);
  t.end();
});

t.test('as a program', (t) => {
  const main = fileURLToPath(new URL('../../src/daemon/main.ts', import.meta.url));
  const addrd = (args: string[], input = ''): { stdout: string; stderr: string; status: number | null } =>
    spawnSync(process.execPath, ['--import', 'tsx', main, 'decode', ...args], { input, encoding: 'utf8' });
  const directory = mkdtempSync(join(tmpdir(), 'addrd-decode-'));
  t.teardown(() => {
    rmSync(directory, { recursive: true });
  });
  const file = join(directory, 'secret');
  writeFileSync(file, `${SECRET}\n`);
  const argument = addrd(['--secret-file', file, ...hex(start).replace(/../g, '$& ').trim().split(' ')]);
  t.match(argument, { status: 0, stdout: /authenticator 0x\w+: right/, stderr: '' });
  t.match(addrd([], `${hex(start)}\n${hex(reply)}\n`), { status: 0, stdout: /Accounting-Response \(5\), id 17/ });
  t.equal(addrd(['0411']).status, 65);
  const both = addrd(['--secret-file', file, '--secret', 'x', hex(start)]);
  t.equal(both.status, 1, 'two secrets are one too many');
  t.match(both.stderr, 'cannot be used with option');
  t.end();
});
