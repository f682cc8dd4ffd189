/** An event that cannot be decided or committed is found, kept and answered alone; the others never notice. */
import t from 'tap';
import { decide } from '../../src/daemon/lifecycle/decide.js';
import type { LifecycleEvent } from '../../src/daemon/lifecycle/events.js';
import type { Policy } from '../../src/daemon/lifecycle/policy.js';
import type { Rows } from '../../src/daemon/lifecycle/records.js';
import type { Change, Decision } from '../../src/daemon/lifecycle/world.js';
import type { Decide, FaultPoint } from '../../src/store/commit.js';
import { acct, allocate, NOON, octets, submission } from '../support/events.js';
import { openHouse } from '../support/house.js';
import { invariants } from '../support/invariants.js';

class Broken extends Error {
  readonly code = 'broken';
}

/** Decides as addrd does, except about subscriber `mal`: there it throws, or spoils the decision. */
function spoiled(policy: Policy, spoil: ((decision: Decision) => Decision) | null): Decide<LifecycleEvent> {
  return (world, event) => {
    const decision = decide(world, event, policy);
    if (event.kind !== 'allocate' || event.subscriber !== 'mal') return decision;
    if (spoil === null) throw new Broken('bad luck');
    return spoil(decision);
  };
}

function withChange(change: (changes: readonly Change[]) => readonly Change[]): (decision: Decision) => Decision {
  return (decision) => ({ ...decision, changes: change(decision.changes) });
}

/** Rewrites the rows of one table in a decision. */
function rewriting(table: string, fields: Record<string, unknown>): (decision: Decision) => Decision {
  return withChange((changes) =>
    changes.map((one) => (one.table === table ? { ...one, row: { ...one.row, ...fields } as Change['row'] } : one)),
  );
}

/** An effect for a session that is not there: only COMMIT can tell. */
const EFFECT: Rows['outbox'] = {
  id: 1,
  tenant: 'default',
  kind: 'nas.disconnect',
  target: 'nas:1',
  subject: 'session:999',
  session: 999,
  orders: [],
  desired: null,
  status: 'pending',
  attempt: 0,
  admitted: false,
  cancelled: 0,
  dueAt: 0,
  createdAt: 0,
  startedAt: null,
  finishedAt: null,
  batch: null,
  outcome: null,
};

const SPOILS: readonly (readonly [name: string, error: RegExp, spoil: ((decision: Decision) => Decision) | null])[] = [
  ['decide throws', /^Error: bad luck$/, null],
  ['a CHECK', /CHECK constraint failed/, rewriting('assignment', { generation: 0 })],
  ['a type', /cannot store/, rewriting('assignment', { createdAt: 'noon' })],
  ['a missing value', /NOT NULL/, rewriting('assignment', { createdAt: NaN })],
  ['a foreign key', /FOREIGN KEY/, rewriting('assignment', { subscriber: 999 })],
  [
    'a deferred foreign key',
    /FOREIGN KEY/,
    withChange((changes) => [...changes, { table: 'outbox', key: '1', row: EFFECT }]),
  ],
  [
    'the overlap guard',
    /two live prefixes overlap/,
    rewriting('live', { prefix: { bytes: Uint8Array.of(100, 64, 0, 1), length: 32 } }),
  ],
  ['something no column takes', /TypeError/, rewriting('assignment', { createdAt: true })],
  [
    'a journal line',
    /JSON|circular|Converting/i,
    (decision) => {
      const detail: Record<string, unknown> = {};
      detail['self'] = detail;
      return { ...decision, journal: [{ at: 0, kind: 'stuck', tenant: 't', actor: 'a', detail }] };
    },
  ],
];

for (const [name, error, spoil] of SPOILS) {
  t.test(`condemned: ${name}`, async (t) => {
    const faults: unknown[] = [];
    const house = await openHouse(NOON, {}, { onFault: (...fault) => faults.push(fault.slice(0, 2)) });
    const decideBadly = spoiled(house.policy, spoil);
    const names = ['ann', 'bob', 'cid', 'mal', 'dan', 'eve', 'fay'];
    const raw = octets('the packet');
    const batch = names.map((who) => submission(allocate(who, NOON + 1), { raw, source: '192.0.2.7' }));
    const { settlements, rest } = await house.door.commitBatch(batch, decideBadly);
    const expected = names.map((who) => (who === 'mal' ? 'faulted' : 'applied'));
    t.same(
      settlements.map(({ verdict }) => verdict),
      expected,
    );
    t.same(settlements[3], { verdict: 'faulted', code: 'faulted', detail: null, reply: null, replayed: false });
    t.equal(rest, null);
    t.same(faults, [['allocate', '192.0.2.7']], 'told once');
    const [kept, ...others] = house.db.prepare('SELECT * FROM poison').all() as Record<string, unknown>[];
    t.same(others, []);
    t.match(kept, { received_at: NOON + 1, source: '192.0.2.7', kind: 'allocate', error });
    t.same(new Uint8Array(kept?.['raw'] as Uint8Array), raw, 'its octets');
    t.same(invariants(house.db, house.policy), []);

    const who = house.db.prepare(
      'SELECT s.name FROM assignment a JOIN subscriber s ON s.id = a.subscriber ORDER BY a.id',
    );
    t.same(
      who.pluck().all(),
      names.filter((one) => one !== 'mal'),
      'nothing of it, all of the others',
    );
    const ids = house.db.prepare('SELECT id FROM assignment ORDER BY id').pluck().all();
    t.same(ids, [1, 2, 3, 4, 5, 6], 'and no number was burnt');
    t.equal((await house.say(allocate('gil', NOON + 2)))[0]?.verdict, 'applied', 'the door still works');
  });
}

t.test('several culprits in one batch, and nothing but culprits', async (t) => {
  const house = await openHouse(NOON);
  const bad = spoiled(house.policy, null);
  const names = ['mal', 'ann', 'mal', 'mal', 'bob', 'mal'];
  const { settlements } = await house.door.commitBatch(
    names.map((who) => submission(allocate(who, NOON))),
    bad,
  );
  t.same(
    settlements.map(({ verdict }) => verdict),
    ['faulted', 'applied', 'faulted', 'faulted', 'applied', 'faulted'],
  );
  const only = await house.door.commitBatch([submission(allocate('mal', NOON))], bad);
  t.same(
    only.settlements.map(({ verdict }) => verdict),
    ['faulted'],
  );
  t.equal(house.db.prepare('SELECT count(*) FROM poison').pluck().get(), 5);
});

t.test('what comes after the culprit is decided without it', async (t) => {
  const house = await openHouse(NOON);
  const bad = spoiled(house.policy, null);
  const events = [allocate('ann', NOON), allocate('mal', NOON), acct('acct-start', 'a', NOON + 1, ['100.64.0.2'])];
  const { settlements, outbox, dueAt } = await house.door.commitBatch(
    events.map((event) => submission(event)),
    bad,
  );
  t.same(
    settlements.map(({ verdict, code }) => code ?? verdict),
    ['applied', 'faulted', 'occupied'],
  );
  t.same([outbox, dueAt], [[], null]);
  t.same(invariants(house.db, house.policy), []);
});

t.test('the poison of one source is capped, that of another is not touched by it', async (t) => {
  const house = await openHouse(NOON);
  const bad = spoiled(house.policy, null);
  const flood = Array.from({ length: 120 }, () => submission(allocate('mal', NOON), { source: '192.0.2.1' }));
  const { settlements } = await house.door.commitBatch(flood, bad);
  t.equal(settlements.filter(({ verdict }) => verdict === 'faulted').length, 120, 'all are answered');
  await house.door.commitBatch([submission(allocate('mal', NOON), { source: '192.0.2.2' })], bad);
  const counts = house.db.prepare('SELECT source, count(*) AS n FROM poison GROUP BY source ORDER BY source').all();
  t.same(counts, [
    { source: '192.0.2.1', n: 100 },
    { source: '192.0.2.2', n: 1 },
  ]);
});

t.test('an event without a packet is kept as text', async (t) => {
  const house = await openHouse(NOON);
  const event = allocate('mal', NOON, { usernameBytes: Uint8Array.of(0xca, 0xfe) });
  await house.door.commitBatch([submission(event)], spoiled(house.policy, null));
  const raw = house.db.prepare('SELECT raw FROM poison').pluck().get() as Uint8Array;
  t.match(JSON.parse(new TextDecoder().decode(raw)), { kind: 'allocate', subscriber: 'mal', usernameBytes: 'cafe' });
});

t.test('a store that cannot even condemn is lost', async (t) => {
  const house = await openHouse(NOON);
  house.db.exec("CREATE TRIGGER no_poison BEFORE INSERT ON poison BEGIN SELECT RAISE(ABORT, 'no'); END");
  const bad = spoiled(house.policy, null);
  const both = [submission(allocate('ann', NOON)), submission(allocate('mal', NOON))];
  await t.rejects(house.door.commitBatch(both, bad), { code: 'store-lost' });
  await t.rejects(house.say(allocate('ann', NOON)), { code: 'store-lost' });
});

t.test('a process that dies while the halves are committed has answered nothing', async (t) => {
  let begun = 0;
  const faultAt = (point: FaultPoint): boolean => point === 'after-begin' && ++begun === 4;
  const house = await openHouse(NOON, {}, { faultAt });
  begun = 0;
  const names = ['ann', 'bob', 'mal', 'cid'];
  const batch = names.map((who) => submission(allocate(who, NOON)));
  await t.rejects(house.door.commitBatch(batch, spoiled(house.policy, null)), { code: 'store-lost' });
  house.db.exec('ROLLBACK');
  t.equal(house.db.prepare('SELECT count(*) FROM assignment').pluck().get(), 2, 'the first half is there');
  const next = await openHouse(NOON, {}, { db: house.db });
  const again = await next.door.commitBatch(batch, spoiled(next.policy, null));
  t.same(
    again.settlements.map(({ verdict }) => verdict),
    ['duplicate', 'duplicate', 'faulted', 'applied'],
    'and is recognised when it is sent again',
  );
  t.same(invariants(next.db, next.policy), []);
});
