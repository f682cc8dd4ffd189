/** Migration 004 with data inside: down to version 3, where an older addrd may work on, and up again. */
import Database from 'better-sqlite3';
import t from 'tap';
import type { LifecycleEvent, RenumberEvent } from '../../src/daemon/lifecycle/events.js';
import { migrate } from '../../src/store/migrate.js';
import { UP } from '../../src/store/migrations/004.js';
import { acct, allocate, deadline, NOON, octets, revoke, service } from '../support/events.js';
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
