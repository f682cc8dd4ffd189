/** Why a termination is stuck: the headline, its steps and the alarm say the same, and what is so by now. */
import t from 'tap';
import { acct, allocate, NOON, octets, revoke } from '../../support/events.js';
import { openHouse, type House } from '../../support/house.js';

const SECOND = 1_000;
const MINUTE = 60_000;
const ON = ['100.64.0.1'];
const ANN = { username: octets('ann') };

function shown(house: House): unknown {
  const one = (sql: string): unknown => house.db.prepare(sql).pluck().get();
  return {
    stuck: one('SELECT stuck FROM assignment WHERE id = 1'),
    evidence: one("SELECT outcome FROM assignment_step WHERE assignment = 1 AND step = 'evidence'"),
    disconnect: house.db
      .prepare("SELECT state, attempts, outcome FROM assignment_step WHERE assignment = 1 AND step = 'disconnect'")
      .raw()
      .get(),
    alarm: JSON.parse(one("SELECT examples FROM alarm WHERE cause = 'termination-stuck'") as string) as unknown,
  };
}

t.test('headline, evidence, Disconnect and alarm follow the sessions that come and go', async (t) => {
  const house = await openHouse(NOON);
  await house.say(allocate('ann', NOON), acct('acct-start', 's0', NOON, ON, ANN), revoke('ann', NOON + SECOND));
  for (let n = 1; n <= 3; n++) {
    const at = NOON + n * MINUTE;
    await house.say(acct('acct-start', `s${String(n)}`, at, ON, ANN));
    await house.say(acct('acct-stop', `s${String(n - 1)}`, at + SECOND, ON, ANN));
  }
  const held = 'session s3 is open; AAA still returns it';
  t.match(shown(house), {
    stuck: held,
    evidence: 'session s3 is open',
    disconnect: ['failed', 3, 'AAA still returns it'],
    alarm: [`100.64.0.1: ${held}`],
  });
  await house.say(acct('acct-start', 's9', NOON + 4 * MINUTE, ON, { username: octets('mallory') }));
  await house.say(acct('acct-stop', 's3', NOON + 5 * MINUTE, ON, ANN));
  const contested = 'contested by session s9';
  t.match(shown(house), {
    stuck: contested,
    evidence: contested,
    disconnect: ['skipped', 3, 'no open session'],
    alarm: [`100.64.0.1: ${contested}`],
  });
  await house.say(acct('acct-start', 's4', NOON + 6 * MINUTE, ON, ANN));
  t.match(shown(house), {
    stuck: `${contested}; AAA still returns it`,
    evidence: contested,
    disconnect: ['failed', 3, 'AAA still returns it'],
    alarm: [`100.64.0.1: ${contested}; AAA still returns it`],
  });
});
