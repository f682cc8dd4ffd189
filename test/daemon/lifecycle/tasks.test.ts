/** Background tasks: what a clean-up looks at, that it ends whatever happens in between, and when it is refused. */
import Database from 'better-sqlite3';
import t from 'tap';
import type { TaskRunEvent } from '../../../src/daemon/lifecycle/events.js';
import { DEFAULT_KNOBS } from '../../../src/daemon/lifecycle/policy.js';
import type { Task } from '../../../src/daemon/lifecycle/task.js';
import { Reads } from '../../../src/store/reads.js';
import { acct, allocate, deadline, NOON, revoke } from '../../support/events.js';
import { openHouse, POOLS, prefix, type House } from '../../support/house.js';
import { invariants } from '../../support/invariants.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const WIDE = POOLS.map((pool) => (pool.name === 'v4' ? { ...pool, prefix: prefix('100.64.0.0/20') } : pool));

function run(at: number, fields: Partial<TaskRunEvent> = {}): TaskRunEvent {
  return {
    ...{ kind: 'task-run', tenant: 'default', actor: 'token:noc', task: 'clean-up', cause: 'ordered', force: false },
    receivedAt: at,
    ...fields,
  };
}

function taskOf(house: House): Task {
  const [task] = new Reads(house.db, { monoMs: () => 0 }).tasks();
  if (task === undefined) throw new TypeError('it never ran');
  return task;
}

/** Works off what is due of a task, slice by slice, and returns the time at which nothing more was due. */
async function finish(house: House, from: number): Promise<number> {
  const next = house.db.prepare("SELECT due_at FROM deadline WHERE kind = 'task'").pluck();
  for (let at = from; ;) {
    const due = next.get() as number | undefined;
    if (due === undefined) return at;
    at = Math.max(at, due);
    const [settled] = await house.say(deadline('task', 'clean-up', at));
    if (settled?.verdict !== 'applied') throw new TypeError(`a slice was ${settled?.code ?? ''}`);
  }
}

/** `count` subscribers with a session each, all of them being revoked since `NOON + 2` or so. */
async function revokes(house: House, count: number): Promise<void> {
  const names = Array.from({ length: count }, (_, n) => `s${String(n)}`);
  const address = (n: number): string => `100.64.${String((n + 1) >> 8)}.${String((n + 1) & 255)}`;
  await house.say(...names.map((name) => allocate(name, NOON)));
  await house.say(...names.map((name, n) => acct('acct-start', name, NOON + 1, [address(n)])));
  await house.say(...names.map((name) => revoke(name, NOON + 2)));
}

const WITHOUT_GUARD = { guard: { ...DEFAULT_KNOBS.guard, count: 100_000, floor: 100_000 } };

t.test('terminations that nothing would look at any more are looked at again, in slices', async (t) => {
  const house = await openHouse(NOON - HOUR, WITHOUT_GUARD, { pools: WIDE });
  await revokes(house, 450);
  await house.say(allocate('late', NOON + 3));
  t.equal(house.db.prepare("SELECT count(*) FROM assignment WHERE state = 'revoking'").pluck().get(), 450);
  // Whatever lost them: the clean-up is there for what nobody thought of.
  house.db.exec("DELETE FROM deadline WHERE kind = 'evidence'");
  const at = NOON + 2 * HOUR;
  t.match(await house.say(run(at)), [{ verdict: 'applied', reply: { task: 'clean-up' } }]);
  t.match(await house.say(run(at + 1)), [{ verdict: 'refused', code: 'task-running' }], 'not beside itself');
  const ended = await finish(house, at);
  t.match(taskOf(house), { code: 'done', startedAt: at, endedAt: ended, actor: 'token:noc' });
  t.strictSame(taskOf(house).progress.counts, { redriven: 450, 'never-seen': 0, leaks: 450 });
  const due = house.db.prepare("SELECT count(*) FROM deadline WHERE kind = 'evidence' AND due_at <= ?").pluck();
  t.equal(due.get(ended), 450);
  for (const { kind, ref } of house.pending.due(ended, 500)) await house.say(deadline(kind, ref, ended));
  t.equal(due.get(ended), 0, 'each was judged by its own event');
  t.same(invariants(house.db, house.policy), []);
  const lines = house.db.prepare("SELECT code, actor, detail FROM journal WHERE kind = 'task' ORDER BY id").raw().all();
  t.match(lines, [
    ['started', 'token:noc', '{"task":"clean-up"}'],
    ['done', 'token:noc', /"redriven":450,"never-seen":0,"leaks":450/],
  ]);
});

t.test('a revoke that is younger than evidence_timeout is left alone', async (t) => {
  const house = await openHouse(NOON - HOUR, {}, { pools: WIDE });
  await revokes(house, 1);
  const before = house.db.prepare("SELECT due_at FROM deadline WHERE kind = 'evidence'").pluck().get();
  await house.say(run(NOON + HOUR));
  await finish(house, NOON + HOUR);
  t.strictSame(taskOf(house).progress.counts, { redriven: 0, 'never-seen': 0, leaks: 0 });
  t.equal(house.db.prepare("SELECT due_at FROM deadline WHERE kind = 'evidence'").pluck().get(), before);
});

t.test('what was handed out and never seen is told pool by pool, and stays', async (t) => {
  const house = await openHouse(NOON - HOUR, {}, { pools: WIDE });
  const names = Array.from({ length: 205 }, (_, n) => `s${String(n)}`);
  await house.say(...names.map((name) => allocate(name, NOON)), allocate('pd', NOON, { family: 'ipv6-pd' }));
  await house.say(allocate('young', NOON + HOUR));
  await house.say(acct('acct-start', 's0', NOON + 1, ['100.64.0.1']));
  await house.say(run(NOON + DAY + 1));
  await finish(house, NOON + DAY + 1);
  t.strictSame(taskOf(house).progress.counts, { redriven: 0, 'never-seen': 205, leaks: 0 });
  const told = house.db.prepare("SELECT tenant, pool, detail FROM journal WHERE kind = 'never-seen' ORDER BY id");
  const rows = told.all() as { tenant: string; pool: number; detail: string }[];
  t.match(
    rows.map(({ tenant, detail }) => [tenant, JSON.parse(detail)]),
    [
      ['default', { pool: 'v4', count: 204, examples: ['100.64.0.2', '100.64.0.3', '100.64.0.4'] }],
      ['default', { pool: 'pd', count: 1, examples: ['2001:db8:100::/56'] }],
    ],
  );
  t.equal(house.db.prepare("SELECT count(*) FROM assignment WHERE state = 'allocated'").pluck().get(), 206);
});

t.test('a quarantine that was not ended in time is a leak', async (t) => {
  const house = await openHouse(NOON - HOUR);
  await house.say(allocate('ann', NOON), acct('acct-start', 'a', NOON + 1, ['100.64.0.1']));
  await house.say(acct('acct-stop', 'a', NOON + 2, ['100.64.0.1']), revoke('ann', NOON + 3));
  const dueAt = house.db.prepare("SELECT due_at FROM deadline WHERE kind = 'quarantine'").pluck().get() as number;
  for (const [at, leaks] of [
    [dueAt + 299_000, 0],
    [dueAt + 301_000, 1],
  ] as const) {
    await house.say(run(at));
    await finish(house, at);
    t.equal(taskOf(house).progress.counts.leaks, leaks);
  }
});

t.test('more than its share is refused, told once as an alarm, and done by force', async (t) => {
  const task = { share: 0.5, floor: 2 };
  const house = await openHouse(NOON - HOUR, { ...WITHOUT_GUARD, task }, { pools: WIDE });
  await revokes(house, 4);
  await house.say(allocate('ann', NOON + 3));
  const at = NOON + 2 * HOUR;
  t.match(await house.say(run(at)), [{ verdict: 'refused', code: 'task-too-large' }]);
  t.match(taskOf(house), { code: 'task-too-large', endedAt: at, doneAt: null });
  t.match(taskOf(house).detail, 'more than 2 assignments');
  const alarm = house.db.prepare("SELECT ref, count, cleared_at FROM alarm WHERE cause = 'task-refused'").raw();
  t.strictSame(alarm.all(), [['task:clean-up', 1, null]]);
  t.match(await house.say(run(at + 1, { cause: 'calendar', actor: 'addrd' })), [{ code: 'task-too-large' }]);
  t.strictSame(alarm.all(), [['task:clean-up', 2, null]]);
  t.match(await house.say(run(at + 2, { force: true })), [{ verdict: 'applied' }]);
  const ended = await finish(house, at + 2);
  t.strictSame(alarm.all(), [['task:clean-up', 2, ended]]);
  t.match(taskOf(house), { code: 'done', doneAt: ended, done: { redriven: 4 } });
  // Eight more are live: half of what is live is more than what is stuck.
  await house.say(...Array.from({ length: 8 }, (_, n) => allocate(`more${String(n)}`, ended)));
  t.match(await house.say(run(ended + 1)), [{ verdict: 'applied' }]);
});

t.test('not while frozen, nor with a clock that is behind; a run that a freeze stopped goes on', async (t) => {
  const house = await openHouse(NOON - HOUR, {}, { pools: WIDE });
  const by = { tenant: 'default', actor: 'token:noc' };
  await house.say({ kind: 'heartbeat', receivedAt: NOON });
  t.match(await house.say(run(NOON - 60_000)), [{ verdict: 'refused', code: 'clock-behind' }]);
  await house.say({ kind: 'freeze', ...by, reason: 'test', receivedAt: NOON + 1 });
  t.match(await house.say(run(NOON + 2)), [{ verdict: 'refused', code: 'frozen' }]);
  await house.say({ kind: 'thaw', ...by, reason: null, receivedAt: NOON + 3 });
  t.match(await house.say(run(NOON + 4)), [{ verdict: 'applied' }]);
  await house.say({ kind: 'freeze', ...by, reason: 'test', receivedAt: NOON + 5 });
  t.match(await house.say(deadline('task', 'clean-up', NOON + 6)), [{ verdict: 'stale', code: 'frozen' }]);
  t.strictSame(house.pending.due(NOON + 6, 10), []);
  await house.say({ kind: 'thaw', ...by, reason: null, receivedAt: NOON + 7 });
  await finish(house, NOON + 8);
  t.match(taskOf(house), { code: 'done', startedAt: NOON + 4 });
});

t.test('what a crash has cut short goes on; what came no further for an hour is begun anew', async (t) => {
  const db = new Database(':memory:');
  const house = await openHouse(NOON - HOUR, WITHOUT_GUARD, { pools: WIDE, db });
  await revokes(house, 250);
  const at = NOON + 2 * HOUR;
  await house.say(run(at));
  await house.say(deadline('task', 'clean-up', at));
  t.match(taskOf(house), { endedAt: null, progress: { part: 'revoking', counts: { redriven: 200 } } });
  const again = await openHouse(at + 1_000, WITHOUT_GUARD, { pools: WIDE, db });
  await finish(again, at + 1_000);
  t.match(taskOf(again), { code: 'done', startedAt: at, progress: { counts: { redriven: 250 } } });
  await again.say(run(at + 2_000));
  db.exec("DELETE FROM deadline WHERE kind = 'task'");
  t.match(await again.say(run(at + 3_000)), [{ code: 'task-running' }]);
  t.match(await again.say(run(at + 2_000 + HOUR)), [{ verdict: 'applied' }]);
  await finish(again, at + 2_000 + HOUR);
  t.match(taskOf(again), { code: 'done', startedAt: at + 2_000 + HOUR });
});

t.test('an hour of the calendar that was missed is made good at a start, once', async (t) => {
  const house = await openHouse(NOON - HOUR);
  const start = (at: number) => house.say(run(at, { cause: 'start', actor: 'addrd' }));
  t.match(await start(NOON), [{ verdict: 'stale', code: 'not-due' }], 'a new store has missed nothing');
  await house.say(run(NOON + 1, { cause: 'calendar', actor: 'addrd' }));
  await finish(house, NOON + 1);
  t.match(await start(NOON + DAY), [{ verdict: 'stale', code: 'not-due' }]);
  t.match(await start(NOON + 2 * DAY), [{ verdict: 'applied' }]);
  await finish(house, NOON + 2 * DAY);
  t.match(await start(NOON + 2 * DAY + HOUR), [{ verdict: 'stale', code: 'not-due' }]);
});
