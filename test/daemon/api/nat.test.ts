/** Pools of kind nat are in no store: an order that names one, and a look at one of their addresses, say why. */
import t from 'tap';
import { prefix } from '../../support/house.js';
import { openWorld } from './world.js';

const CGN = { tenant: 'default', name: 'cgn', vrf: 'global', prefix: prefix('10.4.0.0/24') };

t.test('nothing is made of a NAT pool, and what asks for it is told so', async (t) => {
  const world = await openWorld({ nats: [CGN, { ...CGN, tenant: 'other', name: 'theirs' }] });
  const allocate = async (pool: string): Promise<unknown> => {
    const body = { subscriber_id: 'ann', pool_id: pool };
    return (await world.call('POST', '/api/v1/network/ipv4-lifecycle/allocate', { body })).json();
  };
  t.match(await allocate('cgn'), { code: 'unknown-pool', detail: /^pool cgn is of kind nat: .*; name another one$/ });
  t.match(await allocate('theirs'), { code: 'unknown-pool', detail: 'there is no pool theirs' });
  const show = async (address: string): Promise<unknown> =>
    (await world.call('GET', `/api/v1/addresses/${address}`)).json();
  t.match(await show('10.4.0.5'), { status: 404, code: 'unknown-address', detail: /is of pool cgn of kind nat/ });
  t.match(await show('10.4.0.5?vrf=global'), { detail: /is of pool cgn of kind nat/ });
  t.match(await show('10.5.0.5'), { detail: '10.5.0.5 is in no pool and was never seen' });
});
