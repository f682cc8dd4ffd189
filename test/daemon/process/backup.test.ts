/** `addrd backup` and `addrdctl backup` from outside: through a daemon that is busy, past one that is down, and where they may write. */
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createServer } from 'node:net';
import { promisify } from 'node:util';
import t from 'tap';
import { inspectBackup } from '../../../src/store/inspection.js';
import { freeUdpPort } from '../../peers/freeradius.js';
import { call, CTL, makePlace, metricsNow, runAddrd, startAddrd } from '../../support/process.js';
import { TestNas } from '../../support/test-nas.js';

async function freeTcpPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  if (address === null || typeof address === 'string') throw new TypeError('no port');
  return address.port;
}

t.test('with a daemon and without', { timeout: 90_000 }, async (t) => {
  const accounting = await freeUdpPort();
  const api = await freeTcpPort();
  const place = makePlace(
    (store) => `
store: { path: ${store} }
api: { listen: ["127.0.0.1:${String(api)}"] }
radius:
  accounting: { listen: ["127.0.0.1:${String(accounting)}"] }
  nas: [{ name: bras, address: 127.0.0.0/8, secret: testing123 }]
pools: [{ name: v4, family: ipv4, prefix: 100.64.0.0/24, kind: static }]
`,
  );
  t.teardown(() => {
    place.remove();
  });
  const folder = join(place.folder, 'backups');
  const backup = (...args: string[]): ReturnType<typeof runAddrd> =>
    runAddrd(['backup', ...args, '--config', place.config]);

  t.match(await backup(), { status: 74, stderr: /is not there: nothing to back up/ });
  const daemon = await startAddrd(place);
  t.teardown(() => daemon.kill());
  const nas = new TestNas(accounting, 'testing123', () => 'ack');
  await nas.open(0);
  t.teardown(() => {
    nas.close();
  });
  for (let n = 0; n < 20; n++) {
    await nas.send({
      kind: 'start',
      sid: `s${String(n)}`,
      user: `u${String(n)}`,
      address: `100.64.0.${String(n + 1)}`,
      seconds: 0,
    });
  }

  t.match(await backup('night.db'), { status: 0, stdout: /backups\/night\.db: .* verified, in /, stderr: '' });
  t.match(inspectBackup(join(folder, 'night.db')), { sessions: 20, faults: [] });
  t.equal(statSync(join(folder, 'night.db')).mode & 0o777 & ~0o640, 0);
  t.match(await backup(join(place.folder, 'out.db')), { status: 1, stderr: /writes into .*backups only.*backup-name/ });
  t.match(await backup(join(folder, '.part')), { status: 1, stderr: /backup-name/ });
  t.notOk(existsSync(join(place.folder, 'out.db')));

  const ctl = promisify(execFile)(process.execPath, [CTL, '--json', 'backup'], {
    env: { ...process.env, ADDRD_URL: daemon.url, ADDRD_TOKEN: daemon.token },
  });
  const { backup: made } = JSON.parse((await ctl).stdout) as { backup: { name: string; verified: boolean } };
  t.match(made, { name: /^addrd-\d{8}T\d{6}Z\.db$/, verified: true });
  for (const name of ['../x', '/etc/x', 'a/b', '..', '']) {
    t.match(await call(daemon, 'POST', '/api/v1/backup', { name }), { status: 400 }, name);
  }
  t.match(await call(daemon, 'POST', '/api/v1/backup', { path: '/tmp/x' }), { status: 400 });
  t.match(await call(daemon, 'POST', '/api/v1/backup', { name: 'night.db' }), {
    status: 409,
    body: { code: 'backup-exists' },
  });
  t.same(readdirSync(folder).sort(), [made.name, 'night.db'].sort());
  const events = (await call(daemon, 'GET', '/api/v1/events')).body['events'] as { kind: string; code: string }[];
  t.same(
    events
      .filter(({ kind }) => kind === 'backup')
      .map(({ code }) => code)
      .sort(),
    ['backup-exists', 'done', 'done'],
  );
  const metrics = await metricsNow(daemon);
  t.match(metrics, /^addrd_backups_total\{result="done"\} 2$/m);
  t.match(metrics, /^addrd_backups_total\{result="failed"\} 1$/m);
  t.equal(await daemon.stop(), 0);

  t.match(await backup(join(place.folder, 'out.db'), '--json'), { status: 0, stdout: /"verified": true/ });
  t.match(await backup('night.db'), { status: 1, stderr: /is there already/ });
  t.match(inspectBackup(join(place.folder, 'out.db')), { sessions: 20, faults: [] });
  const again = await startAddrd(place);
  t.teardown(() => again.kill());
  const later = (await call(again, 'GET', '/api/v1/events')).body['events'] as { kind: string; actor: string }[];
  t.equal(
    later.filter(({ kind, actor }) => kind === 'backup' && actor === 'addrd').length,
    1,
    'also the one without it',
  );
  t.match(
    await metricsNow(again),
    /^addrd_backup_last_success_timestamp_seconds 1\.\d+e9$|^addrd_backup_last_success_timestamp_seconds \d{10}/m,
  );
});
