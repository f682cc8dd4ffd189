/** What the daemon keeps in memory of the brakes that are set. */
import t from 'tap';
import { Brakes } from '../../src/daemon/brakes.js';
import type { LifecycleEvent } from '../../src/daemon/lifecycle/events.js';
import { acct, NOON } from '../support/events.js';
import { openHouse } from '../support/house.js';

t.test('a NAS that is first heard during the maintenance of its entry is held too', async (t) => {
  const house = await openHouse(NOON);
  let reads = 0;
  const brakes = new Brakes(() => {
    reads++;
    return house.pending.brakes();
  });
  const say = async (event: LifecycleEvent): Promise<boolean> => brakes.follow([event], await house.say(event));
  t.notOk(await say(acct('acct-start', 'a', NOON, ['100.64.0.1'])));
  t.equal(reads, 0, 'without a maintenance nothing is read');
  const by = { tenant: 'default', actor: 'noc', receivedAt: NOON + 1 };
  t.ok(await say({ ...by, kind: 'maintenance', nas: 'bras', until: NOON + 60_000, reason: 'cards' }));
  t.ok(brakes.holds('nas:1'));
  t.notOk(brakes.holds('nas:2'));
  const source = Uint8Array.of(192, 0, 2, 2);
  const nas = { tenant: 'default', kind: 'source-address' as const, bytes: source };
  t.ok(await say(acct('acct-start', 'b', NOON + 2, ['100.64.0.2'], { source, nas })));
  t.ok(brakes.holds('nas:2'));
  t.equal(brakes.maintained, 2);
  t.notOk(await say(acct('acct-start', 'c', NOON + 3, ['100.64.0.3'], { source, nas })), 'once');
  t.ok(await say({ ...by, kind: 'maintenance-end', nas: 'bras', receivedAt: NOON + 4 }));
  t.equal(brakes.maintained, 0);
});
