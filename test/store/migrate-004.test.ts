/** Migration 004 with data inside: down to version 3, where an older addrd may work on, and up again. */
import Database from 'better-sqlite3';
import t from 'tap';
import { migrate } from '../../src/store/migrate.js';
import { UP } from '../../src/store/migrations/004.js';
import { acct, NOON } from '../support/events.js';
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
