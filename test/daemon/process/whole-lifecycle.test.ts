/** Orders at the running daemon, by API and addrdctl: choice of a pool, exhaustion, release, reclaim, force, suspension. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import t, { type Test } from 'tap';
import type { AssignmentView, SubscriberView } from '../../../src/daemon/api/views.js';
import { EXIT } from '../../../src/daemon/ctl/failure.js';
import { freeUdpPort } from '../../peers/freeradius.js';
import { call, makePlace, startAddrd, type RunningDaemon } from '../../support/process.js';
import { TestNas } from '../../support/test-nas.js';
import { runWithin, type Ended } from '../ctl/listening.js';

const V4 = '/api/v1/network/ipv4-lifecycle';
const V6 = '/api/v1/network/ipv6-lifecycle';

interface Stage {
  readonly daemon: RunningDaemon;
  readonly nas: TestNas;
  /** With the token of scope admin, or with another. */
  post(path: string, body: unknown, token?: 'root' | 'noc'): ReturnType<typeof call>;
  story(subscriber: string): Promise<SubscriberView>;
  ctl(...args: string[]): Promise<Ended>;
}

async function openStage(t: Test, answer: 'ack' | 'silence' = 'ack'): Promise<Stage> {
  const accounting = await freeUdpPort();
  const das = await freeUdpPort();
  const place = makePlace(
    (store) => `
mode: act
store: { path: ${store} }
api:
  listen: ["127.0.0.1:0"]
  tokens:
    - { name: root, secret: root-secret-of-the-test, scope: admin }
    - { name: noc, secret: noc-secret-of-the-test, scope: operate }
radius:
  accounting: { listen: ["127.0.0.1:${String(accounting)}"] }
  nas:
    - name: bras
      address: 127.0.0.0/8
      secret: testing123
      coa:
        address: 127.0.0.1
        port: ${String(das)}
        timeout: 200ms
        retries: 1
        suspend: [{ name: Filter-Id, value: garden }]
        resume: [{ name: Filter-Id, value: open }]
pools:
  - { name: tiny, family: ipv4, prefix: 192.0.2.0/31, quarantine: 1m }
  - { name: red-v4, family: ipv4, prefix: 192.0.2.0/24, vrf: red }
  - { name: bras-v4, family: ipv4, prefix: 100.64.0.0/24, nas: [bras], quarantine: 1m }
  - { name: lan, family: ipv4, prefix: 198.51.100.0/24, use: routed, unit_length: 29 }
  - { name: pd, family: ipv6-pd, prefix: 2001:db8::/32, delegated_length: 56 }
lifecycle: { interim_interval: 2s, gap_tolerance: 1s, ack_grace: 500ms, retry_base: 200ms }
`,
  );
  writeFileSync(join(place.folder, 'api-token'), 'root-secret-of-the-test\n', { mode: 0o600 });
  const daemon = await startAddrd(place);
  const nas = new TestNas(accounting, 'testing123', () => answer);
  await nas.open(das);
  t.teardown(async () => {
    nas.close();
    await daemon.kill();
    place.remove();
  });
  return {
    daemon,
    nas,
    post: (path, body, token = 'root') => call({ ...daemon, token: `${token}-secret-of-the-test` }, 'POST', path, body),
    story: async (subscriber) => {
      const { body } = await call(daemon, 'GET', `/api/v1/subscribers/${subscriber}`);
      return body as unknown as SubscriberView;
    },
    ctl: (...args) => runWithin(args, { ADDRD_URL: daemon.url, ADDRD_TOKEN: daemon.token }),
  };
}

/** Looks until it is so, for at most ten seconds. */
async function until(what: string, isSo: () => Promise<boolean> | boolean): Promise<void> {
  for (let n = 0; n < 200; n++) {
    if (await isSo()) return;
    await pause(50);
  }
  throw new TypeError(`not within ten seconds: ${what}`);
}

function firstOf(body: Record<string, unknown>): AssignmentView {
  const [assignment] = body['assignments'] as AssignmentView[];
  if (assignment === undefined) throw new TypeError('no assignment');
  return assignment;
}

t.test('which pool, until it is empty', { timeout: 60_000 }, async (t) => {
  const { post, nas, ctl, daemon } = await openStage(t);
  const pool = async (body: object): Promise<string> => {
    const answer = await post(`${V4}/allocate`, body);
    return answer.status === 201 ? firstOf(answer.body).pool_id : String(answer.body['code']);
  };
  t.equal(await pool({ subscriber_id: 'red', vrf: 'red' }), 'red-v4');
  t.equal(await pool({ subscriber_id: 'none', vrf: 'none' }), 'unknown-vrf');
  t.equal(await pool({ subscriber_id: 'lan', use: 'routed' }), 'lan');
  t.equal(await pool({ subscriber_id: 'far', nas_ip: '127.0.0.1' }), 'unknown-nas', 'no NAS of that address was heard');
  await nas.send({ kind: 'start', sid: 'x', user: 'x', address: '203.0.113.1', seconds: 0 });
  t.equal(await pool({ subscriber_id: 'a', nas_ip: '127.0.0.1' }), 'tiny', 'one that is for every NAS is first');
  t.equal(await pool({ subscriber_id: 'b' }), 'tiny', 'a /31 has two addresses');
  t.equal(await pool({ subscriber_id: 'c', nas_ip: '127.0.0.1' }), 'bras-v4', 'then that of the NAS');
  const full = await post(`${V4}/allocate`, { subscriber_id: 'd' });
  t.match(full, {
    status: 409,
    body: { code: 'pool-exhausted', pools: ['tiny'], next_free_at: null },
    retryAfter: null,
  });

  t.match(await post(`${V4}/revoke`, { subscriber_id: 'b' }), { status: 202 });
  const gone = async (): Promise<boolean> =>
    firstOf((await call(daemon, 'GET', `${V4}/b`)).body).lifecycle_state === 'revoked';
  // Never seen: one interim round in which the NAS was heard proves it.
  for (let n = 0; n < 40 && !(await gone()); n++) {
    await nas.send({ kind: 'interim', sid: 'x', user: 'x', address: '203.0.113.1', seconds: n });
    await pause(250);
  }
  t.ok(await gone());
  const resting = await post(`${V4}/allocate`, { subscriber_id: 'd', pool_id: 'tiny' });
  t.match(resting, { status: 409, body: { code: 'pool-exhausted', pools: ['tiny'] } });
  const seconds = Number(resting.retryAfter);
  t.ok(seconds > 30 && seconds <= 60, `Retry-After: ${String(resting.retryAfter)}`);
  const at = Date.parse(String(resting.body['next_free_at']));
  t.ok(Math.abs(at - Date.now() - seconds * 1_000) < 2_500, String(resting.body['next_free_at']));
  const told = await ctl('allocate', 'd', '--family', 'ipv4', '--pool', 'tiny');
  t.equal(told.code, EXIT.refused);
  t.match(told.err, String(resting.body['next_free_at']));
  t.equal(await pool({ subscriber_id: 'b', pool_id: 'tiny' }), 'tiny', 'its last holder may have it at once');
});

t.test('a kept address, reclaim, and force', { timeout: 60_000 }, async (t) => {
  const { post, nas, ctl, story } = await openStage(t, 'silence');
  const made = firstOf((await post(`${V4}/allocate`, { subscriber_id: 'ann', username: 'ann', pool_id: 'tiny' })).body);
  const report = { sid: 's1', user: 'ann', address: made.address };
  await nas.send({ ...report, kind: 'start', seconds: 0 });
  const revoke = { subscriber_id: 'ann', reason: 'moved out', release_to_pool: false };
  t.match(await post(`${V4}/revoke`, revoke), { status: 202 });
  await until('a Disconnect', () => nas.asked.length > 0);
  const release = { address: made.address };
  t.match(await post('/api/v1/pools/release', release), { status: 409, body: { code: 'address-taken' } });
  t.match(await post('/api/v1/pools/release', release, 'noc'), { status: 409 }, 'operate is enough');
  const waits = (await ctl('show', 'ann')).out;
  t.match(waits, /revoked by token:root, the address is kept; reason: moved out/);
  t.match(waits, /disconnect +waiting/);
  t.match(waits, /evidence +waiting +[0-9]+ +session s1/);

  const back = await post(`${V4}/allocate`, { subscriber_id: 'ann', requested_address: made.address, reclaim: true });
  t.match(back, { status: 201, body: { code: 'reclaimed' } });
  t.match(firstOf(back.body), { address: made.address, lifecycle_state: 'active' });
  const ended = (await story('ann')).assignments.find(({ id }) => id === made.id);
  t.match(ended, { lifecycle_state: 'revoked', evidence: { kind: 'reclaimed' } });

  t.match(await post(`${V4}/revoke`, revoke), { status: 202 });
  const force = { ...revoke, reason: 'line is cut', force: true };
  t.match(await post(`${V4}/revoke`, force, 'noc'), { status: 403, body: { code: 'forbidden' } });
  t.match(await post(`${V4}/revoke`, { subscriber_id: 'ann', force: true }), { status: 400 });
  t.match(await post(`${V4}/revoke`, force), { status: 409, body: { code: 'seen-lately' } });
  // Two interim rounds after its last report.
  await pause(4_200);
  t.match(await ctl('revoke', 'ann', '--family', 'ipv4', '--force', '--reason', 'line is cut'), { code: 0 });
  const forced = (await story('ann')).assignments[0];
  t.match(forced, { lifecycle_state: 'revoked', evidence: { kind: 'operator' }, unit: { state: 'reserved' } });

  const given = await ctl('pools', 'release', made.address);
  t.equal(given.code, 0, given.err);
  t.match(given.out, `${made.address} of pool tiny is in quarantine until `);
  t.match(await post('/api/v1/pools/release', release), { status: 200, body: { code: 'already-released' } });
  const never = { address: '100.64.0.9' };
  t.match(await post('/api/v1/pools/release', never), { status: 409, body: { code: 'not-reserved' } });
});

t.test('suspend and reactivate, told to the NAS', { timeout: 60_000 }, async (t) => {
  const { post, nas, ctl, story } = await openStage(t);
  const made = firstOf((await post(`${V4}/allocate`, { subscriber_id: 'ann', username: 'ann', pool_id: 'tiny' })).body);
  await post(`${V6}/allocate`, { subscriber_id: 'ann', family: 'ipv6-pd' });
  await nas.send({ kind: 'start', sid: 's1', user: 'ann', address: made.address, seconds: 0 });
  const suspended = await post(`${V4}/suspend`, { subscriber_id: 'ann', reason: 'unpaid' }, 'noc');
  t.match(suspended, { status: 200, body: { verdict: 'applied' } });
  const told = (profile: string) => async (): Promise<boolean> => {
    const session = (await story('ann')).sessions[0]?.profile;
    return session?.profile === profile && session.state === 'confirmed';
  };
  await until('the CoA is confirmed', told('suspend'));
  t.match(await story('ann'), { suspension: { reason: 'unpaid', actor: 'token:noc' }, stuck: null });
  const { out } = await ctl('show', 'ann');
  t.match(out, /SUSPENDED since .* by token:noc: unpaid/);
  t.match(out, /s1 +bras +open\s+\(suspend\)/);
  t.match(await post(`${V6}/suspend`, { subscriber_id: 'ann', family: 'ipv6-pd' }), {
    status: 200,
    body: { verdict: 'duplicate', code: 'already-suspended' },
  });
  t.match(await ctl('reactivate', 'ann', '--reason', 'paid'), { code: 0 });
  await until('the CoA is confirmed', told('resume'));
  const { suspension, assignments } = await story('ann');
  t.equal(suspension, null);
  t.strictSame(assignments.map(({ lifecycle_state: state }) => state).sort(), ['active', 'allocated']);
  t.strictSame(
    nas.asked.filter(({ fresh }) => fresh).map(({ code, sid }) => [code, sid]),
    [
      [43, 's1'],
      [43, 's1'],
    ],
  );
});

t.test('a NAS that is not heard to answer: why a suspend is not in force', { timeout: 60_000 }, async (t) => {
  const { post, nas, ctl, story } = await openStage(t, 'silence');
  const made = firstOf((await post(`${V4}/allocate`, { subscriber_id: 'ann', username: 'ann', pool_id: 'tiny' })).body);
  await nas.send({ kind: 'start', sid: 's1', user: 'ann', address: made.address, seconds: 0 });
  t.match(await post(`${V4}/suspend`, { subscriber_id: 'ann', reason: 'unpaid' }), { status: 200 });
  await until('it is told that it is stuck', async () => (await story('ann')).stuck !== null);
  const { stuck, assignments } = await story('ann');
  t.match(stuck, /^session s1 on bras, suspend: /);
  t.match(assignments, [{ lifecycle_state: 'suspended' }], 'the state does not wait for it');
  t.match((await ctl('show', 'ann')).out, /STUCK because: session s1 on bras, suspend: /);
});
