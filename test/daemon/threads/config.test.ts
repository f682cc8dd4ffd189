/** A reload's config comes from its thread as it would have come from this one, and so do its faults. */
import { join } from 'node:path';
import { writeFileSync } from 'node:fs';
import t from 'tap';
import type * as config from '../../../src/daemon/config.js';
import type * as sources from '../../../src/daemon/config-sources.js';
import type * as thread from '../../../src/daemon/threads/config-thread.js';
import { temporary } from '../../support/files.js';

// The built ones: see checkpoint.test.ts. A Secret of the sources is not one of the built files.
const built = async (path: string): Promise<unknown> =>
  import(new URL(`../../../dist/daemon/${path}`, import.meta.url).href);
const { loadConfig } = (await built('config.js')) as typeof config;
const { systemSources } = (await built('config-sources.js')) as typeof sources;
const { loadInThread } = (await built('threads/config-thread.js')) as typeof thread;

const NOTHING = loadConfig(Buffer.from('{}'), { readFile: () => '', env: () => undefined });

function wanted(secret: string): string {
  return `
mode: act
radius:
  nas:
    - { name: a, address: 192.0.2.1, secret: { file: ${secret} }, trust: [nas-identifier],
        coa: { secret: { env: ADDRD_TEST_COA }, suspend: [{ name: Filter-Id, value: garden }] } }
    - { name: b, address: 2001:db8::/64, secret: short }
pools:
  - { name: v4, family: ipv4, prefix: 100.64.0.0/16, kind: dynamic, reserved: [100.64.0.10-100.64.0.19] }
  - { name: pd, family: ipv6-pd, prefix: 2001:db8::/32, delegated_length: 56, kind: static }
`;
}

t.test('the same config, frozen, with its secrets, its warnings and what has changed', async (t) => {
  const folder = temporary(t);
  const [path, secret] = [join(folder, 'addrd.yaml'), join(folder, 'secret')];
  const env: Record<string, string> = { ADDRD_TEST_COA: 'the-secret-of-the-environment' };
  writeFileSync(secret, 'the-secret-of-the-file\n', { mode: 0o644 });
  writeFileSync(path, wanted(secret));
  const here = loadConfig(
    Buffer.from(wanted(secret)),
    systemSources((name) => env[name]),
  );
  const next = await loadInThread(path, env, NOTHING);
  if (next === null) throw new TypeError('taken for the same');
  t.strictSame(next.config, here.config);
  const [nas] = next.config.radius.nas;
  t.equal(nas?.secret.revealText(), 'the-secret-of-the-file');
  t.equal(nas?.secret.isOpenToOthers, true);
  t.equal(nas?.coa?.secret.revealText(), 'the-secret-of-the-environment');
  t.ok(Object.isFrozen(next.config) && Object.isFrozen(next.config.radius.nas) && Object.isFrozen(nas?.coa?.suspend));
  t.strictSame(next.warnings, here.warnings);
  t.ok(next.warnings.some(({ code }) => code === 'secret-open'));
  t.strictSame(next.changed, ['mode', 'radius.nas[a]', 'radius.nas[b]', 'pools[v4]', 'pools[pd]']);
  t.equal(await loadInThread(path, env, next), null, 'and the next time it is the one in force');
  writeFileSync(secret, 'another-secret-of-the-file\n');
  t.strictSame((await loadInThread(path, env, next))?.changed, ['radius.nas[a].secret']);
});

t.test('faults, and files that are none', async (t) => {
  const folder = temporary(t);
  const path = join(folder, 'addrd.yaml');
  writeFileSync(path, 'mode: watch\ntennant: x\n');
  await t.rejects(loadInThread(path, {}, NOTHING), {
    code: 'config-invalid',
    faults: [
      { path: 'mode', line: 1 },
      { path: 'tennant', line: 2 },
    ],
  });
  await t.rejects(loadInThread(join(folder, 'none'), {}, NOTHING), { code: 'ENOENT' });
  await t.rejects(loadInThread(folder, {}, NOTHING), { code: 'not-a-file' });
});
