/** Worlds from seeds: SIM_SEEDS of them, from SIM_FIRST on. `npm run simulate` runs more. */
import t from 'tap';
import { World } from './world.js';

const seeds = Number(process.env['SIM_SEEDS'] ?? 50);
const first = Number(process.env['SIM_FIRST'] ?? 1);

t.setTimeout(Math.max(120, seeds * 6) * 1_000);

t.test(`${String(seeds)} worlds from seed ${String(first)} on`, async (t) => {
  const faults: string[] = [];
  let starts = 0;
  let disconnects = 0;
  for (let seed = first; seed < first + seeds; seed++) {
    const outcome = await new World(seed).run();
    starts += outcome.starts;
    disconnects += outcome.disconnects;
    if (outcome.fault !== null) faults.push(outcome.fault);
  }
  t.strictSame(faults, []);
  // A world in which nothing happens proves nothing.
  t.ok(starts > seeds, `addrd was started again: ${String(starts)} times in all`);
  t.ok(disconnects > seeds, `Disconnect-Requests were sent: ${String(disconnects)}`);
});

t.test('the same seed is the same world', async (t) => {
  const once = await new World(first).run();
  const again = await new World(first).run();
  const other = await new World(first + 1).run();
  t.ok(once.journal > 100, 'something happened');
  t.equal(again.hash, once.hash);
  t.not(other.hash, once.hash);
});
