/** What a full pool tells of the time at which it has something again, whatever rests where it hands out nothing. */
import t from 'tap';
import type { ConfiguredPool } from '../../../src/daemon/lifecycle/events.js';
import { rangeOf, type UnitRange } from '../../../src/daemon/lifecycle/ranges.js';
import { isoTime } from '../../../src/daemon/lifecycle/time.js';
import { acct, allocate, NOON, octets, revoke } from '../../support/events.js';
import { openHouse, policyPools, POOLS, prefix, type House } from '../../support/house.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const WHOLE = rangeOf(prefix('10.0.0.0/19'), 32);

/** Of 10.0.0.0/19 only the first units are handed out by themselves, but for 10.0.0.0, which never is. */
function narrow(units: bigint, part: 'excluded' | 'reserved'): ConfiguredPool[] {
  const rest: UnitRange = { first: WHOLE.first + units + 1n, last: WHOLE.last };
  return POOLS.slice(0, 1).map((pool) => ({
    ...pool,
    prefix: prefix('10.0.0.0/19'),
    quarantineMs: HOUR,
    [part]: [rest],
  }));
}

/** A pool of a /19 in which `count` units rest where it hands out nothing, from a minute after noon on. */
async function restingBeyond(count: number, part: 'excluded' | 'reserved' = 'excluded'): Promise<House> {
  const house = await openHouse(NOON, {}, { pools: narrow(8_189n, 'excluded') });
  const events = (kind: 'acct-start' | 'acct-stop', at: number) =>
    Array.from({ length: count }, (_, n) => {
      const unit = n + 256;
      return acct(kind, `s${String(n)}`, at, [`10.0.${String(unit >> 8)}.${String(unit & 255)}`]);
    });
  const all = [...events('acct-start', NOON), ...events('acct-stop', NOON + MINUTE)];
  for (let n = 0; n < all.length; n += 200) await house.say(...all.slice(n, n + 200));
  const pools = narrow(2n, part);
  await house.say({ kind: 'config-loaded', tenant: 'default', pools, changed: [], receivedAt: NOON + 2 * MINUTE });
  house.policy = { ...house.policy, pools: policyPools(house.pending, pools) };
  await house.say(allocate('ann', NOON + 2 * MINUTE), allocate('bob', NOON + 2 * MINUTE));
  return house;
}

/** Ann's unit, which the pool hands out, begins to rest. */
function leaves(at: number) {
  const named = { username: octets('ann') };
  return [acct('acct-start', 'ann', at, ['10.0.0.1'], named), acct('acct-stop', 'ann', at), revoke('ann', at)];
}

for (const part of ['excluded', 'reserved'] as const) {
  t.test(`the time of the next unit is told behind many that are ${part}`, async (t) => {
    const house = await restingBeyond(1_200, part);
    await house.say(...leaves(NOON + 3 * MINUTE));
    const [told] = await house.say(allocate('cat', NOON + 4 * MINUTE));
    const at = isoTime(NOON + HOUR + 3 * MINUTE);
    t.match(told, {
      code: 'pool-exhausted',
      detail: `pool v4 has no free address; the next leaves quarantine at ${at}`,
      reply: { pools: ['v4'], next_free_at: at, retry_after: 3_540 },
    });
  });
}

t.test('so it is where the unit began to rest in the same batch', async (t) => {
  const house = await restingBeyond(40);
  const told = (await house.say(...leaves(NOON + 3 * MINUTE), allocate('cat', NOON + 4 * MINUTE))).at(-1);
  t.match(told?.reply, { next_free_at: isoTime(NOON + HOUR + 3 * MINUTE) });
});

t.test('nothing rests that an allocation could have', async (t) => {
  const house = await restingBeyond(1_200);
  const [told] = await house.say(allocate('cat', NOON + 4 * MINUTE));
  const detail = 'pool v4 has no free address; nothing of it is in quarantine';
  t.match(told, { code: 'pool-exhausted', detail, reply: { next_free_at: null, retry_after: null } });
});

t.test('behind more than are looked through, a time is told before which nothing becomes free', async (t) => {
  const house = await restingBeyond(4_200);
  await house.say(...leaves(NOON + 3 * MINUTE));
  const [told] = await house.say(allocate('cat', NOON + 4 * MINUTE));
  t.match(told, {
    code: 'pool-exhausted',
    detail: `pool v4 has no free address; nothing leaves quarantine before ${isoTime(NOON + HOUR + MINUTE)}`,
    reply: { next_free_at: null, retry_after: 3_420 },
  });
});
