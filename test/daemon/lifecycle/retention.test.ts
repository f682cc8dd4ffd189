/** Retention of the journal: the oldest lines go, in slices, and nothing that is held; whoever asks is told that they are gone. */
import t from 'tap';
import type { HoldEvent, TaskRunEvent } from '../../../src/daemon/lifecycle/events.js';
import type { Task } from '../../../src/daemon/lifecycle/task.js';
import { Reads } from '../../../src/store/reads.js';
import { acct, allocate, deadline, NOON } from '../../support/events.js';
import { openHouse, POOLS, prefix, type House } from '../../support/house.js';
import { invariants } from '../../support/invariants.js';

const DAY = 86_400_000;
const KEPT = 30 * DAY;
const WIDE = POOLS.map((pool) => (pool.name === 'v4' ? { ...pool, prefix: prefix('100.64.0.0/20') } : pool));

function run(at: number, force = false): TaskRunEvent {
  const by = { tenant: 'default', actor: 'token:noc', cause: 'ordered' } as const;
  return { ...by, kind: 'task-run', task: 'retention', force, receivedAt: at };
}

function hold(at: number, about: Partial<HoldEvent>): HoldEvent {
  const none = { subscriber: null, prefix: null, vrf: null };
  const by = { tenant: 'default', actor: 'token:root', reason: 'case 7' };
  return { kind: 'hold', ...by, ...none, receivedAt: at, ...about };
}

async function finish(house: House, from: number): Promise<Task> {
  const due = house.db.prepare("SELECT due_at FROM deadline WHERE kind = 'task'").pluck();
  for (let at = from; due.get() !== undefined; at += 50) await house.say(deadline('task', 'retention', at));
  const task = new Reads(house.db, { monoMs: () => 0 }).tasks().find(({ name }) => name === 'retention');
  if (task === undefined) throw new TypeError('it never ran');
  return task;
}

/** A line of the journal for each `pass`; each of `count` subscribers has a session that starts and stops. */
async function fill(house: House, count: number): Promise<void> {
  const names = Array.from({ length: count }, (_, n) => `s${String(n)}`);
  const address = (n: number): string => `100.64.${String((n + 1) >> 8)}.${String((n + 1) & 255)}`;
  await house.say(...names.map((name) => allocate(name, NOON)));
  await house.say(...names.map((name, n) => acct('acct-start', name, NOON + 1, [address(n)])));
  await house.say(...names.map((name, n) => acct('acct-stop', name, NOON + 2, [address(n)])));
}

const keeping = (journalMs: number | null) => ({ retention: { journalMs } });

t.test('nothing is deleted where the config does not say so', async (t) => {
  const house = await openHouse(NOON - 1, {}, { pools: WIDE });
  await fill(house, 5);
  const lines = house.db.prepare('SELECT count(*) FROM journal').pluck();
  const before = lines.get() as number;
  await house.say(run(NOON + 4_000 * DAY));
  const task = await finish(house, NOON + 4_000 * DAY);
  t.match(task, { code: 'done', done: { 'journal-deleted': 0, 'journal-held': 0 } });
  t.equal(lines.get(), before + 2, 'its own two lines');
  t.equal(new Reads(house.db, { monoMs: () => 0 }).journalDeletedUntil(), null);
});

t.test('the oldest lines, slice by slice, and no other; numbers are not used again', async (t) => {
  const house = await openHouse(NOON - 1, keeping(KEPT), { pools: WIDE });
  await fill(house, 300);
  await house.say(allocate('young', NOON + DAY));
  const old = house.db
    .prepare('SELECT count(*) FROM journal WHERE at <= ?')
    .pluck()
    .get(NOON + 2) as number;
  t.ok(old > 1_000, `${String(old)} lines: many slices`);
  const last = house.db.prepare('SELECT max(id) FROM journal').pluck().get() as number;
  const at = NOON + 3 + KEPT;
  await house.say(run(at));
  const slices: number[] = [];
  const left = house.db.prepare('SELECT count(*) FROM journal WHERE at <= ?').pluck();
  for (let n = 0; house.db.prepare("SELECT 1 FROM deadline WHERE kind = 'task'").get() !== undefined; n++) {
    const before = left.get(NOON + 2) as number;
    await house.say(deadline('task', 'retention', at + n * 50));
    slices.push(before - (left.get(NOON + 2) as number));
  }
  t.ok(Math.max(...slices) === 50 && slices.length >= 10, slices.join(' '));
  const task = await finish(house, at);
  t.match(task, { code: 'done', done: { 'journal-deleted': old, 'journal-held': 0 } });
  t.equal(left.get(NOON + 2), 0);
  t.equal(left.get(NOON + 2 * DAY), 1, 'what is younger is there');
  t.equal(new Reads(house.db, { monoMs: () => 0 }).journalDeletedUntil(), NOON + 2);
  t.ok((house.db.prepare('SELECT min(id) FROM journal').pluck().get() as number) >= last - 1);
  t.equal(house.db.prepare('SELECT count(*) FROM journal_retention').pluck().get(), 0, 'the journal is closed again');
  t.throws(() => house.db.exec('DELETE FROM journal'), /append-only/);
  t.same(invariants(house.db, house.policy), []);
});

t.test('what is held stays, by subscriber and by address, until the hold is ended', async (t) => {
  const house = await openHouse(NOON - 1, keeping(KEPT), { pools: WIDE });
  await fill(house, 60);
  const held = await house.say(
    hold(NOON + 3, { subscriber: 's7' }),
    hold(NOON + 4, { prefix: prefix('100.64.0.16/30') }),
  );
  t.match(held, [
    { verdict: 'applied', reply: { about: 's7', reason: 'case 7' } },
    { verdict: 'applied', reply: { about: '100.64.0.16/30' } },
  ]);
  t.match(await house.say(hold(NOON + 5, { subscriber: 's7' })), [{ verdict: 'duplicate', code: 'already-held' }]);
  t.match(await house.say(hold(NOON + 5, { subscriber: 'nobody' })), [{ code: 'unknown-subscriber' }]);
  t.match(await house.say(hold(NOON + 5, { prefix: prefix('10.0.0.1'), vrf: 'x' })), [{ code: 'unknown-vrf' }]);
  const at = NOON + 10 + KEPT;
  const names = house.db
    .prepare('SELECT DISTINCT s.name FROM journal j JOIN subscriber s ON s.id = j.subscriber WHERE j.at <= ?')
    .pluck();
  const lines = (name: string) => {
    const rows = new Reads(house.db, { monoMs: () => 0 }).events('default', { limit: 100, after: 0, subscriber: name });
    return (rows ?? []).map(({ kind }) => kind);
  };
  const before = lines('s7');
  t.ok(before.includes('transition') && before.includes('session-stopped'), before.join(' '));
  const ofSession = house.db
    .prepare('SELECT kind FROM journal WHERE session = (SELECT id FROM session WHERE sid = ?) ORDER BY id')
    .pluck();
  const heard = ofSession.all(Buffer.from('s7'));
  t.ok(heard.includes('session-started'), 'which names nobody itself');
  await house.say(run(at));
  const task = await finish(house, at);
  t.strictSame(lines('s7'), before, 'all of it');
  t.strictSame(ofSession.all(Buffer.from('s7')), heard);
  // .16 to .19 are those of s15 to s18.
  t.strictSame((names.all(NOON + 2) as string[]).sort(), ['s15', 's16', 's17', 's18', 's7']);
  t.ok((task.done['journal-held'] ?? 0) >= before.length * 5);
  const again = await house.say(hold(at, { kind: 'hold-end', subscriber: 's7' }));
  t.match(again, [{ verdict: 'applied', reply: { about: 's7' } }]);
  t.match(await house.say(hold(at, { kind: 'hold-end', subscriber: 's7' })), [{ code: 'unknown-hold' }]);
  await house.say(run(at + DAY));
  await finish(house, at + DAY);
  t.strictSame((names.all(NOON + 2) as string[]).sort(), ['s15', 's16', 's17', 's18']);
  const told = house.db
    .prepare("SELECT kind, actor, detail FROM journal WHERE kind LIKE 'hold%' ORDER BY id")
    .raw()
    .all();
  t.match(told.at(-1), ['hold-ended', 'token:root', /"set_by":"token:root"/]);
});

t.test('a hold of the same batch counts already', async (t) => {
  const house = await openHouse(NOON - 1, keeping(KEPT), { pools: WIDE });
  await fill(house, 2);
  const at = NOON + 10 + KEPT;
  await house.say(run(at));
  await house.say(hold(at + 1, { subscriber: 's0' }), deadline('task', 'retention', at + 1));
  const left = house.db
    .prepare('SELECT DISTINCT s.name FROM journal j JOIN subscriber s ON s.id = j.subscriber WHERE j.at <= ?')
    .pluck();
  t.strictSame(left.all(NOON + 2), ['s0']);
});

t.test('a hold is its tenant’s own', async (t) => {
  const house = await openHouse(NOON - 1, keeping(KEPT), { pools: WIDE });
  await fill(house, 2);
  t.match(await house.say(hold(NOON + 3, { tenant: 'other', subscriber: 's0' })), [{ code: 'unknown-subscriber' }]);
  await house.say(hold(NOON + 3, { tenant: 'other', prefix: prefix('100.64.0.0/16') }));
  const at = NOON + 10 + KEPT;
  await house.say(run(at));
  t.match((await finish(house, at)).done, { 'journal-held': 1 }, 'but for the line that says so');
});

t.test('lines of a clock that was ahead do not keep those behind them for ever', async (t) => {
  const house = await openHouse(NOON - 1, keeping(KEPT), { pools: WIDE });
  const put = house.db.prepare(
    "INSERT INTO journal (at, kind, tenant, actor, code) VALUES (?, 'gap', 'x', 'addrd', ?)",
  );
  const at = NOON + 10 + KEPT;
  for (const [when, code] of [
    [NOON, 'old'],
    [at + 100 * DAY, 'ahead'],
    [NOON + 1, 'old'],
    [at - 1, 'young'],
    [NOON + 2, 'old, behind a young one'],
  ] as const) {
    put.run(when, code);
  }
  const left = house.db.prepare("SELECT code FROM journal WHERE tenant = 'x' ORDER BY id").pluck();
  await house.say(run(at));
  t.match((await finish(house, at)).done, { 'journal-held': 0 });
  t.strictSame(left.all(), ['ahead', 'young', 'old, behind a young one']);
});

t.test('a clock that jumps ahead deletes nothing without force', async (t) => {
  const house = await openHouse(NOON - 1, keeping(KEPT), { pools: WIDE });
  await fill(house, 1_700);
  await fill2(house);
  const lines = house.db.prepare('SELECT count(*) FROM journal').pluck();
  const before = lines.get() as number;
  t.ok(before > 10_000, String(before));
  const jumped = NOON + 400 * DAY;
  t.match(await house.say(run(jumped)), [{ verdict: 'refused', code: 'task-too-large' }]);
  t.equal(lines.get(), before + 2, 'a line for the refusal, and one for the alarm');
  t.match(await house.say(run(jumped + 1, true)), [{ verdict: 'applied' }]);
});

/** Some more lines about nobody in particular. */
async function fill2(house: House): Promise<void> {
  const put = house.db.prepare("INSERT INTO journal (at, kind, tenant, actor) VALUES (?, 'gap', 'default', 'addrd')");
  house.db.transaction(() => {
    for (let n = 0; n < 5_000; n++) put.run(NOON + 3);
  })();
  await Promise.resolve();
}
