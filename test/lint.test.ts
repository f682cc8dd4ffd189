/**
 * A lint rule that is spelled wrong, or that a later config object overrides, fails open and nobody notices. So every
 * ban of `eslint.config.js` is shown here to bite where it must, and to leave alone the one file where the thing is at
 * home. The sources are linted under paths that need not exist; only the path decides which rules apply.
 */
import { fileURLToPath } from 'node:url';
import { ESLint } from 'eslint';
import t from 'tap';
import tseslint from 'typescript-eslint';

const cwd = fileURLToPath(new URL('..', import.meta.url));
const overrideConfigFile = 'eslint.config.js';

const clock = 'src/daemon/clock.ts';
const udp = 'src/protocols/udp.ts';
const notify = 'src/daemon/systemd-notify.ts';
const ctlHttp = 'src/daemon/ctl/http.ts';
const mains = ['src/daemon/main.ts', 'src/daemon/ctl/main.ts'];
const lifecycle = 'src/daemon/lifecycle/decide.ts';
/** One file of every room, and every file that has a permission of its own. */
const places = [
  ...[clock, udp, notify, ctlHttp, ...mains, lifecycle],
  ...['src/daemon/build.ts', 'src/daemon/pipeline.ts', 'src/daemon/api/server.ts', 'src/daemon/ctl/show.ts'],
  ...['src/daemon/ingest/radius.ts', 'src/daemon/outbox/worker.ts', 'src/daemon/effects/nas.ts'],
  ...['src/protocols/radius/server.ts', 'src/protocols/netbox/client.ts', 'src/store/commit.ts'],
];

interface Fixture {
  readonly code: string;
  readonly rule: string;
  readonly allowedIn: readonly string[];
}

function fixtures(rule: string, allowedIn: readonly string[], ...codes: readonly string[]): Fixture[] {
  return codes.map((code) => ({ code, rule, allowedIn }));
}

const globals = 'no-restricted-globals';
const properties = 'no-restricted-properties';
const imports = 'no-restricted-imports';
const syntax = 'no-restricted-syntax';
const types = '@typescript-eslint/no-restricted-types';

const banned: readonly Fixture[] = [
  ...fixtures(
    globals,
    [clock],
    ...['export const x = new Date();', 'export const x = new Date(0);', 'export const x = Date.now();'],
    ...['export const x = Date.parse("2026-01-01");', 'export const now = Date.now;', 'export const { now } = Date;'],
    ...['export const x = performance.now();'],
    ...['setTimeout(() => undefined, 1);', 'setInterval(() => undefined, 1);', 'setImmediate(() => undefined);'],
    ...['export const later = setTimeout;', 'clearTimeout(1);', 'clearInterval(1);', 'clearImmediate(undefined);'],
    ...['export const x = crypto.randomUUID();', 'export const x = crypto.getRandomValues(new Uint8Array(1));'],
    ...['export const x = Crypto;'],
  ),
  ...fixtures(types, [clock], 'export type X = Date;', 'export interface X { at: Date | undefined }'),
  ...fixtures(
    properties,
    [clock],
    ...['export const x = Math.random();', 'export const { random } = Math;', 'export const x = Math["random"]();'],
  ),
  ...fixtures(properties, [clock, ctlHttp], 'export const x = AbortSignal.timeout(5);'),
  ...fixtures(
    imports,
    [clock],
    ...['import { setTimeout } from "node:timers";\nsetTimeout(() => undefined, 1);'],
    ...['import { setTimeout as sleep } from "node:timers/promises";\nexport const x = sleep(1);'],
    ...['import timers from "timers";\nexport const x = timers;', 'export * from "node:timers/promises";'],
    ...['import { performance } from "node:perf_hooks";\nexport const x = performance;'],
    ...['import { randomBytes } from "node:crypto";\nexport const x = randomBytes;'],
    ...['import { randomUUID as id } from "crypto";\nexport const x = id;'],
    ...['import { createHash, randomInt } from "node:crypto";\nexport const x = [createHash, randomInt];'],
    ...['import { getRandomValues, webcrypto } from "node:crypto";\nexport const x = [getRandomValues, webcrypto];'],
    ...['import * as all from "node:crypto";\nexport const x = all;'],
    ...['import all from "node:crypto";\nexport const x = all;', 'export { randomFillSync } from "node:crypto";'],
  ),
  ...fixtures(
    imports,
    [udp],
    ...['import { createSocket } from "node:dgram";\nexport const x = createSocket;'],
    ...[
      'import dgram from "dgram";\nexport const x = dgram;',
      'import type { Socket } from "node:dgram";\nexport type X = Socket;',
    ],
  ),
  ...fixtures(
    syntax,
    [clock],
    'export const x = import("node:timers/promises");',
    'export const x = import("crypto");',
  ),
  ...fixtures(syntax, [udp], 'export const x = import("node:dgram");'),
  ...fixtures(
    imports,
    [notify],
    ...['import { spawn } from "node:child_process";\nexport const x = spawn;', 'import "node:cluster";'],
  ),
  ...fixtures(syntax, [notify], 'export const x = import("child_process");'),
  ...fixtures(globals, [ctlHttp], 'export const x = fetch("http://192.0.2.1/");', 'export const get = fetch;'),
  ...fixtures(
    globals,
    [],
    ...['export const x = new XMLHttpRequest();', 'export const x = new WebSocket("ws://192.0.2.1/");'],
    ...['export const x = new EventSource("http://192.0.2.1/");'],
    ...['export const x = globalThis;', 'export const { Date: D } = globalThis;', 'export const x = global;'],
    ...['export const x = self;'],
  ),
  ...fixtures(
    imports,
    [],
    ...['import { request } from "node:http";\nexport const x = request;', 'import "https";'],
    ...['import { connect } from "node:http2";\nexport const x = connect;'],
    ...['import { createRequire } from "node:module";\nexport const x = createRequire;', 'import "node:vm";'],
  ),
  ...fixtures(globals, mains, 'export const x = process.env;', 'process.exit(1);', 'console.log("hello");'),
  ...fixtures(
    imports,
    mains,
    ...[
      'import { env } from "node:process";\nexport const x = env;',
      'import log from "node:console";\nlog.log("hello");',
    ],
  ),
  ...fixtures(
    syntax,
    [],
    ...['throw new Error("no");', 'throw Error("no");', 'throw new TypeError("no");', 'throw new RangeError("no");'],
    ...[
      'export const x = Promise.reject(new Error("no"));',
      'declare const old: unknown;\nthrow old ?? new Error("no");',
    ],
    ...['export const x = new Promise((_, reject) => { reject(new Error("no")); });'],
    ...['export const x = (name: string) => import(name);', 'export const x = import("node:http");'],
    ...['export const x = import("node:https");', 'export const x = import("node:module");'],
  ),
];

const bannedInLifecycle: readonly Fixture[] = [
  ...fixtures(
    globals,
    [],
    ...['export const x = Buffer.from("00");', 'export const x = process.pid;', 'console.log("hello");'],
    ...['queueMicrotask(() => undefined);', 'export const x = structuredClone({});'],
  ),
  ...fixtures(types, [], 'export type X = Buffer;'),
  ...fixtures(
    imports,
    [],
    ...[
      'import { createHash } from "node:crypto";\nexport const x = createHash;',
      'import { isIP } from "net";\nexport const x = isIP;',
    ],
    ...[
      'import type { Stats } from "node:fs";\nexport type X = Stats;',
      'import { z } from "zod";\nexport const x = z;',
    ],
    ...['export * from "@fastify/swagger";'],
  ),
  ...fixtures(syntax, [], 'export const x = import("node:fs");', 'export const x = import("zod");'),
];

/** What every room may write. Each line is the honest neighbour of a ban. */
const clean = `
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
class Refused extends Error { readonly code = 'refused'; }
export function settle(reject: (reason: Refused) => void): never {
  queueMicrotask(() => { reject(new Refused()); });
  throw new Refused(String(Math.max(1, 2)));
}
export function report(thrown: unknown): Error { return thrown instanceof Error ? thrown : new Error(String(thrown)); }
export const use = [createHash, createHmac, timingSafeEqual, readFileSync, () => import('./other.js')];
`;
const cleanLifecycle = `
import { free } from './state.js';
class Refused extends Error { readonly code = 'refused'; }
export function decide(at: number, octets: Uint8Array): readonly number[] {
  if (octets.length === 0) throw new Refused(free);
  return [at, Math.min(...octets)];
}
`;

/** The bans need no types, and asking for them would need real files. */
const untyped = new ESLint({ cwd, overrideConfigFile, overrideConfig: [tseslint.configs.disableTypeChecked] });

async function lint(eslint: ESLint, code: string, filePath: string): Promise<string[]> {
  const [result] = await eslint.lintText(code, { filePath });
  if (result === undefined) throw new Error(`${filePath} is ignored`);
  return result.messages
    .filter((message) => message.severity === 2)
    .map((message) => message.ruleId ?? `fault: ${message.message}`);
}

/** The rules that bite, each once, without those that say the fixture is unused or undeclared. */
async function bites(code: string, filePath: string): Promise<string[]> {
  const about = new Set([globals, properties, imports, syntax, types]);
  const rules = await lint(untyped, code, filePath);
  return [...new Set(rules)].filter((rule) => about.has(rule) || rule.startsWith('fault')).sort();
}

t.test('a ban bites everywhere but in its own file', async (t) => {
  for (const { code, rule, allowedIn } of banned) {
    const wrong: string[] = [];
    for (const place of places) {
      const found = await bites(code, place);
      const wanted = allowedIn.includes(place) ? [] : [rule];
      if (found.join() !== wanted.join()) wrong.push(`${place}: ${found.join(', ') || 'nothing'}`);
    }
    t.strictSame(wrong, [], `${rule} meets ${code.split('\n')[0] ?? ''}`);
  }
});

t.test('the lifecycle has bans of its own', async (t) => {
  for (const { code, rule } of bannedInLifecycle) {
    t.strictSame(await bites(code, lifecycle), [rule], `${rule} meets ${code.split('\n')[0] ?? ''}`);
  }
});

t.test('the honest neighbours of the bans are free', async (t) => {
  for (const place of places) {
    const code = place === lifecycle ? cleanLifecycle : clean;
    t.strictSame(await bites(code, place), [], place);
  }
  t.strictSame(await bites('import { createSocket } from "node:dgram"; createSocket("udp4");', udp), []);
  t.strictSame(await bites('export const t = setTimeout(() => undefined, Date.now() * Math.random());', clock), []);
});

t.test('no ban is without a fixture', async (t) => {
  const rules = (await untyped.calculateConfigForFile(lifecycle)).rules;
  const codes = (rule: string): string[] =>
    [...banned, ...bannedInLifecycle].filter((fixture) => fixture.rule === rule).map((fixture) => fixture.code);
  const named = (rule: string, name: string): boolean =>
    codes(rule).some((code) => new RegExp(`\\b${name}\\b`).test(code));
  for (const { name } of rules[globals][1].globals) t.ok(named(globals, name), `global ${name}`);
  for (const { object, property } of rules[properties].slice(1)) {
    t.ok(named(properties, object) && named(properties, property), `${object}.${property}`);
  }
  for (const name of Object.keys(rules[types][1].types)) t.ok(named(types, name), `type ${name}`);
  for (const { regex } of rules[imports][1].patterns) {
    const specifiers = codes(imports).flatMap((code) =>
      [...code.matchAll(/"([^"]+)"/g)].map((match) => match[1] ?? ''),
    );
    t.ok(
      specifiers.some((specifier) => new RegExp(regex as string).test(specifier)),
      `module ${regex}`,
    );
  }
});

// With types: the default project stands in for the files that do not exist.
const somewhere = 'src/daemon/lint-fixture.ts';
const inLifecycle = 'src/daemon/lifecycle/lint-fixture.ts';
const inTests = 'test/lint-fixture.test.ts';
const typed = new ESLint({
  cwd,
  overrideConfigFile,
  overrideConfig: [
    {
      files: ['**/*.ts'],
      languageOptions: {
        parserOptions: {
          projectService: { allowDefaultProject: [somewhere, inLifecycle, inTests], defaultProject: 'tsconfig.json' },
        },
      },
    },
  ],
});

const state = `type State = 'pending' | 'active';\nexport function step(state: State): number {\n  switch (state) {`;
const typedFixtures: readonly (readonly [rule: string, place: string, code: string])[] = [
  ['no-floating-promises', somewhere, 'export function f(p: () => Promise<void>): void { p(); }'],
  ['no-floating-promises', inTests, 'export function f(p: () => Promise<void>): void { p(); }'],
  [
    'no-misused-promises',
    somewhere,
    'export const f = (xs: number[]): void => { xs.forEach(async () => g()); };\ndeclare function g(): Promise<void>;',
  ],
  ['await-thenable', somewhere, 'export async function f(): Promise<number> { return await 1; }'],
  [
    'return-await',
    somewhere,
    'export async function f(g: () => Promise<number>): Promise<number> { try { return g(); } catch { return 0; } }',
  ],
  ['only-throw-error', somewhere, 'export function f(): void { throw "no"; }'],
  [
    'use-unknown-in-catch-callback-variable',
    somewhere,
    'export const f = (p: Promise<void>): Promise<void> => p.catch((e: Error) => { g(e); });\ndeclare function g(e: Error): void;',
  ],
  ['switch-exhaustiveness-check', somewhere, `${state} case 'active': return 1; }\n  return 0;\n}`],
  ['switch-exhaustiveness-check', inLifecycle, `${state} case 'active': return 1; default: return 0; }\n}`],
  ['consistent-type-imports', somewhere, 'import { ESLint } from "eslint";\nexport type X = ESLint;'],
  ['consistent-type-exports', somewhere, 'import type { ESLint } from "eslint";\nexport { ESLint };'],
  ['no-import-type-side-effects', somewhere, 'import { type ESLint } from "eslint";\nexport type X = ESLint;'],
  ['no-explicit-any', somewhere, 'export function f(x: any): void { g(x); }\ndeclare function g(x: unknown): void;'],
  ['no-unsafe-member-access', somewhere, 'export const x: unknown = JSON.parse("{}").x;'],
  ['no-unnecessary-condition', somewhere, 'export function f(x: string[]): number { return x ? 1 : 0; }'],
  [
    'no-deprecated',
    somewhere,
    '/** @deprecated gone */\nfunction old(): number { return 1; }\nexport const x = old();',
  ],
  ['no-unused-vars', somewhere, 'const x = 1;\nexport {};'],
  ['restrict-template-expressions', somewhere, 'export const f = (x: object): string => `${x}`;'],
  ['ban-ts-comment', somewhere, '// @ts-ignore\nexport const x: number = "1";'],
];

t.test('the rules that need types bite', async (t) => {
  for (const [rule, place, code] of typedFixtures) {
    const found = await lint(typed, code, place);
    t.ok(found.includes(`@typescript-eslint/${rule}`), `${rule} in ${place}`, { found });
    t.notOk(
      found.find((name) => name.startsWith('fault')),
      'the fixture parses',
    );
  }
});

t.test('the rules that need types let sound code pass', async (t) => {
  const sound = `${state} case 'active': return 1; default: return 0; }\n}
export async function wait(g: () => Promise<number>): Promise<number> {
  try { return await g(); } catch { return 0; }
}
`;
  const exhaustive = `${state} case 'active': return 1; case 'pending': return 0; }\n}\n`;
  const subtests = `import t from 'tap';\nt.test('one', async (t) => { t.ok(JSON.parse('{}').x); });\n`;
  t.strictSame(await lint(typed, sound, somewhere), []);
  t.strictSame(await lint(typed, exhaustive, inLifecycle), []);
  t.strictSame(await lint(typed, subtests, inTests), []);
});

t.test('a comment cannot switch a rule off in src', async (t) => {
  const next = '// eslint-disable-next-line no-restricted-globals\nexport const x = Date.now();';
  t.match(await bites(next, 'src/daemon/pipeline.ts'), [globals]);
  const file = '/* eslint-disable */\nexport const x = Date.now();';
  t.match(await bites(file, lifecycle), [globals]);
});
