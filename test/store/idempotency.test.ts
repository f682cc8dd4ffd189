/** A repeated API request gets the answer of the first, from the commit that decided it. */
import { join } from 'node:path';
import t from 'tap';
import { decide } from '../../src/daemon/lifecycle/decide.js';
import type { LifecycleEvent } from '../../src/daemon/lifecycle/events.js';
import type { Settlement, Submission } from '../../src/store/commit.js';
import type { IdempotencyKey } from '../../src/store/idempotency.js';
import { openStore } from '../../src/store/open.js';
import { allocate, NOON, octets, submission } from '../support/events.js';
import { temporary } from '../support/files.js';
import { openHouse, type House } from '../support/house.js';

function key(name: string, body = 'body', fields: Partial<IdempotencyKey> = {}): IdempotencyKey {
  return { tenant: 'default', token: 'token', key: name, bodyHash: octets(body), ...fields };
}

function asking(subscriber: string, idempotency: IdempotencyKey): Submission<LifecycleEvent> {
  return submission(allocate(subscriber, NOON + 5), { idempotency });
}

async function commit(house: House, ...batch: Submission<LifecycleEvent>[]): Promise<readonly Settlement[]> {
  return (await house.door.commitBatch(batch, (world, event) => decide(world, event, house.policy))).settlements;
}

function assignments(house: House): unknown {
  return house.db.prepare('SELECT count(*) FROM assignment').pluck().get();
}

const REUSED = { verdict: 'refused', code: 'idempotency-key-reused', reply: null, replayed: false };

t.test('the same key and body', async (t) => {
  const house = await openHouse(NOON);
  const [first] = await commit(house, asking('ann', key('k')));
  t.match(first, { verdict: 'applied', replayed: false, reply: { assignments: [{ address: '100.64.0.1' }] } });
  t.same(await commit(house, asking('ann', key('k'))), [{ ...first, replayed: true }], 'from an earlier batch');
  t.equal(assignments(house), 1);
  const stored = house.db.prepare('SELECT tenant, token, key, created_at FROM idempotency').all();
  t.same(stored, [{ tenant: 'default', token: 'token', key: 'k', created_at: NOON + 5 }]);

  const [once, twice, other] = await commit(
    house,
    asking('bob', key('l')),
    asking('bob', key('l')),
    asking('bob', key('l', 'other')),
  );
  t.match(once, { verdict: 'applied', replayed: false });
  t.same(twice, { ...once, replayed: true }, 'within one batch');
  t.match(other, REUSED, 'and another body under it, within one batch');
  t.equal(assignments(house), 2);
});

t.test('the answer outlives the process', async (t) => {
  const path = join(temporary(t), 'addrd.db');
  const first = openStore(path, 1);
  const house = await openHouse(NOON, {}, { db: first.db });
  const [answer] = await commit(house, asking('ann', key('k')));
  first.close();
  const second = openStore(path, 1);
  t.teardown(() => {
    second.close();
  });
  const again = await openHouse(NOON + 9, {}, { db: second.db });
  t.same(await commit(again, asking('ann', key('k'))), [{ ...answer, replayed: true }]);
  t.match(await commit(again, asking('ann', key('k', 'other'))), [REUSED]);
});

t.test('another body under the same key is refused and leaves the answer alone', async (t) => {
  const house = await openHouse(NOON);
  const [first] = await commit(house, asking('ann', key('k')));
  t.match(await commit(house, asking('bob', key('k', 'other'))), [REUSED]);
  t.equal(assignments(house), 1);
  t.same(await commit(house, asking('ann', key('k'))), [{ ...first, replayed: true }]);
});

t.test('a key belongs to its tenant and token', async (t) => {
  const house = await openHouse(NOON);
  const fresh = await commit(
    house,
    asking('ann', key('k')),
    asking('bob', key('k', 'body', { token: 'second' })),
    asking('cid', key('k', 'body', { tenant: 'second' })),
  );
  t.same(
    fresh.map(({ replayed }) => replayed),
    [false, false, false],
  );
});

t.test('a refusal is an answer too', async (t) => {
  const house = await openHouse(NOON);
  const ask = submission(allocate('ann', NOON, { pool: 'nowhere' }), { idempotency: key('k') });
  const [first] = await commit(house, ask);
  t.match(first, { verdict: 'refused', code: 'unknown-pool' });
  t.same(await commit(house, ask), [{ ...first, replayed: true }]);
});

t.test('what was not committed is not remembered', async (t) => {
  let armed = false;
  const house = await openHouse(NOON, {}, { faultAt: (point) => armed && point === 'before-commit' });
  armed = true;
  await t.rejects(commit(house, asking('ann', key('k'))), { code: 'store-lost' });
  armed = false;
  house.db.exec('ROLLBACK');
  const next = await openHouse(NOON, {}, { db: house.db });
  t.match(await commit(next, asking('ann', key('k'))), [{ verdict: 'applied', replayed: false }]);
});

t.test('a request that was condemned is tried again', async (t) => {
  const house = await openHouse(NOON);
  const ask = asking('ann', key('k'));
  const condemned = await house.door.commitBatch([ask], () => {
    throw new TypeError('bad luck');
  });
  t.match(condemned.settlements, [{ verdict: 'faulted', replayed: false }]);
  t.match(await commit(house, ask), [{ verdict: 'applied', replayed: false }], 'once addrd was mended');
});
