/** Worlds from seeds: SIM_SEEDS of them, from SIM_FIRST on, of all kinds, in two processes. `npm run simulate` runs more. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { World } from './world.js';

const seeds = Number(process.env['SIM_SEEDS'] ?? 50);
const first = Number(process.env['SIM_FIRST'] ?? 1);
const runner = fileURLToPath(new URL('run.ts', import.meta.url));

t.setTimeout(Math.max(120, seeds * 6) * 1_000);

/** Runs worlds as `npm run simulate` does; resolves to the exit status and what it printed. */
function simulate(count: number, from: number): Promise<{ status: number; printed: string }> {
  const options = ['--import', 'tsx', runner, '--mixed', '--seeds', String(count), '--first', String(from)];
  // Without what tap hands down: each half is a plain process.
  const { NODE_OPTIONS: _options, ...env } = process.env;
  return new Promise((resolve) => {
    execFile(process.execPath, options, { env }, (error, printed, errors) => {
      resolve({ status: error === null ? 0 : Number(error.code), printed: printed + errors });
    });
  });
}

t.test(`${String(seeds)} worlds from seed ${String(first)} on`, async (t) => {
  const half = Math.ceil(seeds / 2);
  const runs = await Promise.all([simulate(half, first), simulate(seeds - half, first + half)]);
  let starts = 0;
  let disconnects = 0;
  for (const { status, printed } of runs) {
    t.equal(status, 0, printed);
    const totals = /^\d+ worlds, 0 with a fault; .* (\d+) starts, (\d+) Disconnect-Requests$/m.exec(printed);
    starts += Number(totals?.[1]);
    disconnects += Number(totals?.[2]);
  }
  // Worlds in which nothing happens prove nothing; one alone may be a quiet one.
  const least = seeds < 10 ? 0 : seeds;
  t.ok(starts > least, `addrd was started ${String(starts)} times`);
  t.ok(disconnects >= least, `${String(disconnects)} Disconnect-Requests were sent`);
});

t.test('the same seed is the same world', async (t) => {
  const once = await new World(first).run();
  const again = await new World(first).run();
  const other = await new World(first + 1).run();
  t.ok(once.journal > 100, 'something happened');
  t.equal(again.hash, once.hash);
  t.not(other.hash, once.hash);
});
