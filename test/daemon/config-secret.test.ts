/** Where secrets come from, and that nothing of them is ever told. */
import { chmodSync, mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import t from 'tap';
import { ConfigError, loadConfig, parseConfig, type LoadedConfig } from '../../src/daemon/config.js';
import { systemSources } from '../../src/daemon/config-sources.js';

const folder = mkdtempSync(join(tmpdir(), 'addrd-secret-'));
t.teardown(() => {
  rmSync(folder, { recursive: true, force: true });
});

function file(name: string, text: string | Uint8Array, mode = 0o600): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

const ENVIRONMENT: Readonly<Record<string, string>> = { NAS_SECRET: 'from-env', EMPTY: '' };

function load(yaml: string, env: Readonly<Record<string, string>> = ENVIRONMENT): LoadedConfig {
  return loadConfig(
    new TextEncoder().encode(yaml),
    systemSources((name) => env[name]),
  );
}

function nas(secret: string): string {
  return `radius:\n  nas:\n    - { name: n, address: 127.0.0.1, secret: ${secret} }\n`;
}

function secretOf(yaml: string, env = ENVIRONMENT): string | undefined {
  return load(yaml, env).config.radius.nas[0]?.secret.revealText();
}

function faults(yaml: string, env = ENVIRONMENT): string[] {
  try {
    load(yaml, env);
  } catch (error) {
    if (error instanceof ConfigError) return error.faults.map(({ message }) => message);
    throw error;
  }
  return [];
}

t.test('inline, from a file, from the environment, from a credential, and of the NAS where CoA has none', async (t) => {
  t.equal(secretOf(nas('inline')), 'inline');
  t.equal(secretOf(nas(`{ file: ${file('nas', 'from-file\n')} }`)), 'from-file', 'one newline at the end is no part');
  t.equal(secretOf(nas(`{ file: ${file('crlf', 'from-file\r\n')} }`)), 'from-file');
  t.equal(secretOf(nas(`{ file: ${file('spaces', ' a b ')} }`)), ' a b ', 'spaces are');
  t.equal(secretOf(nas('{ env: NAS_SECRET }')), 'from-env');
  const credentials = join(folder, 'credentials');
  mkdirSync(credentials);
  file('credentials/bras1.secret', 'from-systemd\n', 0o440);
  t.equal(secretOf(nas('{ credential: bras1.secret }'), { CREDENTIALS_DIRECTORY: credentials }), 'from-systemd');
  const [entry] = load(nas('inline, coa: {}')).config.radius.nas;
  t.equal(entry?.coa?.secret.revealText(), 'inline');
  t.equal(entry?.coa?.address, null, 'to where the packets come from');
});

t.test('a secret that cannot be had', async (t) => {
  const none = join(folder, 'none');
  const cases: readonly (readonly [secret: string, message: string | RegExp])[] = [
    ['""', 'is empty'],
    ['', 'is empty'],
    ['1234', 'must be text: put it in quotes'],
    [`{ file: ${none} }`, `the file ${none} cannot be read (ENOENT)`],
    [`{ file: ${folder} }`, `the file ${folder} cannot be read (not-a-file)`],
    ['{ file: /dev/zero }', 'the file /dev/zero cannot be read (not-a-file)'],
    [`{ file: ${file('empty', '\n')} }`, /empty is empty$/],
    [`{ file: ${file('lines', 'a\nb\n')} }`, /lines has more than one line$/],
    [`{ file: ${file('latin1', Uint8Array.of(0x4d, 0xfc))} }`, /latin1 cannot be read \(not-utf8\)$/],
    [`{ file: ${file('large', 'x'.repeat(65_537))} }`, /large cannot be read \(too-large\)$/],
    ['{ env: NO_SECRET }', 'the environment variable NO_SECRET is not set'],
    ['{ env: NONE }', 'that environment variable is not set'],
    ['{ env: EMPTY }', 'that environment variable is empty'],
    ['{ credential: x }', /^\$CREDENTIALS_DIRECTORY is not set: systemd sets it/],
    ['{ env: A, file: B }', 'must be text, {file: PATH}, {env: NAME} or {credential: NAME}'],
    ['{}', 'must be text, {file: PATH}, {env: NAME} or {credential: NAME}'],
    ['[a]', 'must be text, {file: PATH}, {env: NAME} or {credential: NAME}'],
  ];
  for (const [secret, message] of cases) {
    const [only, ...more] = faults(nas(secret));
    t.strictSame(more, [], secret);
    t.match(only, message, secret);
  }
  const inSystemd = { CREDENTIALS_DIRECTORY: folder };
  t.match(faults(nas('{ credential: none }'), inSystemd), [/^that credential of .* cannot be read \(ENOENT\)/]);
  for (const name of ['../nas', '/etc/hostname', '..', '.hidden', 'a/b', '"a\\0b"']) {
    t.match(faults(nas(`{ credential: ${name} }`), inSystemd), [/^a credential is named by letters/], name);
  }
});

t.test('a secret file that others can read is a warning', async (t) => {
  const warned = (mode: number): string[] =>
    load(nas(`{ file: ${file('mode', 'a secret of some length', mode)} }`)).warnings.map(
      ({ code, path, line }) => `${code} ${path} ${String(line)}`,
    );
  t.strictSame(warned(0o600), []);
  t.strictSame(warned(0o640), []);
  t.strictSame(warned(0o644), ['secret-open radius.nas[0].secret 3']);
  t.strictSame(warned(0o602), ['secret-open radius.nas[0].secret 3']);
});

t.test('half of a secret with a comma in it becomes a key, and is told as one without its name', async (t) => {
  const text = nas('left, right').replace('\n    -', '\n    # a comment\n    -');
  try {
    load(text);
    t.fail('it is refused');
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    t.strictSame(error.faults, [
      {
        path: 'radius.nas[0].(a key)',
        message: 'unknown key without a value: text with a comma in it must be in quotes',
        line: 4,
        column: error.faults[0]?.column,
      },
    ]);
  }
  t.strictSame(faults('dhcp:'), ['this version of addrd does not serve it yet']);
});

t.test('no secret is printed, wherever it was written', async (t) => {
  const yaml = nas('hunter2.x, coa: { secret: hunter2.x }');
  const { config, file: whole, warnings } = load(yaml);
  for (const value of [config, whole, warnings]) {
    t.notMatch(inspect(value, { depth: null, showHidden: true }), 'hunter2');
    t.notMatch(JSON.stringify(value), 'hunter2');
  }
  t.notMatch(String(config.radius.nas[0]?.secret), 'hunter2');
  t.match(JSON.stringify(config), '[secret]');
  const broken = [
    yaml.replace('name: n', 'nam: n'),
    nas('[hunter2]'),
    nas('{ hunter2: x }'),
    nas('x, hunter'),
    nas('{ hunter }'),
    nas('x, coa: { secret: x, hunter }'),
    nas('{ env: HUNTER }'),
    'hunter: # and nothing else',
    'api: { tokens: [{ name: a, scope: read, secret: x, hunter }] }',
    nas('{ env: hunter2 }'),
    nas('{ file: hunter2 }'),
    nas('{ credential: hunter2 }'),
    nas('{ credential: /hunter2 }'),
    nas('*hunter2'),
    nas('!hunter2 x'),
    nas('"hunter2'),
    nas('@hunter2'),
    nas('x\nhunter2'),
    yaml.replace('secret: hunter2.x', 'secret:hunter2'),
    yaml.replace('address: 127.0.0.1', 'address: hunter2'),
    yaml.replace('name: n', 'name: "hunter2 "'),
    nas('x, vendor: hunter2'),
    nas('x, message_authenticator: hunter2'),
    nas('x, coa: { address: hunter2 }'),
    nas('x, coa: { timeout: hunter2 }'),
    nas('x, coa: { port: hunter2 }'),
    nas('x, coa: hunter2'),
    'mode: hunter2',
    'tenant: hunter2!',
    'log: { level: hunter2 }',
    'radius: { nas: hunter2 }',
    'radius: { accounting: { listen: [hunter2], receive_buffer: hunter2 } }',
    'api: { listen: ["hunter2"] }',
    'api: { tokens: [hunter2] }',
    'api: { tokens: { hunter2: admin } }',
    'api: { tokens: [{ name: a, secret: "hunter2 hunter2", scope: hunter2 }] }',
    'api: { tokens: [{ name: a, secret: hunter2, scope: read }, { name: b, secret: hunter2, scope: read }] }',
    'pools: [{ name: p, family: hunter2, prefix: hunter2, kind: hunter2, quarantine: hunter2 }]',
    'queue: { capacity: hunter2, shed_after: hunter2 }',
  ];
  for (const text of broken) {
    try {
      parseConfig(
        text,
        systemSources(() => undefined),
      );
      t.fail(text);
    } catch (error) {
      t.ok(error instanceof ConfigError, text);
      t.notMatch(inspect(error, { depth: null, showHidden: true }).replace(/ {4}at .*/g, ''), /hunter/i, text);
    }
  }
});
