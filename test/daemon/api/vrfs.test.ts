/** One address in several VRFs: every candidate with its label, in the API and in addrdctl; a VRF narrows to one. */
import t from 'tap';
import { addressView, eventsView } from '../../../src/daemon/api/views.js';
import { EXIT } from '../../../src/daemon/ctl/failure.js';
import type { ConfiguredPool } from '../../../src/daemon/lifecycle/events.js';
import { BRAS, policyPools, POOLS, prefix } from '../../support/house.js';
import { listen } from '../ctl/listening.js';
import { NIGHT, packet, type World } from './world.js';

const V4 = '/api/v1/network/ipv4-lifecycle';

/** 100.64.0.5 is Alice's in the VRF global and Rose's in red; in green, where the tenant has no pool, a session shows it. */
async function repeat(world: World): Promise<void> {
  const { house } = world;
  const red: ConfiguredPool = {
    tenant: 'default',
    name: 'red-v4',
    vrf: 'red',
    family: 'ipv4',
    use: 'address',
    kind: 'static',
    prefix: prefix('100.64.0.0/24'),
    unitLength: 32,
    quarantineMs: 60_000,
  };
  const hidden: ConfiguredPool = { ...red, tenant: 'other', name: 'blue-v4', vrf: 'blue' };
  const green: ConfiguredPool = { ...red, name: 'green-v4', vrf: 'green', prefix: prefix('192.0.2.0/28') };
  const pools = [...POOLS, red, hidden, green];
  await house.say({ kind: 'daemon-started', tenant: 'default', pools, receivedAt: NIGHT - 1_000 });
  const compiled = policyPools(house.pending, pools);
  const vrf = compiled.find(({ name }) => name === 'green-v4')?.vrf ?? 0;
  house.policy = { ...house.policy, pools: compiled, nas: new Map([['bras', { ...BRAS, vrf }]]) };
  for (const [subscriber, pool] of [
    ['alice', 'v4'],
    ['rose', 'red-v4'],
  ]) {
    const body = { subscriber_id: subscriber, pool_id: pool, requested_address: '100.64.0.5' };
    const { statusCode, body: text } = await world.call('POST', `${V4}/allocate`, { body });
    if (statusCode !== 201) throw new TypeError(text);
  }
  await house.say(packet({ kind: 'acct-start', sid: 's-green', username: 'gil', at: NIGHT, v4: '100.64.0.5' }));
}

t.test('the API lists every candidate, and one VRF narrows', async (t) => {
  const { world } = await listen(t);
  await repeat(world);
  const read = async (url: string) => addressView.parse((await world.call('GET', url)).json());
  const all = await read('/api/v1/addresses/100.64.0.5');
  t.strictSame([...all.vrfs].sort(), ['global', 'green', 'red']);
  t.match(all.units, [
    { vrf: 'global', pool_id: 'v4', state: 'held' },
    { vrf: 'red', pool_id: 'red-v4', state: 'held' },
  ]);
  t.strictSame(
    all.assignments.map(({ vrf, subscriber_id: who }) => [vrf, who]),
    [
      ['global', 'alice'],
      ['red', 'rose'],
    ],
  );
  t.strictSame(all.history.map(({ vrf, subscriber_id: who }) => [vrf, who]).sort(), [
    ['global', 'alice'],
    ['red', 'rose'],
  ]);
  t.match(all.sessions, [{ vrf: 'green', session_id: 's-green' }]);

  const red = await read('/api/v1/addresses/100.64.0.5?vrf=red');
  t.strictSame(red.vrfs, ['red']);
  t.match(red.units, [{ vrf: 'red', last_subscriber_id: null }]);
  t.match(red.assignments, [{ subscriber_id: 'rose' }]);
  t.strictSame([red.assignments.length, red.history.length, red.sessions.length], [1, 1, 0]);

  const green = await read('/api/v1/addresses/100.64.0.5?vrf=green');
  t.match(green, { vrfs: ['green'], units: [], assignments: [], sessions: [{ session_id: 's-green' }] });
});

t.test('a VRF that the tenant has nothing in', async (t) => {
  const { world } = await listen(t);
  await repeat(world);
  const code = async (url: string) => {
    const { statusCode, json } = await world.call('GET', url);
    return [statusCode, json<{ code: string }>().code];
  };
  t.strictSame(await code('/api/v1/addresses/100.64.0.5?vrf=none'), [404, 'unknown-vrf']);
  t.strictSame(await code('/api/v1/addresses/100.64.0.5?vrf=blue'), [404, 'unknown-vrf'], 'of another tenant');
  t.strictSame(await code('/api/v1/addresses/203.0.113.1?vrf=red'), [404, 'unknown-address']);
  t.strictSame(await code('/api/v1/addresses/100.64.0.5?vrf='), [400, 'bad-request']);
  t.strictSame(await code('/api/v1/events?address=100.64.0.5&vrf=none'), [404, 'unknown-vrf']);
  t.strictSame(await code('/api/v1/events?vrf=red'), [400, 'bad-request'], 'a VRF is of an address');
  for (const [path, body] of [
    [`${V4}/allocate`, { subscriber_id: 'tom', vrf: 'none' }],
    ['/api/v1/pools/release', { address: '100.64.0.5', vrf: 'none' }],
  ] as const) {
    const { statusCode, json } = await world.call('POST', path, { body });
    t.strictSame([statusCode, json<{ code: string }>().code], [404, 'unknown-vrf'], path);
  }
});

t.test('the journal of an address in one VRF', async (t) => {
  const { world } = await listen(t);
  await repeat(world);
  const whose = async (url: string) => {
    const { events } = eventsView.parse((await world.call('GET', url)).json());
    return [...new Set(events.map(({ subscriber_id: who }) => who))].sort();
  };
  t.strictSame(await whose('/api/v1/events?address=100.64.0.5'), ['alice', 'rose']);
  t.strictSame(await whose('/api/v1/events?address=100.64.0.5&vrf=red'), ['rose']);
});

t.test('addrdctl show and events', async (t) => {
  const { world, within } = await listen(t);
  await repeat(world);
  const all = await within('show', '100.64.0.5');
  t.equal(all.code, 0, all.err);
  t.match(all.out, /in the VRFs global, red, green: each is an address of its own; --vrf VRF shows one/);
  t.match(all.out, '100.64.0.5 of pool v4: held');
  t.match(all.out, '100.64.0.5 (VRF red) of pool red-v4: held');
  t.match(all.out, '100.64.0.5 (ipv4) of alice: ALLOCATED');
  t.match(all.out, '100.64.0.5 (VRF red) (ipv4) of rose: ALLOCATED');
  t.match(all.out, 's-green');
  t.match(all.out, /s-green [^]*\(VRF\s+green\)/);
  const red = await within('show', '100.64.0.5', '--vrf', 'red');
  t.match(red.out, 'of rose');
  t.notMatch(red.out, /alice|s-green|each is an address/);
  const unknown = await within('show', '100.64.0.5', '--vrf', 'none');
  t.equal(unknown.code, EXIT.refused);
  t.match(unknown.err, 'in a VRF none');
  const name = await within('show', 'alice', '--vrf', 'red');
  t.equal(name.code, EXIT.usage, name.err);
  t.match((await within('events', '--address', '100.64.0.5', '--vrf', 'red')).out, 'rose');
  t.notMatch((await within('events', '--address', '100.64.0.5', '--vrf', 'red')).out, 'alice');
});
