/** The checker of the store's invariants: silent on a sound store, and each of its checks can fail. */
import t from 'tap';
import { acct, allocate, NOON, revoke } from '../support/events.js';
import { openHouse, type House } from '../support/house.js';
import { invariants } from '../support/invariants.js';

async function lived(): Promise<House> {
  const house = await openHouse(NOON);
  await house.say(allocate('ann', NOON), allocate('bob', NOON), allocate('cid', NOON));
  await house.say(acct('acct-start', 'a', NOON + 1, ['100.64.0.1']), acct('acct-start', 'b', NOON + 1, ['100.64.0.2']));
  await house.say(acct('acct-start', 'x', NOON + 1, ['100.64.0.9']), revoke('bob', NOON + 2));
  await house.say(acct('acct-stop', 'a', NOON + 3), revoke('ann', NOON + 4));
  return house;
}

t.test('a sound store has nothing to say', async (t) => {
  const house = await lived();
  t.same(invariants(house.db, house.policy), []);
  const states = house.db.prepare('SELECT state FROM assignment ORDER BY id').pluck().all();
  t.same(states, ['revoked', 'revoking', 'allocated'], 'with something of everything in it');
  t.equal(house.db.prepare("SELECT count(*) FROM outbox WHERE status = 'pending'").pluck().get(), 1);
  t.same(house.db.prepare('SELECT state FROM pool_free ORDER BY net').pluck().all(), ['quarantined', 'occupied']);
});

const BREAKS: readonly (readonly [expected: RegExp, sql: string])[] = [
  [/^foreign key: identity|^foreign key: session/, 'UPDATE session SET subscriber = 999'],
  [/^liveness: assignment 3 is allocated and not live$/, 'DELETE FROM live WHERE assignment = 3'],
  [
    /^liveness: assignment 3 is failed and not live$/,
    "UPDATE assignment SET state = 'failed' WHERE id = 3; DELETE FROM live",
  ],
  [/^liveness: assignment 1 is revoked and live$/, "INSERT INTO live VALUES (0, 4, x'6440000c', x'6440000c', 32, 1)"],
  [
    /^liveness: assignment 3 has 100\.64\.0\.3 of VRF 0, live is 100\.64\.0\.4 of VRF 0$/,
    "DELETE FROM live WHERE assignment = 3; INSERT INTO live VALUES (0, 4, x'64400004', x'64400004', 32, 3)",
  ],
  [/^liveness: a live row without assignment 77$/, "INSERT INTO live VALUES (0, 4, x'64400007', x'64400007', 32, 77)"],
  [
    /^overlap: 100\.64\.0\.3 of VRF 0 lies in the live 100\.64\.0\.0\/28 of VRF 0$/,
    "DROP TRIGGER live_overlap; INSERT INTO live VALUES (0, 4, x'64400000', x'6440000f', 28, 1)",
  ],
  [/^counter: pool v4 says held 3, it is 2$/, "UPDATE pool SET held = held + 1 WHERE name = 'v4'"],
  [/^counter: pool v4 says barred 1, it is 2$/, "UPDATE pool SET barred = barred - 1 WHERE name = 'v4'"],
  [/^counter: pool v4 says freed 5, it is 0$/, "UPDATE pool SET freed = 5 WHERE name = 'v4'"],
  [/^counter: pool pd says usedExcluded 1, it is 0$/, "UPDATE pool SET used_excluded = 1 WHERE name = 'pd'"],
  [/^census: pool v4 says free 11, it is 10$/, "UPDATE pool SET barred = barred - 1 WHERE name = 'v4'"],
  [
    /^unit: 100\.64\.0\.3 of pool v4 is live and with a past$/,
    "INSERT INTO pool_free VALUES (1, x'64400003', 32, 'free', 0, 0, NULL, NULL, 0, '')",
  ],
  [
    /^counter: pool v4 says usedExcluded 0, it is 1$/,
    "INSERT INTO pool_free VALUES (1, x'6440000f', 32, 'reserved', 0, 0, NULL, NULL, 0, '')",
  ],
  [
    /^unit: 1 in use are no units of pool v4$/,
    "INSERT INTO pool_free VALUES (1, x'64400010', 32, 'reserved', 0, 0, NULL, NULL, 0, '')",
  ],
  [
    /^cursor: 100\.64\.0\.1 of pool v4 lies before the cursor and was never used$/,
    "DELETE FROM pool_free WHERE state = 'quarantined'",
  ],
  [/^quarantine: 100\.64\.0\.1 of pool v4 has no deadline$/, "DELETE FROM deadline WHERE kind = 'quarantine'"],
  [
    /^pools: 100\.64\.0\.1 is in use by another pool and lies in twin$/,
    `INSERT INTO pool SELECT 77, tenant, 'twin', vrf, family, use, kind, net, plen, unit_length, cursor, 0, 0, 0,
      NULL, 0, NULL, '', '', '', 0, 0, 0, '', 0, '', NULL FROM pool WHERE name = 'v4'`,
  ],
  [
    /^occupied: 100\.64\.0\.9 by 1, open conflicts are 0$/,
    "UPDATE conflict SET closed_at = last_at WHERE kind = 'occupied'",
  ],
  [/^alarm: occupied counts 4 causes, open conflicts are 1$/, "UPDATE alarm SET active = 4 WHERE cause = 'occupied'"],
  [/^policy: pool v6 is not in the store$/, "DELETE FROM pool WHERE name = 'v6'"],
  [
    /^effect: session 2 waits for an effect that is not pending$/,
    "UPDATE outbox SET status = 'superseded', finished_at = 0",
  ],
  [/^effect: pending 1 is not the one its session waits for$/, 'UPDATE session SET disconnect = NULL'],
  [/^witness: 1\/1 is open and its session has ended$/, 'UPDATE witness SET closed_at = NULL, close_kind = NULL'],
  [/^session: 1 has no usage$/, 'DELETE FROM session_usage WHERE id = 1'],
  [/^tenure: the history of assignment 3 is not that/, "UPDATE holding SET until = since WHERE kind = 'tenure'"],
  [/^tenure: the history of assignment 1 is not that/, 'UPDATE holding SET until = NULL'],
];

for (const [expected, sql] of BREAKS) {
  t.test(`told: ${sql}`, async (t) => {
    const house = await lived();
    house.db.pragma('foreign_keys = OFF');
    house.db.exec(sql);
    const found = invariants(house.db, house.policy);
    t.ok(
      found.some((line) => expected.test(line)),
      `among: ${found.join('; ')}`,
    );
  });
}
