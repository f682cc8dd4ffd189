/** The lists of addrdctl, full and empty. */
import t from 'tap';
import { endStory, tellStory } from '../api/world.js';
import { type Ended, listen, widest } from './listening.js';

t.test('lists', async (t) => {
  const { world, within } = await listen(t);
  await tellStory(world);
  const expected: readonly (readonly [args: string[], ...words: (string | RegExp)[]])[] = [
    [['status'], 'addrd 0.1.0, mode act, tenant default', 'ready', /ipv4 +0 +0 +0 +0 +1 +0 +0/],
    [['pools'], /v4 +static +ipv4 +100\.64\.0\.0\/28 +\/32 +1 +1 +2 +12 +0 +14\.28 %/, /pd +static +ipv6-pd/],
    [['nas'], /bras +192\.0\.2\.1 +2 +0/],
    [['sessions'], /s-1 +bras +open +alice@isp +100\.64\.0\.5/, 'mallory'],
    [['outbox'], /nas\.disconnect +bras +s-1 +pending/],
    [['conflicts'], /100\.64\.0\.9 +occupied/],
    [['events'], 'active -> revoking', 'by=token:noc'],
    [['events', '--lines', '1'], 'effect-ordered'],
    [['events', '--subscriber', 'alice'], 'pending -> allocated'],
  ];
  for (const [args, ...words] of expected) {
    const { code, out, err } = await within(...args);
    t.equal(code, 0, err);
    for (const word of words) t.match(out, word, args.join(' '));
    t.ok(widest(out) <= 100, `${args.join(' ')}: ${String(widest(out))} columns`);
  }
  await endStory(world);
  const open = await within('--json', 'sessions');
  const all = await within('--json', 'sessions', '--all');
  const count = ({ out }: Ended): number => (JSON.parse(out) as { sessions: unknown[] }).sessions.length;
  t.strictSame([count(open), count(all)], [1, 2]);
});

t.test('an empty list says so beside the output', async (t) => {
  const { within } = await listen(t);
  for (const command of ['sessions', 'nas', 'outbox', 'conflicts']) {
    const { code, out, err } = await within(command);
    t.strictSame([code, out], [0, ''], command);
    t.match(err, /^no /);
  }
});

t.test('what is over, and what was kept back, is not passed over in silence', async (t) => {
  const { world, within } = await listen(t);
  world.house.policy = { ...world.house.policy, mode: 'observe' };
  await tellStory(world);
  const kept = await within('outbox');
  t.match(kept.err, 'no effect is pending');
  t.match(kept.err, 'would-have');
  t.match((await within('outbox', '--all')).out, 'would-have');
});
