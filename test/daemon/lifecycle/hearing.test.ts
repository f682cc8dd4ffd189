/** That a NAS was heard is written every few seconds, whoever brings its packets. */
import t from 'tap';
import type { LifecycleEvent } from '../../../src/daemon/lifecycle/events.js';
import { acct, deadline, NOON, nasOn, octets } from '../../support/events.js';
import { openHouse, type House } from '../../support/house.js';

const nas = { tenant: 'default', kind: 'nas-identifier' as const, bytes: octets('bras-a') };
const PROXIES = [
  { nas, entry: 'proxy-a', source: Uint8Array.of(192, 0, 2, 8) },
  { nas, entry: 'proxy-b', source: Uint8Array.of(192, 0, 2, 9) },
];

/** Counts what is written to the rows of NASes. */
function writes({ db }: House): () => number {
  db.exec('CREATE TEMP TABLE written (n INTEGER)');
  db.exec('CREATE TEMP TRIGGER heard AFTER UPDATE ON main.nas BEGIN INSERT INTO written VALUES (1); END');
  const count = db.prepare('SELECT count(*) FROM written').pluck();
  return () => count.get() as number;
}

t.test('two proxies that take turns write its row no oftener than one does', async (t) => {
  const SECONDS = 20;
  const counts: number[] = [];
  for (const proxies of [PROXIES.slice(0, 1), PROXIES]) {
    const house = await openHouse(NOON);
    const count = writes(house);
    for (let n = 0; n < SECONDS * 10; n++) {
      const at = NOON + n * 100;
      const fields = proxies[n % proxies.length];
      const event: LifecycleEvent = acct('acct-interim', `s${String(n % 7)}`, at, [], { ...fields, seconds: n });
      await house.say(event);
    }
    counts.push(count());
    t.equal(house.db.prepare('SELECT count(*) FROM nas').pluck().get(), 1);
  }
  const { heardStepMs } = (await openHouse(NOON)).policy;
  t.strictSame(counts, [Math.floor((SECONDS * 1_000 - 1) / heardStepMs), counts[0]]);
});

t.test('who brings its packets is on record after a step', async (t) => {
  const house = await openHouse(NOON);
  const entry = house.db.prepare('SELECT entry FROM nas').pluck();
  await house.say(acct('acct-start', 's', NOON, [], PROXIES[0]));
  t.equal(entry.get(), 'proxy-a');
  await house.say(acct('acct-interim', 's', NOON + house.policy.heardStepMs, [], PROXIES[1]));
  t.equal(entry.get(), 'proxy-b');
});

t.test('a NAS that is not heard after its Accounting-On is waited for, until it counts as taken away', async (t) => {
  const house = await openHouse(NOON);
  const { epochGraceMs, forgottenNasMs } = house.policy;
  await house.say(acct('acct-start', 's', NOON, [], { username: octets('ann') }), nasOn(NOON + 1));
  const ended = house.db.prepare('SELECT end_kind FROM session').pluck();
  for (const [after, kind] of [
    [1 + epochGraceMs, null],
    [forgottenNasMs - 1, null],
    [forgottenNasMs + 1 + house.policy.interimRoundMs, 'inferred'],
  ] as const) {
    await house.say(deadline('epoch-grace', '1', NOON + after));
    t.equal(ended.get(), kind);
  }
});
