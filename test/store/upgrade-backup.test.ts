/** Before a schema changes, the store as it was lies beside it: whole, readable, and not more of them than three. */
import Database from 'better-sqlite3';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { faultsOf, inspectBackup } from '../../src/store/inspection.js';
import { migrate, SCHEMA_VERSION } from '../../src/store/migrate.js';
import { migrationNotes } from '../../src/store/migration-notes.js';
import { openStore, openUnmigrated } from '../../src/store/open.js';
import { backUpBeforeUpgrade } from '../../src/store/upgrade-backup.js';
import { acct, allocate, NOON, service } from '../support/events.js';
import { temporary } from '../support/files.js';
import { openHouse } from '../support/house.js';
import { invariants } from '../support/invariants.js';
import { fillUp, smallDisk } from '../support/small-disk.js';

const OLD = SCHEMA_VERSION - 1;

/** A store with a subscriber in service and one who is suspended, as the addrd before this one left it. */
async function oldStore(path: string): Promise<void> {
  const store = openStore(path, 1);
  const house = await openHouse(NOON, {}, { db: store.db });
  await house.say(allocate('ann', NOON), acct('acct-start', 'a', NOON + 1, ['100.64.0.1']));
  await house.say(allocate('bob', NOON + 2), acct('acct-start', 'b', NOON + 3, ['100.64.0.2']));
  await house.say(service('suspend', 'bob', NOON + 4));
  migrate(store.db, path, 3);
  migrate(store.db, path, OLD);
  store.close();
}

const backups = (dir: string): string[] => readdirSync(dir).filter((name) => name.endsWith('.backup'));

t.test('an upgrade leaves the store as it was beside it', async (t) => {
  const dir = temporary(t);
  const path = join(dir, 'addrd.db');
  await oldStore(path);
  let told = 0;
  const store = openStore(path, 1, (db, version) => {
    told = version;
    backUpBeforeUpgrade(db, path, version, '20261122T210000Z');
  });
  t.teardown(() => {
    store.close();
  });
  t.equal(told, OLD);
  t.equal(store.db.pragma('user_version', { simple: true }), SCHEMA_VERSION);
  t.same(backups(dir), [`addrd.db.v${String(OLD)}-20261122T210000Z.backup`]);
  const backup = join(dir, backups(dir)[0] ?? '');
  t.equal(statSync(backup).mode & 0o777 & ~0o640, 0, 'nobody else can read it');
  t.match(inspectBackup(backup), { schema: OLD, subscribers: 2, assignments: 2, live: 2, sessions: 2, faults: [] });
  t.same(
    readdirSync(dir).filter((name) => name.includes('.backup') && name !== backups(dir)[0]),
    [],
    'and it is one plain file',
  );
  // It can be used: the backup of the older version comes up as the store did.
  const again = openStore(backup, 1);
  const house = await openHouse(NOON + 10, {}, { db: again.db });
  t.same(invariants(again.db, house.policy), []);
  t.match(await house.say(service('suspend', 'bob', NOON + 11)), [{ code: 'already-suspended' }]);
  again.close();
});

t.test('none of a new store, and none without need', (t) => {
  const dir = temporary(t);
  const path = join(dir, 'addrd.db');
  const never = (): void => {
    t.fail('there is nothing to back up');
  };
  openStore(path, 1, never).close();
  openStore(path, 1, never).close();
  t.same(backups(dir), []);
  t.end();
});

t.test('three of a version are kept, and files with other names are left alone', async (t) => {
  const dir = temporary(t);
  const path = join(dir, 'addrd.db');
  await oldStore(path);
  const other = [`addrd.db.v${String(OLD)}-mine.backup`, 'addrd.db.v1-20200101T000000Z.backup', 'x.backup'];
  for (const name of other) writeFileSync(join(dir, name), 'x');
  const store = openUnmigrated(path, 1);
  for (let n = 0; n < 5; n++) backUpBeforeUpgrade(store.db, path, OLD, `20261122T21000${String(n)}Z`);
  backUpBeforeUpgrade(store.db, path, OLD, '20261122T210004Z');
  store.close();
  const kept = [2, 3, 4].map((n) => `addrd.db.v${String(OLD)}-20261122T21000${String(n)}Z.backup`);
  t.same(backups(dir).sort(), [...other, ...kept].sort());
});

t.test('where the backup cannot be written, nothing is migrated', async (t) => {
  const dir = temporary(t);
  const path = join(dir, 'addrd.db');
  await oldStore(path);
  // A folder stands where the copy is to be written.
  const stamp = '20261122T210000Z';
  const blocked = new Database(path);
  blocked.pragma('journal_mode = DELETE');
  blocked.close();
  const before = readFileSync(path);
  t.throws(
    () =>
      openStore(path, 1, (db, version) => {
        backUpBeforeUpgrade(db, join(dir, 'nowhere\0', 'x'), version, stamp);
      }),
    { name: 'StoreError', code: 'store-unreadable', message: /nothing was changed/ },
  );
  t.ok(readFileSync(path).equals(before), 'not one octet');
  const store = openUnmigrated(path, 1);
  t.equal(store.db.pragma('user_version', { simple: true }), OLD);
  store.close();
});

const skip = process.getuid?.() === 0 ? false : 'needs root, to mount a small file system';

t.test('on a full disk nothing is migrated, and it goes on when there is room', { skip }, async (t) => {
  const dir = smallDisk(t);
  if (dir === null) {
    t.comment('SKIPPED: this machine does not let root mount a tmpfs');
    return;
  }
  const path = join(dir, 'addrd.db');
  await oldStore(path);
  fillUp(dir, 150_000);
  const open = (): ReturnType<typeof openStore> =>
    openStore(path, 1, (db, version) => {
      backUpBeforeUpgrade(db, path, version, '20261122T210000Z');
    });
  t.throws(open, { name: 'StoreError', code: 'store-full', message: /backup before .* nothing was changed/ });
  t.same(
    readdirSync(dir).filter((name) => name.includes('.v')),
    [],
    'no piece of it is left',
  );
  const before = openUnmigrated(path, 1);
  t.equal(before.db.pragma('user_version', { simple: true }), OLD);
  before.close();
  rmSync(join(dir, 'ballast'));
  const store = open();
  t.equal(store.db.pragma('user_version', { simple: true }), SCHEMA_VERSION);
  t.equal(backups(dir).length, 1);
  store.close();
});

t.test('a store that is damaged is not migrated', async (t) => {
  const dir = temporary(t);
  const path = join(dir, 'addrd.db');
  await oldStore(path);
  const db = new Database(path);
  db.pragma('foreign_keys = OFF');
  db.exec('UPDATE assignment SET pool = 99 WHERE id = 1');
  t.same(faultsOf(db), ['a row of assignment (1) refers to one of pool that is missing']);
  db.close();
  t.throws(
    () =>
      openStore(path, 1, (open, version) => {
        backUpBeforeUpgrade(open, path, version, '20261122T210000Z');
      }),
    { name: 'StoreError', code: 'store-corrupt', message: /a row of assignment/ },
  );
  t.same(backups(dir), []);
  t.notOk(existsSync(`${path}.v${String(OLD)}-20261122T210000Z.backup.part`));
});

t.test('every migration is described', (t) => {
  const notes = migrationNotes();
  t.same(
    notes.map(({ version }) => version),
    Array.from({ length: SCHEMA_VERSION }, (_, n) => n + 1),
  );
  for (const { what } of notes) t.not(what, 'not described');
  t.end();
});
