/** The API in its thread, over real HTTP and a store in a file; the test is the main thread. */
import { createServer } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Registry } from 'prom-client';
import t from 'tap';
import { tokenDigest, type ApiToken } from '../../../src/daemon/api/token.js';
import { systemClock, systemTimers } from '../../../src/daemon/clock.js';
import type * as command from '../../../src/daemon/command.js';
import type { Logger } from '../../../src/daemon/log.js';
import type * as apiThread from '../../../src/daemon/threads/api-thread.js';
import { ThreadMetrics } from '../../../src/daemon/threads/thread-metrics.js';
import { openStore } from '../../../src/store/open.js';
import { NIGHT, RecordingPort } from '../api/world.js';
import { temporary } from '../../support/files.js';
import { openHouse } from '../../support/house.js';

// The built one: a worker that compiles its sources first takes long to begin.
const { ApiThread: BuiltThread } = (await import(
  new URL('../../../dist/daemon/threads/api-thread.js', import.meta.url).href
)) as typeof apiThread;
const { CommandUnavailable } = (await import(
  new URL('../../../dist/daemon/command.js', import.meta.url).href
)) as typeof command;

function token(secret: string): ApiToken {
  return { name: 'noc', scopes: ['operate'], tenant: 'default', operator: true, digest: tokenDigest(secret) };
}

const modes = { nas: 'act', entries: {} } as const;
const lifecycle = { evidenceTimeoutMs: 60_000, interimIntervalMs: 300_000 };
const nats: readonly [] = [];
const reporting = { interimRoundMs: 600_000, silence: { interims: 3, factor: 3 }, interimless: [] };

interface Teardown {
  teardown(fn: () => void | Promise<void>): void;
}

async function scene(t: Teardown, change: Partial<apiThread.ApiThreadOptions> = {}) {
  const path = join(temporary(t), 'addrd.db');
  const store = openStore(path, process.pid);
  const house = await openHouse(NIGHT, {}, { db: store.db });
  const port = new RecordingPort(house, () => NIGHT);
  const codes: string[] = [];
  const note = ({ code }: { code: string }): void => {
    codes.push(code);
  };
  const state: { readiness: command.Readiness } = { readiness: { ready: true, reasons: [], notes: [] } };
  const options: apiThread.ApiThreadOptions = {
    clock: systemClock,
    timers: systemTimers,
    log: { info: note, warn: note, error: note } as unknown as Logger,
    metrics: new ThreadMetrics(new Registry()),
    storePath: path,
    listen: [{ host: '127.0.0.1', port: 0 }],
    version: '0.1.0',
    settings: { tokens: [token('first')], mode: 'act', modes, reporting, nats, lifecycle },
    sockets: [],
    commands: port,
    readiness: () => state.readiness,
    metricsText: async () => '# TYPE addrd_of_main gauge\naddrd_of_main 41\n',
    ...change,
  };
  t.teardown(() => {
    store.close();
  });
  const start = async (): Promise<apiThread.ApiThread> => {
    const api = await BuiltThread.start(options);
    t.teardown(() => api.stop());
    return api;
  };
  return { start, port, codes, state, house };
}

async function ask(api: apiThread.ApiThread, path: string, secret = 'first', body?: unknown) {
  const response = await fetch(`http://127.0.0.1:${String(api.listening[0]?.port)}${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: {
      authorization: `Bearer ${secret}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return {
    status: response.status,
    text,
    body: text.startsWith('{') ? (JSON.parse(text) as Record<string, unknown>) : {},
  };
}

const ALLOCATE = '/api/v1/network/ipv4-lifecycle/allocate';

t.test('who was answered reads what was written', async (t) => {
  const { start } = await scene(t);
  const api = await start();
  for (let i = 0; i < 10; i++) {
    const name = `s${String(i)}`;
    t.equal((await ask(api, ALLOCATE, 'first', { subscriber_id: name, pool_id: 'v4' })).status, 201);
    const { body } = await ask(api, `/api/v1/subscribers/${name}`);
    t.equal((body['assignments'] as unknown[]).length, 1);
  }
});

t.test('an Idempotency-Key crosses with its octets', async (t) => {
  const { start, port } = await scene(t);
  const api = await start();
  const response = await fetch(`http://127.0.0.1:${String(api.listening[0]?.port)}${ALLOCATE}`, {
    method: 'POST',
    headers: { authorization: 'Bearer first', 'content-type': 'application/json', 'idempotency-key': 'k1' },
    body: JSON.stringify({ subscriber_id: 'alice', pool_id: 'v4', requested_address: '100.64.0.5' }),
  });
  t.equal(response.status, 201);
  const [ordered] = port.commands;
  t.equal(ordered?.idempotency?.bodyHash.length, 32);
  t.match(ordered, { kind: 'allocate', actor: 'token:noc', idempotency: { token: 'noc', key: 'k1' } });
});

t.test('why an order was not decided', async (t) => {
  const refuse = () => Promise.reject(new CommandUnavailable('store-unavailable'));
  const unavailable = { execute: refuse, backUp: refuse };
  const { start } = await scene(t, { commands: unavailable });
  const answer = await ask(await start(), ALLOCATE, 'first', { subscriber_id: 'alice', pool_id: 'v4' });
  t.equal(answer.status, 503);
  t.equal(answer.body['code'], 'store-unavailable');
});

t.test('a fault of the main thread is told there, and not to the client', async (t) => {
  const fault = () => Promise.reject(new TypeError('s3cret'));
  const { start, codes } = await scene(t, { commands: { execute: fault, backUp: fault } });
  const answer = await ask(await start(), ALLOCATE, 'first', { subscriber_id: 'alice', pool_id: 'v4' });
  t.equal(answer.body['code'], 'internal-fault');
  t.notMatch(answer.text, /s3cret/);
  t.strictSame(codes, ['api-fault']);
});

t.test('tokens, mode and readiness change while it runs', async (t) => {
  const { start, state } = await scene(t);
  const api = await start();
  t.equal((await ask(api, '/api/v1/status')).body['mode'], 'act');
  api.update({ tokens: [token('second')], mode: 'observe', modes, reporting, nats, lifecycle });
  t.equal((await ask(api, '/api/v1/status')).status, 401, 'the old token is gone');
  t.equal((await ask(api, '/api/v1/status', 'second')).body['mode'], 'observe');
  state.readiness = { ready: false, reasons: ['store-full'], notes: [] };
  api.announce();
  const { status, body } = await ask(api, '/readyz');
  t.equal(status, 503);
  t.strictSame(body, { ready: false, reasons: ['store-full'], notes: [] });
});

t.test('metrics of both threads', async (t) => {
  let value = 41;
  const { start } = await scene(t, { metricsText: async () => `addrd_of_main ${String(value)}\n` });
  const api = await start();
  await ask(api, '/api/v1/status');
  await ask(api, '/no/such/path');
  const { text } = await ask(api, '/metrics');
  t.match(text, /^addrd_of_main 41$/m);
  t.match(text, /^addrd_http_requests_total\{route="\/api\/v1\/status",status="200"\} 1$/m);
  t.match(text, /^addrd_http_requests_total\{route="none",status="404"\} 1$/m, 'a path that was guessed is no label');
  t.match(text, /^addrd_main_silence_seconds \d/m);
  value = 42;
  const until = performance.now() + 10_000;
  while (!/^addrd_of_main 42$/m.test((await ask(api, '/metrics')).text) && performance.now() < until) await pause(100);
  t.match((await ask(api, '/metrics')).text, /^addrd_of_main 42$/m, 'the next second has the new value');
});

t.test('it says what keeps it from listening', async (t) => {
  const squatter = createServer().listen(0, '127.0.0.1');
  await once(squatter, 'listening');
  t.teardown(() => void squatter.close());
  const { port } = squatter.address() as { port: number };
  const { start } = await scene(t, { listen: [{ host: '127.0.0.1', port }] });
  await t.rejects(start(), { name: 'ApiRefused', code: 'EADDRINUSE', syscall: 'listen', message: /EADDRINUSE/ });
  const gone = await scene(t, { storePath: '/nonexistent/addrd.db' });
  await t.rejects(gone.start(), { name: 'StoreError', code: 'store-unreadable' });
});

t.test('stopping answers what is under way and takes nothing more', async (t) => {
  let decide: (() => void) | null = null;
  const asked = new Promise<void>((resolve) => (decide = resolve));
  let release: (() => void) | null = null;
  const gate = new Promise<void>((resolve) => (release = resolve));
  const base = await scene(t);
  const { start } = await scene(t, {
    commands: {
      backUp: (order) => base.port.backUp(order),
      execute: async (order) => {
        decide?.();
        await gate;
        return await base.port.execute(order);
      },
    },
  });
  const api = await start();
  const under = ask(api, ALLOCATE, 'first', { subscriber_id: 'alice', pool_id: 'v4' });
  await asked;
  const stopped = api.stop();
  await t.rejects(async () => {
    // Until it has heard that it stops it may answer; from then on nobody does.
    for (let i = 0; i < 200; i++) {
      await ask(api, '/healthz');
      await pause(10);
    }
  }, 'nobody takes requests any more');
  (release as (() => void) | null)?.();
  t.equal((await under).status, 201);
  await stopped;
});
