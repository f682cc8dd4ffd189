/** How events fall into batches changes nothing: random histories one by one and in random groups leave the same rows. */
import type Database from 'better-sqlite3';
import t, { type Test } from 'tap';
import type { LifecycleEvent } from '../../src/daemon/lifecycle/events.js';
import type { FaultPoint, Settlement } from '../../src/store/commit.js';
import { acct, allocate, deadline, NOON, nasOn, octets, revoke } from '../support/events.js';
import { openHouse, prefix, type House } from '../support/house.js';
import { invariants } from '../support/invariants.js';
import { seeded, seedOf, type Chance } from '../support/seeded.js';

const HISTORIES = 20;
const LENGTH = 120;

const SUBSCRIBERS = ['ann', 'bob', 'cid', 'dan', 'eve', 'fay'];
const SIDS = ['a', 'b', 'c', 'd', 'e'];
const SOURCES = [Uint8Array.of(192, 0, 2, 1), Uint8Array.of(192, 0, 2, 2)];
const ADDRESSES = Array.from({ length: 7 }, (_, n) => `100.64.0.${String(n)}`);

/** Short, so that a history of minutes sees quarantines, silences and epochs end. */
const KNOBS = {
  interimRoundMs: 20_000,
  epochGraceMs: 15_000,
  ackGraceMs: 1_000,
  evidenceTimeoutMs: 60_000,
  gapToleranceMs: 10_000,
} as const;

async function open(): Promise<{ house: House; transactions: () => number }> {
  let begun = 0;
  const faultAt = (point: FaultPoint): boolean => {
    if (point === 'after-begin') begun++;
    return false;
  };
  const house = await openHouse(NOON, KNOBS, { faultAt });
  house.db.exec("UPDATE pool SET quarantine_ms = iif(name = 'v4', 5000, 0)");
  return { house, transactions: () => begun };
}

/** Every row of every table. */
function dump(db: Database.Database): Record<string, string[]> {
  const tables = db
    .prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name")
    .pluck()
    .all() as string[];
  // Which states were passed through depends on the batches: a row is written once in each. What is counted there does not.
  const where = (name: string): string => (name === 'assignment_count' ? ' WHERE count <> 0' : '');
  const rows = (name: string): string[] =>
    db
      .prepare(`SELECT * FROM ${name}${where(name)}`)
      .all()
      .map((row) => JSON.stringify(row))
      .sort();
  return Object.fromEntries(tables.map((name) => [name, rows(name)]));
}

/** The next thing to happen. Deadlines and effects are those that the world at hand calls for. */
function next(chance: Chance, house: House, now: number): LifecycleEvent {
  const who = chance.pick(SUBSCRIBERS);
  const sid = chance.pick(SIDS);
  const shown = chance.below(4) === 0 ? [] : [chance.pick(ADDRESSES)];
  const usage = {
    source: chance.pick(SOURCES),
    seconds: chance.below(60),
    username: chance.below(3) === 0 ? octets(who) : null,
    inputOctets: chance.below(1_000),
  };
  switch (chance.below(14)) {
    case 0:
    case 1:
      return allocate(who, now, { family: chance.below(5) === 0 ? 'ipv6' : 'ipv4' });
    case 2:
      return allocate(who, now, { requested: prefix(chance.pick(ADDRESSES)) });
    case 3:
      return revoke(who, now, { releaseToPool: chance.below(8) !== 0, sendDisconnect: chance.below(4) !== 0 });
    case 4:
    case 5:
      return acct('acct-start', sid, now, shown, { ...usage, seconds: 0 });
    case 6:
    case 7:
      return acct('acct-interim', sid, now, shown, usage);
    case 8:
      return acct('acct-stop', sid, now, shown, usage);
    case 9:
      return chance.below(4) === 0
        ? nasOn(now)
        : {
            kind: 'activate',
            tenant: 'default',
            actor: 'test',
            subscriber: who,
            family: null,
            prefix: null,
            receivedAt: now,
          };
    case 10: {
      const [effect] = house.pending.effects();
      if (effect === undefined) break;
      if (effect.startedAt === null || effect.outcome !== null)
        return { kind: 'effect-started', outbox: effect.id, receivedAt: now };
      const outcome = chance.pick([
        { result: 'ack' },
        { result: 'nak', errorCause: 503 },
        { result: 'nak', errorCause: 506 },
        { result: 'timeout' },
      ] as const);
      return {
        kind: 'effect-outcome',
        outbox: effect.id,
        attempt: effect.attempt,
        outcome,
        jitter: 0.5,
        receivedAt: now,
      };
    }
    default: {
      const [due] = house.pending.due(now, 1);
      if (due !== undefined) return deadline(due.kind, due.ref, now);
    }
  }
  return { kind: 'heartbeat', receivedAt: now };
}

/** A history made while it happens, one event a batch. */
async function live(t: Test, chance: Chance, house: House): Promise<{ events: LifecycleEvent[]; said: Settlement[] }> {
  const events: LifecycleEvent[] = [];
  const said: Settlement[] = [];
  let now = NOON;
  for (let n = 0; n < LENGTH; n++) {
    now += chance.pick([0, 0, 0, 10, 1_000, 4_000, 9_000]);
    const event = next(chance, house, now);
    events.push(event);
    said.push(...(await house.say(event)));
    const broken = invariants(house.db, house.policy);
    if (broken.length > 0) t.same(broken, [], `after event ${String(n)}: ${JSON.stringify(event.kind)}`);
  }
  return { events, said };
}

t.test('the same history in other batches', async (t) => {
  const seed = seedOf(t);
  const chance = seeded(seed);
  const kinds = new Map<string, number>();
  for (let n = 0; n < HISTORIES; n++) {
    const one = await open();
    const { events, said } = await live(t, chance, one.house);
    events.forEach((event, index) => {
      const { verdict, code } = said[index] ?? { verdict: 'none', code: null };
      const kind = `${event.kind} ${verdict} ${code ?? ''}`;
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    });
    const expected = dump(one.house.db);
    for (const largest of [3, 12, 64, LENGTH]) {
      const { house, transactions } = await open();
      const before = transactions();
      const again: Settlement[] = [];
      let batches = 0;
      for (let from = 0; from < events.length; batches++) {
        const size = largest === LENGTH ? LENGTH : 1 + chance.below(largest);
        again.push(...(await house.say(...events.slice(from, from + size))));
        from += size;
        const broken = invariants(house.db, house.policy);
        if (broken.length > 0) t.same(broken, [], `history ${String(n)}, batches of up to ${String(largest)}`);
      }
      const where = `history ${String(n)}, batches of up to ${String(largest)}, SEED=${String(seed)}`;
      // Only what differs is worth a line: sixty histories make many.
      if (JSON.stringify(again) !== JSON.stringify(said)) t.same(again, said, `verdicts: ${where}`);
      const rows = dump(house.db);
      for (const [table, theirs] of Object.entries(expected)) {
        if (JSON.stringify(rows[table]) !== JSON.stringify(theirs)) t.same(rows[table], theirs, `${table}: ${where}`);
      }
      if (transactions() - before !== batches)
        t.equal(transactions() - before, batches, `no batch was halved: ${where}`);
      house.db.close();
    }
    one.house.db.close();
  }
  t.comment(
    [...kinds]
      .sort()
      .map(([kind, count]) => `${kind}: ${String(count)}`)
      .join(', '),
  );
  const wanted: readonly LifecycleEvent['kind'][] = [
    'allocate',
    'revoke',
    'acct-start',
    'acct-stop',
    'acct-interim',
    'deadline',
    'nas-on',
    'effect-started',
    'effect-outcome',
  ];
  for (const kind of wanted) {
    t.ok(
      [...kinds.keys()].some((seen) => seen.startsWith(`${kind} applied`)),
      `${kind} was applied`,
    );
  }
  t.ok(
    [...kinds.keys()].some((kind) => kind.endsWith('conflict contested')),
    'addresses were contested',
  );
  t.notOk(
    [...kinds.keys()].some((kind) => kind.includes('faulted')),
    'and nothing was faulted',
  );
});
