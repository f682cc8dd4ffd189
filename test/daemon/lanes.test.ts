/** The queue before the door. */
import t from 'tap';
import { DEFAULT_LIMITS, Lanes, routeOf, type LaneLimits } from '../../src/daemon/lanes.js';
import type { LifecycleEvent } from '../../src/daemon/lifecycle/events.js';
import { acct, allocate, deadline, nasOn, NOON, revoke } from '../support/events.js';
import { seeded, seedOf } from '../support/seeded.js';

function limits(fields: Partial<LaneLimits>): Lanes<string> {
  return new Lanes<string>({ ...DEFAULT_LIMITS, ...fields });
}

const names = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, n) => `${prefix}${String(n)}`);

t.test('where events go', (t) => {
  const lane = (event: LifecycleEvent): string => routeOf(event).lane;
  t.equal(lane(acct('acct-start', 'a', NOON)), 'session');
  t.equal(lane(acct('acct-stop', 'a', NOON)), 'session');
  t.equal(lane(acct('acct-interim', 'a', NOON)), 'interim');
  t.equal(lane(nasOn(NOON)), 'session');
  t.equal(lane(allocate('ann', NOON)), 'control');
  t.equal(lane(revoke('ann', NOON)), 'control');
  t.equal(lane({ kind: 'effect-started', outbox: 1, receivedAt: NOON }), 'control');
  t.equal(lane({ kind: 'heartbeat', receivedAt: NOON }), 'control');
  t.equal(lane(deadline('quarantine', 'x', NOON)), 'bulk');
  const key = (sid: string, source?: Uint8Array): string | null =>
    routeOf(acct('acct-interim', sid, NOON, [], source === undefined ? {} : { source })).orderKey;
  t.equal(key('a'), routeOf(acct('acct-stop', 'a', NOON)).orderKey, 'one session, one order');
  t.not(key('a'), key('b'));
  t.not(key('a'), key('a', Uint8Array.of(192, 0, 2, 9)), 'the same number elsewhere is another session');
  t.equal(routeOf(allocate('ann', NOON)).orderKey, null);
  t.end();
});

t.test('behind a proxy each NAS has an order and a share of its own', (t) => {
  const proxied = (name: string, sid: string) => {
    const nas = { tenant: 'default', kind: 'nas-identifier' as const, bytes: new TextEncoder().encode(name) };
    return routeOf(acct('acct-interim', sid, NOON, [], { nas }));
  };
  t.equal(proxied('bras-a', '1').share, proxied('bras-a', '2').share);
  t.not(proxied('bras-a', '1').share, proxied('bras-b', '1').share);
  t.not(proxied('bras-a', '1').orderKey, proxied('bras-b', '1').orderKey);
  t.not(proxied('bras', '1').orderKey, proxied('bras1', '').orderKey, 'a name does not run into the number after it');
  const nas = { tenant: 'other', kind: 'nas-identifier' as const, bytes: new TextEncoder().encode('bras-a') };
  const theirs = routeOf(acct('acct-interim', '1', NOON, [], { nas }));
  t.not(theirs.share, proxied('bras-a', '1').share, "a name is its tenant's own");
  t.not(theirs.orderKey, proxied('bras-a', '1').orderKey);
  const address = Uint8Array.of(0x31, 0x30, 0x2e, 0x31);
  const kinds = (['source-address', 'nas-ip-address', 'nas-identifier'] as const).map(
    (kind) => routeOf(acct('acct-stop', '1', NOON, [], { nas: { tenant: 'default', kind, bytes: address } })).share,
  );
  t.equal(new Set(kinds).size, 3, 'the same octets of another kind are another NAS');
  const odd = { kind: 'acct-odd' as const, reason: 'missing-session-id', entry: 'bras', receivedAt: NOON };
  const source = Uint8Array.of(192, 0, 2, 1);
  const known = { tenant: 'default', kind: 'source-address' as const, bytes: source };
  t.equal(
    routeOf({ ...odd, nas: known, source }).share,
    routeOf(nasOn(NOON)).share,
    'all that a NAS sends is of its share',
  );
  t.equal(routeOf(allocate('ann', NOON)).share, null);
  t.end();
});

t.test('the urgent lanes go first, bulk work a little', (t) => {
  const lanes = limits({ batch: 20 });
  for (const name of names('i', 30)) lanes.put(name, 'interim', null, 'n', 0);
  for (const name of names('s', 15)) lanes.put(name, 'session', null, 'n', 0);
  for (const name of names('b', 10)) lanes.put(name, 'bulk', null, 'addrd', 0);
  for (const name of names('c', 2)) lanes.put(name, 'control', null, 'addrd', 0);
  t.equal(lanes.size, 57);
  t.same(lanes.take(), [...names('c', 2), ...names('b', 8), ...names('s', 10)]);
  t.same(lanes.take(), ['b8', 'b9', 's10', 's11', 's12', 's13', 's14', ...names('i', 13)]);
  t.same(lanes.take(), names('i', 30).slice(13));
  t.same(lanes.take(), []);
  t.equal(lanes.size, 0);
  t.end();
});

t.test('neither operators nor bulk work keep packets waiting', (t) => {
  const lanes = limits({});
  for (const name of names('c', 500)) lanes.put(name, 'control', null, 'addrd', 0);
  for (const name of names('b', 500)) lanes.put(name, 'bulk', null, 'addrd', 0);
  lanes.put('packet', 'session', null, 'n', 0);
  const batch = lanes.take();
  t.ok(batch.includes('packet'));
  t.equal(batch.filter((name) => name.startsWith('c')).length, 64);
  t.equal(batch.filter((name) => name.startsWith('b')).length, 64);
  t.end();
});

t.test('a Stop brings the Interims of its session along, in order', (t) => {
  const lanes = limits({ batch: 4 });
  lanes.put('a1', 'interim', 'a', 'n', 0);
  lanes.put('b1', 'interim', 'b', 'n', 0);
  lanes.put('a2', 'interim', 'a', 'n', 0);
  for (const name of names('x', 3)) lanes.put(name, 'session', null, 'n', 0);
  lanes.put('a-stop', 'session', 'a', 'n', 0);
  lanes.put('a3', 'interim', 'a', 'n', 0);
  t.same(lanes.take(), ['x0', 'x1', 'x2', 'a1', 'a2', 'a-stop'], 'even past the end of the batch');
  t.same(lanes.take(), ['b1', 'a3'], 'the others keep their places');
  lanes.put('a4', 'interim', 'a', 'n', 0);
  t.same(lanes.take(), ['a4'], 'and what was taken is not taken again');
  t.end();
});

t.test('a full queue', (t) => {
  const lanes = limits({ capacity: 4 });
  for (const name of names('s', 4)) t.equal(lanes.put(name, 'session', null, name, 0), null);
  t.equal(lanes.put('s4', 'session', null, 'n', 0), 'queue-full');
  t.equal(lanes.put('i', 'interim', null, 'n', 0), 'queue-full');
  t.equal(lanes.put('c', 'control', null, 'addrd', 0), null, 'operators have room of their own');
  for (const name of names('c', 3)) lanes.put(name, 'control', null, 'addrd', 0);
  t.equal(lanes.put('c', 'control', null, 'addrd', 0), 'queue-full', 'but not without end');
  t.equal(lanes.put('b', 'bulk', null, 'addrd', 0), null);
  t.equal(lanes.size, 9, 'what was refused is not queued');
  lanes.take();
  t.equal(lanes.put('s4', 'session', null, 'n', 0), null, 'room again');
  t.end();
});

t.test('one source cannot have it all', (t) => {
  const lanes = limits({ capacity: 100 });
  const put = (source: string): string | null => lanes.put('x', 'session', null, source, 0);
  for (let n = 0; n < 60; n++) t.equal(put('loud'), null, 'alone it may');
  t.equal(put('quiet'), null);
  t.equal(put('loud'), 'source-share', 'not when somebody else is there');
  t.equal(put('quiet'), null, 'who still gets in');
  t.equal(lanes.put('x', 'control', null, 'loud', 0), null, 'orders have no share');
  lanes.take();
  t.equal(put('loud'), null, 'and when all is taken it begins anew');
  t.end();
});

t.test('Interims are shed when the oldest event has waited for a second', (t) => {
  const lanes = limits({});
  t.equal(lanes.age(5), 0);
  lanes.put('s', 'session', null, 'n', 100);
  t.equal(lanes.put('i', 'interim', null, 'n', 1_100), null, 'not at one second');
  t.equal(lanes.put('i', 'interim', null, 'n', 1_101), 'interim-shed', 'but after it');
  t.equal(lanes.put('s', 'session', null, 'n', 5_000), null, 'Starts and Stops are taken');
  t.equal(lanes.age(2_000), 1_900);
  lanes.take();
  t.equal(lanes.age(9_000), 0);
  t.equal(lanes.put('i', 'interim', null, 'n', 9_000), null);
  t.end();
});

t.test('whatever comes: nothing is lost, nothing is doubled, and a session keeps its order', (t) => {
  const chance = seeded(seedOf(t));
  const lanes = new Lanes<{ n: number; key: string | null }>({ capacity: 5_000, shedAfterMs: 50, batch: 16 });
  const waiting = new Map<number, string | null>();
  const last = new Map<string, number>();
  let wrong = 0;
  let refused = 0;
  for (let n = 0; n < 40_000; n++) {
    const lane = chance.pick(['control', 'session', 'session', 'interim', 'interim', 'interim', 'bulk'] as const);
    const key = lane === 'session' || lane === 'interim' ? `s${String(chance.below(40))}` : null;
    if (lanes.put({ n, key }, lane, key, `n${String(chance.below(3))}`, n) === null) waiting.set(n, key);
    else refused++;
    if (chance.below(12) !== 0) continue;
    for (const taken of lanes.take()) {
      if (!waiting.delete(taken.n)) wrong++;
      if (taken.key === null) continue;
      if ((last.get(taken.key) ?? -1) > taken.n) wrong++;
      last.set(taken.key, taken.n);
    }
    if (lanes.size !== waiting.size) wrong++;
  }
  while (lanes.size > 0) for (const taken of lanes.take()) if (!waiting.delete(taken.n)) wrong++;
  t.equal(waiting.size, 0);
  t.equal(wrong, 0);
  t.ok(refused > 0, `${String(refused)} were refused on the way`);
  t.end();
});

t.test('told to shed, no Interim is taken, and everything else is', (t) => {
  const lanes = limits({});
  t.equal(lanes.put('i1', 'interim', null, 'n', 0), null);
  lanes.shed(true);
  t.equal(lanes.put('i2', 'interim', null, 'n', 0), 'interim-shed');
  t.equal(lanes.put('s1', 'session', null, 'n', 0), null);
  t.equal(lanes.put('c1', 'control', null, 'addrd', 0), null);
  lanes.shed(false);
  t.equal(lanes.put('i3', 'interim', null, 'n', 0), null);
  t.strictSame(lanes.take(), ['c1', 's1', 'i1', 'i3'], 'what was queued before is not lost');
  t.end();
});

t.test('another config is the last of its batch: what comes after it is judged by it', (t) => {
  const config: LifecycleEvent = {
    kind: 'config-loaded',
    tenant: 'default',
    vrfs: [],
    pools: [],
    changed: [],
    receivedAt: NOON,
  };
  t.ok(routeOf(config).closes);
  t.notOk(routeOf(allocate('ann', NOON)).closes);
  const lanes = limits({});
  lanes.put('start', 'session', 'k', 'nas', 0);
  lanes.put('order before', 'control', null, 'noc', 0);
  lanes.put('config', 'control', null, 'addrd', 0, true);
  lanes.put('order after', 'control', null, 'noc', 0);
  t.strictSame(lanes.take(), ['order before', 'config']);
  t.strictSame(lanes.take(), ['order after', 'start']);
  t.end();
});
