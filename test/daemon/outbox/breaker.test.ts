/** The circuit breaker of one target: one probe at a time, whatever becomes of what left before it opened. */
import t from 'tap';
import { Breaker } from '../../../src/daemon/outbox/breaker.js';

const OPEN_MS = 30_000;

/** A breaker that two silences at 0 have opened, while `straggler` is still on its way. */
function opened(): Breaker {
  const breaker = new Breaker({ failures: 2, openMs: OPEN_MS });
  for (let n = 0; n < 3; n++) breaker.left();
  breaker.returned(false, 0, false);
  breaker.returned(false, 0, false);
  return breaker;
}

t.test('after its time one probe leaves, and nothing else before that returns', (t) => {
  const breaker = opened();
  t.equal(breaker.isOpen, true);
  t.equal(breaker.mayLeaveAt(1), OPEN_MS);
  t.equal(breaker.mayLeaveAt(OPEN_MS), OPEN_MS);
  t.equal(breaker.left(), true);
  t.equal(breaker.mayLeaveAt(OPEN_MS), null);
  breaker.returned(false, OPEN_MS, true);
  t.equal(breaker.mayLeaveAt(OPEN_MS), 2 * OPEN_MS);
  t.equal(breaker.left(), true);
  breaker.returned(true, 2 * OPEN_MS, true);
  t.equal(breaker.isOpen, false);
  t.equal(breaker.left(), false, 'closed, nothing is a probe');
  t.end();
});

t.test('a straggler that is spared, or stays silent, lets no second probe out', (t) => {
  const spared = opened();
  spared.left();
  spared.spared(false);
  t.equal(spared.mayLeaveAt(OPEN_MS), null);
  spared.spared(true);
  t.equal(spared.mayLeaveAt(OPEN_MS), OPEN_MS, 'the probe that was spared makes room for the next');

  const silent = opened();
  silent.left();
  silent.returned(false, OPEN_MS, false);
  t.equal(silent.mayLeaveAt(2 * OPEN_MS), null);
  silent.returned(false, 2 * OPEN_MS, true);
  t.equal(silent.mayLeaveAt(3 * OPEN_MS), 3 * OPEN_MS);
  t.end();
});

t.test('a straggler that is answered closes it: the NAS is there', (t) => {
  const breaker = opened();
  breaker.left();
  breaker.returned(true, OPEN_MS, false);
  t.equal(breaker.mayLeaveAt(OPEN_MS), OPEN_MS);
  t.end();
});
