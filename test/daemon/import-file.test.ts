/** Files of reservations as they come: every row with its line, whatever the pieces in which the file is read. */
import fc from 'fast-check';
import { Readable } from 'node:stream';
import t from 'tap';
import { fileRows, formatOf, type FileRow, type ImportFormat } from '../../src/daemon/import-file.js';
import { jsonElements } from '../../src/daemon/json-elements.js';

async function* pieces(text: string, size: number): AsyncGenerator<string> {
  for (let at = 0; at < text.length; at += size) yield text.slice(at, at + size);
}

async function elements(text: string, size = 7, longest = 10_000): Promise<{ line: number; text: string }[]> {
  const found: { line: number; text: string }[] = [];
  for await (const element of jsonElements(pieces(text, size), longest)) found.push(element);
  return found;
}

async function rows(text: string, format: ImportFormat, unused: string[] = []): Promise<FileRow[]> {
  const found: FileRow[] = [];
  const input = Readable.from([Buffer.from(text, 'utf8')]);
  for await (const row of fileRows(input, format, (column) => unused.push(column))) found.push(row);
  return found;
}

t.test('a JSON array is split where JSON.parse splits it', async (t) => {
  const seed = 20_261_123;
  t.comment(`seed ${String(seed)}`);
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.jsonValue()),
      fc.integer({ min: 0, max: 3 }),
      fc.integer({ min: 1, max: 40 }),
      async (values, indent, size) => {
        const text = JSON.stringify(values, null, indent);
        const found = await elements(text, size, Infinity);
        const same = JSON.stringify(found.map((one) => JSON.parse(one.text) as unknown)) === JSON.stringify(values);
        // The line of each is that of its first character.
        const lines = text.split('\n');
        return (
          same && found.every(({ line, text: own }) => (lines[line - 1] ?? '').includes(own.split('\n')[0] ?? own))
        );
      },
    ),
    { seed, numRuns: 300 },
  );
  t.pass('300 arrays');
});

t.test('what is no array says where it fails', async (t) => {
  t.strictSame(await elements(' \n[ ]\n'), []);
  t.strictSame(await elements('[1,\n\n{"a":"]\\",["}]'), [
    { line: 1, text: '1' },
    { line: 3, text: '{"a":"]\\",["}' },
  ]);
  for (const [text, line, why] of [
    ['{}', 1, /does not begin with \[/],
    ['\n\n', 3, /ends before/],
    ['[{"a":1}', 1, /ends before/],
    ['[{"a":"', 1, /ends before/],
    ['[1]\n[2]', 2, /behind the array/],
    [`[1,\n"${'x'.repeat(40)}"]`, 2, /longer than 20/],
  ] as const) {
    await t.rejects(elements(text, 3, 20), { code: 'not-an-array', line, message: why }, text);
  }
  // Their reader says that they are none.
  t.strictSame(
    (await elements('[1,]')).map(({ text }) => text),
    ['1', ''],
  );
  t.match(await rows('[1,]', 'json'), [
    { line: 1, fault: /not a JSON object/ },
    { line: 1, fault: /not JSON/ },
  ]);
});

t.test('CSV', async (t) => {
  const unused: string[] = [];
  const text =
    'Prefix, SUBSCRIBER ,status,username,mac,metadata,note\r\n' +
    '100.64.0.1,ann,Reserved,a\\b,,"{""a"":1}",x\r\n\r\n' +
    '100.64.0.2,"b,ob",assigned,,02:00:5e:10:01:01,oops,y\r\n' +
    '100.64.0.3,carol,assigned\r\n';
  const [ann, bob, ...others] = await rows(text, 'csv', unused);
  t.strictSame(ann, {
    line: 2,
    row: {
      subscriber_id: 'ann',
      address: '100.64.0.1',
      status: 'reserved',
      metadata: { a: 1 },
      identities: [{ type: 'username', value: 'a\\\\b' }],
    },
  });
  t.match(bob, {
    line: 4,
    row: { subscriber_id: 'b,ob', metadata: 'oops', identities: [{ type: 'mac', value: '02:00:5e:10:01:01' }] },
  });
  t.match(others, [{ line: 5, fault: /columns length is 7, got 3/ }]);
  const loose = `subscriber_id,address,status\n"ann,100.64.0.1,assigned\n${'bob,100.64.0.2,assigned\n'.repeat(3_000)}`;
  await t.rejects(rows(loose, 'csv'), { code: 'unfit-import', message: /Max Record Size/ }, 'not the rest of the file');
  const sound = 'subscriber_id,address,status\nann,100.64.0.1,assigned\nbob\n';
  for (const stray of ['ben,100.64.0.2,"assigned"x\n', 'ben,100.64.0.2,"assigned\n']) {
    const read: FileRow[] = [];
    const text = `${sound}${stray}carol,100.64.0.3,assigned\n`;
    const reading = async (): Promise<void> => {
      for await (const row of fileRows(Readable.from([Buffer.from(text)]), 'csv', () => undefined)) read.push(row);
    };
    await t.rejects(reading(), { code: 'unfit-import', message: /Quote/ }, 'no row behind it is guessed');
    t.match(read, [
      { line: 2, row: { subscriber_id: 'ann' } },
      { line: 3, fault: /got 1/ },
    ]);
    t.equal(read.length, 2);
  }
  t.strictSame(unused, ['note']);
  await t.rejects(rows('a,b\n1,2\n', 'csv'), { code: 'unfit-import', message: /no column subscriber_id/ });
  await t.rejects(rows('ip,address,subscriber,status\n', 'csv'), { message: /column address twice/ });
  t.strictSame(await rows('', 'csv'), []);
});

t.test('JSON Lines, and the names of files', async (t) => {
  const found = await rows(
    '\u{FEFF}{"subscriber":"ann","ip":"100.64.0.1","status":"assigned","vrf":null}\n\n7\n',
    'jsonl',
  );
  t.match(found, [
    { line: 1, row: { subscriber_id: 'ann', address: '100.64.0.1', vrf: null } },
    { line: 3, fault: 'it is not a JSON object' },
  ]);
  t.match(await rows(`{"a":"${'x'.repeat(60_000)}"}`, 'jsonl'), [{ line: 1, fault: /is longer than/ }]);
  t.strictSame(['a.CSV', 'b.jsonl', 'c.ndjson', 'd.json', 'e.txt', '-'].map(formatOf), [
    'csv',
    'jsonl',
    'jsonl',
    'json',
    null,
    null,
  ]);
});
