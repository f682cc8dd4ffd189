/** Renumbering over the API and in addrdctl: the order, its refusals, and what is shown until it is done or has failed. */
import t from 'tap';
import { listen } from '../ctl/listening.js';
import { NIGHT, openWorld, packet, type World } from './world.js';

const V4 = '/api/v1/network/ipv4-lifecycle';
const V6 = '/api/v1/network/ipv6-lifecycle';

async function online(world: World): Promise<void> {
  await world.call('POST', `${V4}/allocate`, { body: { subscriber_id: 'ann', username: 'ann', pool_id: 'v4' } });
  await world.house.say(packet({ kind: 'acct-start', sid: 's1', username: 'ann', at: NIGHT, v4: '100.64.0.1' }));
}

t.test('the new address stands beside the old one until a session shows it', async (t) => {
  const world = await openWorld();
  await online(world);
  const body = {
    subscriber_id: 'ann',
    to: '100.64.0.9',
    when: 'now',
    deadline: '2099-01-01T00:00:00Z',
    reason: 'works',
  };
  const done = await world.call('POST', `${V4}/update`, { body });
  t.equal(done.statusCode, 202);
  t.match(done.json(), {
    verdict: 'applied',
    assignments: [
      { address: '100.64.0.1', lifecycle_state: 'active' },
      { address: '100.64.0.9', lifecycle_state: 'allocated' },
    ],
  });
  const again = await world.call('POST', `${V4}/update`, { body });
  t.match([again.statusCode, again.json<{ code: string }>().code], [409, 'already-renumbering']);
  const order = {
    when: 'now',
    deadline: '2099-01-01T00:00:00Z',
    reason: 'works',
    actor: 'token:root',
    outcome: 'open',
  };
  t.match((await world.call('GET', '/api/v1/subscribers/ann')).json(), {
    assignments: [
      { address: '100.64.0.9', supersedes: '100.64.0.1', renumbering: order, superseded_by: null },
      {
        address: '100.64.0.1',
        supersedes: null,
        renumbering: null,
        superseded_by: { address: '100.64.0.9', ...order },
      },
    ],
    outbox: [{ kind: 'nas.disconnect', status: 'pending', session_id: 's1' }],
  });
  await world.house.say(packet({ kind: 'acct-start', sid: 's2', username: 'ann', at: NIGHT, v4: '100.64.0.9' }));
  t.match((await world.call('GET', '/api/v1/subscribers/ann')).json(), {
    assignments: [
      { address: '100.64.0.9', lifecycle_state: 'active', renumbering: { outcome: 'done' } },
      { address: '100.64.0.1', lifecycle_state: 'revoking', revoke: { reason: 'renumbered', send_disconnect: false } },
    ],
  });
});

t.test('a prefix too, and what the body says wrong', async (t) => {
  const world = await openWorld();
  await world.call('POST', `${V6}/allocate`, { body: { subscriber_id: 'ann', family: 'ipv6-pd', pool_id: 'pd' } });
  const of = { subscriber_id: 'ann', family: 'ipv6-pd' };
  const code = async (more: object): Promise<unknown> =>
    (await world.call('POST', `${V6}/update`, { body: { ...of, ...more } })).json<{ code: unknown }>().code;
  t.equal(await code({ when: 'window' }), 'bad-request', 'a window has a time');
  t.equal(await code({ at: '2099-01-01T00:00:00Z' }), 'bad-request', 'and only a window');
  t.equal(await code({ at: 'tomorrow', when: 'window' }), 'bad-request');
  t.equal(await code({ to: '100.64.0.1' }), 'bad-request', 'of another family');
  t.equal(await code({ deadline: '2001-01-01T00:00:00Z' }), 'bad-deadline');
  t.equal(await code({ when: 'window', at: '2001-01-01T00:00:00Z' }), 'time-is-over');
  t.equal(await code({ pool_id: 'v4' }), 'wrong-family');
  t.equal(await code({ when: 'window', at: '2099-01-01T00:00:00Z' }), null);
  t.match(world.port.commands.at(-1), { kind: 'renumber', when: 'window', at: Date.UTC(2099, 0, 1), deadline: null });
});

t.test('addrdctl update, and show', async (t) => {
  const { world, within } = await listen(t);
  await online(world);
  const done = await within('update', 'ann', '--family', 'ipv4', '--address', '100.64.0.1', '--reason', 'works');
  t.equal(done.code, 0, done.err);
  t.match(done.out, /100\.64\.0\.1 .*active/i);
  t.match(done.out, /100\.64\.0\.2 .*allocated/i);
  const shown = (await within('show', 'ann')).out;
  t.match(shown, /100\.64\.0\.2 is to take its place: a session has until/);
  t.match(shown, /in place of 100\.64\.0\.1: a session has until/);
});
