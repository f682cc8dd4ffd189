/** The built daemon with its threads: what one of them does must not be felt by accounting. */
import Database from 'better-sqlite3';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import t from 'tap';
import { freeUdpPort } from '../../peers/freeradius.js';
import { call, makePlace, startAddrd, type Place, type RunningDaemon } from '../../support/process.js';
import { makeStatusSlow } from '../../support/slow-report.js';
import { TestNas } from '../../support/test-nas.js';

const ALLOCATE = '/api/v1/network/ipv4-lifecycle/allocate';

async function begin(t: {
  teardown(fn: () => void | Promise<void>): void;
}): Promise<{ place: Place; daemon: RunningDaemon; nas: TestNas }> {
  const accounting = await freeUdpPort();
  const place = makePlace(
    (store) => `
mode: act
store: { path: ${store} }
api: { listen: ["127.0.0.1:0"] }
radius:
  accounting: { listen: ["127.0.0.1:${String(accounting)}"] }
  nas: [{ name: bras, address: 127.0.0.1/32, secret: testing123 }]
pools: [{ name: v4, family: ipv4, prefix: 100.64.0.0/24, kind: static, quarantine: 1m }]
`,
  );
  const daemon = await startAddrd(place);
  const nas = new TestNas(accounting, 'testing123', () => 'ack');
  await nas.open(0);
  t.teardown(async () => {
    nas.close();
    await daemon.kill();
    place.remove();
  });
  return { place, daemon, nas };
}

/** The nice values of a process's threads (proc(5): field 19). */
function niceValues(pid: number): number[] {
  const tasks = `/proc/${String(pid)}/task`;
  return readdirSync(tasks).map((tid) => {
    const stat = readFileSync(`${tasks}/${tid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16]);
  });
}

t.test('a report that takes seconds leaves accounting answered', { timeout: 100_000 }, async (t) => {
  const { place, daemon, nas } = await begin(t);
  t.strictSame(
    niceValues(daemon.child.pid ?? 0).filter((nice) => nice !== 0),
    [10],
    'the thread of the API, and no other, yields',
  );
  makeStatusSlow(place.store, 25_000_000);
  let reported = false;
  const report = call(daemon, 'GET', '/api/v1/status').finally(() => (reported = true));
  await pause(300);
  let healthy = false;
  const health = call(daemon, 'GET', '/healthz').then(() => (healthy = true));
  for (let i = 0; i < 20; i++) {
    const user = `s${String(i)}`;
    await nas.send({ kind: 'start', sid: user, user, address: `100.64.0.${String(i + 1)}`, seconds: 0 });
  }
  t.equal(nas.answers.length, 20, 'all were answered');
  t.equal(reported, false, 'while the report was still running');
  t.equal(healthy, false, 'and the API answered nobody');
  const { status, body } = await report;
  t.equal(status, 200);
  t.equal(body['poison'], 25_000_000);
  await health;
  t.equal(await daemon.stop(), 0);
});

t.test('at a stop each order is answered or was not carried out, and the log is empty', async (t) => {
  const { place, daemon } = await begin(t);
  await call(daemon, 'POST', ALLOCATE, { subscriber_id: 'first' });
  const orders = Array.from({ length: 60 }, (_, i) =>
    pause(i).then(() =>
      call(daemon, 'POST', ALLOCATE, { subscriber_id: `s${String(i)}` }).then(
        ({ status }) => status,
        () => null,
      ),
    ),
  );
  await pause(25);
  t.equal(await daemon.stop(), 0);
  const answered = (await Promise.all(orders)).filter((status) => status === 201).length + 1;
  t.ok(!existsSync(`${place.store}-wal`) || statSync(`${place.store}-wal`).size === 0, 'nothing is left in the log');
  const db = new Database(place.store, { readonly: true });
  t.equal(db.prepare('SELECT count(*) FROM assignment').pluck().get(), answered, `${String(answered)} answered`);
  db.close();
});
