/** A real Prometheus scrapes a real addrd, and promtool reads what it says. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { freeUdpPort } from '../../peers/freeradius.js';
import { call, makePlace, startAddrd, type RunningDaemon } from '../../support/process.js';
import { TestNas } from '../../support/test-nas.js';
import { requirePrograms } from '../../support/peer.js';

/** Gauges whose names are fixed: what promtool has to say, and nothing else. */
const LINT = ['lifecycle_state_total', 'prefix_leak_total'].flatMap((name) =>
  ['ipv4', 'ipv6'].map((family) => `${family}_${name} non-counter metrics should not have "_total" suffix`),
);

/** Programs of Debian's `prometheus`. */
function requirePrometheus(t: Test, program: 'prometheus' | 'promtool'): boolean {
  return requirePrograms(t, [program]);
}

async function freeTcpPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** A daemon in which something of everything has happened. */
async function busy(t: Test): Promise<{ daemon: RunningDaemon; folder: string }> {
  const accounting = await freeUdpPort();
  const das = await freeUdpPort();
  const place = makePlace(
    (store) => `
mode: act
store: { path: ${store} }
api: { listen: ["127.0.0.1:0"] }
radius:
  accounting: { listen: ["127.0.0.1:${String(accounting)}"] }
  nas: [{ name: bras, address: 127.0.0.1/32, secret: testing123, coa: { address: 127.0.0.1, port: ${String(das)} } }]
pools:
  - { name: v4, family: ipv4, prefix: 100.64.0.0/24, kind: static, quarantine: 1m }
  - { name: pd, family: ipv6-pd, prefix: 2001:db8::/40, delegated_length: 56, kind: static }
`,
  );
  const daemon = await startAddrd(place);
  const nas = new TestNas(accounting, 'testing123', () => 'ack');
  await nas.open(das);
  t.teardown(async () => {
    await daemon.kill();
    nas.close();
    place.remove();
  });
  const order = { subscriber_id: 'ann', username: 'ann' };
  t.ok((await call(daemon, 'POST', '/api/v1/network/ipv4-lifecycle/allocate', order)).status < 300);
  const session = { sid: 's1', user: 'ann', address: '100.64.0.1' };
  await nas.send({ kind: 'start', seconds: 0, ...session });
  const revoke = { subscriber_id: 'ann', reason: 'test' };
  t.ok((await call(daemon, 'POST', '/api/v1/network/ipv4-lifecycle/revoke', revoke)).status < 300);
  await nas.send({ kind: 'stop', seconds: 5, ...session });
  return { daemon, folder: place.folder };
}

t.test('promtool finds nothing but the four fixed names', async (t) => {
  if (!requirePrometheus(t, 'promtool')) return;
  const { daemon } = await busy(t);
  const text = await (await fetch(`${daemon.url}/metrics`)).text();
  const { stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
  const said = `${stdout}${stderr}`.split('\n').filter((line) => line !== '');
  t.strictSame(said.sort(), LINT.sort());
});

t.test('a real Prometheus takes all of it', async (t) => {
  if (!requirePrometheus(t, 'prometheus')) return;
  const { daemon, folder } = await busy(t);
  const port = await freeTcpPort();
  const config = join(folder, 'prometheus.yml');
  const target = daemon.url.replace('http://', '');
  writeFileSync(
    config,
    `global: { scrape_interval: 1s }
scrape_configs: [{ job_name: addrd, static_configs: [{ targets: ["${target}"] }] }]
`,
  );
  const child = spawn(
    'prometheus',
    [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(folder, 'tsdb')}`,
      `--web.listen-address=127.0.0.1:${String(port)}`,
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const gone = once(child, 'exit');
  t.teardown(async () => {
    child.kill('SIGKILL');
    await gone;
  });
  const ask = async (path: string): Promise<Record<string, unknown> | null> => {
    try {
      const answer = await fetch(`http://127.0.0.1:${String(port)}/api/v1/${path}`);
      return ((await answer.json()) as { data: Record<string, unknown> }).data;
    } catch {
      return null;
    }
  };
  const query = async (promql: string): Promise<string | null> => {
    const data = await ask(`query?query=${encodeURIComponent(promql)}`);
    return (data as { result?: { value: [number, string] }[] } | null)?.result?.[0]?.value[1] ?? null;
  };
  for (let tries = 0; tries < 150 && Number(await query('count_over_time(up[1m])')) < 3; tries++) await pause(200);
  const { activeTargets } = (await ask('targets')) as { activeTargets: { health: string; lastError: string }[] };
  t.match(activeTargets, [{ health: 'up', lastError: '' }], said);
  t.equal(await query('min_over_time(up[1m])'), '1', 'no scrape has failed');
  const names = new Set((await ask('label/__name__/values')) as unknown as string[]);
  const page = readFileSync(new URL('../../../docs/metrics.md', import.meta.url), 'utf8');
  for (const [, name = '', type] of page.matchAll(/^\| `([a-z0-9_]+)` +\| (\w+) /gm)) {
    // What has not happened yet has no series: collections, codes of refusals, and the clock of a NAS that says no time.
    if (/gc_duration|rejected_total|clock_skew/.test(name)) continue;
    t.ok(names.has(type === 'histogram' ? `${name}_bucket` : name), name);
  }
  t.equal(await query('sum(ipv4_lifecycle_state_total)'), '1');
  t.equal(await query('ipv4_lifecycle_state_total{state="revoked"}'), '1');
  t.equal(await query('ipv4_allocation_duration_seconds_count'), '1');
  t.equal(await query('ipv4_revocation_duration_seconds_count'), '1');
  t.equal(await query('addrd_radius_answered_total{event="acct-stop"}'), '1');
  t.equal(await query('ipv4_prefix_leak_total'), '0');
});

t.test('addrd goes on when the reader of its log has gone', async (t) => {
  const { daemon } = await busy(t);
  daemon.child.stdout?.destroy();
  for (const username of ['bob', 'cid', 'dan']) {
    const order = { subscriber_id: username, username };
    t.ok((await call(daemon, 'POST', '/api/v1/network/ipv4-lifecycle/allocate', order)).status < 300);
  }
  t.equal(await daemon.stop(), 0, 'and stops in order, though it cannot say so');
});
