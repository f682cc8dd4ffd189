/** A restore from outside: what was there is kept, nothing is sent or handed out, and somebody ends that. */
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, truncateSync, copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { inspectBackup } from '../../../src/store/inspection.js';
import { freeUdpPort } from '../../peers/freeradius.js';
import { call, CTL, makePlace, metricsNow, runAddrd, startAddrd, type RunningDaemon } from '../../support/process.js';
import { TestNas } from '../../support/test-nas.js';

const IPV4 = '/api/v1/network/ipv4-lifecycle';

t.test('restore, listen, confirm', { timeout: 120_000 }, async (t) => {
  const accounting = await freeUdpPort();
  const das = await freeUdpPort();
  const place = makePlace(
    (store) => `
mode: act
store: { path: ${store} }
api: { listen: ["127.0.0.1:0"] }
radius:
  accounting: { listen: ["127.0.0.1:${String(accounting)}"] }
  nas:
    - { name: bras, address: 127.0.0.0/8, secret: testing123,
        coa: { address: 127.0.0.1, port: ${String(das)}, timeout: 500ms, retries: 1 } }
pools: [{ name: v4, family: ipv4, prefix: 100.64.0.0/24, kind: static, quarantine: 2s }]
lifecycle: { interim_interval: 6s, gap_tolerance: 1s }
`,
  );
  t.teardown(() => {
    place.remove();
  });
  const restore = (file: string): ReturnType<typeof runAddrd> => runAddrd(['restore', file, '--config', place.config]);
  const ctl = async (daemon: RunningDaemon, ...args: string[]): Promise<string> => {
    const env = { ...process.env, ADDRD_URL: daemon.url, ADDRD_TOKEN: daemon.token };
    return (await promisify(execFile)(process.execPath, [CTL, ...args], { env })).stdout;
  };
  const nas = new TestNas(accounting, 'testing123', () => 'ack');
  await nas.open(das);
  t.teardown(() => {
    nas.close();
  });
  const allocate = (daemon: RunningDaemon, user: string): ReturnType<typeof call> =>
    call(daemon, 'POST', `${IPV4}/allocate`, { subscriber_id: user, username: user });

  const first = await startAddrd(place);
  t.teardown(() => first.kill());
  t.equal((await allocate(first, 'ann')).status, 201);
  await nas.send({ kind: 'start', sid: 'a', user: 'ann', address: '100.64.0.1', seconds: 0 });
  t.equal((await call(first, 'POST', '/api/v1/backup', { name: 'night.db' })).status, 200);
  // What the backup does not know: bob has the second address.
  t.match(await allocate(first, 'bob'), { body: { assignments: [{ address: '100.64.0.2' }] } });
  t.match(await restore('night.db'), { status: 75, stderr: /in use by process/ });
  t.equal(await first.stop(), 0);

  const damaged = join(place.folder, 'damaged.db');
  copyFileSync(join(place.folder, 'backups', 'night.db'), damaged);
  truncateSync(damaged, 100_000);
  t.match(await restore(damaged), { status: 74 });
  t.match(await restore(place.config), { status: 78, stderr: /store-foreign/ });
  t.match(await restore('nowhere.db'), { status: 1, stderr: /is not there/ });
  t.match(await restore(place.store), { status: 1, stderr: /is the store itself/ });
  t.match(inspectBackup(place.store), { subscribers: 2 }, 'and nothing has changed');

  t.match(await restore('night.db'), { status: 0, stdout: /is sound: .* 1 held prefixes[^]*restored --confirm/ });
  const aside = readdirSync(place.folder).filter((name) => /before-restore-\w+Z$/.test(name));
  t.equal(aside.length, 1);
  t.match(inspectBackup(join(place.folder, aside[0] ?? '')), { subscribers: 2, live: 2, faults: [] });
  t.notOk(existsSync(`${place.store}.restore`));

  writeFileSync(`${place.store}.restoring`, '');
  t.match(await runAddrd(['serve', '--config', place.config]), { status: 74, stderr: /was cut short/ });
  t.match(await restore('night.db'), { status: 0 }, 'run again, it is finished');

  let daemon = await startAddrd(place);
  t.teardown(() => daemon.kill());
  t.match(await ctl(daemon, 'status'), /mode observe[^]*RESTORED at /);
  t.match(await call(daemon, 'GET', '/readyz'), {
    status: 200,
    body: { notes: [/restored: addrd observes and hands/] },
  });
  t.match(await metricsNow(daemon), /^addrd_restored 1$/m);
  t.match(await allocate(daemon, 'cat'), { status: 409, body: { code: 'restored-unconfirmed' } });
  t.match(await call(daemon, 'GET', '/api/v1/nas'), { body: { nas: [{ mode: 'observe' }] } });

  // bob and ann report; the round is over some seconds later.
  const report = async (seconds: number): Promise<void> => {
    await nas.send({ kind: 'interim', sid: 'a', user: 'ann', address: '100.64.0.1', seconds });
    await nas.send({ kind: 'interim', sid: 'b', user: 'bob', address: '100.64.0.2', seconds });
  };
  let open = false;
  for (let n = 1; n <= 60 && !open; n++) {
    await report(n * 10);
    await new Promise((resolve) => setTimeout(resolve, 500));
    const { body } = await call(daemon, 'GET', '/api/v1/status');
    open = (body['restored'] as { allocation: string }).allocation === 'open';
  }
  t.ok(open, 'the sources were heard');
  const cat = await allocate(daemon, 'cat');
  t.match(cat, { status: 201, body: { assignments: [{ address: '100.64.0.3' }] } }, 'not the one on which bob is');
  t.equal((await call(daemon, 'POST', `${IPV4}/revoke`, { subscriber_id: 'ann' })).status, 202);
  t.equal(nas.asked.length, 0, 'nothing is sent');

  t.equal(await daemon.stop(), 0);
  daemon = await startAddrd(place);
  t.match(await ctl(daemon, 'restored'), /RESTORED at/, 'a restart confirms nothing');
  t.match(await ctl(daemon, 'restored', '--confirm', '--reason', 'compared'), /acts as its config says/);
  t.match(await ctl(daemon, 'restored'), /nothing of a restore/);
  t.match(await ctl(daemon, 'status'), /mode act/);
  await nas.send({ kind: 'start', sid: 'a2', user: 'ann', address: '100.64.0.1', seconds: 0 });
  for (let n = 0; n < 100 && nas.asked.length === 0; n++) await new Promise((resolve) => setTimeout(resolve, 50));
  t.ok(nas.asked.length > 0, 'now it acts');
  const events = (await call(daemon, 'GET', '/api/v1/events')).body['events'] as { kind: string; code: string }[];
  const kinds = events.map(({ kind }) => kind).filter((kind) => kind.startsWith('restore'));
  t.same(kinds.sort(), ['restore-confirmed', 'restore-heard', 'restored']);
});
