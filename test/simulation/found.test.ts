/** What worlds have found, each as the shortest story that shows it. The names give the seeds. */
import t from 'tap';
import { acct, allocate, deadline, nasOn, NOON, octets, revoke } from '../support/events.js';
import { openHouse, POOLS, prefix, type House } from '../support/house.js';

const SECOND = 1_000;
const MINUTE = 60_000;

interface Effect {
  readonly id: number;
  readonly session: number;
  readonly status: string;
  readonly orders: string;
}

function effects(house: House): Effect[] {
  return house.db.prepare('SELECT id, session, status, orders FROM outbox ORDER BY id').all() as Effect[];
}

function unit(house: House, address: string): { state: string; occupants: number } | undefined {
  const { bytes } = prefix(address);
  return house.db.prepare('SELECT state, occupants FROM pool_free WHERE net = ?').get(bytes) as
    { state: string; occupants: number } | undefined;
}

t.test('an address that is never handed out does not become free by a stranger (seed 3)', async (t) => {
  const house = await openHouse(NOON);
  await house.say(acct('acct-start', 's1', NOON, ['100.64.0.0'], { username: octets('stranger') }));
  await house.say(acct('acct-stop', 's1', NOON + MINUTE, ['100.64.0.0'], { username: octets('stranger') }));
  t.match(unit(house, '100.64.0.0'), { state: 'quarantined', occupants: 0 });
  const later = NOON + 2 * 86_400_000;
  for (const { kind, ref } of house.pending.due(later, 10)) await house.say(deadline(kind, ref, later));
  t.equal(unit(house, '100.64.0.0'), undefined, 'and then it is gone, not free');
  const [pool] = house.db.prepare("SELECT barred, freed FROM pool WHERE name = 'v4'").all();
  t.match(pool, { barred: 0, freed: 0 });
  const conflicts = house.db.prepare('SELECT count(*) FROM conflict').pluck().get();
  t.equal(conflicts, 1, 'it is seen all the same');
});

t.test('one packet on two ending addresses orders one Disconnect for both (seeds 4, 9, 13)', async (t) => {
  const house = await openHouse(NOON);
  await house.say(allocate('alice', NOON), allocate('alice', NOON, { family: 'ipv6' }));
  await house.say(revoke('alice', NOON + SECOND));
  const both = [
    { attribute: 'Framed-IP-Address' as const, prefix: prefix('100.64.0.1') },
    { attribute: 'Framed-IPv6-Address' as const, prefix: prefix('2001:db8:1::1') },
  ];
  const packet = acct('acct-interim', 's1', NOON + 2 * SECOND, [], { username: octets('alice'), addresses: both });
  const [settlement] = await house.say(packet);
  t.equal(settlement?.verdict, 'applied');
  const [effect, ...more] = effects(house);
  t.strictSame(more, []);
  t.equal((JSON.parse(effect?.orders ?? '[]') as unknown[]).length, 2);
});

t.test('the Stop of a session that was never seen leaves those that are (seed 17)', async (t) => {
  const house = await openHouse(NOON);
  await house.say(acct('acct-start', 's1', NOON, ['100.64.0.5'], { username: octets('stranger') }));
  t.match(unit(house, '100.64.0.5'), { state: 'occupied', occupants: 1 });
  await house.say(acct('acct-stop', 's0', NOON + SECOND, ['100.64.0.5'], { username: octets('somebody') }));
  t.match(unit(house, '100.64.0.5'), { state: 'occupied', occupants: 1 });
  await house.say(acct('acct-stop', 's1', NOON + MINUTE, ['100.64.0.5'], { username: octets('stranger') }));
  t.match(unit(house, '100.64.0.5'), { state: 'quarantined', occupants: 0 });
});

t.test('a session that was held back is told to end when the window has passed (seeds 13, 16, 17)', async (t) => {
  const house = await openHouse(NOON);
  const alice = { username: octets('alice') };
  await house.say(allocate('alice', NOON), acct('acct-start', 's0', NOON, ['100.64.0.1'], alice));
  await house.say(revoke('alice', NOON + SECOND));
  for (let n = 1; n <= 3; n++) {
    const at = NOON + n * MINUTE;
    await house.say(acct('acct-start', `s${String(n)}`, at, ['100.64.0.1'], alice));
    await house.say(acct('acct-stop', `s${String(n - 1)}`, at + SECOND, ['100.64.0.1'], alice));
  }
  t.equal(effects(house).length, 3, 'the third return is one too many');
  t.equal(house.db.prepare('SELECT stuck FROM assignment').pluck().get(), 'session s3 is open; AAA still returns it');
  // The evidence deadline comes round while the session that came back last is still up.
  for (let at = NOON + 10 * MINUTE; effects(house).length === 3 && at < NOON + 180 * MINUTE;) {
    const due = house.db.prepare("SELECT due_at FROM deadline WHERE kind = 'evidence'").pluck().get() as number;
    at = due;
    await house.say(deadline('evidence', '1', at));
  }
  const [told] = effects(house).slice(3);
  t.match(told, { status: 'pending', session: 4 });
});

t.test('five sessions that end by one order are one attempt', async (t) => {
  const house = await openHouse(NOON);
  const alice = { username: octets('alice') };
  await house.say(allocate('alice', NOON));
  for (let n = 0; n < 5; n++) await house.say(acct('acct-start', `s${String(n)}`, NOON + n, ['100.64.0.1'], alice));
  await house.say(revoke('alice', NOON + SECOND));
  t.equal(effects(house).length, 5);
  t.equal(house.db.prepare('SELECT stuck FROM assignment').pluck().get(), null);
});

for (const kind of ['acct-interim', 'acct-stop'] as const) {
  t.test(
    `a number used again after a reboot is another session, also where its Start was lost: ${kind} (seed 5005)`,
    async (t) => {
      const house = await openHouse(NOON);
      await house.say(acct('acct-start', 's1', NOON, ['100.64.0.5'], { username: octets('somebody') }));
      await house.say(acct('acct-interim', 's1', NOON + MINUTE, ['100.64.0.5'], { username: octets('somebody') }));
      await house.say(nasOn(NOON + 5 * MINUTE));
      await house.say(
        acct(kind, 's1', NOON + 6 * MINUTE, ['100.64.0.6'], { username: octets('stranger'), seconds: 20 }),
      );
      t.equal(unit(house, '100.64.0.6')?.state, kind === 'acct-interim' ? 'occupied' : undefined);
      t.match(unit(house, '100.64.0.5'), { state: 'quarantined' });
      const sessions = house.db.prepare('SELECT end_kind FROM session ORDER BY id').pluck().all();
      t.strictSame(sessions, ['sid-reused', kind === 'acct-interim' ? null : 'stop']);
    },
  );
}

t.test('a session that survived an Accounting-On stays itself (seed 5005)', async (t) => {
  const house = await openHouse(NOON);
  await house.say(acct('acct-start', 's1', NOON, ['100.64.0.5'], { username: octets('somebody') }));
  await house.say(nasOn(NOON + 5 * MINUTE));
  await house.say(
    acct('acct-interim', 's1', NOON + 6 * MINUTE, ['100.64.0.5'], { username: octets('somebody'), seconds: 360 }),
  );
  t.match(unit(house, '100.64.0.5'), { state: 'occupied', occupants: 1 });
  t.strictSame(house.db.prepare('SELECT end_kind FROM session').pluck().all(), [null]);
});

t.test('the grace after an Accounting-On does not run out while addrd is away (seed 344)', async (t) => {
  const house = await openHouse(NOON);
  await house.say(acct('acct-start', 's1', NOON, ['100.64.0.5'], { username: octets('somebody') }));
  await house.say(nasOn(NOON + MINUTE), { kind: 'heartbeat', receivedAt: NOON + MINUTE });
  const back = NOON + 60 * MINUTE;
  await house.say({ kind: 'daemon-started', tenant: 'default', pools: POOLS, receivedAt: back });
  // Another session shows that the NAS is there.
  await house.say(acct('acct-start', 's2', back, [], { username: octets('another') }));
  await house.say(deadline('epoch-grace', '1', back));
  t.match(unit(house, '100.64.0.5'), { state: 'occupied', occupants: 1 });
  await house.say(acct('acct-interim', 's2', back + 10 * MINUTE, [], { username: octets('another'), seconds: 600 }));
  const due = house.db.prepare("SELECT due_at FROM deadline WHERE kind = 'epoch-grace'").pluck().get() as number;
  t.equal(due, back + house.policy.epochGraceMs, 'it begins anew');
  await house.say(deadline('epoch-grace', '1', due));
  t.match(unit(house, '100.64.0.5'), { state: 'quarantined', occupants: 0 });
});
