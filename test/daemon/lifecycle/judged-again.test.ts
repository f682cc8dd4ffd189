/** What a session showed in no pool, or not by the unit, and what is made of it when it is judged again. */
import t from 'tap';
import type { ConfiguredPool } from '../../../src/daemon/lifecycle/events.js';
import { acct, allocate, NOON, octets } from '../../support/events.js';
import { openHouse, policyPools, POOLS, prefix, type House } from '../../support/house.js';
import { invariants } from '../../support/invariants.js';

const MINUTE = 60_000;
const ANN = { username: octets('ann') };

/** A reload with these pools. */
async function load(house: House, pools: readonly ConfiguredPool[], at: number): Promise<void> {
  const config = { kind: 'config-loaded', tenant: 'default', pools, changed: ['pools'] } as const;
  await house.say({ ...config, receivedAt: at });
  house.policy = { ...house.policy, pools: policyPools(house.pending, pools) };
}

/** The history of sessions: since when and until when, in minutes, and whether an assignment is named. */
function history(house: House): unknown[] {
  return house.db
    .prepare(
      `SELECT (since - ${String(NOON)}) / ${String(MINUTE)}, (until - ${String(NOON)}) / ${String(MINUTE)}, assignment IS NOT NULL
         FROM holding WHERE kind = 'session' ORDER BY since`,
    )
    .raw()
    .all();
}

t.test('a buffered Start is history until an Interim tells that its session is up', async (t) => {
  const house = await openHouse(NOON);
  await house.say(allocate('ann', NOON + 5 * MINUTE));
  const now = NOON + 6 * MINUTE;
  await house.say({ ...acct('acct-start', 'a', now, ['100.64.0.1'], ANN), at: NOON });
  t.same(history(house), [[0, null, 0]]);
  await house.say(acct('acct-interim', 'a', NOON + 7 * MINUTE, ['100.64.0.1'], { ...ANN, seconds: 420 }));
  await house.say(acct('acct-stop', 'a', NOON + 9 * MINUTE, ['100.64.0.1'], { ...ANN, seconds: 540 }));
  t.same(history(house), [
    [0, 7, 0],
    [7, 9, 1],
  ]);
});

t.test('a prefix that was wider than what a pool hands out is one of its units by now', async (t) => {
  const house = await openHouse(NOON);
  const wide = { ...acct('acct-start', 'a', NOON + MINUTE, [], ANN) };
  const addresses = [{ attribute: 'Delegated-IPv6-Prefix' as const, prefix: prefix('2001:db8:100::/54') }];
  await house.say({ ...wide, addresses });
  const open = (): unknown[] =>
    house.db.prepare('SELECT kind FROM conflict WHERE closed_at IS NULL ORDER BY id').pluck().all();
  t.same(open(), ['wider-than-pool']);
  const pd = POOLS.filter(({ name }) => name === 'pd');
  await load(
    house,
    pd.map((pool) => ({ ...pool, name: 'pd54', unitLength: 54 })),
    NOON + 2 * MINUTE,
  );
  await house.say({ ...acct('acct-interim', 'a', NOON + 3 * MINUTE, [], { ...ANN, seconds: 120 }), addresses });
  t.same(open(), ['occupied']);
  t.same(history(house), [
    [1, 3, 0],
    [3, null, 0],
  ]);
  t.same(invariants(house.db, house.policy), []);
  await house.say(acct('acct-stop', 'a', NOON + 4 * MINUTE, [], { ...ANN, seconds: 180 }));
  t.same(open(), []);
  t.same(invariants(house.db, house.policy), []);
});

t.test('what makes room for new addresses is left, with its history and its conflict', async (t) => {
  const house = await openHouse(NOON);
  const shown = (from: number, count: number) =>
    Array.from({ length: count }, (_, n) => ({
      attribute: 'Delegated-IPv6-Prefix' as const,
      prefix: prefix(`2001:db8:${(0x200 + from + n).toString(16)}::/56`),
    }));
  const wide = { attribute: 'Delegated-IPv6-Prefix' as const, prefix: prefix('2001:db8:100::/54') };
  const say = async (at: number, kind: 'acct-start' | 'acct-interim', addresses: ReturnType<typeof shown>) =>
    house.say({ ...acct(kind, 'a', NOON + at, [], { ...ANN, seconds: at / 1_000 }), addresses });
  await say(MINUTE, 'acct-start', [wide, ...shown(0, 63)]);
  await say(2 * MINUTE, 'acct-interim', shown(63, 1));
  t.same(house.db.prepare('SELECT closed_at FROM conflict').pluck().all(), [NOON + 2 * MINUTE]);
  t.same(history(house), [[0, 2, 0]]);
  t.same(invariants(house.db, house.policy), []);
});
