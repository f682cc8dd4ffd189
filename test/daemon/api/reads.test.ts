import t from 'tap';
import type { z } from 'zod';
import {
  addressView,
  conflictsView,
  eventsView,
  lifecycleView,
  nasesView,
  outboxView,
  poolsView,
  sessionsView,
  statusView,
  subscriberView,
} from '../../../src/daemon/api/views.js';
import { endStory, openWorld, tellStory, type World } from './world.js';

/** An answer of 200 that is what the documents say, no more and no less. */
async function read<T>(world: World, url: string, view: z.ZodType<T>, token = 'reader'): Promise<T> {
  const { statusCode, body, json } = await world.call('GET', url, { token });
  if (statusCode !== 200) throw new TypeError(`${url}: ${body}`);
  return view.parse(json());
}

async function code(world: World, url: string, token = 'reader'): Promise<unknown> {
  return (await world.call('GET', url, { token })).json<{ code: unknown }>().code;
}

async function openNight(): Promise<World> {
  const world = await openWorld();
  await tellStory(world);
  return world;
}

t.test('a subscriber whose termination waits', async (t) => {
  const world = await openNight();
  const alice = await read(world, '/api/v1/subscribers/alice', subscriberView);
  t.match(alice, {
    subscriber_id: 'alice',
    created_at: '2026-11-22T03:00:00Z',
    usernames: [{ username: 'alice@isp', provenance: 'configured' }],
    assignments: [
      {
        address: '100.64.0.5',
        pool_id: 'v4',
        vrf: 'global',
        lifecycle_state: 'revoking',
        since: '2026-11-22T03:01:00Z',
        lifecycle_allocated_at: '2026-11-22T03:00:00Z',
        lifecycle_activated_at: '2026-11-22T03:00:10Z',
        lifecycle_metadata: { ticket: 7 },
        revoke: { reason: 'moved out', actor: 'token:noc', send_disconnect: true, release_to_pool: true },
        evidence: null,
        steps: [
          { step: 'disconnect', state: 'waiting', attempts: 1 },
          { step: 'evidence', state: 'waiting' },
        ],
        unit: null,
      },
    ],
    sessions: [
      {
        session_id: 's-1',
        nas: 'bras',
        nas_address: '192.0.2.1',
        nas_known_by: 'source-address',
        nas_known_as: '192.0.2.1',
        username: 'alice@isp',
        state: 'open',
        addresses: [{ address: '100.64.0.5', attribute: 'Framed-IP-Address', standing: 'held' }],
        usage: { session_time_s: 0, input_octets: 1_000, interims: 0 },
      },
    ],
    outbox: [{ kind: 'nas.disconnect', status: 'pending', nas: 'bras', session_id: 's-1', assignments: [1] }],
    conflicts: [],
  });
  t.strictSame(
    alice.events.map(({ kind, from, to, code }) => [kind, from, to, code]),
    [
      ['transition', 'pending', 'allocated', 'allocate'],
      ['session-started', null, null, 'acct-start'],
      ['transition', 'allocated', 'active', 'acct-start'],
      ['transition', 'active', 'revoking', 'revoke'],
      ['effect-ordered', null, null, 'nas.disconnect'],
    ],
  );
});

t.test('and when it has ended', async (t) => {
  const world = await openNight();
  await endStory(world);
  const { assignments, sessions } = await read(world, '/api/v1/subscribers/alice', subscriberView);
  t.match(assignments, [
    {
      lifecycle_state: 'revoked',
      evidence: { kind: 'stop' },
      steps: [{ step: 'disconnect' }, { step: 'evidence', state: 'done' }, { step: 'release', outcome: 'quarantined' }],
      unit: { state: 'quarantined', until: '2026-11-22T03:02:10Z' },
    },
  ]);
  t.match(sessions, [{ state: 'ended', end_kind: 'stop', terminate_cause: 1 }]);
  const { assignments: same } = await read(world, '/api/v1/network/ipv4-lifecycle/alice', lifecycleView);
  t.strictSame(same, assignments);
  const address = await read(world, '/api/v1/addresses/100.64.0.5', addressView);
  t.match(address.units, [{ state: 'quarantined', until: '2026-11-22T03:02:10Z', last_subscriber_id: 'alice' }]);
});

t.test('an address by text, alone or with its length', async (t) => {
  const world = await openNight();
  for (const text of ['100.64.0.5', '100.64.0.5/32', '100.64.0.5%2F32']) {
    const story = await read(world, `/api/v1/addresses/${text}`, addressView);
    t.equal(story.address, '100.64.0.5');
    t.match(story.units, [{ state: 'held', pool_id: 'v4' }]);
    t.match(story.assignments, [{ subscriber_id: 'alice' }]);
    t.strictSame(
      story.history.map(({ kind, subscriber_id: who }) => [kind, who]),
      [
        ['session', 'alice'],
        ['tenure', 'alice'],
      ],
    );
    t.ok(story.events.length > 0);
  }
  t.match(await read(world, '/api/v1/addresses/100.64.0.0/28', addressView), {
    units: [],
    assignments: [{ address: '100.64.0.5' }],
  });
  t.match(await read(world, '/api/v1/addresses/100.64.0.9', addressView), {
    units: [{ state: 'occupied' }],
    conflicts: [{ kind: 'occupied' }],
  });
  t.match(await read(world, '/api/v1/addresses/100.64.0.7', addressView), { units: [{ state: 'never-used' }] });
  t.match(await read(world, '/api/v1/addresses/100.64.0.0', addressView), { units: [{ state: 'excluded' }] });
  t.match(await read(world, '/api/v1/addresses/2001:db8:100::/56', addressView), { units: [{ pool_id: 'pd' }] });
  t.equal(await code(world, '/api/v1/addresses/203.0.113.1'), 'unknown-address');
  t.equal(await code(world, '/api/v1/addresses/100.64.0.5/24'), 'bad-request');
  t.equal(await code(world, '/api/v1/addresses/'), 'bad-request');
});

t.test('an address inside a delegated prefix belongs to its holder', async (t) => {
  const world = await openWorld();
  const body = { subscriber_id: 'alice', family: 'ipv6-pd' };
  await world.call('POST', '/api/v1/network/ipv6-lifecycle/allocate', { body });
  const story = await read(world, '/api/v1/addresses/2001:db8:100:0:1::1', addressView);
  t.match(story, {
    units: [{ address: '2001:db8:100::/56', state: 'held' }],
    assignments: [{ subscriber_id: 'alice' }],
  });
  t.match(story.history, [{ address: '2001:db8:100::/56' }]);
});

t.test('sessions: open ones, all of them, page by page', async (t) => {
  const world = await openNight();
  const { sessions, next_after: next } = await read(world, '/api/v1/sessions', sessionsView);
  t.strictSame(
    sessions.map(({ session_id: sid, username, subscriber_id: who }) => [sid, username, who]),
    [
      ['s-1', 'alice@isp', 'alice'],
      [String.raw`\xffA`, 'mallory', null],
    ],
    'octets that are no text are shown as octets',
  );
  t.equal(next, null);
  const first = await read(world, '/api/v1/sessions?limit=1', sessionsView);
  t.equal(first.next_after, 1);
  t.match((await read(world, '/api/v1/sessions?limit=1&after=1', sessionsView)).sessions, [{ id: 2 }]);
  await endStory(world);
  t.equal((await read(world, '/api/v1/sessions', sessionsView)).sessions.length, 1);
  t.equal((await read(world, '/api/v1/sessions?open=false', sessionsView)).sessions.length, 2);
  for (const query of ['limit=0', 'limit=1001', 'limit=x', 'limit=-1', 'after=1.5', 'open=maybe', 'wibble=1']) {
    t.equal(await code(world, `/api/v1/sessions?${query}`), 'bad-request', query);
  }
});

t.test('pools count in whole numbers of any size', async (t) => {
  const world = await openNight();
  const { pools } = await read(world, '/api/v1/pools', poolsView);
  t.match(pools, [
    { pool_id: 'v4', prefix: '100.64.0.0/28', size: '16', excluded: '2', held: 1, barred: 1, free: '12' },
    { pool_id: 'v6', unit_length: 128 },
    { pool_id: 'pd', unit_length: 56, size: '16', free: '16', utilisation_percent: 0 },
  ]);
  t.equal(pools[0]?.utilisation_percent, 14.28);
  const net = Buffer.from('20010db8000000000000000000000000', 'hex');
  world.house.db
    .prepare(
      `INSERT INTO pool (tenant, name, vrf, family, use, kind, net, plen, unit_length, cursor, held, barred, freed, excluded_ranges)
       VALUES ('other', 'wide', 0, 'ipv6', 'address', 'static', ?, 32, 128, zeroblob(17), 1, 0, 0, '20010db8000000000000000000000000-20010db8000000000000000000000000')`,
    )
    .run(net);
  const { pools: theirs } = await read(world, '/api/v1/pools', poolsView, 'stranger');
  t.match(theirs[1], { size: '79228162514264337593543950336', free: '79228162514264337593543950334' });
});

t.test('the journal: the newest lines, those after a line, of a subscriber, of an address', async (t) => {
  const world = await openNight();
  const all = await read(world, '/api/v1/events', eventsView);
  t.ok(all.events.length > 5);
  const ids = all.events.map(({ id }) => id);
  t.strictSame(
    ids,
    [...ids].sort((a, b) => a - b),
    'oldest first',
  );
  t.equal(all.last_id, ids.at(-1));
  const newest = await read(world, '/api/v1/events?limit=2', eventsView);
  t.strictSame(newest.events, all.events.slice(-2));
  const after = await read(world, `/api/v1/events?after=${String(ids[1])}&limit=2`, eventsView);
  t.strictSame(after.events, all.events.slice(2, 4));
  const none = await read(world, `/api/v1/events?after=${String(all.last_id)}`, eventsView);
  t.strictSame(none, { events: [], last_id: all.last_id, deleted_until: null });
  const alice = await read(world, '/api/v1/events?subscriber=alice', eventsView);
  t.ok(alice.events.length > 0 && alice.events.length < all.events.length);
  const address = await read(world, '/api/v1/events?address=100.64.0.5', eventsView);
  t.match(address.events[0], { address: '100.64.0.5', to: 'allocated', actor: 'token:noc' });
  t.equal(await code(world, '/api/v1/events?subscriber=nobody'), 'unknown-subscriber');
  t.equal(await code(world, '/api/v1/events?address=10.1'), 'bad-request');
  t.equal(await code(world, '/api/v1/events?address=100.64.0.5&subscriber=alice'), 'bad-request');
});

t.test('the journal: of a NAS, and between two times', async (t) => {
  const world = await openNight();
  const { events: all } = await read(world, '/api/v1/events', eventsView);
  const ids = (events: typeof all): number[] => events.map(({ id }) => id);
  const query = async (text: string): Promise<number[]> =>
    ids((await read(world, `/api/v1/events?${text}`, eventsView)).events);
  const byNas = ids(all.filter(({ nas }) => nas === 'bras'));
  t.ok(byNas.length > 2 && byNas.length < all.length);
  t.strictSame(await query('nas=bras'), byNas);
  t.strictSame(await query('nas=192.0.2.1'), byNas);
  t.strictSame(await query('nas=bras&limit=1'), byNas.slice(-1), 'the newest');
  t.strictSame(await query(`nas=bras&limit=1&after=${String(byNas[0])}`), byNas.slice(1, 2));
  const later = ids(all.filter(({ at }) => at >= '2026-11-22T03:00:20Z'));
  t.ok(later.length > 0 && later.length < all.length);
  t.strictSame(await query('since=2026-11-22T03:00:20Z'), later);
  t.strictSame(await query('since=2026-11-22T04:00:20%2B01:00'), later);
  t.strictSame(await query('since=2026-11-22T03:00:20Z&limit=2'), later.slice(0, 2), 'the first ones');
  t.strictSame(await query(`since=2026-11-22T03:00:20Z&after=${String(later[1])}`), later.slice(2));
  const earlier = ids(all.filter(({ at }) => at < '2026-11-22T03:00:20Z'));
  t.strictSame(await query('until=2026-11-22T03:00:20Z'), earlier);
  t.strictSame(await query('until=2026-11-22T03:00:20Z&limit=1'), earlier.slice(-1));
  t.strictSame(await query('since=2026-11-22T03:00:20Z&until=2026-11-22T03:00:20Z'), []);
  t.strictSame(await query('since=2026-11-23T03:00:20Z'), []);
  t.equal(await code(world, '/api/v1/events?nas=nobody'), 'unknown-nas');
  t.equal(await code(world, '/api/v1/events?nas=bras', 'stranger'), 'unknown-nas', "another tenant's");
  t.equal(await code(world, '/api/v1/events?nas=bras&subscriber=alice'), 'bad-request');
  t.equal(await code(world, '/api/v1/events?since=yesterday'), 'bad-request');
});

t.test('outbox, conflicts, NASes and status', async (t) => {
  const world = await openNight();
  const { outbox } = await read(world, '/api/v1/outbox', outboxView);
  t.match(outbox, [{ status: 'pending', subscriber_id: 'alice', attempt: 0, due_at: '2026-11-22T03:01:00Z' }]);
  t.strictSame((await read(world, '/api/v1/outbox?status=done', outboxView)).outbox, []);
  t.equal((await read(world, '/api/v1/outbox?status=pending', outboxView)).outbox.length, 1);
  t.equal(await code(world, '/api/v1/outbox?status=wibble'), 'bad-request');
  const { conflicts } = await read(world, '/api/v1/conflicts', conflictsView);
  t.match(conflicts, [{ kind: 'occupied', address: '100.64.0.9', username: 'mallory', holder_id: null, count: 1 }]);
  const { nas } = await read(world, '/api/v1/nas', nasesView);
  t.match(nas, [{ nas: 'bras', nas_address: '192.0.2.1', open_sessions: 2, suspect_sessions: 0, epoch_at: null }]);
  const status = await read(world, '/api/v1/status', statusView);
  t.match(status, {
    ...{ version: '0.1.0', tenant: 'default', time: '2026-11-22T03:01:01Z', ready: true, reasons: [] },
    ...{ sessions_open: 2, outbox_pending: 1, conflicts_open: 1, poison: 0, stuck: 0 },
  });
  t.match(status.assignments, { ipv4: { revoking: 1, active: 0 }, 'ipv6-pd': { revoking: 0 } });
});

t.test('no read crosses the tenant', async (t) => {
  const world = await openNight();
  t.equal(await code(world, '/api/v1/subscribers/alice', 'stranger'), 'unknown-subscriber');
  t.equal(await code(world, '/api/v1/network/ipv4-lifecycle/alice', 'stranger'), 'unknown-subscriber');
  t.equal(await code(world, '/api/v1/addresses/100.64.0.5', 'stranger'), 'unknown-address');
  t.equal(await code(world, '/api/v1/addresses/100.64.0.9', 'stranger'), 'unknown-address');
  t.equal(await code(world, '/api/v1/events?subscriber=alice', 'stranger'), 'unknown-subscriber');
  t.strictSame((await read(world, '/api/v1/sessions', sessionsView, 'stranger')).sessions, []);
  t.strictSame((await read(world, '/api/v1/outbox', outboxView, 'stranger')).outbox, []);
  t.strictSame((await read(world, '/api/v1/conflicts', conflictsView, 'stranger')).conflicts, []);
  t.strictSame((await read(world, '/api/v1/nas', nasesView, 'stranger')).nas, []);
  const { pools } = await read(world, '/api/v1/pools', poolsView, 'stranger');
  t.strictSame(
    pools.map((pool) => pool.prefix),
    ['198.51.100.0/28'],
  );
  const { events } = await read(world, '/api/v1/events', eventsView, 'stranger');
  t.notMatch(JSON.stringify(events), 'alice');
  t.notMatch(JSON.stringify(events), '100.64');
  const status = await read(world, '/api/v1/status', statusView, 'stranger');
  t.match(status, { tenant: 'other', sessions_open: 0, outbox_pending: 0, conflicts_open: 0 });
  t.equal(status.assignments.ipv4.revoking, 0);
});

t.test('a subscriber may be called anything', async (t) => {
  const world = await openWorld();
  const names = ['a/b', 'ä ö', '100%', '...', 'x'.repeat(256)];
  for (const name of names) {
    await world.call('POST', '/api/v1/network/ipv4-lifecycle/allocate', { body: { subscriber_id: name } });
    const found = await read(world, `/api/v1/subscribers/${encodeURIComponent(name)}`, subscriberView);
    t.equal(found.subscriber_id, name);
  }
  t.equal(await code(world, '/api/v1/subscribers/%E4'), 'bad-request', 'no UTF-8');
});
