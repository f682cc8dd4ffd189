/** When a packet is answered that is not recorded. */
import t from 'tap';
import { Outage } from '../../src/daemon/outage.js';
import { openHouse } from '../support/house.js';

t.test('only on request, and only once a gap is certain', async (t) => {
  let now = 0;
  let wall = 0;
  const outage = new Outage({ wallMs: () => wall, monoMs: () => now });
  const pass = (ms: number): void => {
    now += ms;
    wall += ms;
  };
  t.equal(outage.answers('answer', 10_000), false, 'the store works');
  outage.began();
  t.equal(outage.answers('answer', 10_000), false);
  pass(15_000);
  outage.began();
  t.equal(outage.answers('answer', 10_000), false, 'NASes repeat that long');
  pass(1);
  t.equal(outage.answers('silent', 10_000), false);
  t.equal(outage.answers('answer', 20_000), false, 'a longer tolerance is waited for');
  t.equal(outage.answers('answer', 10_000), true);
  wall -= 10_000;
  t.equal(outage.answers('answer', 10_000), false, 'a clock that was set back could hide the gap');
  wall += 10_000;
  t.equal(outage.unrecorded, 1);
  outage.ended();
  t.equal(outage.unrecorded, 0);
  t.equal(outage.answers('answer', 10_000), false);
});

t.test('what was answered unrecorded is a gap on the horizon, however short it was', async (t) => {
  const noon = Date.UTC(2026, 0, 1, 12);
  const house = await openHouse(noon);
  const horizon = (): unknown => house.db.prepare("SELECT value FROM meta WHERE key = 'listening_since'").pluck().get();
  await house.say({ kind: 'heartbeat', receivedAt: noon + 5_000 });
  t.equal(Number(horizon()), noon);
  await house.say({ kind: 'heartbeat', receivedAt: noon + 10_000, unrecorded: 7 });
  t.equal(Number(horizon()), noon + 10_000);
  t.match(house.db.prepare("SELECT code, detail FROM journal WHERE kind = 'gap' ORDER BY id DESC LIMIT 1").get(), {
    code: 'answered-unrecorded',
    detail: /"unrecorded":7/,
  });
});
