/** Secrets are put into every place that takes one, and into some that do not: nothing that addrd says contains any. */
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import t from 'tap';
import { freeUdpPort } from '../../peers/freeradius.js';
import { makePlace, runAddrd, startAddrd } from '../../support/process.js';
import { TestNas } from '../../support/test-nas.js';

/** No two share a part that is long enough to be found by accident. */
const SENTINEL = {
  inline: 'Sentinel0Inline0Quartz',
  coa: 'Sentinel1Coa1Basalt',
  file: 'Sentinel2File2Granite',
  env: 'Sentinel3Env3Obsidian',
  credential: 'Sentinel4Credential4Marble',
  token: 'Sentinel5Token5Pumice',
  wrongToken: 'Sentinel6Wrong6Slate',
  wrongSecret: 'Sentinel7Peer7Gneiss',
  misplaced: 'Sentinel8Misplaced8Chalk',
} as const;

const GETS = ['status', 'sessions', 'pools', 'events', 'outbox', 'conflicts', 'nas'].map((name) => `/api/v1/${name}`);

t.test('no output of a running daemon has a secret in it', async (t) => {
  const accounting = await freeUdpPort();
  const das = await freeUdpPort();
  const place = makePlace((store) => {
    const nases = [
      `{ name: inline, address: 127.0.0.1, secret: ${SENTINEL.inline}, coa: { address: 127.0.0.1, port: ${String(das)}, secret: ${SENTINEL.coa}, timeout: 200ms, retries: 1 } }`,
      `{ name: file, address: 192.0.2.2, secret: { file: ${store}.secret } }`,
      '{ name: env, address: 192.0.2.3, secret: { env: ADDRD_TEST_SECRET } }',
      '{ name: credential, address: 192.0.2.4, secret: { credential: bras } }',
    ];
    return `
mode: act
log: { level: debug }
store: { path: ${store} }
api: { listen: ["127.0.0.1:0"], tokens: [{ name: noc, secret: ${SENTINEL.token}, scope: admin }] }
radius:
  accounting: { listen: ["127.0.0.1:${String(accounting)}"] }
  nas:
${nases.map((nas) => `    - ${nas}`).join('\n')}
pools: [{ name: v4, family: ipv4, prefix: 100.64.0.0/24, quarantine: 1s }]
`;
  });
  t.teardown(() => {
    place.remove();
  });
  const credentials = join(place.folder, 'credentials');
  mkdirSync(credentials);
  writeFileSync(join(credentials, 'bras'), SENTINEL.credential);
  writeFileSync(`${place.store}.secret`, SENTINEL.file);
  chmodSync(`${place.store}.secret`, 0o644);
  writeFileSync(join(place.folder, 'api-token'), SENTINEL.token);
  const env = { CREDENTIALS_DIRECTORY: credentials, ADDRD_TEST_SECRET: SENTINEL.env };
  const daemon = await startAddrd(place, env);
  t.teardown(() => daemon.kill());

  const said: string[] = [];
  const ask = async (path: string, token: string, init: RequestInit = {}): Promise<void> => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const response = await fetch(`${daemon.url}${path}`, { ...init, headers });
    said.push(JSON.stringify([...response.headers]), await response.text());
  };
  const nas = new TestNas(accounting, SENTINEL.inline, () => 'silence');
  await nas.open(das);
  const liar = new TestNas(accounting, SENTINEL.wrongSecret, () => 'silence');
  await liar.open(await freeUdpPort());
  t.teardown(() => {
    nas.close();
    liar.close();
  });
  const order = (path: string, body: Record<string, unknown>): Promise<void> =>
    ask(`/api/v1/network/ipv4-lifecycle/${path}`, SENTINEL.token, { method: 'POST', body: JSON.stringify(body) });
  await order('allocate', { subscriber_id: 'ann', username: 'ann', requested_address: '100.64.0.9' });
  await nas.send({ kind: 'start', sid: 's1', user: 'ann', address: '100.64.0.9', seconds: 0 });
  void liar.send({ kind: 'start', sid: 's2', user: 'bob', address: '100.64.0.10', seconds: 0 });
  await order('revoke', { subscriber_id: 'ann' });
  for (const path of [...GETS, '/openapi.json', '/metrics', '/healthz', '/readyz', '/api/v1/nothing']) {
    await ask(path, SENTINEL.token);
    await ask(path, SENTINEL.wrongToken);
  }
  const sound = readFileSync(place.config, 'utf8');
  const broken = [
    sound.replace('name: inline', `name: "${SENTINEL.misplaced}!"`),
    sound.replace('address: 192.0.2.2', `address: ${SENTINEL.misplaced}`),
    sound.replace('mode: act', `mode: ${SENTINEL.misplaced}`),
    sound.replace('quarantine: 1s', `quarantine: ${SENTINEL.misplaced}`),
    sound.replace('{ env: ADDRD_TEST_SECRET }', `{ env: ${SENTINEL.misplaced} }`),
    sound.replace('{ credential: bras }', `{ credential: ${SENTINEL.misplaced} }`),
    sound.replace('{ credential: bras }', `{ ${SENTINEL.misplaced}: bras }`),
    sound.replace(`secret: ${SENTINEL.inline}`, `secret:${SENTINEL.inline}`),
    sound.replace(`secret: ${SENTINEL.inline}`, `secret: *${SENTINEL.inline}`),
    sound.replace(`secret: ${SENTINEL.inline}`, `secret: "${SENTINEL.inline}`),
    sound.replace('scope: admin', `scope: ${SENTINEL.token}`),
    sound.replace('"127.0.0.1:0"', `"${SENTINEL.misplaced}"`),
    `${SENTINEL.misplaced}`,
    `- ${SENTINEL.misplaced}: ${SENTINEL.inline}`,
  ];
  for (const [n, text] of broken.entries()) {
    writeFileSync(place.config, text);
    daemon.child.kill('SIGHUP');
    const refused = (): number => daemon.log().split('"code":"reload-refused"').length - 1;
    for (let wait = 0; wait < 1_000 && refused() <= n; wait++) await pause(10);
    t.equal(refused(), n + 1, 'it is refused');
    if (n % 5 !== 0) continue;
    const run = await runAddrd(['check-config', '--config', place.config], env);
    t.equal(run.status, 78);
    said.push(run.stdout, run.stderr);
  }
  writeFileSync(place.config, sound.replace(SENTINEL.inline, `${SENTINEL.inline}x`));
  daemon.child.kill('SIGHUP');
  for (let n = 0; n < 500 && !daemon.log().includes('"result":"applied"'); n++) await pause(10);
  t.equal(await daemon.stop(), 0);
  said.push(daemon.log());
  t.match(daemon.log(), 'secret-open', 'the log was really looked at');
  t.match(daemon.log(), '"result":"applied"');
  t.match(daemon.log(), 'bad-authenticator');
  const text = said.join('\n');
  for (const [where, secret] of Object.entries(SENTINEL)) {
    t.notOk(text.includes(secret), where);
    t.notOk(text.includes(Buffer.from(secret).toString('hex')), `${where} as hex`);
    t.notOk(text.includes(Buffer.from(secret).toString('base64').slice(0, 20)), `${where} as base64`);
  }
});
