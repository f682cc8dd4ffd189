/** From a signal to the end, on a clock that is driven by hand. */
import { pino } from 'pino';
import t from 'tap';
import { Shutdown } from '../../src/daemon/shutdown.js';
import { FakeTime } from '../protocols/radius/world.js';

function bench() {
  const time = new FakeTime();
  const codes: unknown[] = [];
  const ends: string[] = [];
  const stopping: { done: () => void; fail: (error: Error) => void }[] = [];
  const shutdown = new Shutdown({
    timers: time,
    log: pino({}, { write: (line: string) => codes.push((JSON.parse(line) as { code: unknown }).code) }),
    stop: () => new Promise<void>((done, fail) => stopping.push({ done, fail })),
    exit: (end) => ends.push(end),
  });
  return { time, codes, ends, stopping, shutdown };
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

t.test('in order', async (t) => {
  const { time, codes, ends, stopping, shutdown } = bench();
  shutdown.signal('SIGTERM');
  await settle();
  t.same(ends, [], 'not before everything is answered');
  stopping[0]?.done();
  await settle();
  t.same(ends, ['in-order']);
  shutdown.signal('SIGTERM');
  time.advance(60_000);
  t.same([ends, codes, stopping.length], [['in-order'], ['stopping', 'stopped'], 1], 'the end comes once');
});

t.test('a second signal, and a stop that does not end', async (t) => {
  const impatient = bench();
  impatient.shutdown.signal('SIGTERM');
  impatient.shutdown.signal('SIGINT');
  t.same(impatient.ends, ['cut-short']);
  impatient.stopping[0]?.done();
  await settle();
  t.same([impatient.ends, impatient.codes], [['cut-short'], ['stopping', 'stop-cut-short']]);
  const stuck = bench();
  stuck.shutdown.signal('SIGTERM');
  stuck.time.advance(11_999);
  t.same(stuck.ends, []);
  stuck.time.advance(1);
  t.same(stuck.ends, ['cut-short'], 'before the service manager loses its patience');
});

t.test('a stop that fails', async (t) => {
  const { codes, ends, stopping, shutdown } = bench();
  shutdown.signal('SIGTERM');
  stopping[0]?.fail(new TypeError('no'));
  await settle();
  t.same([ends, codes], [['failed'], ['stopping', 'stop-failed']]);
});
