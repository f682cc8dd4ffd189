/** Routed subnets over the API and in addrdctl: the parent of an allocation, its refusals, and what is shown. */
import t from 'tap';
import type { ConfiguredPool } from '../../../src/daemon/lifecycle/events.js';
import { policyPools, POOLS, prefix } from '../../support/house.js';
import { listen } from '../ctl/listening.js';
import { NIGHT, openWorld, packet, type World } from './world.js';

const V4 = '/api/v1/network/ipv4-lifecycle';
const V6 = '/api/v1/network/ipv6-lifecycle';

const LAN: ConfiguredPool = {
  tenant: 'default',
  name: 'lan',
  vrf: 'global',
  family: 'ipv4',
  use: 'routed',
  kind: 'static',
  prefix: prefix('203.0.113.0/24'),
  unitLength: 29,
  quarantineMs: 60_000,
};
const LAN6: ConfiguredPool = {
  ...LAN,
  name: 'lan6',
  family: 'ipv6',
  prefix: prefix('2001:db8:900::/40'),
  unitLength: 48,
};

/** Ann has 100.64.0.1 as assignment 1. */
async function settled(world: World): Promise<World> {
  const { house } = world;
  const pools = [...POOLS, LAN, LAN6];
  await house.say({ kind: 'daemon-started', tenant: 'default', pools, receivedAt: NIGHT - 3_600_000 });
  house.policy = { ...house.policy, pools: policyPools(house.pending, pools) };
  const body = { subscriber_id: 'ann', username: 'ann', pool_id: 'v4' };
  await world.call('POST', `${V4}/allocate`, { body });
  return world;
}

t.test('a subnet is allocated with its parent, and both are shown', async (t) => {
  const world = await settled(await openWorld());
  const allocate = (parent: unknown, path = V4, more: object = {}) =>
    world.call('POST', `${path}/allocate`, { body: { subscriber_id: 'ann', parent, ...more } });
  const first = await allocate('subscriber');
  t.equal(first.statusCode, 201);
  t.match(first.json(), { assignments: [{ pool_id: 'lan', address: '203.0.113.0/29' }] });
  t.match((await allocate('100.64.0.1')).json(), { verdict: 'duplicate', code: 'already-allocated' });
  t.match((await allocate(1)).json(), { verdict: 'duplicate', code: 'already-allocated' });
  const other = await allocate(1, V6, { family: 'ipv6' });
  t.match(
    other.json(),
    { assignments: [{ pool_id: 'lan6', address: '2001:db8:900::/48' }] },
    'of the other IP version',
  );

  await world.house.say(packet({ kind: 'acct-start', sid: 's1', username: 'ann', at: NIGHT, v4: '100.64.0.1' }));
  const shown = (await world.call('GET', '/api/v1/subscribers/ann')).json<{ assignments: unknown[] }>();
  const parent = { assignment: 1, address: '100.64.0.1' };
  t.match(shown, {
    assignments: [
      { address: '2001:db8:900::/48', lifecycle_state: 'active', parent, subnets: [] },
      { address: '203.0.113.0/29', lifecycle_state: 'active', use: 'routed', parent, subnets: [] },
      {
        address: '100.64.0.1',
        parent: null,
        subnets: [
          { assignment: 2, address: '203.0.113.0/29', lifecycle_state: 'active' },
          { assignment: 3, address: '2001:db8:900::/48', lifecycle_state: 'active' },
        ],
      },
    ],
    sessions: [
      {
        addresses: [
          { address: '100.64.0.1', attribute: 'Framed-IP-Address' },
          { address: '203.0.113.0/29', attribute: 'parent', standing: 'held', assignment: 2 },
          { address: '2001:db8:900::/48', attribute: 'parent', standing: 'held', assignment: 3 },
        ],
      },
    ],
  });

  const revoked = await world.call('POST', `${V4}/revoke`, { body: { subscriber_id: 'ann', address: '100.64.0.1' } });
  t.equal(revoked.statusCode, 202);
  t.match(revoked.json(), {
    assignments: [1, 2, 3].map((id) => ({ id, lifecycle_state: 'revoking' })),
  });
  await world.house.say(packet({ kind: 'acct-stop', sid: 's1', username: 'ann', at: NIGHT + 1_000 }));
  t.match((await world.call('GET', '/api/v1/addresses/203.0.113.1')).json(), {
    units: [{ pool_id: 'lan', state: 'quarantined' }],
    history: [{ kind: 'tenure', subscriber_id: 'ann', until: '2026-11-22T03:00:01Z' }],
  });
});

t.test('what cannot be a parent', async (t) => {
  const world = await settled(await openWorld());
  const code = async (who: string, parent: unknown, more: object = {}): Promise<unknown> => {
    const body = { subscriber_id: who, parent, ...more };
    const answer = await world.call('POST', `${V4}/allocate`, { body });
    return [answer.statusCode, answer.json<{ code: unknown }>().code];
  };
  t.strictSame(await code('ann', 'nonsense'), [400, 'bad-request']);
  t.strictSame(await code('ann', true), [400, 'bad-request']);
  t.strictSame(await code('ann', 0), [400, 'bad-request']);
  t.strictSame(await code('ann', 1.5), [400, 'bad-request']);
  t.strictSame(await code('ann', null, { pool_id: 'v4' }), [200, 'already-allocated'], 'null is none');
  t.strictSame(await code('ann', 99), [404, 'unknown-parent']);
  t.strictSame(await code('bob', 'subscriber'), [404, 'unknown-parent']);
  t.strictSame(await code('ann', '100.64.0.2'), [404, 'unknown-parent']);
  t.strictSame(await code('bob', 1), [422, 'parent-mismatch']);
  t.strictSame(await code('ann', 1, { use: 'address' }), [422, 'not-routed']);
  await world.call('POST', `${V4}/allocate`, { body: { subscriber_id: 'ann', requested_address: '100.64.0.9' } });
  t.strictSame(await code('ann', 'subscriber'), [422, 'parent-required']);
  for (let n = 0; n < 16; n++) {
    t.strictSame(await code('ann', 1, { requested_address: `203.0.113.${String(n * 8)}/29` }), [201, null]);
  }
  t.strictSame(await code('ann', 1, { requested_address: '203.0.113.128/29' }), [409, 'too-many-subnets']);
  await world.call('POST', `${V4}/revoke`, { body: { subscriber_id: 'ann', address: '100.64.0.9' } });
  t.strictSame(await code('ann', '100.64.0.9'), [409, 'parent-ended']);
  const stranger = { subscriber_id: 'ann', pool_id: 'v4', parent: 1, use: 'routed' };
  const told = await world.call('POST', `${V4}/allocate`, { body: stranger, token: 'stranger' });
  t.not(told.statusCode, 201, 'a tenant sees no parent of another');
});

t.test('addrdctl allocate --parent, and show', async (t) => {
  const { world, within } = await listen(t);
  await settled(world);
  const done = await within('allocate', 'ann', '--family', 'ipv4', '--parent', 'subscriber');
  t.equal(done.code, 0, done.err);
  t.match(done.out, /203\.0\.113\.0\/29 +lan +allocated/i);
  t.equal((await within('allocate', 'ann', '--family', 'ipv4', '--parent', '1')).code, 0, 'by its number');
  t.equal((await within('allocate', 'ann', '--family', 'ipv4', '--parent', '100.64.0.1')).code, 0, 'by its address');
  const wrong = await within('allocate', 'bob', '--family', 'ipv4', '--parent', '1');
  t.match(wrong.err, /assignment 1 \(100\.64\.0\.1\) is of ann, not bob/);
  const shown = (await within('show', 'ann')).out;
  t.match(shown, /rides on 100\.64\.0\.1 \(assignment 1\)/);
  t.match(shown, /carries 203\.0\.113\.0\/29 \(allocated\)/);
});
