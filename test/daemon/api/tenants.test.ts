/**
 * No token, order, query or packet of one tenant reaches another: each route of the description is tried with all that one
 * tenant's world has, by a token of another that may do everything; then the packets of another tenant's NASes.
 */
import t from 'tap';
import type { AccountingEvent } from '../../../src/daemon/lifecycle/events.js';
import { acct, allocate, nasOn, octets, revoke } from '../../support/events.js';
import { encodeClass } from '../../../src/daemon/lifecycle/session-class.js';
import { prefix, STORE_ID } from '../../support/house.js';
import { endStory, NIGHT, openWorld, packet, tellStory, type World } from './world.js';

/** What a tenant's world is known by; no answer to another tenant may say any of it that the question did not. */
const MARKS = [
  'anna',
  'mallory',
  's-1',
  'bras',
  '100.64.0.',
  '2001:db8:100:',
  'moved out',
  'ticket',
  'secret-circuit',
  'our reason',
];

/** A tenant with something of each kind: sessions, conflicts, effects, a held revoke, brakes, alarms, identities, VRFs. */
async function rich(): Promise<World> {
  const world = await openWorld();
  await tellStory(world);
  const { house } = world;
  const base = '/api/v1';
  const order = async (path: string, body: object, method: 'POST' | 'PUT' = 'POST'): Promise<void> => {
    const { statusCode, body: text } = await world.call(method, `${base}${path}`, { body });
    if (statusCode >= 300) throw new TypeError(`${path}: ${text}`);
  };
  await order('/subscribers/alice/identities', { type: 'circuit-id', value: 'secret-circuit' }, 'PUT');
  await order('/network/ipv6-lifecycle/allocate', { family: 'ipv6-pd', subscriber_id: 'alice' });
  await order('/network/ipv4-lifecycle/allocate', { subscriber_id: 'anna', requested_address: '100.64.0.7' });
  await order('/holds', { subscriber_id: 'alice', reason: 'our reason' });
  await order('/maintenance', { nas: 'bras', until: '2026-11-22T06:00:00Z', reason: 'our reason' });
  house.policy = { ...house.policy, guard: { ...house.policy.guard, count: 1, floor: 0 } };
  await order('/network/ipv6-lifecycle/revoke', { family: 'ipv6-pd', subscriber_id: 'alice', reason: 'moved out' });
  await order('/network/ipv4-lifecycle/revoke', { subscriber_id: 'anna', reason: 'moved out' });
  await order('/freeze', { reason: 'for all to read' });
  return world;
}

/** Every row that is the first tenant's, and of the tables without a tenant every row; by table. */
function rows({ house: { db } }: World): Map<string, Set<string>> {
  const tables = db
    .prepare("SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
    .all() as { name: string; sql: string }[];
  return new Map(
    tables.map(({ name, sql }) => {
      const own = /\btenant\b/.test(sql) ? "WHERE tenant = 'default'" : '';
      const all = db.prepare(`SELECT * FROM ${name} ${own}`).all();
      return [name, new Set(all.map((row) => JSON.stringify(row)))];
    }),
  );
}

/** Which rows are not as they were. What the whole daemon has, and what a tenant's own order adds, are none of them. */
function changed(before: ReadonlyMap<string, Set<string>>, after: ReadonlyMap<string, Set<string>>): string[] {
  return [...before].flatMap(([table, was]) => {
    const is = after.get(table) ?? new Set();
    const gone = [...was].filter((row) => !is.has(row)).map((row) => `${table} had ${row}`);
    const come = TENANTS_OWN.has(table)
      ? [...is].filter((row) => !was.has(row)).map((row) => `${table} has ${row}`)
      : [];
    return [...gone, ...come];
  });
}

const TENANTS_OWN = new Set(
  [
    'subscriber',
    'identity',
    'pool',
    'nas',
    'assignment',
    'session',
    'holding',
    'conflict',
    'outbox',
    'journal',
    'batch',
  ].concat(['assignment_count', 'brake', 'alarm', 'idempotency', 'lease']),
);

type Body = object | null;
const REVOKE = { subscriber_id: 'alice', reason: 'x', force: true };

const HOLDS = [
  { subscriber_id: 'alice', reason: 'x' },
  { address: '100.64.0.5', reason: 'x' },
];
const HERS = [{ type: 'username', scope: 'tenant', value: 'alice@isp' }];

/** What is sent to each route that takes a body; the last of the IPv6 twins has its family added. */
const BODIES: Record<string, readonly Body[]> = {
  'lifecycle/allocate': [
    { subscriber_id: 'alice' },
    { subscriber_id: 'eve', requested_address: '100.64.0.5', reclaim: true },
    { subscriber_id: 'eve', nas: 'bras' },
    { subscriber_id: 'eve', use: 'routed', parent: 1 },
    { subscriber_id: 'eve', username: 'alice@isp' },
  ],
  'lifecycle/activate': [{ subscriber_id: 'alice' }, { subscriber_id: 'alice', address: '100.64.0.5' }],
  'lifecycle/suspend': [{ subscriber_id: 'alice', send_disconnect: true }],
  'lifecycle/reactivate': [{ subscriber_id: 'alice' }],
  'lifecycle/revoke': [REVOKE, { ...REVOKE, address: '100.64.0.5' }],
  'lifecycle/update': [
    { subscriber_id: 'alice', when: 'now' },
    { subscriber_id: 'alice', address: '100.64.0.5', when: 'now' },
  ],
  '/pools/release': [{ address: '100.64.0.5' }, { address: '100.64.0.9', vrf: 'global' }],
  '/subscribers/{id}/identities': [
    { type: 'username', value: 'alice@isp' },
    { type: 'circuit-id', value: 'secret-circuit' },
  ],
  '/freeze': [{ reason: 'x' }],
  '/thaw': [{ reason: 'x' }],
  '/backup': [{}],
  '/holds': HOLDS,
  '/holds/end': HOLDS,
  '/tasks/{name}/run': [{}, { force: true }],
  '/import': ['100.64.0.5', '100.64.0.6'].map((address) => {
    return {
      rows: [{ subscriber_id: 'alice', address, status: 'assigned', pool_id: 'v4', line: 1, identities: HERS }],
    };
  }),
  '/restored/confirm': [{ reason: 'x' }],
  '/maintenance': [{ nas: 'bras', until: '2026-11-22T07:00:00Z', reason: 'x' }],
  '/maintenance/end': [{ nas: 'bras' }],
  '/approvals/{id}/approve': [{}],
  '/approvals/{id}/reject': [{}],
  '/alarms/acknowledge': [{ alarm: 'ALARM' }],
};
/** What concerns all tenants is for the one that runs addrd. */
const FOR_ALL = [
  '/api/v1/freeze',
  '/api/v1/thaw',
  '/api/v1/backup',
  '/api/v1/restored/confirm',
  '/api/v1/tasks/{name}/run',
];

const QUERIES: Record<string, readonly string[]> = {
  '/sessions': ['', '?open=true', '?username=alice@isp', '?username=alice%40isp&open=true'],
  '/events': [
    '',
    ...[
      'subscriber=alice',
      'address=100.64.0.5',
      'nas=bras',
      'vrf=global&address=100.64.0.9',
      'since=2026-11-21T00:00:00Z',
    ].map((one) => `?${one}`),
  ],
  '/outbox': ['', '?status=pending'],
  '/holds': ['', '?all=true'],
  '/approvals': ['', '?all=true'],
  '/alarms': ['', '?all=true'],
  '/who': ['100.64.0.5', '100.64.0.9', '2001:db8:100::1'].map(
    (address) => `?address=${address}&at=2026-11-22T03:00:30Z&reason=abuse`,
  ),
  '/addresses/{address}': ['', '?vrf=global'],
  '/subscribers/{id}/identities': ['?type=username&value=alice@isp', '?type=circuit-id&value=secret-circuit'],
};

const IDS: Record<string, readonly string[]> = {
  name: ['clean-up'],
  subscriber_id: ['alice', 'mallory'],
  id: ['alice', 'anna', '1', '2'],
  address: ['100.64.0.5', '100.64.0.9', '2001:db8:100::'],
};

interface Described {
  readonly paths: Record<
    string,
    Record<string, { readonly parameters?: { readonly in: string; readonly name: string }[] }>
  >;
}

/** Each path with each thing of the other tenant's in it. */
function filled(path: string): string[] {
  const name = /\{(\w+)\}/.exec(path)?.[1];
  if (name === undefined) return [path];
  const ids = IDS[name];
  if (ids === undefined) throw new TypeError(`${path}: nothing is known to put there`);
  return ids.map((id) => path.replace(`{${name}}`, encodeURIComponent(id)));
}

/** The calls that a route is tried with. */
function calls(
  method: string,
  path: string,
  parameters: readonly { in: string }[],
  alarms: readonly string[],
): { url: string; body?: object }[] {
  const short = path.replace('/api/v1', '').replace(/\/network\/ipv[46]-/, '');
  if (method === 'post' || method === 'put') {
    const given = BODIES[short];
    if (given === undefined) throw new TypeError(`${method} ${path}: no body is known for it`);
    const family = path.includes('ipv6') ? { family: 'ipv6-pd' } : {};
    const bodies = given.flatMap((body): object[] =>
      JSON.stringify(body).includes('ALARM') ? alarms.map((alarm) => ({ alarm })) : [{ ...body, ...family }],
    );
    return filled(path).flatMap((url) => bodies.map((body) => ({ url, body })));
  }
  const queries = QUERIES[short] ?? [''];
  if (parameters.some((one) => one.in === 'query') && QUERIES[short] === undefined) {
    throw new TypeError(`${method} ${path}: no query is known for it`);
  }
  return filled(path).flatMap((url) => queries.map((query) => ({ url: url + query })));
}

t.test('no route tells another tenant anything, or changes it', async (t) => {
  const world = await rich();
  const { paths } = (await world.call('GET', '/openapi.json')).json<Described>();
  const alarms = (await world.call('GET', '/api/v1/alarms'))
    .json<{ alarms: { id: string }[] }>()
    .alarms.map(({ id }) => id);
  t.not(alarms.length, 0, 'there is an alarm');
  t.match((await world.call('GET', '/api/v1/approvals')).body, 'anna', 'and a revoke that waits');
  t.match((await world.call('GET', '/api/v1/outbox')).body, 's-1', 'and an effect');
  t.match((await world.call('GET', '/api/v1/conflicts')).body, '100.64.0.9', 'and a conflict');
  const before = rows(world);
  let tried = 0;
  for (const [path, operations] of Object.entries(paths)) {
    if (!path.startsWith('/api/')) continue;
    for (const [method, { parameters = [] }] of Object.entries(operations)) {
      for (const { url, body } of calls(method, path, parameters, alarms)) {
        const verb = method.toUpperCase() as 'GET' | 'POST' | 'PUT' | 'DELETE';
        const answer = await world.call(verb, url, { token: 'stranger', ...(body === undefined ? {} : { body }) });
        const asked = `${decodeURIComponent(url)} ${JSON.stringify(body ?? {})}`;
        const said = MARKS.filter((mark) => !asked.includes(mark) && answer.body.includes(mark));
        t.strictSame(said, [], `${verb} ${asked}: ${answer.body}`);
        t.ok(answer.statusCode < 500, `${verb} ${asked}: ${String(answer.statusCode)}`);
        const ofAll = FOR_ALL.includes(path) || asked.includes('@daemon');
        t.equal(answer.statusCode === 403, ofAll, `${verb} ${asked}`);
        tried++;
      }
    }
  }
  t.comment(`${String(tried)} calls`);
  t.strictSame(changed(before, rows(world)), []);
});

/** A packet of a NAS of tenant `other`, with whatever the first tenant's customers would send. */
function theirs(
  kind: AccountingEvent['kind'],
  sid: string,
  at: number,
  more: Partial<AccountingEvent>,
): AccountingEvent {
  const packet = acct(kind, sid, at, [], { username: octets('alice@isp'), ...more });
  return { ...packet, entry: 'theirs', nas: { ...packet.nas, tenant: 'other' } };
}

t.test('no packet reaches another tenant, and a conflict between two says no names', async (t) => {
  const world = await openWorld();
  const { house } = world;
  const theirNas = { name: 'theirs', tenant: 'other', vrf: 0, coa: true, mostNases: 8, effectLifeMs: 4_000 };
  house.policy = { ...house.policy, nas: new Map([...house.policy.nas, ['theirs', theirNas]]) };
  await tellStory(world);
  const held = (): unknown =>
    house.db.prepare("SELECT id, state, subscriber FROM assignment WHERE tenant = 'default' ORDER BY id").all();
  const open = (): unknown =>
    house.db.prepare("SELECT id, ended_at, subscriber FROM session WHERE tenant = 'default' ORDER BY id").all();
  const [assignments, sessions] = [held(), open()];
  const at = NIGHT + 65_000;
  const shown = [{ attribute: 'Framed-IP-Address' as const, prefix: prefix('100.64.0.5') }];
  // The source is that of the first tenant's NAS, the session's number, the name and the address are hers.
  await house.say(theirs('acct-start', 's-1', at, { addresses: shown }));
  await house.say(theirs('acct-interim', 's-1', at + 1_000, { addresses: shown }));
  await house.say(theirs('acct-stop', 's-1', at + 2_000, { addresses: shown, seconds: 2 }));
  const bytes = encodeClass({ store: STORE_ID, assignment: 1, generation: 1 });
  const bob = octets('bob@theirs');
  const hers = [{ type: 'class' as const, scope: 'tenant', bytes }];
  await house.say(
    theirs('acct-start', 's-2', at + 2_500, { addresses: shown, claims: hers, class: [bytes], username: bob }),
  );
  const on = nasOn(at + 3_000);
  await house.say({ ...on, entry: 'theirs', nas: { ...on.nas, tenant: 'other' } });
  await house.say(
    revoke('alice', at + 4_000, { tenant: 'other' }),
    allocate('alice', at + 5_000, { tenant: 'other', requested: prefix('100.64.0.5') }),
  );
  t.strictSame(held(), assignments, 'the revoke still waits for its own Stop');
  t.strictSame(open(), sessions);
  const across = `SELECT count(*) FROM session e JOIN subscriber s ON s.id = e.subscriber WHERE s.tenant <> e.tenant`;
  t.equal(house.db.prepare(across).pluck().get(), 0, 'and no session of another tenant is hers');
  await endStory(world);
  const stays = house.db.prepare("SELECT state FROM assignment WHERE tenant = 'default'").pluck();
  t.strictSame(stays.all(), ['revoking'], 'an address that others stand on does not become free');
  for (const [token, names] of [
    ['root', ['theirs', 's-2']],
    ['stranger', ['"alice"', 'bras', 'moved out']],
  ] as const) {
    for (const path of [
      'subscribers/alice',
      'addresses/100.64.0.5',
      'sessions?open=false',
      'events',
      'conflicts',
      'alarms',
      'nas',
    ]) {
      const { body } = await world.call('GET', `/api/v1/${path}`, { token });
      for (const name of names) t.notMatch(body, name, `${path} to ${token}`);
    }
  }
  const step = "SELECT outcome FROM assignment_step WHERE step = 'evidence'";
  t.equal(house.db.prepare(step).pluck().get(), 'contested by a session of another tenant');
  await house.say(theirs('acct-stop', 's-2', at + 20_000, { addresses: shown, username: bob }));
  t.strictSame(stays.all(), ['revoked']);
  t.same(
    packet({ kind: 'acct-stop', sid: 's-1', at }).nas.bytes,
    theirs('acct-stop', 's-1', at, {}).nas.bytes,
    'one source, two tenants',
  );
});
