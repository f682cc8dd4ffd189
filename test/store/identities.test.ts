/** Identities that come, go and change hands within one batch, as in one of each. */
import t from 'tap';
import type { LifecycleEvent } from '../../src/daemon/lifecycle/events.js';
import { allocate, NOON, octets } from '../support/events.js';
import { openHouse } from '../support/house.js';
import { invariants } from '../support/invariants.js';

function identity(kind: 'identity-put' | 'identity-drop', subscriber: string, value: string): LifecycleEvent {
  const by = { tenant: 'default', actor: 'test', receivedAt: NOON + 1 };
  return { ...by, kind, subscriber, type: 'username', scope: 'tenant', bytes: octets(value) };
}

const story = [
  identity('identity-put', 'ann', 'a'),
  identity('identity-put', 'bob', 'a'),
  identity('identity-drop', 'ann', 'a'),
  identity('identity-put', 'bob', 'a'),
  identity('identity-put', 'ann', 'b'),
  identity('identity-drop', 'ann', 'b'),
  allocate('cat', NOON + 1, { username: 'b', usernameBytes: octets('b') }),
  identity('identity-put', 'ann', 'b'),
];
const verdicts = ['applied', 'refused', 'applied', 'applied', 'applied', 'applied', 'applied', 'refused'];

for (const batch of [story.length, 1, 3]) {
  t.test(`batches of ${String(batch)}`, async (t) => {
    const house = await openHouse(NOON);
    const told: string[] = [];
    for (let at = 0; at < story.length; at += batch) {
      told.push(...(await house.say(...story.slice(at, at + batch))).map(({ verdict }) => verdict));
    }
    t.strictSame(told, verdicts);
    const rows = `SELECT s.name, s.usernames, (SELECT group_concat(CAST(i.bytes AS TEXT)) FROM identity i WHERE i.subscriber = s.id)
      FROM subscriber s ORDER BY s.name`;
    t.strictSame(house.db.prepare(rows).raw().all(), [
      ['ann', 0, null],
      ['bob', 1, 'a'],
      ['cat', 1, 'b'],
    ]);
    t.strictSame(invariants(house.db, house.policy), []);
  });
}
