/** Background tasks and legal holds over the API and addrdctl: who may start one, and what is told of it. */
import t from 'tap';
import { deadline } from '../../support/events.js';
import { listen } from '../ctl/listening.js';
import { NIGHT, openWorld, type World } from './world.js';

const RUN = '/api/v1/tasks/clean-up/run';

async function finish({ house }: World, from: number): Promise<void> {
  const due = house.db.prepare("SELECT due_at FROM deadline WHERE kind = 'task'").pluck();
  for (let at = from; due.get() !== undefined; at += 100) await house.say(deadline('task', 'clean-up', at));
}

t.test('started by whoever may operate, by force only by an admin, and told to every reader', async (t) => {
  const world = await openWorld();
  const list = async () => (await world.call('GET', '/api/v1/tasks', { token: 'reader' })).json<object>();
  t.match(await list(), {
    tasks: [
      { task: 'clean-up', schedule: 'daily at 02:00 UTC', running: false, started_at: null, code: null, counts: {} },
    ],
  });
  const post = (url: string, token: string, body: object = {}) => world.call('POST', url, { token, body });
  t.match((await post(RUN, 'reader')).json(), { code: 'forbidden' });
  t.match((await post(RUN, 'noc', { force: true })).json(), { code: 'forbidden', detail: /force needs admin/ });
  t.match((await post('/api/v1/tasks/tidy/run', 'noc')).json(), { status: 404, code: 'unknown-task' });
  const begun = await post(RUN, 'noc');
  t.equal(begun.statusCode, 202);
  t.match(begun.json(), { verdict: 'applied', task: 'clean-up', started_at: '2026-11-22T03:00:00Z' });
  t.match(await list(), { tasks: [{ running: true, actor: 'token:noc', ended_at: null, last_done_at: null }] });
  t.match((await post(RUN, 'noc')).json(), { status: 409, code: 'task-running' });
  await finish(world, NIGHT);
  t.match(await list(), {
    tasks: [{ running: false, code: 'done', counts: { redriven: 0 }, last_done_counts: { leaks: 0 } }],
  });
  t.equal((await post(RUN, 'root', { force: true })).statusCode, 202);
});

t.test('addrdctl', async (t) => {
  const { world, within, as } = await listen(t);
  t.match((await within('tasks')).out, /clean-up +daily at +.*never run/);
  t.match(await within('tasks', 'run', 'clean-up'), { code: 0, out: /clean-up runs since 2026-11-22 03:00:00Z/ });
  t.match(await within('tasks', 'run', 'clean-up'), { code: 1, err: /runs since/ });
  t.match((await within('tasks')).out, 'running');
  await finish(world, NIGHT);
  t.match((await within('tasks')).out, /token:root.*done/s);
  t.match(await as('reader', 'tasks', 'run', 'clean-up'), { code: 4 });
  await world.house.say({ kind: 'freeze', tenant: 'default', actor: 'x', reason: 'y', receivedAt: NIGHT + 9_000 });
  world.now = NIGHT + 10_000;
  t.match(await within('tasks', 'run', 'clean-up'), { code: 1, err: /frozen/ });
  t.match((await within('tasks')).out, /was refused \(frozen\)/);
});

t.test('legal holds', async (t) => {
  const { world, within, as } = await listen(t);
  await within('allocate', 'alice', '--family', 'ipv4');
  const told = await within('hold', 'set', '--subscriber', 'alice', '--reason', 'case 4711');
  t.match(told, { code: 0, out: /alice is held since 2026-11-22 03:00:00Z by token:root: case 4711/ });
  t.match((await within('hold', 'set', '--subscriber', 'alice', '--reason', 'x')).out, /alice is already held/);
  t.match(await within('hold', 'set', '--address', '100.64.0.0/30', '--vrf', 'global', '--reason', 'case 5'), {
    code: 0,
  });
  t.match((await within('hold')).out, /alice +- .*case 4711.*\n?/);
  t.match((await within('hold')).out, /100\.64\.0\.0\/30 +global/);
  for (const [args, code] of [
    [['--reason', 'x'], 2],
    [['--subscriber', 'a', '--address', '100.64.0.1', '--reason', 'x'], 2],
    [['--subscriber', 'nobody', '--reason', 'x'], 1],
    [['--subscriber', 'alice', '--vrf', 'global', '--reason', 'x'], 1],
    [['--subscriber', 'alice'], 2],
  ] as const) {
    t.equal((await within('hold', 'set', ...args)).code, code, args.join(' '));
  }
  t.equal((await as('noc', 'hold')).code, 4, 'not even told to less than an admin');
  t.match((await as('stranger', 'hold')).err, 'no hold');
  t.match(
    (await within('hold', 'end', '--subscriber', 'alice', '--reason', 'closed')).out,
    'the hold on alice is ended',
  );
  t.match(await within('hold', 'end', '--subscriber', 'alice', '--reason', 'closed'), { code: 1 });
  t.notMatch((await within('hold')).out, 'alice');
  t.match((await within('hold', '--all')).out, /alice.*token:root/s);
  const none = (await world.call('GET', '/api/v1/events')).json<object>();
  t.match(none, { deleted_until: null });
});
