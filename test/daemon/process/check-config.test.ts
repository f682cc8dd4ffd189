/** `addrd check-config` from outside: what it says, where it says it, and with which status it ends. */
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { makePlace, runAddrd } from '../../support/process.js';

interface Told {
  readonly sound: boolean;
  readonly code: string | null;
  readonly faults: readonly Record<string, unknown>[];
  readonly warnings: readonly Record<string, unknown>[];
}

const place = makePlace((store) => `store: { path: ${store} }\n`);
t.teardown(() => {
  place.remove();
});

function check(text: string | Uint8Array, args: readonly string[] = [], env: Record<string, string> = {}) {
  writeFileSync(place.config, text);
  return runAddrd(['check-config', '--config', place.config, ...args], env);
}

const DOUBTFUL = 'radius: { nas: [{ name: a, address: 192.0.2.1, secret: testing123 }] }\n';
const BROKEN = `mode: watch
radius:
  nas:
    - { name: a, address: 192.0.2.1/24, secret: x }
`;

t.test('the files that addrd ships with are sound', async (t) => {
  for (const name of ['addrd.yaml']) {
    const path = fileURLToPath(new URL(`../../../config/${name}`, import.meta.url));
    t.match(await runAddrd(['check-config', '--strict', '--config', path]), {
      status: 0,
      stdout: `${path} is sound\n`,
      stderr: '',
    });
  }
});

t.test('faults go to stderr, one a line, with status 78', async (t) => {
  const run = await check(BROKEN);
  t.equal(run.status, 78);
  t.equal(run.stdout, '');
  t.strictSame(run.stderr.trimEnd().split('\n'), [
    `addrd: ${place.config} cannot be used:`,
    `  ${place.config}:1:7 mode: must be observe or act`,
    `  ${place.config}:4:27 radius.nas[0].address: 192.0.2.1/24 is not a prefix: it has bits set beyond /24; 192.0.2.0/24 has not`,
  ]);
  const served = await runAddrd(['serve', '--config', place.config]);
  t.equal(served.status, 78, 'serve refuses it in the same words');
  t.equal(served.stderr, run.stderr);
});

t.test('warnings fail only with --strict', async (t) => {
  const run = await check(DOUBTFUL);
  t.equal(run.status, 0);
  t.equal(run.stdout, `${place.config} is sound\n`);
  t.match(run.stderr, /addrd\.yaml:1:56 radius\.nas\[0\]\.secret: is the secret of examples.* \(secret-known\)\n$/);
  const strict = await check(DOUBTFUL, ['--strict']);
  t.equal(strict.status, 78);
  t.equal(strict.stdout, '');
});

t.test('--json is for scripts', async (t) => {
  const broken = await check(BROKEN, ['--json']);
  t.equal(broken.status, 78);
  t.equal(broken.stderr, '');
  t.match(JSON.parse(broken.stdout), {
    file: place.config,
    sound: false,
    code: 'config-invalid',
    faults: [
      { path: 'mode', line: 1, column: 7, message: 'must be observe or act' },
      { line: 4, column: 27 },
    ],
    warnings: [],
  });
  const doubtful = await check(DOUBTFUL, ['--json']);
  t.equal(doubtful.status, 0);
  const told = JSON.parse(doubtful.stdout) as Told;
  t.match(told, { sound: true, code: null, faults: [], warnings: [{ code: 'secret-known', line: 1, column: 56 }] });
  const strict = await check(DOUBTFUL, ['--json', '--strict']);
  t.equal(strict.status, 78);
  t.match(JSON.parse(strict.stdout), { sound: false });
  const none = await runAddrd(['check-config', '--json', '--config', join(place.folder, 'none.yaml')]);
  t.equal(none.status, 78);
  t.match(JSON.parse(none.stdout), { sound: false, code: 'ENOENT' });
});

t.test('what is no config at all', async (t) => {
  for (const [octets, message] of [
    ['', 'is empty'],
    ['\uFEFFmode: act', 'byte order mark'],
    [Uint8Array.of(0x61, 0x3a, 0xff), 'not UTF-8'],
  ] as const) {
    const run = await check(octets);
    t.equal(run.status, 78);
    t.match(run.stderr, message);
  }
  const folder = await runAddrd(['check-config', '--config', place.folder]);
  t.equal(folder.status, 78);
  t.match(folder.stderr, 'cannot be read');
  const zero = await runAddrd(['check-config', '--config', '/dev/zero']);
  t.equal(zero.status, 78, 'and one without an end does not hold it up');
});

t.test('secrets from where systemd puts them', async (t) => {
  writeFileSync(join(place.folder, 'bras'), 'a-secret-of-twenty-octets\n');
  chmodSync(join(place.folder, 'bras'), 0o440);
  const yaml = 'radius: { nas: [{ name: a, address: 192.0.2.1, secret: { credential: bras } }] }\n';
  t.match(await check(yaml, ['--strict'], { CREDENTIALS_DIRECTORY: place.folder }), { status: 0, stderr: '' });
  const without = await check(yaml, [], { CREDENTIALS_DIRECTORY: '' });
  t.equal(without.status, 78);
  t.match(without.stderr, '$CREDENTIALS_DIRECTORY is not set');
});
