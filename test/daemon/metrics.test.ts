/** What a scrape says: every metric has its row in docs/metrics.md, every label is bounded, and the figures are right. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import t from 'tap';
import { HttpMetrics } from '../../src/daemon/api/http-metrics.js';
import { openScrape } from '../../src/daemon/api/scrape.js';
import { kernelSockets, SocketMetrics } from '../../src/daemon/api/socket-metrics.js';
import { Spell } from '../../src/daemon/api/spell.js';
import { Metrics } from '../../src/daemon/metrics.js';
import type { LifecycleEvent } from '../../src/daemon/lifecycle/events.js';
import { decide } from '../../src/daemon/lifecycle/decide.js';
import { ThreadMetrics } from '../../src/daemon/threads/thread-metrics.js';
import { Reads } from '../../src/store/reads.js';
import { acct, allocate, NOON, octets, revoke } from '../support/events.js';
import { temporary } from '../support/files.js';
import { openHouse } from '../support/house.js';

const HOUR = 3_600_000;

interface Scene {
  now: number;
  readonly metrics: Metrics;
  readonly http: HttpMetrics;
  readonly threads: ThreadMetrics;
  /** Decides, commits and counts. */
  say(...events: LifecycleEvent[]): Promise<void>;
  scrape(): Promise<string>;
}

/** A core without sockets before a scrape; everything in it is the real thing but the clock. */
async function open(folder: string): Promise<Scene> {
  const house = await openHouse(NOON);
  const metrics = new Metrics('1.2.3');
  metrics.observe({
    queue: () => ({ size: 3, ageMs: 250 }),
    debt: () => ({ brokenTargets: 1 }),
    debtOf: (kind) => (kind === 'nas.coa' ? { waiting: 3, inFlight: 0 } : { waiting: 2, inFlight: 1 }),
    storeUp: () => true,
    frozen: () => false,
    restored: () => true,
    maintained: () => 0,
    batches: () => 0,
    alarms: () => [['gap', 1]],
  });
  const threads = new ThreadMetrics(metrics.registry);
  const http = new HttpMetrics(() => 0.4);
  const store = openScrape({
    ingest: () => metrics.registry.metrics(),
    reads: new Reads(house.db, { monoMs: () => 0 }),
    storePath: join(folder, 'addrd.db'),
    sockets: [{ address: '127.0.0.1', port: 1, receiveBuffer: 4_096 }],
    clock: { wallMs: () => scene.now, monoMs: () => scene.now },
    lifecycle: () => ({ evidenceTimeoutMs: HOUR, interimIntervalMs: 10 * 60_000 }),
  });
  const scene: Scene = {
    now: NOON,
    metrics,
    http,
    threads,
    say: async (...events) => {
      const batch = events.map((event) => ({ event, source: 'test', raw: null, idempotency: null }));
      const committed = await house.door.commitBatch(batch, (world, event) => decide(world, event, house.policy));
      metrics.countCommit(committed, events, 2, scene.now);
    },
    // As the API's thread puts it together.
    scrape: async () => `${await store()}${await http.registry.metrics()}`,
  };
  return scene;
}

/** The value of one sample, or null where it is not there. */
function valueOf(text: string, sample: string): number | null {
  const line = text.split('\n').find((row) => row.startsWith(`${sample} `));
  return line === undefined ? null : Number(line.slice(sample.length + 1));
}

/** `name type labels` of each metric that a scrape declares. */
function declared(text: string): Map<string, { type: string; labels: Set<string> }> {
  const found = new Map<string, { type: string; labels: Set<string> }>();
  for (const [, name = '', type = ''] of text.matchAll(/^# TYPE (\S+) (\S+)$/gm)) {
    found.set(name, { type, labels: new Set() });
  }
  for (const [, sample = '', labels = ''] of text.matchAll(/^([a-z0-9_]+)\{(.*)\} \S+$/gm)) {
    const own = found.get(sample) ?? found.get(sample.replace(/_(bucket|sum|count)$/, ''));
    for (const [, label = ''] of labels.matchAll(/([a-z_]+)="/g)) if (label !== 'le') own?.labels.add(label);
  }
  return found;
}

const page = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8');

/** The rows of docs/metrics.md in the form of {@link declared}. */
function described(markdown: string): Map<string, { type: string; labels: Set<string> }> {
  const rows = markdown.matchAll(/^\| `([a-z0-9_]+)` +\| (\w+) +\| ([^|]*)\| \S[^|]*\|[^|]*\|$/gm);
  return new Map(
    [...rows].map(([, name = '', type = '', labels = '']) => {
      return [name, { type, labels: new Set([...labels.matchAll(/`([a-z_]+)`/g)].map(([, label = '']) => label)) }];
    }),
  );
}

/** Something of everything, with names that a peer or a customer chose. */
async function fill(scene: Scene): Promise<void> {
  const { metrics, http, threads } = scene;
  scene.now = NOON + 5;
  await scene.say(
    allocate('evil"{}\nname', NOON, { username: 'zzz', usernameBytes: octets('zzz') }),
    allocate('b', NOON),
  );
  await scene.say(acct('acct-start', 'evil-sid', NOON + 10, ['100.64.0.1'], { username: octets('zzz') }));
  await scene.say(acct('acct-start', 'stranger', NOON + 11, ['100.64.0.9'], { username: octets('someone-else') }));
  await scene.say(revoke('evil"{}\nname', NOON + 20, { reason: 'ticket-4711' }));
  metrics.rejected.add('bad-authenticator');
  metrics.dynauthRejected.add('unknown-peer');
  metrics.refused.add('interim-shed/interim', 4);
  metrics.countEffect('nas.disconnect', 'timeout', 900);
  http.count('/api/v1/subscribers/:id', 404, 3);
  http.count(null, 404, 1);
  threads.restarts.inc({ thread: 'api' });
  for (const by of ['thread', 'writer']) threads.checkpoints.observe({ by }, 0.02);
  threads.checkpointFailures.inc();
}

t.test('every metric has a row in docs/metrics.md, and every row a metric', async (t) => {
  const scene = await open(temporary(t));
  await fill(scene);
  const found = declared(await scene.scrape());
  // Node tells of collections when there was one, and of a socket's drops where there is such a socket.
  found.get('nodejs_gc_duration_seconds')?.labels.add('kind');
  for (const name of ['receive_drops_total', 'receive_queue_bytes'])
    found.get(`addrd_socket_${name}`)?.labels.add('socket');
  const rows = described(page);
  t.ok(found.size > 78);
  t.strictSame([...rows.keys()].sort(), [...found.keys()].sort());
  for (const [name, { type, labels }] of found) {
    t.equal(rows.get(name)?.type, type, `type of ${name}`);
    t.strictSame([...(rows.get(name)?.labels ?? [])].sort(), [...labels].sort(), `labels of ${name}`);
  }
  const without = page.replace(/^\| `addrd_store_up`.*\n/m, '');
  t.notOk(described(without).has('addrd_store_up'), 'the comparison can fail');
  for (const family of ['ipv4', 'ipv6']) {
    const names = ['lifecycle_state_total', 'allocation_duration_seconds', 'revocation_duration_seconds'];
    for (const name of [...names, 'prefix_leak_total', 'pool_utilization_percent']) {
      t.ok(found.has(`${family}_${name}`), `${family}_${name}`);
    }
  }
});

t.test('no label has a value that a peer or a customer chose', async (t) => {
  const scene = await open(temporary(t));
  await fill(scene);
  const text = await scene.scrape();
  for (const chosen of ['evil', 'zzz', 'someone-else', 'stranger', '100.64', '192.0.2', '4711']) {
    t.notMatch(text, chosen, `${chosen} is nowhere`);
  }
  const own = text.split('\n').filter((line) => /^(addrd|ipv)/.test(line));
  const values = new Set(own.flatMap((line) => [...line.matchAll(/(\w+)="([^"]*)"/g)].map(([, k, v]) => `${k}=${v}`)));
  const codes =
    /^(code|cause|event|verdict|reason|lane|kind|state|status|outcome|family|part|result|thread|by|evidence|task|count)=[a-z0-9.+-]+$/;
  const configured = ['tenant=default', 'pool=v4', 'pool=v6', 'pool=pd', 'nas=bras', 'socket=127.0.0.1:1'];
  const routes = ['route=/api/v1/subscribers/:id', 'route=none'];
  for (const value of values) {
    t.ok(codes.test(value) || [...configured, ...routes].includes(value) || /^(le|\w*version)=/.test(value), value);
  }
});

t.test('the figures of the address families', async (t) => {
  const scene = await open(temporary(t));
  await fill(scene);
  await scene.say(allocate('c', NOON + 30, { family: 'ipv6-pd' }), allocate('d', NOON + 30, { family: 'ipv6' }));
  const first = await scene.scrape();
  t.equal(valueOf(first, 'ipv4_lifecycle_state_total{state="revoking"}'), 1);
  t.equal(valueOf(first, 'ipv4_lifecycle_state_total{state="allocated"}'), 1);
  t.equal(valueOf(first, 'ipv6_lifecycle_state_total{state="allocated"}'), 2, 'both families of IPv6');
  t.equal(valueOf(first, 'ipv4_lifecycle_state_total{state="failed"}'), 0);
  t.equal(valueOf(first, 'ipv4_prefix_leak_total'), 0);
  t.equal(valueOf(first, 'ipv4_allocation_duration_seconds_count'), 2);
  t.equal(valueOf(first, 'ipv4_allocation_duration_seconds_sum'), 0.01);
  // /28: sixteen units, two of them excluded; two held and one on which a stranger stands.
  t.equal(valueOf(first, 'ipv4_pool_utilization_percent{tenant="default",pool="v4"}'), 21.42);
  t.equal(valueOf(first, 'addrd_pool_units{tenant="default",pool="v4",state="barred"}'), 1);
  t.equal(valueOf(first, 'addrd_sessions_open{nas="bras"}'), 2);
  t.equal(valueOf(first, 'addrd_conflicts_open{kind="occupied"}'), 1);
  t.equal(valueOf(first, 'addrd_nases{state="heard"}'), 1);
  t.equal(valueOf(first, 'addrd_outbox_rows_total{kind="nas.disconnect",status="pending"}'), 1);

  await scene.say(acct('acct-stop', 'stranger', NOON + 40, ['100.64.0.9']));
  scene.now = NOON + 4_000;
  t.equal(valueOf(await scene.scrape(), 'addrd_sessions_open{nas="bras"}'), 2, 'kept for five seconds');
  scene.now = NOON + 2 * HOUR;
  const late = await scene.scrape();
  t.equal(valueOf(late, 'addrd_sessions_open{nas="bras"}'), 1);
  t.equal(valueOf(late, 'ipv4_prefix_leak_total'), 2, 'REVOKING for too long, and a quarantine that nobody ended');
  t.equal(valueOf(late, 'ipv6_prefix_leak_total'), 0);
  t.equal(valueOf(late, 'addrd_nases{state="silent"}'), 1);
  t.equal(valueOf(late, 'addrd_outbox_oldest_seconds{kind="nas.disconnect"}'), 2 * 3_600 - 0.02);
  t.equal(valueOf(late, 'addrd_assignments_never_seen{family="ipv4"}'), 0);

  await scene.say(acct('acct-stop', 'evil-sid', NOON + 2 * HOUR, ['100.64.0.1']));
  scene.now = NOON + 25 * HOUR;
  const ended = await scene.scrape();
  t.equal(valueOf(ended, 'ipv4_lifecycle_state_total{state="revoked"}'), 1);
  t.equal(valueOf(ended, 'ipv4_revocation_duration_seconds_count'), 1);
  t.equal(valueOf(ended, 'ipv4_revocation_duration_seconds_sum'), 2 * 3_600 - 0.02);
  t.equal(valueOf(ended, 'addrd_assignments_never_seen{family="ipv4"}'), 1);
});

t.test('a store that cannot be read leaves the other figures', async (t) => {
  const house = await openHouse(NOON);
  const metrics = new Metrics('1.2.3');
  const scrape = openScrape({
    ingest: () => metrics.registry.metrics(),
    reads: new Reads(house.db, { monoMs: () => 0 }),
    storePath: join(temporary(t), 'addrd.db'),
    sockets: [],
    clock: { wallMs: () => NOON, monoMs: () => NOON },
    lifecycle: () => ({ evidenceTimeoutMs: HOUR, interimIntervalMs: HOUR }),
  });
  house.db.close();
  const text = await scrape();
  t.equal(valueOf(text, 'addrd_store_readable'), 0);
  t.equal(valueOf(text, 'addrd_radius_datagrams_total'), 0);
});

t.test('slow work is done rarely', async (t) => {
  let now = 0;
  let done = 0;
  const spell = new Spell({ monoMs: () => now }, 5_000);
  const work = (): void => {
    done++;
    now += 400;
  };
  t.equal(spell.run(work), 0.4);
  now += 19_999;
  t.equal(spell.run(work), 0.4, 'what it took is remembered');
  t.equal(done, 1);
  now += 1;
  spell.run(work);
  t.equal(done, 2, 'fifty times 400 ms later');
});

t.test('what the kernel dropped', async (t) => {
  const table = [
    '   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops',
    ' 1234: 0100007F:0715 00000000:0000 07 00000000:00001F00 00:00000000 00000000     0        0 1 2 0000000000000000 42',
    '  999: 000080FE00000000000000000100000A:0715 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0000000000000000 7',
    'nonsense',
  ];
  t.strictSame(kernelSockets(table.join('\n')), [
    { address: '127.0.0.1', port: 1813, queued: 0x1f00, drops: 42 },
    { address: 'fe80::a00:1', port: 1813, queued: 0, drops: 7 },
  ]);
  if (process.platform !== 'linux') return;
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  socket.setRecvBufferSize(4_096);
  const { port } = socket.address();
  const sender = createSocket('udp4');
  t.teardown(() => {
    socket.close();
    sender.close();
  });
  const registry = new Registry();
  const watched = [{ address: '127.0.0.1', port, receiveBuffer: socket.getRecvBufferSize() }];
  const sockets = new SocketMetrics({
    registry,
    sockets: watched,
    readTable: () => readFile('/proc/self/net/udp', 'latin1'),
  });
  const drops = async (): Promise<number> => {
    await sockets.refresh();
    const text = await registry.metrics();
    return valueOf(text, `addrd_socket_receive_drops_total{socket="127.0.0.1:${String(port)}"}`) ?? -1;
  };
  t.equal(await drops(), 0);
  // Sent in one turn, so that nobody fetches them meanwhile.
  const sent = Array.from({ length: 200 }, () => {
    return new Promise((resolve) => {
      sender.send(Buffer.alloc(1_000), port, '127.0.0.1', resolve);
    });
  });
  await Promise.all(sent);
  const dropped = await drops();
  t.ok(dropped > 0 && dropped <= 200, `${String(dropped)} of 200 did not fit into 4 KiB`);
});
