/** `addrd import` from outside: through a daemon, past one that is down, and on a copy. */
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { freeUdpPort } from '../../peers/freeradius.js';
import { call, makePlace, runAddrd, startAddrd } from '../../support/process.js';
import { TestNas } from '../../support/test-nas.js';

async function freeTcpPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  if (address === null || typeof address === 'string') throw new TypeError('no port');
  return address.port;
}

const CSV = `\u{FEFF}Subscriber;IP_Address;Status;Username;MAC;Comment
alice;100.64.0.1;Assigned;alice@isp;02:00:5e:10:01:01;"first
line"
bob;100.64.0.2;reserved;;;
carol;100.64.0.1;assigned;;;
dave;100.65.0.1;assigned;;;
erin;100.64.0.3;expired;;;
frank;100.64.0.4;lost;;;
grace;100.64.0.5;assigned;;wibble;
heidi;100.64.0.6;assigned
;100.64.0.7;assigned;;;
ivan;100.64.0.2;assigned;;;
`;

t.test('a CSV file, with a daemon and without', { timeout: 90_000 }, async (t) => {
  const accounting = await freeUdpPort();
  const api = await freeTcpPort();
  const place = makePlace(
    (store) => `
store: { path: ${store} }
api: { listen: ["127.0.0.1:${String(api)}"] }
radius:
  accounting: { listen: ["127.0.0.1:${String(accounting)}"] }
  nas: [{ name: bras, address: 127.0.0.0/8, secret: testing123 }]
pools: [{ name: v4, family: ipv4, prefix: 100.64.0.0/16, kind: static }]
`,
  );
  t.teardown(() => {
    place.remove();
  });
  const file = join(place.folder, 'old.csv');
  writeFileSync(file, CSV);
  const run = (...args: string[]): ReturnType<typeof runAddrd> =>
    runAddrd(['import', ...args, '--config', place.config]);

  t.match(await run(file), { status: 74, stderr: /is not there: start addrd once/ });
  const daemon = await startAddrd(place);
  t.teardown(() => daemon.kill());

  const refused = [
    ['5', 'address: address-taken: 100.64.0.1 is held by alice'],
    ['6', 'address: not-in-pool: 100.65.0.1 is in no pool'],
    ['8', 'status: bad-row: status: must be reserved or assigned or released or expired'],
    ['9', 'identities.0.value: bad-row: identities.0.value: must be a MAC address such as 02:00:5e:10:01:01'],
    ['10', 'bad-row: Invalid Record Length: columns length is 6, got 3 on line 10'],
    ['11', 'subscriber_id: bad-row: subscriber_id: is missing'],
    ['12', 'address: address-taken: 100.64.0.2 is held by bob'],
  ];
  const lines = refused.map(([line = '', why = '']) => `${file}:${line}: ${why}`);
  const unused = `${file}: column comment is not one of addrd's, and is left out`;

  const dry = await run('--dry-run', file);
  t.equal(dry.status, 65);
  t.strictSame(dry.stderr.trimEnd().split('\n').sort(), [unused, ...lines].sort());
  t.equal(
    dry.stdout,
    `${file}: 10 rows: 3 would be taken over, 0 known already, 7 would be refused; nothing was written\n`,
  );
  t.equal((await call(daemon, 'GET', '/api/v1/subscribers/alice')).status, 404, 'nothing was written');

  const real = await run(file);
  t.equal(real.status, 65);
  t.strictSame(real.stderr.trimEnd().split('\n').sort(), [unused, ...lines].sort(), 'as the dry run said');
  t.equal(real.stdout, `${file}: 10 rows: 3 taken over, 0 known already, 7 refused\n`);
  const { body } = await call(daemon, 'GET', '/api/v1/subscribers/alice');
  t.match(body['assignments'], [
    { lifecycle_state: 'active', provenance: 'imported', imported: { verified_at: null } },
  ]);
  t.match(body['events'], [{ actor: 'token:local', detail: { line: 3, status: 'assigned' } }, { to: 'active' }]);

  const nas = new TestNas(accounting, 'testing123', () => 'ack');
  await nas.open(0);
  t.teardown(() => {
    nas.close();
  });
  await nas.send({ kind: 'start', sid: 's1', user: 'alice@isp', address: '100.64.0.1', seconds: 0 });
  const seen = (await call(daemon, 'GET', '/api/v1/subscribers/alice')).body['assignments'] as {
    imported: { verified_at: string | null };
  }[];
  t.type(seen[0]?.imported.verified_at, 'string', 'a real packet verifies it');

  const report = join(place.folder, 'refused.jsonl');
  const again = await run(file, '--report', report, '--json');
  t.match(JSON.parse(again.stdout), { rows: 10, applied: 0, duplicate: 3, refused: 7, dry_run: false });
  t.equal(again.stderr, `${unused}\n`);
  const told = readFileSync(report, 'utf8').trimEnd().split('\n');
  t.strictSame(
    told.map((line) => (JSON.parse(line) as { line: number }).line).sort((a, b) => a - b),
    [5, 6, 8, 9, 10, 11, 12],
  );
  t.match(JSON.parse(told.find((line) => line.includes('"line":5,')) ?? ''), {
    code: 'address-taken',
    field: 'address',
    subscriber_id: 'carol',
    address: '100.64.0.1',
  });
  t.equal(await daemon.stop(), 0);

  const more = join(place.folder, 'more.jsonl');
  const rows = [
    { subscriber_id: 'judy', address: '100.64.0.8', status: 'assigned', metadata: { old: 1 } },
    { subscriber_id: 'alice', address: '100.64.0.1', status: 'assigned' },
  ];
  writeFileSync(more, `${rows.map((row) => JSON.stringify(row)).join('\n')}\n\n{"subscriber_id"\n[]\n`);
  t.match(await run(more), {
    status: 65,
    stdout: `${more}: 4 rows: 1 taken over, 1 known already, 2 refused\n`,
    stderr: /more\.jsonl:4: bad-row: it is not JSON: .*\n.*more\.jsonl:5: bad-row: it is not a JSON object/,
  });
  const array = join(place.folder, 'more.json');
  writeFileSync(
    array,
    JSON.stringify([...rows, { ...rows[0], address: '100.64.0.9', subscriber_id: '}],["' }], null, 2),
  );
  t.match(await run(array), { status: 0, stdout: /3 rows: 1 taken over, 2 known already, 0 refused/ });
  writeFileSync(array, '[{"subscriber_id": "x"}, {');
  t.match(await run(array), { status: 66, stderr: /more\.json:1: it ends before its array does/ });
  t.match(await run(join(place.folder, 'none.csv')), { status: 66, stderr: /ENOENT/ });
  t.match(await run(more, '--format', 'csv'), { status: 66, stderr: /names no column subscriber_id/ });
  t.match(await run('x.txt'), { status: 1, stderr: /--format says/ });
});
