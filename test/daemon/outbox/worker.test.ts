/** The outbox worker on a real store: what a brake held leaves by itself when it is released, and nothing is lost sight of. */
import t from 'tap';
import { Brakes } from '../../../src/daemon/brakes.js';
import { decide } from '../../../src/daemon/lifecycle/decide.js';
import type { EffectResult, LifecycleEvent } from '../../../src/daemon/lifecycle/events.js';
import type { BreakerKnobs } from '../../../src/daemon/outbox/breaker.js';
import { OutboxWorker } from '../../../src/daemon/outbox/worker.js';
import type { Settlement } from '../../../src/store/commit.js';
import { FakeTime, noChance } from '../../protocols/radius/world.js';
import { acct, allocate, deadline, octets, revoke } from '../../support/events.js';
import { openHouse } from '../../support/house.js';

const noc = { tenant: 'default', actor: 'noc', reason: 'r' } as const;
const NAMES = ['alice', 'bob', 'carol'];

/** Lets everything happen that waits for nothing but its turn. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
}

/** Three customers in service, and the worker behind the door, tied to it as the core does. */
async function rig(
  guardCount = 200,
  breaker?: BreakerKnobs,
  names: readonly string[] = NAMES,
  sourceOf: (name: string) => Uint8Array | undefined = () => undefined,
) {
  const time = new FakeTime();
  const house = await openHouse(time.wallMs());
  house.policy = { ...house.policy, guard: { count: guardCount, floor: 1, share: 1, windowMs: 600_000 } };
  const brakes = new Brakes(() => house.pending.brakes());
  const sent: { readonly session: number; readonly signal: AbortSignal; answer(result: EffectResult): void }[] = [];
  let condemned: LifecycleEvent['kind'] | null = null;
  let full = false;
  let busy = false;
  const commit = async (...events: LifecycleEvent[]): Promise<readonly Settlement[]> => {
    const batch = events.map((event) => ({ event, source: 'test', raw: null, idempotency: null }));
    const committed = await house.door.commitBatch(batch, (world, event) => {
      if (event.kind === condemned) throw new TypeError('condemned on purpose');
      return decide(world, event, house.policy);
    });
    if (brakes.follow(events, committed.settlements)) worker.heed();
    if (committed.outbox.length > 0) worker.notice(committed.outbox);
    return committed.settlements;
  };
  const worker = new OutboxWorker({
    clock: time,
    timers: time,
    random: noChance,
    ...(breaker === undefined ? {} : { breaker }),
    submit: async (event) => (full ? null : ((await commit(event))[0] ?? null)),
    perform: (row, signal) =>
      new Promise((resolve) => {
        signal.addEventListener('abort', () => {
          resolve({ result: 'error', code: 'cancelled' });
        });
        sent.push({ session: row.session, signal, answer: resolve });
      }),
    busy: () => busy,
    held: (target) => brakes.holds(target),
    onResult: () => undefined,
  });
  worker.start([]);
  for (const [n, name] of names.entries()) {
    const address = `100.64.0.${String(n + 1)}`;
    await commit(allocate(name, time.wallMs()));
    const source = sourceOf(name);
    const fields = { username: octets(name), ...(source === undefined ? {} : { source }) };
    await commit(acct('acct-start', `s-${name}`, time.wallMs(), [address], fields));
  }
  const say = async (...events: LifecycleEvent[]): Promise<void> => {
    await commit(...events);
    await settle();
  };
  const rest = {
    condemn: (kind: LifecycleEvent['kind'] | null) => (condemned = kind),
    fill: (is: boolean) => (full = is),
    crowd: (is: boolean) => (busy = is),
  };
  const pass = async (ms: number): Promise<void> => {
    time.advance(ms);
    await settle();
  };
  return { time, house, worker, sent, say, pass, ...rest };
}

type Rig = Awaited<ReturnType<typeof rig>>;

function freeze({ time, say }: Rig): Promise<void> {
  return say({ ...noc, kind: 'freeze', receivedAt: time.wallMs() });
}

function thaw({ time, say }: Rig): Promise<void> {
  return say({ ...noc, kind: 'thaw', receivedAt: time.wallMs() });
}

function statuses({ house }: Rig): unknown[] {
  return house.db.prepare('SELECT status, attempt, outcome FROM outbox ORDER BY id').raw().all();
}

t.test('ordered while frozen: it leaves by the thaw alone', async (t) => {
  const r = await rig();
  await freeze(r);
  await r.say(revoke('alice', r.time.wallMs()));
  await r.pass(3_600_000);
  t.equal(r.sent.length, 0);
  t.match(r.worker.debt(), { waiting: 1, inFlight: 0 });
  await thaw(r);
  t.equal(r.sent.length, 1);
});

t.test('under way when it freezes: cut short, pending, and sent anew by the thaw alone', async (t) => {
  const r = await rig();
  await r.say(revoke('alice', r.time.wallMs()));
  t.equal(r.sent.length, 1);
  await freeze(r);
  t.equal(r.sent[0]?.signal.aborted, true);
  t.strictSame(statuses(r), [['pending', 1, 'error-cancelled']]);
  await r.pass(3_600_000);
  t.equal(r.sent.length, 1);
  await thaw(r);
  t.equal(r.sent.length, 2);
  r.sent[1]?.answer({ result: 'ack' });
  await settle();
  t.strictSame(statuses(r), [['done', 2, 'ack']]);
  t.match(r.worker.debt(), { waiting: 0, inFlight: 0 });
});

t.test('its session ends while it waits for the thaw: it never leaves', async (t) => {
  const r = await rig();
  await freeze(r);
  await r.say(revoke('alice', r.time.wallMs()));
  await r.say(acct('acct-stop', 's-alice', r.time.wallMs(), ['100.64.0.1'], { username: octets('alice') }));
  await thaw(r);
  t.equal(r.sent.length, 0);
  t.strictSame(statuses(r), [['superseded', 0, 'session-ended']]);
  t.equal(r.worker.debt().waiting, 0);
});

t.test('held by the guard: it leaves when the batch is approved of, and not before', async (t) => {
  const r = await rig(1);
  // Each by a token of its own, so that the NAS is what is guarded.
  for (const name of NAMES) await r.say(revoke(name, r.time.wallMs(), { actor: `token:${name}` }));
  t.equal(r.sent.length, 1);
  await r.pass(3_600_000);
  t.equal(r.sent.length, 1);
  await r.say({ ...noc, kind: 'approve', batch: 1, receivedAt: r.time.wallMs() });
  await r.say(deadline('approval', '1', r.time.wallMs()));
  t.equal(r.sent.length, 3);
  t.strictSame(new Set(r.sent.map(({ session }) => session)).size, 3);
});

t.test('approved of while frozen: it leaves with the thaw', async (t) => {
  const r = await rig(1);
  for (const name of NAMES) await r.say(revoke(name, r.time.wallMs(), { actor: `token:${name}` }));
  await freeze(r);
  await r.say({ ...noc, kind: 'approve', batch: 1, receivedAt: r.time.wallMs() });
  await r.say(deadline('approval', '1', r.time.wallMs()));
  t.equal(r.sent.length, 1);
  await thaw(r);
  t.equal(r.sent.length, 4, 'the two, and the one that was under way');
});

for (const ends of ['by its time', 'by hand'] as const) {
  t.test(`maintenance of the NAS that ends ${ends}`, async (t) => {
    const r = await rig();
    const until = r.time.wallMs() + 60_000;
    await r.say({ ...noc, kind: 'maintenance', nas: 'bras', until, receivedAt: r.time.wallMs() });
    await r.say(revoke('alice', r.time.wallMs()));
    await r.pass(60_000);
    t.equal(r.sent.length, 0);
    const at = r.time.wallMs();
    if (ends === 'by hand') await r.say({ ...noc, kind: 'maintenance-end', nas: 'bras', receivedAt: at });
    else await r.say(deadline('maintenance', '1', at));
    t.equal(r.sent.length, 1);
  });
}

t.test('frozen in the batch in which it may leave: it does not', async (t) => {
  const r = await rig();
  r.fill(true);
  await r.say(revoke('alice', r.time.wallMs()));
  r.fill(false);
  const at = r.time.wallMs();
  await r.say({ kind: 'effect-started', outbox: 1, receivedAt: at }, { ...noc, kind: 'freeze', receivedAt: at });
  await r.pass(1_000);
  t.equal(r.sent.length, 0);
  await thaw(r);
  t.equal(r.sent.length, 1);
});

t.test('the store cannot take the outcome: it is offered until it can', async (t) => {
  const r = await rig();
  await r.say(revoke('alice', r.time.wallMs()));
  r.fill(true);
  r.sent[0]?.answer({ result: 'ack' });
  await settle();
  for (let second = 0; second < 5; second++) await r.pass(1_000);
  t.strictSame(statuses(r), [['pending', 1, null]]);
  r.fill(false);
  await r.pass(1_000);
  t.strictSame(statuses(r), [['done', 1, 'ack']]);
  t.equal(r.sent.length, 1);
});

t.test('an outcome that is condemned loses no effect until a restart: it is sent again, and not at once', async (t) => {
  const r = await rig();
  await r.say(revoke('alice', r.time.wallMs()));
  r.condemn('effect-outcome');
  r.sent[0]?.answer({ result: 'timeout' });
  await settle();
  await r.pass(59_000);
  t.equal(r.sent.length, 1);
  r.condemn(null);
  await r.pass(2_000);
  t.equal(r.sent.length, 2);
  r.sent[1]?.answer({ result: 'ack' });
  await settle();
  t.strictSame(statuses(r), [['done', 2, 'ack']]);
});

t.test('what was under way before the circuit broke, and is called back, lets no second probe out', async (t) => {
  const r = await rig(200, { failures: 1, openMs: 30_000 });
  for (const name of NAMES) await r.say(revoke(name, r.time.wallMs(), { actor: `token:${name}` }));
  t.equal(r.sent.length, 3);
  r.sent[0]?.answer({ result: 'timeout' });
  await settle();
  await r.pass(30_000);
  t.equal(r.sent.length, 4, 'the probe');
  r.sent[1]?.answer({ result: 'error', code: 'cancelled' });
  await settle();
  await r.pass(10_000);
  t.equal(r.sent.length, 4);
  r.sent[3]?.answer({ result: 'ack' });
  await settle();
  t.equal(r.sent.length, 5, 'what was called back leaves when the probe was answered');
});

t.test('while packets are waiting, eight are under way at once; afterwards all leave', async (t) => {
  const names = Array.from({ length: 12 }, (_, n) => `s${String(n)}`);
  const r = await rig(200, undefined, names);
  r.crowd(true);
  for (const name of names) await r.say(revoke(name, r.time.wallMs(), { actor: `token:${name}` }));
  t.equal(r.sent.length, 8);
  r.sent[0]?.answer({ result: 'ack' });
  await settle();
  t.equal(r.sent.length, 9, 'one for one');
  await r.pass(1_000);
  t.equal(r.sent.length, 9);
  r.crowd(false);
  await r.pass(10);
  t.equal(r.sent.length, 12);
});

for (const [what, dead, each, patience] of [
  ['each NAS is served in turn', 4, 3, 0],
  ["NASes that do not answer stand in nobody's way for long", 13, 1, 250],
] as const) {
  t.test(`while packets are waiting, ${what}`, async (t) => {
    const names = Array.from({ length: dead * each + 1 }, (_, n) => `s${String(n)}`);
    const nasOf = (name: string): number => 1 + Math.floor(names.indexOf(name) / each);
    const r = await rig(200, undefined, names, (name) => Uint8Array.of(192, 0, 2, nasOf(name)));
    const [live] = r.house.db
      .prepare('SELECT id FROM session WHERE sid = CAST(? AS BLOB)')
      .pluck()
      .all(`s-${String(names.at(-1))}`);
    await freeze(r);
    for (const name of names) await r.say(revoke(name, r.time.wallMs(), { actor: `token:${name}` }));
    r.crowd(true);
    await thaw(r);
    const hasLeft = (): boolean => r.sent.some(({ session }) => session === live);
    t.equal(r.sent.length, 8, 'few at a time');
    if (patience > 0) {
      t.notOk(hasLeft());
      await r.pass(patience);
    }
    t.ok(hasLeft(), 'though none of the others was answered');
    t.equal(r.sent.length, patience > 0 ? names.length : 8);
    t.match(r.worker.debt(), { inFlight: r.sent.length });
    for (const { answer } of r.sent) answer({ result: 'ack' });
    await r.pass(10);
    t.equal(r.sent.length, names.length);
  });
}
