/** A User-Name that a NAS writes now so and now so is one name where its entry says so. */
import t from 'tap';
import { acct, allocate, NOON, octets } from '../../support/events.js';
import { openHouse, type House } from '../../support/house.js';
import type { NameRules } from '../../../src/daemon/lifecycle/user-name.js';
import { nameClaims } from '../../../src/daemon/lifecycle/user-name.js';

const MINUTE = 60_000;
const HERE = ['100.64.0.1'];

/** What a packet under a name says. */
function named(text: string, rules: NameRules) {
  return { username: octets(text), claims: nameClaims(octets(text), rules) };
}

async function open(names: NameRules): Promise<House> {
  const use = ['username', 'mac'] as const;
  const house = await openHouse(NOON, {}, { nas: { identity: { use, learn: ['username'], names } } });
  const [told] = await house.say(
    allocate('ann', NOON, { username: 'ann', usernameBytes: octets('ann') }),
    acct('acct-start', 's', NOON, HERE, named('Ann@isp', names)),
  );
  t.equal(told?.verdict, 'applied');
  return house;
}

function sessions(house: House): unknown[] {
  return house.db.prepare('SELECT end_kind FROM session ORDER BY id').pluck().all();
}

t.test('letters and realm do not make another session', async (t) => {
  const rules = { realm: 'strip', case: 'lower' } as const;
  const house = await open(rules);
  await house.say(acct('acct-interim', 's', NOON + MINUTE, HERE, { ...named('ANN', rules), seconds: 60 }));
  t.same(sessions(house), [null]);
  await house.say(acct('acct-interim', 's', NOON + 2 * MINUTE, HERE, { ...named('bob', rules), seconds: 10 }));
  t.same(sessions(house), ['sid-reused', null], 'another name does');
});

t.test('what is not said to be the same is not', async (t) => {
  for (const rules of [
    { realm: 'keep', case: 'lower' },
    { realm: 'strip', case: 'keep' },
  ] as const) {
    const house = await open(rules);
    await house.say(acct('acct-interim', 's', NOON + MINUTE, HERE, { ...named('ANN', rules), seconds: 60 }));
    t.same(sessions(house), ['sid-reused', null]);
  }
});

t.test('a packet without a User-Name is of whom its session named, as the rules read it', async (t) => {
  const rules = { realm: 'strip', case: 'lower' } as const;
  const house = await openHouse(NOON, {}, { nas: { identity: { use: ['username'], learn: [], names: rules } } });
  await house.say(
    acct('acct-start', 's', NOON, [], named('ANN@isp', rules)),
    allocate('ann', NOON + 1),
    acct('acct-interim', 's', NOON + MINUTE, HERE, { seconds: 60 }),
  );
  t.same(house.db.prepare('SELECT standing FROM witness').pluck().all(), ['held']);
  t.same(house.db.prepare('SELECT n.name FROM session s JOIN subscriber n ON n.id = s.subscriber').pluck().all(), [
    'ann',
  ]);
});
