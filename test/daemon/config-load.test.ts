/** What a load costs: large files, aliases, overlaps of many pools, and one that is loaded again unchanged. */
import t from 'tap';
import fc from 'fast-check';
import { ConfigError, loadConfig, loadNext, parseConfig } from '../../src/daemon/config.js';
import { formatPrefix, overlaps } from '../../src/daemon/lifecycle/address.js';
import { readPrefix } from '../../src/daemon/address-text.js';

const octets = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Sources that count how often each thing is asked for. */
function counted(secret: () => string = () => 'a secret of a file') {
  const asked = new Map<string, number>();
  const count = (what: string): void => void asked.set(what, (asked.get(what) ?? 0) + 1);
  return {
    asked,
    readFile: (path: string): string => {
      count(`file ${path}`);
      return secret();
    },
    isOpenToOthers: (path: string): boolean => {
      count(`mode of ${path}`);
      return false;
    },
    env: (name: string): string => {
      count(`env ${name}`);
      return 'a secret of the environment';
    },
  };
}

function nases(count: number, coa: (n: number) => string): string {
  const entries = Array.from({ length: count }, (_, n) => {
    const address = `10.0.${String(n >> 8)}.${String(n & 255)}`;
    return `    - { name: n${String(n)}, address: ${address}, secret: a-long-secret-of-its-own, coa: ${coa(n)} }`;
  });
  return ['radius:', '  nas:', ...entries].join('\n');
}

function milliseconds(work: () => void): number {
  const begun = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(begun);
  return (user + system) / 1_000;
}

t.test('an alias costs no more than what it stands for', async (t) => {
  const none = counted();
  const plain = nases(1_500, () => '{ port: 1700 }');
  const aliased = nases(1_500, (n) => (n === 0 ? '&coa { port: 1700 }' : '*coa'));
  const first = milliseconds(() => loadConfig(octets(plain), none));
  const second = milliseconds(() => {
    const { config } = loadConfig(octets(aliased), none);
    t.equal(config.radius.nas.at(-1)?.coa?.port, 1700);
  });
  t.comment(`${first.toFixed(0)} ms plain, ${second.toFixed(0)} ms aliased`);
  t.ok(second < 3 * first + 200, 'not a walk of the document for each');
});

t.test('an alias stands for the last anchor before it', async (t) => {
  const yaml = nases(4, (n) => ['&c { port: 1 }', '*c', '&c { port: 2 }', '*c'][n] ?? '');
  const { config } = loadConfig(octets(yaml), counted());
  t.strictSame(
    config.radius.nas.map(({ coa }) => coa?.port),
    [1, 1, 2, 2],
  );
});

const PREFIX = fc
  .tuple(fc.integer({ min: 0, max: 15 }), fc.integer({ min: 4, max: 8 }))
  .map(([bits, length]) => `${String(((bits << 4) >> (8 - length)) << (8 - length))}.0.0.0/${String(length)}`);

t.test('a pool that overlaps another is told of, whatever the order of the file', async (t) => {
  const property = fc.property(fc.array(PREFIX, { minLength: 1, maxLength: 12 }), (prefixes) => {
    const lines = prefixes.map((prefix, n) => `  - { name: p${String(n)}, family: ipv4, prefix: ${prefix} }`);
    const read = prefixes.map((prefix) => {
      const reading = readPrefix(prefix);
      if (!('prefix' in reading)) throw new TypeError(prefix);
      return reading.prefix;
    });
    const told: string[] = [];
    try {
      parseConfig(['pools:', ...lines].join('\n'), counted());
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      told.push(...error.faults.map(({ path, message }) => `${path}: ${message}`));
    }
    const pairs = read.flatMap((one, i) =>
      read.slice(0, i).flatMap((other, j) => (overlaps(one, other) ? [{ one, i, other, j }] : [])),
    );
    const sentences = pairs.map(({ one, i, other, j }) => {
      const what = `${formatPrefix(one)} overlaps ${formatPrefix(other)} of pool p${String(j)} in VRF global`;
      return `pools[${String(i)}].prefix: ${what}`;
    });
    const isTrue = told.every((sentence) => sentences.includes(sentence));
    // Every pool that overlaps something is in one of the sentences, as the one that is told or the one it names.
    const involved = new Set(told.flatMap((line) => [/\[(\d+)\]/.exec(line)?.[1], /pool p(\d+)/.exec(line)?.[1]]));
    return isTrue && pairs.every(({ i, j }) => involved.has(String(i)) && involved.has(String(j)));
  });
  t.doesNotThrow(() => {
    fc.assert(property);
  });
});

t.test('thousands of pools are held against each other in time', async (t) => {
  const lines = Array.from({ length: 5_000 }, (_, n) => {
    const prefix = `10.${String(n >> 8)}.${String(n & 255)}.0/24`;
    return `  - { name: p${String(n)}, family: ipv4, prefix: ${prefix}, kind: static }`;
  });
  const all = milliseconds(() => loadConfig(octets(['pools:', ...lines].join('\n')), counted()));
  const half = milliseconds(() => loadConfig(octets(['pools:', ...lines.slice(0, 2_500)].join('\n')), counted()));
  t.comment(`${half.toFixed(0)} ms for 2,500, ${all.toFixed(0)} ms for 5,000`);
  t.ok(all < 3.2 * half + 100, 'twice as many take twice as long, not four times');
});

const SECRETS = `
radius:
  nas:
    - { name: a, address: 192.0.2.1, secret: { file: /a }, coa: { secret: { env: COA } } }
    - { name: b, address: 192.0.2.2, secret: { file: /a } }
`;

t.test('a load asks for each secret once, also where something is at fault', async (t) => {
  const once = { 'file /a': 1, 'mode of /a': 1, 'env COA': 1 };
  const sound = counted();
  loadConfig(octets(SECRETS), sound);
  t.strictSame(Object.fromEntries(sound.asked), once);
  const unsound = counted();
  t.throws(() => loadConfig(octets(`${SECRETS}mode: watch\n`), unsound), ConfigError);
  t.strictSame(Object.fromEntries(unsound.asked), once);
});

t.test('a file that is still the one in force is not parsed again', async (t) => {
  let secret = 'the first secret';
  const sources = counted(() => secret);
  const first = loadConfig(octets(SECRETS), sources).origin;
  t.equal(loadNext(octets(SECRETS), sources, first), null);
  t.strictSame(loadNext(octets(`${SECRETS}# a comment\n`), sources, first)?.changed, []);
  const moved = octets(SECRETS.replace('192.0.2.1', '192.0.2.3'));
  t.strictSame(loadNext(moved, sources, first)?.changed, ['radius.nas[a].address']);
  secret = 'another secret';
  const second = loadNext(octets(SECRETS), sources, first);
  if (second === null) throw new TypeError('taken for the same');
  t.equal(second.config.radius.nas[0]?.secret.revealText(), 'another secret', 'the file of a secret counts');
  t.strictSame(second.changed, ['radius.nas[a].secret', 'radius.nas[b].secret'], 'and what it said before is known');
  const { origin } = second;
  t.strictSame(
    loadNext(octets(SECRETS), { ...sources, env: () => 'new' }, origin)?.changed,
    ['radius.nas[a].coa.secret'],
    'and so does the environment',
  );
  t.not(loadNext(octets(SECRETS), { ...sources, isOpenToOthers: () => true }, origin), null, 'and the mode');
  const gone = {
    ...sources,
    readFile: (): string => {
      throw new TypeError('gone');
    },
  };
  t.throws(() => loadNext(octets(SECRETS), gone, origin), ConfigError, 'a file that has gone is a fault');
});
