/** Pools of the config against pools of the store: none is forgotten with what it holds. */
import t from 'tap';
import type { ConfiguredPool } from '../../../src/daemon/lifecycle/events.js';
import { openHouse, POOLS, prefix } from '../../support/house.js';
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

t.test('a config that comes into force settles its pools as a start does, or changes nothing', async (t) => {
  const house = await openHouse(NOON);
  const loaded = (pools: readonly ConfiguredPool[], receivedAt: number) =>
    ({ kind: 'config-loaded', tenant: 'default', pools, changed: ['pools[x]', 'mode'], receivedAt }) as const;
  const incarnation = (): unknown => house.db.prepare("SELECT value FROM meta WHERE key = 'incarnation'").pluck().get();
  const before = incarnation();
  await house.say(allocate('ann', NOON));
  const [first, ...rest] = POOLS;
  if (first === undefined) throw new TypeError('no pools');
  const added = { ...first, name: 'more', prefix: prefix('192.0.2.0/28') };
  t.match(await house.say(loaded([first, added], NOON + 1)), [{ verdict: 'applied' }]);
  t.match(house.db.prepare('SELECT kind, detail FROM journal WHERE at = ? ORDER BY id').all(NOON + 1), [
    { kind: 'pool-created' },
    { kind: 'pool-retired' },
    { kind: 'pool-retired' },
    { kind: 'config-loaded', detail: '{"changed":["pools[x]","mode"],"more":0}' },
  ]);
  t.equal(incarnation(), before, 'addrd has not begun anew');
  const moved = { ...first, unitLength: 30, use: 'routed' } as const;
  const other = { ...first, name: 'other', prefix: prefix('203.0.113.0/28') };
  t.match(await house.say(loaded([other, moved, ...rest], NOON + 2)), [{ verdict: 'refused', code: 'pool-changed' }]);
  t.match(await house.say(loaded([other, { ...first, name: 'v4-new' }], NOON + 2)), [{ code: 'pool-overlaps' }]);
  t.strictSame(
    house.db
      .prepare('SELECT count(*) FROM journal WHERE at = ?')
      .pluck()
      .get(NOON + 2),
    0,
  );
  t.strictSame(house.db.prepare('SELECT name FROM pool ORDER BY id').pluck().all(), ['v4', 'v6', 'pd', 'more']);
});
