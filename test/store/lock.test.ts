/** One process owns the store. */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { openReader, openStore } from '../../src/store/open.js';
import { line, program, temporary } from '../support/files.js';

const HOLD = './hold-store.ts';

t.test('another process is told whose the store is, and gets it after a kill', async (t) => {
  const path = join(temporary(t), 'addrd.db');
  const owner = program(t, HOLD, [path]);
  t.equal(await line(owner), 'open', owner.stderr());
  const pid = String(owner.child.pid);

  const expected = { code: 'store-owned', message: `${path} is in use by process ${pid}` };
  t.throws(() => openStore(path, process.pid), expected);
  t.throws(() => openStore(path, process.pid), expected, 'each time');
  const third = program(t, HOLD, [path]);
  t.same(JSON.parse((await line(third)) ?? ''), expected, 'in whichever process');
  t.equal(await third.ended, 0);

  const reader = openReader(path);
  t.equal(reader.pragma('application_id', { simple: true }), 0x61646472, 'a reader needs no lock');
  reader.close();

  owner.child.kill('SIGKILL');
  t.equal(await owner.ended, 'SIGKILL');
  t.ok(existsSync(`${path}.lock`), 'the file of the lock stays');
  const store = openStore(path, process.pid);
  t.throws(() => openStore(path, process.pid + 1), {
    code: 'store-owned',
    message: `${path} is in use by process ${String(process.pid)}`,
  });
  store.close();
  const again = openStore(path, process.pid);
  again.close();
});

t.test('a lock that cannot be made', (t) => {
  const path = join(temporary(t), 'addrd.db');
  mkdirSync(`${path}.lock`);
  t.throws(() => openStore(path, 1), { code: 'store-unreadable' });
  t.end();
});
