/** Backups of a store in use: what is committed meanwhile goes on and is in the copy, and what fails leaves nothing. */
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { Backups, isBackupName } from '../../src/daemon/backups.js';
import { systemClock, systemTimers } from '../../src/daemon/clock.js';
import type { BackupEvent } from '../../src/daemon/lifecycle/events.js';
import type { Inspection } from '../../src/daemon/threads/inspection-thread.js';
import { BackupError } from '../../src/store/backup.js';
import { faultsOf, inspectBackup, inspectCopy } from '../../src/store/inspection.js';
import { openStore, type Database } from '../../src/store/open.js';
import { acct, allocate, NOON } from '../support/events.js';
import { temporary } from '../support/files.js';
import { openHouse, type House } from '../support/house.js';
import { invariants } from '../support/invariants.js';
import { fillUp, smallDisk } from '../support/small-disk.js';

const ORDER = { kind: 'back-up', tenant: 'default', actor: 'token:noc', name: null } as const;

interface Bench {
  readonly db: Database;
  readonly house: House;
  readonly folder: string;
  readonly backups: Backups;
  readonly told: BackupEvent[];
}

function nowInspect(path: string): Inspection {
  return { facts: Promise.resolve().then(() => inspectCopy(path)), end: () => undefined };
}

async function bench(t: Test, dir: string, inspect: (path: string) => Inspection = nowInspect): Promise<Bench> {
  const store = openStore(join(dir, 'addrd.db'), 1);
  const house = await openHouse(NOON, {}, { db: store.db });
  const told: BackupEvent[] = [];
  const folder = join(dir, 'backups');
  const backups = new Backups({
    ...{ db: store.db, folder, clock: systemClock, timers: systemTimers, log: pino({ level: 'silent' }), inspect },
    submit: async (event) => {
      told.push(event);
      return (await house.say(event))[0]?.verdict === 'applied';
    },
  });
  t.teardown(async () => {
    await backups.stop();
    store.close();
  });
  return { db: store.db, house, folder, backups, told };
}

t.test('written, read whole, on record', async (t) => {
  const dir = temporary(t);
  const { db, house, folder, backups, told } = await bench(t, dir);
  await house.say(allocate('ann', NOON), acct('acct-start', 'a', NOON + 1, ['100.64.0.1']));
  const made = await backups.backUp({ ...ORDER, name: 'one.db' });
  t.match(made, { verdict: 'applied', code: null });
  t.match(made.reply, { backup: { name: 'one.db', path: join(folder, 'one.db'), done: true, verified: true } });
  t.same(readdirSync(folder), ['one.db'], 'nothing beside it');
  t.equal(statSync(join(folder, 'one.db')).mode & 0o777 & ~0o640, 0);
  t.match(inspectBackup(join(folder, 'one.db')), { subscribers: 1, live: 1, sessions: 1, faults: [] });
  const [event] = told;
  t.match(event, { kind: 'backup', name: 'one.db', fault: null, actor: 'token:noc' });
  t.ok((event?.bytes ?? 0) > 100_000 && (event?.pages ?? 0) * 4_096 === event?.bytes);
  t.match(db.prepare("SELECT kind, code, actor FROM journal WHERE kind = 'backup'").raw().all(), [
    ['backup', 'done', 'token:noc'],
  ]);
  const meta = db.prepare("SELECT value FROM meta WHERE key = 'backup_bytes'").pluck().get();
  t.equal(meta, event?.bytes);

  const again = await backups.backUp({ ...ORDER, name: 'one.db' });
  t.match(again, { verdict: 'duplicate', reply: made.reply as object }, 'asked again, it is told of the same');
  t.equal(told.length, 1);
  t.match(await backups.backUp(ORDER), { verdict: 'applied', reply: { backup: { name: /^addrd-\d{8}T\d{6}Z\.db$/ } } });
  t.match(await backups.backUp({ ...ORDER, name: 'one.db' }), { verdict: 'refused', code: 'backup-exists' });
  t.equal(told.at(-1)?.fault?.code, 'backup-exists');
});

t.test('what is committed while it is written is in it, and it ends', async (t) => {
  const dir = temporary(t);
  const { db, house, folder, backups } = await bench(t, dir);
  db.exec('CREATE TABLE ballast (x BLOB NOT NULL) STRICT');
  const ballast = db.prepare('INSERT INTO ballast (x) VALUES (randomblob(4000))');
  db.transaction(() => {
    for (let n = 0; n < 8_000; n++) ballast.run();
  })();
  let done = false;
  const made = backups.backUp({ ...ORDER, name: 'busy.db' }).finally(() => (done = true));
  let commits = 0;
  while (!done) {
    await house.say(acct('acct-start', `s${String(commits)}`, NOON + commits, []));
    db.prepare('UPDATE ballast SET x = randomblob(4000) WHERE rowid = ?').run((commits % 8_000) + 1);
    commits++;
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  t.match(await made, { verdict: 'applied' });
  const during = inspectBackup(join(folder, 'busy.db')).sessions;
  t.comment(`${String(commits)} commits, ${String(during)} of their sessions in the copy`);
  t.ok(commits > 50, 'the loop went on');
  t.ok(during > 50 && during <= commits, 'the copy has what was committed while it was written');
  const copy = openStore(join(folder, 'busy.db'), 1);
  t.same(faultsOf(copy.db), []);
  t.same(invariants(copy.db, house.policy), []);
  t.equal(copy.db.prepare('SELECT max(rowid) FROM session').pluck().get(), during, 'the first ones, without a hole');
  copy.close();
});

t.test('one at a time; whoever asks for the same waits for it', async (t) => {
  const dir = temporary(t);
  const { backups, told } = await bench(t, dir);
  const [first, same, other] = await Promise.all([
    backups.backUp({ ...ORDER, name: 'a.db' }),
    backups.backUp({ ...ORDER, name: 'a.db' }),
    backups.backUp({ ...ORDER, name: 'b.db' }),
  ]);
  t.match(first, { verdict: 'applied' });
  t.match(same.reply, first.reply);
  t.match(other, { verdict: 'refused', code: 'backup-running' });
  t.equal(told.length, 1);
});

t.test('a copy that is not sound is no backup', async (t) => {
  const dir = temporary(t);
  const { db, folder, backups, told } = await bench(t, dir);
  db.pragma('foreign_keys = OFF');
  db.exec('CREATE TABLE child (p INTEGER REFERENCES pool) STRICT');
  db.exec('INSERT INTO child (p) VALUES (99)');
  db.pragma('foreign_keys = ON');
  const made = await backups.backUp({ ...ORDER, name: 'x.db' });
  t.match(made, { verdict: 'refused', code: 'backup-unsound', detail: /a row of child \(1\)/ });
  t.same(readdirSync(folder), []);
  t.match(told, [{ fault: { code: 'backup-unsound' } }]);
  t.equal(db.prepare("SELECT count(*) FROM meta WHERE key = 'backup_at'").pluck().get(), 0, 'no success is known');
});

t.test('names lead nowhere else', async (t) => {
  const dir = temporary(t);
  const { folder, backups } = await bench(t, dir);
  for (const name of ['../x', 'a/b', '/etc/x', '.hidden', '', '..', 'a\0b', 'x.db.part', 'ä']) {
    t.notOk(isBackupName(name), name);
    t.match(await backups.backUp({ ...ORDER, name }), { verdict: 'refused', code: 'backup-name' });
  }
  t.notOk(existsSync(folder));
  mkdirSync(folder);
  writeFileSync(join(folder, 'taken'), 'x');
  t.match(await backups.backUp({ ...ORDER, name: 'taken' }), { verdict: 'refused', code: 'backup-exists' });
  t.equal(statSync(join(folder, 'taken')).size, 1, 'nothing is written over');
});

t.test('a stop ends it, and what there is of it goes', async (t) => {
  const dir = temporary(t);
  let reject: ((error: Error) => void) | null = null;
  const hung = new Promise<never>((_resolve, fail) => (reject = fail));
  hung.catch(() => undefined);
  const end = (): void => reject?.(new BackupError('backup-failed', 'ended'));
  let inspected = (): void => undefined;
  const reading = new Promise<void>((resolve) => (inspected = resolve));
  const { folder, backups } = await bench(t, dir, () => {
    inspected();
    return { facts: hung, end };
  });
  const made = backups.backUp({ ...ORDER, name: 'a.db' });
  await reading;
  t.same(readdirSync(folder), ['a.db.part']);
  await backups.stop();
  t.match(await made, { verdict: 'refused', code: 'backup-failed' });
  t.same(readdirSync(folder), []);
  t.match(await backups.backUp({ ...ORDER, name: 'b.db' }), { code: 'backup-failed', detail: /stopping/ });
});

const skip = process.getuid?.() === 0 ? false : 'needs root, to mount a small file system';

t.test('on a full disk nothing is left of it, and the store goes on', { skip }, async (t) => {
  const dir = smallDisk(t);
  if (dir === null) {
    t.comment('SKIPPED: this machine does not let root mount a tmpfs');
    return;
  }
  const { house, folder, backups } = await bench(t, dir);
  await house.say(allocate('ann', NOON));
  fillUp(dir, 200_000);
  t.match(await backups.backUp({ ...ORDER, name: 'a.db' }), {
    verdict: 'refused',
    code: 'backup-failed',
    detail: /no space left/,
  });
  t.same(readdirSync(folder), []);
  t.match(await house.say(acct('acct-start', 'a', NOON + 1, ['100.64.0.1'])), [{ verdict: 'applied' }]);
});
