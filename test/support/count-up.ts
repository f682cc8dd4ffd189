/**
 * A process of its own that commits numbered accounting events through the door for ever and prints each number once it
 * is settled. Meant to be killed. `serial` keeps the sessions of one life apart from those of the next.
 */
import { writeSync } from 'node:fs';
import { decide } from '../../src/daemon/lifecycle/decide.js';
import { openStore } from '../../src/store/open.js';
import { acct, allocate, NOON, revoke, submission } from './events.js';
import { openHouse } from './house.js';

const [, , path = '', serialText = '0', batchText = '1'] = process.argv;
const serial = Number(serialText);
const store = openStore(path, process.pid);
const house = await openHouse(NOON + serial * 1_000_000, {}, { db: store.db });
for (let n = 0; ; n++) {
  const at = NOON + serial * 1_000_000 + n * 10;
  const who = `s${String(n % 12)}`;
  const size = 1 + (n % Number(batchText));
  const numbers = Array.from({ length: size }, (_, i) => `${String(serial)}.${String(n)}.${String(i)}`);
  const batch = [
    ...numbers.map((number) => submission(acct('acct-start', number, at))),
    submission(n % 24 < 12 ? allocate(who, at) : revoke(who, at)),
  ];
  await house.door.commitBatch(batch, (world, event) => decide(world, event, house.policy));
  // Past the event loop, so that what was said to be settled is in the pipe before the kill.
  writeSync(1, numbers.map((number) => `${number}\n`).join(''));
}
