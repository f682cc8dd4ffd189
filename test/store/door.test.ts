/** The door: what one batch may hold, in which order it reaches the tables, and that it is all or nothing. */
import Database from 'better-sqlite3';
import t, { type Test } from 'tap';
import { decide } from '../../src/daemon/lifecycle/decide.js';
import type { LifecycleEvent } from '../../src/daemon/lifecycle/events.js';
import type { FaultPoint } from '../../src/store/commit.js';
import { acct, allocate, deadline, nasOn, NOON, revoke, submission } from '../support/events.js';
import { openHouse, prefix, type House } from '../support/house.js';
import { invariants } from '../support/invariants.js';

const SECOND = 1_000;
/** One interim round, after which an assignment that nobody used is known to be idle. */
const ROUND = 600_000;

interface Watched extends House {
  transactions(): number;
}

/** A house that counts its transactions: a batch that had to be halved needs more than one. */
async function watched(): Promise<Watched> {
  let count = 0;
  const faultAt = (point: FaultPoint): boolean => {
    if (point === 'after-begin') count++;
    return false;
  };
  const house = await openHouse(NOON, {}, { faultAt });
  return Object.assign(house, {
    transactions: () => {
      const made = count;
      count = 0;
      return made;
    },
  });
}

function column(house: House, sql: string): unknown[] {
  return house.db.prepare(sql).pluck().all();
}

async function inOneTransaction(t: Test, house: Watched, events: LifecycleEvent[]): Promise<readonly string[]> {
  house.transactions();
  const settlements = await house.say(...events);
  t.equal(house.transactions(), 1, 'one transaction');
  t.same(invariants(house.db, house.policy), []);
  return settlements.map(({ verdict }) => verdict);
}

t.test('a Stop that ends a tenure, an allocation and a hand-over in one batch', async (t) => {
  const house = await watched();
  await house.say(allocate('ann', NOON), allocate('bob', NOON), acct('acct-start', 'a', NOON, ['100.64.0.1']));
  await house.say(acct('acct-start', 'b', NOON, ['100.64.0.2']), revoke('ann', NOON + 1));
  const now = NOON + 2 * SECOND;
  // Ann's own address again: quarantine does not stop her. That is a hand-over of a live row within the batch.
  const verdicts = await inOneTransaction(t, house, [
    acct('acct-stop', 'a', now),
    allocate('cid', now),
    allocate('ann', now, { requested: prefix('100.64.0.1') }),
    acct('acct-start', 'c', now, ['100.64.0.1']),
  ]);
  t.same(verdicts, ['applied', 'applied', 'applied', 'applied']);
  t.same(column(house, 'SELECT state FROM assignment ORDER BY id'), ['revoked', 'active', 'allocated', 'active']);
  t.same(column(house, 'SELECT hex(lo) FROM live ORDER BY assignment'), ['64400002', '64400003', '64400001']);
  t.same(column(house, 'SELECT status FROM outbox'), ['superseded'], 'and the Disconnect has nothing left to do');
});

t.test('an allocation, its end and the unit’s next life in one batch', async (t) => {
  const house = await watched();
  house.policy = { ...house.policy, interimRoundMs: 0, nas: new Map() };
  house.db.exec('UPDATE pool SET quarantine_ms = 0');
  const ref = '1/64400001/32';
  await house.say(acct('acct-start', 'somebody', NOON));
  const verdicts = await inOneTransaction(t, house, [
    allocate('ann', NOON),
    revoke('ann', NOON),
    deadline('quarantine', ref, NOON),
    allocate('bob', NOON, { requested: prefix('100.64.0.1') }),
  ]);
  t.same(verdicts, ['applied', 'applied', 'applied', 'applied']);
  t.same(column(house, 'SELECT state FROM assignment ORDER BY id'), ['revoked', 'allocated']);
  t.same(column(house, 'SELECT assignment FROM live'), [2]);

  // The same on a unit that has a row already: the row then names an assignment and a subscriber of this very batch.
  await house.say(revoke('bob', NOON + 1), deadline('quarantine', ref, NOON + 1));
  t.same(column(house, 'SELECT state FROM pool_free'), ['free']);
  const again = await inOneTransaction(t, house, [
    allocate('cid', NOON + 2, { requested: prefix('100.64.0.1') }),
    revoke('cid', NOON + 2),
  ]);
  t.same(again, ['applied', 'applied']);
  t.same(column(house, 'SELECT assignment FROM pool_free'), [3]);
});

t.test('a session learns of a subscriber that the same batch created', async (t) => {
  const house = await watched();
  await house.say(acct('acct-start', 'a', NOON));
  const verdicts = await inOneTransaction(t, house, [
    allocate('ann', NOON + 1),
    acct('acct-interim', 'a', NOON + 1, ['100.64.0.1']),
  ]);
  t.same(verdicts, ['applied', 'applied']);
  t.same(column(house, 'SELECT subscriber FROM session'), [1]);
});

t.test('a session number used again within one batch', async (t) => {
  const house = await watched();
  await house.say(allocate('ann', NOON));
  const verdicts = await inOneTransaction(t, house, [
    acct('acct-start', 'a', NOON + SECOND, ['100.64.0.1']),
    acct('acct-stop', 'a', NOON + 2 * SECOND, [], { seconds: 1 }),
    acct('acct-start', 'a', NOON + 3 * SECOND, ['100.64.0.1']),
    acct('acct-start', 'a', NOON + 4 * SECOND, ['100.64.0.1']),
    acct('acct-interim', 'a', NOON + 5 * SECOND, ['100.64.0.1'], { seconds: 1 }),
  ]);
  t.same(verdicts, ['applied', 'applied', 'applied', 'applied', 'applied']);
  t.same(column(house, 'SELECT end_kind FROM session ORDER BY id'), ['stop', 'sid-reused', null]);
  t.same(column(house, 'SELECT interims FROM session_usage ORDER BY id'), [0, 0, 1]);
});

t.test('a late outcome for an old session does not hide the new one of the same number', async (t) => {
  const house = await watched();
  await house.say(allocate('ann', NOON), acct('acct-start', 'a', NOON, ['100.64.0.1']), revoke('ann', NOON));
  await house.say({ kind: 'effect-started', outbox: 1, receivedAt: NOON });
  await house.say(acct('acct-start', 'a', NOON + 5 * SECOND));
  t.same(column(house, 'SELECT end_kind FROM session ORDER BY id'), ['sid-reused', null]);
  const verdicts = await inOneTransaction(t, house, [
    { kind: 'effect-outcome', outbox: 1, attempt: 1, outcome: { result: 'ack' }, jitter: 0, receivedAt: NOON + 6_000 },
    acct('acct-interim', 'a', NOON + 7 * SECOND, [], { seconds: 2 }),
  ]);
  t.same(verdicts, ['applied', 'applied']);
  t.same(column(house, 'SELECT interims FROM session_usage ORDER BY id'), [0, 1]);
});

t.test('what two events of a batch create is created once', async (t) => {
  const house = await watched();
  const other = { source: Uint8Array.of(192, 0, 2, 9) };
  const verdicts = await inOneTransaction(t, house, [
    acct('acct-start', 'a', NOON),
    acct('acct-start', 'b', NOON),
    acct('acct-start', 'a', NOON, [], other),
    allocate('ann', NOON),
    allocate('ann', NOON, { family: 'ipv6' }),
    allocate('ann', NOON),
    allocate('bob', NOON),
  ]);
  t.same(verdicts, ['applied', 'applied', 'applied', 'applied', 'applied', 'duplicate', 'applied']);
  t.same(column(house, 'SELECT hex(bytes) FROM nas ORDER BY id'), ['C0000201', 'C0000209']);
  t.same(column(house, 'SELECT name FROM subscriber ORDER BY id'), ['ann', 'bob']);
  t.same(column(house, 'SELECT hex(net) FROM assignment WHERE plen = 32 ORDER BY id'), ['64400001', '64400002']);
});

t.test('a pool walked to its end in one batch', async (t) => {
  const house = await watched();
  const names = Array.from({ length: 16 }, (_, n) => `s${String(n)}`);
  const verdicts = await inOneTransaction(
    t,
    house,
    names.map((name) => allocate(name, NOON)),
  );
  t.same(verdicts, [...Array.from({ length: 14 }, () => 'applied'), 'refused', 'refused']);
});

t.test('units that one batch freed are handed out in the order in which they became free', async (t) => {
  const house = await watched();
  house.policy = { ...house.policy, interimRoundMs: 0 };
  const names = Array.from({ length: 14 }, (_, n) => `s${String(n)}`);
  await house.say(...names.map((name) => allocate(name, NOON)), acct('acct-start', 'somebody', NOON));
  await house.say(revoke('s5', NOON), revoke('s2', NOON + 1), revoke('s9', NOON + 2));
  const later = NOON + ROUND;
  const ref = (n: number): string => `1/644000${(n + 1).toString(16).padStart(2, '0')}/32`;
  await inOneTransaction(t, house, [
    deadline('quarantine', ref(9), later),
    deadline('quarantine', ref(2), later),
    deadline('quarantine', ref(5), later),
    allocate('x', later),
    allocate('y', later),
  ]);
  const nets = column(house, 'SELECT hex(net) FROM assignment ORDER BY id DESC LIMIT 2');
  t.same(nets, ['64400003', '64400006'], 's5’s, then s2’s: the least recently freed first');
});

t.test('of several holders the one with the lowest address is named, whenever they came', async (t) => {
  const house = await watched();
  const wide = { attribute: 'Delegated-IPv6-Prefix', prefix: prefix('2001:db8:1::/124') } as const;
  const verdicts = await inOneTransaction(t, house, [
    allocate('ann', NOON, { family: 'ipv6', requested: prefix('2001:db8:1::2') }),
    allocate('bob', NOON, { family: 'ipv6', requested: prefix('2001:db8:1::1') }),
    acct('acct-start', 'a', NOON, [], { addresses: [wide] }),
  ]);
  t.same(verdicts, ['applied', 'applied', 'conflict']);
  t.same(column(house, 'SELECT assignment FROM conflict'), [2], 'as a question to the database would');
  await house.say(acct('acct-start', 'b', NOON + 1, [], { addresses: [wide] }));
  t.same(column(house, 'SELECT assignment FROM conflict'), [2, 2]);
});

t.test('every session that an epoch left behind is closed, one batch or many', async (t) => {
  const house = await watched();
  house.policy = { ...house.policy, epochGraceMs: 0 };
  await inOneTransaction(t, house, [
    acct('acct-start', 'a', NOON),
    nasOn(NOON + 1),
    deadline('epoch-grace', '1', NOON + 1),
    deadline('epoch-grace', '1', NOON + 1),
  ]);
  t.same(column(house, 'SELECT end_kind FROM session'), ['inferred']);
  t.same(column(house, 'SELECT ref FROM deadline'), [], 'and there is nothing left to look at');

  const many = Array.from({ length: 1_200 }, (_, n) => acct('acct-start', `m${String(n)}`, NOON + 2));
  await house.say(...many);
  await house.say(nasOn(NOON + 60_000));
  const slices = Array.from({ length: 12 }, () => deadline('epoch-grace', '1', NOON + 60_000));
  await inOneTransaction(t, house, slices);
  t.same(column(house, 'SELECT count(*) FROM session WHERE ended_at IS NULL'), [0]);
});

for (const point of ['after-begin', 'before-commit', 'after-commit'] as const) {
  t.test(`a process that dies ${point}`, async (t) => {
    const db = new Database(':memory:');
    let armed = false;
    const faultAt = (at: FaultPoint): boolean => armed && at === point;
    const house = await openHouse(NOON, {}, { db, faultAt });
    armed = true;
    await t.rejects(house.say(allocate('ann', NOON), acct('acct-start', 'a', NOON)), { code: 'store-lost' });
    armed = false;
    await t.rejects(house.say({ kind: 'heartbeat', receivedAt: NOON }), { code: 'store-lost' }, 'given up for good');
    // A dead process leaves no transaction behind; the database in memory has to be told.
    if (db.inTransaction) db.exec('ROLLBACK');
    const kept = point === 'after-commit' ? 1 : 0;
    for (const table of ['assignment', 'live', 'session', 'subscriber', 'nas']) {
      t.equal(db.prepare(`SELECT count(*) FROM ${table}`).pluck().get(), kept, `${table}: all or nothing`);
    }
    const next = await openHouse(NOON + 1, {}, { db });
    const [again] = await next.say(allocate('ann', NOON + 1));
    t.equal(again?.verdict, kept === 1 ? 'duplicate' : 'applied');
    t.same(invariants(db, next.policy), []);
  });
}

t.test('nothing of a batch can be seen before its COMMIT', async (t) => {
  const db = new Database(':memory:');
  const seen: unknown[] = [];
  const faultAt = (point: FaultPoint): boolean => {
    seen.push([point, db.inTransaction]);
    return false;
  };
  const house = await openHouse(NOON, {}, { db, faultAt });
  seen.length = 0;
  const committing = house.say(allocate('ann', NOON));
  const whole = [
    ['after-begin', true],
    ['before-commit', true],
    ['after-commit', false],
  ];
  t.same(seen, whole, 'from BEGIN to COMMIT without giving up the turn');
  await committing;
});

t.test('an empty batch is a commit of nothing', async (t) => {
  const house = await watched();
  t.same(await house.say(), []);
});

t.test('counters up to 2^53 - 1 come back as they are', async (t) => {
  const house = await watched();
  const most = Number.MAX_SAFE_INTEGER;
  await house.say(acct('acct-start', 'a', NOON, [], { inputOctets: most, outputOctets: most - 1 }));
  const same = acct('acct-start', 'a', NOON, [], { inputOctets: most, outputOctets: most - 1 });
  t.equal((await house.say(same))[0]?.verdict, 'duplicate');
  t.equal((await house.say({ ...same, outputOctets: most }))[0]?.verdict, 'stale');
});

t.test('what a commit tells: effects in order, and the earliest deadline', async (t) => {
  const house = await watched();
  await house.say(allocate('ann', NOON), allocate('bob', NOON));
  await house.say(acct('acct-start', 'a', NOON, ['100.64.0.1']), acct('acct-start', 'b', NOON, ['100.64.0.2']));
  const batch = [revoke('ann', NOON + 9), revoke('bob', NOON + 5)].map((event) => submission(event));
  const committed = await house.door.commitBatch(batch, (world, event) => decide(world, event, house.policy));
  t.same(
    committed.outbox.map(({ id, status, subject }) => [id, status, subject]),
    [
      [1, 'pending', 'session:1'],
      [2, 'pending', 'session:2'],
    ],
  );
  t.equal(committed.dueAt, NOON + 5 + house.policy.evidenceTimeoutMs);
  t.equal(committed.rest, null);
  const quiet = await house.door.commitBatch([submission(acct('acct-interim', 'a', NOON + 10))], (world, event) =>
    decide(world, event, house.policy),
  );
  t.same([quiet.outbox, quiet.dueAt], [[], null], 'and nothing where nothing was set');
});
