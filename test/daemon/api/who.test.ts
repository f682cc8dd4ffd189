/** `GET /api/v1/who`: who had an address at a time, by what evidence, and that the question is on record. */
import t from 'tap';
import { whoView, type WhoView } from '../../../src/daemon/api/who-views.js';
import { packet, openWorld, endStory, NIGHT, tellStory, type World } from './world.js';
import { prefix } from '../../support/house.js';

const MINUTE = 60_000;

async function who(world: World, query: Readonly<Record<string, string>>, token = 'root'): Promise<WhoView> {
  const text = new URLSearchParams({ reason: 'case 4711', ...query }).toString();
  const { statusCode, body, json } = await world.call('GET', `/api/v1/who?${text}`, { token });
  if (statusCode !== 200) throw new TypeError(body);
  return whoView.parse(json());
}

t.test('the session that was on it, and the tenure that it was of', async (t) => {
  const world = await openWorld();
  await tellStory(world);
  await endStory(world);
  const told = await who(world, { address: '100.64.0.5', at: '2026-11-22T03:00:30Z' });
  t.match(told, {
    address: '100.64.0.5',
    at: '2026-11-22T03:00:30Z',
    vrfs: ['global'],
    unobserved: null,
    nat: [],
    possessors: [
      {
        kind: 'session',
        subscriber_id: 'alice',
        pool_id: 'v4',
        since: '2026-11-22T03:00:10Z',
        until: '2026-11-22T03:01:10Z',
        confidence: 'seen',
        unobserved: null,
        session: { session_id: 's-1', username: 'alice@isp', nas: 'bras', nas_address: '192.0.2.1' },
      },
      {
        kind: 'tenure',
        subscriber_id: 'alice',
        session: null,
        since: '2026-11-22T03:00:00Z',
        confidence: 'authorised',
      },
    ],
  });
  t.same(
    told.possessors[0]?.events.map(({ kind }) => kind),
    ['session-started', 'session-stopped'],
  );
  t.same(
    told.possessors[1]?.events.map(({ to }) => to),
    ['allocated', 'active', 'revoking', 'revoked'],
  );
  const before = await who(world, { address: '100.64.0.5', at: '2026-11-22T03:00:05Z' });
  t.same(
    before.possessors.map(({ kind }) => kind),
    ['tenure'],
    'allocated, and nobody was on it yet',
  );
  t.same((await who(world, { address: '100.64.0.5', at: '2026-11-22T02:59:59Z' })).possessors, []);
  t.same(
    (await who(world, { address: '100.64.0.5', at: '2026-11-22T03:01:11Z' })).possessors,
    [],
    'his second is over',
  );
  const offset = await who(world, { address: '100.64.0.5', at: '2026-11-22T04:00:30+01:00' });
  t.same(offset, told, 'an offset from UTC');
});

t.test('an address within a delegated prefix', async (t) => {
  const world = await openWorld();
  const start = packet({ kind: 'acct-start', sid: 'd', username: 'dora', at: NIGHT });
  await world.house.say({
    kind: 'allocate',
    tenant: 'default',
    actor: 'token:noc',
    receivedAt: NIGHT,
    subscriber: 'dora',
    family: 'ipv6-pd',
    pool: 'pd',
    requested: null,
    username: null,
    usernameBytes: null,
    metadata: null,
  });
  const row = world.house.db.prepare("SELECT hex(net) || '/' || plen FROM holding").pluck().get() as string;
  const [net = '', plen = ''] = row.split('/');
  const text = (net.match(/.{4}/g) ?? []).join(':').toLowerCase();
  await world.house.say({
    ...start,
    addresses: [{ attribute: 'Delegated-IPv6-Prefix', prefix: prefix(`${text}/${plen}`) }],
  });
  const inside = text.replace(/:[0-9a-f]{4}$/, ':00ff');
  world.now = NIGHT + MINUTE;
  const told = await who(world, { address: inside });
  t.match(told.possessors, [
    { kind: 'session', subscriber_id: 'dora', until: null, confidence: 'seen' },
    { kind: 'tenure', subscriber_id: 'dora' },
  ]);
  t.ok(told.possessors.every(({ address }) => address.endsWith(`/${plen}`)));
});

t.test('two on one address are told both, and neither for sure', async (t) => {
  const world = await openWorld();
  await tellStory(world);
  await world.house.say(
    packet({ kind: 'acct-start', sid: 'm', username: 'mallory', at: NIGHT + 30_000, v4: '100.64.0.5' }),
  );
  world.now = NIGHT + 40_000;
  const { possessors } = await who(world, { address: '100.64.0.5' });
  t.same(
    possessors.map(({ subscriber_id: name, session, confidence }) => [name, session?.session_id, confidence]),
    [
      [null, 'm', 'overlapping'],
      ['alice', 's-1', 'overlapping'],
      ['alice', undefined, 'authorised'],
    ],
  );
  const earlier = await who(world, { address: '100.64.0.5', at: '2026-11-22T03:00:20Z' });
  t.same(
    earlier.possessors.map(({ confidence }) => confidence),
    ['seen', 'authorised'],
    'before that there was one',
  );
});

t.test('what nobody listened to is unobserved', async (t) => {
  const world = await openWorld();
  await tellStory(world);
  const { house } = world;
  // addrd is away for a minute; the session is there before and after.
  await house.say({ kind: 'heartbeat', receivedAt: NIGHT + 2 * MINUTE });
  await house.say({ kind: 'daemon-started', tenant: 'default', pools: [], receivedAt: NIGHT + 3 * MINUTE });
  const report = packet({ kind: 'acct-interim', sid: 's-1', username: 'alice@isp', at: NIGHT, v4: '100.64.0.5' });
  const interim = (at: number) => ({ ...report, at, receivedAt: at, seconds: (at - NIGHT - 10_000) / 1_000 });
  await house.say(interim(NIGHT + 4 * MINUTE));
  // Then its NAS is silent for hours.
  await house.say(interim(NIGHT + 300 * MINUTE));
  world.now = NIGHT + 301 * MINUTE;
  const at = async (time: string) => who(world, { address: '100.64.0.5', at: time });
  const away = await at('2026-11-22T03:02:30Z');
  const gap = { since: '2026-11-22T03:02:00Z', until: '2026-11-22T03:03:00Z' };
  t.match(away, {
    unobserved: gap,
    possessors: [{ subscriber_id: 'alice', confidence: 'unobserved', unobserved: gap }],
  });
  const after = await at('2026-11-22T03:03:30Z');
  t.match(after, { unobserved: null, possessors: [{ confidence: 'seen', unobserved: null }] });
  const silent = await at('2026-11-22T05:00:00Z');
  t.match(silent, {
    unobserved: null,
    possessors: [
      { kind: 'session', confidence: 'unobserved', unobserved: { since: '2026-11-22T03:04:00Z' } },
      { kind: 'tenure', confidence: 'authorised', unobserved: null },
    ],
  });
  t.match(await at('2026-11-22T08:00:30Z'), { possessors: [{ kind: 'session', confidence: 'seen' }] });
  world.now = NIGHT + 900 * MINUTE;
  const still = await at('2026-11-22T15:00:00Z');
  t.match(
    still.possessors[0],
    { confidence: 'unobserved', unobserved: { since: '2026-11-22T08:00:00Z' } },
    'silent still',
  );
});

t.test('behind a NAT nobody is named', async (t) => {
  const nat = { tenant: 'default', name: 'cgn', vrf: 'global', prefix: prefix('100.64.0.0/28') };
  const world = await openWorld({ nats: [nat, { ...nat, tenant: 'other', prefix: prefix('100.64.0.0/10') }] });
  await tellStory(world);
  t.match(await who(world, { address: '100.64.0.5' }), { possessors: [], nat: [{ vrf: 'global', pool_id: 'cgn' }] });
  t.match(await who(world, { address: '100.64.0.200' }), { nat: [] }, "another tenant's NAT is none of ours");
});

t.test('who asks is in the journal before there is an answer', async (t) => {
  const world = await openWorld();
  await tellStory(world);
  await who(world, {
    address: '100.64.0.5',
    at: '2026-11-22T03:00:30Z',
    vrf: 'global',
    reason: 'order 12 of the court',
  });
  const line = world.house.db.prepare(
    "SELECT tenant, actor, hex(net) AS net, detail FROM journal WHERE kind = 'who-asked'",
  );
  t.same(line.all(), [
    {
      tenant: 'default',
      actor: 'token:root',
      net: '64400005',
      detail: '{"about":"2026-11-22T03:00:30Z","reason":"order 12 of the court","vrf":"global"}',
    },
  ]);
  world.port.answer = () => {
    throw new RangeError('the store is gone');
  };
  const url = '/api/v1/who?address=100.64.0.5&reason=x';
  const { statusCode, body } = await world.call('GET', url);
  t.equal(statusCode, 500, 'not on record, not answered');
  t.notMatch(body, 'alice');
});

t.test('who may ask, and what', async (t) => {
  const world = await openWorld();
  await tellStory(world);
  const code = async (query: string, token = 'root'): Promise<unknown> => {
    const answer = await world.call('GET', `/api/v1/who?${query}`, { token });
    return [answer.statusCode, answer.json<{ code: unknown }>().code];
  };
  const good = 'address=100.64.0.5&reason=x';
  for (const token of ['reader', 'noc']) t.same(await code(good, token), [403, 'forbidden'], token);
  t.same(await code('address=100.64.0.5'), [400, 'bad-request'], 'no reason');
  t.same(await code('address=100.64.0.5&reason=%20'), [400, 'bad-request'], 'an empty one');
  t.same(await code('address=nobody&reason=x'), [400, 'bad-request']);
  t.same(await code(`${good}&at=yesterday`), [400, 'bad-request']);
  t.same(await code(`${good}&at=2026-11-22T03:00:30`), [400, 'bad-request'], 'in which time zone?');
  t.same(await code(`${good}&at=2026-11-22T03:00:30%2B25:00`), [400, 'bad-request']);
  t.same(await code(`${good}&at=2026-11-23T03:00:30Z`), [400, 'bad-request'], 'the future');
  t.same(await code(`${good}&vrf=red`), [404, 'unknown-vrf']);
  t.equal(world.port.commands.length, 0, 'nothing of it was asked');
  t.same((await who(world, { address: '100.64.0.5' }, 'stranger')).possessors, [], "another tenant's customer");
});
