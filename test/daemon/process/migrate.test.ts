/** `addrd migrate` and the upgrade at a start, from outside: an older store, a running daemon, and a way back. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { inspectBackup } from '../../../src/store/inspection.js';
import { SCHEMA_VERSION } from '../../../src/store/migrate.js';
import { call, makePlace, runAddrd, startAddrd } from '../../support/process.js';

const ALLOCATE = '/api/v1/network/ipv4-lifecycle/allocate';

t.test('status, down, up, and up by itself', { timeout: 60_000 }, async (t) => {
  const place = makePlace(
    (store) => `
store: { path: ${store} }
api: { listen: ["127.0.0.1:0"] }
radius: { accounting: { listen: ["127.0.0.1:0"] } }
pools: [{ name: v4, family: ipv4, prefix: 100.64.0.0/24, kind: static }]
`,
  );
  t.teardown(() => {
    place.remove();
  });
  const migrate = (...args: string[]): ReturnType<typeof runAddrd> =>
    runAddrd(['migrate', ...args, '--config', place.config]);
  const backups = (): string[] => readdirSync(place.folder).filter((name) => name.endsWith('.backup'));

  t.match(await migrate('status'), { status: 0, stdout: /is not there yet/ });
  t.match(await migrate('up'), { status: 1, stderr: /is not there/ });
  t.same(readdirSync(place.folder), ['addrd.yaml'], 'asking makes nothing');

  const first = await startAddrd(place);
  t.teardown(() => first.kill());
  t.equal((await call(first, 'POST', ALLOCATE, { subscriber_id: 'ann' })).status, 201);
  t.match(await migrate('status'), { status: 0, stdout: new RegExp(`has schema ${String(SCHEMA_VERSION)};`) });
  for (const verb of [['up'], ['down', '--to', '1', '--yes']]) {
    t.match(await migrate(...verb), {
      status: 75,
      stderr: new RegExp(`in use by process ${String(first.child.pid)} .*\n.*end it first`),
    });
  }
  t.equal(await first.stop(), 0);
  t.same(backups(), []);

  t.match(await migrate('up'), { status: 0, stdout: /already/ });
  t.match(await migrate('down', '--to', '0', '--yes'), { status: 1, stderr: /1 at least/ });
  t.match(await migrate('down', '--to', String(SCHEMA_VERSION)), { status: 1, stderr: /must be below/ });
  t.match(await migrate('down', '--to', '3'), { status: 1, stderr: /from 4 to 3: .*put aside.*/ });
  t.same(backups(), [], 'a refusal changes nothing');
  t.match(await migrate('down', '--to', '3', '--yes'), { status: 0, stdout: /has schema 3 now/, stderr: '' });
  t.equal(backups().length, 1);
  t.match(await migrate('status', '--json'), { status: 0, stdout: /"schema": 3/ });
  t.match(await migrate('up'), { status: 0, stdout: new RegExp(`has schema ${String(SCHEMA_VERSION)} now`) });
  t.equal(backups().length, 2);

  t.equal((await migrate('down', '--to', '3', '--yes')).status, 0);
  const second = await startAddrd(place);
  t.teardown(() => second.kill());
  const line = second
    .log()
    .split('\n')
    .find((one) => one.includes('"store-upgrade"'));
  const { schema, backup } = JSON.parse(line ?? '{}') as { schema?: number; backup?: string };
  t.equal(schema, 3);
  t.match(inspectBackup(backup ?? ''), { schema: 3, subscribers: 1, assignments: 1, faults: [] });
  t.equal(join(place.folder, backups().find((name) => backup?.endsWith(name)) ?? ''), backup);
  t.match(await call(second, 'POST', ALLOCATE, { subscriber_id: 'ann' }), { body: { code: 'already-allocated' } });
});
