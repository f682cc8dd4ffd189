/** A quarantine that ends after a gap: what counts is when the unit was left, whatever the config says by then. */
import t from 'tap';
import type { ConfiguredPool } from '../../../src/daemon/lifecycle/events.js';
import { acct, allocate, deadline, NOON, octets, revoke } from '../../support/events.js';
import { openHouse, POOLS, prefix, type House } from '../../support/house.js';

const HOUR = 3_600_000;
const ROUND = 600_000;

function resting(quarantineMs: number): ConfiguredPool[] {
  return POOLS.map((pool) => ({ ...pool, quarantineMs }));
}

function loaded(quarantineMs: number, at: number) {
  return {
    kind: 'config-loaded',
    tenant: 'default',
    pools: resting(quarantineMs),
    changed: [],
    receivedAt: at,
  } as const;
}

/** addrd was away until `at`. */
function gap(quarantineMs: number, at: number) {
  return { kind: 'daemon-started', tenant: 'default', pools: resting(quarantineMs), receivedAt: at } as const;
}

/** The unit that is in quarantine, or has been, and when it becomes free. */
function unit({ db }: House): { state: string; free_at: number; left_at: number } {
  return db.prepare('SELECT state, free_at, left_at FROM pool_free').get() as ReturnType<typeof unit>;
}

/** When the quarantine is looked at next, or null. */
function due({ db }: House): unknown {
  return db.prepare("SELECT due_at FROM deadline WHERE kind = 'quarantine'").pluck().get() ?? null;
}

async function fire(house: House, at: number): Promise<void> {
  const ref = house.db.prepare("SELECT ref FROM deadline WHERE kind = 'quarantine'").pluck().get() as string;
  await house.say(deadline('quarantine', ref, at));
}

/** The unit of alice is left at `at`. */
async function left(house: House, at: number): Promise<void> {
  await house.say(allocate('alice', at - 3_000), acct('acct-start', 's', at - 2_000, ['100.64.0.1']));
  await house.say(acct('acct-stop', 's', at - 1_000, ['100.64.0.1']), revoke('alice', at));
  t.match(unit(house), { state: 'quarantined', left_at: at });
}

t.test('a quarantine that was shortened since hides no gap', async (t) => {
  const house = await openHouse(NOON);
  await house.say(loaded(HOUR, NOON));
  await left(house, NOON + 10_000);
  const { free_at: freeAt } = unit(house);
  t.equal(freeAt, NOON + 10_000 + HOUR);
  await house.say(gap(0, freeAt - 60_000));
  await fire(house, freeAt);
  t.equal(unit(house).state, 'quarantined', 'somebody may have appeared on it unseen');
  t.equal(due(house), freeAt - 60_000 + ROUND);
  await fire(house, freeAt - 60_000 + ROUND);
  t.equal(unit(house).state, 'free');
});

t.test('nor one that is longer since an effect may be under way', async (t) => {
  const house = await openHouse(NOON);
  const nas = { name: 'bras', tenant: 'default', vrf: 0, coa: true, mostNases: 1, effectLifeMs: 120_000 };
  house.policy = { ...house.policy, nas: new Map([['bras', nas]]) };
  await house.say(loaded(0, NOON));
  await left(house, NOON + 10_000);
  t.equal(unit(house).free_at, NOON + 130_000);
  await house.say(gap(0, NOON + 100_000));
  await fire(house, NOON + 130_000);
  t.equal(unit(house).state, 'quarantined');
  t.equal(due(house), NOON + 100_000 + ROUND);
});

t.test('a quarantine that was lengthened since brings no gap of before into it', async (t) => {
  const house = await openHouse(NOON);
  await house.say(gap(60_000, NOON + HOUR));
  const at = NOON + HOUR + ROUND - 30_000;
  await house.say(allocate('alice', at - 3_000));
  await house.say(acct('acct-start', 's', at - 2_000, ['100.64.0.1']), acct('acct-stop', 's', at - 1_000));
  await house.say(revoke('alice', at));
  t.match(unit(house), { state: 'quarantined', left_at: at });
  await house.say(loaded(24 * HOUR, at + 1_000));
  await fire(house, at + 60_000);
  t.equal(unit(house).state, 'free');
});

t.test('a stranger that leaves: from then on', async (t) => {
  const house = await openHouse(NOON);
  await house.say(acct('acct-start', 's', NOON, ['100.64.0.5']));
  t.match(unit(house), { state: 'occupied', left_at: 0 });
  await house.say(acct('acct-stop', 's', NOON + 30_000, ['100.64.0.5']));
  t.match(unit(house), { state: 'quarantined', left_at: NOON + 30_000, free_at: NOON + 90_000 });
  await house.say(gap(0, NOON + 50_000));
  await fire(house, NOON + 90_000);
  t.equal(unit(house).state, 'quarantined');
  t.equal(due(house), NOON + 50_000 + ROUND);
});

/** The subnet of alice, carried by session `s`, was ended by force at `at`, half an hour after that session began. */
async function forced(at: number): Promise<House> {
  const lan = { name: 'lan', use: 'routed', prefix: prefix('198.51.100.0/29'), unitLength: 29 } as const;
  const pools = [...POOLS, ...POOLS.slice(0, 1).map((pool) => ({ ...pool, ...lan }))];
  const house = await openHouse(at - HOUR, {}, { pools });
  const began = at - HOUR / 2;
  await house.say(
    allocate('alice', began, { username: 'alice', usernameBytes: octets('alice') }),
    allocate('alice', began, { pool: 'lan', parent: { by: 'subscriber' } }),
    acct('acct-start', 's', began, ['100.64.0.1'], { username: octets('alice') }),
    revoke('alice', began, { prefix: lan.prefix, sendDisconnect: false }),
  );
  t.match(await house.say(revoke('alice', at, { prefix: lan.prefix, force: true })), [{ code: 'forced' }]);
  return house;
}

t.test('a subnet ended by force rests for a day where the session that carried it is heard of no more', async (t) => {
  const house = await forced(NOON);
  const looks: number[] = [];
  for (;;) {
    const at = due(house) as number | null;
    if (at === null) break;
    looks.push(at);
    t.match(await house.say(allocate('bob', at - 1, { pool: 'lan' })), [{ code: 'pool-exhausted' }]);
    await fire(house, at);
  }
  t.equal(looks.at(-1), NOON + 24 * HOUR);
  t.ok(
    looks.slice(1).every((at, n) => at - (looks[n] ?? 0) <= ROUND),
    'it is looked at in each interim round',
  );
  t.match(await house.say(allocate('bob', NOON + 24 * HOUR, { pool: 'lan' })), [{ verdict: 'applied' }]);
});
