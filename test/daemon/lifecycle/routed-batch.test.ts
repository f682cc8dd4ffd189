/** A batch of more revokes than one event begins: an address and its subnet are in it far apart, and belong together yet. */
import t from 'tap';
import { DEFAULT_KNOBS } from '../../../src/daemon/lifecycle/policy.js';
import { poolsOf, Transcript } from '../../support/transcript.js';

const POOLS = poolsOf(`
# pool: v4 ipv4 100.64.0.0/24
# pool: lan ipv4 198.51.100.0/24 use=routed unit=29
`);

t.test('a subnet that waits in the batch of its parent is revoked with it, and comes back with it', async (t) => {
  const guard = { ...DEFAULT_KNOBS.guard, count: 1, floor: 1 };
  const transcript = await Transcript.open({ guard }, POOLS ?? undefined);
  const others = Array.from({ length: 55 }, (_, n) => `other${String(n)}`);
  const said = async (lines: readonly string[]): Promise<void> => {
    for (const line of lines) await transcript.run(line);
  };
  await said(['allocate first', 'revoke first', 'allocate alice user=alice', 'start s1 user=alice ip=100.64.0.2']);
  await said(others.map((name) => `allocate ${name}`));
  await said(['allocate alice pool=lan parent=auto', 'activate alice', 'revoke alice']);
  await said(others.map((name) => `revoke ${name}`));
  t.match(await transcript.run('approve 1'), /"revokes":57,/);
  const settled = await transcript.run('+1s');
  t.equal(settled.match(/-> revoking /g)?.length, 57, 'each once');
  t.notMatch(settled, /revoke-dropped/);
  const back = await transcript.run('allocate alice reclaim=yes');
  t.match(back, /100\.64\.0\.2 allocated -> active/);
  t.match(back, /198\.51\.100\.0\/29 allocated -> active/);
  t.equal(await transcript.run('+1s'), 'nothing falls due');
});
