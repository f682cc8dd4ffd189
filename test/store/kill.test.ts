/** A process that commits without pause is killed at any moment: what it said was settled is there when it is gone. */
import t from 'tap';
import { join } from 'node:path';
import { openStore } from '../../src/store/open.js';
import { NOON } from '../support/events.js';
import { line, program, temporary } from '../support/files.js';
import { openHouse } from '../support/house.js';
import { invariants } from '../support/invariants.js';
import { seeded, seedOf } from '../support/seeded.js';

const ROUNDS = 15;

t.test('kill -9 between and within commits', async (t) => {
  const seed = seedOf(t);
  const chance = seeded(seed);
  const path = join(temporary(t), 'addrd.db');
  let settled: string[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const child = program(t, './count-up.ts', [path, String(round), String(1 + chance.below(8))]);
    const numbers: string[] = [];
    // The number of lines stands for the moment: no clock is asked, and a fast machine kills as often as a slow one.
    const patience = 1 + chance.below(400);
    for (let next = await line(child); next !== null; next = await line(child)) {
      numbers.push(next);
      if (numbers.length === patience) child.child.kill('SIGKILL');
    }
    t.equal(
      await child.ended,
      'SIGKILL',
      `round ${String(round)}: ${String(numbers.length)} settled ${child.stderr()}`,
    );
    t.ok(numbers.length >= patience);
    settled = [...settled, ...numbers];

    const store = openStore(path, process.pid);
    const { db } = store;
    const kept = new Set(db.prepare('SELECT CAST(sid AS TEXT) FROM session').pluck().all() as string[]);
    t.same(
      settled.filter((number) => !kept.has(number)),
      [],
      `of ${String(settled.length)} settled none is missing`,
    );
    t.ok(kept.size - settled.length <= 8 * (round + 1), 'at most one batch a life was committed and not told');
    t.equal(db.pragma('integrity_check', { simple: true }), 'ok');
    const house = await openHouse(NOON + round * 1_000_000 + 999_000, {}, { db });
    t.same(invariants(db, house.policy), []);
    store.close();
  }
});
