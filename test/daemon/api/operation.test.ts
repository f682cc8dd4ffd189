import { readFileSync } from 'node:fs';
import t from 'tap';
import { PROBLEMS } from '../../../src/daemon/api/problem.js';
import { printable } from '../../../src/daemon/lifecycle/octets.js';
import { openWorld } from './world.js';

const page = readFileSync(new URL('../../../docs/api.md', import.meta.url), 'utf8');

interface Described {
  readonly openapi: string;
  readonly paths: Record<string, Record<string, Operation>>;
}

interface Operation {
  readonly summary?: string;
  readonly operationId: string;
  readonly security?: unknown;
  readonly parameters?: { readonly name: string; readonly in: string }[];
  readonly requestBody?: { readonly content: Record<string, { readonly schema: Record<string, unknown> }> };
  readonly responses: Record<string, { readonly content?: unknown }>;
}

t.test('health, readiness and metrics need no token', async (t) => {
  const world = await openWorld();
  const alive = await world.call('GET', '/healthz', { token: null });
  t.equal(alive.statusCode, 200);
  t.strictSame(alive.json(), { status: 'alive' });
  const ready = await world.call('GET', '/readyz', { token: null });
  t.equal(ready.statusCode, 200);
  t.strictSame(ready.json(), { ready: true, reasons: [], notes: [] });
  const metrics = await world.call('GET', '/metrics', { token: null });
  t.equal(metrics.body, 'addrd_up 1\n');
  t.match(metrics.headers['content-type'], 'text/plain; version=0.0.4');
});

t.test('not ready says why', async (t) => {
  const world = await openWorld({ readiness: () => ({ ready: false, reasons: ['store-full'], notes: [] }) });
  const { statusCode, json } = await world.call('GET', '/readyz', { token: null });
  t.equal(statusCode, 503);
  t.strictSame(json(), { ready: false, reasons: ['store-full'], notes: [] });
  t.equal((await world.call('GET', '/healthz', { token: null })).statusCode, 200, 'and it is alive');
});

t.test('what is not there', async (t) => {
  const world = await openWorld();
  for (const [method, url] of [
    ['GET', '/'],
    ['GET', '/api/v1/wibble'],
    ['POST', '/api/v1/pools'],
    ['GET', '/api/v1/network/ipv4-lifecycle/allocate/x'],
  ] as const) {
    const missing = await world.call(method, url);
    t.equal(missing.statusCode, 404, url);
    t.match(missing.headers['content-type'], 'application/problem+json');
    t.match(missing.json(), { code: 'not-found', detail: `there is no ${method} ${url}` });
  }
});

t.test('the description names every route with what it takes and answers', async (t) => {
  const world = await openWorld();
  const { statusCode, json } = await world.call('GET', '/openapi.json', { token: null });
  t.equal(statusCode, 200);
  const { openapi, paths } = json<Described>();
  t.equal(openapi, '3.1.0');
  const lifecycle = ['allocate', 'activate', 'suspend', 'update', 'reactivate', 'revoke', '{subscriber_id}'];
  const lists = [
    'sessions',
    'pools',
    'pools/release',
    'events',
    'who',
    'outbox',
    'conflicts',
    'nas',
    'status',
    'subscribers/{id}',
    'subscribers/{id}/identities',
    'addresses/{address}',
    'freeze',
    'thaw',
    'maintenance',
    'maintenance/end',
    'approvals',
    'approvals/{id}/approve',
    'approvals/{id}/reject',
    'backup',
    'import',
    'restored/confirm',
    'tasks',
    'tasks/{name}/run',
    'holds',
    'holds/end',
    'alarms',
    'alarms/acknowledge',
  ];
  t.strictSame(
    Object.keys(paths).sort(),
    [
      ...['/healthz', '/readyz', '/metrics', '/openapi.json'],
      ...lifecycle.flatMap((path) => [4, 6].map((v) => `/api/v1/network/ipv${String(v)}-lifecycle/${path}`)),
      ...lists.map((path) => `/api/v1/${path}`),
    ].sort(),
  );
  const ids = new Set<string>();
  let count = 0;
  for (const [path, operations] of Object.entries(paths)) {
    for (const [method, operation] of Object.entries(operations)) {
      const name = `${method} ${path}`;
      t.ok(operation.summary, name);
      t.ok(operation.operationId, name);
      ids.add(operation.operationId);
      count++;
      t.notMatch(JSON.stringify(operation), '$schema', name);
      if (!path.startsWith('/api/')) continue;
      t.strictSame(operation.security, [{ token: [] }], name);
      t.ok((operation.responses['200'] ?? operation.responses['202'])?.content, name);
      t.ok(operation.responses['4XX'] ?? operation.responses['4xx'], name);
      t.equal(operation.requestBody !== undefined, method === 'post' || method === 'put', name);
    }
  }
  t.equal(ids.size, count, 'every operation has an id of its own');
  t.match(paths['/api/v1/addresses/{address}']?.['get']?.parameters, [
    { name: 'vrf', in: 'query' },
    { name: 'address', in: 'path', required: true },
  ]);
  const body = paths['/api/v1/network/ipv6-lifecycle/allocate']?.['post']?.requestBody?.content['application/json'];
  t.match(body?.schema, {
    required: ['family', 'subscriber_id'],
    properties: { family: { enum: ['ipv6', 'ipv6-pd'] } },
  });
  const query = paths['/api/v1/events']?.['get']?.parameters?.map(({ name }) => name);
  t.strictSame(query, ['after', 'limit', 'subscriber', 'address', 'vrf', 'nas', 'since', 'until']);
});

t.test('every problem has a row in docs/api.md, with its status', async (t) => {
  for (const [code, { status }] of Object.entries(PROBLEMS)) {
    t.match(page, new RegExp(`^\\| \`${code}\` +\\| ${String(status)} `, 'm'), code);
  }
  const rows = [...page.matchAll(/^\| `([a-z-]+)` +\| \d{3} /gm)].map((match) => match[1]);
  t.strictSame(rows.sort(), Object.keys(PROBLEMS).sort(), 'and no row is about nothing');
});

t.test('every route is in docs/api.md', async (t) => {
  const world = await openWorld();
  const { paths } = (await world.call('GET', '/openapi.json')).json<Described>();
  for (const path of Object.keys(paths)) {
    const written = path
      .replace('/{address}', '/ADDRESS')
      .replace('/approvals/{id}', '/approvals/BATCH')
      .replace('/tasks/{name}', '/tasks/NAME')
      .replace(/\{[a-z_]+\}/, 'SUBSCRIBER')
      .replace(/ipv[46]-/, 'ipv4-');
    t.ok(page.includes(`${written}\``), written);
  }
});

t.test('octets as text, without loss', async (t) => {
  const shown = (...octets: number[]): string => printable(Uint8Array.from(octets));
  t.equal(printable(new TextEncoder().encode('jürgen@isp')), 'jürgen@isp');
  t.equal(shown(0x41, 0xff), String.raw`A\xff`);
  t.equal(shown(0x5c, 0x78), String.raw`\\x`);
  t.equal(shown(0x5c, 0xff), String.raw`\\\xff`);
  t.equal(shown(0x00, 0x1b, 0x5b), String.raw`\x00\x1b[`);
  t.equal(shown(0xe2, 0x80, 0xae), String.raw`\xe2\x80\xae`, 'nothing turns the line around');
});
