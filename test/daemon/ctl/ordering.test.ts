/** `addrdctl allocate`, `activate`, `revoke`: what is ordered, what is printed, and waiting for the end. */
import t from 'tap';
import { EXIT } from '../../../src/daemon/ctl/failure.js';
import type { OrderView } from '../../../src/daemon/api/order-views.js';
import type { SubscriberView } from '../../../src/daemon/api/views.js';
import { endStory, tellStory } from '../api/world.js';
import { listen } from './listening.js';

t.test('orders, and what they print', async (t) => {
  const { world, within } = await listen(t);
  const allocated = await within('allocate', 'alice', '--family', 'ipv4', '--username', 'alice@isp');
  t.equal(allocated.code, 0, allocated.err);
  t.match(allocated.out, /alice +ipv4 +100\.64\.0\.1 +v4 +allocated +1 +applied/);
  await within('allocate', 'alice', '--family', 'ipv6-pd', '--address', '2001:db8:100:100::/56');
  t.match(world.port.commands, [
    { kind: 'allocate', family: 'ipv4', username: 'alice@isp' },
    { kind: 'allocate', family: 'ipv6-pd' },
  ]);
  const active = await within('--json', 'activate', 'alice');
  const { orders } = JSON.parse(active.out) as { orders: OrderView[] };
  t.strictSame(
    orders.flatMap(({ assignments }) => assignments.map((one) => [one.family, one.lifecycle_state])),
    [
      ['ipv4', 'active'],
      ['ipv6-pd', 'active'],
    ],
  );
  const one = await within(
    'revoke',
    'alice',
    '--address',
    '2001:DB8:100:100::/56',
    '--reason',
    'test',
    '--keep-address',
  );
  t.equal(one.code, 0, one.err);
  t.match(world.port.commands.at(-1), { kind: 'revoke', family: 'ipv6-pd', reason: 'test', releaseToPool: false });
  await within('revoke', 'alice', '--no-disconnect');
  const revokes = world.port.commands.filter(({ kind }) => kind === 'revoke');
  t.match(revokes.slice(1), [
    { family: 'ipv4', sendDisconnect: false, releaseToPool: true },
    { family: 'ipv6-pd', sendDisconnect: false },
  ]);
  const none = await within('revoke', 'alice', '--address', '192.0.2.7');
  t.equal(none.code, EXIT.refused);
  t.match(none.err, 'has no open assignment on 192.0.2.7');
  const other = await within('revoke', 'alice', '--family', 'ipv4', '--address', '100.64.0.7');
  t.match(other.err, 'has no open assignment on 100.64.0.7');
  const host = await within('allocate', 'bob', '--family', 'ipv6-pd', '--address', '2001:db8:100:100::1/56');
  t.equal(host.code, EXIT.usage);
  t.match(host.err, 'has bits set beyond /56; 2001:db8:100:100::/56');
});

t.test('revoke --wait sees the end', async (t) => {
  let looks = 0;
  const { world, ctl } = await listen(t, ({ api }) => {
    api.addHook('onSend', async (request) => {
      if (request.method === 'GET' && ++looks === 1) await endStory(world);
    });
  });
  await tellStory(world);
  const { code, out, err } = await ctl('revoke', 'alice', '--family', 'ipv4', '--wait', '30');
  t.equal(code, 0, err);
  t.match(out, '100.64.0.5 is revoked; evidence: stop');
  t.equal(looks, 2, 'the second look saw it');
});

t.test('revoke --wait runs out, and says what is waited for', async (t) => {
  const { world, ctl } = await listen(t);
  await tellStory(world);
  const { code, err } = await ctl('revoke', 'alice', '--wait', '1');
  t.equal(code, EXIT.waited);
  t.match(err, 'not revoked after 1 s; the termination goes on');
  t.match(err, '100.64.0.5 is revoking, waiting for: ');
  const scripted = await ctl('--json', 'revoke', 'alice', '--wait', '1');
  t.equal(scripted.code, EXIT.waited);
  const { assignments } = JSON.parse(scripted.out) as { assignments: SubscriberView['assignments'] };
  t.match(assignments, [{ lifecycle_state: 'revoking' }]);
});

t.test('an order that was accepted goes on when the daemon is lost', async (t) => {
  let posted = false;
  const { world, within } = await listen(t, ({ api }) => {
    api.addHook('onRequest', async (request) => {
      if (request.method === 'POST') posted = true;
      else if (posted) request.raw.socket.destroy();
    });
  });
  await tellStory(world);
  const { code, err } = await within('revoke', 'alice', '--family', 'ipv4', '--wait', '5');
  t.equal(code, EXIT.unreachable);
  t.match(err, 'the order was accepted and goes on');
});
