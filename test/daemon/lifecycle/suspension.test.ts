/** Suspension where the mode is observe: recorded, not sent, and told when the mode is act. */
import t from 'tap';
import { acct, allocate, NOON, service } from '../../support/events.js';
import { BRAS, openHouse } from '../../support/house.js';
import { invariants } from '../../support/invariants.js';

t.test('observed, and told once addrd acts', async (t) => {
  const profiles = { suspend: true, resume: true, gardenClass: null };
  const house = await openHouse(NOON, { mode: 'observe', nas: new Map([['bras', { ...BRAS, profiles }]]) });
  await house.say(allocate('ann', NOON), acct('acct-start', 'a', NOON + 1, ['100.64.0.1']));
  t.match(await house.say(service('suspend', 'ann', NOON + 2)), [{ verdict: 'applied' }]);
  const outbox = house.db.prepare('SELECT kind, status FROM outbox ORDER BY id').raw();
  t.strictSame(outbox.all(), [['nas.coa', 'would-have']]);
  t.equal(house.db.prepare('SELECT state FROM assignment').pluck().get(), 'suspended');
  await house.say(acct('acct-interim', 'a', NOON + 60_000, ['100.64.0.1'], { seconds: 60 }));
  t.equal(outbox.all().length, 1, 'not again while it observes');
  house.policy = { ...house.policy, mode: 'act' };
  await house.say(acct('acct-interim', 'a', NOON + 120_000, ['100.64.0.1'], { seconds: 120 }));
  t.strictSame(outbox.all()[1], ['nas.coa', 'pending']);
  t.same(invariants(house.db, house.policy), []);
});
