/** The same address in two VRFs is two addresses; a session stands in the VRF that its NAS had when it was opened. */
import t from 'tap';
import { acct, allocate, NOON, revoke } from '../../support/events.js';
import { openHouse, policyPools, POOLS, type House } from '../../support/house.js';
import { invariants } from '../../support/invariants.js';

/** A house whose NAS `west` is in a VRF of its own, with the same pools. */
async function twoVrfs(): Promise<House> {
  const house = await openHouse(NOON);
  const west = POOLS.map((pool) => ({ ...pool, name: `west-${pool.name}`, vrf: 'west' }));
  const pools = [...POOLS, ...west];
  await house.say({ kind: 'config-loaded', tenant: 'default', pools, changed: ['pools'], receivedAt: NOON });
  const nas = { tenant: 'default', coa: true, mostNases: 1_024, effectLifeMs: 0 };
  house.policy = {
    ...house.policy,
    pools: policyPools(house.pending, pools),
    nas: new Map([
      ['bras', { ...nas, name: 'bras', vrf: 0 }],
      ['west', { ...nas, name: 'west', vrf: house.pending.vrfIds().get('west') ?? 0 }],
    ]),
  };
  return house;
}

const WEST = { entry: 'west', source: Uint8Array.of(192, 0, 2, 2) };
const west = {
  ...WEST,
  nas: { tenant: 'default', kind: 'source-address', bytes: WEST.source },
} as const;

function states(house: House): unknown {
  return house.db
    .prepare(
      `SELECT s.name, v.name, a.state FROM assignment a JOIN subscriber s ON s.id = a.subscriber
        JOIN vrf v ON v.id = a.vrf ORDER BY a.id`,
    )
    .raw()
    .all();
}

t.test('an address for a NAS is of the VRF of that NAS, and of no other that is named', async (t) => {
  const house = await twoVrfs();
  const any = { pool: null, family: 'ipv4' } as const;
  t.match(
    await house.say(
      allocate('ann', NOON, { ...any, nas: 'west' }),
      allocate('bob', NOON, { ...any, nas: 'west', vrf: 'west' }),
      allocate('cid', NOON, { ...any, nas: 'bras', vrf: 'west' }),
      allocate('dan', NOON, { ...any, nas: 'west', vrf: 'global' }),
    ),
    [
      { verdict: 'applied' },
      { verdict: 'applied' },
      { verdict: 'refused', code: 'pool-mismatch', detail: /NAS bras is in VRF global, not in VRF west/ },
      { verdict: 'refused', code: 'pool-mismatch', detail: /NAS west is in VRF west, not in VRF global/ },
    ],
  );
  t.strictSame(states(house), [
    ['ann', 'west', 'allocated'],
    ['bob', 'west', 'allocated'],
  ]);
});

t.test('one address, two VRFs, two holders', async (t) => {
  const house = await twoVrfs();
  t.ok((house.pending.vrfIds().get('west') ?? 0) > 0, 'a number of its own');
  const verdicts = await house.say(
    allocate('ann', NOON, { pool: 'v4' }),
    allocate('bob', NOON, { pool: 'west-v4' }),
    acct('acct-start', '1', NOON + 1, ['100.64.0.1']),
    acct('acct-start', '1', NOON + 1, ['100.64.0.1'], west),
  );
  t.strictSame(
    verdicts.map(({ verdict }) => verdict),
    ['applied', 'applied', 'applied', 'applied'],
  );
  t.strictSame(states(house), [
    ['ann', 'global', 'active'],
    ['bob', 'west', 'active'],
  ]);
  await house.say(revoke('bob', NOON + 2, { sendDisconnect: false }), acct('acct-stop', '1', NOON + 3, [], west));
  t.strictSame(states(house), [
    ['ann', 'global', 'active'],
    ['bob', 'west', 'revoked'],
  ]);
  t.strictSame(invariants(house.db, house.policy), []);
});

t.test('a NAS that moves to another VRF', async (t) => {
  const house = await twoVrfs();
  await house.say(
    allocate('ann', NOON, { pool: 'v4' }),
    allocate('bob', NOON, { pool: 'west-v4' }),
    acct('acct-start', '1', NOON + 1, ['100.64.0.1']),
  );
  const number = house.pending.vrfIds().get('west') ?? 0;
  const bras = house.policy.nas.get('bras');
  if (bras === undefined) throw new TypeError('no bras');
  house.policy = { ...house.policy, nas: new Map([['bras', { ...bras, vrf: number }]]) };
  await house.say(
    acct('acct-interim', '1', NOON + 2, ['100.64.0.1'], { seconds: 1 }),
    acct('acct-start', '2', NOON + 2, ['100.64.0.1']),
  );
  t.strictSame(house.db.prepare('SELECT vrf FROM session ORDER BY id').pluck().all(), [0, number]);
  t.strictSame(
    states(house),
    [
      ['ann', 'global', 'active'],
      ['bob', 'west', 'active'],
    ],
    'the open session stays where it was; the next one stands where the NAS is now',
  );
  await house.say(acct('acct-stop', '1', NOON + 3), acct('acct-stop', '2', NOON + 3));
  t.strictSame(
    house.db.prepare('SELECT count(*) FROM witness WHERE closed_at IS NULL').pluck().get(),
    0,
    'each leaves the address on which it stood',
  );
  t.strictSame(invariants(house.db, house.policy), []);
});
