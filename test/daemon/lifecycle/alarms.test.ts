/** Alarms about addrd itself end when what they tell of is over for a while. */
import t from 'tap';
import type { HeartbeatEvent } from '../../../src/daemon/lifecycle/events.js';
import { NOON } from '../../support/events.js';
import { openHouse, type House } from '../../support/house.js';

const HOUR = 3_600_000;
const ROUND = 600_000;

/** One that does not mind that nothing is said for hours. */
function house(): Promise<House> {
  return openHouse(NOON, { gapToleranceMs: 24 * HOUR, interimRoundMs: ROUND });
}

function open({ db }: House): unknown {
  return db.prepare('SELECT cause FROM alarm WHERE cleared_at IS NULL ORDER BY cause').pluck().all();
}

function beat(at: number, fields: Partial<HeartbeatEvent> = {}): HeartbeatEvent {
  return { kind: 'heartbeat', receivedAt: NOON + at, ...fields };
}

function trouble(cause: 'faulted-often' | 'store-trouble', at: number) {
  return { kind: 'daemon-trouble', cause, detail: 'told', receivedAt: NOON + at } as const;
}

t.test('faulted-often is cleared after an hour without a condemned event, and not before', async (t) => {
  const h = await house();
  await h.say(trouble('faulted-often', 0), beat(HOUR - 1));
  t.strictSame(open(h), ['faulted-often']);
  await h.say(beat(HOUR, { condemned: 1 }));
  await h.say(beat(2 * HOUR - 1));
  t.strictSame(open(h), ['faulted-often'], 'one in an hour is too few for an alarm, and enough to keep one');
  await h.say(beat(2 * HOUR));
  t.strictSame(open(h), []);
  t.match(h.db.prepare("SELECT count, last_at, cleared_by FROM alarm WHERE cause = 'faulted-often'").get(), {
    count: 1,
    last_at: NOON + HOUR,
    cleared_by: 'addrd',
  });
  await h.say(beat(2 * HOUR + 1, { condemned: 1 }));
  t.strictSame(open(h), [], 'a single one raises none');
});

t.test('store-trouble is cleared when the store has been written for an interim round', async (t) => {
  const h = await house();
  await h.say(trouble('store-trouble', 0), beat(ROUND - 1));
  t.strictSame(open(h), ['store-trouble']);
  await h.say(trouble('store-trouble', ROUND - 1), beat(2 * ROUND - 2));
  t.strictSame(open(h), ['store-trouble'], 'from the last time on');
  await h.say(beat(2 * ROUND - 1));
  t.strictSame(open(h), []);
});

t.test('the first heartbeat after a long outage clears nothing: its own alarm comes a moment later', async (t) => {
  const h = await openHouse(NOON, { interimRoundMs: ROUND });
  await h.say(trouble('store-trouble', 0), beat(ROUND));
  t.strictSame(open(h), ['gap', 'store-trouble']);
});
