/** What the service manager hears, on a clock that is driven by hand. */
import { pino } from 'pino';
import t from 'tap';
import { Notifier, STALE_MS, statusLine, watchdogMs, type Vitals } from '../../src/daemon/notify.js';
import { FakeTime } from '../protocols/radius/world.js';

const WELL: Vitals = { sinceCommitMs: 3_000, reasons: [], held: 1_204, effectsWaiting: 1 };
const LINE = 'STATUS=1,204 assignments held, 1 effect waiting';

async function settle(): Promise<void> {
  for (let n = 0; n < 20; n++) await Promise.resolve();
}

function bench(limit: number | null) {
  const time = new FakeTime();
  const heard: (readonly string[])[] = [];
  const logged: Record<string, unknown>[] = [];
  const log = pino(
    { base: null },
    { write: (line: string) => logged.push(JSON.parse(line) as Record<string, unknown>) },
  );
  const manager: { deaf: boolean; hold: Promise<void> | null } = { deaf: false, hold: null };
  const notifier = new Notifier({
    notify: async (lines) => {
      if (manager.hold !== null) await manager.hold;
      if (manager.deaf) throw Object.assign(new TypeError('no such socket'), { code: 'ENOENT' });
      heard.push(lines);
    },
    clock: time,
    timers: time,
    log,
    watchdogMs: limit,
  });
  const pass = async (ms: number): Promise<void> => {
    time.advance(ms);
    await settle();
  };
  return { notifier, heard, logged, manager, pass };
}

t.test('ready, signs of life, stopping', async (t) => {
  const { notifier, heard, pass } = bench(30_000);
  await notifier.reloading();
  await notifier.reloaded();
  await pass(60_000);
  t.same(heard, [], 'nothing before it is ready');
  let vitals = WELL;
  await notifier.ready(() => vitals);
  t.same(heard.splice(0), [['READY=1', LINE]]);
  await pass(10_000);
  t.same(heard.splice(0), [['WATCHDOG=1']], 'a third of the limit; a status that is known is not told again');
  vitals = { ...WELL, held: 1 };
  await pass(10_000);
  t.same(heard.splice(0), [['WATCHDOG=1', 'STATUS=1 assignment held, 1 effect waiting']]);
  await notifier.reloading();
  await notifier.reloaded();
  t.same(heard.splice(0), [
    ['RELOADING=1', 'STATUS=reading the config'],
    ['READY=1', 'STATUS=1 assignment held, 1 effect waiting'],
  ]);
  await pass(10_000);
  t.same(heard.splice(0), [['WATCHDOG=1']], 'still one timer');
  await notifier.stopping();
  t.same(heard.splice(0), [['STOPPING=1', 'STATUS=answering what is queued']]);
  await notifier.reloaded();
  await pass(60_000);
  t.same(heard, [], 'and nothing after, though a reload comes to its end');
});

t.test('a sign of life is earned', async (t) => {
  const { notifier, heard, logged, pass } = bench(30_000);
  let vitals: Vitals = { ...WELL, sinceCommitMs: STALE_MS };
  await notifier.ready(() => vitals);
  heard.length = 0;
  await pass(10_000);
  t.same(heard.splice(0), [['WATCHDOG=1']]);
  vitals = { ...WELL, sinceCommitMs: STALE_MS + 1 };
  await pass(10_000);
  t.same(heard, [], 'commits that do not come to an end are no life');
  t.match(logged, [{ code: 'watchdog-withheld', sinceCommitMs: STALE_MS + 1 }], 'and the log says why');
  vitals = { ...WELL, sinceCommitMs: 900, reasons: ['store-full'] };
  await pass(10_000);
  const line = 'STATUS=not ready: store-full; 1,204 assignments held, 1 effect waiting';
  t.same(heard, [['WATCHDOG=1', line]], 'trouble that is known and probed is: a restart would not cure it');
});

t.test('a manager that does not listen', async (t) => {
  const { notifier, heard, logged, manager, pass } = bench(3_000);
  manager.deaf = true;
  await notifier.ready(() => WELL);
  t.match(logged, [{ code: 'notify-failed', err: { code: 'ENOENT' } }]);
  manager.deaf = false;
  await pass(1_000);
  t.same(
    heard.splice(0),
    [['READY=1', 'WATCHDOG=1', LINE]],
    'what was not taken in is told again, and above all READY',
  );
  let release = (): void => undefined;
  manager.hold = new Promise((resolve) => (release = resolve));
  for (let n = 0; n < 5; n++) await pass(1_000);
  manager.hold = null;
  release();
  await settle();
  t.same(heard, [['WATCHDOG=1']], 'messages do not pile up');
});

t.test('without a watchdog the status is told all the same', async (t) => {
  const { notifier, heard, pass } = bench(null);
  let vitals = WELL;
  await notifier.ready(() => vitals);
  heard.length = 0;
  await pass(10_000);
  t.same(heard, []);
  vitals = { ...WELL, effectsWaiting: 12 };
  await pass(10_000);
  t.same(heard, [['STATUS=1,204 assignments held, 12 effects waiting']]);
});

t.test('the limit of the watchdog', (t) => {
  t.equal(watchdogMs({ WATCHDOG_USEC: '30000000', WATCHDOG_PID: '7' }, 7), 30_000);
  t.equal(watchdogMs({ WATCHDOG_USEC: '30000000' }, 7), 30_000);
  t.equal(watchdogMs({ WATCHDOG_USEC: '30000000', WATCHDOG_PID: '8' }, 7), null, 'meant for another process');
  for (const usec of ['0', '-1', 'x', '', '1e9']) t.equal(watchdogMs({ WATCHDOG_USEC: usec }, 7), null, usec);
  t.equal(watchdogMs({}, 7), null);
  t.equal(statusLine({ ...WELL, held: 0, effectsWaiting: 0 }), '0 assignments held, 0 effects waiting');
  t.end();
});
