import { readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import t from 'tap';
import { ConfigError, configuredPools, parseConfig, type Config } from '../../src/daemon/config.js';
import { configKeys, type ConfigSources } from '../../src/daemon/config-schema.js';
import { formatPrefix } from '../../src/daemon/lifecycle/address.js';
import { DEFAULT_KNOBS } from '../../src/daemon/lifecycle/policy.js';
import { compilePolicy } from '../../src/daemon/policy-of.js';

const shipped = readFileSync(new URL('../../config/addrd.yaml', import.meta.url), 'utf8');

class NoFile extends Error {
  readonly code = 'ENOENT';
}

const sources: ConfigSources = {
  readFile(path) {
    if (path === '/run/secret') return 'from-file\n';
    if (path === '/run/empty') return '\n';
    throw new NoFile(path);
  },
  env: (name) => ({ NAS_SECRET: 'from-env', EMPTY: '' })[name],
};

function read(yaml: string): Config {
  return parseConfig(yaml, sources);
}

/** Every fault of a config as `path: message`. */
function faults(yaml: string): string[] {
  try {
    read(yaml);
  } catch (error) {
    if (error instanceof ConfigError) return error.faults.map(({ path, message }) => `${path}: ${message}`);
    throw error;
  }
  return [];
}

function pool(fields: string): string {
  return `pools:\n  - { name: p, ${fields} }\n`;
}

function nas(fields: string): string {
  return `radius:\n  nas:\n    - { name: n, address: 192.0.2.1, ${fields} }\n`;
}

t.test('the shipped config is valid and says what the documents say', async (t) => {
  const config = read(shipped);
  t.equal(config.mode, 'act');
  t.equal(config.tenant, 'default');
  t.equal(config.store.path, 'var/addrd.db');
  t.match(config.api.listen, [{ host: '127.0.0.1', port: 8067 }]);
  t.match(config.radius.accounting.listen, [{ host: '127.0.0.1', port: 1813 }]);
  const [lab] = config.radius.nas;
  t.match(lab, { name: 'lab', tenant: 'default', vrf: 0, messageAuthenticator: 'optional' });
  t.match(lab?.coa, { port: 3799, timeoutMs: 1_000, retries: 3, address: Uint8Array.of(127, 0, 0, 1) });
  t.equal(lab?.secret.revealText(), 'testing123');
  t.strictSame(
    config.pools.map((p) => [p.name, p.family, formatPrefix(p.prefix), p.unitLength, p.use, p.quarantineMs]),
    [
      ['lab-v4', 'ipv4', '100.64.0.0/16', 32, 'address', 60_000],
      ['lab-v6', 'ipv6', '2001:db8:1::/64', 128, 'address', 60_000],
      ['lab-pd', 'ipv6-pd', '2001:db8:100::/40', 56, 'delegated', 60_000],
    ],
  );
});

t.test('an empty file is the defaults, and acts on nothing', async (t) => {
  const config = read('');
  t.equal(config.mode, 'observe');
  t.strictSame(config.pools, []);
  t.strictSame(config.radius.nas, []);
  t.match(config.api.listen, [{ text: '127.0.0.1:8067' }]);
  t.strictSame(config.lifecycle, {
    interimIntervalMs: 600_000,
    gapToleranceMs: 10_000,
    epochGraceMs: 1_200_000,
    evidenceTimeoutMs: 3_600_000,
    ackGraceMs: 5_000,
    retryBaseMs: 1_000,
    retryCapMs: 300_000,
  });
});

t.test('the defaults of the file are those of the lifecycle', async (t) => {
  const { mode: _mode, pools: _pools, nas: _nas, ...knobs } = compilePolicy(read(''), () => 0);
  t.strictSame(knobs, DEFAULT_KNOBS);
});

t.test('pools and policy reach the lifecycle', async (t) => {
  const config = read(shipped);
  t.strictSame(configuredPools(config)[2], {
    tenant: 'default',
    name: 'lab-pd',
    vrf: 0,
    family: 'ipv6-pd',
    use: 'delegated',
    kind: 'static',
    prefix: config.pools[2]?.prefix,
    unitLength: 56,
  });
  const asked: string[] = [];
  const policy = compilePolicy(config, (tenant, name) => asked.push(`${tenant}/${name}`));
  t.strictSame(asked, ['default/lab-v4', 'default/lab-v6', 'default/lab-pd']);
  t.match(policy, { mode: 'act', pools: [{ id: 1 }, { id: 2 }, { id: 3, unitLength: 56, quarantineMs: 60_000 }] });
  t.strictSame(policy.nas.get('lab'), { name: 'lab', tenant: 'default', vrf: 0, coa: true, effectLifeMs: 4_000 });
  const mute = compilePolicy(read(nas('secret: x')), () => 0);
  t.strictSame(mute.nas.get('n'), { name: 'n', tenant: 'default', vrf: 0, coa: false, effectLifeMs: 0 });
});

t.test('a config is frozen through and through', async (t) => {
  const config = read(shipped);
  const frozen = (value: unknown): boolean =>
    typeof value !== 'object' ||
    value === null ||
    ArrayBuffer.isView(value) ||
    (Object.isFrozen(value) && Object.values(value).every(frozen));
  t.ok(frozen(config));
});

t.test('secrets: inline, from a file, from the environment, and of the NAS where CoA has none', async (t) => {
  const secretOf = (yaml: string): string | undefined => read(yaml).radius.nas[0]?.secret.revealText();
  t.equal(secretOf(nas('secret: inline')), 'inline');
  t.equal(secretOf(nas('secret: { file: /run/secret }')), 'from-file', 'one trailing newline is no part of it');
  t.equal(secretOf(nas('secret: { env: NAS_SECRET }')), 'from-env');
  const [entry] = read(nas('secret: inline, coa: {}')).radius.nas;
  t.equal(entry?.coa?.secret.revealText(), 'inline');
  t.equal(entry?.coa?.address, null, 'to where the packets come from');
});

t.test('no secret is printed', async (t) => {
  const yaml = nas('secret: hunter2, coa: { secret: hunter2 }');
  const config = read(yaml);
  t.notMatch(inspect(config, { depth: null, showHidden: true }), 'hunter2');
  t.notMatch(JSON.stringify(config), 'hunter2');
  t.notMatch(String(config.radius.nas[0]?.secret), 'hunter2');
  t.match(JSON.stringify(config), '[secret]');
  const broken = [
    yaml.replace('name: n', 'nam: n'),
    nas('secret: [hunter2]'),
    nas('secret: { hunter2: x }'),
    nas('secret: *hunter2'),
    nas('secret: !hunter2 x'),
    nas('secret: "hunter2'),
    nas('secret: @hunter2'),
    'radius: { nas: hunter2 }',
    'api: { tokens: [{ name: a, secret: "hunter2 hunter2", scope: hunter2 }] }',
  ];
  for (const text of broken) {
    const found = faults(text).join('\n');
    t.not(found, '', text);
    t.notMatch(found, 'hunter2', text);
  }
});

const cases: readonly (readonly [yaml: string, ...faults: string[]])[] = [
  ['tenant: "act', 'line 1: a quote, bracket or colon is missing'],
  ['mode: [act', 'line 1: the indentation does not fit, or a bracket is not closed'],
  ['tenant: a\ntenant: b', 'line 2: this key is there already'],
  ['store:\n\tpath: x', 'line 2: tabs cannot indent: use spaces'],
  ['- a', 'the file: must be a mapping of keys, not a list'],
  ['mode: watch', 'mode: must be observe or act'],
  ['mod: act', 'mod: unknown key; did you mean mode?'],
  ['netbox: { url: x }', 'netbox: this version of addrd does not serve it yet'],
  ['store: { wibbling: 1 }', 'store.wibbling: unknown key; known are path'],
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
  [nas('secret: { env: NONE }'), 'radius.nas[0].secret: the environment variable NONE is not set'],
  [nas('secret: { env: EMPTY }'), 'radius.nas[0].secret: the environment variable EMPTY is empty'],
  [nas('secret: { env: A, file: B }'), 'radius.nas[0].secret: must be text, {file: PATH} or {env: NAME}'],
  [nas('secret: x, coa: { port: 0 }'), 'radius.nas[0].coa.port: must be at least 1'],
  [
    nas('secret: x, coa: { address: 010.0.0.1 }'),
    'radius.nas[0].coa.address: 010.0.0.1 is not an IPv4 or IPv6 address',
  ],
  [nas('secret: x, vrf: red'), 'radius.nas[0].vrf: only the VRF `global` is served so far'],
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
    pool('family: ipv4, prefix: 192.0.2.0/24, kind: dynamic'),
    'pools[0].kind: this version does not serve dynamic pools, only static ones',
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
    `${pool('family: ipv4, prefix: 192.0.2.0/24, kind: dynamic, quarantine: 1')}tenannt: x`,
    'pools[0].kind: this version does not serve dynamic pools, only static ones',
    'pools[0].quarantine: has no unit: write a duration such as 1s',
    'tenannt: unknown key; did you mean tenant?',
  ],
  [
    'api: { tokens: [{ name: a, secret: x, scope: read }, { name: a, secret: x, scope: root }] }',
    'api.tokens[1].scope: must be read or operate or admin',
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

t.test('the same pool name may serve two tenants, but not the same addresses', async (t) => {
  const two = (second: string): string =>
    `${pool('family: ipv4, prefix: 192.0.2.0/25')}  - { name: p, tenant: other, family: ipv4, prefix: ${second} }`;
  t.strictSame(faults(two('192.0.2.128/25')), []);
  t.match(faults(two('192.0.2.0/24')), [/overlaps/]);
});

t.test('every key has a row in docs/config.md', async (t) => {
  const page = readFileSync(new URL('../../docs/config.md', import.meta.url), 'utf8');
  for (const key of configKeys()) t.ok(page.includes(`| \`${key}\``), key);
  const rows = [...page.matchAll(/^\| `([a-z_.[\]]+)`/gm)].map((match) => match[1]);
  t.strictSame(
    rows.filter((row) => !configKeys().includes(row ?? '')),
    [],
    'and no row is about nothing',
  );
});
