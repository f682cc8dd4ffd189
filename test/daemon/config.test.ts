import { readFileSync } from 'node:fs';
import t from 'tap';
import { parse as parseYaml } from 'yaml';
import { ConfigError, configuredPools, loadConfig, parseConfig, type Config } from '../../src/daemon/config.js';
import { configDefaults, configKeys, type ConfigSources } from '../../src/daemon/config-schema.js';
import { DEFAULT_RULES } from '../../src/daemon/ingest/claims.js';
import { DEFAULT_LIMITS } from '../../src/daemon/lanes.js';
import { DEFAULT_BREAKER } from '../../src/daemon/outbox/breaker.js';
import { formatPrefix } from '../../src/daemon/lifecycle/address.js';
import { DEFAULT_KNOBS } from '../../src/daemon/lifecycle/policy.js';
import { actsOn } from '../../src/daemon/lifecycle/policy.js';
import { compilePolicy } from '../../src/daemon/policy-of.js';

/** No pool and no VRF has another number. */
const NOTHING = { pool: () => 0, vrf: () => 0 };

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
  t.match(lab, { name: 'lab', tenant: 'default', vrf: 'global', messageAuthenticator: 'optional' });
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

t.test('an empty mapping is the defaults, and acts on nothing', async (t) => {
  const config = read('{}');
  t.equal(config.mode, 'observe');
  t.strictSame(config.pools, []);
  t.strictSame(config.radius.nas, []);
  t.match(config.api.listen, [{ text: '127.0.0.1:8067' }]);
  t.strictSame(config.lifecycle, {
    interimIntervalMs: 600_000,
    gapToleranceMs: 10_000,
    epochGraceMs: 1_200_000,
    epochRepeatMs: 10_000,
    evidenceTimeoutMs: 3_600_000,
    renumberTimeoutMs: 86_400_000,
    evidence: 'hold',
    silenceInterims: 3,
    silenceFactor: 3,
    forgottenNasMs: 604_800_000,
    ackGraceMs: 5_000,
    disconnectCount: 3,
    disconnectWindowMs: 600_000,
    keepJournalMs: null,
    taskShare: 0.1,
    retryBaseMs: 1_000,
    retryCapMs: 300_000,
  });
  t.strictSame(config.queue, DEFAULT_LIMITS);
  t.strictSame(config.outbox, { inFlight: 32, breaker: DEFAULT_BREAKER });
  t.match(config.radius.accounting, {
    receiveBuffer: 8_388_608,
    replyCacheMs: 30_000,
    replyCacheEntries: 65_536,
    onStoreFailure: 'silent',
  });
  t.equal(config.log.level, 'info');
});

t.test('the defaults of the file are those of the lifecycle', async (t) => {
  const { mode: _mode, pools: _pools, nas: _nas, ...knobs } = compilePolicy(read('{}'), NOTHING);
  t.strictSame(knobs, DEFAULT_KNOBS);
});

t.test('pools and policy reach the lifecycle', async (t) => {
  const config = read(shipped);
  t.strictSame(configuredPools(config)[2], {
    tenant: 'default',
    name: 'lab-pd',
    vrf: 'global',
    family: 'ipv6-pd',
    use: 'delegated',
    kind: 'static',
    prefix: config.pools[2]?.prefix,
    unitLength: 56,
    quarantineMs: 60_000,
    nas: [],
    sticky: true,
    reserved: [],
    excluded: [],
  });
  const asked: string[] = [];
  const policy = compilePolicy(config, { ...NOTHING, pool: (tenant, name) => asked.push(`${tenant}/${name}`) });
  t.strictSame(asked, ['default/lab-v4', 'default/lab-v6', 'default/lab-pd']);
  t.match(policy, { mode: 'act', pools: [{ id: 1 }, { id: 2 }, { id: 3, unitLength: 56 }] });
  const names = { realm: DEFAULT_RULES.realm, case: DEFAULT_RULES.case };
  const identity = { use: DEFAULT_RULES.use, learn: DEFAULT_RULES.learn, names };
  const plain = { tenant: 'default', vrf: 0, mostNases: 1_024, identity };
  t.strictSame(policy.nas.get('lab'), { ...plain, name: 'lab', coa: true, effectLifeMs: 4_000 });
  const mute = compilePolicy(read(nas('secret: x')), NOTHING);
  t.strictSame(mute.nas.get('n'), { ...plain, name: 'n', coa: false, effectLifeMs: 0 });
});

t.test('what the packets of a NAS name subscribers by', async (t) => {
  t.strictSame(read(nas('secret: x')).radius.nas[0]?.identity, DEFAULT_RULES);
  const given = 'use: [circuit-id, mac], learn: [circuit-id], realm: strip, case: lower, circuit_id: hex, scope: relay';
  t.strictSame(read(nas(`secret: x, identity: { ${given} }`)).radius.nas[0]?.identity, {
    use: ['circuit-id', 'mac'],
    learn: ['circuit-id'],
    realm: 'strip',
    case: 'lower',
    scope: 'relay',
    circuitId: 'hex',
  });
  t.match(faults(nas('secret: x, identity: { use: [mac, mac], learn: [] }')), [
    'radius.nas[0].identity.use[1]: mac is there twice',
  ]);
  t.match(faults(nas('secret: x, identity: { learn: [mac] }')), [/^radius\.nas\[0\]\.identity\.learn\[0\]: /]);
  t.match(faults(nas('secret: x, identity: { use: [] }')), [/^radius\.nas\[0\]\.identity\.use: /]);
});

t.test('what a pool hands out, and what of it not by itself', async (t) => {
  const pool = (text: string) => read(`pools: [{ name: p, ${text} }]`).pools[0];
  t.match(pool('family: ipv6, prefix: "2001:db8::/40", use: wan-prefix'), { use: 'wan-prefix', unitLength: 64 });
  t.match(pool('family: ipv4, prefix: 192.0.2.0/24, use: routed, unit_length: 29'), { use: 'routed', unitLength: 29 });
  const ranges = pool(
    'family: ipv4, prefix: 192.0.2.0/24, reserved: [192.0.2.9, 192.0.2.16/28], excluded: [192.0.2.200-192.0.2.210]',
  );
  const base = 0xc0000200n;
  t.strictSame(ranges?.reserved, [
    { first: base + 9n, last: base + 9n },
    { first: base + 16n, last: base + 31n },
  ]);
  t.strictSame(ranges?.excluded, [{ first: base + 200n, last: base + 210n }]);
  const whole = pool(
    'family: ipv6-pd, prefix: "2001:db8::/40", delegated_length: 56, excluded: ["2001:db8:0:101::7-2001:db8:0:202::"]',
  );
  t.strictSame(whole?.excluded, [{ first: 0x20010db8000001n, last: 0x20010db8000002n }], 'whole units');
});

t.test('what a NAS entry says of proxies, replies and floods', async (t) => {
  const plain = read(nas('secret: x, coa: {}'));
  t.match(plain.radius.nas[0], {
    trust: [],
    mostNases: 1_024,
    messageAuthenticator: 'optional',
    coa: { messageAuthenticator: 'optional' },
  });
  t.strictSame(plain.radius.accounting.flood, { perSecond: 30_000, burst: 60_000 });
  const strict = read(
    nas('secret: x, message_authenticator: required, coa: {}, trust: [nas-ip-address, nas-identifier], most_nases: 7'),
  );
  t.match(strict.radius.nas[0], {
    trust: ['nas-ip-address', 'nas-identifier'],
    mostNases: 7,
    coa: { messageAuthenticator: 'required' },
  });
  const mixed = read(nas('secret: x, message_authenticator: required, coa: { message_authenticator: ignore }'));
  t.match(mixed.radius.nas[0], { messageAuthenticator: 'required', coa: { messageAuthenticator: 'ignore' } });
  const flood = read('radius: { accounting: { flood: { per_source: 5, burst: 9 } } }');
  t.strictSame(flood.radius.accounting.flood, { perSecond: 5, burst: 9 });
  t.match(faults(nas('secret: x, trust: [nas-identifier, nas-identifier]')), [
    'radius.nas[0].trust[1]: nas-identifier is there twice',
  ]);
  t.match(faults(nas('secret: x, most_nases: 0')), [/^radius\.nas\[0\]\.most_nases: /]);
  t.match(faults(nas('secret: x, trust: [calling-station-id]')), [/^radius\.nas\[0\]\.trust\[0\]: /]);
  t.match(faults('radius: { accounting: { flood: { per_source: 0 } } }'), [/^radius\.accounting\.flood\.per_source: /]);
});

t.test('the most particular mode wins', async (t) => {
  const two = `mode: observe
modes: { nas: act }
radius:
  nas:
    - { name: a, address: 192.0.2.1/32, secret: x }
    - { name: b, address: 192.0.2.2/32, secret: x, mode: observe }
`;
  const policy = compilePolicy(read(two), NOTHING);
  t.equal(policy.mode, 'act');
  t.equal(actsOn(policy, 'a'), true);
  t.equal(actsOn(policy, 'b'), false);
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

t.test('the same pool name may serve two tenants, but not the same addresses', async (t) => {
  const two = (second: string): string =>
    `${pool('family: ipv4, prefix: 192.0.2.0/25')}  - { name: p, tenant: other, family: ipv4, prefix: ${second} }`;
  t.strictSame(faults(two('192.0.2.128/25')), []);
  t.match(faults(two('192.0.2.0/24')), [/overlaps/]);
});

const page = readFileSync(new URL('../../docs/config.md', import.meta.url), 'utf8');

t.test('every key has a row in docs/config.md, with its default', async (t) => {
  const rows = new Map(
    [...page.matchAll(/^\| `([a-z0-9_.[\]]+)` +\| (.*?) +\|/gm)].map(([, key = '', fallback = '']) => [key, fallback]),
  );
  t.strictSame([...rows.keys()], [...new Set(rows.keys())]);
  for (const [key, fallback] of configDefaults()) {
    const told = rows.get(key);
    t.ok(told !== undefined, key);
    if (fallback === undefined)
      t.match(
        told,
        /^(required|`(tenant|mode|modes\.nas)`$|the NAS's own address$|that of the entry$|`backups` beside the store$|that of the family$|the NAS's secret$|none$|by kind$)/,
        key,
      );
    else t.equal(told, `\`${typeof fallback === 'string' ? fallback : JSON.stringify(fallback)}\``, key);
  }
  const known = new Set(configKeys());
  t.strictSame(
    [...rows.keys()].filter((row) => !known.has(row)),
    [],
    'and no row is about nothing',
  );
});

/** The value of a key in a raw file; where the key lies in a list, of the first entry that has it. */
function valueOf(raw: unknown, key: string): unknown {
  let values = [raw];
  for (const part of key.split('.')) {
    const name = part.replace('[]', '');
    values = values.flatMap((value) => {
      const found = (value as Record<string, unknown> | null)?.[name];
      return part.endsWith('[]') && Array.isArray(found) ? (found as unknown[]) : [found];
    });
  }
  return values.find((value) => value !== undefined);
}

t.test('the reference config names every key, with its default', async (t) => {
  const text = readFileSync(new URL('../../config/reference.yaml', import.meta.url), 'utf8');
  const told: string[] = [];
  const { warnings } = loadConfig(new TextEncoder().encode(text), {
    env: () => '/run/credentials',
    readFile: (path) => (told.push(path), `secret of ${path}`.replace(/[^a-z]/g, '-')),
  });
  t.strictSame(warnings, []);
  const raw = parseYaml(text) as unknown;
  for (const [key, fallback] of configDefaults()) {
    const value = valueOf(raw, key);
    t.not(value, undefined, key);
    if (fallback !== undefined) t.strictSame(value, fallback, key);
  }
  const lines = text.split('\n');
  lines.forEach((line, i) => {
    if (!/^ *(- )?[a-z_]+: ./.test(line)) return;
    t.ok(line.includes(' # ') || /^ *#/.test(lines[i - 1] ?? ''), `line ${String(i + 1)} has a comment: ${line}`);
  });
});
