/** What a brake holds, it holds whatever happens; and what it held goes on by itself when it is released. */
import t from 'tap';
import type { LifecycleEvent } from '../../../src/daemon/lifecycle/events.js';
import { acct, allocate, deadline, NOON, octets, revoke } from '../../support/events.js';
import { openHouse, POOLS, type House } from '../../support/house.js';
import { invariants } from '../../support/invariants.js';

const SECOND = 1_000;
const MINUTE = 60_000;
const DAY = 86_400_000;
const alice = { username: octets('alice') };
const noc = { tenant: 'default', actor: 'noc' } as const;

function freeze(at: number): LifecycleEvent {
  return { ...noc, kind: 'freeze', reason: 'wrong list', receivedAt: at };
}

function thaw(at: number): LifecycleEvent {
  return { ...noc, kind: 'thaw', reason: null, receivedAt: at };
}

/** Everything that is due by `now`, as the daemon's timer takes it, until nothing is. Returns how many there were. */
async function fire(house: House, now: number): Promise<number> {
  let fired = 0;
  for (let round = 0; round < 20; round++) {
    const due = house.pending.due(now, 500);
    if (due.length === 0) return fired;
    fired += due.length;
    await house.say(...due.map(({ kind, ref }) => deadline(kind, ref, now)));
  }
  throw new RangeError('it never ends');
}

function states(house: House): unknown[] {
  return house.db.prepare('SELECT state FROM assignment ORDER BY id').pluck().all();
}

function units(house: House): unknown[] {
  return house.db.prepare('SELECT state FROM pool_free ORDER BY net').pluck().all();
}

function freed(house: House): number {
  return house.db
    .prepare("SELECT count(*) FROM journal WHERE kind = 'address-free' OR to_state = 'revoked'")
    .pluck()
    .get() as number;
}

async function inService(names: readonly string[]): Promise<House> {
  const house = await openHouse(NOON);
  for (const [n, name] of names.entries()) {
    const at = NOON + n;
    await house.say(allocate(name, at));
    const address = `100.64.0.${String(n + 1)}`;
    await house.say(acct('acct-start', `s-${name}`, at, [address], { username: octets(name) }));
  }
  return house;
}

t.test('while frozen a Stop revokes nothing; the thaw alone lets it end', async (t) => {
  const house = await inService(['alice']);
  await house.say(revoke('alice', NOON + SECOND), freeze(NOON + 2 * SECOND));
  await house.say(acct('acct-stop', 's-alice', NOON + 3 * SECOND, ['100.64.0.1'], alice));
  t.strictSame(states(house), ['revoking']);
  for (const at of [10 * SECOND, MINUTE, 30 * MINUTE, DAY]) await fire(house, NOON + at);
  t.strictSame([states(house), freed(house)], [['revoking'], 0]);
  t.equal(house.pending.nextDue(), null, 'nothing turns in circles while it is frozen');
  await house.say(thaw(NOON + DAY + SECOND));
  t.ok((house.pending.nextDue() ?? Infinity) <= NOON + DAY + SECOND, 'it is due at once');
  await fire(house, NOON + DAY + SECOND);
  t.strictSame(states(house), ['revoked']);
  t.strictSame(invariants(house.db, house.policy), []);
});

t.test('while frozen a revoke of what is idle waits, and so does what nobody was ever seen on', async (t) => {
  const house = await inService(['alice', 'bob']);
  await house.say(allocate('carol', NOON));
  await house.say(acct('acct-stop', 's-alice', NOON + MINUTE, ['100.64.0.1'], alice));
  await house.say(freeze(NOON + 10 * MINUTE));
  const later = NOON + 11 * MINUTE;
  await house.say(revoke('alice', later), revoke('carol', later));
  await house.say(acct('acct-interim', 's-bob', later, ['100.64.0.2'], { username: octets('bob'), seconds: 660 }));
  await fire(house, NOON + DAY);
  t.strictSame(states(house), ['revoking', 'active', 'revoking']);
  const told = house.db.prepare("SELECT outcome FROM assignment_step WHERE step = 'evidence' AND assignment = 1");
  t.match(told.pluck().get(), /^frozen by noc since /);
  await house.say(thaw(NOON + DAY));
  await fire(house, NOON + DAY);
  t.equal(states(house)[0], 'revoked');
});

t.test('while frozen no quarantine ends, for a Stop or anything else; after the thaw it does', async (t) => {
  const house = await inService(['alice', 'bob']);
  await house.say(revoke('alice', NOON + SECOND));
  await house.say(acct('acct-stop', 's-alice', NOON + 2 * SECOND, ['100.64.0.1'], alice));
  t.strictSame([states(house), units(house)], [['revoked', 'active'], ['quarantined']]);
  await house.say(freeze(NOON + 3 * SECOND));
  // A stranger comes and goes on the address in quarantine, which begins anew; a stranger elsewhere begins another.
  const mallory = { username: octets('mallory') };
  for (const [sid, address] of [
    ['x1', '100.64.0.1'],
    ['x2', '100.64.0.9'],
  ] as const) {
    await house.say(acct('acct-start', sid, NOON + MINUTE, [address], mallory));
    await house.say(acct('acct-stop', sid, NOON + 2 * MINUTE, [address], mallory));
  }
  await house.say({ kind: 'daemon-started', tenant: 'default', pools: POOLS, receivedAt: NOON + 3 * MINUTE });
  await fire(house, NOON + DAY);
  // An event that was on its way when the freeze was committed is decided after it.
  const [late] = await house.say(deadline('quarantine', house.db.prepare(REF).pluck().get() as string, NOON + DAY));
  t.match(late, { verdict: 'stale', code: 'frozen' });
  t.strictSame(units(house), ['quarantined', 'quarantined']);
  t.equal(freed(house), 1);
  await house.say(thaw(NOON + DAY));
  await fire(house, NOON + DAY);
  t.strictSame(units(house), ['free', 'free']);
  t.strictSame(invariants(house.db, house.policy), []);
});

const REF = "SELECT ref FROM deadline WHERE kind = 'quarantine' ORDER BY due_at LIMIT 1";

const GUARD = { count: 2, floor: 2, share: 1, windowMs: 10 * MINUTE };

/** Three revokes, of which the guard holds one back. */
async function guarded(): Promise<House> {
  const house = await inService(['alice', 'bob', 'carol']);
  house.policy = { ...house.policy, guard: GUARD };
  for (const name of ['alice', 'bob', 'carol']) await house.say(revoke(name, NOON + SECOND, { actor: 'token:crm' }));
  return house;
}

function approve(at: number): LifecycleEvent {
  return { ...noc, kind: 'approve', batch: 1, reason: null, receivedAt: at };
}

t.test('a revoke that waits for approval never expires, over restarts and however long the window', async (t) => {
  const house = await guarded();
  t.strictSame(states(house), ['revoking', 'revoking', 'active']);
  for (const days of [1, 30, 400]) {
    const now = NOON + days * DAY;
    await house.say({ kind: 'daemon-started', tenant: 'default', pools: POOLS, receivedAt: now });
    await fire(house, now);
    const [again] = await house.say(revoke('carol', now, { actor: 'token:crm' }));
    t.match(again, { verdict: 'duplicate', code: 'awaiting-approval', reply: { batch: 1 } }, `day ${String(days)}`);
  }
  t.equal(states(house)[2], 'active');
  await house.say(approve(NOON + 401 * DAY));
  await fire(house, NOON + 401 * DAY);
  t.equal(states(house)[2], 'revoking');
});

t.test('approving twice is harmless, before, between and after its slices', async (t) => {
  const house = await guarded();
  const now = NOON + MINUTE;
  const cuts = (): unknown =>
    house.db.prepare("SELECT count(*) FROM journal WHERE to_state = 'revoking'").pluck().get();
  const effects = (): unknown => house.db.prepare('SELECT count(*) FROM outbox').pluck().get();
  const answers = await house.say(approve(now), approve(now));
  t.match(answers, [{ verdict: 'applied' }, { verdict: 'duplicate', code: 'already-approved', reply: { batch: 1 } }]);
  await house.say(deadline('approval', '1', now), approve(now), deadline('approval', '1', now));
  await fire(house, now);
  t.strictSame([cuts(), effects()], [3, 3]);
  const [third] = await house.say(approve(now + SECOND));
  t.match(third, { verdict: 'duplicate', code: 'already-approved' });
  await fire(house, now + DAY);
  t.strictSame([cuts(), effects()], [3, 3]);
  const [other] = await house.say({ ...noc, kind: 'reject', batch: 1, reason: null, receivedAt: now });
  t.match(other, { verdict: 'refused', code: 'batch-decided' });
  t.strictSame(invariants(house.db, house.policy), []);
});
