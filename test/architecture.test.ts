/**
 * The house rules, held against `src`, and every rule held against a house that breaks it: a rule that cannot fail
 * protects nothing. The rules themselves are the tables of `support/architecture.ts`.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { broken, homeRule, homes, idleRules, importsOf, rooms, strayEntries } from './support/architecture.js';

const root = fileURLToPath(new URL('..', import.meta.url));

function readSources(): Map<string, string> {
  const names = readdirSync(`${root}src`, { recursive: true, encoding: 'utf8' }).filter((name) =>
    /\.[cm]?[jt]sx?$/.test(name),
  );
  return new Map(names.sort().map((name) => [`src/${name}`, readFileSync(`${root}src/${name}`, 'utf8')]));
}

/** A small sound house; `changes` overrides or adds files. */
function house(changes: Readonly<Record<string, string>> = {}): Map<string, string> {
  const sound = {
    'src/protocols/udp.ts': `import { createSocket } from 'node:dgram';\nexport const open = createSocket;`,
    'src/protocols/radius/packet.ts': `import { createHash } from 'node:crypto';\nexport const x = createHash;`,
    'src/protocols/radius/server.ts': `import { open } from '../udp.js';\nexport * from './packet.js';\nopen('udp4');`,
    'src/daemon/lifecycle/address.ts': `export const canonical = 1;`,
    'src/daemon/lifecycle/state.ts': `export type State = 'active';`,
    'src/daemon/lifecycle/decide.ts': `import type { State } from './state.js';\nexport type X = State;`,
    'src/store/open.ts': `import Database from 'better-sqlite3';\nexport const x = Database;`,
    'src/store/commit.ts': `import './open.js';\nimport { canonical } from '../daemon/lifecycle/address.js';\nexport { canonical };`,
    'src/store/reads.ts': `import type { State } from '../daemon/lifecycle/state.js';\nexport type X = State;`,
    'src/daemon/ingest/radius.ts': `import '../../protocols/radius/packet.js';\nimport '../lifecycle/decide.js';`,
    'src/daemon/effects/nas.ts': `import '../../protocols/radius/packet.js';\nimport '../log.js';`,
    'src/daemon/log.ts': `import { pino } from 'pino';\nexport const log = pino;`,
    'src/daemon/systemd-notify.ts': `import { execFile } from 'node:child_process';\nexport const x = execFile;`,
    'src/daemon/command.ts': `import type { State } from './lifecycle/state.js';\nexport type X = State;`,
    'src/daemon/pipeline.ts': `import '../store/commit.js';\nimport './command.js';`,
    'src/daemon/outbox/worker.ts': `import '../pipeline.js';\nimport '../../store/open.js';`,
    'src/daemon/api/server.ts': `import { fastify } from 'fastify';\nimport '../../store/reads.js';\nimport '../command.js';\nexport const x = fastify;`,
    'src/daemon/api/types.ts': `export interface Status { up: boolean }`,
    'src/daemon/ctl/show.ts': `import type { Status } from '../api/types.js';\nexport type X = Status;`,
    'src/daemon/ctl/main.ts': `import { Command } from 'commander';\nimport './show.js';\nexport const x = Command;`,
    'src/daemon/threads/api-thread.ts': `import { Worker } from 'node:worker_threads';\nnew Worker(new URL('./api-worker.js', import.meta.url));`,
    'src/daemon/threads/api-worker.ts': `import type { FastifyInstance } from 'fastify';\nimport '../api/server.js';\nimport '../../store/open.js';`,
    'src/daemon/threads/checkpoint-thread.ts': `export const entry = new URL('./checkpoint-worker.js', import.meta.url);`,
    'src/daemon/threads/checkpoint-worker.ts': `import { parentPort } from 'node:worker_threads';\nexport const x = parentPort;`,
    'src/daemon/threads/inspection-thread.ts': `export const entry = new URL('./inspection-worker.js', import.meta.url);`,
    'src/daemon/threads/inspection-worker.ts': `import { parentPort } from 'node:worker_threads';\nexport const x = parentPort;`,
    'src/daemon/threads/config-thread.ts': `export const entry = new URL('./config-worker.js', import.meta.url);`,
    'src/daemon/threads/config-worker.ts': `import { parentPort } from 'node:worker_threads';\nexport const x = parentPort;`,
    'src/daemon/core.ts': `import './pipeline.js';\nimport './outbox/worker.js';`,
    'src/daemon/build.ts': `import './core.js';\nexport const api = new URL('./api/server.js', import.meta.url);`,
    'src/daemon/main.ts': `import { Command } from 'commander';\nimport './build.js';\nexport const x = Command;`,
  };
  return new Map(Object.entries({ ...sound, ...changes }));
}

t.test('src keeps the house rules', (t) => {
  const sources = readSources();
  t.ok(sources.has('src/protocols/io.ts'), 'the sources are found');
  t.strictSame(broken(sources), []);
  // While the house is being built, rooms may be empty; once it is wired, none is.
  if (sources.has('src/daemon/main.ts')) t.strictSame(idleRules(sources), [], 'every rule has files to hold');
  t.end();
});

t.test('nothing stray at the top', (t) => {
  // Dependencies and output, which git ignores too.
  const entries = readdirSync(root).filter((name) => !['node_modules', 'dist', 'var', 'coverage'].includes(name));
  t.strictSame(strayEntries(entries, readdirSync(`${root}src`)), []);
  t.end();
});

const [protocols, lifecycle, store, ingest, effects, api, ctl, pipeline, workers] = rooms.map(({ room }) => room);
const home = (name: string): string => {
  const found = homes.find(({ what }) => what.includes(name));
  return found === undefined ? `no home for ${name}` : homeRule(found.what, found.only);
};
const cycle = 'no import cycles';
const literal = 'imports are literal';
const missing = 'src imports files of src';
const noun = 'a file is named after its noun';
const length = 'a file has at most 400 lines';

/** A file, what it says, and the rules it breaks thereby, in the order of the tables. */
const offences: readonly (readonly [path: string, text: string, ...rules: (string | undefined)[]])[] = [
  ['src/protocols/radius/x.ts', `import '../../daemon/lifecycle/address.js';`, protocols],
  ['src/protocols/radius/x.ts', `import type { State } from '../../daemon/lifecycle/state.js';`, protocols],
  ['src/protocols/radius/x.ts', `import '../../daemon/log.js';`, protocols],
  ['src/protocols/radius/x.ts', `import '../../store/open.js';`, protocols],
  ['src/protocols/radius/x.ts', `import { z } from 'zod';`, protocols],
  ['src/protocols/radius/x.ts', `import type { Logger } from 'pino';`, protocols],
  ['src/protocols/radius/x.ts', `import { createSocket } from 'node:dgram';`, home('dgram')],
  ['src/protocols/radius/x.ts', `import type { Socket } from 'dgram';`, home('dgram')],
  ['src/daemon/x.ts', `const x = await import('node:dgram');`, home('dgram')],
  ['src/daemon/x.ts', `import { spawn } from 'node:child_process';`, home('child_process')],

  ['src/daemon/lifecycle/x.ts', `import { createHash } from 'node:crypto';`, lifecycle],
  ['src/daemon/lifecycle/x.ts', `import type { Stats } from 'fs';`, lifecycle],
  ['src/daemon/lifecycle/x.ts', `import { Address4 } from 'ip-address';`, lifecycle],
  ['src/daemon/lifecycle/x.ts', `import type { X } from '../../protocols/radius/packet.js';`, lifecycle],
  ['src/daemon/lifecycle/x.ts', `import '../log.js';`, lifecycle],
  ['src/daemon/lifecycle/x.ts', `export * from '../../store/reads.js';`, lifecycle],

  ['src/store/x.ts', `import { decide } from '../daemon/lifecycle/decide.js';`, store],
  ['src/store/x.ts', `import type { X } from '../daemon/lifecycle/decide.js';`, store],
  ['src/store/x.ts', `import '../protocols/radius/packet.js';`, store],
  ['src/store/x.ts', `import { log } from '../daemon/log.js';`, store],
  ['src/store/x.ts', `import { pino } from 'pino';`, store],

  ['src/daemon/ingest/x.ts', `import '../../store/reads.js';`, ingest],
  ['src/daemon/ingest/x.ts', `import '../pipeline.js';`, ingest],
  ['src/daemon/ingest/x.ts', `import '../log.js';`, ingest],
  ['src/daemon/ingest/x.ts', `import { z } from 'zod';`, ingest],
  ['src/daemon/ingest/x.ts', `import { readFileSync } from 'node:fs';`, ingest],

  ['src/daemon/effects/x.ts', `import '../../store/open.js';`, effects],
  ['src/daemon/effects/x.ts', `import type { X } from '../../store/reads.js';`, effects],
  ['src/daemon/effects/x.ts', `import '../api/server.js';`, effects],
  ['src/daemon/outbox/effects/x.ts', `import '../../../store/open.js';`, effects],
  ['src/daemon/outbox/effects/x.ts', `import '../../ctl/show.js';`, effects],

  ['src/daemon/api/x.ts', `import '../../store/commit.js';`, api],
  ['src/daemon/api/x.ts', `import '../../store/open.js';`, api],
  ['src/daemon/api/x.ts', `import type { X } from '../../store/open.js';`, api],
  ['src/daemon/api/x.ts', `import '../pipeline.js';`, api],
  ['src/daemon/api/x.ts', `import '../outbox/worker.js';`, api],
  ['src/daemon/api/x.ts', `import '../effects/nas.js';`, api],
  ['src/daemon/api/x.ts', `import '../../protocols/radius/packet.js';`, api],
  ['src/daemon/api/x.ts', `import '../ctl/show.js';`, api],
  ['src/daemon/api/x.ts', `import '../build.js';`, api, home('src/daemon/build.ts')],
  ['src/daemon/api/x.ts', `import Database from 'better-sqlite3';`, home('better-sqlite3')],
  ['src/daemon/api/x.ts', `import { Command } from 'commander';`, home('commander')],

  ['src/daemon/ctl/x.ts', `import '../../store/reads.js';`, ctl],
  ['src/daemon/ctl/x.ts', `import type { X } from '../../store/reads.js';`, ctl],
  ['src/daemon/ctl/x.ts', `import { x } from '../api/server.js';`, ctl],
  ['src/daemon/ctl/x.ts', `import { type Status } from '../api/types.js';`, ctl],
  ['src/daemon/ctl/x.ts', `import '../lifecycle/address.js';`, ctl],
  ['src/daemon/ctl/x.ts', `import '../command.js';`, ctl],
  ['src/daemon/ctl/x.ts', `import { fastify } from 'fastify';`, home('fastify')],

  ['src/daemon/pipeline.ts', `import '../protocols/radius/packet.js';`, pipeline],
  ['src/daemon/pipeline/lanes.ts', `import type { X } from '../../protocols/radius/packet.js';`, pipeline],

  ['src/daemon/reconcile/x.ts', `import Database from 'better-sqlite3';`, home('better-sqlite3')],
  ['src/daemon/x.ts', `import type { Database } from 'better-sqlite3';`, home('better-sqlite3')],
  ['src/daemon/x.ts', `import { fastify } from 'fastify';`, home('fastify')],
  ['src/daemon/x.ts', `import '@fastify/swagger';`, home('fastify')],
  ['src/daemon/x.ts', `import 'fastify/plugin.js';`, home('fastify')],
  ['src/daemon/x.ts', `import { Command } from 'commander';`, home('commander')],
  ['src/daemon/x.ts', `import './build.js';`, home('src/daemon/build.ts')],
  ['src/daemon/x.ts', `import './core.js';`, home('src/daemon/core.ts')],
  ['src/daemon/x.ts', `import type { X } from './build.js';`, home('src/daemon/build.ts')],
  ['src/daemon/x.ts', `export { x } from './main.js';`, home('src/daemon/main.ts')],
  ['src/daemon/x.ts', `import './ctl/main.js';`, home('src/daemon/ctl/main.ts')],
  ['src/daemon/x.ts', `type X = import('./main.js').X;`, home('src/daemon/main.ts')],
  ['src/daemon/x.ts', `new Worker(new URL('./main.js', import.meta.url));`, home('src/daemon/main.ts')],
  ['src/daemon/x.ts', `const x = require('better-sqlite3');`, home('better-sqlite3')],
  ['src/daemon/x.ts', `import x = require('better-sqlite3');`, home('better-sqlite3')],

  ['src/daemon/threads/x-worker.ts', `import '../../store/commit.js';`, workers],
  ['src/daemon/threads/x-worker.ts', `import '../pipeline.js';`, workers],
  ['src/daemon/threads/x-worker.ts', `import './api-thread.js';`, workers],
  ['src/daemon/threads/x-worker.ts', `import { pino } from 'pino';`, workers],
  ['src/daemon/threads/x.ts', `import { fastify } from 'fastify';`, home('fastify')],
  ['src/daemon/x.ts', `import { Worker } from 'node:worker_threads';`, home('worker_threads')],
  ['src/daemon/api/x.ts', `import type { MessagePort } from 'worker_threads';`, home('worker_threads')],
  ['src/daemon/x.ts', `new URL('./threads/api-worker.js', import.meta.url);`, home('src/daemon/threads/api-worker.ts')],
  ['src/daemon/x.ts', `import './threads/config-worker.js';`, home('src/daemon/threads/config-worker.ts')],
  ['src/daemon/x.ts', `import './threads/inspection-worker.js';`, home('src/daemon/threads/inspection-worker.ts')],
  ['src/daemon/x.ts', `import './threads/checkpoint-worker.js';`, home('src/daemon/threads/checkpoint-worker.ts')],

  ['src/daemon/x.ts', `import './x.js';`, cycle],
  ['src/daemon/log.ts', `import './pipeline.js';\nimport '../store/open.js';`],
  ['src/daemon/command.ts', `import './pipeline.js';`, cycle],
  ['src/daemon/command.ts', `import type { X } from './outbox/worker.js';`, cycle],
  ['src/daemon/lifecycle/state.ts', `export type { X } from './decide.js';`, cycle],

  ['src/daemon/x.ts', `const name = 'y'; await import(name);`, literal],
  ['src/daemon/x.ts', `const name = 'y'; await import(\`./\${name}.js\`);`, literal],
  ['src/daemon/x.ts', `import './gone.js';`, missing],
  ['src/daemon/x.ts', `import '../../test/support/architecture.js';`, missing],
  ['src/stray.ts', `import { pino } from 'pino';`, 'every file is in a room'],

  ['src/daemon/utils.ts', ``, noun],
  ['src/daemon/api/helpers.ts', ``, noun],
  ['src/daemon/api/test-helper.ts', ``, noun],
  ['src/store/common.ts', ``, noun],
  ['src/store/common/row.ts', ``, noun],
  ['src/daemon/session-manager.ts', ``, noun],
  ['src/protocols/radius/index.ts', `export * from './packet.js';`, noun],
  ['src/store/index-scan.ts', ``],
  ['src/daemon/long.ts', 'export {};\n'.repeat(401), length],
  ['src/daemon/long.ts', 'export {};\n'.repeat(400)],
];

t.test('a sound house passes', (t) => {
  t.strictSame(broken(house()), []);
  t.strictSame(idleRules(house()), []);
  t.end();
});

t.test('every rule can fail', (t) => {
  for (const [path, text, ...rules] of offences) {
    const found = broken(house({ [path]: text }));
    const says = text.length > 100 ? `${text.length} characters` : text || 'nothing';
    t.strictSame(
      found.map(({ rule }) => rule),
      rules,
      `${path} says ${says}`,
    );
    t.ok(
      found.every(({ at, rule }) => at.startsWith(path) || rule === cycle),
      'and it is the file to blame',
    );
  }
  const shown = new Set(offences.flatMap(([, , ...rules]) => rules));
  // The last room takes everything of ours: only the homes bind it.
  for (const { room } of rooms.slice(0, -1)) t.ok(shown.has(room), `shown to fail: ${room}`);
  for (const { what, only } of homes) t.ok(shown.has(homeRule(what, only)), `shown to fail: ${homeRule(what, only)}`);
  t.end();
});

t.test('a rule about files that are gone is told', (t) => {
  const renamed = house();
  renamed.delete('src/daemon/effects/nas.ts');
  renamed.delete('src/protocols/udp.ts');
  t.strictSame(idleRules(renamed), [effects, home('dgram')]);
  t.end();
});

t.test('a cycle is told with its way round', (t) => {
  const found = broken(house({ 'src/daemon/command.ts': `import './pipeline.js';` }));
  t.equal(found.length, 1);
  t.equal(found[0]?.what, 'src/daemon/command.ts -> src/daemon/pipeline.ts -> src/daemon/command.ts');
  t.end();
});

t.test('stray entries are told', (t) => {
  t.strictSame(
    strayEntries(['src', 'test', 'README.md', '.ci', '.gitignore'], ['daemon', 'store', 'tsconfig.json']),
    [],
  );
  t.strictSame(
    strayEntries(['lib', 'tap-snapshots', 'Makefile'], ['utils', 'index.ts', 'ctl']).map(({ at }) => at),
    ['lib', 'tap-snapshots', 'Makefile', 'src/utils', 'src/index.ts', 'src/ctl'],
  );
  t.end();
});

t.test('text that only looks like an import is none', (t) => {
  const text = `// import './a.js'\nconst s = "import './b.js'";\nconst u = new URL('./001.sql', import.meta.url);\nfoo.require('c');`;
  t.strictSame(
    importsOf('src/daemon/x.ts', text, () => true),
    [],
  );
  const kinds = importsOf(
    'src/daemon/x.ts',
    `import { type A } from './a.js';\n\nimport type { B } from './b.js';`,
    () => true,
  );
  t.match(kinds, [
    { line: 1, typeOnly: false, target: { kind: 'ours', path: 'src/daemon/a.ts' } },
    { line: 3, typeOnly: true, target: { kind: 'ours', path: 'src/daemon/b.ts' } },
  ]);
  t.end();
});
