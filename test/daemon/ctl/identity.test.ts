/** `addrdctl identity`: what it prints, and what it sends. */
import t from 'tap';
import { EXIT } from '../../../src/daemon/ctl/failure.js';
import { listen, widest } from './listening.js';

t.test('list, add and remove', async (t) => {
  const { world, within, as } = await listen(t);
  t.match(await within('identity', 'list', 'ann'), { code: EXIT.refused, err: /there is no subscriber ann/ });
  const made = await as('noc', 'identity', 'add', 'ann', 'circuit-id', 'slot 1/2', '--scope', 'nas:192.0.2.1');
  t.match(made, { code: 0, out: /^ann +circuit-id +nas:192\.0\.2\.1 +slot 1\/2 +configured +recorded$/m });
  t.match(world.port.commands, [{ kind: 'identity-put', actor: 'token:noc', scope: 'nas:192.0.2.1' }]);
  t.match(await within('identity', 'add', 'ann', 'mac', '0200.5e10.0101'), { code: 0, out: '02:00:5e:10:01:01' });
  t.match((await within('identity', 'add', 'ann', 'mac', '0200.5e10.0101')).out, /already-recorded$/m);
  const list = await as('reader', 'identity', 'list', 'ann');
  t.match(list.out, /^SUBSCRIBER +TYPE +SCOPE +VALUE +PROVENANCE$/m);
  t.equal(list.out.trim().split('\n').length, 3);
  t.ok(widest(list.out) <= 100);
  const told = await within('--json', 'identity', 'list', 'ann');
  t.match(JSON.parse(told.out), { subscriber_id: 'ann', identities: [{ type: 'circuit-id' }, { type: 'mac' }] });
  const shown = await within('show', 'ann');
  t.match(shown.out, 'circuit-id slot 1/2 within nas:192.0.2.1 (configured)');
  t.match(shown.out, 'mac 02:00:5e:10:01:01 (configured)');
  t.match(await as('reader', 'identity', 'remove', 'ann', 'mac', '02005e100101'), { code: EXIT.unauthorised });
  const gone = await within('identity', 'remove', 'ann', 'mac', '02005e100101');
  t.match(gone, { code: 0, out: /removed$/m });
  t.match((await within('identity', 'remove', 'ann', 'mac', '02005e100101')).out, /02:00:5e:10:01:01 +not-recorded$/m);
  await within('identity', 'remove', 'ann', 'circuit-id', 'slot 1/2', '--scope', 'nas:192.0.2.1');
  t.match(await within('identity', 'list', 'ann'), { code: 0, out: '', err: 'subscriber ann has no identity' });
  t.match(await within('identity', 'add', 'bob', 'mac', 'x'), { code: EXIT.refused, err: 'must be a MAC address' });
  t.equal((await within('identity', 'add', 'bob')).code, EXIT.usage);
});
