/** Runs many worlds: `npm run simulate -- --seeds N --first K [--thorough] [--with renumbers,suspends | --mixed]`. */
import { parseArgs } from 'node:util';
import { kindNamed, kindOf, kindText } from './kind.js';
import { World } from './world.js';

const { values } = parseArgs({
  options: {
    thorough: { type: 'boolean', default: false },
    /** What happens besides: see kind.ts. Without it the worlds are those that the first faults were found in. */
    with: { type: 'string', default: '' },
    /** Worlds of all kinds, by seed. */
    mixed: { type: 'boolean', default: false },
    seeds: { type: 'string', default: '200' },
    first: { type: 'string', default: '1' },
  },
});
const first = Number(values.first);
const last = first + Number(values.seeds) - 1;
const began = performance.now();
let failed = 0;
let virtualMs = 0;
let commits = 0;
let starts = 0;
let disconnects = 0;
const stuck = new Map<string, number>();
for (let seed = first; seed <= last; seed++) {
  const kind = values.mixed ? kindOf(seed) : kindNamed(values.with);
  const outcome = await new World(seed, {}, values.thorough, kind).run();
  virtualMs += outcome.virtualMs;
  commits += outcome.commits;
  starts += outcome.starts;
  disconnects += outcome.disconnects;
  for (const [reason, count] of outcome.stuck) stuck.set(reason, (stuck.get(reason) ?? 0) + count);
  if (outcome.fault === null) continue;
  failed++;
  const besides = kindText(kind);
  console.log(besides === '' ? outcome.fault : `${outcome.fault} (--with ${besides})`);
}
const seconds = (performance.now() - began) / 1_000;
const worlds = last - first + 1;
console.log(
  `${worlds} worlds, ${failed} with a fault; ${(virtualMs / 3_600_000).toFixed(0)} h of virtual time in ${seconds.toFixed(1)} s` +
    ` (${((seconds * 1_000) / worlds).toFixed(0)} ms a world); ${commits} commits, ${starts} starts, ${disconnects} Disconnect-Requests`,
);
for (const [reason, count] of [...stuck].sort(([, a], [, b]) => b - a))
  console.log(`  ${count} revokes held: ${reason}`);
process.exitCode = failed === 0 ? 0 : 1;
