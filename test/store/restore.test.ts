/** A restore: whole or not at all, on a folder of another user too, and into a store that is a new one. */
import {
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { beginCopy, copyPages, keepCopy } from '../../src/store/backup.js';
import { inspectBackup, inspectCopy } from '../../src/store/inspection.js';
import { migrate, SCHEMA_VERSION } from '../../src/store/migrate.js';
import { openStore, openUnmigrated, restoring } from '../../src/store/open.js';
import { restoreStore } from '../../src/store/restore.js';
import { allocate, NOON } from '../support/events.js';
import { temporary } from '../support/files.js';
import { openHouse } from '../support/house.js';

const nothing = async (): Promise<void> => undefined;

/** A store with one subscriber and a backup of it, after which there were two. */
async function scene(dir: string): Promise<{ path: string; backup: string }> {
  const [path, backup] = [join(dir, 'addrd.db'), join(dir, 'night.db')];
  const { db, close } = openStore(path, 1);
  const house = await openHouse(NOON, {}, { db });
  await house.say(allocate('ann', NOON));
  const copy = beginCopy(backup);
  await copyPages(db, backup);
  keepCopy(backup, inspectCopy(copy));
  await house.say(allocate('bob', NOON + 1));
  close();
  return { path, backup };
}

t.test('the store of before is kept', async (t) => {
  const dir = temporary(t);
  const { path, backup } = await scene(dir);
  const aside = join(dir, 'aside.db');
  const before = readFileSync(backup);
  const done = await restoreStore(path, backup, aside, 1, nothing);
  t.match(done, { aside, facts: { subscribers: 1, schema: SCHEMA_VERSION } });
  t.match(inspectBackup(path), { subscribers: 1, faults: [] });
  t.match(inspectBackup(aside), { subscribers: 2, faults: [] });
  t.ok(readFileSync(backup).equals(before), 'the backup is not touched');
  t.notOk(existsSync(restoring(path)));
  t.notOk(existsSync(`${path}.restore`));
  t.equal(statSync(path).mode & 0o777 & ~0o640, 0);
});

t.test('what a crash has left in the log beside a store belongs to it', async (t) => {
  const dir = temporary(t);
  const { path, backup } = await scene(dir);
  const crashed = join(dir, 'crashed.db');
  const { db, close } = openStore(path, 1);
  const house = await openHouse(NOON + 2, {}, { db });
  await house.say(allocate('carl', NOON + 3));
  for (const part of ['', '-wal']) copyFileSync(`${path}${part}`, `${crashed}${part}`);
  close();
  const aside = join(dir, 'aside.db');
  await restoreStore(crashed, backup, aside, 1, nothing);
  t.ok(existsSync(`${aside}-wal`), 'it is moved aside with its log');
  const back = await restoreStore(crashed, aside, join(dir, 'other.db'), 1, nothing);
  t.match(back.facts, { subscribers: 3, faults: [] }, 'and comes back with it');
  t.match(inspectBackup(crashed), { subscribers: 3, faults: [] });
});

t.test('a change that fails leaves everything as it was', async (t) => {
  const dir = temporary(t);
  const { path, backup } = await scene(dir);
  const names = readdirSync(dir).sort();
  const octets = readFileSync(path);
  const fail = (): Promise<void> => Promise.reject(new TypeError('no'));
  await t.rejects(restoreStore(path, backup, join(dir, 'aside'), 1, fail), { code: 'store-unreadable' });
  t.same(readdirSync(dir).sort(), names);
  t.ok(readFileSync(path).equals(octets));
  openStore(path, 1).close();
});

t.test('a backup of an older schema comes up; on an empty place too', async (t) => {
  const dir = temporary(t);
  const { path, backup } = await scene(dir);
  const old = openUnmigrated(backup, 1);
  migrate(old.db, backup, 3);
  old.close();
  const fresh = join(dir, 'sub', 'addrd.db');
  t.match(await restoreStore(fresh, backup, `${fresh}.aside`, 1, nothing), { aside: null, facts: { schema: 3 } });
  t.match(inspectBackup(fresh), { schema: SCHEMA_VERSION, subscribers: 1, faults: [] });
  t.ok(existsSync(path), 'the other is where it was');
});

t.test('one that was cut short keeps addrd from starting, until it is run again', async (t) => {
  const dir = temporary(t);
  const { path, backup } = await scene(dir);
  writeFileSync(restoring(path), '');
  t.throws(() => openStore(path, 1), { code: 'store-unreadable', message: /run addrd restore again/ });
  await restoreStore(path, backup, join(dir, 'aside'), 1, nothing);
  openStore(path, 1).close();
});

const skip = process.getuid?.() === 0 ? false : 'needs root, to give files away';

t.test('what root writes belongs to the owner of the folder', { skip }, async (t) => {
  const dir = join(temporary(t), 'lib');
  mkdirSync(dir);
  const { path, backup } = await scene(dir);
  chownSync(dir, 12_345, 12_346);
  await restoreStore(path, backup, join(dir, 'aside'), 1, nothing);
  const store = openUnmigrated(path, 1);
  const next = join(dir, 'backups', 'x.db');
  const copy = beginCopy(next);
  await copyPages(store.db, next);
  keepCopy(next, inspectCopy(copy));
  store.close();
  for (const file of [path, `${path}.lock`, join(dir, 'backups'), next]) {
    t.match(statSync(file), { uid: 12_345, gid: 12_346 }, file);
  }
});
