/** docs/errors.md has a row for each code of the types that it names, and for no other. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import ts from 'typescript';

const ROOT = new URL('../../', import.meta.url);

/** The string literals of a type alias that is a union of them, as the compiler sees it. */
function membersOf(program: ts.Program, file: string, name: string): string[] {
  const source = program.getSourceFile(fileURLToPath(new URL(file, ROOT)));
  const alias = source?.statements.find((one) => ts.isTypeAliasDeclaration(one) && one.name.text === name);
  if (alias === undefined || !ts.isTypeAliasDeclaration(alias)) return [];
  const type = program.getTypeChecker().getTypeAtLocation(alias);
  const members = type.isUnion() ? type.types : [type];
  return members.map((member) => (member.isStringLiteral() ? member.value : 'not a literal')).sort();
}

interface Listing {
  readonly file: string;
  readonly type: string;
  readonly codes: string[];
}

/** The tables of a document that say which type they list: the code in the first cell of each row. */
function listings(markdown: string): Listing[] {
  return markdown
    .split('<!-- codes: ')
    .slice(1)
    .map((part) => {
      const [, file = '', type = ''] = /^(\S+) (\S+) -->/.exec(part) ?? [];
      const table = /(?:^\|.*\n?)+/m.exec(part)?.[0] ?? '';
      const codes = [...table.matchAll(/^\| `([^`]+)` +\| \S.*\| \S.*\|$/gm)].map(([, code = '']) => code);
      return { file, type, codes: codes.sort() };
    });
}

const markdown = readFileSync(new URL('docs/errors.md', ROOT), 'utf8');
const listed = listings(markdown);

/** The types that must be listed: codes that leave the process. */
const WANTED = [
  'src/daemon/log.ts DaemonLogCode',
  'src/store/errors.ts StoreErrorCode',
  'src/store/backup.ts BackupErrorCode',
  'src/store/errors.ts Trouble',
  'src/daemon/pipeline.ts UnsettledCode',
  'src/protocols/radius/server.ts AccountingRejectCode',
  'src/protocols/radius/client.ts DynAuthRejectCode',
  'src/protocols/radius/errors.ts EncodeErrorCode',
  'src/protocols/radius/decoded-attributes.ts AttributeOddity',
  'src/protocols/radius/dictionary-fault.ts DictionaryFaultCode',
  'src/daemon/config-warning.ts ConfigWarningCode',
  'src/daemon/reload.ts ReloadResult',
  'src/daemon/log.ts ThreadCode',
  'src/daemon/log.ts ApiThreadCode',
  'src/daemon/log.ts WalCode',
  'src/daemon/activation.ts ActivationErrorCode',
];

t.same(
  listed.map(({ file, type }) => `${file} ${type}`),
  WANTED,
  'the document lists every type',
);

const program = ts.createProgram(
  listed.map(({ file }) => fileURLToPath(new URL(file, ROOT))),
  { module: ts.ModuleKind.NodeNext, strict: true, noEmit: true, types: ['node'] },
);

for (const { file, type, codes } of listed) {
  const members = membersOf(program, file, type);
  t.ok(members.length > 1, `${type} was found`);
  t.same(codes, members, `${type}: a row for each, and no other`);
}

t.test('docs/alarms.md has a row for each cause', (t) => {
  const file = 'src/daemon/lifecycle/brake.ts';
  const [alarms] = listings(readFileSync(new URL('docs/alarms.md', ROOT), 'utf8'));
  t.match(alarms, { file, type: 'AlarmCause' });
  const members = membersOf(
    ts.createProgram([fileURLToPath(new URL(file, ROOT))], { strict: true, noEmit: true }),
    file,
    'AlarmCause',
  );
  t.ok(members.length > 10);
  t.same(alarms?.codes, members);
  t.end();
});

t.test('docs/journal.md has a row for each kind, and each is written', (t) => {
  const file = 'src/daemon/lifecycle/journal-kind.ts';
  const [kinds] = listings(readFileSync(new URL('docs/journal.md', ROOT), 'utf8'));
  t.match(kinds, { file, type: 'JournalKind' });
  const members = membersOf(
    ts.createProgram([fileURLToPath(new URL(file, ROOT))], { strict: true, noEmit: true }),
    file,
    'JournalKind',
  );
  t.ok(members.length > 10);
  t.same(kinds?.codes, members);
  const folder = new URL('src/daemon/lifecycle/', ROOT);
  const text = readdirSync(folder)
    .filter((name) => name !== 'journal-kind.ts')
    .map((name) => readFileSync(new URL(name, folder), 'utf8'))
    .join('\n');
  for (const kind of members) {
    // Two are put together of a word and a status.
    const status = /^(?:effect|batch)-(done|superseded|would-have|approved|rejected)$/.exec(kind)?.[1];
    t.ok(text.includes(`'${status ?? kind}'`), `${kind} is written`);
  }
  t.end();
});

t.test('the comparison can fail', (t) => {
  const queue = 'src/daemon/pipeline.ts UnsettledCode';
  const without = markdown.replace(/^\| `queue-full`.*\n/m, '');
  const doubled = markdown.replace(/^(\| `queue-full`.*\n)/m, '$1$1');
  const blank = markdown.replace(/^(\| `queue-full` +\|).*\|$/m, '$1 | |');
  const own = (text: string): string[] | undefined =>
    listings(text).find(({ file, type }) => `${file} ${type}` === queue)?.codes;
  const members = membersOf(program, 'src/daemon/pipeline.ts', 'UnsettledCode');
  t.same(own(markdown), members);
  for (const text of [without, doubled, blank]) {
    t.not(text, markdown);
    t.notSame(own(text), members);
  }
  t.same(membersOf(program, 'src/daemon/pipeline.ts', 'NoSuchCode'), []);
  t.end();
});

t.test('each code of the log is written somewhere, and every line has one', (t) => {
  const folder = new URL('src/daemon/', ROOT);
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  const sources = names
    .filter((name) => !name.startsWith('ctl/') && name !== 'log.ts')
    .map((name) => readFileSync(new URL(name, folder), 'utf8'));
  const text = sources.join('\n');
  for (const code of membersOf(program, 'src/daemon/log.ts', 'DaemonLogCode')) {
    const written = new RegExp(`(code: '${code}'|(quiet\\.(warn|error)|die)\\(\\s*'${code}')`);
    t.match(text, written, `${code} is written`);
  }
  const lines = [...text.matchAll(/\blog(?:ger\?)?\.(?:debug|info|warn|error|fatal)\(\s*(\S+ \S+)/g)].map(
    ([, said]) => said,
  );
  t.ok(lines.length > 10);
  for (const said of lines) t.match(said, /^\{ code[:,]|^\{\s+code[:,]/, `a code comes first: ${said ?? ''}`);
  t.end();
});
