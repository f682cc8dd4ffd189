/** The calendar says what is due, in UTC, again where nobody could hear it, and no more after its end. */
import { createTask } from 'node-cron';
import { pino } from 'pino';
import t from 'tap';
import type { TaskRunEvent } from '../../src/daemon/lifecycle/events.js';
import { TASK_NAMES, TASKS } from '../../src/daemon/lifecycle/task.js';
import { cronCalendar, Schedule, type Calendar } from '../../src/daemon/schedule.js';
import { FakeTime } from '../protocols/radius/world.js';

function bench(takes: () => boolean) {
  const time = new FakeTime();
  const fires = new Map<string, () => void>();
  const calendar: Calendar = {
    at: (expression, name, fire) => {
      fires.set(`${name} ${expression}`, fire);
      return () => fires.delete(`${name} ${expression}`);
    },
  };
  const heard: TaskRunEvent[] = [];
  const submit = (event: TaskRunEvent): Promise<boolean> => {
    heard.push(event);
    return Promise.resolve(takes());
  };
  const schedule = new Schedule({ calendar, clock: time, timers: time, tenant: 'default', submit });
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  return { time, fires, heard, schedule, settle };
}

t.test('events, and nothing but events', async (t) => {
  const { time, fires, heard, schedule, settle } = bench(() => true);
  schedule.start();
  t.match(
    heard,
    TASK_NAMES.map((task) => ({ kind: 'task-run', task, cause: 'start', actor: 'addrd', force: false })),
  );
  t.strictSame([...fires.keys()], ['clean-up 0 2 * * *', 'retention 0 3 * * *']);
  time.advance(5_000);
  fires.get('clean-up 0 2 * * *')?.();
  t.match(heard.at(-1), { task: 'clean-up', cause: 'calendar', receivedAt: time.wallMs() });
  await settle();
  t.equal(time.pending, 0);
  schedule.stop();
  t.equal(fires.size, 0);
});

t.test('what could not be taken is said again each minute, and not after the end', async (t) => {
  let takes = false;
  const { time, fires, heard, schedule, settle } = bench(() => takes);
  schedule.start();
  await settle();
  for (const fire of fires.values()) fire();
  await settle();
  t.equal(time.pending, TASK_NAMES.length, 'the later one of each counts');
  time.advance(60_000);
  await settle();
  for (const name of TASK_NAMES) {
    const causes = heard.filter(({ task }) => task === name).map(({ cause }) => cause);
    t.strictSame(causes, ['start', 'calendar', 'calendar'], name);
  }
  takes = true;
  time.advance(60_000);
  await settle();
  t.equal(time.pending, 0);
  takes = false;
  for (const fire of fires.values()) fire();
  await settle();
  schedule.stop();
  t.equal(time.pending, 0);
});

t.test('the hours are those of UTC, whatever the host has', (t) => {
  for (const name of TASK_NAMES) {
    const task = createTask(TASKS[name].cron, () => undefined, { timezone: 'UTC' });
    const hours = Array.from({ length: 24 }, (_, hour) => hour);
    const due = hours.filter((hour) => task.match(new Date(Date.UTC(2026, 10, 22, hour, 0, 0))));
    t.equal(TASKS[name].when, `daily at ${due.map((hour) => String(hour).padStart(2, '0')).join()}:00 UTC`);
    void task.destroy();
  }
  t.end();
});

t.test('node-cron fires, and ends', async (t) => {
  const calendar = cronCalendar(pino({ level: 'silent' }));
  let fired = 0;
  await new Promise<void>((resolve) => {
    const end = calendar.at('* * * * * *', 'each second', () => {
      fired++;
      end();
      resolve();
    });
  });
  t.equal(fired, 1);
});
