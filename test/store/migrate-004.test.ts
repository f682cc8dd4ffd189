/** Migration 004 with data inside: down to version 3, where an older addrd may work on, and up again. */
import Database from 'better-sqlite3';
import t from 'tap';
import type { LifecycleEvent, RenumberEvent } from '../../src/daemon/lifecycle/events.js';
import { migrate } from '../../src/store/migrate.js';
import { UP } from '../../src/store/migrations/004.js';
import { acct, allocate, deadline, nasOn, NOON, octets, revoke, service } from '../support/events.js';
import { openHouse, POOLS, prefix } from '../support/house.js';
import { invariants } from '../support/invariants.js';

/** The pools of every test, one of routed subnets, and one address twice: in another VRF, under a lower number. */
const [V4, ...REST] = POOLS;
const HOUSE = [
  { ...V4, name: 'other', vrf: 'other' },
  { ...V4, name: 'v4' },
  { ...V4, name: 'lan', use: 'routed', prefix: prefix('198.51.100.0/24'), unitLength: 29 },
  ...REST,
] as typeof POOLS;

t.test('each conflict gets the pool whose alarm counts it', async (t) => {
  const db = new Database(':memory:');
  const house = await openHouse(NOON, {}, { db, pools: HOUSE });
  const shown = (attribute: 'Delegated-IPv6-Prefix' | 'Framed-Route', text: string) => {
    return { addresses: [{ attribute, prefix: prefix(text) }] };
  };
  await house.say(acct('acct-start', 'unit', NOON, ['100.64.0.9']));
  await house.say(acct('acct-start', 'within', NOON, [], shown('Delegated-IPv6-Prefix', '2001:db8:100:100::/60')));
  await house.say(acct('acct-start', 'wider', NOON, [], shown('Framed-Route', '198.51.100.0/24')));
  const pools = db
    .prepare('SELECT c.kind, p.name, hex(c.net) FROM conflict c LEFT JOIN pool p ON p.id = c.pool ORDER BY c.id')
    .raw();
  const before = pools.all();
  t.strictSame(before, [
    ['occupied', 'v4', '64400009'],
    ['occupied', 'pd', '20010DB8010001000000000000000000'],
    ['wider-than-pool', 'lan', 'C6336400'],
  ]);
  migrate(db, 'x', 3);
  migrate(db, 'x');
  t.strictSame(pools.all(), before);
  t.same(invariants(db, house.policy), []);
  const again = await openHouse(NOON + 10, {}, { db, pools: HOUSE });
  const open = db.prepare("SELECT name FROM alarm WHERE cause = 'occupied' AND cleared_at IS NULL").pluck();
  t.strictSame(open.all().sort(), ['pd', 'v4']);
  await again.say(acct('acct-stop', 'within', NOON + 11));
  t.strictSame(open.all(), ['v4']);
  await again.say(acct('acct-stop', 'unit', NOON + 12));
  t.strictSame(open.all(), []);

  const update = /^UPDATE conflict SET pool[^;]*;/m.exec(UP)?.[0] ?? '';
  const plan = db.prepare(`EXPLAIN QUERY PLAN ${update}`).all() as { detail: string }[];
  t.ok(plan.length > 1);
  t.notOk(
    plan.some(({ detail }) => detail.includes('pool_free')),
    'no look at the units of pools',
  );
});

/** A renumbering of a subscriber's only IPv4 address. */
function renumber(subscriber: string, at: number): RenumberEvent {
  return {
    kind: 'renumber',
    tenant: 'default',
    actor: 'test',
    receivedAt: at,
    subscriber,
    family: 'ipv4',
    prefix: null,
    to: null,
    pool: 'v4',
    when: 'next_session',
    at: null,
    deadline: NOON + 3_600_000,
    reason: 'test',
  };
}

/** What an addrd of version 3 does when a session begins on what is ALLOCATED: neither suspension nor subnet is known to it. */
function seenBy3(db: Database.Database, assignment: number, at: number): void {
  db.prepare("UPDATE assignment SET state = 'active', activated_at = ? WHERE id = ?").run(at, assignment);
}

t.test('suspensions, renumberings and what is due of a pool are there again', async (t) => {
  const db = new Database(':memory:');
  const house = await openHouse(NOON, {}, { db, pools: HOUSE });
  const say = async (...events: LifecycleEvent[]) => {
    t.same(
      (await house.say(...events)).map(({ verdict, code }) => [verdict, code]).filter(([v]) => v !== 'applied'),
      [],
    );
  };
  // Assignments 1 to 4: suspended and never seen, the second seen by version 3; suspended without anything; back in service.
  await say(allocate('sus', NOON, { pool: 'v4' }), service('suspend', 'sus', NOON + 1));
  await say(allocate('came', NOON, { pool: 'v4' }), service('suspend', 'came', NOON + 1));
  await say(allocate('left', NOON, { pool: 'v4' }), acct('acct-start', 'l', NOON + 1, ['100.64.0.3']));
  await say(service('suspend', 'left', NOON + 2), revoke('left', NOON + 3), acct('acct-stop', 'l', NOON + 4));
  await say(allocate('back', NOON, { pool: 'v4' }), service('suspend', 'back', NOON + 1));
  await say(service('reactivate', 'back', NOON + 2));
  // 5 and 6: renumbered; 7 and 8: renumbered, and the old one ended meanwhile.
  await say(allocate('ren', NOON, { pool: 'v4' }), acct('acct-start', 'r', NOON + 2, ['100.64.0.5']));
  await say(renumber('ren', NOON + 3));
  await say(allocate('ended', NOON, { pool: 'v4' }), renumber('ended', NOON + 3));
  // 9 and 10: a parent and its subnet.
  await say(allocate('sub', NOON, { pool: 'v4' }));
  await say(allocate('sub', NOON, { pool: 'lan', parent: { by: 'subscriber' } }));
  await say(acct('acct-start', 's1', NOON + 5, ['100.64.0.9']));
  // Suspends that wait, and a pool of another kind.
  house.policy = { ...house.policy, guard: { ...house.policy.guard, count: 1, floor: 1 } };
  for (const name of ['held', 'approved']) {
    const by = { actor: `token:${name}` };
    await say(allocate(name, NOON + 6, { pool: 'v4' }), allocate(`${name}-1`, NOON + 6, { pool: 'v4' }));
    await say(service('suspend', `${name}-1`, NOON + 6, by), service('suspend', name, NOON + 6, by));
  }
  const kinds = HOUSE.map((pool) => (pool.name === 'pd' ? { ...pool, kind: 'dynamic' as const } : pool));
  await say({ kind: 'daemon-started', tenant: 'default', pools: kinds, receivedAt: NOON + 7 });

  const told = (sql: string): unknown[] => db.prepare(sql).raw().all();
  const look = () => ({
    subscribers: told('SELECT id, generation, suspended_at, service FROM subscriber'),
    renumber: told("SELECT id, renumber FROM assignment WHERE supersedes = 5 AND state <> 'revoked'"),
    batches: told('SELECT id, suspends, coas FROM batch'),
    held: told('SELECT * FROM held_suspend ORDER BY subscriber'),
    deadlines: told(
      "SELECT kind, ref, due_at FROM deadline WHERE (kind, ref) <> ('renumber', '8') AND kind <> 'approval'",
    ),
  });
  const before = look();
  t.same(before.subscribers.filter((row) => (row as unknown[])[2] !== null).length, 5);
  t.same([before.renumber.length, before.batches.length, before.held.length], [1, 2, 2]);
  t.ok(['pool-kind', 'renumber'].every((kind) => before.deadlines.some((row) => (row as unknown[])[0] === kind)));
  t.same(invariants(db, house.policy), []);
  const schema = db.prepare("SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY name");
  const schemaBefore = schema.all();

  migrate(db, 'x', 3);
  t.strictSame(db.pragma('foreign_key_check'), []);
  // Version 3 works on: it puts one into service, ends another, opens a session on a parent, and is told to approve.
  seenBy3(db, 2, NOON + 10);
  db.exec(`UPDATE assignment SET state = 'revoking', revoking_at = ${String(NOON + 10)},
    revoke = json_object('reason', 'test', 'actor', 'test', 'sendDisconnect', json('false'), 'releaseToPool', json('true'))
    WHERE id = 7`);
  db.exec(`INSERT INTO session (tenant, nas, sid, epoch, start_seen, started_at, first_seen_at, subscriber, addresses)
    SELECT tenant, nas, x'7332', epoch, 1, ${String(NOON + 10)}, ${String(NOON + 11)}, subscriber,
           json_array(json_array('64400009/32', 'Framed-IP-Address', 'held', 9, NULL, ${String(NOON + 10)}))
      FROM session WHERE sid = x'7331'`);
  db.exec(`INSERT INTO session_usage SELECT (SELECT max(id) FROM session), updated_at, status, seconds, input_octets,
    output_octets, input_packets, output_packets, event_timestamp, interims, max_gap_ms FROM session_usage LIMIT 1`);
  db.exec(`INSERT INTO witness (assignment, source, ref, standing, opened_at)
    SELECT 9, 'session', max(id), 'held', ${String(NOON + 11)} FROM session`);
  db.exec(`UPDATE batch SET status = 'approved', decided_at = ${String(NOON + 10)}, decided_by = 'x' WHERE id = 2`);
  migrate(db, 'x');

  t.strictSame(look(), before);
  t.strictSame(schema.all(), schemaBefore, 'and nothing of what was kept');
  t.strictSame(
    told('SELECT id, state FROM assignment WHERE id IN (1, 2, 8)'),
    [
      [1, 'allocated'],
      [2, 'suspended'],
      [8, 'allocated'],
    ],
    'what came into service is suspended as its subscriber is',
  );
  t.strictSame(told('SELECT renumber FROM assignment WHERE id = 8'), [[null]], 'there is nothing left to replace');
  t.strictSame(told("SELECT kind, ref FROM deadline WHERE kind = 'approval'"), [['approval', '2']]);
  t.strictSame(told('SELECT ref FROM witness WHERE assignment = 10 AND closed_at IS NULL'), [[3], [4]]);
  t.same(invariants(db, house.policy), []);

  const again = await openHouse(NOON + 20, {}, { db, pools: kinds });
  t.match(await again.say(service('suspend', 'sus', NOON + 21)), [{ code: 'already-suspended' }]);
  t.match(await again.say(service('reactivate', 'left', NOON + 21)), [{ verdict: 'applied' }]);
  await again.say(deadline('approval', '2', NOON + 22));
  t.strictSame(told("SELECT suspended_at FROM subscriber WHERE name = 'approved'"), [[NOON + 22]]);
  await again.say(acct('acct-start', 'r2', NOON + 23, ['100.64.0.6'], { username: octets('ren') }));
  t.strictSame(told('SELECT state FROM assignment WHERE id IN (5, 6)'), [['revoking'], ['active']]);
  t.same(invariants(db, again.policy), []);
});

/** The IPv4 pool with another prefix. */
function v4(text: string, name = 'v4'): (typeof POOLS)[number] {
  return { ...(V4 as (typeof POOLS)[number]), name, prefix: prefix(text) };
}

/** Down to version 3, and up again. */
function downAndUp(db: Database.Database): void {
  migrate(db, 'x', 3);
  migrate(db, 'x');
}

t.test('what is in use outside a pool that had shrunk, and on its edges, is counted', async (t) => {
  const db = new Database(':memory:');
  const house = await openHouse(NOON, {}, { db, pools: [v4('100.64.0.0/28'), ...REST] });
  await house.say(allocate('alice', NOON, { pool: 'v4', requested: prefix('100.64.0.10') }));
  await house.say(acct('acct-start', 'alice', NOON + 1, ['100.64.0.10']));
  for (const edge of ['100.64.0.0', '100.64.0.7', '2001:db8:1::']) {
    await house.say(acct('acct-start', edge, NOON + 2, [edge]));
  }
  const pools = [v4('100.64.0.0/29'), ...REST];
  const shrunk = await openHouse(NOON + 2_000, {}, { db, pools });
  const counters = db.prepare('SELECT name, held, barred, used_excluded, used_outside, former FROM pool').raw();
  const before = counters.all();
  t.strictSame(before, [
    ['v4', 1, 2, 2, 1, '64400008-6440000f'],
    ['v6', 0, 1, 1, 0, ''],
    ['pd', 0, 0, 0, 0, ''],
  ]);
  t.same(invariants(db, shrunk.policy), []);

  downAndUp(db);
  t.strictSame(counters.all(), before);
  t.strictSame(
    db.prepare("SELECT strayed FROM pool WHERE former <> ''").pluck().all(),
    [1],
    'who came there is unknown',
  );
  const again = await openHouse(NOON + 4_000, {}, { db, pools });
  t.same(invariants(db, again.policy), []);
  await again.say(acct('acct-stop', 'alice', NOON + 5_000), revoke('alice', NOON + 6_000));

  // In quarantine it is nobody else's, whatever pool covers it.
  downAndUp(db);
  const wanted = [...pools, v4('100.64.0.8/29', 'new')];
  t.match(await again.say({ kind: 'daemon-started', tenant: 'default', pools: wanted, receivedAt: NOON + 7_000 }), [
    { verdict: 'refused', code: 'pool-overlaps' },
  ]);
  for (const edge of ['100.64.0.0', '100.64.0.7', '2001:db8:1::']) {
    await again.say(acct('acct-stop', edge, NOON + 8_000));
  }
  // When it was left version 3 did not keep: it rests for a round more.
  for (const at of [NOON + 100_000, NOON + 700_000, NOON + 1_400_000]) {
    for (const { kind, ref } of again.pending.due(at, 100)) await again.say(deadline(kind, ref, at));
  }
  t.strictSame(db.prepare("SELECT * FROM pool_free WHERE state <> 'free'").all(), []);
  t.strictSame(db.prepare('SELECT * FROM poison').all(), []);
  t.same(invariants(db, again.policy), []);
});

t.test('who may be on a unit still, and what of a pool waits, is there again', async (t) => {
  const db = new Database(':memory:');
  const house = await openHouse(NOON, {}, { db, pools: [v4('100.64.0.0/29')] });
  await house.say(acct('acct-start', 'gone', NOON + 1, ['100.64.0.5']), nasOn(NOON + 1_000));
  await house.say(acct('acct-start', 'other', NOON + 2_000, ['100.64.0.6']));
  const at = NOON + 4_000_000;
  for (let now = NOON; now < at; now += 300_000) {
    await house.say(acct('acct-interim', 'other', now, ['100.64.0.6']));
    for (const { kind, ref } of house.pending.due(now, 100)) await house.say(deadline(kind, ref, now));
  }
  const pools = [v4('100.64.0.0/28')];
  await openHouse(at, {}, { db, pools });
  const look = () => [
    db.prepare('SELECT state, doubted, left_at, free_at FROM pool_free ORDER BY net').raw().all(),
    db.prepare('SELECT former, strayed, unsure_since, unsure_part FROM pool').raw().all(),
  ];
  const before = look();
  t.match(before, [
    [
      ['quarantined', '1'],
      ['occupied', ''],
    ],
    [['', 0, at, '64400008-6440000f']],
  ]);
  downAndUp(db);
  t.strictSame(look(), before);
  const again = await openHouse(at + 1, {}, { db, pools });
  t.match(await again.say(allocate('bob', at + 3, { pool: 'v4', requested: prefix('100.64.0.9') })), [
    { verdict: 'refused', code: 'pool-unsure' },
  ]);

  await again.say(acct('acct-stop', 'gone', at + 4));
  t.match(look()[0], [['quarantined', '', at + 4, at + 60_004], ['occupied']], 'its Stop says that it is gone');

  // What version 3 has set free is free, and where it waits anew all of the pool does.
  db.exec("UPDATE pool_free SET doubted = '1' WHERE state = 'quarantined'");
  migrate(db, 'x', 3);
  db.exec(
    "UPDATE pool_free SET state = 'free' WHERE state = 'quarantined'; UPDATE pool SET unsure_since = unsure_since + 1",
  );
  db.exec('UPDATE pool SET barred = barred - 1, freed = freed + 1');
  migrate(db, 'x');
  t.match(look(), [
    [
      ['free', ''],
      ['occupied', ''],
    ],
    [['', 0, at + 1, '']],
  ]);
  t.same(invariants(db, again.policy), []);
});

t.test('what was reserved is new yet where the config reserves it no more', async (t) => {
  const db = new Database(':memory:');
  const reserved = [{ first: 0x6440_0003n, last: 0x6440_0004n }];
  const house = await openHouse(NOON, {}, { db, pools: [{ ...v4('100.64.0.0/29'), reserved }] });
  const all = ['a', 'b', 'c', 'd', 'e', 'f'];
  await house.say(...all.slice(0, 5).map((name) => allocate(name, NOON + 1, { pool: 'v4' })));
  downAndUp(db);
  const again = await openHouse(NOON + 100, {}, { db, pools: [v4('100.64.0.0/29')] });
  t.same(invariants(db, again.policy), []);
  await again.say(...all.slice(4).map((name) => allocate(name, NOON + 101, { pool: 'v4' })));
  t.strictSame(db.prepare('SELECT hex(lo) FROM live ORDER BY lo').pluck().all(), [
    ...['64400001', '64400002', '64400003', '64400004', '64400005', '64400006'],
  ]);
});
