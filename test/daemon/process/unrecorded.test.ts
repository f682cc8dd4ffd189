/** `on_store_failure`: who is answered while the store cannot be written, and what is left of it. */
import Database from 'better-sqlite3';
import { setTimeout as pause } from 'node:timers/promises';
import t from 'tap';
import { freeUdpPort } from '../../peers/freeradius.js';
import { call, makePlace, metricsNow, startAddrd } from '../../support/process.js';
import { TestNas } from '../../support/test-nas.js';

t.test(
  'with `answer`, a NAS is answered once a gap is certain, and the gap is on record',
  { timeout: 120_000 },
  async (t) => {
    const accounting = await freeUdpPort();
    const place = makePlace(
      (store) => `
store: { path: ${store} }
api: { listen: ["127.0.0.1:0"] }
radius:
  accounting: { listen: ["127.0.0.1:${String(accounting)}"], on_store_failure: answer }
  nas: [{ name: bras, address: 127.0.0.1, secret: testing123 }]
`,
    );
    t.teardown(() => {
      place.remove();
    });
    const daemon = await startAddrd(place);
    t.teardown(() => daemon.kill());
    const nas = new TestNas(accounting, 'testing123', () => 'silence');
    await nas.open(await freeUdpPort());
    t.teardown(() => {
      nas.close();
    });
    const start = (sid: string): Promise<void> =>
      nas.send({ kind: 'start', sid, user: sid, address: '198.51.100.1', seconds: 0 });
    await start('s0');
    const intruder = new Database(place.store);
    intruder.exec('BEGIN IMMEDIATE');
    const locked = performance.now();
    await start('s1');
    const waited = performance.now() - locked;
    t.ok(waited > 15_000, `answered after ${String(Math.round(waited))} ms`);
    t.equal((await call(daemon, 'GET', '/readyz')).status, 503);
    await start('s2');
    intruder.exec('ROLLBACK');
    while ((await call(daemon, 'GET', '/readyz')).status !== 200) await pause(50);
    await start('s3');
    const gap = intruder.prepare("SELECT code, detail FROM journal WHERE code = 'answered-unrecorded'").get();
    t.match(gap, { code: 'answered-unrecorded', detail: /"unrecorded":[1-9]/ });
    t.strictSame(
      intruder.prepare('SELECT CAST(sid AS TEXT) FROM session ORDER BY id').pluck().all(),
      ['s0', 's3'],
      'what was answered meanwhile is not there',
    );
    intruder.close();
    t.match(daemon.log(), '"code":"answered-unrecorded"');
    const metrics = await metricsNow(daemon);
    t.match(metrics, /^addrd_unrecorded_total [1-9]/m);
    t.equal(await daemon.stop(), 0);
  },
);
