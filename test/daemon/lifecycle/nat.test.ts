/** Pools of a NAT and of a walled garden, from the config to what is made of their sessions: nothing (docs/pool-kinds.md). */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { configuredPools, parseConfig } from '../../../src/daemon/config.js';
import type { ConfiguredPool } from '../../../src/daemon/lifecycle/events.js';
import { acct, allocate, NOON, octets, revoke } from '../../support/events.js';
import { openHouse, policyPools, prefix, type House } from '../../support/house.js';
import { invariants } from '../../support/invariants.js';

const shipped = readFileSync(new URL('../../../config/addrd.yaml', import.meta.url), 'utf8');
const sources = { readFile: () => 'secret\n', env: () => undefined };
const ANN = { username: octets('ann') };
const BOB = { username: octets('bob') };
const HERE = ['100.64.0.9'];

/** What a config with this one pool comes to. */
function pools(keys: string): ConfiguredPool[] {
  const before = shipped.slice(0, shipped.indexOf('\npools:'));
  return configuredPools(parseConfig(`${before}\npools:\n  - { name: p, family: ipv4, ${keys} }\n`, sources));
}

async function load(house: House, wanted: readonly ConfiguredPool[], at: number): Promise<void> {
  const config = { kind: 'config-loaded', tenant: 'default', pools: wanted, changed: ['pools'] } as const;
  const [told] = await house.say({ ...config, receivedAt: at });
  if (told?.verdict !== 'applied') throw new Error(told?.detail ?? 'not applied');
  house.policy = { ...house.policy, pools: policyPools(house.pending, wanted) };
}

function counts(house: House): unknown {
  return house.db
    .prepare(
      `SELECT (SELECT count(*) FROM assignment WHERE state <> 'revoked') AS held, (SELECT count(*) FROM conflict) AS conflicts,
              (SELECT count(*) FROM holding) AS history, (SELECT count(*) FROM alarm) AS alarms`,
    )
    .get();
}

for (const kind of ['kind: nat', 'garden: true']) {
  t.test(kind, async (t) => {
    const house = await openHouse(NOON, {}, { pools: pools(`prefix: 100.64.0.0/28, ${kind}`) });
    // Many customers behind one address.
    const told = await house.say(
      acct('acct-start', 'a', NOON, HERE, ANN),
      acct('acct-start', 'b', NOON, HERE, BOB),
      acct('acct-interim', 'a', NOON + 60_000, HERE, { ...ANN, seconds: 60 }),
      acct('acct-stop', 'b', NOON + 60_000, HERE, { ...BOB, seconds: 60 }),
    );
    t.match(told, [{ verdict: 'unmanaged' }, { verdict: 'unmanaged' }, { verdict: 'applied' }, { verdict: 'applied' }]);
    t.match(await house.say(allocate('ann', NOON, { requested: prefix('100.64.0.9') })), [{ code: 'unknown-pool' }]);
    t.match(await house.say(allocate('ann', NOON, { pool: 'p' })), [{ code: 'unknown-pool' }]);
    t.same(counts(house), { held: 0, conflicts: 0, history: 0, alarms: 0 });
    t.same(invariants(house.db, house.policy), []);
  });

  t.test(`a pool that becomes one: ${kind}`, async (t) => {
    const static4 = pools('prefix: 100.64.0.0/28, quarantine: 1m');
    const house = await openHouse(NOON, {}, { pools: static4 });
    await house.say(allocate('ann', NOON, { requested: prefix('100.64.0.9') }));
    await house.say(acct('acct-start', 'a', NOON, HERE, ANN));
    await load(house, pools(`prefix: 100.64.0.0/28, ${kind}`), NOON + 1);
    t.match(await house.say(acct('acct-start', 'b', NOON + 2, ['100.64.0.10'], BOB)), [{ verdict: 'unmanaged' }]);
    // What it holds ends like anything in a pool that was dropped.
    await house.say(revoke('ann', NOON + 3), acct('acct-stop', 'a', NOON + 4, HERE, ANN));
    t.match(counts(house), { held: 0, conflicts: 0, alarms: 0 });
    await load(house, static4, NOON + 5);
    t.match(await house.say(allocate('bob', NOON + 6)), [{ code: 'pool-unsure' }], 'who is there is noticed first');
    t.same(invariants(house.db, house.policy), []);
  });
}
