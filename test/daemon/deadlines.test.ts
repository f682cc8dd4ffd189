/** The timer on the store's deadlines, with time driven by hand: what is condemned keeps nobody else waiting. */
import t from 'tap';
import { Deadlines } from '../../src/daemon/deadlines.js';
import type { Deadline, VerdictKind } from '../../src/daemon/lifecycle/records.js';
import { FakeTime } from '../protocols/radius/world.js';

/** As many as are taken at once. */
const SLICE = 500;

async function settle(): Promise<void> {
  for (let n = 0; n < 20; n++) await Promise.resolve();
}

/** Deadlines that are there until one of them is applied; `judge` says what becomes of each. */
function bench(count: number, judge: (ref: number) => VerdictKind | null) {
  const time = new FakeTime();
  const dueAt = time.wallMs();
  const left: Deadline[] = Array.from({ length: count }, (_, n) => ({ kind: 'evidence', ref: String(n), dueAt }));
  let asked: number[] = [];
  const deadlines = new Deadlines({
    clock: time,
    timers: time,
    nextDue: () => left[0]?.dueAt ?? null,
    due: (now, limit) => left.filter((one) => one.dueAt <= now).slice(0, limit),
    submit: ({ ref }) => {
      asked.push(Number(ref));
      const verdict = judge(Number(ref));
      if (verdict === 'applied') {
        left.splice(
          left.findIndex((one) => one.ref === ref),
          1,
        );
      }
      return Promise.resolve(verdict);
    },
  });
  /** What was asked of the judge while time passed. */
  const pass = async (ms: number): Promise<readonly number[]> => {
    time.advance(ms);
    await settle();
    const heard = asked;
    asked = [];
    return heard;
  };
  return { deadlines, pass, left };
}

t.test('a slice of condemned deadlines does not starve those behind it', async (t) => {
  const { deadlines, pass, left } = bench(SLICE + 3, (ref) => (ref < SLICE ? 'faulted' : 'applied'));
  deadlines.start();
  t.equal((await pass(0)).length, SLICE);
  t.strictSame(await pass(1_000), [SLICE, SLICE + 1, SLICE + 2]);
  t.equal(left.length, SLICE, 'what was condemned is still due');
  deadlines.stop();
});

t.test('what is condemned is left alone for a minute, and tried again then', async (t) => {
  let broken = true;
  const { deadlines, pass, left } = bench(1, () => (broken ? 'faulted' : 'applied'));
  deadlines.start();
  t.strictSame(await pass(0), [0]);
  for (let second = 1; second < 60; second++) t.strictSame(await pass(1_000), [], `second ${String(second)}`);
  t.strictSame(await pass(1_000), [0]);
  broken = false;
  for (let second = 1; second < 60; second++) t.strictSame(await pass(1_000), [], `second ${String(second)}`);
  t.strictSame(await pass(1_000), [0]);
  t.equal(left.length, 0);
  deadlines.stop();
});

t.test('what could not be taken is tried again after a second', async (t) => {
  let full = true;
  const { deadlines, pass, left } = bench(2, () => (full ? null : 'applied'));
  deadlines.start();
  t.strictSame(await pass(0), [0, 1]);
  full = false;
  t.strictSame(await pass(999), []);
  t.strictSame(await pass(1), [0, 1]);
  t.equal(left.length, 0);
  deadlines.stop();
});
