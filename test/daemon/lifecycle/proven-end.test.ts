/** The history of a session whose end was inferred after a restart of its NAS, once its Stop has come. */
import t from 'tap';
import { acct, deadline, nasOn, NOON } from '../../support/events.js';
import { openHouse, type House } from '../../support/house.js';

const MINUTE = 60_000;

/** A house in which the end of a session that was last heard at NOON was inferred. */
async function inferred(): Promise<House> {
  const house = await openHouse(NOON, { forgottenNasMs: 0 });
  await house.say(acct('acct-start', 's', NOON, ['100.64.0.5']), nasOn(NOON + MINUTE));
  const at = NOON + 30 * MINUTE;
  for (const { kind, ref } of house.pending.due(at, 10)) await house.say(deadline(kind, ref, at));
  t.strictSame(history(house), { ended: 0, kind: 'inferred', until: [0] });
  return house;
}

/** When the session ended and its addresses were left, milliseconds after NOON. */
function history({ db }: House): unknown {
  const { ended, kind } = db.prepare('SELECT ended_at AS ended, end_kind AS kind FROM session').get() as {
    ended: number;
    kind: string;
  };
  const until = db.prepare("SELECT until - ? FROM holding WHERE kind = 'session'").pluck().all(NOON);
  return { ended: ended - NOON, kind, until };
}

function stop(receivedAt: number, at = receivedAt) {
  return { ...acct('acct-stop', 's', receivedAt, ['100.64.0.5']), at };
}

t.test('it lasted until its Stop', async (t) => {
  const house = await inferred();
  t.match(await house.say(stop(NOON + 120 * MINUTE, NOON + 100 * MINUTE)), [{ verdict: 'applied' }]);
  t.strictSame(history(house), { ended: 100 * MINUTE, kind: 'stop', until: [100 * MINUTE] });
});

t.test('not less long than it was heard, and not beyond now', async (t) => {
  const before = await inferred();
  await before.say(stop(NOON + 120 * MINUTE, NOON - MINUTE));
  t.strictSame(history(before), { ended: 0, kind: 'stop', until: [0] });
  const beyond = await inferred();
  await beyond.say(stop(NOON + 120 * MINUTE, NOON + 130 * MINUTE));
  t.strictSame(history(beyond), { ended: 120 * MINUTE, kind: 'stop', until: [120 * MINUTE] });
});
