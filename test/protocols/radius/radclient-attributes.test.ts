/**
 * Every data type, both ways: what the real radclient sends is read as it was asked to send it, and what we encode is read
 * the same by tshark. radclient takes its attributes from FreeRADIUS's dictionaries and from one of this test.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { existsSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { signResponse, verifyRequestAuthenticator } from '../../../src/protocols/radius/authenticator.js';
import { builtInDictionary } from '../../../src/protocols/radius/built-in.js';
import { isScalar, SCALAR_TYPES } from '../../../src/protocols/radius/data-types.js';
import { decodeAttributes, type DecodedAttribute, isOdd } from '../../../src/protocols/radius/decoded-attributes.js';
import { addDictionaryFile } from '../../../src/protocols/radius/dictionary-file.js';
import { encodeNamed } from '../../../src/protocols/radius/named-attributes.js';
import { encode, parse } from '../../../src/protocols/radius/packet.js';
import { showValue } from '../../../src/protocols/radius/value-text.js';
import { requirePeer } from '../../peers/freeradius.js';
import { octets } from './vectors.js';
import { requirePrograms } from '../../support/peer.js';

const SECRET = 'testing123';
/** Two fragments: radclient 3.2.1 fills the third of three with octets that nobody asked for. */
const LONG = 'x'.repeat(400);

/** What the stock dictionaries have no attribute for: the small types, signed, and long-extended ones. */
const OWN = `
ATTRIBUTE	Test-Long-Text		245.200	string
ATTRIBUTE	Test-Ext-Group		241.200	tlv
ATTRIBUTE	Test-Ext-Number		241.200.1	integer
ATTRIBUTE	Test-Ext-Prefix		241.200.2	ipv6prefix
ATTRIBUTE	Test-Ext-Text		242.200	string
VENDOR		Test-Vendor		65001
BEGIN-VENDOR	Test-Vendor
ATTRIBUTE	Test-Byte		1	byte
ATTRIBUTE	Test-Short		2	short
ATTRIBUTE	Test-Signed		3	signed
ATTRIBUTE	Test-Integer64		4	integer64
ATTRIBUTE	Test-Ether		5	ether
ATTRIBUTE	Test-IPv4-Prefix	6	ipv4prefix
ATTRIBUTE	Test-Tagged		7	integer	has_tag
ATTRIBUTE	Test-Either		8	combo-ip
ATTRIBUTE	Test-Either-Long	9	combo-ip
END-VENDOR	Test-Vendor
VENDOR		Test-Wide		65002	format=2,2
BEGIN-VENDOR	Test-Wide
ATTRIBUTE	Test-Wide-Text		0x0102	string
END-VENDOR	Test-Wide
VENDOR		Test-Bare		65003	format=4,0
BEGIN-VENDOR	Test-Bare
ATTRIBUTE	Test-Bare-Number	0x00010203	integer
END-VENDOR	Test-Bare
`;

/** What is asked of radclient, and how our view shows it where that differs. */
const ASKED: readonly (readonly [name: string, asked: string, shown?: string])[] = [
  ['Acct-Status-Type', 'Start', 'Start (1)'],
  ['User-Name', '"alice@isp.example"'],
  ['Acct-Session-Id', '"0A1B2C3D"'],
  ['Class', '0x00ff10'],
  ['Framed-IP-Address', '192.0.2.55'],
  ['Event-Timestamp', '"Nov 22 2026 10:00:00 UTC"', '2026-11-22T10:00:00Z (1795341600)'],
  ['Framed-Interface-Id', '0:5eff:fe10:101'],
  ['Framed-IPv6-Prefix', '2001:db8:1::/64'],
  ['Delegated-IPv6-Prefix', '2001:db8:ab00::/40'],
  ['Framed-IPv6-Address', '2001:db8::1'],
  ['PMIP6-Home-IPv4-HoA', '198.51.100.0/24'],
  ['Tunnel-Type:3', 'L2TP', 'L2TP (3)'],
  ['Tunnel-Private-Group-Id:3', '"vlan-100"'],
  ['Tunnel-Preference', '17'],
  ['Mikrotik-Rate-Limit', '"1M/1M"'],
  ['Mikrotik-Host-IP', '192.0.2.7'],
  ['Cisco-AVPair', '"subscriber:command=account-logoff"'],
  ['Juniper-Firewall-filter-name', '"garden"'],
  ['ERX-Service-Activate:2', '"garden(1)"'],
  ['ERX-IPv6-NdRa-Prefix', '2001:db8:2::/64'],
  ['Alc-SLA-Prof-Str', '"sla-10"'],
  ['Alc-Ipv6-Address', '2001:db8::99'],
  ['Huawei-Qos-Profile-Name', '"qos-10"'],
  ['ADSL-Agent-Circuit-Id', '0x00ff'],
  ['Lucent-Max-Shared-Users', '7'],
  ['EAP-Message', `0x${'ab'.repeat(300)}`],
  // Ascend's filter: ip, forward, in; no addresses; TCP, established; no ports.
  ['Ascend-Data-Filter', '"ip in forward tcp est"', `0x01010100${'00'.repeat(10)}0601${'00'.repeat(16)}`],
  ['Test-Either', '192.0.2.8'],
  ['Test-Either-Long', '2001:db8::8'],
  ['USR-Last-Number-Dialed-Out', '"12345"'],
  ['WiMAX-Release', '"1.0"'],
  ['WiMAX-Accounting-Capabilities', 'IP-Session-Based', 'IP-Session-Based (1)'],
  ['IP-Port-Range-Ext-IPv4-Addr', '203.0.113.9'],
  ['IP-Port-Range-Range-Start', '1024'],
  ['Frag-Status', 'Fragmentation-Supported', 'Fragmentation-Supported (1)'],
  ['FreeRADIUS-802.1X-Anonce', '0x0102'],
  ['Test-Long-Text', `"${LONG}"`],
  ['Test-Ext-Number', '7'],
  ['Test-Ext-Prefix', '2001:db8:3::/48'],
  ['Test-Ext-Text', '"extended"'],
  ['Test-Byte', '200'],
  ['Test-Short', '60000'],
  ['Test-Signed', '-5'],
  ['Test-Integer64', '18446744073709551615'],
  ['Test-Ether', '02:00:5e:10:01:01'],
  ['Test-IPv4-Prefix', '10.0.0.0/8'],
  ['Test-Tagged:5', '99'],
  ['Test-Wide-Text', '"wide"'],
  ['Test-Bare-Number', '42'],
];

const read = (path: string): string | undefined => (existsSync(path) ? readFileSync(path, 'utf8') : undefined);

function leavesOf(attribute: DecodedAttribute): DecodedAttribute[] {
  return attribute.children.length === 0 ? [attribute] : attribute.children.flatMap(leavesOf);
}

function withChildren(attribute: DecodedAttribute): DecodedAttribute[] {
  return [attribute, ...attribute.children.flatMap(withChildren)];
}

/** Runs radclient against a socket that answers, and gives the datagram that it sent. */
async function sentByRadclient(
  directory: string,
  lines: readonly string[],
): Promise<{ datagram: Uint8Array; log: string }> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => {
    socket.bind(0, '127.0.0.1', resolve);
  });
  let child: ChildProcess | undefined;
  try {
    return await new Promise((resolve, reject) => {
      let datagram: Uint8Array | undefined;
      let log = '';
      socket.once('message', (message, peer) => {
        datagram = Uint8Array.from(message);
        const request = parse(datagram);
        const reply = { code: 5, identifier: request.identifier, attributes: [] };
        socket.send(signResponse(reply, request.authenticator, octets(SECRET), false), peer.port, peer.address);
      });
      const server = `127.0.0.1:${String(socket.address().port)}`;
      child = spawn('radclient', ['-d', directory, '-x', '-r', '1', '-t', '5', server, 'acct', SECRET]);
      child.stdout?.on('data', (chunk: Buffer) => (log += chunk.toString()));
      child.stderr?.on('data', (chunk: Buffer) => (log += chunk.toString()));
      child.stdin?.end(`${lines.join('\n')}\n`);
      child.once('error', reject);
      child.once('close', () => {
        if (datagram === undefined) reject(new Error(`radclient sent nothing:\n${log}`));
        else resolve({ datagram, log });
      });
    });
  } finally {
    child?.kill();
    socket.close();
  }
}

t.test('what radclient was asked to send is what we read', async (t) => {
  if (!requirePeer(t, 'radclient')) return;
  const directory = await mkdtemp(join(tmpdir(), 'addrd-radclient-'));
  t.teardown(() => rm(directory, { recursive: true }));
  const own = join(directory, 'dictionary');
  await writeFile(own, OWN);
  const dictionary = builtInDictionary();
  addDictionaryFile('/usr/share/freeradius/dictionary', read, dictionary);
  addDictionaryFile(own, read, dictionary);

  const lines = ASKED.map(([name, asked]) => `${name} = ${asked}`);
  const { datagram } = await sentByRadclient(directory, lines);
  const packet = parse(datagram);
  t.ok(verifyRequestAuthenticator(packet, octets(SECRET)));
  const decoded = decodeAttributes(packet.attributes, dictionary);
  t.notOk(decoded.some(isOdd), 'nothing is odd');
  const seen = new Map<string, string>();
  for (const { definition, tag, type, value, path } of decoded.flatMap(leavesOf)) {
    if (!isScalar(type) || value === undefined) throw new Error('a leaf has a value');
    const suffix = tag === undefined || tag === 0 ? '' : `:${String(tag)}`;
    seen.set(`${definition?.name ?? path.join('.')}${suffix}`, showValue(type, value, path, dictionary));
  }
  for (const [name, asked, shown] of ASKED) t.equal(seen.get(name), shown ?? asked, name);
  t.equal(seen.size, ASKED.length, 'and nothing else');
  const held = decoded.flatMap(withChildren).map(({ type }) => type);
  t.same(
    [...new Set(held)].sort(),
    [...SCALAR_TYPES, ...['vsa', 'tlv', 'extended', 'long-extended', 'evs']].sort(),
    'every data type that there is',
  );
  t.ok(
    decoded.some(({ sources }) => sources.length === 2),
    'the long one came in two fragments',
  );

  // The other way: built from the same names and values, the attributes are radclient's own octets.
  const named = ASKED.map(([name, asked, shown]) => ({ name, value: textOf(name, asked, shown) }));
  const ours = encodeNamed(named, dictionary);
  const key = ({ type, value }: { type: number; value: Uint8Array }): string =>
    `${String(type)} ${Buffer.from(value).toString('hex')}`;
  t.same(ours.map(key).sort(), packet.attributes.map(key).sort(), 'octet by octet as radclient encodes them');
});

/** Our own spelling of a value. */
function textOf(name: string, asked: string, shown: string | undefined): string {
  if (name === 'Event-Timestamp' || name === 'Ascend-Data-Filter') return shown?.split(' ')[0] ?? '';
  return asked.replace(/^"(.*)"$/, '$1');
}

t.test('what we encode, tshark reads the same', async (t) => {
  if (!requirePrograms(t, ['tshark', 'text2pcap'])) return;
  const directory = await mkdtemp(join(tmpdir(), 'addrd-tshark-'));
  t.teardown(() => rm(directory, { recursive: true }));
  const dictionary = builtInDictionary();
  // What tshark prints of the attribute; its own dictionaries are older, so only what they know.
  const cases: [name: string, value: string, printed: string][] = [
    ['User-Name', 'alice@isp.example', 'val=alice@isp.example'],
    ['Acct-Status-Type', 'Interim-Update', 'Interim-Update(3)'],
    ['Framed-IP-Address', '192.0.2.55', 'val=192.0.2.55'],
    ['Framed-IPv6-Prefix', '2001:db8:1::/64', 'val=2001:db8:1::/64'],
    ['Framed-IPv6-Address', '2001:db8::1', 'val=2001:db8::1'],
    ['Framed-Interface-Id', '0:5eff:fe10:101', '00005efffe100101'],
    ['Class', '0x00ff10', '00ff10'],
    ['NAS-Port', '4294967295', 'val=4294967295'],
    ['Tunnel-Type:3', 'L2TP', 'Tag=0x03 val=L2TP(3)'],
    ['Tunnel-Private-Group-Id:3', 'vlan-100', 'Tag=0x03 val=vlan-100'],
    ['Mikrotik-Rate-Limit', '1M/1M', 't=Mikrotik-Rate-Limit(8) l=7 val=1M/1M'],
    ['Cisco-AVPair', 'subscriber:command=account-logoff', 'subscriber:command=account-logoff'],
    ['Juniper-Firewall-filter-name', 'garden', 'Juniper-Firewall-filter-name: garden'],
    ['Alc-SLA-Prof-Str', 'sla-10', 'Alc-SLA-Prof-Str: sla-10'],
    ['Huawei-Domain-Name', 'garden', 'Huawei-Domain-Name: garden'],
    ['Event-Timestamp', '2026-11-22T10:00:00Z', 'Nov 22, 2026 10:00:00'],
  ];
  const attributes = encodeNamed(
    cases.map(([name, value]) => ({ name, value })),
    dictionary,
  );
  const bytes = encode({ code: 4, identifier: 7, authenticator: new Uint8Array(16), attributes });
  const hex = Array.from(bytes, (octet) => octet.toString(16).padStart(2, '0')).join(' ');
  await writeFile(join(directory, 'packet.txt'), `0000 ${hex}\n`);
  const pcap = join(directory, 'packet.pcap');
  spawnSync('text2pcap', ['-q', '-u', '1813,1813', join(directory, 'packet.txt'), pcap]);
  t.ok((await readFile(pcap)).length > bytes.length);
  const { stdout } = spawnSync('tshark', ['-r', pcap, '-V', '-O', 'radius'], {
    encoding: 'utf8',
    env: { ...process.env, TZ: 'UTC' },
  });
  for (const [name, , printed] of cases) t.match(stdout, printed, name);
  t.notMatch(stdout, /Malformed|too short/);
});
