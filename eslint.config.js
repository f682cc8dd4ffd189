// @ts-check
import js from '@eslint/js';
import tseslint from 'typescript-eslint';

/**
 * A ban keeps something out of `src` except in the files named by `allowedIn`. Time, chance and I/O are injected, so
 * that whole worlds can be simulated from a seed; one forgotten `Date.now()` would end that silently.
 * `test/lint.test.ts` proves for every entry that it bites, and that it lets its own files alone.
 *
 * @typedef {object} Ban
 * @property {string} instead what to use instead; becomes the message
 * @property {string[]} allowedIn files under src where it is at home
 * @property {string[]} [globals] global variables
 * @property {string[]} [types] names of types
 * @property {[object: string, property: string][]} [properties] members of globals
 * @property {string[]} [modules] modules, without the `node:` prefix; their sub-paths are meant too
 * @property {{ module: string, names: string }[]} [imports] exports of a module, the names as a regular expression
 * @property {string[]} [syntax] esquery selectors
 */

const bareError =
  ':matches(NewExpression, CallExpression)[callee.name=/^(Aggregate|Eval|Range|Reference|Syntax|Type|URI)?Error$/]';
const failing = [
  'ThrowStatement',
  'ThrowStatement > ConditionalExpression',
  'ThrowStatement > LogicalExpression',
  'CallExpression[callee.name="reject"]',
  'CallExpression[callee.property.name="reject"]',
].join(', ');

/** @type {Ban[]} */
const bans = [
  {
    instead: 'Time is injected: use Clock.',
    allowedIn: ['src/daemon/clock.ts'],
    globals: ['Date', 'performance'],
    types: ['Date'],
    modules: ['perf_hooks'],
  },
  {
    instead: 'Timers are injected: use Timers, or Turn.defer for the next turn of the event loop.',
    allowedIn: ['src/daemon/clock.ts'],
    globals: ['setTimeout', 'setInterval', 'setImmediate', 'clearTimeout', 'clearInterval', 'clearImmediate'],
    modules: ['timers'],
  },
  {
    instead: 'Timers are injected. Only a client that waits for a network may have this one.',
    allowedIn: ['src/daemon/clock.ts', 'src/daemon/ctl/http.ts'],
    properties: [['AbortSignal', 'timeout']],
  },
  {
    instead: 'Chance is injected: use Random.',
    allowedIn: ['src/daemon/clock.ts'],
    globals: ['crypto', 'Crypto'],
    properties: [['Math', 'random']],
    imports: [{ module: 'crypto', names: '^(random|generate|getRandom|webcrypto$|subtle$|default$)' }],
  },
  {
    instead: 'Sockets are injected: use UdpSocket.',
    allowedIn: ['src/protocols/udp.ts'],
    modules: ['dgram'],
  },
  {
    instead: 'addrd runs no programs but systemd-notify: use Notifier.',
    allowedIn: ['src/daemon/systemd-notify.ts'],
    modules: ['child_process', 'cluster'],
  },
  {
    instead: 'HTTP is injected: use HttpClient.',
    allowedIn: ['src/daemon/ctl/http.ts'],
    globals: ['fetch'],
  },
  {
    instead: 'HTTP is injected: use HttpClient; the server is Fastify.',
    allowedIn: [],
    globals: ['XMLHttpRequest', 'WebSocket', 'EventSource'],
    modules: ['http', 'https', 'http2'],
  },
  {
    instead: 'Arguments, environment and signals enter through main.ts.',
    allowedIn: ['src/daemon/main.ts', 'src/daemon/ctl/main.ts'],
    globals: ['process'],
    modules: ['process'],
  },
  {
    instead: 'Log through the injected logger.',
    allowedIn: ['src/daemon/main.ts', 'src/daemon/ctl/main.ts'],
    globals: ['console'],
    modules: ['console'],
  },
  {
    instead: 'Fail with a class of its own that extends Error and has a `code`: metric label, log field, docs row.',
    allowedIn: [],
    syntax: [`:matches(${failing}) > ${bareError}`],
  },
  {
    instead: 'It would go around the other bans: name the thing itself.',
    allowedIn: [],
    globals: ['globalThis', 'global', 'self'],
    modules: ['module', 'vm'],
    syntax: ['ImportExpression[source.type!="Literal"]'],
  },
];

/** What is banned in the lifecycle on top: it is pure and imports only itself. @type {Ban} */
const lifecycleBan = {
  instead: 'The lifecycle is pure: no Node, no packages, bytes are Uint8Array.',
  allowedIn: [],
  globals: ['Buffer', 'process', 'console', 'queueMicrotask', 'structuredClone'],
  types: ['Buffer'],
  modules: ['[^.].*'],
};

/**
 * The rules that enforce some bans. Two bans must never be split over two config objects for the same file: a later
 * object replaces the options of a rule, it does not add to them.
 *
 * @param {Ban[]} active
 * @returns {import('eslint').Linter.RulesRecord}
 */
function enforce(active) {
  const globals = new Map(active.flatMap((ban) => (ban.globals ?? []).map((name) => [name, ban.instead])));
  const types = active.flatMap((ban) => (ban.types ?? []).map((name) => [name, ban.instead]));
  const properties = active.flatMap((ban) =>
    (ban.properties ?? []).map(([object, property]) => ({ object, property, message: ban.instead })),
  );
  const modules = active.flatMap((ban) => (ban.modules ?? []).map((name) => [name, ban.instead]));
  return {
    'no-restricted-globals': [
      'error',
      { globals: [...globals].map(([name, message]) => ({ name, message })), checkGlobalObject: true },
    ],
    // Without options a rule would keep those of an earlier config object.
    'no-restricted-properties': properties.length === 0 ? 'off' : ['error', ...properties],
    '@typescript-eslint/no-restricted-types': ['error', { types: Object.fromEntries(types) }],
    'no-restricted-imports': [
      'error',
      {
        patterns: [
          ...modules.map(([name, message]) => ({ regex: `^(node:)?${name}(/|$)`, message })),
          ...active.flatMap((ban) =>
            (ban.imports ?? []).map(({ module, names }) => ({
              regex: `^(node:)?${module}$`,
              importNamePattern: names,
              message: ban.instead,
            })),
          ),
        ],
      },
    ],
    'no-restricted-syntax': [
      'error',
      ...modules.map(([name, message]) => ({
        selector: `ImportExpression > Literal[value=/^(node:)?${name}(\\u002F|$)/]`,
        message,
      })),
      ...active.flatMap((ban) => [
        ...(ban.imports ?? []).map(({ module }) => ({
          selector: `ImportExpression > Literal[value=/^(node:)?${module}$/]`,
          message: ban.instead,
        })),
        ...(ban.syntax ?? []).map((selector) => ({ selector, message: ban.instead })),
      ]),
    ],
  };
}

export default tseslint.config(
  { ignores: ['dist/', 'var/', 'coverage/', '.tap/', 'test/fixtures/', 'test/vectors/'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      eqeqeq: 'error',
      'no-eval': 'error',
      'no-new-func': 'error',
      '@typescript-eslint/consistent-type-exports': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      // `import { type X }` still loads the module at run time; `import type { X }` does not.
      '@typescript-eslint/no-import-type-side-effects': 'error',
      '@typescript-eslint/no-deprecated': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/return-await': ['error', 'error-handling-correctness-only'],
      '@typescript-eslint/use-unknown-in-catch-callback-variable': 'error',
      // An async function without an await is the plain way to turn a throw into a rejection.
      '@typescript-eslint/require-await': 'off',
    },
  },
  {
    files: ['src/**/*.ts'],
    // An exception to a rule in src is a line in this file, with its reason, and not a comment in the code.
    linterOptions: { noInlineConfig: true },
    rules: {
      '@typescript-eslint/no-unnecessary-condition': [
        'error',
        { allowConstantLoopConditions: 'only-allowed-literals' },
      ],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      ...enforce(bans),
    },
  },
  ...[...new Set(bans.flatMap((ban) => ban.allowedIn))].map((file) => ({
    files: [file],
    rules: enforce(bans.filter((ban) => !ban.allowedIn.includes(file))),
  })),
  {
    files: ['src/daemon/lifecycle/**/*.ts'],
    rules: {
      // A new state or event must be met by name in every switch: a `default` is no answer here.
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: false }],
      ...enforce([...bans, lifecycleBan]),
    },
  },
  {
    files: ['test/**/*.ts'],
    rules: {
      // tap's own subtests are awaited by their parent.
      '@typescript-eslint/no-floating-promises': [
        'error',
        { allowForKnownSafePromises: [{ from: 'package', name: 'PromiseWithSubtest', package: '@tapjs/core' }] },
      ],
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: false }],
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/unbound-method': 'off',
    },
  },
  {
    files: ['**/*.js', '**/*.mjs'],
    languageOptions: { globals: { console: 'readonly', process: 'readonly', URL: 'readonly' } },
  },
);
