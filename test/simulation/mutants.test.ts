/** The simulation can fail: each fault put into addrd on purpose is noticed by some world, for the right reason. */
import t from 'tap';
import { kindNamed } from './kind.js';
import { MUTANTS } from './mutants.js';
import { World } from './world.js';

/** How many worlds a fault may hide from. */
const PATIENCE = 30;

t.setTimeout(900_000);

for (const { name, mutation, caught, first, kind } of MUTANTS) {
  t.test(name, async (t) => {
    let fault: string | null = null;
    for (let seed = first; fault === null && seed < first + PATIENCE; seed++) {
      fault = (await new World(seed, mutation, false, kindNamed(kind ?? '')).run()).fault;
    }
    t.match(fault ?? 'nobody noticed', caught);
  });
}
