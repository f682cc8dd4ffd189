/** How long a NAS is waited for that does not come back from its maintenance. */
import t from 'tap';
import { acct, NOON } from '../../support/events.js';
import { openHouse } from '../../support/house.js';

const ROUND = 600_000;

t.test('its alarm counts once a round, and ends when it has been taken away', async (t) => {
  const forgottenNasMs = 10 * ROUND;
  const house = await openHouse(NOON, { interimRoundMs: ROUND, forgottenNasMs });
  await house.say(acct('acct-start', 'a', NOON, ['100.64.0.1']));
  const until = NOON + ROUND;
  const by = { tenant: 'default', actor: 'noc', receivedAt: NOON + 1 };
  await house.say({ ...by, kind: 'maintenance', nas: 'bras', until, reason: 'taken away' });
  const alarm = house.db.prepare("SELECT count, cleared_at FROM alarm WHERE cause = 'maintenance-overdue'").raw();
  const due = house.db.prepare("SELECT count(*) FROM deadline WHERE kind = 'maintenance'").pluck();
  for (let round = 1; round <= 40; round++) {
    const receivedAt = NOON + round * ROUND;
    await house.say({ kind: 'deadline', what: 'maintenance', ref: '1', receivedAt });
    if (round === 5) t.strictSame(alarm.get(), [4, null]);
  }
  t.strictSame(alarm.get(), [9, until + forgottenNasMs]);
  t.equal(due.get(), 0, 'nobody looks any more');
});
