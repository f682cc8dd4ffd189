/** `addrdctl events --follow`. */
import t from 'tap';
import { EXIT } from '../../../src/daemon/ctl/failure.js';
import { NIGHT, tellStory } from '../api/world.js';
import { ended, listen, spawnCtl } from './listening.js';

t.test('events --follow prints what comes', async (t) => {
  const { world, url } = await listen(t);
  const child = spawnCtl(['events', '--follow'], { ADDRD_URL: url, ADDRD_TOKEN: 'root-secret' });
  const end = ended(child);
  let seen = '';
  await new Promise<void>((resolve) => {
    child.stdout.on('data', (chunk: Buffer) => {
      const first = seen === '';
      seen += chunk.toString();
      if (first) void tellStory(world);
      if (seen.includes('active -> revoking')) resolve();
    });
  });
  child.kill('SIGINT');
  await end;
  const times = seen.split('\n').filter((line) => line.includes('pending -> allocated'));
  t.equal(times.length, 1, 'each line once');
});

t.test('--json events --follow prints an object a line', async (t) => {
  const { world, url } = await listen(t);
  await tellStory(world);
  const child = spawnCtl(['--json', 'events', '--follow'], { ADDRD_URL: url, ADDRD_TOKEN: 'root-secret' });
  const end = ended(child);
  await new Promise((resolve) => child.stdout.once('data', resolve));
  child.kill('SIGINT');
  const { out } = await end;
  const kinds = out
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as { kind: string }).kind);
  t.ok(kinds.includes('transition'));
});

t.test('--json events --all prints every line, page by page, and ends', async (t) => {
  const { world, within } = await listen(t);
  await tellStory(world);
  const count = world.house.db.prepare("SELECT count(*) FROM journal WHERE tenant = 'default'").pluck();
  // More than one page.
  const line = world.house.db.prepare(
    "INSERT INTO journal (at, kind, tenant, actor) VALUES (?, 'alarm', 'default', 'addrd')",
  );
  for (let n = 0; n < 1_200; n++) line.run(NIGHT + 90_000 + n);
  const all = await within('--json', 'events', '--all');
  const ids = all.out
    .trimEnd()
    .split('\n')
    .map((text) => (JSON.parse(text) as { id: number }).id);
  t.equal(ids.length, count.get());
  t.ok(ids.every((id, n) => n === 0 || id > (ids[n - 1] ?? 0)));
  const some = await within('--json', 'events', '--all', '--nas', 'bras', '--until', '2026-11-22T03:00:15Z');
  t.equal(some.out.trimEnd().split('\n').length, 1, 'a session came');
  t.match(await within('events', '--all', '--follow'), { code: EXIT.usage, err: /--all ends/ });
  t.match(await within('events', '--nas', 'nobody'), { code: EXIT.refused, err: /no NAS nobody/ });
});
