/** Pools of the config against pools of the store: none is forgotten with what it holds. */
import t from 'tap';
import type { ConfiguredPool } from '../../../src/daemon/lifecycle/events.js';
import { openHouse, POOLS } from '../../support/house.js';
import { allocate } from '../../support/events.js';

const NOON = Date.UTC(2026, 0, 1, 12);

function started(pools: readonly ConfiguredPool[], receivedAt: number) {
  return { kind: 'daemon-started', tenant: 'default', pools, receivedAt } as const;
}

t.test('a pool that the config drops is retired, and back when it returns', async (t) => {
  const house = await openHouse(NOON);
  const retired = (): unknown[] => house.db.prepare('SELECT retired_at FROM pool ORDER BY id').pluck().all();
  t.same(retired(), [null, null, null]);
  await house.say(started(POOLS.slice(1), NOON + 1));
  t.same(retired(), [NOON + 1, null, null]);
  await house.say(started(POOLS, NOON + 2));
  t.same(retired(), [null, null, null]);
  const kinds = house.db.prepare("SELECT kind FROM journal WHERE kind LIKE 'pool-%' ORDER BY id").pluck().all();
  t.same(kinds, ['pool-created', 'pool-created', 'pool-created', 'pool-retired', 'pool-back']);
});

t.test('a pool under a new name does not forget who holds its addresses', async (t) => {
  const house = await openHouse(NOON);
  const renamed = POOLS.map((pool) => (pool.name === 'v4' ? { ...pool, name: 'v4-new' } : pool));
  await house.say(allocate('ann', NOON));
  const [refused] = await house.say(started(renamed, NOON + 1));
  t.match(refused, { verdict: 'refused', code: 'pool-overlaps', detail: /overlaps pool v4 \(100\.64\.0\.0\/28\)/ });
  t.equal(house.db.prepare('SELECT count(*) FROM pool').pluck().get(), 3, 'nothing was created');

  const unused = await openHouse(NOON);
  t.match(await unused.say(started(renamed, NOON + 1)), [{ verdict: 'applied' }], 'an unused one may be renamed');
});
