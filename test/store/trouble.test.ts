/** Locks, a store that may not grow, and damage: what the door does about each, on a file. */
import Database from 'better-sqlite3';
import { closeSync, openSync, readFileSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { openError, StoreError, troubleOf } from '../../src/store/errors.js';
import { openStore } from '../../src/store/open.js';
import { acct, allocate, NOON, revoke } from '../support/events.js';
import { temporary } from '../support/files.js';
import { openHouse, type House } from '../support/house.js';
import { invariants } from '../support/invariants.js';

interface Filed {
  readonly path: string;
  readonly house: House;
  /** Milliseconds that the door asked to wait. */
  readonly slept: number[];
  /** What happens while it waits. */
  meanwhile: () => void;
}

async function filed(t: Test): Promise<Filed> {
  const path = join(temporary(t), 'addrd.db');
  const store = openStore(path, 1);
  t.teardown(() => {
    store.close();
  });
  const slept: number[] = [];
  const sleep = async (ms: number): Promise<void> => {
    slept.push(ms);
    world.meanwhile();
  };
  const house = await openHouse(NOON, {}, { db: store.db, sleep });
  const world: Filed = { path, house, slept, meanwhile: () => undefined };
  return world;
}

function assignments(house: House): unknown {
  return house.db.prepare('SELECT count(*) FROM assignment').pluck().get();
}

/** Another program that holds the write lock. */
function intruder(t: Test, path: string): Database.Database {
  const other = new Database(path, { timeout: 0 });
  other.exec('BEGIN IMMEDIATE');
  t.teardown(() => {
    other.close();
  });
  return other;
}

t.test('a lock that another program gives back in time', async (t) => {
  const world = await filed(t);
  const other = intruder(t, world.path);
  let calls = 0;
  world.meanwhile = () => {
    if (++calls === 7) other.exec('ROLLBACK');
  };
  const [settlement] = await world.house.say(allocate('ann', NOON));
  t.equal(settlement?.verdict, 'applied');
  t.equal(world.slept.length, 7, 'it waited exactly as long as it had to');
  t.same(invariants(world.house.db, world.house.policy), []);
});

t.test('a lock that another program keeps', async (t) => {
  const world = await filed(t);
  const other = intruder(t, world.path);
  await t.rejects(world.house.say(allocate('ann', NOON)), { name: 'StoreError', code: 'store-busy' });
  const waited = world.slept.reduce((sum, ms) => sum + ms, 0);
  t.ok(waited >= 1_000 && waited < 1_100, `it waited ${String(waited)} ms`);
  t.notOk(world.house.db.inTransaction);
  other.exec('ROLLBACK');
  t.equal(assignments(world.house), 0, 'nothing was committed');
  t.equal((await world.house.say(allocate('ann', NOON)))[0]?.verdict, 'applied', 'and the door works again');
});

t.test('a store that may not grow', async (t) => {
  const { house } = await filed(t);
  await house.say(allocate('ann', NOON));
  const { db } = house;
  db.pragma(`max_page_count = ${String(db.pragma('page_count', { simple: true }))}`);
  const storm = (from: number): ReturnType<typeof acct>[] =>
    Array.from({ length: 200 }, (_, n) => acct('acct-start', `s${String(from + n)}`, NOON + 1));
  await t.rejects(house.say(allocate('bob', NOON + 1), ...storm(0)), { name: 'StoreError', code: 'store-full' });
  t.notOk(db.inTransaction, 'rolled back');
  t.equal(assignments(house), 1);
  t.equal(db.prepare('SELECT count(*) FROM session').pluck().get(), 0);
  await t.rejects(house.say(...storm(500)), { code: 'store-full' }, 'as often as it is tried');

  db.pragma('max_page_count = 1000000');
  const settlements = await house.say(allocate('bob', NOON + 2), ...storm(0));
  t.ok(settlements.every(({ verdict }) => verdict === 'applied'));
  t.same(db.prepare('SELECT id FROM assignment ORDER BY id').pluck().all(), [1, 2], 'with the numbers that come next');
  t.equal(db.prepare('SELECT max(id) FROM session').pluck().get(), 200);
  t.same(invariants(db, house.policy), []);
  t.equal(db.pragma('integrity_check', { simple: true }), 'ok');
});

/** A store with many pages in every table, closed cleanly; its octets. */
async function big(path: string): Promise<Buffer> {
  const store = openStore(path, 1);
  const house = await openHouse(NOON, {}, { db: store.db });
  await house.say(allocate('ann', NOON), allocate('bob', NOON));
  for (let n = 0; n < 8; n++) {
    const sids = Array.from({ length: 250 }, (_, m) => `s${String(n)}.${String(m)}`);
    await house.say(...sids.map((sid) => acct('acct-start', sid, NOON + n)));
  }
  store.close();
  return readFileSync(path);
}

t.test('a damaged database gives an error and never a wrong answer', async (t) => {
  const dir = temporary(t);
  const whole = await big(join(dir, 'whole.db'));
  const pages = whole.length / 4_096;
  t.ok(pages > 100, `${String(pages)} pages`);
  const seen = new Map<string, number>();
  for (let first = 0; first < pages; first += 5) {
    const path = join(dir, `damaged-${String(first)}.db`);
    writeFileSync(path, whole);
    const fd = openSync(path, 'r+');
    writeSync(fd, Buffer.alloc(5 * 4_096, 0xa5), 0, Math.min(5, pages - first) * 4_096, first * 4_096);
    closeSync(fd);
    let outcome = 'the damage was not met';
    let store: ReturnType<typeof openStore> | null = null;
    try {
      store = openStore(path, 1);
      const house = await openHouse(NOON + 60_000, {}, { db: store.db });
      const said = await house.say(
        revoke('ann', NOON + 60_000),
        acct('acct-interim', 's0.17', NOON + 60_000),
        acct('acct-stop', 's7.249', NOON + 60_000),
        allocate('cid', NOON + 60_000),
      );
      // Where the answer does not need what is damaged, it must be the right one.
      t.same(
        said.map(({ verdict }) => verdict),
        ['applied', 'applied', 'applied', 'applied'],
        `page ${String(first)}`,
      );
      t.match(said[3]?.reply, { assignments: [{ address: '100.64.0.3', id: 3 }] });
    } catch (error) {
      outcome = error instanceof StoreError ? error.code : String(error);
    }
    store?.close();
    seen.set(outcome, (seen.get(outcome) ?? 0) + 1);
  }
  t.comment(JSON.stringify([...seen]));
  const allowed = ['store-foreign', 'store-corrupt', 'store-lost', 'the damage was not met'];
  t.same(
    [...seen.keys()].filter((outcome) => !allowed.includes(outcome)),
    [],
    'only these',
  );
  t.ok((seen.get('store-lost') ?? 0) > 0, 'some damage is met in a commit');
  t.ok((seen.get('store-corrupt') ?? 0) + (seen.get('store-foreign') ?? 0) > 0, 'some at opening');
});

t.test('a database that is damaged while it is open', async (t) => {
  const dir = temporary(t);
  const path = join(dir, 'addrd.db');
  await big(path);
  const store = openStore(path, 1);
  t.teardown(() => {
    store.close();
  });
  const house = await openHouse(NOON + 60_000, {}, { db: store.db });
  store.db.pragma('wal_checkpoint(TRUNCATE)');
  store.db.pragma('cache_size = 0');
  store.db.pragma('shrink_memory');
  const size = statSync(path).size;
  const fd = openSync(path, 'r+');
  writeSync(fd, Buffer.alloc(size - 4_096, 0x5a), 0, size - 4_096, 4_096);
  closeSync(fd);
  const stop = acct('acct-stop', 's0.17', NOON + 61_000);
  await t.rejects(house.say(stop), { name: 'StoreError', code: 'store-lost' });
  await t.rejects(house.say(stop), { code: 'store-lost', message: 'the store was given up' }, 'and for good');
  await t.rejects(house.say({ kind: 'heartbeat', receivedAt: NOON }), { code: 'store-lost' });
  await t.rejects(house.say(), { code: 'store-lost' }, 'even of nothing');
});

/** What each result code of SQLite is to the door; docs/errors.md has the same table. */
const TROUBLES: readonly (readonly [code: string, trouble: string])[] = [
  ['SQLITE_BUSY', 'busy'],
  ['SQLITE_BUSY_SNAPSHOT', 'busy'],
  ['SQLITE_BUSY_RECOVERY', 'busy'],
  ['SQLITE_LOCKED', 'busy'],
  ['SQLITE_FULL', 'full'],
  ['SQLITE_CONSTRAINT', 'constraint'],
  ['SQLITE_CONSTRAINT_CHECK', 'constraint'],
  ['SQLITE_CONSTRAINT_FOREIGNKEY', 'constraint'],
  ['SQLITE_CONSTRAINT_TRIGGER', 'constraint'],
  ['SQLITE_CONSTRAINT_DATATYPE', 'constraint'],
  ['SQLITE_TOOBIG', 'constraint'],
  ['SQLITE_MISMATCH', 'constraint'],
  ['SQLITE_IOERR', 'lost'],
  ['SQLITE_IOERR_FSYNC', 'lost'],
  ['SQLITE_IOERR_SHMSIZE', 'lost'],
  ['SQLITE_CORRUPT', 'lost'],
  ['SQLITE_CORRUPT_INDEX', 'lost'],
  ['SQLITE_NOTADB', 'lost'],
  ['SQLITE_READONLY', 'lost'],
  ['SQLITE_CANTOPEN', 'lost'],
  ['SQLITE_NOMEM', 'lost'],
  ['SQLITE_ERROR', 'lost'],
  ['SQLITE_PROTOCOL', 'lost'],
];

t.test('every result code has its treatment', (t) => {
  for (const [code, trouble] of TROUBLES) {
    t.equal(troubleOf(Object.assign(new TypeError(code), { code })), trouble, code);
  }
  t.equal(troubleOf(new TypeError('ours')), 'fault');
  t.equal(troubleOf(Object.assign(new TypeError('ours'), { code: 'ENOENT' })), 'fault');
  t.equal(troubleOf('not even an error'), 'fault');
  const opened = (code: string): string => openError(Object.assign(new TypeError('x'), { code }), 'p').code;
  t.equal(opened('SQLITE_NOTADB'), 'store-foreign');
  t.equal(opened('SQLITE_CORRUPT_VTAB'), 'store-corrupt');
  t.equal(opened('SQLITE_FULL'), 'store-full');
  t.equal(opened('ENOSPC'), 'store-full');
  t.equal(opened('SQLITE_BUSY'), 'store-busy');
  t.equal(opened('SQLITE_CANTOPEN'), 'store-unreadable');
  t.equal(opened('EACCES'), 'store-unreadable');
  t.equal(openError('what?', 'p').code, 'store-unreadable');
  t.end();
});
