/** A disk that is really full: a small file system of its own, with a ballast that fills it. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { openStore } from '../../src/store/open.js';
import { acct, allocate, NOON } from '../support/events.js';
import { openHouse } from '../support/house.js';
import { invariants } from '../support/invariants.js';
import { fillUp, smallDisk } from '../support/small-disk.js';

function storm(from: number, size: number): ReturnType<typeof acct>[] {
  return Array.from({ length: size }, (_, n) => acct('acct-start', `s${String(from + n)}`, NOON + 1));
}

const skip = process.getuid?.() === 0 ? false : 'needs root, to mount a small file system';

t.test('a full disk is suffered and survived', { skip }, async (t) => {
  const dir = smallDisk(t);
  if (dir === null) {
    t.comment('SKIPPED: this machine does not let root mount a tmpfs');
    return;
  }
  const path = join(dir, 'addrd.db');
  const store = openStore(path, 1);
  t.teardown(() => {
    store.close();
  });
  const { db } = store;
  let atCommit = 0;
  const faultAt = (point: string): boolean => {
    if (point === 'before-commit') atCommit++;
    return false;
  };
  const house = await openHouse(NOON, {}, { db, faultAt });
  await house.say(allocate('ann', NOON));
  const count = (table: string): unknown => db.prepare(`SELECT count(*) FROM ${table}`).pluck().get();

  fillUp(dir, 0);
  atCommit = 0;
  await t.rejects(house.say(allocate('bob', NOON + 1), ...storm(0, 20)), { name: 'StoreError', code: 'store-full' });
  t.equal(atCommit, 1, 'a small batch meets it at COMMIT');
  t.notOk(db.inTransaction);
  t.equal(count('assignment'), 1, 'nothing of it is there');
  t.equal(count('session'), 0);

  // So large that pages leave the cache before COMMIT.
  db.pragma('cache_size = 10');
  atCommit = 0;
  await t.rejects(house.say(...storm(1_000, 500)), { code: 'store-full' });
  t.equal(atCommit, 0, 'a large one before');
  t.notOk(db.inTransaction);
  t.equal(count('session'), 0);
  db.pragma('cache_size = -65536');

  // The octets that the failed commits wrote to the log can be written over: a few small commits may fit there.
  let silent = 0;
  for (let n = 0; n < 50; n++) {
    try {
      await house.say({ kind: 'heartbeat', receivedAt: NOON + n });
    } catch (error) {
      t.match(error, { code: 'store-full' });
      silent++;
    }
  }
  t.ok(silent > 0, `${String(silent)} of 50 heartbeats found no room`);

  rmSync(join(dir, 'ballast'));
  const settlements = await house.say(allocate('bob', NOON + 2), ...storm(0, 20));
  t.ok(settlements.every(({ verdict }) => verdict === 'applied'));
  t.same(db.prepare('SELECT id FROM assignment ORDER BY id').pluck().all(), [1, 2]);
  t.equal(count('session'), 20);

  // Room for a part of what comes: it fills up in the midst of the storm.
  fillUp(dir, 200_000);
  let committed = 0;
  let refused = 0;
  for (let n = 0; n < 60; n++) {
    try {
      await house.say(...storm(10_000 + n * 20, 20));
      committed++;
    } catch (error) {
      t.match(error, { code: 'store-full' });
      refused++;
    }
  }
  t.ok(committed > 0 && refused > 0, `${String(committed)} batches found room, ${String(refused)} did not`);
  t.equal(count('session'), 20 + committed * 20, 'each whole or not at all');
  rmSync(join(dir, 'ballast'));
  t.equal((await house.say(allocate('cid', NOON + 3)))[0]?.verdict, 'applied');
  t.equal(db.pragma('integrity_check', { simple: true }), 'ok');
  t.same(invariants(db, house.policy), []);
  store.close();

  const again = openStore(path, 1);
  t.equal(again.db.prepare('SELECT count(*) FROM session').pluck().get(), 20 + committed * 20);
  t.equal(again.db.pragma('integrity_check', { simple: true }), 'ok');
  again.close();
});

t.test('a new store on a full disk', { skip }, (t) => {
  const dir = smallDisk(t);
  if (dir === null) {
    t.comment('SKIPPED: this machine does not let root mount a tmpfs');
    t.end();
    return;
  }
  fillUp(dir, 0);
  t.throws(() => openStore(join(dir, 'addrd.db'), 1), { name: 'StoreError', code: 'store-full' });
  rmSync(join(dir, 'ballast'));
  openStore(join(dir, 'addrd.db'), 1).close();
  t.end();
});
