/** How many addresses a session may stand on: each packet costs what all of them cost. */
import t from 'tap';
import type { ConfiguredPool } from '../../../src/daemon/lifecycle/events.js';
import { acct, NOON } from '../../support/events.js';
import { openHouse, policyPools, prefix } from '../../support/house.js';

const stranger = (n: number): string => `198.51.${String(100 + (n >> 8))}.${String(n & 255)}`;

/** An Interim that shows one more IPv6 address. */
function interim(n: number, text: string) {
  const event = acct('acct-interim', 's', NOON + n * 60_000, [text], { seconds: 60 * n, inputOctets: n });
  return {
    ...event,
    addresses: event.addresses.map((shown) => ({ ...shown, attribute: 'Framed-IPv6-Address' as const })),
  };
}

t.test('addresses in no pool make room for new ones', async (t) => {
  const house = await openHouse(NOON);
  await house.say(acct('acct-start', 's', NOON));
  for (let n = 1; n <= 200; n++) await house.say(interim(n, stranger(n)));
  const row = house.db.prepare('SELECT addresses FROM session').pluck().get() as string;
  const known = JSON.parse(row) as [string][];
  t.equal(known.length, 64);
  t.equal(known.at(-1)?.[0], 'c63364c8/32', 'the newest is there');
});

t.test('addresses of pools are never forgotten: one more is told, and not taken in', async (t) => {
  const house = await openHouse(NOON);
  const wide: ConfiguredPool = {
    tenant: 'default',
    vrf: 'global',
    kind: 'static',
    name: 'wide',
    family: 'ipv6',
    use: 'address',
    unitLength: 128,
    prefix: prefix('2001:db8:9::/120'),
    quarantineMs: 60_000,
  };
  await house.say({ kind: 'daemon-started', tenant: 'default', pools: [wide], receivedAt: NOON });
  house.policy = { ...house.policy, pools: policyPools(house.pending, [wide]) };
  await house.say(acct('acct-start', 's', NOON));
  const codes: (string | null | undefined)[] = [];
  for (let n = 1; n <= 70; n++) {
    const [said] = await house.say(interim(n, `2001:db8:9::${n.toString(16)}`));
    codes.push(said?.code);
  }
  t.strictSame(codes, [...Array<string>(64).fill('occupied'), ...Array<string>(6).fill('too-many-addresses')]);
  const known = JSON.parse(house.db.prepare('SELECT addresses FROM session').pluck().get() as string) as unknown[];
  t.equal(known.length, 64);
});
