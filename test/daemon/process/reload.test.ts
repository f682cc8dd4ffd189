/** SIGHUP on a running daemon: what a new config brings in force, and what is refused whole. */
import { renameSync, writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import t from 'tap';
import { freeUdpPort } from '../../peers/freeradius.js';
import { makePlace, metricsNow, startAddrd, type Place, type RunningDaemon } from '../../support/process.js';
import { TestNas, type Report } from '../../support/test-nas.js';

interface TestOf {
  teardown(end: () => unknown): void;
}

const V4 = '{ name: v4, family: ipv4, prefix: 100.64.0.0/24, quarantine: 1m }';
const MORE = '{ name: more, family: ipv4, prefix: 192.0.2.0/24, quarantine: 1m }';

interface Wanted {
  readonly nas?: string;
  readonly pools?: string;
  readonly tokens?: string;
  readonly extra?: string;
}

class Site {
  readonly accounting: number;
  readonly place: Place;
  #daemon: RunningDaemon | null = null;

  constructor(accounting: number, wanted: Wanted) {
    this.accounting = accounting;
    this.place = makePlace((store) => this.yaml(store, wanted));
  }

  yaml(
    store: string,
    { nas = '', pools = V4, tokens = '{ name: a, secret: token-a, scope: admin }', extra = '' }: Wanted,
  ) {
    return `
store: { path: ${store} }
api: { listen: ["127.0.0.1:0"], tokens: [${tokens}] }
radius:
  accounting: { listen: ["127.0.0.1:${String(this.accounting)}"] }
  nas: [${nas}]
pools: [${pools}]
${extra}`;
  }

  get daemon(): RunningDaemon {
    if (this.#daemon === null) throw new TypeError('not started');
    return this.#daemon;
  }

  async start(): Promise<void> {
    // With tokens of its own it writes none; the support reads that file.
    writeFileSync(`${this.place.folder}/api-token`, 'token-a\n');
    this.#daemon = await startAddrd(this.place);
  }

  #told(): Record<string, unknown>[] {
    return this.daemon
      .log()
      .split('\n')
      .filter((line) => line.startsWith('{"') && line.includes('"code":"reload'))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  /** Writes a config, sends SIGHUP and returns what the log says of it. */
  async reload(text: string): Promise<Record<string, unknown>> {
    const before = this.#told().length;
    writeFileSync(`${this.place.config}.new`, text);
    renameSync(`${this.place.config}.new`, this.place.config);
    this.daemon.child.kill('SIGHUP');
    for (let n = 0; n < 1_000; n++) {
      const line = this.#told()[before];
      if (line !== undefined) return line;
      await pause(10);
    }
    throw new TypeError(`no word of the reload: ${this.daemon.log()}`);
  }

  async call(token: string, method: 'GET' | 'POST', path: string, body?: unknown) {
    const response = await fetch(`${this.daemon.url}${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  }

  async metric(sample: string): Promise<number> {
    const text = await metricsNow(this.daemon);
    const line = text.split('\n').find((row) => row.startsWith(`${sample} `));
    return line === undefined ? 0 : Number(line.slice(sample.length + 1));
  }
}

async function open(t: TestOf, wanted: Wanted): Promise<Site> {
  const site = new Site(await freeUdpPort(), wanted);
  t.teardown(() => {
    site.place.remove();
  });
  await site.start();
  t.teardown(() => site.daemon.kill());
  return site;
}

async function nasOf(t: TestOf, site: Site, secret: string): Promise<TestNas> {
  const nas = new TestNas(site.accounting, secret, () => 'ack');
  await nas.open(await freeUdpPort());
  t.teardown(() => {
    nas.close();
  });
  return nas;
}

const start = (sid: string): Report => ({ kind: 'start', sid, user: sid, address: '198.51.100.1', seconds: 0 });

/** Whether an Accounting-Request is answered before it is repeated a few times. */
async function answers(nas: TestNas, sid: string): Promise<boolean> {
  return await Promise.race([nas.send(start(sid)).then(() => true), pause(600).then(() => false)]);
}

const bras = (secret: string): string => `{ name: bras, address: 127.0.0.0/8, secret: ${secret} }`;

t.test('NASes come, change their secret, and go', async (t) => {
  const site = await open(t, {});
  const { store } = site.place;
  const one = await nasOf(t, site, 'secret-one');
  t.equal(await answers(one, 's1'), false, 'nobody is admitted');
  t.match(await site.reload(site.yaml(store, { nas: bras('secret-one') })), {
    code: 'reload',
    result: 'applied',
    changed: ['radius.nas[bras]'],
  });
  t.equal(await answers(await nasOf(t, site, 'secret-one'), 's2'), true);
  t.match(await site.reload(site.yaml(store, { nas: bras('secret-two') })), { changed: ['radius.nas[bras].secret'] });
  t.equal(await answers(await nasOf(t, site, 'secret-one'), 's3'), false);
  t.equal(await answers(await nasOf(t, site, 'secret-two'), 's4'), true);
  t.match(await site.reload(site.yaml(store, {})), { changed: ['radius.nas[bras]'] });
  t.equal(await answers(await nasOf(t, site, 'secret-two'), 's5'), false);
  t.match(await site.reload(site.yaml(store, {})), { result: 'unchanged' });
  t.equal(await site.metric('addrd_config_reload_total{result="applied"}'), 3);
  t.equal(await site.metric('addrd_config_reload_total{result="unchanged"}'), 1);
  const said = site.daemon.log();
  for (const secret of ['secret-one', 'secret-two', 'token-a']) t.notOk(said.includes(secret), secret);
  t.equal(await site.daemon.stop(), 0);
});

t.test('a pool is added and allocated from; tokens and mode change; then it all survives a restart', async (t) => {
  const site = await open(t, {});
  const { store } = site.place;
  const allocate = (token: string, subscriber: string) => {
    const body = { subscriber_id: subscriber, pool_id: 'more' };
    return site.call(token, 'POST', '/api/v1/network/ipv4-lifecycle/allocate', body);
  };
  t.equal((await allocate('token-a', 'ann')).status >= 400, true, 'no such pool');
  const wanted = {
    pools: `${V4}, ${MORE}`,
    tokens: '{ name: b, secret: token-b, scope: admin }',
    extra: 'mode: act\nlog: { level: debug }',
  };
  t.match(await site.reload(site.yaml(store, wanted)), {
    changed: ['mode', 'log.level', 'api.tokens[a]', 'api.tokens[b]', 'pools[more]'],
  });
  t.equal((await allocate('token-a', 'ann')).status, 401);
  t.equal((await allocate('token-b', 'ann')).status, 201);
  t.equal((await site.call('token-b', 'GET', '/api/v1/status')).body['mode'], 'act');
  t.equal(await site.daemon.stop(), 0);
  await site.start();
  t.equal((await allocate('token-b', 'bob')).status, 201);
});

t.test('the blast guard and the modes: what is ordered afterwards, and what was held back before', async (t) => {
  const das = await freeUdpPort();
  const entry = (mode: string): string => `{ name: bras, address: 127.0.0.0/8, secret: secret-one, ${mode}
    coa: { address: 127.0.0.1, port: ${String(das)}, timeout: 500ms, retries: 5 } }`;
  const site = await open(t, { nas: entry(''), extra: 'mode: observe' });
  const { store } = site.place;
  const nas = new TestNas(site.accounting, 'secret-one', () => 'ack');
  await nas.open(das);
  t.teardown(() => {
    nas.close();
  });
  const order = (verb: string, user: string, more: object = {}) =>
    site.call('token-a', 'POST', `/api/v1/network/ipv4-lifecycle/${verb}`, { subscriber_id: user, ...more });
  for (const user of ['u0', 'u1', 'u2']) {
    const { body } = await order('allocate', user, { username: user });
    const [assignment] = body['assignments'] as { address: string }[];
    await nas.send({ kind: 'start', sid: user, user, address: assignment?.address ?? '', seconds: 0 });
  }
  const few = 'guard: { count: 1, floor: 1, share: 100%, window: 10m }';
  t.match(await site.reload(site.yaml(store, { nas: entry(''), extra: `mode: act\n${few}` })), {
    changed: ['mode', 'guard.count', 'guard.share', 'guard.floor'],
  });
  t.match(await order('revoke', 'u0'), { status: 202, body: { code: null } });
  t.match(await order('revoke', 'u1'), { status: 202, body: { code: 'awaiting-approval', batch: 1 } });
  for (let n = 0; n < 100 && nas.asked.length === 0; n++) await pause(20);
  t.match(nas.asked, [{ sid: 'u0' }], 'the mode of before is of the past');

  // A guard that lets more pass lets nothing pass a batch that is open, and a NAS that observes is sent nothing of it.
  t.match(await site.reload(site.yaml(store, { nas: entry('mode: observe,'), extra: 'mode: act' })), {
    changed: ['radius.nas[bras].mode', 'guard.count', 'guard.share', 'guard.floor'],
  });
  t.match(await order('revoke', 'u2'), { body: { code: 'awaiting-approval', batch: 1 } });
  const { body } = await site.call('token-a', 'GET', '/api/v1/nas');
  t.match(body, { nas: [{ nas: 'bras', mode: 'observe' }] });
  t.match(await site.call('token-a', 'POST', '/api/v1/approvals/1/approve', {}), { body: { revokes: 2 } });
  const observed = async (): Promise<unknown[]> =>
    (await site.call('token-a', 'GET', '/api/v1/outbox?status=would-have')).body['outbox'] as unknown[];
  for (let n = 0; n < 100 && (await observed()).length < 2; n++) await pause(20);
  t.equal((await observed()).length, 2);
  await pause(300);
  t.equal(nas.asked.length, 1);
});

t.test('what cannot be put in force is refused whole', async (t) => {
  const site = await open(t, {});
  const { store } = site.place;
  const nas = bras('secret-one');
  t.match(await site.reload(site.yaml(store, { nas, extra: 'lifecycle: { ack_grace: 5 }\nmod: act' })), {
    code: 'reload-refused',
    result: 'config-invalid',
    faults: [/addrd\.yaml:8:25 lifecycle\.ack_grace: /, /addrd\.yaml:9:1 mod: /],
  });
  t.match(await site.reload(''), { result: 'config-invalid' });
  t.match(await site.reload(site.yaml(store, { nas, extra: 'queue: { capacity: 100, batch: 10 }' })), {
    result: 'reload-needs-restart',
    detail: 'queue.capacity, queue.batch',
  });
  t.match(
    await site.reload(
      site.yaml(store, {
        nas,
        pools: `${MORE}, ${V4.replace('ipv4, prefix: 100.64.0.0/24', 'ipv6, prefix: "2001:db8::/64"')}`,
      }),
    ),
    {
      result: 'pool-changed',
      detail: /pool v4: family is ipv4 in the store and ipv6 in the config/,
    },
  );
  t.equal(await answers(await nasOf(t, site, 'secret-one'), 's1'), false, 'none of them brought its NAS');
  t.notMatch(JSON.stringify((await site.call('token-a', 'GET', '/api/v1/pools')).body), '"more"', 'nor its pool');
  t.equal(await site.metric('addrd_config_last_reload_successful'), 0);
  t.equal(await site.metric('addrd_config_reload_total{result="config-invalid"}'), 2);
  t.match(await site.reload(site.yaml(store, { nas })), { result: 'applied' });
  t.equal(await answers(await nasOf(t, site, 'secret-one'), 's2'), true);
  t.equal(await site.metric('addrd_config_last_reload_successful'), 1);
});

t.test('a storm of signals, also while it stops, ends nothing', async (t) => {
  const site = await open(t, { nas: bras('secret-one') });
  const nas = await nasOf(t, site, 'secret-one');
  const sent: Promise<void>[] = [];
  for (let n = 0; n < 50; n++) {
    const level = n % 2 === 0 ? 'info' : 'warn';
    writeFileSync(
      `${site.place.config}.new`,
      site.yaml(site.place.store, { nas: bras('secret-one'), extra: `log: { level: ${level} }` }),
    );
    renameSync(`${site.place.config}.new`, site.place.config);
    site.daemon.child.kill('SIGHUP');
    sent.push(nas.send(start(`s${String(n)}`)));
    await pause(2);
  }
  await Promise.all(sent);
  t.equal(nas.answers.length, 50, 'each packet was answered');
  for (let n = 0; n < 5; n++) site.daemon.child.kill('SIGHUP');
  const stopped = site.daemon.stop();
  for (let n = 0; n < 5; n++) site.daemon.child.kill('SIGHUP');
  t.equal(await stopped, 0);
});
