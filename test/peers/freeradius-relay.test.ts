/** The daemon behind a real FreeRADIUS that proxies or replicates accounting for several NASes. */
import Database from 'better-sqlite3';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { parse } from '../../src/protocols/radius/packet.js';
import { call, makePlace, metricsNow, startAddrd, type RunningDaemon } from '../support/process.js';
import { startFreeradiusRelay } from './freeradius-relay.js';
import { freeUdpPort, radclient, requirePeer, type RadclientRun } from './freeradius.js';

const NAS_SECRET = 'testing123';
const ADDRD_SECRET = 'addrdsecret';

async function stage(t: Test, trust: string) {
  const [accounting, proxyPort, replicatePort, dasPort] = await Promise.all(
    Array.from({ length: 4 }, () => freeUdpPort()),
  );
  if (accounting === undefined || proxyPort === undefined || replicatePort === undefined)
    throw new TypeError('no port');
  const place = makePlace(
    (store) => `
mode: act
store: { path: ${store} }
api: { listen: ["127.0.0.1:0"] }
radius:
  accounting: { listen: ["127.0.0.1:${String(accounting)}"] }
  nas:
    - { name: relay, address: 127.0.0.1, secret: ${ADDRD_SECRET}, trust: ${trust}, coa: { port: ${String(dasPort)} } }
    - { name: direct, address: 127.0.0.2, secret: ${ADDRD_SECRET} }
pools: [{ name: v4, family: ipv4, prefix: 100.64.0.0/24, kind: static, quarantine: 1m }]
`,
  );
  const daemon = await startAddrd(place);
  t.teardown(async () => {
    await daemon.kill();
    place.remove();
  });
  const relay = await startFreeradiusRelay({
    proxyPort,
    replicatePort,
    secret: NAS_SECRET,
    addrd: { port: accounting, secret: ADDRD_SECRET },
  });
  t.teardown(() => relay.stop());
  const send = (port: number, attributes: readonly string[], secret = NAS_SECRET): Promise<RadclientRun> =>
    radclient({ kind: 'acct', server: { address: '127.0.0.1', port }, secret, attributes, timeout: 5 });
  return { place, daemon, relay, accounting, proxyPort, replicatePort, dasPort: dasPort ?? 0, send };
}

function report(status: string, sid: string, user: string, address: string, more: readonly string[]): string[] {
  const who = [`User-Name = "${user}"`, `Acct-Session-Id = "${sid}"`, `Framed-IP-Address = ${address}`];
  return [`Acct-Status-Type = ${status}`, ...who, 'Acct-Session-Time = 60', ...more];
}

async function list(daemon: RunningDaemon, path: string, key: string): Promise<Record<string, unknown>[]> {
  return (await call(daemon, 'GET', path)).body[key] as Record<string, unknown>[];
}

/** Looks again until there is something, for ten seconds. */
async function until<T>(look: () => Promise<T | undefined>, what: string): Promise<T> {
  for (let turn = 0; turn < 100; turn += 1) {
    const found = await look();
    if (found !== undefined) return found;
    await pause(100);
  }
  throw new TypeError(`${what} did not happen`);
}

async function counted(daemon: RunningDaemon, sample: string): Promise<number> {
  const text = await metricsNow(daemon);
  const line = text.split('\n').find((row) => row.startsWith(`${sample} `));
  return line === undefined ? 0 : Number(line.slice(sample.length + 1));
}

t.test('two NASes behind a proxy, told apart by NAS-Identifier', async (t) => {
  if (!requirePeer(t, 'freeradius') || !requirePeer(t, 'radclient')) return;
  const { daemon, proxyPort, accounting, send } = await stage(t, '[nas-identifier]');
  for (const subscriber of ['alice', 'bob']) {
    const body = { subscriber_id: subscriber, pool_id: 'v4', username: subscriber };
    await call(daemon, 'POST', '/api/v1/network/ipv4-lifecycle/allocate', body);
  }
  const states = ['Proxy-State = 0x6161', 'Proxy-State = 0x62'];
  const a = await send(
    proxyPort,
    report('Start', '1', 'alice', '100.64.0.1', ['NAS-Identifier = "bras-a"', ...states]),
  );
  t.equal(a.status, 0, 'the proxy answers once addrd has committed');
  const received = a.stdout.slice(a.stdout.indexOf('Received Accounting-Response'));
  t.match(received, /Proxy-State = 0x6161\s+Proxy-State = 0x62\s/, 'what the NAS sent comes back, in order');
  t.equal((await send(proxyPort, report('Start', '1', 'bob', '100.64.0.2', ['NAS-Identifier = "bras-b"']))).status, 0);
  const sessions = await list(daemon, '/api/v1/sessions', 'sessions');
  t.equal(sessions.length, 2, 'the same Acct-Session-Id twice is two sessions');
  t.same(sessions.map((session) => session['nas_known_as']).sort(), ['bras-a', 'bras-b']);
  t.same(
    (await list(daemon, '/api/v1/nas', 'nas')).map((nas) => [
      nas['nas'],
      nas['known_by'],
      nas['known_as'],
      nas['open_sessions'],
    ]),
    [
      ['relay', 'nas-identifier', 'bras-a', 1],
      ['relay', 'nas-identifier', 'bras-b', 1],
    ],
  );
  // The Stop of one is not the Stop of the other.
  await send(proxyPort, report('Stop', '1', 'alice', '100.64.0.1', ['NAS-Identifier = "bras-a"']));
  const open = await list(daemon, '/api/v1/sessions', 'sessions');
  t.match(open, [{ username: 'bob', ended_at: null }]);

  const posing = report('Stop', '1', 'bob', '100.64.0.2', [
    'NAS-Identifier = "bras-b"',
    'Packet-Src-IP-Address = 127.0.0.2',
  ]);
  t.equal((await send(accounting, posing, ADDRD_SECRET)).status, 0);
  t.equal((await list(daemon, '/api/v1/sessions', 'sessions')).length, 1, 'an entry without trust ends nobody else');
  const nases = await list(daemon, '/api/v1/nas', 'nas');
  t.match(
    nases.find((nas) => nas['nas'] === 'direct'),
    { known_by: 'source-address', known_as: '127.0.0.2' },
  );
});

t.test(
  'two NASes behind a replicator, told apart by NAS-IP-Address; a Disconnect goes to the NAS itself',
  async (t) => {
    if (!requirePeer(t, 'freeradius') || !requirePeer(t, 'radclient')) return;
    const { daemon, replicatePort, dasPort, send, place } = await stage(t, '[nas-ip-address]');
    const body = { subscriber_id: 'alice', pool_id: 'v4', username: 'alice' };
    await call(daemon, 'POST', '/api/v1/network/ipv4-lifecycle/allocate', body);
    const das = createSocket('udp4');
    t.teardown(() => das.close());
    das.bind(dasPort, '127.0.0.11');
    await once(das, 'listening');
    const nas = (address: string): string[] => [`NAS-IP-Address = ${address}`, 'NAS-Identifier = "the same"'];
    t.equal((await send(replicatePort, report('Start', '1', 'alice', '100.64.0.1', nas('127.0.0.11')))).status, 0);
    t.equal((await send(replicatePort, report('Start', '1', 'bob', '198.51.100.2', nas('127.0.0.12')))).status, 0);
    const known = await until(async () => {
      const rows = await list(daemon, '/api/v1/nas', 'nas');
      return rows.length === 2 ? rows : undefined;
    }, 'both copies');
    t.same(known.map((row) => [row['known_by'], row['known_as'], row['nas_address']]).sort(), [
      ['nas-ip-address', '127.0.0.11', '127.0.0.11'],
      ['nas-ip-address', '127.0.0.12', '127.0.0.12'],
    ]);
    const asked = once(das, 'message') as Promise<[Uint8Array]>;
    await call(daemon, 'POST', '/api/v1/network/ipv4-lifecycle/revoke', { subscriber_id: 'alice', reason: 'test' });
    const [datagram] = await asked;
    const packet = parse(datagram);
    t.equal(packet.code, 40);
    t.same(
      packet.attributes.filter(({ type }) => type === 44).map(({ value }) => new TextDecoder().decode(value)),
      ['1'],
    );
    t.same(
      packet.attributes.filter(({ type }) => type === 4 || type === 32),
      [],
      'at its own address it needs no name',
    );
    // A replicator does not wait: while the store is held its NAS is answered all the same, and addrd hears nothing.
    const held = new Database(place.store);
    held.exec('BEGIN IMMEDIATE');
    t.equal(
      (await send(replicatePort, report('Interim-Update', '1', 'bob', '198.51.100.2', nas('127.0.0.12')))).status,
      0,
    );
    held.exec('ROLLBACK');
    held.close();
  },
);

t.test(
  'Status-Server: a proxy takes addrd for dead exactly while accounting is not answered',
  { timeout: 110_000 },
  async (t) => {
    if (!requirePeer(t, 'freeradius') || !requirePeer(t, 'radclient')) return;
    const { daemon, relay, place, proxyPort, accounting, send } = await stage(t, '[nas-identifier]');
    const status = (secret: string): Promise<RadclientRun> => {
      const server = { address: '127.0.0.1', port: accounting };
      return radclient({ kind: 'status', server, secret, attributes: ['Message-Authenticator = 0x00'], timeout: 2 });
    };
    const alive = await status(ADDRD_SECRET);
    t.equal(alive.status, 0, alive.stderr);
    t.match(alive.stdout, /Received Accounting-Response[^]*Message-Authenticator = 0x/);
    t.equal((await status('wrong')).status, 1);
    t.equal(await counted(daemon, 'addrd_radius_rejected_total{code="bad-message-authenticator"}'), 1);

    const held = new Database(place.store);
    held.exec('BEGIN IMMEDIATE');
    const lost = await send(proxyPort, report('Start', 'z', 'zoe', '198.51.100.1', ['NAS-Identifier = "bras-a"']));
    t.equal(lost.status, 1, 'the proxy waits for addrd, and its NAS hears nothing');
    await relay.logged('as zombie');
    await until(async () => {
      const silent = await counted(daemon, 'addrd_radius_rejected_total{code="not-ready"}');
      return silent > 0 ? silent : undefined;
    }, 'a Status-Server of FreeRADIUS');
    t.equal((await status(ADDRD_SECRET)).status, 1, 'not ready: silence');
    held.exec('ROLLBACK');
    held.close();
    await relay.logged('Marking home server 127.0.0.1 port ' + String(accounting) + ' alive');
    t.ok((await counted(daemon, 'addrd_radius_status_server_total')) >= 2, 'that of FreeRADIUS, and ours');
    t.notMatch(relay.log(), /invalid Message-Authenticator|BlastRADIUS|shared secret is incorrect/i);
    const back = await send(proxyPort, report('Start', 'z', 'zoe', '198.51.100.1', ['NAS-Identifier = "bras-a"']));
    t.equal(back.status, 0);
  },
);
