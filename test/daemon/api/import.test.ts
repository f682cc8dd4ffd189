/** `POST /api/v1/import`: rows of another system, each answered by itself, and what shows them afterwards. */
import t from 'tap';
import { CommandUnavailable } from '../../../src/daemon/command.js';
import { invariants } from '../../support/invariants.js';
import { NIGHT, openWorld, packet } from './world.js';

interface Row {
  readonly line: number | null;
  readonly verdict: string;
  readonly code: string | null;
  readonly assignment: number | null;
  readonly lifecycle_state: string | null;
}

const ALICE = {
  line: 2,
  subscriber_id: 'alice',
  address: '100.64.0.1',
  status: 'assigned',
  identities: [{ type: 'username', value: 'alice@isp' }],
  metadata: { contract: 7 },
};
const BOB = { line: 3, subscriber_id: 'bob', address: '100.64.0.1', status: 'reserved' };
const CAROL = { line: 4, subscriber_id: 'carol', address: '100.64.0.3', status: 'expired' };

t.test('rows are taken over, refused and known again', async (t) => {
  const world = await openWorld();
  const send = async (rows: unknown[], token = 'root') =>
    world.call('POST', '/api/v1/import', { body: { rows }, token });
  const first = await send([ALICE, BOB, CAROL]);
  t.equal(first.statusCode, 200);
  const { rows } = first.json<{ rows: Row[] }>();
  t.match(rows, [
    { line: 2, verdict: 'applied', code: null, lifecycle_state: 'active', address: '100.64.0.1' },
    { line: 3, verdict: 'refused', code: 'address-taken', detail: '100.64.0.1 is held by alice', assignment: null },
    { line: 4, verdict: 'applied', lifecycle_state: 'revoked' },
  ]);
  const again = (await send([ALICE, BOB, CAROL])).json<{ rows: Row[] }>();
  t.strictSame(
    again.rows.map(({ verdict, code }) => [verdict, code]),
    [
      ['duplicate', 'already-imported'],
      ['refused', 'address-taken'],
      ['duplicate', 'already-imported'],
    ],
  );
  t.same(invariants(world.house.db, world.house.policy), []);

  const show = async (name: string): Promise<Record<string, unknown>> => {
    const { assignments } = (await world.call('GET', `/api/v1/subscribers/${name}`)).json<{
      assignments: Record<string, unknown>[];
    }>();
    return assignments[0] ?? {};
  };
  t.match(await show('alice'), {
    provenance: 'imported',
    status: 'assigned',
    imported: { status: 'assigned', at: '2026-11-22T03:00:00Z', verified_at: null },
    lifecycle_metadata: { contract: 7 },
  });
  t.match(await show('carol'), { status: 'expired', lifecycle_state: 'revoked', imported: { status: 'expired' } });
  world.now = NIGHT + 5_000;
  await world.house.say(
    packet({ kind: 'acct-start', sid: 's', username: 'alice@isp', at: NIGHT + 5_000, v4: '100.64.0.1' }),
  );
  t.match(await show('alice'), { imported: { verified_at: '2026-11-22T03:00:05Z' } });
  await world.call('POST', '/api/v1/network/ipv4-lifecycle/allocate', { body: { subscriber_id: 'dan' } });
  t.match(await show('dan'), { status: 'reserved', imported: null });
});

t.test('who may, and what is no row', async (t) => {
  const world = await openWorld();
  const send = async (rows: unknown, token = 'root') => world.call('POST', '/api/v1/import', { body: { rows }, token });
  t.match((await send([ALICE], 'noc')).json(), { status: 403, code: 'forbidden' });
  for (const [rows, field] of [
    [[], 'rows'],
    [[ALICE, { ...BOB, status: 'lost' }], 'rows.1.status'],
    [[{ ...ALICE, address: '100.64.0.1/24' }], 'rows.0.address'],
    [[{ ...ALICE, identities: [{ type: 'mac', value: 'x' }] }], 'rows.0.identities.0.value'],
    [
      [{ ...ALICE, identities: [{ type: 'mac', value: '02:00:5e:10:01:01', scope: 'nas:bras' }] }],
      'rows.0.identities.0.scope',
    ],
    [[{ ...ALICE, wibble: 1 }], 'rows.0.wibble'],
    [[{ ...ALICE, metadata: { x: 'y'.repeat(5_000) } }], 'rows.0.metadata'],
    [Array.from({ length: 65 }, () => CAROL), 'rows'],
  ] as const) {
    const { statusCode, json } = await send(rows);
    t.equal(statusCode, 400, field);
    t.equal(json<{ errors: { field: string }[] }>().errors[0]?.field, field);
  }
  t.equal(world.port.commands.length, 0, 'nothing of a batch is decided where one row is none');
});

t.test("another tenant's pools and subscribers are not there", async (t) => {
  const world = await openWorld();
  await world.call('POST', '/api/v1/import', { body: { rows: [ALICE] } });
  const { rows } = (await world.call('POST', '/api/v1/import', { body: { rows: [ALICE] }, token: 'stranger' })).json<{
    rows: Row[];
  }>();
  t.match(rows, [{ verdict: 'refused', code: 'not-in-pool' }]);
  const own = { ...ALICE, address: '198.51.100.1' };
  const taken = (await world.call('POST', '/api/v1/import', { body: { rows: [own] }, token: 'stranger' })).json<{
    rows: Row[];
  }>();
  t.match(taken.rows, [{ verdict: 'applied', lifecycle_state: 'active' }], 'the same name is another subscriber there');
});

t.test('a daemon that cannot decide says so, and the batch may be said again', async (t) => {
  const world = await openWorld();
  world.port.answer = () => {
    throw new CommandUnavailable('queue-full');
  };
  const busy = await world.call('POST', '/api/v1/import', { body: { rows: [ALICE, CAROL] } });
  t.match(busy.json(), { status: 503, code: 'queue-full' });
  t.equal(busy.headers['retry-after'], '1');
  t.equal(world.port.commands.length, 2);
});
