/** `addrd import` again after a kill in its middle, and whose rows they are. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import t from 'tap';
import { call, MAIN, makePlace, runAddrd, startAddrd } from '../../support/process.js';

async function freeTcpPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  if (address === null || typeof address === 'string') throw new TypeError('no port');
  return address.port;
}

t.test('a kill in the middle, and the same file again', { timeout: 90_000 }, async (t) => {
  const place = makePlace(
    (store) => `
store: { path: ${store} }
api: { listen: ["127.0.0.1:0"] }
radius: { accounting: { listen: ["127.0.0.1:0"] } }
pools: [{ name: v4, family: ipv4, prefix: 100.64.0.0/16, kind: static }]
`,
  );
  t.teardown(() => {
    place.remove();
  });
  await (await startAddrd(place)).stop();
  const count = 6_000;
  const file = join(place.folder, 'many.csv');
  const rows = Array.from({ length: count }, (_, n) => {
    const at = n + 1;
    return `s${String(at)},100.64.${String(at >> 8)}.${String(at & 255)},assigned`;
  });
  writeFileSync(file, `subscriber_id,address,status\n${rows.join('\n')}\n`);
  const child = spawn(process.execPath, [MAIN, 'import', file, '--config', place.config], { stdio: 'ignore' });
  const gone = once(child, 'exit');
  const db = new Database(place.store, { readonly: true });
  const imported = db.prepare("SELECT count(*) FROM assignment WHERE state = 'active'").pluck();
  while ((imported.get() as number) < 500 && child.exitCode === null)
    await new Promise((resolve) => setTimeout(resolve, 5));
  child.kill('SIGKILL');
  await gone;
  const before = imported.get() as number;
  t.ok(before >= 500 && before < count, `killed after ${String(before)}`);
  db.close();
  t.match(await runAddrd(['import', file, '--json', '--config', place.config]), {
    status: 0,
    stdout: new RegExp(`"applied": ${String(count - before)},\\s+"duplicate": ${String(before)},\\s+"refused": 0`),
  });
  t.notOk(existsSync(`${place.store}.restoring`));
  const daemon = await startAddrd(place);
  t.teardown(() => daemon.kill());
  t.match((await call(daemon, 'GET', '/api/v1/status')).body, { assignments: { ipv4: { active: count } } });
});

t.test("the rows are one tenant's: by the token, and by --tenant", { timeout: 90_000 }, async (t) => {
  const api = await freeTcpPort();
  const place = makePlace(
    (store) => `
store: { path: ${store} }
api:
  listen: ["127.0.0.1:${String(api)}"]
  tokens:
    - { name: noc, secret: noc-token-of-the-tenant-isp, scope: admin, tenant: isp }
    - { name: own, secret: own-token-of-the-first-tenant, scope: admin }
radius: { accounting: { listen: ["127.0.0.1:0"] } }
pools:
  - { name: v4, family: ipv4, prefix: 100.64.0.0/24, kind: static }
  - { name: v4, family: ipv4, prefix: 100.65.0.0/24, kind: static, tenant: isp }
`,
  );
  t.teardown(() => {
    place.remove();
  });
  // The config's own tokens count; the tests' harness looks for this one.
  writeFileSync(join(place.folder, 'api-token'), 'own-token-of-the-first-tenant');
  const file = join(place.folder, 'rows.csv');
  writeFileSync(file, 'subscriber_id,address,status\nann,100.64.0.1,assigned\nbob,100.65.0.1,assigned\n');
  const run = async (...args: string[]): Promise<unknown> =>
    JSON.parse((await runAddrd(['import', file, '--json', ...args, '--config', place.config])).stdout);
  const daemon = await startAddrd(place);
  t.teardown(() => daemon.kill());
  t.match(await run('--dry-run', '--tenant', 'isp'), { applied: 1, refused: 1 });
  t.match(await run(), { applied: 1, refused: 1 }, 'the first admin token of the config is not that of its tenant');
  t.match(await run('--tenant', 'isp'), { applied: 1, duplicate: 0, refused: 1 });
  t.match(await runAddrd(['import', file, '--tenant', 'none', '--config', place.config]), {
    status: 75,
    stderr: /asks for a token.*\n.*none has scope admin for tenant none/,
  });
  await daemon.stop();
  const db = new Database(place.store, { readonly: true });
  t.teardown(() => db.close());
  const held = db.prepare('SELECT a.tenant, s.name FROM assignment a JOIN subscriber s ON s.id = a.subscriber').raw();
  t.strictSame(held.all(), [
    ['default', 'ann'],
    ['isp', 'bob'],
  ]);
  t.match(await run('--tenant', 'isp'), { applied: 0, duplicate: 1, refused: 1 });
});
