/** A pool that a reload gives another kind judges all that it holds, however much that is. */
import t from 'tap';
import type { ConfiguredPool } from '../../../src/daemon/lifecycle/events.js';
import { acct, allocate, deadline, NOON, octets } from '../../support/events.js';
import { openHouse, policyPools, POOLS, prefix, type House } from '../../support/house.js';
import { invariants } from '../../support/invariants.js';

const MINUTE = 60_000;
const CROWD = 250;

/** The one pool, with what a test changes of it. */
function pool(fields: Partial<ConfiguredPool> = {}): ConfiguredPool[] {
  const [first] = POOLS;
  if (first === undefined) throw new TypeError('no pools');
  return [{ ...first, prefix: prefix('100.64.0.0/23'), ...fields }];
}

/** A reload with these pools. */
async function load(house: House, pools: readonly ConfiguredPool[], at: number): Promise<void> {
  const config = { kind: 'config-loaded', tenant: 'default', pools, changed: ['pools'] } as const;
  const [told] = await house.say({ ...config, receivedAt: at });
  if (told?.verdict !== 'applied') throw new Error(told?.detail ?? 'not applied');
  house.policy = { ...house.policy, pools: policyPools(house.pending, pools) };
}

/** Decides what falls due until `to`; returns how often the kind of a pool was among it. */
async function pass(house: House, to: number): Promise<number> {
  for (let slices = 0, turns = 0; turns < 2_000; turns++) {
    const due = house.pending.nextDue();
    if (due === null || due > to) return slices;
    for (const { kind, ref } of house.pending.due(due, 500)) {
      if (kind === 'pool-kind') slices++;
      await house.say(deadline(kind, ref, due));
    }
  }
  throw new RangeError('deadlines do not come to an end');
}

function states(house: House): unknown[] {
  return house.db.prepare('SELECT state, count(*) FROM assignment GROUP BY state ORDER BY state').raw().all();
}

t.test('a crowd that is offline', async (t) => {
  const house = await openHouse(NOON, {}, { pools: pool() });
  const names = Array.from({ length: CROWD }, (_, n) => `s${String(n)}`);
  for (const [n, name] of names.entries()) {
    const address = `100.64.${String((n + 1) >> 8)}.${String((n + 1) & 255)}`;
    const who = { username: octets(name) };
    const requested = prefix(address);
    await house.say(
      allocate(name, NOON, { requested }),
      acct('acct-start', name, NOON + 1, [address], who),
      acct('acct-stop', name, NOON + 2, [address], who),
    );
  }
  // Half of them lie outside by then, and count as well.
  await load(house, pool({ prefix: prefix('100.64.0.0/25') }), NOON + 3);
  const dynamic = pool({ prefix: prefix('100.64.0.0/25'), kind: 'dynamic', offerTimeoutMs: 5 * MINUTE });
  await load(house, dynamic, NOON + MINUTE);
  t.equal(await pass(house, NOON + 6 * MINUTE - 1), 0);
  t.same(states(house), [['active', CROWD]], 'nobody before the time of an offer is over');
  t.equal(await pass(house, NOON + 6 * MINUTE), 3, 'in slices');
  t.same(states(house), [['revoked', CROWD]]);
  t.same(invariants(house.db, house.policy), []);
});

t.test('an offer that nobody took up, and what a release waits for', async (t) => {
  const house = await openHouse(NOON, {}, { pools: pool() });
  const who = { username: octets('ann') };
  const here = ['100.64.0.9'];
  await house.say(acct('acct-start', 'x', NOON, here, who), allocate('bob', NOON));
  await load(house, pool({ kind: 'dynamic', offerTimeoutMs: 2 * MINUTE }), NOON + MINUTE);
  for (const n of [5, 10, 15]) {
    await house.say(acct('acct-interim', 'x', NOON + n * MINUTE, here, { ...who, seconds: n * 60 }));
    await pass(house, NOON + n * MINUTE);
  }
  t.same(states(house), [['revoked', 1]]);
  await house.say(allocate('cat', NOON + 15 * MINUTE));
  await pass(house, NOON + 18 * MINUTE);
  const steps = (): unknown[] =>
    house.db.prepare("SELECT state FROM assignment_step WHERE state = 'waiting'").pluck().all();
  const due = (): unknown[] => house.db.prepare("SELECT ref FROM deadline WHERE kind = 'evidence'").pluck().all();
  t.same([steps().length, due().length], [1, 1], 'one interim round');
  await load(house, pool(), NOON + 19 * MINUTE);
  await pass(house, NOON + 19 * MINUTE);
  t.same([steps().length, due().length], [0, 0], 'a static pool waits for nobody');
  await pass(house, NOON + 60 * MINUTE);
  t.same(states(house), [
    ['allocated', 1],
    ['revoked', 1],
  ]);
  t.same(invariants(house.db, house.policy), []);
});
