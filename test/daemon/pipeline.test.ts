/** The way to the door, with time, timers and turns driven by hand and the door's answers at will. */
import t from 'tap';
import type { Turn } from '../../src/daemon/clock.js';
import type { LaneLimits } from '../../src/daemon/lanes.js';
import { DEFAULT_LIMITS } from '../../src/daemon/lanes.js';
import { decide } from '../../src/daemon/lifecycle/decide.js';
import type { LifecycleEvent } from '../../src/daemon/lifecycle/events.js';
import { Pipeline, type UnsettledCode } from '../../src/daemon/pipeline.js';
import type { Committed, Settlement, Submission } from '../../src/store/commit.js';
import { StoreError } from '../../src/store/errors.js';
import { FakeTime } from '../protocols/radius/world.js';
import { acct, allocate, NOON, octets, submission } from '../support/events.js';
import { openHouse } from '../support/house.js';

const APPLIED: Settlement = { verdict: 'applied', code: null, detail: null, reply: null, replayed: false };

class HandTurn implements Turn {
  readonly works: (() => void)[] = [];
  defer(work: () => void): void {
    this.works.push(work);
  }
  /** Lets the turns that are due now come; returns whether there was one. */
  next(): boolean {
    const work = this.works.shift();
    work?.();
    return work !== undefined;
  }
}

interface Batch {
  readonly sids: readonly string[];
  commit(count?: number, rest?: StoreError | null): Promise<void>;
  fail(error: Error): Promise<void>;
}

/** What came of promises that are settled: they need microtasks, not time. */
async function settle(): Promise<void> {
  for (let n = 0; n < 20; n++) await Promise.resolve();
}

function bench(limits: Partial<LaneLimits> = {}) {
  const time = new FakeTime();
  const turn = new HandTurn();
  const batches: Batch[] = [];
  const log: string[] = [];
  const label = ({ event }: Submission<LifecycleEvent>): string =>
    'sid' in event ? new TextDecoder().decode(event.sid) : event.kind;
  const pipeline = new Pipeline({
    commit: (batch) =>
      new Promise<Committed>((resolve, reject) => {
        batches.push({
          sids: batch.map(label),
          commit: async (count = batch.length, rest = null) => {
            resolve({
              settlements: batch.slice(0, count).map(() => APPLIED),
              outbox: [],
              dueAt: null,
              revoked: [],
              journal: 0,
              rest,
            });
            await settle();
          },
          fail: async (error) => {
            reject(error);
            await settle();
          },
        });
      }),
    clock: time,
    timers: time,
    turn,
    limits: { ...DEFAULT_LIMITS, ...limits },
    onCommitted: (committed, events) => {
      log.push(`committed ${String(committed.settlements.length)}/${String(events.length)}`);
    },
    onStore: (trouble) => log.push(`store ${trouble?.code ?? 'up'}`),
    onFault: (error) => log.push(`fault ${String(error)}`),
    onLost: (error) => log.push(`lost ${error instanceof StoreError ? error.code : String(error)}`),
  });
  const answers: [name: string, answer: string][] = [];
  const hear =
    (name: string) =>
    (settlement: Settlement | null, why: UnsettledCode | null): void => {
      answers.push([name, settlement?.verdict ?? why ?? 'neither']);
    };
  return {
    time,
    turn,
    batches,
    log,
    answers,
    pipeline,
    start: (name: string, nas?: string) => {
      const fields = nas === undefined ? {} : { source: octets(nas) };
      pipeline.submit(submission(acct('acct-start', name, NOON, [], fields)), hear(name));
    },
    interim: (name: string) => {
      pipeline.submit(submission(acct('acct-interim', name, NOON)), hear(`${name}+`));
    },
    stop: (name: string) => {
      pipeline.submit(submission(acct('acct-stop', name, NOON)), hear(`${name}-`));
    },
    order: (name: string) => {
      pipeline.submit(submission(allocate(name, NOON)), hear(name));
    },
  };
}

t.test('nothing is answered before its commit has returned', async (t) => {
  const b = bench();
  b.start('a');
  b.start('b');
  t.same([b.batches.length, b.answers], [0, []], 'queued');
  t.same(b.pipeline.queue(), { size: 2, ageMs: 0 });
  b.time.advance(2);
  t.same(b.pipeline.queue(), { size: 2, ageMs: 2 });
  t.ok(b.turn.next());
  t.equal(b.batches.length, 1, 'one turn later it is on its way');
  b.start('c');
  await settle();
  t.same(b.answers, [], 'and still not answered');
  t.notOk(b.turn.next(), 'while it commits, what comes waits');
  await b.batches[0]?.commit();
  t.same(b.answers, [
    ['a', 'applied'],
    ['b', 'applied'],
  ]);
  t.same(b.log, ['committed 2/2'], 'workers hear of it first');
  t.ok(b.turn.next());
  t.same(b.batches[1]?.sids, ['c']);
  await b.batches[1]?.commit();
  t.equal(b.answers.length, 3);
});

t.test('a turn that brought all it could is waited for', (t) => {
  const flood = (b: ReturnType<typeof bench>, turn: number, count: number): void => {
    for (let n = 0; n < count; n++) b.start(`${String(turn)}.${String(n)}`);
  };
  const quiet = bench();
  flood(quiet, 0, 31);
  quiet.turn.next();
  t.equal(quiet.batches[0]?.sids.length, 31, 'fewer than 32 are committed at once');

  const ebbing = bench();
  flood(ebbing, 0, 32);
  ebbing.turn.next();
  t.equal(ebbing.batches.length, 0, '32 are not');
  flood(ebbing, 1, 5);
  ebbing.turn.next();
  t.equal(ebbing.batches[0]?.sids.length, 37, 'until a turn brings fewer');

  const steady = bench();
  for (let n = 0; n < 8; n++) {
    flood(steady, n, 32);
    t.equal(steady.batches.length, 0, `turn ${String(n)}`);
    steady.turn.next();
  }
  t.equal(steady.batches[0]?.sids.length, 256, 'or the batch is full');

  const slow = bench();
  flood(slow, 0, 32);
  slow.turn.next();
  slow.time.advance(2.9);
  flood(slow, 1, 32);
  slow.turn.next();
  t.equal(slow.batches.length, 0);
  slow.time.advance(0.1);
  flood(slow, 2, 32);
  slow.turn.next();
  t.equal(slow.batches[0]?.sids.length, 96, 'or 3 ms have passed');
  t.end();
});

t.test('after a long commit a batch is held open longer, while turns are full', async (t) => {
  const b = bench();
  const flood = (turn: number): void => {
    for (let n = 0; n < 32; n++) b.start(`${String(turn)}.${String(n)}`);
  };
  t.notOk(b.pipeline.flooded);
  b.start('first');
  b.turn.next();
  t.notOk(b.pipeline.flooded);
  b.time.advance(20);
  await b.batches[0]?.commit();
  flood(0);
  b.turn.next();
  t.ok(b.pipeline.flooded);
  b.time.advance(9.9);
  flood(1);
  b.turn.next();
  t.equal(b.batches.length, 1, 'half of the 20 ms of the last one');
  b.time.advance(0.1);
  flood(2);
  b.turn.next();
  t.equal(b.batches[1]?.sids.length, 96);
  await b.batches[1]?.commit();
  b.time.advance(99);
  t.ok(b.pipeline.flooded);
  b.time.advance(1);
  t.notOk(b.pipeline.flooded, 'and a moment later it is over');
  for (let n = 0; n < 40; n++) b.order(`s${String(n)}`);
  b.turn.next();
  t.notOk(b.pipeline.flooded, 'orders are no flood');
  t.equal(b.batches.length, 3);
});

t.test('orders go first, and a Stop takes its Interim along', (t) => {
  const b = bench();
  b.interim('x');
  b.interim('a');
  b.start('b');
  b.stop('a');
  b.order('ann');
  b.turn.next();
  t.same(b.batches[0]?.sids, ['allocate', 'b', 'a', 'a', 'x']);
  t.end();
});

t.test('what cannot be queued is told at once', async (t) => {
  const b = bench({ capacity: 3 });
  for (const name of ['a', 'b', 'c', 'd']) b.start(name);
  t.same(b.answers, [['d', 'queue-full']]);
  t.notOk(b.pipeline.accepts(), 'and it is known before anybody asks for room');
  b.turn.next();
  await b.batches[0]?.commit();
  t.ok(b.pipeline.accepts());
  t.equal(b.answers.length, 4, 'each once');

  const shed = bench();
  shed.start('a');
  shed.time.advance(1_001);
  shed.interim('b');
  shed.start('c');
  t.same(shed.answers, [['b+', 'interim-shed']]);

  const share = bench({ capacity: 8 });
  for (let n = 0; n < 5; n++) share.start(`l${String(n)}`, 'loud');
  share.start('q', 'quiet');
  share.start('l5', 'loud');
  share.start('q1', 'quiet');
  t.same(share.answers, [['l5', 'source-share']]);
});

t.test('a full store: silence, a probe each second, and open again', async (t) => {
  const b = bench();
  b.start('a');
  b.turn.next();
  b.start('b');
  await b.batches[0]?.fail(new StoreError('store-full', 'x'));
  t.same(b.answers, [
    ['a', 'store-unavailable'],
    ['b', 'store-unavailable'],
  ]);
  t.same(b.log, ['store store-full']);
  t.notOk(b.pipeline.accepts());
  b.start('c');
  t.same(b.answers[2], ['c', 'store-unavailable'], 'nothing is queued that cannot be kept');
  t.equal(b.pipeline.queue().size, 0);
  b.time.advance(999);
  t.equal(b.batches.length, 1);
  for (let n = 1; n <= 3; n++) {
    b.time.advance(n === 1 ? 1 : 1_000);
    t.same(b.batches[n]?.sids, ['heartbeat'], `probe ${String(n)}`);
    t.equal(b.batches.length, n + 1);
    await b.batches[n]?.fail(new StoreError('store-full', 'x'));
  }
  b.time.advance(1_000);
  await b.batches[4]?.commit();
  t.same(b.log, ['store store-full', 'store up']);
  t.ok(b.pipeline.accepts());
  b.time.advance(10_000);
  t.equal(b.batches.length, 5, 'and no more probes');
  b.start('d');
  b.turn.next();
  await b.batches[5]?.commit();
  t.same(b.answers[3], ['d', 'applied']);
});

t.test('a batch that was committed in part', async (t) => {
  const b = bench();
  for (const name of ['a', 'b', 'c', 'd']) b.start(name);
  b.turn.next();
  b.start('e');
  await b.batches[0]?.commit(2, new StoreError('store-full', 'x'));
  t.same(b.answers, [
    ['a', 'applied'],
    ['b', 'applied'],
    ['c', 'store-unavailable'],
    ['d', 'store-unavailable'],
    ['e', 'store-unavailable'],
  ]);
  t.same(b.log, ['committed 2/2', 'store store-full']);
});

t.test('a lost store ends it, once', async (t) => {
  for (const error of [new StoreError('store-lost', 'x'), new TypeError('not even a StoreError')]) {
    const b = bench();
    b.start('a');
    b.turn.next();
    b.start('b');
    await b.batches[0]?.fail(error);
    b.start('c');
    t.same(
      b.answers.map(([, answer]) => answer),
      ['store-unavailable', 'store-unavailable', 'store-unavailable'],
    );
    b.time.advance(60_000);
    t.notOk(b.turn.next());
    t.equal(b.batches.length, 1, 'nothing is tried again');
    t.same(b.log.length, 1);
    t.match(b.log[0], /^lost/);
  }
  const probed = bench();
  probed.start('a');
  probed.turn.next();
  await probed.batches[0]?.fail(new StoreError('store-busy', 'x'));
  probed.time.advance(1_000);
  await probed.batches[1]?.fail(new StoreError('store-lost', 'x'));
  probed.time.advance(60_000);
  t.same(probed.log, ['store store-busy', 'lost store-lost'], 'a probe can lose it too');
  t.equal(probed.batches.length, 2);
});

t.test('stopping commits what is queued and takes no more', async (t) => {
  const b = bench();
  b.start('a');
  b.turn.next();
  b.start('b');
  let stopped = 0;
  const done = [b.pipeline.stop(), b.pipeline.stop()].map((promise) => promise.then(() => stopped++));
  b.start('c');
  t.same(b.answers, [['c', 'stopping']]);
  await b.batches[0]?.commit();
  t.equal(stopped, 0, 'b is still to come');
  b.turn.next();
  await b.batches[1]?.commit();
  await Promise.all(done);
  t.same(b.answers, [
    ['c', 'stopping'],
    ['a', 'applied'],
    ['b', 'applied'],
  ]);
  await b.pipeline.stop();
  await bench().pipeline.stop();
  t.equal(stopped, 2, 'stopping an idle one is no wait');

  const failing = bench();
  failing.start('a');
  failing.turn.next();
  failing.start('b');
  const end = failing.pipeline.stop();
  await failing.batches[0]?.fail(new StoreError('store-full', 'x'));
  await end;
  t.same(
    failing.answers.map(([, answer]) => answer),
    ['store-unavailable', 'store-unavailable'],
  );
  failing.time.advance(60_000);
  t.equal(failing.batches.length, 1, 'and nothing is probed after the stop');

  const down = bench();
  down.start('a');
  down.turn.next();
  await down.batches[0]?.fail(new StoreError('store-full', 'x'));
  await down.pipeline.stop();
  down.time.advance(60_000);
  t.equal(down.batches.length, 1, 'nor where the store was away before the stop');
  const probing = bench();
  probing.start('a');
  probing.turn.next();
  await probing.batches[0]?.fail(new StoreError('store-full', 'x'));
  probing.time.advance(1_000);
  const last = probing.pipeline.stop().then(() => stopped++);
  await settle();
  t.equal(stopped, 2, 'a probe under way is waited for: the store is not to be closed beneath it');
  await probing.batches[1]?.commit();
  await last;
});

t.test('a sender that throws is told of, and the others hear their verdicts', async (t) => {
  const b = bench();
  b.start('a');
  b.pipeline.submit(submission(acct('acct-start', 'bad', NOON)), () => {
    throw new TypeError('no');
  });
  b.start('c');
  b.turn.next();
  await b.batches[0]?.commit();
  t.same(b.answers, [
    ['a', 'applied'],
    ['c', 'applied'],
  ]);
  t.same(b.log, ['committed 3/3', 'fault TypeError: no']);
});

t.test('idle', async (t) => {
  const b = bench();
  await b.pipeline.idle();
  b.start('a');
  let idle = false;
  const waiting = b.pipeline.idle().then(() => (idle = true));
  await settle();
  t.notOk(idle);
  b.turn.next();
  await b.batches[0]?.commit();
  await waiting;
  t.ok(idle);
});

t.test('on a real door', async (t) => {
  const house = await openHouse(NOON);
  const time = new FakeTime();
  const turn = new HandTurn();
  const { door, db } = house;
  const pipeline = new Pipeline({
    commit: (batch) => door.commitBatch(batch, (world, event) => decide(world, event, house.policy)),
    clock: time,
    timers: time,
    turn,
    onCommitted: () => undefined,
    onStore: () => undefined,
    onFault: () => undefined,
    onLost: () => undefined,
  });
  const seen: unknown[] = [];
  pipeline.submit(submission(allocate('ann', NOON)), (settlement) => {
    seen.push([settlement?.verdict, db.inTransaction, db.prepare('SELECT count(*) FROM live').pluck().get()]);
  });
  turn.next();
  await pipeline.idle();
  t.same(seen, [['applied', false, 1]], 'what is answered is in the database');
});
