/** The clocks of NASes: how they are measured, and what an Event-Timestamp is worth. */
import t from 'tap';
import type { AccountingEvent } from '../../../src/daemon/lifecycle/events.js';
import { acct, NOON } from '../../support/events.js';
import { openHouse, type House } from '../../support/house.js';

const MINUTE = 60_000;

/** A packet at `at` whose Event-Timestamp is `ahead` milliseconds ahead of that. */
function packet(
  kind: AccountingEvent['kind'],
  sid: string,
  at: number,
  ahead: number,
  more: Partial<AccountingEvent> = {},
) {
  return acct(kind, sid, at, [], { eventTimestamp: Math.floor((at + ahead) / 1000), ...more });
}

function nasRow(house: House): unknown {
  return house.db.prepare('SELECT skew_ms, skew_since - ?, skew_seen_at - ? FROM nas').raw().get(NOON, NOON);
}

function endOf(house: House, sid: string): number {
  const row = house.db.prepare('SELECT ended_at FROM session WHERE CAST(sid AS TEXT) = ?').pluck();
  return (row.get(sid) as number) - NOON;
}

t.test('late without saying so: the clock tells, where it is right', async (t) => {
  for (const [skew, expected] of [
    [0, 10 * MINUTE],
    [30_000, 10 * MINUTE],
    [-59_000, 10 * MINUTE],
    [60_000, 20 * MINUTE],
    [-3_600_000, 20 * MINUTE],
  ] as const) {
    const house = await openHouse(NOON);
    await house.say(packet('acct-start', 's', NOON, skew));
    await house.say(packet('acct-stop', 's', NOON + 20 * MINUTE, skew - 10 * MINUTE, { seconds: 600 }));
    t.equal(endOf(house, 's'), expected, `a clock off by ${String(skew)} ms`);
    const kept = house.db.prepare('SELECT event_timestamp FROM session_usage').pluck().get();
    t.equal(kept, (NOON + 10 * MINUTE + skew) / 1000, 'it is kept as it came');
  }
});

t.test('what is on its way for seconds is as of its arrival, and Acct-Delay-Time counts first', async (t) => {
  const house = await openHouse(NOON);
  await house.say(packet('acct-start', 's', NOON, 0), packet('acct-start', 'u', NOON, 0));
  await house.say(packet('acct-stop', 's', NOON + MINUTE, -4_000));
  t.equal(endOf(house, 's'), MINUTE);
  const late = { receivedAt: NOON + 2 * MINUTE };
  await house.say(packet('acct-stop', 'u', NOON + MINUTE, 0, late));
  t.equal(endOf(house, 'u'), MINUTE);
  t.strictSame(nasRow(house), [0, 0, 2 * MINUTE], 'and it is no clock that is behind');
});

t.test('no timestamp, or one of zero, measures nothing', async (t) => {
  const house = await openHouse(NOON);
  await house.say(acct('acct-start', 's', NOON, [], { eventTimestamp: null }));
  await house.say(acct('acct-start', 'u', NOON, [], { eventTimestamp: 0 }));
  t.strictSame(nasRow(house), [null, -NOON, -NOON]);
});

t.test('the row is not written for each packet', async (t) => {
  const house = await openHouse(NOON);
  await house.say(packet('acct-start', 's', NOON, 0));
  const changes = house.db.prepare('SELECT total_changes()').pluck();
  const costs = async (...events: AccountingEvent[]): Promise<number> => {
    const before = changes.get() as number;
    await house.say(...events);
    return (changes.get() as number) - before;
  };
  const round = (at: number, ahead: number) => packet('acct-interim', 's', at, ahead, { seconds: (at - NOON) / 1000 });
  t.equal(await costs(round(NOON + 1_000, 0)), 1, 'its counters alone');
  t.equal(await costs(round(NOON + 2_000, 3_000)), 1, 'within the tolerance');
  t.equal(await costs(round(NOON + 3_000, -600_000)), 1, 'a packet that waited');
  t.equal(await costs(round(NOON + 4_000, 90_000)), 2, 'a clock that was set');
});

t.test('a clock that was set back is believed once nothing confirms the old one', async (t) => {
  const house = await openHouse(NOON);
  await house.say(packet('acct-start', 's', NOON, 300_000));
  const open = house.db.prepare("SELECT count(*) FROM alarm WHERE cause = 'clock-skew' AND cleared_at IS NULL").pluck();
  for (let minute = 1; minute <= 2; minute++) {
    await house.say(packet('acct-interim', 's', NOON + minute * MINUTE, 300_000, { seconds: minute * 60 }));
  }
  t.equal(open.get(), 1);
  const told = "SELECT json_extract(examples, '$[0]'), severity FROM alarm WHERE cause = 'clock-skew'";
  t.strictSame(house.db.prepare(told).raw().get(), ['300 s ahead', 'warning']);
  for (let minute = 3; minute <= 27; minute++) {
    await house.say(packet('acct-interim', 's', NOON + minute * MINUTE, 0, { seconds: minute * 60 }));
    t.equal(open.get(), 1, `${String(minute)} min`);
  }
  await house.say(packet('acct-interim', 's', NOON + 28 * MINUTE, 0, { seconds: 28 * 60 }));
  t.equal(open.get(), 0);
  t.strictSame(nasRow(house), [0, 28 * MINUTE, 28 * MINUTE]);
});
