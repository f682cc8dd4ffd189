/** What an operator and a NAS see when something is wrong: a clear error and an exit status, or a counted silence. */
import Database from 'better-sqlite3';
import { spawnSync } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import t from 'tap';
import { ATTRIBUTES } from '../../../src/protocols/radius/dictionary.js';
import { encodeInteger } from '../../../src/protocols/radius/attributes.js';
import { signRequest } from '../../../src/protocols/radius/authenticator.js';
import { freeUdpPort } from '../../peers/freeradius.js';
import { call, makePlace, runAddrd, startAddrd, type Place, type RunningDaemon } from '../../support/process.js';
import { TestNas } from '../../support/test-nas.js';
import { missing } from '../../support/peer.js';

const DAS_NOWHERE = 1;

function config(store: string, accounting: number, extra = ''): string {
  return `
mode: act
store: { path: ${store} }
api: { listen: ["127.0.0.1:0"] }
radius:
  accounting: { listen: ["127.0.0.1:${String(accounting)}"] }
  nas: [{ name: bras, address: 127.0.0.1/32, secret: testing123, coa: { address: 127.0.0.1, port: ${String(DAS_NOWHERE)} } }]
pools: [{ name: v4, family: ipv4, prefix: 100.64.0.0/24, kind: static, quarantine: 1m }]
${extra}`;
}

async function place(t: { teardown(fn: () => void): void }, extra = ''): Promise<{ place: Place; accounting: number }> {
  const accounting = await freeUdpPort();
  const made = makePlace((store) => config(store, accounting, extra));
  t.teardown(() => {
    made.remove();
  });
  return { place: made, accounting };
}

/** A sample of one counter once it is no longer 0, as the API hears of it within two seconds; or 0 after ten. */
async function counted(daemon: RunningDaemon, sample: string): Promise<number> {
  for (const until = performance.now() + 10_000; ; await pause(100)) {
    const text = await (await fetch(`${daemon.url}/metrics`)).text();
    const line = text.split('\n').find((row) => row.startsWith(`${sample} `));
    const value = line === undefined ? 0 : Number(line.slice(sample.length + 1));
    if (value > 0 || performance.now() > until) return value;
  }
}

t.test('a second instance is told who owns the store', async (t) => {
  const { place: here } = await place(t);
  const daemon = await startAddrd(here);
  t.teardown(() => daemon.kill());
  const second = await runAddrd(['serve', '--config', here.config]);
  t.equal(second.status, 75);
  t.match(second.stderr, new RegExp(`in use by process ${String(daemon.child.pid)}`));
  t.equal((await call(daemon, 'GET', '/readyz')).status, 200, 'the first one goes on');
});

t.test('a config with faults names each of them', async (t) => {
  const { place: here } = await place(t);
  writeFileSync(
    here.config,
    'mode: atc\npools: [{ name: a, family: ipv4, prefix: 10.0.0.1/8, kind: static }]\nnas: []\n',
  );
  const run = await runAddrd(['serve', '--config', here.config]);
  t.equal(run.status, 78);
  for (const path of ['mode', 'pools[0].prefix', 'nas']) t.ok(run.stderr.includes(` ${path}: `), path);
  t.equal((await runAddrd(['check-config', '--config', here.config])).status, 78);
  const absent = await runAddrd(['serve', '--config', join(here.folder, 'absent.yaml')]);
  t.equal(absent.status, 78);
  t.match(absent.stderr, /absent\.yaml cannot be read/);
});

t.test('a port in use is named, and the store is given back', async (t) => {
  const { place: here, accounting } = await place(t);
  const squatter = createSocket('udp4');
  squatter.bind(accounting, '127.0.0.1');
  await once(squatter, 'listening');
  const run = await runAddrd(['serve', '--config', here.config]);
  t.equal(run.status, 71);
  t.match(run.stderr, new RegExp(`127\\.0\\.0\\.1:${String(accounting)}: another program listens there`));
  squatter.close();

  const http = createServer().listen(0, '127.0.0.1');
  await once(http, 'listening');
  const { port } = http.address() as { port: number };
  writeFileSync(here.config, config(here.store, accounting).replace('127.0.0.1:0"', `127.0.0.1:${String(port)}"`));
  const again = await runAddrd(['serve', '--config', here.config]);
  t.equal(again.status, 71);
  t.match(again.stderr, /another program listens there/);
  http.close();
  const daemon = await startAddrd(here);
  t.equal(await daemon.stop(), 0, 'nothing was left behind');
});

t.test('a store that cannot be used', async (t) => {
  const { place: here } = await place(t);
  writeFileSync(here.store, 'this is no database, and it is long enough to be looked at as one\n'.repeat(20));
  const foreign = await runAddrd(['serve', '--config', here.config]);
  t.equal(foreign.status, 78);
  t.match(foreign.stderr, /store-foreign/);
  rmSync(here.store);
  mkdirSync(here.store);
  const folder = await runAddrd(['serve', '--config', here.config]);
  t.equal(folder.status, 74);
  t.match(folder.stderr, /store-unreadable/);
});

t.test('a pool may not become one of another family', async (t) => {
  const { place: here, accounting } = await place(t);
  const daemon = await startAddrd(here);
  await daemon.stop();
  writeFileSync(
    here.config,
    config(here.store, accounting).replace('ipv4, prefix: 100.64.0.0/24', 'ipv6, prefix: "2001:db8::/64"'),
  );
  const run = await runAddrd(['serve', '--config', here.config]);
  t.equal(run.status, 78);
  t.match(run.stderr, /pool v4: family is ipv4 in the store and ipv6 in the config, .*; its addresses are on record/);
});

function accountingStart(secret: string, sid: string, identifier = 7): Uint8Array {
  const attributes = [
    { type: ATTRIBUTES['Acct-Status-Type'].number, value: encodeInteger(1) },
    { type: ATTRIBUTES['Acct-Session-Id'].number, value: new TextEncoder().encode(sid) },
  ];
  const unsigned = { code: 4, identifier, authenticator: new Uint8Array(16), attributes };
  return signRequest(unsigned, new TextEncoder().encode(secret), false);
}

/** Sends datagrams and then a good packet; resolves to how many answers came by the time that one was answered. */
async function answersUntilGood(socket: Socket, port: number, datagrams: readonly Uint8Array[]): Promise<number> {
  let answers = 0;
  const good = new Promise<void>((resolve) => {
    socket.on('message', (reply) => {
      answers++;
      if (reply[1] === 99) resolve();
    });
  });
  for (const datagram of datagrams) socket.send(datagram, port, '127.0.0.1');
  socket.send(accountingStart('testing123', 'good', 99), port, '127.0.0.1');
  await good;
  socket.removeAllListeners('message');
  return answers;
}

t.test('bad packets are silences, each counted by its code', async (t) => {
  const { place: here, accounting } = await place(t);
  const daemon = await startAddrd(here);
  const socket = createSocket('udp4');
  t.teardown(async () => {
    socket.close();
    await daemon.kill();
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const good = accountingStart('testing123', 'x');
  const short = good.slice(0, 12);
  const lying = Uint8Array.from(good);
  lying[3] = 200;
  const overrun = Uint8Array.from(good);
  overrun[21] = 250;
  const otherCode = Uint8Array.from(good);
  otherCode[0] = 1;
  const wrongSecret = accountingStart('wrong', 'x');
  const answers = await answersUntilGood(socket, accounting, [short, lying, overrun, otherCode, wrongSecret]);
  t.equal(answers, 1, 'only the good packet was answered');
  for (const code of [
    'datagram-too-short',
    'length-beyond-datagram',
    'attribute-overruns-packet',
    'unexpected-code',
    'bad-authenticator',
  ]) {
    t.equal(await counted(daemon, `addrd_radius_rejected_total{code="${code}"}`), 1, code);
  }
  const stranger = createSocket('udp4');
  stranger.bind(0, '127.0.0.2');
  await once(stranger, 'listening');
  await new Promise((resolve) => stranger.send(good, accounting, '127.0.0.1', resolve));
  stranger.close();
  await answersUntilGood(socket, accounting, []);
  t.equal(await counted(daemon, 'addrd_radius_rejected_total{code="unknown-client"}'), 1, 'an unknown NAS');
  t.notMatch(daemon.log(), /testing123/, 'no secret in the log');
});

t.test('a full disk: nothing is answered, addrd says so, and goes on when there is room', async (t) => {
  const { place: here, accounting } = await place(t);
  const disk = join(here.folder, 'disk');
  mkdirSync(disk);
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=6m', 'none', disk]);
  if (mounted.status !== 0) {
    missing(t, 'mounting a small disk needs root');
    return;
  }
  t.teardown(() => {
    spawnSync('umount', [disk]);
  });
  writeFileSync(here.config, config(join(disk, 'addrd.db'), accounting));
  const daemon = await startAddrd({ ...here, folder: disk });
  t.teardown(() => daemon.kill());
  const nas = new TestNas(accounting, 'testing123', () => 'silence');
  await nas.open(await freeUdpPort());
  t.teardown(() => {
    nas.close();
  });
  const start = (n: number): Promise<void> =>
    nas.send({ kind: 'start', sid: `s${String(n)}`, user: `u${String(n)}`, address: '198.51.100.1', seconds: 0 });
  await start(0);
  // Fills what is left, down to the last page.
  const ballast = openSync(join(disk, 'ballast'), 'w');
  for (const size of [65_536, 4_096, 1]) {
    try {
      for (;;) writeSync(ballast, Buffer.alloc(size));
    } catch (error) {
      t.match(error, { code: 'ENOSPC' });
    }
  }
  closeSync(ballast);
  const sent = Array.from({ length: 200 }, (_, n) => start(n + 1));
  while ((await call(daemon, 'GET', '/readyz')).status !== 503) await pause(20);
  t.strictSame((await call(daemon, 'GET', '/readyz')).body['reasons'], ['store-full']);
  const order = { subscriber_id: 'alice' };
  const refused = await call(daemon, 'POST', '/api/v1/network/ipv4-lifecycle/allocate', order);
  t.equal(refused.status, 503, 'an order is refused, not lost');
  t.equal(refused.body['code'], 'store-unavailable');
  const answered = nas.answers.length;
  rmSync(join(disk, 'ballast'));
  await Promise.all(sent);
  t.ok(nas.answers.length === 201 && answered < 201, `${String(answered)} answered before there was room, then all`);
  t.equal((await call(daemon, 'GET', '/readyz')).status, 200);
  t.equal((await call(daemon, 'POST', '/api/v1/network/ipv4-lifecycle/allocate', order)).status, 201);
  t.equal(await daemon.stop(), 0);
  const db = new Database(join(disk, 'addrd.db'), { readonly: true });
  t.equal(db.pragma('integrity_check', { simple: true }), 'ok');
  t.equal(db.prepare('SELECT count(*) FROM session').pluck().get(), 201, 'each answered packet is there, once');
  db.close();
});
