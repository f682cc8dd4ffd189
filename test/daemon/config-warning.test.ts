/** What is sound and probably not meant. */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { loadConfig } from '../../src/daemon/config.js';

function warnings(yaml: string): string[] {
  return loadConfig(new TextEncoder().encode(yaml), {
    readFile: () => '',
    env: () => undefined,
  }).warnings.map(({ code, path, line, column }) => `${code} ${path} ${String(line)}:${String(column)}`);
}

const LONG = 'sixteen-octets-xx';

function nas(fields: string, top = ''): string {
  return `radius:\n  nas:\n    - { name: n, ${fields} }\n${top}`;
}

t.test('the shipped config has none', async (t) => {
  t.strictSame(warnings(readFileSync(new URL('../../config/addrd.yaml', import.meta.url), 'utf8')), []);
});

const cases: readonly (readonly [yaml: string, ...warnings: string[]])[] = [
  ['{}'],
  [nas(`address: 192.0.2.1, secret: ${LONG}`)],
  [nas(`address: 192.0.2.1, secret: ${LONG}`, 'mode: act'), 'nas-without-coa radius.nas[0] 3:7'],
  [nas(`address: 192.0.2.1, secret: ${LONG}, coa: {}`, 'mode: act')],
  [nas('address: 192.0.2.1, secret: testing123'), 'secret-known radius.nas[0].secret 3:46'],
  [nas('address: 192.0.2.1, secret: fifteen-octets.'), 'secret-short radius.nas[0].secret 3:46'],
  [nas('address: 127.0.0.0/8, secret: testing123, coa: { secret: x }')],
  [nas('address: "::1", secret: testing123')],
  [
    nas('address: 127.0.0.0/8, secret: testing123, coa: { address: 192.0.2.1, secret: x }'),
    'secret-short radius.nas[0].coa.secret 3:95',
  ],
  [nas('address: 0.0.0.0/0, secret: sixteen-octets-xx')],
  [
    `radius:\n  accounting: { listen: ["0.0.0.0:1813"] }\n  nas: [{ name: n, address: 0.0.0.0/0, secret: ${LONG} }]`,
    'nas-anywhere radius.nas[0].address 3:29',
  ],
  [
    `radius:\n  accounting: { listen: ["[2001:db8::1]:1813"] }\n  nas: [{ name: n, address: "::/0", secret: ${LONG} }]`,
    'nas-anywhere radius.nas[0].address 3:29',
  ],
  [
    nas(
      `address: 192.0.2.1, secret: ${LONG}, coa: { timeout: 10s, retries: 5 }`,
      'pools: [{ name: p, family: ipv4, prefix: 192.0.2.0/24, quarantine: 59s }]',
    ),
    'quarantine-short pools[0].quarantine 4:68',
  ],
  ['lifecycle: { epoch_grace: 9m }', 'epoch-grace-short lifecycle.epoch_grace 1:27'],
  ['lifecycle: { interim_interval: 30m }', 'epoch-grace-short lifecycle.epoch_grace 1:12'],
  ['lifecycle: { evidence_timeout: 9m }', 'evidence-timeout-short lifecycle.evidence_timeout 1:32'],
  ['api: { tokens: [{ name: a, secret: short, scope: read }] }', 'secret-short api.tokens[0].secret 1:36'],
];

t.test('each by its code and its place', async (t) => {
  for (const [yaml, ...expected] of cases) t.strictSame(warnings(yaml), expected, yaml);
});
