/**
 * Reads the imports of the sources and holds them against the house rules. Everything here is a function over a map of
 * path to text, so that a test can show each rule a house that breaks it.
 */
import { isBuiltin } from 'node:module';
import { posix } from 'node:path';
import ts from 'typescript';

/** Path from the root of the project (`src/store/commit.ts`) to the text of the file. */
export type Sources = ReadonlyMap<string, string>;

export interface Broken {
  readonly rule: string;
  /** The file that breaks the rule, with the line where one can be named. */
  readonly at: string;
  readonly what: string;
}

type Target =
  | { readonly kind: 'ours'; readonly path: string }
  | { readonly kind: 'npm' | 'node'; readonly name: string }
  | { readonly kind: 'computed' }
  | { readonly kind: 'missing' };

export interface Import {
  readonly from: string;
  readonly line: number;
  readonly specifier: string;
  /** Erased by the compiler. `import { type X }` is not: it still loads the module. */
  readonly typeOnly: boolean;
  readonly target: Target;
}

/** Files by pattern: `*` stays within a name, `**` crosses folders. */
type Files = readonly string[];

/** What a room may import. Whatever is absent is forbidden. */
export interface Room {
  readonly room: string;
  readonly files: Files;
  readonly ours: Files;
  /** May be imported with `import type` only. */
  readonly oursAsTypes?: Files;
  /** Taken out of `ours` again. */
  readonly never?: Files;
  readonly node: boolean;
  /** Names of packages by pattern. */
  readonly npm: readonly string[];
}

/** The most particular room comes first: a file belongs to the first that names it. */
export const rooms: readonly Room[] = [
  {
    room: 'protocols speak, and have never heard of addrd',
    files: ['src/protocols/**'],
    ours: ['src/protocols/**'],
    node: true,
    npm: [],
  },
  {
    room: 'the lifecycle is pure',
    files: ['src/daemon/lifecycle/**'],
    ours: ['src/daemon/lifecycle/**'],
    node: false,
    npm: [],
  },
  {
    room: 'the store remembers; decide reaches it as an argument',
    files: ['src/store/**'],
    ours: [
      'src/store/**',
      'src/daemon/lifecycle/address.ts',
      'src/daemon/lifecycle/state.ts',
      'src/daemon/lifecycle/records.ts',
      'src/daemon/lifecycle/keys.ts',
      'src/daemon/lifecycle/nas-records.ts',
      'src/daemon/lifecycle/meta-key.ts',
      'src/daemon/lifecycle/task.ts',
      'src/daemon/lifecycle/hold.ts',
      'src/daemon/lifecycle/ranges.ts',
      'src/daemon/lifecycle/brake.ts',
    ],
    oursAsTypes: ['src/daemon/lifecycle/world.ts'],
    node: true,
    npm: ['better-sqlite3'],
  },
  {
    room: 'ingest maps protocol messages to lifecycle events, and does nothing else',
    files: ['src/daemon/ingest/**'],
    ours: ['src/daemon/ingest/**', 'src/protocols/**', 'src/daemon/lifecycle/**'],
    node: false,
    npm: [],
  },
  {
    room: 'effects perform only',
    files: ['src/daemon/effects/**', 'src/daemon/outbox/effects/**'],
    ours: ['src/**'],
    never: ['src/store/**', 'src/daemon/api/**', 'src/daemon/ctl/**'],
    node: true,
    npm: ['*', '@*/*'],
  },
  {
    room: 'the api reads through read models and writes through the command port',
    files: ['src/daemon/api/**'],
    ours: [
      'src/daemon/api/**',
      'src/daemon/lifecycle/**',
      'src/daemon/command.ts',
      'src/daemon/address-text.ts',
      'src/daemon/errors.ts',
      'src/daemon/metrics.ts',
      'src/daemon/log.ts',
      'src/store/reads*.ts',
      'src/store/reads/**',
    ],
    node: true,
    npm: ['*', '@*/*'],
  },
  {
    room: 'addrdctl is a client of the api',
    files: ['src/daemon/ctl/**'],
    ours: ['src/daemon/ctl/**', 'src/daemon/address-text.ts'],
    oursAsTypes: ['src/daemon/api/**'],
    node: true,
    npm: ['*', '@*/*'],
  },
  {
    room: 'the pipeline knows events, not packets',
    files: ['src/daemon/pipeline.ts', 'src/daemon/pipeline/**'],
    ours: ['src/**'],
    never: ['src/protocols/**'],
    node: true,
    npm: ['*', '@*/*'],
  },
  {
    room: 'a worker thread never writes: it reads, checkpoints, or asks the main thread',
    files: ['src/daemon/threads/*-worker.ts'],
    ours: [
      'src/daemon/threads/**',
      'src/daemon/api/**',
      'src/daemon/command.ts',
      'src/daemon/clock.ts',
      'src/daemon/config*.ts',
      'src/store/open.ts',
      'src/store/reads.ts',
      'src/store/checkpoint.ts',
      'src/store/inspection.ts',
    ],
    never: ['src/daemon/threads/*-thread.ts'],
    node: true,
    npm: ['fastify'],
  },
  {
    room: 'the rest of the daemon wires and acts',
    files: ['src/daemon/**'],
    ours: ['src/**'],
    node: true,
    npm: ['*', '@*/*'],
  },
];

/** What has one home only. `import type` counts: a type ties as well. */
export const homes: readonly { readonly what: Files; readonly only: Files }[] = [
  { what: ['dgram'], only: ['src/protocols/udp.ts'] },
  { what: ['child_process', 'cluster'], only: ['src/daemon/systemd-notify.ts'] },
  { what: ['better-sqlite3'], only: ['src/store/**'] },
  { what: ['fastify', '@fastify/*', 'fastify-*'], only: ['src/daemon/api/**', 'src/daemon/threads/api-worker.ts'] },
  { what: ['worker_threads'], only: ['src/daemon/threads/**'] },
  { what: ['src/daemon/threads/api-worker.ts'], only: ['src/daemon/threads/api-thread.ts'] },
  { what: ['src/daemon/threads/config-worker.ts'], only: ['src/daemon/threads/config-thread.ts'] },
  { what: ['src/daemon/threads/checkpoint-worker.ts'], only: ['src/daemon/threads/checkpoint-thread.ts'] },
  { what: ['src/daemon/threads/inspection-worker.ts'], only: ['src/daemon/threads/inspection-thread.ts'] },
  { what: ['commander'], only: ['src/daemon/ctl/**', 'src/daemon/main.ts'] },
  { what: ['src/daemon/build.ts'], only: ['src/daemon/main.ts'] },
  { what: ['src/daemon/core.ts'], only: ['src/daemon/build.ts'] },
  { what: ['src/daemon/main.ts', 'src/daemon/ctl/main.ts'], only: [] },
];

/** Words that name no thing. `index` alone is a barrel; `host-index` is a thing. */
const vagueNames = /^index$|(^|-)(utils?|helpers?|common|managers?)(-|$)/;
const longestFile = 400;

const topLevel: Files = [
  ...['src', 'config', 'systemd', 'test', 'docs', 'package.json', 'package-lock.json', 'tsconfig.json'],
  ...['README.md', 'CHANGELOG.md', 'LICENSE', 'eslint.config.js', '.*'],
];
const inSrc: Files = ['daemon', 'protocols', 'store', 'tsconfig.json'];

/** Every way to name another module: import, export from, import(), require(), import('x').T and a worker's URL. */
export function importsOf(path: string, text: string, exists: (path: string) => boolean): Import[] {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true, ts.ScriptKind.TS);
  const found: Import[] = [];
  const add = (node: ts.Node, specifier: ts.Node | undefined, typeOnly: boolean): void => {
    const literal = specifier !== undefined && ts.isStringLiteralLike(specifier) ? specifier.text : undefined;
    found.push({
      from: path,
      line: source.getLineAndCharacterOfPosition(node.getStart()).line + 1,
      specifier: literal ?? '(computed)',
      typeOnly,
      target: literal === undefined ? { kind: 'computed' } : targetOf(path, literal, exists),
    });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node))
      add(node, node.moduleSpecifier, node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword);
    else if (ts.isExportDeclaration(node) && node.moduleSpecifier) add(node, node.moduleSpecifier, node.isTypeOnly);
    else if (ts.isExternalModuleReference(node)) add(node, node.expression, false);
    else if (ts.isImportTypeNode(node)) {
      add(node, ts.isLiteralTypeNode(node.argument) ? node.argument.literal : undefined, true);
    } else if (ts.isCallExpression(node)) {
      const callee = node.expression;
      const loads =
        callee.kind === ts.SyntaxKind.ImportKeyword || (ts.isIdentifier(callee) && callee.text === 'require');
      if (loads) add(node, node.arguments[0], false);
    } else if (ts.isNewExpression(node) && isModuleUrl(node)) add(node, node.arguments?.[0], false);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

/** `new URL('./worker.js', import.meta.url)`: how a worker thread is named. Other files (SQL, HTML) are data. */
function isModuleUrl(node: ts.NewExpression): boolean {
  const [specifier, base] = node.arguments ?? [];
  return (
    ts.isIdentifier(node.expression) &&
    node.expression.text === 'URL' &&
    specifier !== undefined &&
    ts.isStringLiteralLike(specifier) &&
    /\.[jt]s$/.test(specifier.text) &&
    base?.getText() === 'import.meta.url'
  );
}

function targetOf(from: string, specifier: string, exists: (path: string) => boolean): Target {
  if (!specifier.startsWith('.')) {
    if (isBuiltin(specifier)) return { kind: 'node', name: specifier.replace(/^node:/, '') };
    const segments = specifier.split('/');
    return { kind: 'npm', name: segments.slice(0, specifier.startsWith('@') ? 2 : 1).join('/') };
  }
  const path = posix.join(posix.dirname(from), specifier).replace(/\.js$/, '.ts');
  return exists(path) ? { kind: 'ours', path } : { kind: 'missing' };
}

function matches(patterns: Files, path: string): boolean {
  return patterns.some((pattern) => {
    const expression = pattern
      .replace(/[.+?^${}()|[\]\\]/g, '\\$&')
      .replace(/\*\*|\*/g, (stars) => (stars === '**' ? '.*' : '[^/]*'));
    return new RegExp(`^${expression}$`).test(path);
  });
}

/** Every rule that the sources break. */
export function broken(sources: Sources): Broken[] {
  const imports = [...sources].flatMap(([path, text]) => importsOf(path, text, (other) => sources.has(other)));
  return [
    ...imports.flatMap((one) => brokenByImport(one)),
    ...cycles(imports),
    ...[...sources].flatMap(([path, text]) => brokenByFile(path, text)),
  ];
}

function brokenByImport(one: Import): Broken[] {
  const at = `${one.from}:${one.line}`;
  const { target } = one;
  if (target.kind === 'computed') return [{ rule: 'imports are literal', at, what: one.specifier }];
  if (target.kind === 'missing') return [{ rule: 'src imports files of src', at, what: one.specifier }];
  const name = target.kind === 'ours' ? target.path : target.name;
  const found: Broken[] = [];
  const room = rooms.find(({ files }) => matches(files, one.from));
  if (room === undefined) found.push({ rule: 'every file is in a room', at, what: one.from });
  else if (!mayImport(room, one, target)) found.push({ rule: room.room, at, what: name });
  for (const { what, only } of homes) {
    // A path of Node or of a package (`dns/promises`) belongs to its module.
    if (!matches(what, name) && !matches(what, name.split('/')[0] ?? name)) continue;
    if (!matches(only, one.from)) found.push({ rule: homeRule(what, only), at, what: name });
  }
  return found;
}

function mayImport(room: Room, one: Import, target: Target): boolean {
  switch (target.kind) {
    case 'ours':
      if (matches(room.never ?? [], target.path)) return false;
      return matches(room.ours, target.path) || (one.typeOnly && matches(room.oursAsTypes ?? [], target.path));
    case 'npm':
      return matches(room.npm, target.name);
    case 'node':
      return room.node;
    case 'computed':
    case 'missing':
      return false;
  }
}

export function homeRule(what: Files, only: Files): string {
  return `${what.join(', ')} only in ${only.join(', ') || 'no other file'}`;
}

/** Every import that leads back to a file on the way to it; `import type` counts. */
function cycles(imports: readonly Import[]): Broken[] {
  const next = new Map<string, Set<string>>();
  for (const { from, target } of imports) {
    if (target.kind === 'ours') next.set(from, (next.get(from) ?? new Set()).add(target.path));
  }
  const done = new Set<string>();
  const found: Broken[] = [];
  const walk = (file: string, trail: readonly string[]): void => {
    const start = trail.indexOf(file);
    if (start >= 0) {
      const circle = [...trail.slice(start), file];
      found.push({ rule: 'no import cycles', at: file, what: circle.join(' -> ') });
    } else if (!done.has(file)) {
      for (const other of next.get(file) ?? []) walk(other, [...trail, file]);
      done.add(file);
    }
  };
  for (const file of next.keys()) walk(file, []);
  return found;
}

function brokenByFile(path: string, text: string): Broken[] {
  const found: Broken[] = [];
  const vague = path.split('/').find((segment) => vagueNames.test(segment.replace(/\..*$/, '')));
  if (vague !== undefined) found.push({ rule: 'a file is named after its noun', at: path, what: vague });
  const lines = text.replace(/\n$/, '').split('\n').length;
  if (lines > longestFile) {
    found.push({ rule: `a file has at most ${longestFile} lines`, at: path, what: `${lines} lines` });
  }
  return found;
}

/** Entries that have no place in the root of the project or in `src`. */
export function strayEntries(root: readonly string[], src: readonly string[]): Broken[] {
  const rule = 'the top level is fixed';
  return [
    ...root.filter((name) => !matches(topLevel, name)).map((name) => ({ rule, at: name, what: name })),
    ...src.filter((name) => !matches(inSrc, name)).map((name) => ({ rule, at: `src/${name}`, what: name })),
  ];
}

/** Rooms and homes that fit no file any more: a rule about a renamed file would hold for ever. */
export function idleRules(sources: Sources): string[] {
  const paths = [...sources.keys()];
  const idle = (files: Files): boolean => !paths.some((path) => matches(files, path));
  return [
    ...rooms.filter(({ files }) => idle(files)).map(({ room }) => room),
    ...homes.filter(({ only }) => only.length > 0 && idle(only)).map(({ what, only }) => homeRule(what, only)),
  ];
}
