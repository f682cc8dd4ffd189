import { createHash } from 'node:crypto';
import t from 'tap';
import { PROBLEMS } from '../../../src/daemon/api/problem.js';
import { orderView } from '../../../src/daemon/api/order-views.js';
import { problemView } from '../../../src/daemon/api/views.js';
import { CommandUnavailable, type CommandUnavailableCode } from '../../../src/daemon/command.js';
import { prefix } from '../../support/house.js';
import { endStory, NIGHT, openWorld, tellStory } from './world.js';

const V4 = '/api/v1/network/ipv4-lifecycle';
const V6 = '/api/v1/network/ipv6-lifecycle';

t.test('an allocation becomes a command of its token, and is answered from the commit', async (t) => {
  const world = await openWorld();
  const body = { subscriber_id: 'alice', username: 'alice@isp', metadata: { ticket: 7 } };
  const first = await world.call('POST', `${V4}/allocate`, { body, token: 'noc' });
  t.equal(first.statusCode, 201);
  t.match(first.headers['content-type'], 'application/json');
  t.equal(first.headers['cache-control'], 'no-store');
  t.match(orderView.parse(first.json()), {
    verdict: 'applied',
    assignments: [{ subscriber_id: 'alice', pool_id: 'v4', address: '100.64.0.1', lifecycle_state: 'allocated' }],
  });
  t.strictSame(world.port.commands[0], {
    kind: 'allocate',
    tenant: 'default',
    actor: 'token:noc',
    idempotency: null,
    subscriber: 'alice',
    family: 'ipv4',
    pool: null,
    vrf: null,
    use: null,
    nas: null,
    requested: null,
    username: 'alice@isp',
    metadata: '{"ticket":7}',
  });
  const again = await world.call('POST', `${V4}/allocate`, { body });
  t.equal(again.statusCode, 200, 'it has one already');
  t.match(again.json(), { verdict: 'duplicate', code: 'already-allocated', assignments: [{ address: '100.64.0.1' }] });
});

t.test('activate, and revoke with its options', async (t) => {
  const world = await openWorld();
  await world.call('POST', `${V4}/allocate`, { body: { subscriber_id: 'alice', requested_address: '100.64.0.5' } });
  const active = await world.call('POST', `${V4}/activate`, {
    body: { subscriber_id: 'alice', address: '100.64.0.5' },
  });
  t.equal(active.statusCode, 200);
  t.match(active.json(), { assignments: [{ lifecycle_state: 'active' }] });
  const body = {
    ...{ subscriber_id: 'alice', reason: 'moved out', send_disconnect: false, release_to_pool: false },
    ...{ send_coa: false, update_netbox: false, nas_ip: null },
  };
  await world.call('POST', `${V4}/revoke`, { body });
  t.match(world.port.commands, [
    { kind: 'allocate', requested: prefix('100.64.0.5') },
    { kind: 'activate', family: 'ipv4', prefix: prefix('100.64.0.5') },
    { kind: 'revoke', family: 'ipv4', prefix: null, reason: 'moved out', sendDisconnect: false, releaseToPool: false },
  ]);
  await world.call('POST', `${V4}/revoke`, { body: { subscriber_id: 'alice' } });
  t.match(world.port.commands[3], { reason: 'no reason given', sendDisconnect: true, releaseToPool: true });
});

t.test('a revoke is 202 while it runs', async (t) => {
  const world = await openWorld();
  await tellStory(world);
  const running = await world.call('POST', `${V4}/revoke`, { body: { subscriber_id: 'alice' } });
  t.equal(running.statusCode, 202);
  t.match(running.json(), {
    verdict: 'duplicate',
    code: 'already-revoking',
    assignments: [{ lifecycle_state: 'revoking' }],
  });
  await endStory(world);
  const over = await world.call('POST', `${V4}/revoke`, { body: { subscriber_id: 'alice' } });
  t.equal(over.statusCode, 404);
  t.match(over.json(), { code: 'no-assignment' });
  const state = {
    id: 1,
    subscriber_id: 'a',
    pool_id: 'v4',
    family: 'ipv4',
    address: '100.64.0.1',
    generation: 3,
    stuck: null,
  };
  world.port.answer = () => ({
    ...{ verdict: 'applied', code: null, detail: null, replayed: false },
    reply: { assignments: [{ ...state, lifecycle_state: 'revoked' }] },
  });
  t.equal((await world.call('POST', `${V4}/revoke`, { body: { subscriber_id: 'a' } })).statusCode, 200);
});

t.test('IPv6 orders say which family', async (t) => {
  const world = await openWorld();
  const pd = await world.call('POST', `${V6}/allocate`, { body: { subscriber_id: 'alice', family: 'ipv6-pd' } });
  t.match(pd.json(), { assignments: [{ family: 'ipv6-pd', address: '2001:db8:100::/56' }] });
  const asked = { subscriber_id: 'alice', family: 'ipv6', requested_address: '2001:db8:1::7' };
  t.match((await world.call('POST', `${V6}/allocate`, { body: asked })).json(), {
    assignments: [{ address: '2001:db8:1::7' }],
  });
  const missing = await world.call('POST', `${V6}/allocate`, { body: { subscriber_id: 'alice' } });
  t.equal(missing.statusCode, 400);
  t.match(missing.json(), { code: 'bad-request', errors: [{ field: 'family', message: 'must be ipv6 or ipv6-pd' }] });
  const known = await world.call('GET', `${V6}/alice`);
  t.match(known.json(), { assignments: [{ family: 'ipv6' }, { family: 'ipv6-pd' }] });
  t.match((await world.call('GET', `${V4}/alice`)).json(), { code: 'no-assignment' });
});

const bad: readonly (readonly [verb: string, body: unknown, field: string, message: RegExp | string])[] = [
  ['allocate', {}, 'subscriber_id', 'is missing'],
  ['allocate', { subscriber_id: '' }, 'subscriber_id', 'must not be empty'],
  ['allocate', { subscriber_id: '..' }, 'subscriber_id', /dot/],
  ['allocate', { subscriber_id: 7 }, 'subscriber_id', 'must be text'],
  ['allocate', { subscriber_id: 'a\nb' }, 'subscriber_id', /control/],
  ['allocate', { subscriber_id: 'a'.repeat(257) }, 'subscriber_id', /at most 256/],
  ['allocate', { subscriber_id: 'a', wibble: 1 }, 'wibble', 'unknown field'],
  [
    'allocate',
    { subscriber_id: 'a', requested_address: '010.0.0.1' },
    'requested_address',
    /is not an IPv4 or IPv6 prefix/,
  ],
  ['allocate', { subscriber_id: 'a', requested_address: '2001:db8::1' }, 'requested_address', /must be an IPv4/],
  ['allocate', { subscriber_id: 'a', metadata: [] }, 'metadata', 'must be a JSON object'],
  ['allocate', { subscriber_id: 'a', metadata: { x: 'y'.repeat(17_000) } }, 'metadata', /at most 16384/],
  ['allocate', { subscriber_id: 'a', username: 'ä'.repeat(127) }, 'username', /253 octets/],
  ['activate', { subscriber_id: 'a', pool_id: 'v4' }, 'pool_id', 'unknown field'],
  ['revoke', { subscriber_id: 'a', send_disconnect: 'false' }, 'send_disconnect', 'must be true or false'],
  ['revoke', { subscriber_id: 'a', address: '100.64.0.1/24' }, 'address', /has bits set beyond .24/],
  ['revoke', [], '', 'must be a JSON object'],
];

t.test('a bad body is refused by the name of its field, and nothing is ordered', async (t) => {
  const world = await openWorld();
  for (const [verb, body, field, message] of bad) {
    const { statusCode, headers, json } = await world.call('POST', `${V4}/${verb}`, { body });
    t.equal(statusCode, 400, field);
    t.match(headers['content-type'], 'application/problem+json');
    t.match(
      problemView.parse(json()),
      { code: 'bad-request', errors: [{ field, message }] },
      JSON.stringify(body).slice(0, 80),
    );
  }
  const both = await world.call('POST', `${V4}/allocate`, { body: { pool_id: 7 } });
  t.equal(both.json<{ errors: unknown[] }>().errors.length, 2, 'every field at once');
  t.strictSame(world.port.commands, []);
});

t.test('what this version cannot honour is refused, not ignored', async (t) => {
  const world = await openWorld();
  for (const field of ['send_coa', 'update_netbox']) {
    const refused = await world.call('POST', `${V4}/allocate`, { body: { subscriber_id: 'a', [field]: true } });
    t.equal(refused.statusCode, 422);
    t.match(refused.json(), { code: 'not-supported', errors: [{ field }] });
    t.notMatch(refused.json<{ detail: string }>().detail, /invalid/i);
  }
  t.strictSame(world.port.commands, []);
});

t.test('where an address is wanted', async (t) => {
  const world = await openWorld();
  const post = (fields: object) => world.call('POST', `${V4}/allocate`, { body: { subscriber_id: 'a', ...fields } });
  await post({ vrf: 'red', use: 'routed', nas_ip: '192.0.2.1' });
  await post({ nas: 'bras1' });
  t.match(world.port.commands, [
    { pool: null, vrf: 'red', use: 'routed', nas: '192.0.2.1' },
    { vrf: null, use: null, nas: 'bras1' },
  ]);
  t.match((await post({ nas_ip: '192.0.2.001' })).json(), { code: 'bad-request', errors: [{ field: 'nas_ip' }] });
  t.match((await post({ nas: 'x', nas_ip: '192.0.2.1' })).json(), {
    code: 'bad-request',
    errors: [{ field: 'nas_ip' }],
  });
  t.match((await post({ use: 'fun' })).json(), { code: 'bad-request', errors: [{ field: 'use' }] });
  t.equal(world.port.commands.length, 2);
});

t.test('an exhausted pool says when there is something again', async (t) => {
  const world = await openWorld();
  const at = '2026-11-22T07:00:00Z';
  const reply = { pools: ['v4', 'w4'], next_free_at: at, retry_after: 90 };
  const refusal = { verdict: 'refused', code: 'pool-exhausted', detail: 'none left', replayed: false } as const;
  world.port.answer = () => ({ ...refusal, reply });
  const post = () => world.call('POST', `${V4}/allocate`, { body: { subscriber_id: 'a' } });
  const told = await post();
  t.equal(told.statusCode, 409);
  t.equal(told.headers['retry-after'], '90');
  t.match(problemView.parse(told.json()), { code: 'pool-exhausted', pools: ['v4', 'w4'], next_free_at: at });
  world.port.answer = () => ({ ...refusal, reply: { ...reply, next_free_at: null, retry_after: null } });
  const unknown = await post();
  t.equal(unknown.headers['retry-after'], undefined);
  t.match(problemView.parse(unknown.json()), { next_free_at: null });
});

t.test('bodies that are no JSON object', async (t) => {
  const world = await openWorld();
  const post = (payload: string, headers = {}) => world.call('POST', `${V4}/allocate`, { payload, headers });
  t.match((await post('{')).json(), { code: 'bad-request', status: 400 });
  t.match((await post('')).json(), { code: 'bad-request', status: 400 });
  t.match((await post('{"__proto__": {}}')).json(), { code: 'bad-request', status: 400 });
  t.match((await world.call('POST', `${V4}/allocate`)).json(), { code: 'bad-request', status: 400 });
  t.match((await post('a=b', { 'content-type': 'text/plain' })).json(), {
    code: 'unsupported-media-type',
    status: 415,
  });
  const large = await post(JSON.stringify({ subscriber_id: 'a'.repeat(70_000) }));
  t.equal(large.statusCode, 413);
  t.match(large.json(), { code: 'payload-too-large' });
  t.strictSame(world.port.commands, []);
});

t.test('each refusal of the lifecycle has its status', async (t) => {
  const world = await openWorld();
  const codes = [
    ...['unknown-subscriber', 'no-assignment', 'unknown-pool', 'wrong-family', 'pool-required', 'pool-exhausted'],
    ...['not-in-pool', 'address-taken', 'address-quarantined', 'address-occupied', 'address-reserved', 'being-revoked'],
    ...['identity-taken', 'invalid-transition', 'idempotency-key-reused', 'pool-unsure', 'pool-external'],
    ...['already-renumbering', 'address-required', 'bad-deadline'],
    ...['not-revoking', 'seen-lately', 'frozen', 'clock-behind'],
  ] as const satisfies (keyof typeof PROBLEMS)[];
  for (const code of codes) {
    world.port.answer = () => ({ verdict: 'refused', code, detail: 'because', reply: null, replayed: false });
    const refused = await world.call('POST', `${V4}/allocate`, { body: { subscriber_id: 'a' } });
    t.equal(refused.statusCode, PROBLEMS[code].status, code);
    t.match(problemView.parse(refused.json()), { code, detail: 'because', type: `urn:addrd:problem:${code}` });
  }
  world.port.answer = () => ({ verdict: 'refused', code: 'brand-new', detail: null, reply: null, replayed: false });
  t.match((await world.call('POST', `${V4}/activate`, { body: { subscriber_id: 'a' } })).json(), {
    ...{ code: 'refused', status: 409, detail: 'brand-new' },
  });
});

t.test('the refusals that a store gives, end to end', async (t) => {
  const world = await openWorld();
  const code = async (verb: string, body: object, base = V4): Promise<unknown> =>
    (await world.call('POST', `${base}/${verb}`, { body })).json<{ code: unknown }>().code;
  t.equal(await code('activate', { subscriber_id: 'alice' }), 'unknown-subscriber');
  t.equal(await code('allocate', { subscriber_id: 'alice', pool_id: 'none' }), 'unknown-pool');
  t.equal(await code('allocate', { subscriber_id: 'alice', pool_id: 'pd' }), 'wrong-family');
  t.equal(await code('allocate', { subscriber_id: 'alice', requested_address: '192.0.2.1' }), 'not-in-pool');
  t.equal(await code('allocate', { subscriber_id: 'alice', username: 'u', requested_address: '100.64.0.5' }), null);
  t.equal(await code('allocate', { subscriber_id: 'bob', requested_address: '100.64.0.5' }), 'address-taken');
  t.equal(await code('allocate', { subscriber_id: 'bob', username: 'u' }), 'identity-taken');
  t.equal(await code('activate', { subscriber_id: 'alice', family: 'ipv6' }, V6), 'no-assignment');
});

t.test('faults and unavailability', async (t) => {
  const logged: unknown[] = [];
  const world = await openWorld({ logger: { error: (fields, message) => logged.push([fields.code, message]) } });
  const post = () => world.call('POST', `${V4}/allocate`, { body: { subscriber_id: 'a' } });
  world.port.answer = () => ({ verdict: 'faulted', code: 'missing-row', detail: 'x', reply: null, replayed: false });
  t.match((await post()).json(), {
    code: 'internal-fault',
    status: 500,
    detail: 'the order met a fault (missing-row)',
  });
  world.port.answer = () => ({ verdict: 'applied', code: null, detail: null, reply: null, replayed: false });
  t.match((await post()).json(), { code: 'internal-fault', status: 500 });
  const delays: readonly (readonly [CommandUnavailableCode, string])[] = [
    ['queue-full', '1'],
    ['store-unavailable', '5'],
    ['stopping', '5'],
  ];
  for (const [code, delay] of delays) {
    world.port.answer = () => {
      throw new CommandUnavailable(code);
    };
    const refused = await post();
    t.equal(refused.statusCode, 503);
    t.equal(refused.headers['retry-after'], delay);
    t.match(refused.json(), { code });
  }
  t.strictSame(logged, []);
  world.port.answer = () => {
    throw new TypeError('hunter2 is in here');
  };
  const broken = await post();
  t.match(broken.json(), { code: 'internal-fault', status: 500 });
  t.notMatch(broken.body, 'hunter2');
  t.strictSame(logged, [['api-fault', 'a request met a fault']]);
});

t.test('an Idempotency-Key goes with the order, bound to method, path and body', async (t) => {
  const world = await openWorld();
  const payload = '{ "subscriber_id": "alice" }';
  await world.call('POST', `${V4}/allocate`, { payload, token: 'noc', headers: { 'idempotency-key': 'k-1' } });
  t.strictSame(world.port.commands[0]?.idempotency, {
    token: 'noc',
    key: 'k-1',
    bodyHash: createHash('sha256').update(`POST\0${V4}/allocate\0${payload}`).digest(),
  });
  for (const key of ['', 'a b', 'x'.repeat(256), 'ä']) {
    const refused = await world.call('POST', `${V4}/allocate`, { payload, headers: { 'idempotency-key': key } });
    t.match(refused.json(), { code: 'bad-request', errors: [{ field: 'Idempotency-Key' }] }, JSON.stringify(key));
  }
  world.port.answer = () => ({ verdict: 'refused', code: 'unknown-pool', detail: null, reply: null, replayed: true });
  const replayed = await world.call('POST', `${V4}/allocate`, { payload });
  t.equal(replayed.headers['idempotency-replayed'], 'true');
  world.port.answer = null;
  t.notOk('idempotency-replayed' in (await world.call('POST', `${V4}/allocate`, { payload })).headers);
});

t.test('scopes and tokens', async (t) => {
  const world = await openWorld();
  const body = { subscriber_id: 'alice' };
  const nobody = await world.call('POST', `${V4}/allocate`, { body, token: null });
  t.equal(nobody.statusCode, 401);
  t.equal(nobody.headers['www-authenticate'], 'Bearer');
  t.match(nobody.json(), { code: 'unauthorized' });
  const wrong = await world.call('POST', `${V4}/allocate`, { body, token: 'guess' });
  t.match(wrong.json(), { code: 'unauthorized' });
  t.notMatch(wrong.body, 'guess', 'no token is echoed');
  const basic = await world.call('GET', '/api/v1/pools', { token: null, headers: { authorization: 'Basic cm9vdA==' } });
  t.equal(basic.statusCode, 401);
  const reader = await world.call('POST', `${V4}/allocate`, { body, token: 'reader' });
  t.equal(reader.statusCode, 403);
  t.match(reader.json(), { code: 'forbidden', detail: 'token reader has scope read; this needs operate' });
  t.strictSame(world.port.commands, []);
  for (const who of ['reader', 'noc', 'root'])
    t.equal((await world.call('GET', '/api/v1/pools', { token: who })).statusCode, 200);
  const closed = await openWorld({ tokens: [] });
  t.equal((await closed.call('GET', '/api/v1/pools')).statusCode, 401, 'no token configured means none fits');
});

t.test('force needs the scope admin and a reason', async (t) => {
  const world = await openWorld();
  const body = { subscriber_id: 'alice', force: true, reason: 'port is dead' };
  const noc = await world.call('POST', `${V4}/revoke`, { body, token: 'noc' });
  t.equal(noc.statusCode, 403);
  t.match(noc.json(), { code: 'forbidden', detail: 'token noc has scope operate; force needs admin' });
  const mute = await world.call('POST', `${V4}/revoke`, { body: { ...body, reason: ' ' }, token: 'root' });
  t.match(mute.json(), { code: 'bad-request', detail: 'reason: is required with force' });
  t.strictSame(world.port.commands, []);
  await world.call('POST', `${V4}/revoke`, { body, token: 'root' });
  t.match(world.port.commands, [{ kind: 'revoke', force: true, reason: 'port is dead' }]);
});

t.test('a token orders in its own tenant only', async (t) => {
  const world = await openWorld();
  await tellStory(world);
  const theirs = await world.call('POST', `${V4}/revoke`, { body: { subscriber_id: 'alice' }, token: 'stranger' });
  t.match(theirs.json(), { code: 'unknown-subscriber' });
  t.match(world.port.commands[0], { tenant: 'other', actor: 'token:stranger' });
  const own = await world.call('POST', `${V4}/allocate`, { body: { subscriber_id: 'alice' }, token: 'stranger' });
  t.match(own.json(), { assignments: [{ address: '198.51.100.1' }] }, 'and has an alice of its own');
  t.equal(world.now, NIGHT + 61_000);
});
