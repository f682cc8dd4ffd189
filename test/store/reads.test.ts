import BetterSqlite3 from 'better-sqlite3';
import { join } from 'node:path';
import t from 'tap';
import { openReader } from '../../src/store/open.js';
import { Reads } from '../../src/store/reads.js';
import { MOST_ROWS, sane } from '../../src/store/reads/limit.js';
import { openHouse, prefix } from '../support/house.js';

const START = Date.UTC(2026, 10, 22, 3);

t.test('a limit is at least one row and at most a thousand', async (t) => {
  t.strictSame([-1, 0, 1, 1.9, 1_000, 1_001].map(sane), [1, 1, 1, 1, MOST_ROWS, MOST_ROWS]);
});

t.test('a second, read-only connection sees what was committed', async (t) => {
  const path = join(t.testdir(), 'addrd.db');
  const house = await openHouse(START, {}, { db: new BetterSqlite3(path) });
  const db = openReader(path);
  t.teardown(() => {
    db.close();
    house.db.close();
  });
  const reads = new Reads(db, { monoMs: () => 0 });
  t.equal(reads.subscriber('default', 'alice'), null);
  const order = { kind: 'allocate', tenant: 'default', actor: 'test', subscriber: 'alice', family: 'ipv4' } as const;
  const rest = { pool: null, requested: null, username: null, usernameBytes: null, metadata: null } as const;
  await house.say({ ...order, ...rest, receivedAt: START + 1 });
  t.match(reads.subscriber('default', 'alice'), {
    assignments: [{ row: { state: 'allocated' }, pool: 'v4', vrf: 'global' }],
  });
  t.match(reads.address('default', prefix('100.64.0.1')), {
    units: [{ past: null }],
    history: [{ row: { kind: 'tenure' }, subscriber: 'alice', nas: null }],
  });
  t.match(reads.counts(null, START), { assignments: [{ family: 'ipv4', state: 'allocated', count: 1 }] });
  t.strictSame(reads.counts('other', START).assignments, []);
  t.strictSame(reads.events('other', { after: null, limit: 10 }), []);
  t.equal(reads.events('other', { after: null, limit: 10, subscriber: 'alice' }), null);
  t.match(reads.address('other', prefix('100.64.0.1')), { units: [], history: [], assignments: [], journal: [] });
});
