/** `addrdctl who`: what it prints, and what it sends. */
import t from 'tap';
import { EXIT } from '../../../src/daemon/ctl/failure.js';
import { endStory, tellStory } from '../api/world.js';
import { listen, widest } from './listening.js';

t.test('who', async (t) => {
  const { world, within, as } = await listen(t);
  await tellStory(world);
  await endStory(world);
  const told = await within('who', '100.64.0.5', '--at', '2026-11-22T03:00:30Z', '--reason', 'case 7');
  t.match(told, { code: 0, err: '' });
  t.match(told.out, /^100\.64\.0\.5 at 2026-11-22 03:00:30Z$/m);
  t.match(told.out, /^alice: session on 100\.64\.0\.5 since 2026-11-22 03:00:10Z, until 2026-11-22 03:01:10Z; seen$/m);
  t.match(told.out, /session s-1 of NAS bras \(192\.0\.2\.1\), User-Name alice@isp/);
  t.match(told.out, /^alice: tenure on .*; authorised$/m);
  t.match(told.out, /session-stopped/);
  t.ok(widest(told.out) <= 100);
  t.match(world.port.commands, [{ kind: 'who-asked', reason: 'case 7', actor: 'token:root' }]);
  const json = await within('--json', 'who', '100.64.0.5', '--at', '2026-11-22T03:00:30Z', '--reason', 'case 7');
  t.match(JSON.parse(json.out), { possessors: [{ subscriber_id: 'alice' }, { kind: 'tenure' }] });
  const nobody = await within('who', '100.64.0.77', '--reason', 'case 7');
  t.match(nobody, { code: 0, err: /nobody is known to have had it then/ });
  t.equal((await within('who', '100.64.0.5')).code, EXIT.usage, 'a reason is required');
  t.equal((await as('noc', 'who', '100.64.0.5', '--reason', 'x')).code, EXIT.unauthorised);
  t.equal((await within('who', '100.64.0.5', '--reason', 'x', '--at', '03:00')).code, EXIT.refused);
});
