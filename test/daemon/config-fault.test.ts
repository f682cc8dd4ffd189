/** Every fault of a config by its path, and where in the file it stands. */
import t from 'tap';
import { ConfigError, loadConfig, parseConfig } from '../../src/daemon/config.js';
import { faultLine, type ConfigFault } from '../../src/daemon/config-fault.js';
import type { ConfigSources } from '../../src/daemon/config-schema.js';

class NoFile extends Error {
  readonly code = 'ENOENT';
}

const sources: ConfigSources = {
  readFile(path) {
    if (path === '/run/empty') return '\n';
    throw new NoFile(path);
  },
  env: (name) => ({ EMPTY: '' })[name],
};

function found(work: () => unknown): readonly ConfigFault[] {
  try {
    work();
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
  return [];
}

/** Every fault of a config as `path: message`. */
function faults(yaml: string): string[] {
  return found(() => parseConfig(yaml, sources)).map(({ path, message }) => `${path}: ${message}`);
}

/** Every fault as `line:column path`. */
function places(yaml: string): string[] {
  return found(() => parseConfig(yaml, sources)).map(
    ({ path, line, column }) => `${String(line)}:${String(column)} ${path}`,
  );
}

function pool(fields: string): string {
  return `pools:\n  - { name: p, ${fields} }\n`;
}

function nas(fields: string): string {
  return `radius:\n  nas:\n    - { name: n, address: 192.0.2.1, ${fields} }\n`;
}

const cases: readonly (readonly [yaml: string, ...faults: string[]])[] = [
  ['tenant: "act', 'the file: a quote, bracket or colon is missing'],
  ['mode: [act', 'the file: the indentation does not fit, or a bracket is not closed'],
  ['tenant: a\ntenant: b', 'the file: this key is there already'],
  ['store:\n\tpath: x', 'the file: tabs cannot indent: use spaces'],
  ['- a', 'the file: must be a mapping of keys, not a list'],
  ['mode: watch', 'mode: must be observe or act'],
  ['mod: act', 'mod: unknown key; did you mean mode?'],
  ['netbox: { url: x }', 'netbox: this version of addrd does not serve it yet'],
  ['store: { wibbling: 1 }', 'store.wibbling: unknown key; known are path, backup_dir'],
  ['tenant: "a b"', 'tenant: must be 1 to 64 letters, digits, dots, dashes or underscores'],
  ['store: { path: "" }', 'store.path: must not be empty'],
  ['api: { listen: [] }', 'api.listen: must not be empty'],
  [
    'api: { listen: ["192.0.2.1:80"] }',
    'api.listen[0]: 192.0.2.1:80 is not on the loopback: this version has no TLS, and tokens would cross the network in clear text',
  ],
  [
    'api: { listen: ["[::1]:80", "::1:80"] }',
    'api.listen[1]: ::1:80 is not an address to listen on: write 127.0.0.1:8067 or [::1]:8067',
  ],
  [
    'radius: { accounting: { listen: ["127.0.0.1:1813", "127.0.0.1:1813"] } }',
    'radius.accounting.listen[1]: 127.0.0.1:1813 is there twice',
  ],
  [
    'radius: { accounting: { listen: ["1813"] } }',
    'radius.accounting.listen[0]: 1813 is not an address to listen on: write 127.0.0.1:1813 or [::1]:1813',
  ],
  ['lifecycle: { ack_grace: 5 }', 'lifecycle.ack_grace: has no unit: write a duration such as 5s'],
  ['lifecycle: { ack_grace: 5 s }', 'lifecycle.ack_grace: 5 s is not a duration: write 500ms, 1s, 10m, 24h or 90d'],
  ['lifecycle: { ack_grace: 4000d }', 'lifecycle.ack_grace: 4000d is too long: at most 3650d'],
  ['lifecycle: { epoch_grace: 0s }', 'lifecycle.epoch_grace: 0s is too short: at least 1000ms'],
  ['lifecycle: { retry_base: 10m }', 'lifecycle.retry_cap: must not be shorter than lifecycle.retry_base'],
  [nas('secret: ""'), 'radius.nas[0].secret: is empty'],
  [nas('vendor: generic'), 'radius.nas[0].secret: is missing'],
  [nas('secret: 1234'), 'radius.nas[0].secret: must be text: put it in quotes'],
  [nas('secret: { file: /run/none }'), 'radius.nas[0].secret: the file /run/none cannot be read (ENOENT)'],
  [nas('secret: { file: /run/empty }'), 'radius.nas[0].secret: the file /run/empty is empty'],
  [nas('secret: { env: NONE }'), 'radius.nas[0].secret: that environment variable is not set'],
  [nas('secret: { env: EMPTY }'), 'radius.nas[0].secret: that environment variable is empty'],
  [
    nas('secret: { env: A, file: B }'),
    'radius.nas[0].secret: must be text, {file: PATH}, {env: NAME} or {credential: NAME}',
  ],
  [nas('secret: x, coa: { port: 0 }'), 'radius.nas[0].coa.port: must be at least 1'],
  [
    nas('secret: x, coa: { address: 010.0.0.1 }'),
    'radius.nas[0].coa.address: 010.0.0.1 is not an IPv4 or IPv6 address',
  ],
  [nas('secret: x, vrf: red one'), 'radius.nas[0].vrf: must be 1 to 64 letters, digits, dots, dashes or underscores'],
  [
    `${nas('secret: x')}    - { name: n, address: 192.0.2.1/32, secret: y }`,
    'radius.nas[1].name: n is the name of radius.nas[0] already',
    'radius.nas[1].address: 192.0.2.1 is that of NAS n already',
  ],
  [pool('family: ipv4'), 'pools[0].prefix: is missing'],
  [
    pool('family: ipv4, prefix: 192.0.2.1/24'),
    'pools[0].prefix: 192.0.2.1/24 is not a prefix: it has bits set beyond /24; 192.0.2.0/24 has not',
  ],
  [pool('family: ipv4, prefix: "2001:db8::/64"'), 'pools[0].prefix: 2001:db8::/64 does not fit family ipv4'],
  [
    pool('family: ipv6-pd, prefix: "2001:db8::/40"'),
    'pools[0].delegated_length: is missing: how long are the prefixes that this pool delegates?',
  ],
  [
    pool('family: ipv6-pd, prefix: "2001:db8::/40", delegated_length: 39'),
    'pools[0].delegated_length: must be at least 40, the length of the pool',
  ],
  [
    pool('family: ipv6, prefix: "2001:db8::/40", delegated_length: 56'),
    'pools[0].delegated_length: only pools of family ipv6-pd have it',
  ],
  [
    pool('family: ipv4, prefix: 192.0.2.0/24, use: delegated'),
    'pools[0].use: pools of family ipv4 are for address or routed',
  ],
  [
    pool('family: ipv4, prefix: 192.0.2.0/24, use: routed'),
    'pools[0].unit_length: is missing: how long are the subnets that this pool hands out?',
  ],
  [
    pool('family: ipv4, prefix: 192.0.2.0/24, use: routed, unit_length: 33'),
    'pools[0].unit_length: must be at most 32',
  ],
  [
    pool('family: ipv6, prefix: "2001:db8::/64", unit_length: 80'),
    'pools[0].unit_length: pools of addresses have none: write use: routed or use: wan-prefix for prefixes',
  ],
  [
    pool('family: ipv6, prefix: "2001:db8::/80", use: wan-prefix'),
    'pools[0].prefix: 2001:db8::/80 holds no /64, which a WAN prefix is',
  ],
  [
    pool('family: ipv4, prefix: 192.0.2.0/24, excluded: [192.0.2.9, 192.0.3.1]'),
    'pools[0].excluded[1]: 192.0.3.1 does not lie in 192.0.2.0/24',
  ],
  [
    pool('family: ipv4, prefix: 192.0.2.0/24, reserved: [192.0.2.9-192.0.2.8]'),
    'pools[0].reserved[0]: 192.0.2.9-192.0.2.8 is not a range: it ends before it begins',
  ],
  [
    pool('family: ipv4, prefix: 192.0.2.0/24, nas: [bras7]'),
    'pools[0].nas[0]: no entry of radius.nas has the name bras7',
  ],
  [
    pool('family: ipv4, prefix: 192.0.2.0/24, kind: dinamic'),
    'pools[0].kind: must be static or dynamic or external or nat',
  ],
  [
    pool('family: ipv4, prefix: 192.0.2.0/24, offer_timeout: 1m, unknown_subscriber: adopt'),
    'pools[0].offer_timeout: only dynamic pools have it',
    'pools[0].unknown_subscriber: only dynamic and external pools have it',
  ],
  [
    pool('family: ipv4, prefix: 192.0.2.0/24, kind: nat, disconnect_intruders: true'),
    'pools[0].disconnect_intruders: nobody is an intruder in a pool of a NAT or a walled garden',
  ],
  [
    pool('family: ipv4, prefix: 192.0.2.0/24, quarentine: 1m'),
    'pools[0].quarentine: unknown key; did you mean quarantine?',
  ],
  [
    `${pool('family: ipv4, prefix: 192.0.2.0/24')}  - { name: p, family: ipv4, prefix: 192.0.2.128/25 }`,
    'pools[1].name: p is the name of pools[0] already',
    'pools[1].prefix: 192.0.2.128/25 overlaps 192.0.2.0/24 of pool p in VRF global',
  ],
  [
    `${pool('family: ipv4, prefix: 192.0.2.0/24, kind: 1, quarantine: 1')}tenannt: x`,
    'pools[0].kind: must be static or dynamic or external or nat',
    'pools[0].quarantine: has no unit: write a duration such as 1s',
    'tenannt: unknown key; did you mean tenant?',
  ],
  [
    'api: { tokens: [{ name: a, secret: x, scope: read }, { name: a, secret: x, scope: root }] }',
    'api.tokens[1].scope: must be read or operate or admin or who, or a list of them',
  ],
  [
    'api: { tokens: [{ name: a, secret: x, scope: [read, root] }] }',
    'api.tokens[0].scope: must be read or operate or admin or who, or a list of them',
  ],
  [
    'api: { tokens: [{ name: a, secret: x, scope: read }, { name: a, secret: x, scope: read }] }',
    'api.tokens[1].name: a is the name of api.tokens[0] already',
    'api.tokens[1].secret: is the secret of api.tokens[0] already: nobody could tell them apart',
  ],
  [
    'api: { tokens: [{ name: a, secret: "x y", scope: read }] }',
    'api.tokens[0].secret: a token may hold letters, digits and - . _ ~ + / only',
  ],
];

t.test('every fault is named by its path', async (t) => {
  for (const [yaml, ...expected] of cases) t.strictSame(faults(yaml), expected, yaml);
});

t.test('every fault says where it stands', async (t) => {
  const yaml = `# a comment
mode: watch
tenannt: a
radius:
  nas:
    - name: bras1
      address: 192.0.2.1/24
      secrt: x
    - name: bras1
      address: 198.51.100.0/24
      secret: x
      coa:
        port: 0
        timeout:
pools: [{ name: p, family: ipv4, prefix: 10.0.0.1/8 },
        { name: p, family: ipv4, prefix: 10.1.0.0/16 }]
`;
  t.strictSame(places(yaml), [
    '2:7 mode',
    '3:1 tenannt',
    '6:7 radius.nas[0].secret',
    '7:16 radius.nas[0].address',
    '8:7 radius.nas[0].secrt',
    '13:15 radius.nas[1].coa.port',
    '14:9 radius.nas[1].coa.timeout',
    '15:42 pools[0].prefix',
  ]);
  const [first] = found(() => parseConfig(yaml, sources));
  t.equal(first && faultLine('addrd.yaml', first), 'addrd.yaml:2:7 mode: must be observe or act');
  t.strictSame(places('mode: act\n\ttenant: x'), ['2:1 the file']);
  t.strictSame(places('a: 1\nb: [1\nc: 2\n').slice(0, 1), ['3:1 the file']);
  t.strictSame(places('tenant: a\nmode: act\ntenant: b\n'), ['3:1 the file']);
  t.strictSame(
    places(`${pool('family: ipv4, prefix: 10.0.0.0/8')}  - { name: p, family: ipv4, prefix: 10.1.0.0/16 }`),
    ['3:13 pools[1].name', '3:38 pools[1].prefix'],
  );
});

t.test('an alias or a merged key stands where it is written', async (t) => {
  const yaml = `radius:
  nas:
    - name: a
      address: 192.0.2.1
      secret: x
      coa: &coa
        port: 70000
    - name: b
      address: 192.0.2.2
      secret: x
      coa: *coa
    - name: c
      address: 192.0.2.3
      secret: x
      coa:
        <<: *coa
        retries: 99
`;
  t.strictSame(places(yaml), [
    '7:15 radius.nas[0].coa.port',
    '7:15 radius.nas[1].coa.port',
    '7:15 radius.nas[2].coa.port',
    '17:18 radius.nas[2].coa.retries',
  ]);
  const sound = parseConfig(yaml.replace('70000', '1700').replace('99', '9'), sources);
  t.strictSame(
    sound.radius.nas.map(({ coa }) => [coa?.port, coa?.retries]),
    [
      [1700, 3],
      [1700, 3],
      [1700, 9],
    ],
  );
  t.strictSame(places('mode: act\ntenant: *nobody'), ['2:9 the file']);
});

t.test('a file that is no text of a config', async (t) => {
  const of = (octets: Uint8Array): string[] =>
    found(() => loadConfig(octets, sources)).map(({ line, message }) => `${String(line)} ${message}`);
  const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
  t.strictSame(of(utf8('')), ['1 is empty: write {} where the defaults are meant']);
  t.strictSame(of(utf8('# mode: act\n')), ['1 is empty: write {} where the defaults are meant']);
  t.strictSame(of(utf8('---\n...\n')), ['1 is empty: write {} where the defaults are meant']);
  t.strictSame(of(utf8('- mode: act\n')), ['1 must be a mapping of keys, not a list']);
  t.strictSame(of(utf8('act\n')), ['1 must be a mapping of keys, not text']);
  t.strictSame(of(utf8('\uFEFFmode: act\n')), ['1 begins with a byte order mark: save it as UTF-8 without one']);
  t.strictSame(of(Uint8Array.of(0xff, 0xfe, 0x7b, 0, 0x7d, 0)), [
    '1 is UTF-16: save it as UTF-8 without a byte order mark',
  ]);
  t.strictSame(of(Uint8Array.of(...utf8('mode: act\ntenant: M'), 0xfc, ...utf8('nchen\n'))), [
    '2 is not UTF-8 in this line',
  ]);
  t.strictSame(of(new Uint8Array(8 * 1024 * 1024 + 1).fill(0x23)), ['1 is larger than 8 MiB']);
  t.strictSame(of(utf8('{}')), []);
});

t.test('aliases that multiply are refused, and so is one that holds itself', async (t) => {
  const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]'];
  for (let n = 1; n < 9; n++) {
    const before = `*a${String(n - 1)}`;
    lines.push(`a${String(n)}: &a${String(n)} [${Array.from({ length: 10 }, () => before).join(', ')}]`);
  }
  t.match(faults(lines.join('\n')), [/^the file: its aliases .* are too many/]);
  t.match(faults('radius: { nas: &n [*n] }'), [/^radius\.nas\[0\]: must be a mapping of keys, not a list/]);
});

t.test('many faults of a long file are told in time', async (t) => {
  const entries = Array.from({ length: 5_000 }, (_, n) => {
    const octets = `${String(n >> 8)}.${String(n & 255)}`;
    return `    - { name: n${String(n)}, address: 10.0.${octets}, secret: x }`;
  });
  const yaml = ['radius:', '  nas:', ...entries, entries[0]].join('\n');
  t.strictSame(places(yaml), ['5003:15 radius.nas[5000].name', '5003:28 radius.nas[5000].address']);
});
