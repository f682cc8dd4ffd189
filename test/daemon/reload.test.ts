/** What a reload takes, what it refuses, and that it is done one at a time. */
import { readFileSync } from 'node:fs';
import { pino } from 'pino';
import t from 'tap';
import { loadConfig, loadNext, type Config, type KnownConfig, type NextConfig } from '../../src/daemon/config.js';
import { configKeys } from '../../src/daemon/config-schema.js';
import { isReloadable, Reloader, type ReloadResult } from '../../src/daemon/reload.js';

const sources = { readFile: () => '', env: () => undefined };

function load(yaml: string): KnownConfig {
  return loadConfig(new TextEncoder().encode(yaml), sources);
}

function next(yaml: string, { origin }: KnownConfig): NextConfig | null {
  return loadNext(new TextEncoder().encode(yaml), sources, origin);
}

function changed(before: string, after: string): readonly string[] {
  return next(after, load(before))?.changed ?? [];
}

function nas(...entries: string[]): string {
  return `radius: { nas: [${entries.map((fields) => `{ ${fields} }`).join(', ')}] }`;
}

t.test('what has changed is named by its key', async (t) => {
  const a = 'name: a, address: 192.0.2.1, secret: one';
  const b = 'name: b, address: 192.0.2.2, secret: two';
  t.strictSame(changed('{}', '{}'), []);
  t.strictSame(changed('mode: observe', '{}'), [], 'a default that is written out');
  t.strictSame(changed('mode: act', 'lifecycle: { ack_grace: 6s }'), ['mode', 'lifecycle.ack_grace']);
  t.strictSame(changed(nas(a, b), nas(b, a)), [], 'the order of entries means nothing');
  t.strictSame(changed(nas(a), nas(a, b)), ['radius.nas[b]']);
  t.strictSame(changed(nas(a, b), nas(b)), ['radius.nas[a]']);
  t.strictSame(changed(nas(a), nas(a.replace('one', 'other'))), ['radius.nas[a].secret']);
  t.strictSame(changed(nas(a), nas(a.replace('192.0.2.1', '192.0.2.0/31'))), ['radius.nas[a].address']);
  t.strictSame(changed(nas(a), nas(`${a}, coa: {}`)), ['radius.nas[a].coa']);
  t.strictSame(changed(nas(`${a}, coa: {}`), nas(`${a}, coa: { port: 1700 }`)), ['radius.nas[a].coa.port']);
  t.strictSame(
    changed(nas(`${a}, coa: { address: 192.0.2.1 }`), nas(`${a}, coa: { address: 192.0.2.2, port: 1700 }`)),
    ['radius.nas[a].coa.address', 'radius.nas[a].coa.port'],
  );
  t.strictSame(changed('api: { listen: ["127.0.0.1:1"] }', 'api: { listen: ["127.0.0.1:2"] }'), ['api.listen']);
  t.strictSame(
    changed(
      'pools: [{ name: p, family: ipv4, prefix: 192.0.2.0/25 }]',
      'pools: [{ name: p, family: ipv4, prefix: 192.0.2.0/24, quarantine: 1s }]',
    ),
    ['pools[p].prefix', 'pools[p].quarantine'],
  );
});

t.test('the document says which keys need a restart', async (t) => {
  const page = readFileSync(new URL('../../docs/config.md', import.meta.url), 'utf8');
  const told = /<!-- needs a restart -->\n([^]*?)\n\n/.exec(page)?.[1] ?? '';
  t.strictSame(
    [...told.matchAll(/`([a-z_.]+)`/g)].map(([, key]) => key).sort(),
    configKeys()
      .filter((key) => !isReloadable(key))
      .sort(),
  );
});

class Unreadable extends Error {
  readonly code = 'ENOENT';
}

interface Bench {
  readonly reloader: Reloader;
  readonly results: ReloadResult[];
  readonly applied: Config[];
  readonly lines: Record<string, unknown>[];
  next: string | null;
  begun: number;
  answer: () => Promise<null | { code: ReloadResult; detail: string }>;
  settled(): Promise<void>;
}

function bench(): Bench {
  const lines: Record<string, unknown>[] = [];
  const log = pino(
    { base: null },
    { write: (line: string) => lines.push(JSON.parse(line) as Record<string, unknown>) },
  );
  const results: ReloadResult[] = [];
  const made: Bench = {
    results,
    applied: [],
    lines,
    next: 'mode: act',
    begun: 0,
    answer: () => Promise.resolve(null),
    settled: async () => {
      for (let turn = 0; turn < 20; turn++) await Promise.resolve();
    },
    reloader: new Reloader(load('{}'), {
      clock: { wallMs: () => 1_000, monoMs: () => 1_000 },
      log,
      path: '/etc/addrd/addrd.yaml',
      load: async (inForce) => {
        if (made.next === null) throw new Unreadable('no such file');
        return next(made.next, inForce);
      },
      onBegin: () => {
        t.equal(made.begun++, results.length, 'the one before it has come to its end');
      },
      onResult: (result) => results.push(result),
    }),
  };
  return made;
}

function start(b: Bench): void {
  b.reloader.start((config) => {
    b.applied.push(config);
    return b.answer();
  });
}

t.test('a file is put in force, and found unchanged the next time', async (t) => {
  const b = bench();
  start(b);
  await b.settled();
  t.strictSame(b.results, [], 'a start is no reload');
  b.reloader.request();
  await b.settled();
  b.reloader.request();
  await b.settled();
  t.strictSame(b.results, ['applied', 'unchanged']);
  t.equal(b.applied.length, 1);
  t.match(b.lines, [
    { code: 'reload', changed: ['mode'] },
    { code: 'reload', result: 'unchanged' },
  ]);
});

t.test('of many changes the line names a hundred and counts the rest', async (t) => {
  const b = bench();
  start(b);
  const pools = Array.from({ length: 130 }, (_, n) => {
    return `  - { name: p${String(n)}, family: ipv4, prefix: 10.0.${String(n)}.0/24, kind: static }`;
  });
  b.next = ['pools:', ...pools].join('\n');
  b.reloader.request();
  await b.settled();
  const [line] = b.lines as { changed: string[]; more: number }[];
  t.equal(line?.changed.length, 100);
  t.equal(line?.changed[0], 'pools[p0]');
  t.equal(line?.more, 30);
});

t.test('what cannot be put in force is refused whole, and the config before stays', async (t) => {
  const b = bench();
  start(b);
  for (const [yaml, result] of [
    ['mode: watch\ntennant: x', 'config-invalid'],
    [null, 'config-unreadable'],
    ['', 'config-invalid'],
    ['mode: act\nstore: { path: other.db }\nqueue: { batch: 7 }', 'reload-needs-restart'],
  ] as const) {
    b.next = yaml;
    b.reloader.request();
    await b.settled();
    t.equal(b.results.at(-1), result);
  }
  t.strictSame(b.applied, [], 'none of them got as far as the daemon');
  t.match(b.lines[0], {
    faults: [/^\/etc\/addrd\/addrd\.yaml:1:\d+ mode: /, /^\/etc\/addrd\/addrd\.yaml:2:1 tennant: /],
  });
  t.match(b.lines.at(-1), { detail: 'store.path, queue.batch' });
  b.next = 'mode: act';
  b.answer = () => Promise.resolve({ code: 'pool-changed', detail: 'as it says' });
  b.reloader.request();
  await b.settled();
  b.answer = () => Promise.reject(new Unreadable('the disk'));
  b.reloader.request();
  await b.settled();
  b.answer = () => Promise.resolve(null);
  b.reloader.request();
  await b.settled();
  t.strictSame(b.results.slice(4), ['pool-changed', 'reload-failed', 'applied'], 'and it can be tried again');
});

t.test('one at a time; before the start it waits; after the end nothing is done', async (t) => {
  const b = bench();
  b.reloader.request();
  b.reloader.request();
  await b.settled();
  t.strictSame(b.results, []);
  let release = (): void => undefined;
  b.answer = () =>
    new Promise((resolve) => {
      release = () => {
        resolve(null);
      };
    });
  start(b);
  await b.settled();
  t.equal(b.applied.length, 1, 'what was asked for during the start is done once');
  b.next = 'mode: act\nlifecycle: { ack_grace: 6s }';
  for (let n = 0; n < 5; n++) b.reloader.request();
  await b.settled();
  t.equal(b.applied.length, 1, 'the second waits for the first');
  release();
  await b.settled();
  release();
  await b.settled();
  t.strictSame(b.results, ['applied', 'applied'], 'five are one');
  b.reloader.stop();
  b.next = '{}';
  b.reloader.request();
  await b.settled();
  t.equal(b.results.length, 2);
});

t.test('what was read when the daemon was stopped is not put in force', async (t) => {
  const b = bench();
  start(b);
  b.reloader.request();
  b.reloader.stop();
  await b.settled();
  t.equal(b.begun, 1, 'the file was being read');
  t.strictSame(b.results, []);
  t.strictSame(b.applied, []);
});

t.test('of very many warnings the first are told, and what came of the reload', async (t) => {
  const b = bench();
  b.next = nas(
    ...Array.from({ length: 150 }, (_, n) => `name: n${String(n)}, address: 192.0.2.${String(n)}, secret: s`),
  );
  start(b);
  b.reloader.request();
  await b.settled();
  const codes = b.lines.map(({ code }) => code);
  t.equal(codes.filter((code) => code === 'config-warning').length, 100);
  t.match(b.lines.at(-2), { code: 'config-warnings', more: /^[1-9]\d+$/ });
  t.match(b.lines.at(-1), { code: 'reload', result: 'applied' });
});
