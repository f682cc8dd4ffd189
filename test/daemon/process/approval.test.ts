/** What the guard of the running daemon holds back is on disk: it outlives kill -9, and approving twice sends once. */
import { execFile } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import t from 'tap';
import { freeUdpPort } from '../../peers/freeradius.js';
import { call, CTL, makePlace, startAddrd, type RunningDaemon } from '../../support/process.js';
import { TestNas } from '../../support/test-nas.js';

const NAMES = ['s0', 's1', 's2', 's3'];
const REVOKE = '/api/v1/network/ipv4-lifecycle/revoke';

t.test('held, kill -9, approve twice', { timeout: 60_000 }, async (t) => {
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
        coa: { address: 127.0.0.1, port: ${String(das)}, timeout: 500ms, retries: 5 } }
pools: [{ name: v4, family: ipv4, prefix: 100.64.0.0/24, kind: static, quarantine: 1s }]
lifecycle: { interim_interval: 2s, gap_tolerance: 1s, ack_grace: 500ms, retry_base: 200ms }
guard: { count: 2, floor: 1, share: 100%, window: 1s }
`,
  );
  let daemon: RunningDaemon = await startAddrd(place);
  t.teardown(async () => {
    await daemon.kill();
    place.remove();
  });
  const nas = new TestNas(accounting, 'testing123', () => 'ack');
  await nas.open(das);
  t.teardown(() => {
    nas.close();
  });
  for (const user of NAMES) {
    const body = { subscriber_id: user, username: user };
    const made = await call(daemon, 'POST', '/api/v1/network/ipv4-lifecycle/allocate', body);
    const [assignment] = made.body['assignments'] as { address: string }[];
    await nas.send({ kind: 'start', sid: user, user, address: assignment?.address ?? '', seconds: 0 });
  }
  const told = await Promise.all(NAMES.map((user) => call(daemon, 'POST', REVOKE, { subscriber_id: user })));
  t.match(
    told.map(({ status }) => status),
    [202, 202, 202, 202],
  );
  const heldOnes = NAMES.filter((_, n) => told[n]?.body['code'] === 'awaiting-approval');
  t.equal(heldOnes.length, 2);
  const sids = (): string[] => nas.asked.filter(({ fresh }) => fresh).map(({ sid }) => sid);
  while (sids().length < 2) await pause(20);
  await daemon.kill();

  // The window of the guard is over long before addrd is back.
  await pause(1_500);
  daemon = await startAddrd(place);
  const list = async (): Promise<unknown> => (await call(daemon, 'GET', '/api/v1/approvals')).body['approvals'];
  t.match(await list(), [{ batch: 1, status: 'open', revokes: 2, waiting: 2 }]);
  t.match(await call(daemon, 'POST', REVOKE, { subscriber_id: heldOnes[0] }), {
    status: 202,
    body: { verdict: 'duplicate', code: 'awaiting-approval', batch: 1 },
  });
  await pause(500);
  t.strictSame(
    sids().filter((sid) => heldOnes.includes(sid)),
    [],
    'nothing of it leaves by itself',
  );

  const approve = (): ReturnType<typeof call> => call(daemon, 'POST', '/api/v1/approvals/1/approve', {});
  const answers = await Promise.all([approve(), approve()]);
  t.strictSame(answers.map(({ status, body }) => [status, body['verdict']]).sort(), [
    [200, 'applied'],
    [200, 'duplicate'],
  ]);
  for (let n = 0; n < 200 && !heldOnes.every((sid) => sids().includes(sid)); n++) await pause(20);
  t.strictSame(
    sids()
      .filter((sid) => heldOnes.includes(sid))
      .sort(),
    heldOnes,
    'each was asked for once',
  );
  t.strictSame(await list(), []);

  // With the command that an operator has.
  const ctl = promisify(execFile);
  const { stdout } = await ctl(process.execPath, [CTL, 'approve', '1'], {
    env: { ADDRD_URL: daemon.url, ADDRD_TOKEN: daemon.token },
  });
  t.match(stdout, 'batch 1 is approved: 2 revokes');
  await pause(300);
  t.equal(sids().filter((sid) => heldOnes.includes(sid)).length, 2);
});
