/** The file of the store: made, opened again, brought down and up with data in it, and refused where it is not ours. */
import Database from 'better-sqlite3';
import { mkdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { ConfiguredPool } from '../../src/daemon/lifecycle/events.js';
import { StoreError } from '../../src/store/errors.js';
import { APPLICATION_ID, migrate, SCHEMA_VERSION } from '../../src/store/migrate.js';
import { openReader, openStore, prepare } from '../../src/store/open.js';
import { acct, allocate, nasOn, NOON, revoke, service } from '../support/events.js';
import { temporary } from '../support/files.js';
import { BRAS, openHouse, POOLS, prefix } from '../support/house.js';
import { invariants } from '../support/invariants.js';

const PID = 4_242;

function codeOf(open: () => unknown): string {
  try {
    open();
  } catch (error) {
    return error instanceof StoreError ? error.code : `not a StoreError: ${String(error)}`;
  }
  return 'opened';
}

/** Something in every table that decisions write. */
async function fill(db: Database.Database): Promise<void> {
  const house = await openHouse(NOON, {}, { db });
  await house.say(allocate('ann', NOON, { username: 'ann', usernameBytes: Uint8Array.of(97) }), allocate('bob', NOON));
  await house.say(acct('acct-start', 'a', NOON + 1, ['100.64.0.1']), acct('acct-start', 'b', NOON + 1, ['100.64.0.2']));
  await house.say(acct('acct-start', 'x', NOON + 1, ['100.64.0.9']), revoke('bob', NOON + 2));
  await house.say(acct('acct-stop', 'a', NOON + 3), revoke('ann', NOON + 4));
  await house.say(nasOn(NOON + 5));
  const by = { tenant: 'default', actor: 'test', receivedAt: NOON + 6 };
  await house.say({ ...by, kind: 'maintenance', nas: 'bras', until: NOON + 3_600_000, reason: 'firmware' });
  house.policy = { ...house.policy, guard: { ...house.policy.guard, count: 1, floor: 1 } };
  await house.say(allocate('cat', NOON + 6), revoke('cat', NOON + 7), service('suspend', 'cat', NOON + 8));
  const cause = 'ordered';
  await house.say({ ...by, kind: 'task-run', task: 'clean-up', cause, force: false, receivedAt: NOON + 9 });
  const about = { subscriber: 'ann', prefix: null, vrf: null, reason: 'case 7' };
  await house.say({ ...by, kind: 'hold', ...about });
}

t.test('a fresh file', (t) => {
  const path = join(temporary(t), 'sub', 'addrd.db');
  const store = openStore(path, PID);
  const pragma = (name: string): unknown => store.db.pragma(name, { simple: true });
  t.equal(pragma('page_size'), 4_096);
  t.equal(pragma('auto_vacuum'), 2, 'INCREMENTAL');
  t.equal(pragma('application_id'), APPLICATION_ID);
  t.equal(pragma('user_version'), SCHEMA_VERSION);
  t.equal(pragma('journal_mode'), 'wal');
  t.equal(pragma('synchronous'), 2, 'FULL');
  t.equal(pragma('foreign_keys'), 1);
  t.equal(statSync(path).mode & 0o007, 0, 'others cannot read it');
  t.equal(statSync(path).mode & 0o777 & ~0o640, 0, 'nor can the group write it');
  for (const file of [`${path}-wal`, `${path}-shm`])
    t.equal(statSync(file).mode & 0o137, 0, `${file.slice(-4)} neither`);
  t.equal(statSync(join(path, '..')).mode & 0o027, 0, 'nor enter the directory that was made for it');
  store.close();
  store.close();
  t.equal(readFileSync(path).toString('latin1', 68, 72), 'addr', 'where file(1) looks for it');
  t.end();
});

t.test('an existing store opens with its data and its numbers go on', async (t) => {
  const path = join(temporary(t), 'addrd.db');
  const first = openStore(path, PID);
  await fill(first.db);
  const before = first.db.prepare('SELECT id, state FROM assignment ORDER BY id').all();
  t.equal(before.length, 3);
  first.close();

  const second = openStore(path, PID);
  t.teardown(() => {
    second.close();
  });
  t.same(second.db.prepare('SELECT id, state FROM assignment ORDER BY id').all(), before);
  const house = await openHouse(NOON + 10, {}, { db: second.db });
  await house.say(allocate('dan', NOON + 10));
  t.equal(second.db.prepare('SELECT max(id) FROM assignment').pluck().get(), 4);
  t.same(invariants(second.db, house.policy), []);
  const reader = openReader(path);
  t.teardown(() => {
    reader.close();
  });
  t.equal(reader.prepare('SELECT count(*) FROM assignment').pluck().get(), 4);
  t.throws(() => reader.exec('DELETE FROM journal'), { code: 'SQLITE_READONLY' }, 'a reader cannot write');
});

t.test('down to nothing and up again with data inside', async (t) => {
  const db = new Database(join(temporary(t), 'addrd.db'));
  t.teardown(() => {
    db.close();
  });
  await fill(db);
  db.exec('INSERT INTO gap (nas, until, since) VALUES (1, 20, 10)');
  const full = db.prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'").pluck();
  const tables = full.all() as string[];
  const written = tables.filter((name) => (db.prepare(`SELECT count(*) FROM ${name}`).pluck().get() as number) > 0);
  const unused = ['lease', 'idempotency', 'poison', 'journal_retention'];
  t.same(tables.filter((name) => !written.includes(name)).sort(), unused.sort(), 'every table that is in use has rows');
  const schema = db.prepare("SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY name");
  const before = schema.all();

  migrate(db, 'x', 0);
  t.same(schema.all(), [], 'nothing is left');
  t.equal(db.pragma('user_version', { simple: true }), 0);
  migrate(db, 'x');
  t.same(schema.all(), before, 'and all of it comes back');
  t.equal(db.pragma('user_version', { simple: true }), SCHEMA_VERSION);
  t.equal(db.pragma('auto_vacuum', { simple: true }), 2);
  t.equal(db.prepare('SELECT count(*) FROM assignment').pluck().get(), 0);
  await fill(db);
  t.equal(db.prepare('SELECT max(id) FROM assignment').pluck().get(), 3, 'and works');
  t.equal(db.pragma('integrity_check', { simple: true }), 'ok');
});

t.test('down to version 1 with brakes inside: what was held back is not sent, and all else stays', async (t) => {
  const db = new Database(':memory:');
  const house = await openHouse(NOON, {}, { db });
  house.policy = { ...house.policy, guard: { ...house.policy.guard, count: 1, floor: 1 } };
  await house.say(allocate('ann', NOON), allocate('bob', NOON));
  const two = [acct('acct-start', 'a', NOON + 1, ['100.64.0.1']), acct('acct-start', 'b', NOON + 1, ['100.64.0.1'])];
  await house.say(...two, revoke('ann', NOON + 2), revoke('bob', NOON + 3));
  for (const outbox of [1, 2]) await house.say({ kind: 'effect-started', outbox, receivedAt: NOON + 4 });
  t.equal(db.prepare('SELECT count(*) FROM approval').pluck().get(), 1);
  t.strictSame(db.prepare('SELECT status, batch FROM outbox ORDER BY id').raw().all(), [
    ['pending', null],
    ['pending', 2],
  ]);
  const deadlines = db.prepare('SELECT kind, ref, due_at FROM deadline ORDER BY kind, ref').raw().all();
  t.ok(deadlines.length > 0);
  migrate(db, 'x', 1);
  t.strictSame(db.prepare('SELECT status, outcome FROM outbox ORDER BY id').raw().all(), [
    ['pending', null],
    ['superseded', 'not-approved'],
  ]);
  t.strictSame(db.prepare('SELECT disconnect FROM session ORDER BY id').pluck().all(), [1, null]);
  t.strictSame(db.pragma('foreign_key_check'), []);
  migrate(db, 'x');
  t.strictSame(db.prepare('SELECT kind, ref, due_at FROM deadline ORDER BY kind, ref').raw().all(), deadlines);
  t.same(invariants(db, house.policy), []);
  const again = await openHouse(NOON + 10, {}, { db });
  t.match(await again.say(revoke('bob', NOON + 11)), [{ verdict: 'applied', code: null }], 'and works');
});

t.test('down to version 3 with a suspension inside: no CoA is sent, and who is suspended still is later', async (t) => {
  const db = new Database(':memory:');
  const profiles = { suspend: true, resume: true, gardenClass: null };
  const house = await openHouse(NOON, { nas: new Map([['bras', { ...BRAS, profiles }]]) }, { db });
  await house.say(allocate('ann', NOON), acct('acct-start', 'a', NOON + 1, ['100.64.0.1']));
  await house.say(service('suspend', 'ann', NOON + 2));
  const outbox = db.prepare('SELECT kind, status, outcome FROM outbox').raw();
  t.strictSame(outbox.all(), [['nas.coa', 'pending', null]]);
  migrate(db, 'x', 3);
  t.strictSame(outbox.all(), [['nas.coa', 'superseded', 'no-coa']]);
  t.strictSame(db.pragma('foreign_key_check'), []);
  migrate(db, 'x');
  t.same(invariants(db, house.policy), []);
  const again = await openHouse(NOON + 10, {}, { db });
  t.match(await again.say(service('suspend', 'ann', NOON + 11)), [{ code: 'already-suspended' }]);
  t.match(await again.say(service('reactivate', 'ann', NOON + 12)), [{ verdict: 'applied' }]);
  t.strictSame(db.prepare('SELECT state FROM assignment').pluck().all(), ['active']);
});

t.test(
  'up from version 2: a pool out of the config has the default quarantine, and waits when it comes back',
  async (t) => {
    const db = new Database(':memory:');
    const house = await openHouse(NOON, {}, { db });
    const [v4, ...rest] = POOLS;
    if (v4 === undefined) throw new TypeError('no pools');
    const start = (pools: readonly ConfiguredPool[], receivedAt: number) =>
      house.say({ kind: 'daemon-started', tenant: 'default', pools, receivedAt });
    await start(rest, NOON + 1);
    migrate(db, 'x', 2);
    migrate(db, 'x');
    const pools = db.prepare('SELECT name, quarantine_ms, unsure_since FROM pool ORDER BY id').raw();
    t.strictSame(pools.all(), [
      ['v4', 3_600_000, NOON + 1],
      ['v6', 3_600_000, null],
      ['pd', 3_600_000, null],
    ]);
    await start([{ ...v4, quarantineMs: 5_000 }, ...rest], NOON + 2);
    t.strictSame(pools.all(), [
      ['v4', 5_000, NOON + 2],
      ['v6', 60_000, null],
      ['pd', 60_000, null],
    ]);
  },
);

t.test('down to version 4 and up again: what was imported is known as before', async (t) => {
  const db = new Database(':memory:');
  const house = await openHouse(NOON, {}, { db });
  const row = {
    kind: 'import-row',
    tenant: 'default',
    actor: 'test',
    receivedAt: NOON,
    pool: null,
    vrf: null,
  } as const;
  const more = { identities: [], metadata: null, line: null };
  const ann = { ...row, ...more, subscriber: 'ann', prefix: prefix('100.64.0.1'), status: 'assigned' } as const;
  const old = { ...ann, subscriber: 'old', status: 'expired' } as const;
  await house.say(ann, old, allocate('bob', NOON));
  const marks = db.prepare('SELECT id, provenance, imported FROM assignment ORDER BY id');
  const before = marks.all();
  t.match(before, [{ provenance: 'imported', imported: /"assigned"/ }, { imported: /"expired"/ }, { imported: null }]);
  migrate(db, 'x', 4);
  t.throws(() => db.prepare('SELECT imported FROM assignment'), /no such column/);
  t.same(db.pragma('foreign_key_check'), []);
  migrate(db, 'x');
  t.same(marks.all(), before);
  const again = await openHouse(NOON + 10, {}, { db });
  const [known] = await again.say({ ...ann, receivedAt: NOON + 10 });
  t.match(known, { verdict: 'duplicate', code: 'already-imported' });
  t.same(invariants(db, again.policy), []);
});

t.test('down to version 4 and 3: when nobody listened is known again after the way up', async (t) => {
  const db = new Database(':memory:');
  const house = await openHouse(NOON, {}, { db });
  const start = { kind: 'daemon-started', tenant: 'default', pools: POOLS } as const;
  await house.say({ kind: 'heartbeat', receivedAt: NOON + 5_000 }, { ...start, receivedAt: NOON + 65_250 });
  await house.say(acct('acct-start', 'a', NOON + 70_000, ['100.64.0.1']));
  await house.say(acct('acct-interim', 'a', NOON + 7_270_000, ['100.64.0.1'], { seconds: 7_200 }));
  const gaps = db.prepare('SELECT nas, since, until FROM gap ORDER BY nas').raw();
  const before = gaps.all();
  t.strictSame(before, [
    [0, NOON + 5_000, NOON + 65_250],
    [1, NOON + 70_000, NOON + 7_270_000],
  ]);
  for (const version of [4, 3]) {
    migrate(db, 'x', version);
    migrate(db, 'x');
    t.strictSame(gaps.all(), before);
  }
  migrate(db, 'x', 2);
  migrate(db, 'x');
  t.strictSame(gaps.all(), before.slice(0, 1), 'the journal has those of addrd itself');
});

t.test(
  'down to version 4: a pool that waits is looked at again, and one whose wait is long over does not wait',
  async (t) => {
    const db = new Database(':memory:');
    const house = await openHouse(NOON, {}, { db });
    const [v4] = POOLS;
    if (v4 === undefined) throw new TypeError('no pools');
    await house.say(acct('acct-start', 'x', NOON, ['10.9.0.1']));
    const added = { ...v4, name: 'new', prefix: prefix('10.9.0.0/29') };
    const load = (pools: readonly ConfiguredPool[], receivedAt: number) =>
      house.say({ kind: 'config-loaded', tenant: 'default', pools, changed: ['pools'], receivedAt });
    await load([...POOLS, added], NOON + 1);
    const waits = () => [
      db.prepare("SELECT unsure_since, survey FROM pool WHERE name = 'new'").raw().get(),
      db.prepare("SELECT ref, due_at FROM deadline WHERE kind = 'pool-wait'").raw().all(),
    ];
    const before = waits();
    t.strictSame(before, [[NOON + 1, '0/'], [['4', NOON + 1]]]);
    for (const version of [4, 3]) {
      migrate(db, 'x', version);
      t.strictSame(db.prepare("SELECT * FROM deadline WHERE kind = 'pool-wait'").all(), []);
      migrate(db, 'x');
      t.strictSame(waits(), before);
    }
    await house.say({ kind: 'heartbeat', receivedAt: NOON + 5_000 });
    migrate(db, 'x', 4);
    db.exec("UPDATE meta SET value = value + 86400000 WHERE key = 'alive_at'");
    migrate(db, 'x');
    t.strictSame(waits(), [[null, null], []]);
  },
);

t.test(
  'down to version 4 and 3: the last run of a task and what is held are known again, and what ran goes on',
  async (t) => {
    const db = new Database(':memory:');
    const house = await openHouse(NOON, {}, { db });
    const by = { tenant: 'default', actor: 'token:noc', task: 'clean-up', cause: 'ordered', force: false } as const;
    await house.say({ kind: 'task-run', ...by, receivedAt: NOON + 1 });
    await house.say(allocate('ann', NOON));
    const none = { subscriber: null, prefix: null, vrf: null, reason: 'case 7', receivedAt: NOON + 2 };
    const who = { tenant: 'default', actor: 'token:root', kind: 'hold', ...none } as const;
    await house.say({ ...who, subscriber: 'ann' }, { ...who, prefix: prefix('100.64.0.0/30'), vrf: 'global' });
    const holds = db.prepare('SELECT * FROM hold ORDER BY ref').all();
    const tasks = () => db.prepare('SELECT * FROM task').all();
    const due = () => db.prepare("SELECT ref, due_at FROM deadline WHERE kind = 'task'").raw().all();
    const running = tasks();
    for (const version of [4, 3]) {
      migrate(db, 'x', version);
      t.strictSame(due(), []);
      migrate(db, 'x');
      t.strictSame([tasks(), due()], [running, [['clean-up', NOON + 1]]]);
      t.same(db.prepare('SELECT * FROM hold ORDER BY ref').all(), holds);
      t.equal(holds.length, 2);
    }
    for (let at = NOON + 1; due().length > 0; at += 100) {
      await house.say({ kind: 'deadline', what: 'task', ref: 'clean-up', receivedAt: at });
    }
    const done = tasks();
    t.match(done, [{ code: 'done' }]);
    migrate(db, 'x', 4);
    migrate(db, 'x');
    t.strictSame([tasks(), due()], [done, []]);
  },
);

t.test('what was open before there were alarms is counted, and ends one by one', async (t) => {
  const db = new Database(':memory:');
  const house = await openHouse(NOON, {}, { db });
  await house.say(acct('acct-start', 'x', NOON, ['100.64.0.5']), acct('acct-start', 'y', NOON + 1, ['100.64.0.6']));
  await house.say(allocate('ann', NOON + 2));
  await house.say(acct('acct-start', 'a', NOON + 3, ['100.64.0.1']), acct('acct-start', 'b', NOON + 4, ['100.64.0.1']));
  await house.say(revoke('ann', NOON + 5));
  for (let attempt = 1; attempt <= 3; attempt++) {
    const outcome = { result: 'timeout' } as const;
    await house.say({ kind: 'effect-started', outbox: 1, receivedAt: NOON + 6 });
    await house.say({ kind: 'effect-outcome', outbox: 1, attempt, outcome, jitter: 0, receivedAt: NOON + 6 });
  }
  const alarms = db
    .prepare("SELECT cause, ref, name, severity, count, active FROM alarm WHERE ref LIKE 'pool:%' ORDER BY cause")
    .raw();
  const before = alarms.all();
  const of = (cause: string): number => before.filter((row) => (row as unknown[])[0] === cause).length;
  t.strictSame([of('occupied'), of('termination-stuck')], [1, 1]);
  migrate(db, 'x', 2);
  migrate(db, 'x');
  t.strictSame(alarms.all(), before);
  const again = await openHouse(NOON + 10, {}, { db });
  const cleared = db.prepare("SELECT cleared_at FROM alarm WHERE cause = 'occupied'").pluck();
  await again.say(acct('acct-stop', 'x', NOON + 10, ['100.64.0.5']));
  t.equal(cleared.get(), null, 'one is left');
  await again.say(acct('acct-stop', 'y', NOON + 11, ['100.64.0.6']));
  t.equal(cleared.get(), NOON + 11);
});

t.test('a migration that fails leaves the version before it', (t) => {
  const db = new Database(':memory:');
  db.pragma(`application_id = ${String(APPLICATION_ID)}`);
  db.exec('CREATE TABLE live (x)');
  t.throws(() => {
    migrate(db, 'x');
  }, /already exists/);
  t.same(db.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").pluck().all(), ['live']);
  t.equal(db.pragma('user_version', { simple: true }), 0);
  t.end();
});

t.test('what is refused', (t) => {
  const dir = temporary(t);
  const file = (name: string): string => join(dir, name);

  openStore(file('new.db'), PID).close();
  const newer = new Database(file('new.db'));
  newer.pragma(`user_version = ${String(SCHEMA_VERSION + 1)}`);
  newer.close();
  t.equal(
    codeOf(() => openStore(file('new.db'), PID)),
    'store-too-new',
  );

  const foreign = new Database(file('foreign.db'));
  foreign.exec('CREATE TABLE t (x); INSERT INTO t VALUES (1)');
  foreign.close();
  const octets = readFileSync(file('foreign.db'));
  t.equal(
    codeOf(() => openStore(file('foreign.db'), PID)),
    'store-foreign',
  );
  t.ok(readFileSync(file('foreign.db')).equals(octets), 'and left as it was');

  const other = new Database(file('other.db'));
  other.pragma('application_id = 1');
  other.close();
  t.equal(
    codeOf(() => openStore(file('other.db'), PID)),
    'store-foreign',
    'empty, but somebody else’s',
  );

  writeFileSync(file('text.db'), 'Dear diary, '.repeat(200));
  t.equal(
    codeOf(() => openStore(file('text.db'), PID)),
    'store-foreign',
  );
  t.equal(readFileSync(file('text.db'), 'utf8'), 'Dear diary, '.repeat(200));

  mkdirSync(file('dir.db'));
  t.equal(
    codeOf(() => openStore(file('dir.db'), PID)),
    'store-unreadable',
  );
  t.equal(
    codeOf(() => openStore(join(file('text.db'), 'under', 'a.db'), PID)),
    'store-unreadable',
  );
  t.equal(
    codeOf(() => openReader(file('nowhere.db'))),
    'store-unreadable',
  );
  t.end();
});

t.test('a truncated store is damaged, wherever it was cut', async (t) => {
  const dir = temporary(t);
  const whole = join(dir, 'whole.db');
  const store = openStore(whole, PID);
  await fill(store.db);
  store.close();
  const octets = readFileSync(whole);
  for (const size of [2, 15, 100, 600, 4_096, octets.length >> 1, octets.length - 4_096, octets.length - 1]) {
    const cut = join(dir, `cut-${String(size)}.db`);
    writeFileSync(cut, octets);
    truncateSync(cut, size);
    // Too short for SQLite to see its own mark in it.
    const expected = size < 16 ? 'store-foreign' : 'store-corrupt';
    t.equal(
      codeOf(() => openStore(cut, PID)),
      expected,
      `${String(size)} of ${String(octets.length)} octets`,
    );
    t.equal(
      codeOf(() => openStore(cut, PID)),
      expected,
      'and again: the lock was given back',
    );
  }
});

t.test('preparing a store twice changes nothing', (t) => {
  const db = new Database(':memory:');
  prepare(db, 'x');
  const before = db.prepare('SELECT sql FROM sqlite_master ORDER BY name').all();
  prepare(db, 'x');
  t.same(db.prepare('SELECT sql FROM sqlite_master ORDER BY name').all(), before);
  t.end();
});
