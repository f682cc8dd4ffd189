/** Two tenants in one VRF: one's customer on the other's address is told of, and not cut by him. */
import t from 'tap';
import { acct, allocate, NOON, octets } from '../../support/events.js';
import { BRAS, openHouse, policyPools, POOLS } from '../../support/house.js';

t.test('an intruder of another tenant', async (t) => {
  const pools = POOLS.map((pool) => ({ ...pool, disconnectIntruders: true }));
  const house = await openHouse(NOON, {}, { pools });
  const theirs = { ...BRAS, name: 'theirs', tenant: 'other' };
  house.policy = {
    ...house.policy,
    pools: policyPools(house.pending, pools),
    nas: new Map([...house.policy.nas, ['theirs', theirs]]),
  };
  const source = Uint8Array.of(192, 0, 2, 2);
  const other = { entry: 'theirs', source, nas: { tenant: 'other', kind: 'source-address', bytes: source } } as const;
  const user = (name: string) => ({ username: octets(name) });
  await house.say(allocate('ann', NOON, { pool: 'v4', username: 'ann', usernameBytes: octets('ann') }));
  const ordered = (): unknown =>
    house.db.prepare("SELECT count(*) FROM outbox WHERE json_extract(orders, '$[0].intruder')").pluck().get();
  const [told] = await house.say(acct('acct-start', '1', NOON + 1, ['100.64.0.1'], { ...user('bob'), ...other }));
  t.equal(told?.code, 'contested');
  t.equal(ordered(), 0, 'his NAS is not ours');
  await house.say(acct('acct-start', '2', NOON + 2, ['100.64.0.1'], user('cat')));
  t.equal(ordered(), 1, 'one of the same tenant is cut');
});
