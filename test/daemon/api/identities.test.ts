/** What names a subscriber, over the API: put on record, taken off, shown; each token in its own tenant. */
import t from 'tap';
import { identitiesView, identityOrderView } from '../../../src/daemon/api/identity-views.js';
import { subscriberView } from '../../../src/daemon/api/views.js';
import { printable, unprintable } from '../../../src/daemon/lifecycle/octets.js';
import { seeded, seedOf } from '../../support/seeded.js';
import { NIGHT, openWorld, packet, type World } from './world.js';

const path = (name: string): string => `/api/v1/subscribers/${name}/identities`;

async function put(world: World, name: string, body: object, token = 'noc'): Promise<Record<string, unknown>> {
  return (await world.call('PUT', path(name), { body, token })).json();
}

async function drop(world: World, name: string, given: Record<string, string>, token = 'noc') {
  const url = `${path(name)}?${new URLSearchParams(given).toString()}`;
  return (await world.call('DELETE', url, { token })).json<Record<string, unknown>>();
}

async function listed(world: World, name: string): Promise<string[]> {
  const view = identitiesView.parse((await world.call('GET', path(name), { token: 'reader' })).json());
  return view.identities.map(({ type, scope, value, provenance }) => `${type} ${value} ${scope} ${provenance}`).sort();
}

t.test('put, listed, taken off; each is safe to repeat', async (t) => {
  const world = await openWorld();
  const circuit = { type: 'circuit-id', value: 'slot 1/2' };
  const made = identityOrderView.parse(await put(world, 'ann', circuit));
  t.match(made, { verdict: 'applied', subscriber_id: 'ann', identity: { scope: 'tenant', provenance: 'configured' } });
  t.match(await put(world, 'ann', circuit), { verdict: 'duplicate', code: 'already-recorded' });
  await put(world, 'ann', { type: 'mac', value: '0200.5E10.0101' });
  await put(world, 'ann', { type: 'remote-id', scope: 'nas:192.0.2.1', value: String.raw`\x00\x01\\` });
  t.strictSame(await listed(world, 'ann'), [
    'circuit-id slot 1/2 tenant configured',
    'mac 02:00:5e:10:01:01 tenant configured',
    String.raw`remote-id \x00\x01\\ nas:192.0.2.1 configured`,
  ]);
  const story = subscriberView.parse((await world.call('GET', '/api/v1/subscribers/ann')).json());
  t.equal(story.identities.length, 3);
  t.strictSame(story.usernames, []);
  t.match(await put(world, 'bob', circuit), { code: 'identity-taken', detail: /belongs to subscriber ann/ });
  t.match((await world.call('GET', path('bob'))).json(), { code: 'unknown-subscriber' }, 'a refusal makes nobody');
  t.match(await put(world, 'bob', { ...circuit, scope: 'relay:7377' }), { verdict: 'applied' }, 'in another scope');
  t.match(identityOrderView.parse(await drop(world, 'ann', circuit)), { verdict: 'applied' });
  const none = identityOrderView.parse(await drop(world, 'ann', circuit));
  t.match(none, { verdict: 'duplicate', code: 'not-recorded', identity: { provenance: null } });
  t.match(await put(world, 'bob', circuit), { verdict: 'applied' }, 'it is free now');
  t.match(await drop(world, 'ann', circuit), { verdict: 'duplicate', code: 'not-recorded' }, "bob's is not hers");
  t.equal((await listed(world, 'bob')).length, 2);
  const kinds = world.house.db.prepare("SELECT kind FROM journal WHERE kind LIKE 'identity-%' ORDER BY id").pluck();
  t.strictSame(kinds.all(), [...Array<string>(4).fill('identity-added'), 'identity-removed', 'identity-added']);
});

t.test('a DELETE may name the type of the body that it does not have', async (t) => {
  const world = await openWorld();
  await put(world, 'ann', { type: 'username', value: 'ann@isp' });
  const url = `${path('ann')}?type=username&value=ann@isp`;
  const answer = (payload: string) => world.call('DELETE', url, { token: 'noc', payload });
  t.match(await answer(''), { statusCode: 200, body: /"applied"/ });
  t.match(await answer('{'), { statusCode: 400, body: /bad-request/ });
  t.match(await world.call('PUT', path('ann'), { token: 'noc', payload: '' }), { statusCode: 400 });
});

t.test('what was put on record names the next session, and what was taken off does not', async (t) => {
  const world = await openWorld();
  const body = { subscriber_id: 'ann', username: 'ann' };
  await world.call('POST', '/api/v1/network/ipv4-lifecycle/allocate', { body });
  const start = (sid: string, username: string) =>
    world.house.say(packet({ kind: 'acct-start', sid, username, at: NIGHT, v4: '100.64.0.1' }));
  t.match(await start('s1', 'ann@new'), [{ verdict: 'conflict', code: 'contested' }]);
  await put(world, 'ann', { type: 'username', value: 'ann@new' });
  t.match(await start('s2', 'ann@new'), [{ verdict: 'applied' }]);
  await drop(world, 'ann', { type: 'username', value: 'ann@new' });
  t.match(await start('s3', 'ann@new'), [{ verdict: 'conflict', code: 'contested' }]);
  t.equal(world.house.db.prepare("SELECT usernames FROM subscriber WHERE name = 'ann'").pluck().get(), 1);
});

t.test('scopes, tenants, bounds', async (t) => {
  const world = await openWorld();
  const given = { type: 'username', value: 'u' };
  t.match(await put(world, 'ann', given, 'reader'), { code: 'forbidden' });
  t.match(await drop(world, 'ann', given, 'reader'), { code: 'forbidden' });
  await put(world, 'ann', given);
  t.match(await put(world, 'eve', given, 'stranger'), { verdict: 'applied' }, 'another tenant has names of its own');
  t.match((await world.call('GET', path('ann'), { token: 'stranger' })).json(), { code: 'unknown-subscriber' });
  t.match(await drop(world, 'ann', given, 'stranger'), { code: 'unknown-subscriber' });
  t.match(await drop(world, 'nobody', given), { code: 'unknown-subscriber' });
  for (let n = 1; n < 64; n++) await put(world, 'ann', { type: 'username', value: `u${String(n)}` });
  t.match(await put(world, 'ann', { type: 'username', value: 'more' }), { code: 'too-many-identities' });
  t.equal((await listed(world, 'ann')).length, 64);
  const bad = [
    [{ type: 'class', value: 'x' }, /^type: /],
    [{ type: 'mac', value: '02:00' }, /^value: must be a MAC address/],
    [{ type: 'mac', value: '020000000001', scope: 'nas:b' }, /^scope: must be tenant/],
    [{ type: 'circuit-id', value: String.raw`DOM\user` }, /^value: must have a backslash as/],
    [{ type: 'circuit-id', value: 'x'.repeat(254) }, /^value: must be at most 253 octets/],
    [{ type: 'circuit-id', value: 'x', scope: 'nas:a/b' }, /^scope: /],
    [{ type: 'circuit-id', value: 'x', scope: 'relay:0' }, /^scope: /],
    [{ type: 'circuit-id', value: 'x', more: 1 }, /more/],
    [{ type: 'circuit-id' }, /^value: /],
  ] as const;
  for (const [body, detail] of bad) t.match(await put(world, 'bob', body), { code: 'bad-request', detail });
  t.equal((await world.call('GET', path('bob'))).statusCode, 404);
});

t.test('an Idempotency-Key answers a repetition, and no other request', async (t) => {
  const world = await openWorld();
  const headers = { 'idempotency-key': 'k' };
  const body = { type: 'username', value: 'u' };
  await world.call('PUT', path('ann'), { body, headers });
  t.match(world.port.commands, [{ kind: 'identity-put', idempotency: { key: 'k', token: 'root' } }]);
});

t.test('a value is written as it is shown', async (t) => {
  const seed = seedOf(t);
  const chance = seeded(seed);
  for (let n = 0; n < 2_000; n++) {
    // Backslashes and x often, so that what looks like an escape is met.
    const octets = Uint8Array.from({ length: 1 + chance.below(12) }, () =>
      chance.below(2) === 0 ? chance.pick([0x5c, 0x78]) : chance.below(256),
    );
    const back = unprintable(printable(octets));
    if (back === null || Buffer.compare(back, octets) !== 0) t.fail(`seed ${String(seed)}: ${printable(octets)}`);
  }
  t.strictSame(unprintable('Änn'), new TextEncoder().encode('Änn'));
  for (const text of ['\\', '\\x', '\\x1', '\\xg0', 'a\\u0041', '\\\\\\']) t.equal(unprintable(text), null, text);
});
