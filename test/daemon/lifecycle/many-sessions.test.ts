/** What a decision reads of a NAS with many open sessions: whether there are any needs one of them. */
import Database from 'better-sqlite3';
import t from 'tap';
import { DEFAULT_KNOBS } from '../../../src/daemon/lifecycle/policy.js';
import { acct, allocate, deadline, nasOn, NOON, revoke } from '../../support/events.js';
import { openHouse, type House } from '../../support/house.js';

const SESSIONS = 300;
const { interimRoundMs: ROUND } = DEFAULT_KNOBS;

/** A house with one NAS that has many sessions, and how many rows of them were read since it was asked last. */
async function crowded(): Promise<{ house: House; read: () => number }> {
  let count = 0;
  const verbose = (sql: unknown): void => {
    if (/^SELECT json_array\(.* FROM session \w* ?WHERE/s.test(String(sql))) count++;
  };
  const house = await openHouse(NOON, {}, { db: new Database(':memory:', { verbose }) });
  const starts = Array.from({ length: SESSIONS }, (_, n) => acct('acct-start', `s${String(n)}`, NOON, []));
  await house.say(...starts);
  const read = (): number => {
    const since = count;
    count = 0;
    return since;
  };
  read();
  return { house, read };
}

t.test('an Accounting-On', async (t) => {
  const { house, read } = await crowded();
  t.match(await house.say(nasOn(NOON + 60_000)), [{ verdict: 'applied' }]);
  t.equal(read(), 1);
  t.equal(house.db.prepare("SELECT count(*) FROM alarm WHERE cause = 'restart-storm'").pluck().get(), 1);
});

t.test('an address that nobody has ever been seen on, and its fellows in the same batch', async (t) => {
  const { house, read } = await crowded();
  const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
  for (const name of names) {
    t.match(await house.say(allocate(name, NOON, { pool: 'v4' }), revoke(name, NOON)), [
      { code: null },
      { code: null },
    ]);
  }
  read();
  const due = house.pending.due(NOON + ROUND, 100);
  t.equal(due.length, names.length);
  await house.say(...due.map(({ kind, ref }) => deadline(kind, ref, NOON + ROUND)));
  t.equal(read(), 0);
});
