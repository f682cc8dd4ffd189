/** The blast guard counts exactly: against a model that remembers every cut, over restarts, whatever the batches. */
import fc from 'fast-check';
import t from 'tap';
import type { LifecycleEvent } from '../../../src/daemon/lifecycle/events.js';
import { allocate, NOON, revoke } from '../../support/events.js';
import { openHouse, POOLS, type House } from '../../support/house.js';
import { invariants } from '../../support/invariants.js';

const WINDOW = 600_000;
const COUNT = 4;
const HELD = 14;

async function furnished(count: number, floor: number, share: number): Promise<House> {
  const house = await openHouse(NOON);
  house.policy = { ...house.policy, guard: { count, floor, share, windowMs: WINDOW } };
  const all = Array.from({ length: HELD }, (_, n) => allocate(`s${String(n)}`, NOON));
  await house.say(...all);
  return house;
}

t.test('no window holds more than the limit, and none that holds less is refused', async (t) => {
  const gaps = fc.array(fc.integer({ min: 0, max: WINDOW / 2 }), { minLength: HELD, maxLength: HELD });
  const restarts = fc.array(fc.boolean(), { minLength: HELD, maxLength: HELD });
  await fc.assert(
    fc.asyncProperty(gaps, restarts, async (waits, restarted) => {
      const house = await furnished(COUNT, 1, 1);
      let now = NOON;
      let cut: number[] = [];
      for (const [n, wait] of waits.entries()) {
        now += wait;
        if (restarted[n] === true) {
          await house.say({ kind: 'daemon-started', tenant: 'default', pools: POOLS, receivedAt: now });
        }
        const fits = cut.filter((at) => at > now - WINDOW).length < COUNT;
        const [told] = await house.say(revoke(`s${String(n)}`, now));
        if ((told?.code === null) !== fits) return false;
        if (fits) cut.push(now);
        else {
          const batch = (told?.reply as { batch: number }).batch;
          const by = { tenant: 'default', actor: 'noc', reason: null, receivedAt: now };
          await house.say({ ...by, kind: 'approve', batch });
          await house.say({ kind: 'deadline', what: 'approval', ref: String(batch), receivedAt: now });
          cut = [];
        }
      }
      return invariants(house.db, house.policy).length === 0;
    }),
    { numRuns: 60 },
  );
  t.pass('the guard and the model agree');
});

t.test('the share counts where it is less than the count, and the floor is never undercut', async (t) => {
  for (const [count, floor, share, passes] of [
    [200, 2, 0.3, 4],
    [200, 6, 0.3, 6],
    [3, 6, 0.3, 3],
    [200, 1, 0, 1],
  ] as const) {
    const house = await furnished(count, floor, share);
    const answers = [];
    for (let n = 0; n < HELD; n++) answers.push(...(await house.say(revoke(`s${String(n)}`, NOON + n))));
    const passed = answers.filter(({ code }) => code === null).length;
    t.equal(
      passed,
      passes,
      `count ${String(count)}, floor ${String(floor)}, share ${String(share)} of ${String(HELD)}`,
    );
  }
});

t.test('the marks that are kept are as many as can count', async (t) => {
  const house = await furnished(COUNT, COUNT, 1);
  for (let n = 0; n < HELD; n++) await house.say(revoke(`s${String(n)}`, NOON + n * WINDOW));
  t.equal(house.db.prepare('SELECT count(*) FROM guard_mark').pluck().get(), COUNT);
  t.equal(house.db.prepare('SELECT seq FROM guard').pluck().get(), HELD);
});

t.test('a count that is lowered leaves no mark behind that cannot count', async (t) => {
  const house = await furnished(HELD, HELD, 1);
  const seqs = house.db.prepare('SELECT seq FROM guard_mark ORDER BY seq').pluck();
  for (let n = 0; n < 9; n++) await house.say(revoke(`s${String(n)}`, NOON + n * WINDOW));
  t.equal(seqs.all().length, 9);
  const guarded = (count: number): void => {
    house.policy = { ...house.policy, guard: { ...house.policy.guard, count, floor: count } };
  };
  guarded(3);
  await house.say(revoke('s9', NOON + 9 * WINDOW));
  t.strictSame(seqs.all(), [8, 9, 10]);
  guarded(5);
  for (const n of [10, 11]) await house.say(revoke(`s${String(n)}`, NOON + n * WINDOW));
  t.strictSame(seqs.all(), [8, 9, 10, 11, 12], 'nor is one dropped that can');
});

t.test('of very many marks too many, each cut drops a slice, the oldest first', async (t) => {
  const house = await furnished(100_000, 100_000, 1);
  await house.say(revoke('s0', NOON));
  const { scope } = house.db.prepare('SELECT scope FROM guard').get() as { scope: string };
  const add = house.db.prepare('INSERT INTO guard_mark (scope, seq, at) VALUES (?, ?, ?)');
  for (let seq = 2; seq <= 1_300; seq++) add.run(scope, seq, NOON);
  house.db.prepare('UPDATE guard SET seq = 1300').run();
  house.policy = { ...house.policy, guard: { count: 10, floor: 10, share: 1, windowMs: WINDOW } };
  const range = house.db.prepare('SELECT min(seq), max(seq), count(*) FROM guard_mark').raw();
  const ranges: unknown[] = [];
  for (let n = 1; n <= 4; n++) {
    await house.say(revoke(`s${String(n)}`, NOON + n * WINDOW));
    ranges.push(range.get());
  }
  t.strictSame(ranges, [
    [502, 1_301, 800],
    [1_003, 1_302, 300],
    [1_294, 1_303, 10],
    [1_295, 1_304, 10],
  ]);
});

t.test('a storm in one batch is one alarm, and one row is written', async (t) => {
  const house = await furnished(1, 1, 1);
  const events: LifecycleEvent[] = Array.from({ length: HELD }, (_, n) => revoke(`s${String(n)}`, NOON + n));
  await house.say(...events);
  const alarms = house.db.prepare(
    "SELECT cause, count, json_array_length(examples) AS n FROM alarm WHERE cause = 'guard-tripped'",
  );
  t.strictSame(alarms.raw().all(), [['guard-tripped', HELD - 1, 3]]);
  t.equal(
    house.db.prepare("SELECT count(*) FROM journal WHERE kind = 'alarm' AND code = 'guard-tripped'").pluck().get(),
    1,
  );
});

t.test('an order is held back as a whole', async (t) => {
  const house = await openHouse(NOON);
  house.policy = { ...house.policy, guard: { count: 2, floor: 2, share: 1, windowMs: WINDOW } };
  await house.say(allocate('a', NOON), allocate('a', NOON, { family: 'ipv6' }), allocate('b', NOON));
  const [first, second] = await house.say(revoke('b', NOON + 1), revoke('a', NOON + 2));
  t.match(first, { code: null });
  t.match(second, { verdict: 'applied', code: 'awaiting-approval' });
  t.equal(house.db.prepare("SELECT count(*) FROM assignment WHERE state = 'revoking'").pluck().get(), 1);
});
