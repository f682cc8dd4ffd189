/** Brakes over the API: who may pull and release them, and what everybody sees of them. */
import t from 'tap';
import {
  alarmsView,
  batchesView,
  decidedView,
  freezeView,
  maintenancesView,
} from '../../../src/daemon/api/brake-views.js';
import { orderView } from '../../../src/daemon/api/order-views.js';
import { nasesView, outboxView, statusView, subscriberView } from '../../../src/daemon/api/views.js';
import { NIGHT, openWorld, packet, tellStory, type World } from './world.js';

const ALLOCATE = '/api/v1/network/ipv4-lifecycle/allocate';
const REVOKE = '/api/v1/network/ipv4-lifecycle/revoke';

async function code(world: World, url: string, body: unknown, token: string): Promise<unknown> {
  return (await world.call('POST', url, { body, token })).json<{ code: unknown }>().code;
}

t.test('a freeze is seen wherever somebody looks, and admin thaws', async (t) => {
  const world = await openWorld();
  await tellStory(world);
  t.equal(await code(world, '/api/v1/freeze', { reason: 'x' }, 'reader'), 'forbidden');
  t.equal(await code(world, '/api/v1/freeze', {}, 'noc'), 'bad-request');
  const made = await world.call('POST', '/api/v1/freeze', { body: { reason: 'wrong list' }, token: 'noc' });
  t.match(freezeView.parse(made.json()), { verdict: 'applied', frozen: { actor: 'token:noc', reason: 'wrong list' } });
  t.equal(await code(world, '/api/v1/freeze', { reason: 'y' }, 'root'), 'already-frozen');
  const status = statusView.parse((await world.call('GET', '/api/v1/status')).json());
  t.match(status, { frozen: { actor: 'token:noc' }, alarms: [{ id: 'frozen@daemon' }, { cause: 'occupied' }] });
  const alice = subscriberView.parse((await world.call('GET', '/api/v1/subscribers/alice')).json());
  t.equal(alice.assignments[0]?.stuck, 'frozen by token:noc since 2026-11-22T03:01:01Z: wrong list');
  const outbox = outboxView.parse((await world.call('GET', '/api/v1/outbox?status=pending')).json());
  t.match(outbox.outbox, [{ held_by: 'frozen', status: 'pending' }]);
  t.equal(await code(world, '/api/v1/thaw', {}, 'noc'), 'forbidden');
  const over = freezeView.parse((await world.call('POST', '/api/v1/thaw', { body: { reason: 'mended' } })).json());
  t.match(over, { verdict: 'applied', frozen: null });
  t.equal(await code(world, '/api/v1/thaw', {}, 'root'), 'not-frozen');
  t.equal(statusView.parse((await world.call('GET', '/api/v1/status')).json()).frozen, null);
});

t.test('a key does not make an old answer stand for what is true now', async (t) => {
  const world = await openWorld();
  const headers = { 'idempotency-key': 'panic' };
  const freeze = { body: { reason: 'panic' }, token: 'noc', headers };
  t.match((await world.call('POST', '/api/v1/freeze', freeze)).json(), { verdict: 'applied' });
  t.match((await world.call('POST', '/api/v1/thaw', { body: {}, headers })).json(), {
    verdict: 'applied',
    frozen: null,
  });
  const again = await world.call('POST', '/api/v1/freeze', freeze);
  t.match(again.json(), { verdict: 'applied', frozen: { reason: 'panic' } });
  t.equal(again.headers['idempotency-replayed'], undefined);
  t.not(statusView.parse((await world.call('GET', '/api/v1/status')).json()).frozen, null, 'it is frozen');
  t.equal(world.house.db.prepare('SELECT count(*) FROM idempotency').pluck().get(), 0, 'no key is kept');
});

t.test('too many revokes: 202, a batch, and an answer that needs no repeating', async (t) => {
  const world = await openWorld();
  world.house.policy = { ...world.house.policy, guard: { count: 2, share: 0.01, floor: 2, windowMs: 600_000 } };
  for (const name of ['a', 'b', 'c'])
    await world.call('POST', ALLOCATE, { body: { subscriber_id: name }, token: 'noc' });
  for (const name of ['a', 'b']) await world.call('POST', REVOKE, { body: { subscriber_id: name }, token: 'noc' });
  const body = { subscriber_id: 'c', reason: 'left' };
  const held = await world.call('POST', REVOKE, { body, token: 'noc' });
  t.equal(held.statusCode, 202);
  const answer = orderView.parse(held.json());
  t.match(answer, { verdict: 'applied', code: 'awaiting-approval', batch: 1 });
  t.match(answer.assignments, [{ lifecycle_state: 'allocated' }]);
  const again = await world.call('POST', REVOKE, { body, token: 'noc' });
  t.equal(again.statusCode, 202);
  t.match(again.json(), { verdict: 'duplicate', code: 'awaiting-approval', batch: 1 });
  const other = await world.call('POST', REVOKE, { body: { subscriber_id: 'a' }, token: 'root' });
  t.match(other.json(), { batch: null }, 'another token is another scope');
  const { approvals } = batchesView.parse((await world.call('GET', '/api/v1/approvals', { token: 'reader' })).json());
  t.match(approvals, [{ batch: 1, about: 'token:noc', status: 'open', revokes: 1, waiting: 1, examples: ['c'] }]);
  const shown = subscriberView.parse((await world.call('GET', '/api/v1/subscribers/c')).json());
  t.match(shown.assignments[0]?.awaiting, { batch: 1, actor: 'token:noc', reason: 'left' });
  t.equal(await code(world, '/api/v1/approvals/1/approve', {}, 'noc'), 'forbidden', 'not by the token that was caught');
  t.equal(await code(world, '/api/v1/approvals/1/approve', {}, 'stranger'), 'unknown-batch');
  const done = await world.call('POST', '/api/v1/approvals/1/approve', { body: { reason: 'checked' } });
  t.match(decidedView.parse(done.json()), { verdict: 'applied', batch: 1, status: 'approved', revokes: 1 });
  t.equal(await code(world, '/api/v1/approvals/1/reject', {}, 'root'), 'batch-decided');
  await world.house.say({ kind: 'deadline', what: 'approval', ref: '1', receivedAt: NIGHT });
  const state = subscriberView.parse((await world.call('GET', '/api/v1/subscribers/c')).json()).assignments[0];
  t.match(state, { lifecycle_state: 'revoking', awaiting: null });
});

t.test('maintenance of a NAS', async (t) => {
  const world = await openWorld();
  await world.house.say(packet({ kind: 'acct-start', sid: 's', at: NIGHT, v4: '100.64.0.9' }));
  const until = '2026-11-22T05:00:00Z';
  const begin = (body: object) => world.call('POST', '/api/v1/maintenance', { body, token: 'noc' });
  t.match((await begin({ nas: 'bras', until: 'tomorrow', reason: 'r' })).json(), { code: 'bad-request' });
  t.match((await begin({ nas: 'bras', until: '2026-02-30T05:00:00Z', reason: 'r' })).json(), { code: 'bad-request' });
  t.match((await begin({ nas: 'bras', until: '2026-11-22T02:00:00Z', reason: 'r' })).json(), { code: 'time-is-over' });
  t.match((await begin({ nas: 'bras', until: '2027-01-22T02:00:00Z', reason: 'r' })).json(), {
    code: 'bad-request',
    detail: 'until: must be at most 30 days ahead: say it again when it takes longer',
  });
  t.match((await begin({ nas: 'nowhere', until, reason: 'r' })).json(), { code: 'unknown-nas' });
  const made = maintenancesView.parse((await begin({ nas: '192.0.2.1', until, reason: 'firmware' })).json());
  t.match(made.maintenance, [{ nas: 'bras', until, reason: 'firmware', ended_at: null }]);
  const { nas } = nasesView.parse((await world.call('GET', '/api/v1/nas')).json());
  t.match(nas, [{ nas: 'bras', maintenance: { actor: 'token:noc', until } }]);
  t.match((await world.call('POST', '/api/v1/maintenance/end', { body: { nas: 'bras' } })).json(), {
    verdict: 'applied',
  });
  const again = await world.call('POST', '/api/v1/maintenance/end', { body: { nas: 'bras' } });
  t.match(again.json(), { verdict: 'duplicate', code: 'not-in-maintenance' });
  t.equal(nasesView.parse((await world.call('GET', '/api/v1/nas')).json()).nas[0]?.maintenance, null);
});

t.test('alarms are listed, acknowledged, and their own tenant’s', async (t) => {
  const world = await openWorld();
  await tellStory(world);
  const list = async (token: string, all = '') =>
    alarmsView.parse((await world.call('GET', `/api/v1/alarms${all}`, { token })).json()).alarms;
  t.match(await list('reader'), [{ cause: 'occupied', about: 'v4', count: 1, severity: 'warning', cleared_at: null }]);
  t.strictSame(await list('stranger'), []);
  const [alarm] = await list('reader');
  const url = '/api/v1/alarms/acknowledge';
  t.equal(await code(world, url, { alarm: 'nothing@daemon' }, 'noc'), 'unknown-alarm');
  t.equal(await code(world, url, { alarm: alarm?.id }, 'stranger'), 'unknown-alarm');
  t.equal(await code(world, url, { alarm: alarm?.id }, 'noc'), null);
  t.strictSame(await list('reader'), []);
  t.match(await list('reader', '?all=true'), [{ cleared_by: 'token:noc' }]);
});
