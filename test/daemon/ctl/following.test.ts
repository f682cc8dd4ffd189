/** `addrdctl events --follow`. */
import t from 'tap';
import { tellStory } from '../api/world.js';
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
