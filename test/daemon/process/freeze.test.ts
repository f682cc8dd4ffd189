/** A freeze of the running daemon: with Disconnects under way nothing leaves any more within a second, also after kill -9. */
import { setTimeout as pause } from 'node:timers/promises';
import t from 'tap';
import { freeUdpPort } from '../../peers/freeradius.js';
import { call, makePlace, startAddrd, type RunningDaemon } from '../../support/process.js';
import { TestNas } from '../../support/test-nas.js';

const SUBSCRIBERS = 12;

t.test('freeze, kill -9, thaw', { timeout: 60_000 }, async (t) => {
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
        coa: { address: 127.0.0.1, port: ${String(das)}, timeout: 100ms, retries: 20 } }
pools: [{ name: v4, family: ipv4, prefix: 100.64.0.0/24, kind: static, quarantine: 1s }]
lifecycle: { interim_interval: 2s, gap_tolerance: 1s, ack_grace: 500ms, retry_base: 200ms }
`,
  );
  let daemon: RunningDaemon = await startAddrd(place);
  t.teardown(async () => {
    await daemon.kill();
    place.remove();
  });
  let answers = false;
  const nas = new TestNas(accounting, 'testing123', () => (answers ? 'ack' : 'silence'));
  await nas.open(das);
  t.teardown(() => {
    nas.close();
  });
  const names = Array.from({ length: SUBSCRIBERS }, (_, n) => `s${String(n)}`);
  for (const user of names) {
    const body = { subscriber_id: user, username: user };
    const made = await call(daemon, 'POST', '/api/v1/network/ipv4-lifecycle/allocate', body);
    const [assignment] = made.body['assignments'] as { address: string }[];
    await nas.send({ kind: 'start', sid: user, user, address: assignment?.address ?? '', seconds: 0 });
  }
  for (const user of names) {
    await call(daemon, 'POST', '/api/v1/network/ipv4-lifecycle/revoke', { subscriber_id: user });
  }
  while (nas.asked.length < SUBSCRIBERS * 2) await pause(20);

  // Retransmissions go on every 100 ms. Whatever the kernel holds already is allowed to arrive.
  const asked = performance.now();
  const frozen = await call(daemon, 'POST', '/api/v1/freeze', { reason: 'these are the wrong ones' });
  const took = performance.now() - asked;
  t.match(frozen, { status: 200, body: { verdict: 'applied', frozen: { actor: 'token:local' } } });
  t.ok(took < 1_000, `the freeze took ${took.toFixed(0)} ms`);
  await pause(100);
  const before = nas.asked.length;
  await pause(1_500);
  t.equal(nas.asked.length, before, 'nothing left after the freeze');
  const text = await (await fetch(`${daemon.url}/metrics`)).text();
  t.match(text, /^addrd_frozen 1$/m);
  t.match(text, /^addrd_alarms_open\{cause="frozen"\} 1$/m);

  await daemon.kill();
  daemon = await startAddrd(place);
  const ready = await call(daemon, 'GET', '/readyz');
  t.match(ready, {
    status: 200,
    body: { ready: true, notes: [/^frozen by token:local since .*: these are the wrong ones$/] },
  });
  // A Stop is heard and answered, and frees nothing.
  const shown = await call(daemon, 'GET', '/api/v1/subscribers/s0');
  const [assignment] = shown.body['assignments'] as { address: string }[];
  await nas.send({ kind: 'stop', sid: 's0', user: 's0', address: assignment?.address ?? '', seconds: 9 });
  await pause(1_500);
  t.equal(nas.asked.length, before, 'nor after a kill -9');
  const state = async (user: string): Promise<unknown> => {
    const { body } = await call(daemon, 'GET', `/api/v1/subscribers/${user}`);
    return (body['assignments'] as { lifecycle_state: string }[])[0]?.lifecycle_state;
  };
  t.equal(await state('s0'), 'revoking');

  answers = true;
  t.match(await call(daemon, 'POST', '/api/v1/thaw', {}), { status: 200, body: { frozen: null } });
  const sids = (): Set<string> => new Set(nas.asked.slice(before).map(({ sid }) => sid));
  for (let n = 0; n < 200 && sids().size < SUBSCRIBERS - 1; n++) await pause(50);
  t.equal(sids().size, SUBSCRIBERS - 1, 'what waited leaves after the thaw');
  t.notOk(sids().has('s0'), 'but for the session that has ended');
  for (let n = 0; n < 200 && (await state('s0')) !== 'revoked'; n++) await pause(50);
  t.equal(await state('s0'), 'revoked');
});
