/** Pools that the config drops, brings back and renames while people use their addresses. */
import fc from 'fast-check';
import t from 'tap';
import { contains, formatPrefix, type Prefix } from '../../../src/daemon/lifecycle/address.js';
import type { ConfiguredPool } from '../../../src/daemon/lifecycle/events.js';
import { includes, rangeOf, unitNumber, type UnitRange } from '../../../src/daemon/lifecycle/ranges.js';
import { partsOf } from '../../../src/daemon/lifecycle/zones.js';
import { acct, allocate, deadline, NOON, octets, revoke } from '../../support/events.js';
import { openHouse, policyPools, POOLS, prefix, type House } from '../../support/house.js';
import { invariants } from '../../support/invariants.js';
import { seedOf } from '../../support/seeded.js';

const MINUTE = 60_000;
const DAY = 86_400_000;

/** `v4` with another name, or of another size; each with a quarantine. */
function v4(fields: Partial<ConfiguredPool> = {}): ConfiguredPool {
  const [first] = POOLS;
  if (first === undefined) throw new TypeError('no pools');
  return { ...first, ...fields };
}

/** A SIGHUP with these pools; the policy changes with it, or stays where it is refused. */
async function load(house: House, pools: readonly ConfiguredPool[], at: number): Promise<string | null> {
  const [told] = await house.say({
    kind: 'config-loaded',
    tenant: 'default',
    pools,
    changed: ['pools'],
    receivedAt: at,
  });
  if (told?.verdict !== 'applied') return told?.code ?? 'nothing';
  house.policy = { ...house.policy, pools: policyPools(house.pending, pools) };
  return null;
}

/** Decides what falls due until `to`. */
async function pass(house: House, to: number): Promise<void> {
  for (let turns = 0; turns < 1_000; turns++) {
    const due = house.pending.nextDue();
    if (due === null || due > to) return;
    for (const { kind, ref } of house.pending.due(due, 500)) await house.say(deadline(kind, ref, due));
  }
  throw new RangeError('deadlines do not come to an end');
}

async function ask(
  house: House,
  subscriber: string,
  at: number,
  address: string | null,
  pool = 'v4',
): Promise<unknown> {
  const requested = address === null ? null : prefix(address);
  const [told] = await house.say(allocate(subscriber, at, { pool, requested }));
  return told?.code ?? told?.verdict;
}

/** The NAS is heard at these times, and nobody shows himself; what falls due until then is decided. */
async function hear(house: House, ...times: readonly number[]): Promise<void> {
  const { nas, entry, source } = acct('acct-interim', 'x', NOON, []);
  for (const receivedAt of times) {
    await house.say({ kind: 'acct-odd', reason: 'missing-session-id', nas, entry, source, receivedAt });
    await pass(house, receivedAt);
  }
}

function named(text: string): { username: Uint8Array } {
  return { username: octets(text) };
}

t.test(
  'a pool that was renamed there and back hands out nothing that its heir holds, bars or saw occupied',
  async (t) => {
    const heirs = [v4({ name: 'v4b', quarantineMs: DAY })];
    const back = [v4({ quarantineMs: DAY })];
    for (const use of ['held', 'quarantined', 'occupied'] as const) {
      const house = await openHouse(NOON);
      t.equal(await load(house, heirs, NOON + 1), null);
      const name = use === 'occupied' ? 'stranger' : 'ann';
      if (use !== 'occupied') await house.say(allocate('ann', NOON + 2));
      await house.say(acct('acct-start', 'a', NOON + 3, ['100.64.0.1'], named(name)));
      if (use === 'quarantined') await house.say(revoke('ann', NOON + 4), acct('acct-stop', 'a', NOON + 5));
      t.equal(await load(house, back, NOON + 2_000), 'pool-overlaps', use);
      t.match(house.db.prepare('SELECT name, retired_at FROM pool WHERE vrf = 0 AND plen = 28').all(), [
        { name: 'v4', retired_at: NOON + 1 },
        { name: 'v4b', retired_at: null },
      ]);
      t.match(await house.say({ kind: 'daemon-started', tenant: 'default', pools: back, receivedAt: NOON + 3_000 }), [
        { verdict: 'refused', code: 'pool-overlaps' },
      ]);
      t.same(invariants(house.db, house.policy), []);
      if (use === 'held') await house.say(revoke('ann', NOON + 4_000));
      if (use !== 'quarantined') await house.say(acct('acct-stop', 'a', NOON + 5_000));
      await pass(house, NOON + 2 * DAY);
      t.equal(await load(house, back, NOON + 2 * DAY), null, 'and may come back when all is free');
    }
  },
);

t.test(
  'an address is in quarantine for as long as the config last said, also while its pool is out of it',
  async (t) => {
    const house = await openHouse(NOON);
    const pools = [v4({ quarantineMs: DAY })];
    await load(house, pools, NOON);
    await house.say(allocate('ann', NOON), acct('acct-start', 'a', NOON + 1, ['100.64.0.1'], named('ann')));
    await house.say(acct('acct-start', 'x', NOON + 1, ['100.64.0.9'], named('stranger')));
    await load(house, [], NOON + 2);
    await house.say(revoke('ann', NOON + 3), acct('acct-stop', 'a', NOON + 4), acct('acct-stop', 'x', NOON + 4));
    t.strictSame(house.db.prepare('SELECT state, free_at FROM pool_free ORDER BY net').raw().all(), [
      ['quarantined', NOON + 4 + DAY],
      ['quarantined', NOON + 4 + DAY],
    ]);
    await pass(house, NOON + MINUTE);
    await load(house, pools, NOON + MINUTE);
    t.equal(await ask(house, 'bob', NOON + MINUTE, '100.64.0.1'), 'address-quarantined');
    t.equal(await ask(house, 'ann', NOON + MINUTE, '100.64.0.1'), 'applied', 'the last one needs none');
  },
);

t.test('a stranger who leaves while the pool is out of the config leaves nothing behind', async (t) => {
  const house = await openHouse(NOON);
  await house.say(acct('acct-start', 'x', NOON + 1, ['100.64.0.5'], named('stranger')));
  await load(house, POOLS.slice(1), NOON + 2);
  await house.say(acct('acct-stop', 'x', NOON + MINUTE));
  t.strictSame(house.db.prepare('SELECT state, occupants FROM pool_free').raw().all(), [['quarantined', 0]]);
  t.strictSame(house.db.prepare('SELECT cause, active, cleared_at FROM alarm').raw().all(), [
    ['occupied', 0, NOON + MINUTE],
  ]);
  t.same(invariants(house.db, house.policy), []);
  await load(house, POOLS, NOON + MINUTE + 1);
  await pass(house, NOON + 3 * MINUTE);
  t.equal(await ask(house, 'bob', NOON + 3 * MINUTE, '100.64.0.5'), 'applied');
});

t.test('who came while the pool was out of the config is noticed before it hands out again', async (t) => {
  const house = await openHouse(NOON);
  const round = house.policy.interimRoundMs;
  await load(house, POOLS.slice(1), NOON + 1);
  await load(house, POOLS, NOON + 2);
  t.equal(await ask(house, 'ann', NOON + 2, '100.64.0.1'), 'applied', 'nobody came: no wait');

  await load(house, POOLS.slice(1), NOON + 3);
  await house.say(acct('acct-start', 'x', NOON + 4, ['100.64.0.5'], named('stranger')));
  const back = NOON + 2 * MINUTE;
  await load(house, POOLS, back);
  t.equal(await ask(house, 'ann', back, null), 'already-allocated', 'what is held is told');
  for (const address of ['100.64.0.5', '100.64.0.6', null]) {
    t.equal(await ask(house, 'bob', back + round - 1, address), 'pool-unsure');
  }
  await house.say(acct('acct-interim', 'x', back + 5 * MINUTE, ['100.64.0.5'], named('stranger')));
  t.equal(await ask(house, 'bob', back + round, '100.64.0.6'), 'pool-unsure', 'the NAS was not heard for a round');
  await hear(house, back + round);
  t.equal(await ask(house, 'bob', back + round, '100.64.0.5'), 'address-occupied');
  t.equal(await ask(house, 'bob', back + round, '100.64.0.6'), 'applied');
});

t.test('the wait of a pool that is back outlasts a gap, another name and another absence', async (t) => {
  const house = await openHouse(NOON);
  const round = house.policy.interimRoundMs;
  await load(house, [], NOON + 1);
  await house.say(acct('acct-start', 'x', NOON + 2, ['100.64.0.5'], named('stranger')));
  t.equal(await load(house, [v4({ name: 'v4b' })], NOON + MINUTE), null);
  t.equal(await ask(house, 'bob', NOON + 2 * MINUTE, '100.64.0.5', 'v4b'), 'pool-unsure', 'another name');
  await load(house, [], NOON + 3 * MINUTE);
  await load(house, POOLS, NOON + 4 * MINUTE);
  t.equal(await ask(house, 'bob', NOON + 4 * MINUTE, '100.64.0.5'), 'pool-unsure');
  await house.say({ kind: 'daemon-started', tenant: 'default', pools: POOLS, receivedAt: NOON + 8 * MINUTE });
  t.equal(await ask(house, 'bob', NOON + 4 * MINUTE + round, '100.64.0.5'), 'pool-unsure', 'a gap');
  await hear(house, NOON + 9 * MINUTE, NOON + 8 * MINUTE + round);
  t.equal(await ask(house, 'bob', NOON + 8 * MINUTE + round, '100.64.0.6'), 'applied');
});

t.test('who came onto what a pool gave up is noticed before it, or another one, hands it out again', async (t) => {
  const house = await openHouse(NOON);
  const round = house.policy.interimRoundMs;
  await load(house, [v4({ prefix: prefix('100.64.0.0/29') })], NOON);
  await house.say(acct('acct-start', 'x', NOON + 1, ['100.64.0.9'], named('stranger')));
  await load(house, [v4({ name: 'v4b', prefix: prefix('100.64.0.8/29') })], NOON + 2);
  t.equal(await ask(house, 'bob', NOON + 3, '100.64.0.9', 'v4b'), 'pool-unsure');
  await load(house, POOLS, NOON + 4);
  t.equal(await ask(house, 'bob', NOON + 5, '100.64.0.9'), 'pool-unsure');
  await house.say(acct('acct-interim', 'x', NOON + 6, ['100.64.0.9'], named('stranger')));
  await hear(house, NOON + 4 + round);
  t.equal(await ask(house, 'bob', NOON + 4 + round, '100.64.0.9'), 'address-occupied');
  t.equal(await ask(house, 'bob', NOON + 4 + round, '100.64.0.10'), 'applied');
});

t.test('a new pool waits for a NAS until that has been taken away', async (t) => {
  const house = await openHouse(NOON);
  await house.say(acct('acct-start', 'x', NOON + 1, ['10.9.0.1'], named('stranger')));
  await load(house, [v4({ name: 'new', prefix: prefix('10.9.0.0/29') })], NOON + MINUTE);
  await pass(house, NOON + DAY);
  t.equal(await ask(house, 'bob', NOON + DAY, null, 'new'), 'pool-unsure');
  t.equal(await ask(house, 'bob', NOON + house.policy.forgottenNasMs + MINUTE, null, 'new'), 'applied');
});

t.test('sessions that never report are looked at some at a time', async (t) => {
  const house = await openHouse(NOON, {}, { nas: { interim: 'none' } });
  const sids = Array.from({ length: 450 }, (_, n) => String(1000 + n));
  const at = (n: number): string => `10.9.${String(n >> 8)}.${String(n & 255)}`;
  for (const [n, sid] of sids.entries()) await house.say(acct('acct-start', sid, NOON, [at(n + 1)], named(sid)));
  await load(house, [v4({ name: 'new', prefix: prefix('10.9.0.0/22') })], NOON + 1);
  const barred = (): unknown => house.db.prepare("SELECT barred FROM pool WHERE name = 'new'").pluck().get();
  const counts = [];
  for (let turn = 0; turn < 4; turn++) {
    for (const { kind, ref } of house.pending.due(NOON + 1, 500)) await house.say(deadline(kind, ref, NOON + 1));
    counts.push(barred());
    // Who has come behind the look, or leaves before it, is no matter.
    await house.say(acct('acct-stop', String(1449 - turn), NOON + 1), acct('acct-start', String(turn), NOON + 1));
  }
  t.same(counts, [200, 400, 448, 448]);
  t.equal(await ask(house, 'bob', NOON + 1 + house.policy.interimRoundMs, at(1), 'new'), 'address-occupied');
  t.same(invariants(house.db, house.policy), []);
});

t.test('what was added to a pool waits through a gap, and the rest of it does not', async (t) => {
  const small = [v4({ prefix: prefix('100.64.0.0/29') })];
  const house = await openHouse(NOON, {}, { pools: small });
  const round = house.policy.interimRoundMs;
  await house.say(acct('acct-start', 'x', NOON + 1, ['100.64.0.9'], named('stranger')));
  await load(house, POOLS, NOON + MINUTE);
  t.equal(await ask(house, 'ann', NOON + MINUTE, '100.64.0.9'), 'pool-unsure');
  t.equal(await ask(house, 'ann', NOON + MINUTE, '100.64.0.1'), 'applied');
  await house.say({ kind: 'daemon-started', tenant: 'default', pools: POOLS, receivedAt: NOON + 5 * MINUTE });
  t.equal(await ask(house, 'bob', NOON + MINUTE + round, '100.64.0.9'), 'pool-unsure', 'a gap');
  t.equal(await ask(house, 'bob', NOON + MINUTE + round, null), 'applied');
  await house.say(acct('acct-interim', 'x', NOON + 12 * MINUTE, ['100.64.0.9'], named('stranger')));
  await hear(house, NOON + 5 * MINUTE + round);
  t.equal(await ask(house, 'cat', NOON + 5 * MINUTE + round, '100.64.0.9'), 'address-occupied');
  t.equal(await ask(house, 'cat', NOON + 5 * MINUTE + round, '100.64.0.10'), 'applied');
  t.same(invariants(house.db, house.policy), []);
});

t.test('a pool that was away while a part of it waited, or comes back larger, waits as a whole', async (t) => {
  const small = [v4({ prefix: prefix('100.64.0.0/29') })];
  for (const configs of [
    [POOLS, []],
    [[], small, []],
    [[], POOLS.slice(1)],
  ]) {
    const house = await openHouse(NOON, {}, { pools: small });
    const round = house.policy.interimRoundMs;
    await house.say(acct('acct-start', 'x', NOON + 1, ['100.64.0.9'], named('stranger')));
    for (const pools of configs) await load(house, pools, NOON + MINUTE);
    await load(house, POOLS, NOON + 2 * MINUTE);
    t.equal(await ask(house, 'ann', NOON + 2 * MINUTE, '100.64.0.9'), 'pool-unsure');
    t.equal(await ask(house, 'ann', NOON + 2 * MINUTE, null), 'pool-unsure');
    await hear(house, NOON + 2 * MINUTE, NOON + 2 * MINUTE + round);
    t.equal(await ask(house, 'ann', NOON + 2 * MINUTE + round, '100.64.0.10'), 'applied');
    t.same(invariants(house.db, house.policy), []);
  }
});

t.test('what was added before the rest is handed out when its wait is over, in its turn', async (t) => {
  const house = await openHouse(NOON, {}, { pools: [v4({ prefix: prefix('100.64.0.8/29') })] });
  const round = house.policy.interimRoundMs;
  await house.say(acct('acct-start', 'x', NOON + 1, ['100.64.0.1'], named('stranger')));
  await load(house, POOLS, NOON + MINUTE);
  const names = Array.from({ length: 14 }, (_, n) => `s${String(n)}`);
  for (const name of names.slice(0, 7)) t.equal(await ask(house, name, NOON + 2 * MINUTE, null), 'applied');
  t.equal(await ask(house, 's7', NOON + 2 * MINUTE, null), 'pool-unsure');
  await hear(house, NOON + MINUTE, NOON + MINUTE + round);
  for (const name of names.slice(7)) t.equal(await ask(house, name, NOON + MINUTE + round, null), 'applied');
  t.equal(await ask(house, 'one more', NOON + MINUTE + round, null), 'pool-exhausted');
  t.same(invariants(house.db, house.policy), []);
});

t.test('what a pool gave up is forgotten to the last, also where the config changes again meanwhile', async (t) => {
  const house = await openHouse(NOON);
  const wide = { prefix: prefix('10.0.0.0/21'), quarantineMs: MINUTE };
  await load(house, [v4(wide)], NOON);
  const strangers = Array.from({ length: 600 }, (_, n) => [
    `s${String(n)}`,
    `10.0.${String(1 + (n >> 8))}.${String(n & 255)}`,
  ]);
  const came = strangers.map(([sid = '', address = '']) => acct('acct-start', sid, NOON, [address], named(sid)));
  const left = strangers.map(([sid = '']) => acct('acct-stop', sid, NOON + 1));
  for (const event of [...came, ...left]) await house.say(event);
  await pass(house, NOON + 2 * MINUTE);
  const past = (): unknown => house.db.prepare("SELECT count(*) FROM pool_free WHERE state = 'free'").pluck().get();
  t.equal(past(), 600);
  const narrow = { ...wide, prefix: prefix('10.0.6.0/23') };
  await load(house, [v4(narrow)], NOON + 3 * MINUTE);
  t.equal(past(), 100, 'as many as one event forgets');
  await load(house, [v4({ ...narrow, excluded: [part('10.0.7.0/29')] })], NOON + 3 * MINUTE);
  await pass(house, NOON + 4 * MINUTE);
  t.equal(past(), 0);
  t.same(house.db.prepare("SELECT * FROM deadline WHERE kind = 'pool-trim'").all(), []);
  t.same(invariants(house.db, house.policy), []);
});

t.test('alarms about a full pool are those of pools in the config', async (t) => {
  const house = await openHouse(NOON);
  const small = [v4({ name: 'small', prefix: prefix('192.0.2.0/31') })];
  await load(house, small, NOON);
  await house.say(allocate('ann', NOON, { pool: 'small' }), allocate('bob', NOON, { pool: 'small' }));
  const open = (): unknown[] =>
    house.db.prepare('SELECT cause FROM alarm WHERE cleared_at IS NULL ORDER BY cause').pluck().all();
  t.same(open(), ['pool-exhausted', 'pool-nearly-full']);
  await load(house, [], NOON + 1);
  t.same(open(), []);
  await load(house, small, NOON + 2);
  t.same(open(), ['pool-exhausted', 'pool-nearly-full']);
});

t.test('the end of a conflict counts for the pool in which it was met', async (t) => {
  const house = await openHouse(NOON);
  await house.say(acct('acct-start', 'x', NOON, ['100.64.0.5'], named('stranger')));
  // Its place is another's by then, but for the address that is occupied.
  await load(house, [v4({ name: 'v4b', prefix: prefix('100.64.0.8/29') })], NOON + 1);
  await house.say(acct('acct-start', 'y', NOON + 2, ['100.64.0.9'], named('another')));
  const open = (): unknown[] =>
    house.db.prepare('SELECT name, active FROM alarm WHERE cleared_at IS NULL ORDER BY name').raw().all();
  t.same(open(), [
    ['v4', 1],
    ['v4b', 1],
  ]);
  await house.say(acct('acct-stop', 'y', NOON + 3));
  t.same(open(), [['v4', 1]]);
  await house.say(acct('acct-stop', 'x', NOON + 4));
  t.same(open(), []);
  t.same(invariants(house.db, house.policy), []);
});

const CONFIGS: readonly (readonly ConfiguredPool[])[] = [
  [v4()],
  [v4({ quarantineMs: 20 * MINUTE })],
  [],
  [v4({ name: 'v4b', quarantineMs: 15 * MINUTE })],
  [v4({ name: 'half', prefix: prefix('100.64.0.0/29') })],
  [v4({ prefix: prefix('100.64.0.0/29') })],
  [v4({ prefix: prefix('100.64.0.8/29') }), v4({ name: 'half', prefix: prefix('100.64.0.0/29') })],
  [v4({ prefix: prefix('100.64.0.0/27') })],
  [v4({ prefix: prefix('100.63.255.240/28') })],
  [v4({ excluded: [part('100.64.0.1/32'), part('100.64.0.8/29')], reserved: [part('100.64.0.2/31')] })],
  [v4({ reserved: [part('100.64.0.0/30'), part('100.64.0.9/32')] })],
  [v4({ kind: 'dynamic', offerTimeoutMs: 2 * MINUTE })],
  [v4({ kind: 'external' })],
];
/** The units of a prefix of IPv4 addresses. */
function part(text: string): UnitRange {
  return rangeOf(prefix(text), 32);
}

const NAMES = ['ann', 'bob', 'cat'];
const ADDRESSES = ['100.64.0.1', '100.64.0.2', '100.64.0.9'];

interface Act {
  readonly what: 'load' | 'allocate' | 'revoke' | 'start' | 'stop' | 'pass' | 'restart';
  readonly config: number;
  readonly who: number;
  readonly where: number;
}

const ACT = fc.record<Act>({
  what: fc.constantFrom('load', 'load', 'allocate', 'revoke', 'start', 'start', 'stop', 'pass', 'pass', 'restart'),
  config: fc.nat(CONFIGS.length - 1),
  who: fc.nat(NAMES.length - 1),
  where: fc.nat(ADDRESSES.length - 1),
});

/** Everybody who is up says so at least once in ten minutes; nobody gets what somebody else shows, or left just now. */
class Neighbourhood {
  readonly #house: House;
  #now = NOON;
  #sids = 0;
  #inForce = CONFIGS[0] ?? [];
  readonly #up = new Map<string, { name: string; address: string; since: number }>();
  /** The longest quarantine that a config in force promised for an address, as of its end. */
  readonly #resting = new Map<string, { name: string; until: number }>();

  constructor(house: House) {
    this.#house = house;
  }

  async do({ what, config, who, where }: Act): Promise<string[]> {
    const house = this.#house;
    const name = NAMES[who] ?? '';
    const address = ADDRESSES[where] ?? '';
    this.#now += 1_000;
    const now = this.#now;
    const found: string[] = [];
    switch (what) {
      case 'load': {
        const pools = CONFIGS[config] ?? [];
        if ((await load(house, pools, now)) === null) this.#inForce = pools;
        break;
      }
      case 'restart':
        await house.say({ kind: 'daemon-started', tenant: 'default', pools: this.#inForce, receivedAt: now });
        break;
      case 'allocate': {
        const requested = who === 0 ? null : prefix(address);
        const [told] = await house.say(allocate(name, now, { requested, pool: where === 0 ? 'v4' : null }));
        if (told?.verdict === 'applied') found.push(...this.#wronged(name), ...this.#misplaced(requested));
        break;
      }
      case 'revoke':
        await house.say(revoke(name, now));
        break;
      case 'start': {
        const sid = `s${String(this.#sids++)}`;
        this.#up.set(sid, { name, address, since: now });
        await house.say(acct('acct-start', sid, now, [address], named(name)));
        break;
      }
      case 'stop': {
        const [sid] = [...this.#up.keys()].slice(who);
        if (sid === undefined) break;
        this.#up.delete(sid);
        await house.say(acct('acct-stop', sid, now, [], { seconds: 1_000_000 }));
        break;
      }
      case 'pass':
        await this.#pass(now);
        break;
    }
    this.#rest();
    return [...found, ...invariants(house.db, house.policy)];
  }

  /** Five minutes, in which everybody reports. */
  async #pass(now: number): Promise<void> {
    for (const [sid, { name, address, since }] of this.#up) {
      const seconds = Math.floor((now - since) / 1_000);
      await this.#house.say(acct('acct-interim', sid, now, [address], { ...named(name), seconds }));
    }
    await this.#house.say({ kind: 'heartbeat', receivedAt: now });
    await pass(this.#house, now + 5 * MINUTE);
    this.#now = now + 5 * MINUTE;
  }

  /** Notes what was revoked since, with the quarantine that its pool was last configured with. */
  #rest(): void {
    const rows = this.#house.db
      .prepare(
        `SELECT a.net AS bytes, a.plen AS length, s.name, max(a.revoked_at) + p.quarantine_ms AS until
           FROM assignment a JOIN subscriber s ON s.id = a.subscriber JOIN pool p ON p.id = a.pool
          WHERE a.state = 'revoked' GROUP BY a.net`,
      )
      .all() as (Prefix & { name: string; until: number })[];
    for (const { name, until, ...left } of rows) {
      const key = formatPrefix(left);
      // Each end is noted as it is first seen: what the config says later about quarantines is for later ends.
      if (!this.#seen.has(`${key} ${name}`)) this.#resting.set(key, { name, until });
    }
    this.#seen = new Set(rows.map(({ name, until: _, ...left }) => `${formatPrefix(left)} ${name}`));
  }

  #seen = new Set<string>();

  /** What was handed out just now is of the config in force, and nobody who asked for no address got a reserved one. */
  #misplaced(requested: Prefix | null): string[] {
    const row = this.#house.db
      .prepare(
        'SELECT p.name, a.net AS bytes, a.plen AS length FROM assignment a JOIN pool p ON p.id = a.pool ORDER BY a.id DESC',
      )
      .get() as Prefix & { name: string };
    const pool = this.#inForce.find(({ name }) => name === row.name);
    if (pool === undefined) return [`${formatPrefix(row)} was given from ${row.name}, which is retired`];
    const { excluded, reserved } = partsOf(pool);
    const number = unitNumber(row.bytes, row.length);
    if (!contains(pool.prefix, row) || includes(excluded, number)) return [`${formatPrefix(row)} is nothing to give`];
    return requested === null && includes(reserved, number) ? [`${formatPrefix(row)} was not asked for`] : [];
  }

  #wronged(name: string): string[] {
    const got = this.#house.db
      .prepare('SELECT net AS bytes, plen AS length FROM assignment ORDER BY id DESC LIMIT 1')
      .get() as Prefix;
    const key = formatPrefix(got);
    const resting = this.#resting.get(key);
    const found: string[] = [];
    if (resting !== undefined && resting.name !== name && resting.until > this.#now) {
      found.push(`${name} got ${key}, in quarantine after ${resting.name}`);
    }
    for (const [sid, one] of this.#up) {
      if (one.address === key && one.name !== name) found.push(`${name} got ${key}, which ${one.name} shows in ${sid}`);
    }
    return found;
  }
}

t.test(
  'whatever the config does to a pool, nobody gets what another one uses, and the store stays sound',
  async (t) => {
    const seed = seedOf(t);
    await fc.assert(
      fc.asyncProperty(fc.array(ACT, { maxLength: 40, size: 'max' }), async (acts) => {
        const house = await openHouse(NOON);
        await load(house, CONFIGS[0] ?? [], NOON);
        const neighbourhood = new Neighbourhood(house);
        for (const act of acts) {
          const found = await neighbourhood.do(act);
          if (found.length > 0) throw new Error(found.join('; '));
        }
        house.db.close();
      }),
      { seed, numRuns: 150 },
    );
    t.pass('held');
  },
);
