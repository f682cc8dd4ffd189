/** A store in memory with its door and a policy: the core without sockets, timers and queues. */
import Database from 'better-sqlite3';
import { parsePrefix } from '../../src/daemon/address-text.js';
import { decide } from '../../src/daemon/lifecycle/decide.js';
import type { Prefix } from '../../src/daemon/lifecycle/address.js';
import type { ConfiguredPool, LifecycleEvent } from '../../src/daemon/lifecycle/events.js';
import { DEFAULT_KNOBS, type NasPolicy, type Policy, type PoolPolicy } from '../../src/daemon/lifecycle/policy.js';
import { Door, type DoorOptions, type Settlement } from '../../src/store/commit.js';
import { prepare } from '../../src/store/open.js';
import { Pending } from '../../src/store/pending.js';

/** A prefix or address from text that a test wrote. */
export function prefix(text: string): Prefix {
  const parsed = parsePrefix(text);
  if (parsed === null) throw new TypeError(`not a prefix: ${text}`);
  return parsed;
}

/** The number of the store of every test. */
export const STORE_ID = 4_711;

const REST = { quarantineMs: 60_000 };
/** The one NAS entry. */
export const BRAS: NasPolicy = {
  name: 'bras',
  tenant: 'default',
  vrf: 0,
  coa: true,
  mostNases: 1_024,
  effectLifeMs: 4_000,
};

const GLOBAL = { tenant: 'default', vrf: 'global', kind: 'static' } as const;

/** Small pools, so that a test can walk over all of their units. */
export const POOLS: readonly ConfiguredPool[] = [
  { ...GLOBAL, name: 'v4', family: 'ipv4', use: 'address', prefix: prefix('100.64.0.0/28'), unitLength: 32, ...REST },
  {
    ...GLOBAL,
    name: 'v6',
    family: 'ipv6',
    use: 'address',
    prefix: prefix('2001:db8:1::/124'),
    unitLength: 128,
    ...REST,
  },
  {
    ...GLOBAL,
    name: 'pd',
    family: 'ipv6-pd',
    use: 'delegated',
    prefix: prefix('2001:db8:100::/52'),
    unitLength: 56,
    ...REST,
  },
];

export interface House {
  readonly db: Database.Database;
  readonly door: Door<LifecycleEvent>;
  readonly pending: Pending;
  policy: Policy;
  /** Commits events as one batch and returns their verdicts. */
  say(...events: LifecycleEvent[]): Promise<readonly Settlement[]>;
}

/** Pools as the policy has them, once the store has numbered them and their VRFs. */
export function policyPools(pending: Pending, pools: readonly ConfiguredPool[]): PoolPolicy[] {
  const ids = new Map(pending.poolIds().map(({ tenant, name, id }) => [`${tenant}/${name}`, id]));
  const vrfs = pending.vrfIds();
  return pools.map((pool) => {
    return { ...pool, id: ids.get(`${pool.tenant}/${pool.name}`) ?? 0, vrf: vrfs.get(pool.vrf) ?? 0 };
  });
}

/** Opens a house that listens since `now`. */
export async function openHouse(
  now: number,
  knobs: Partial<Policy> = {},
  options: Partial<DoorOptions & { readonly pools: readonly ConfiguredPool[]; readonly nas: Partial<NasPolicy> }> = {},
): Promise<House> {
  const db = options.db ?? new Database(':memory:');
  prepare(db, ':memory:');
  const door = new Door<LifecycleEvent>({ sleep: () => Promise.resolve(), ...options, db });
  const pending = new Pending(db);
  const configured = options.pools ?? POOLS;
  const nas = { ...BRAS, ...options.nas };
  const house: House = {
    db,
    door,
    pending,
    policy: { ...DEFAULT_KNOBS, mode: 'act', pools: [], nas: new Map([['bras', nas]]), ...knobs },
    say: async (...events) => {
      const batch = events.map((event) => ({ event, source: 'test', raw: null, idempotency: null }));
      return (await door.commitBatch(batch, (world, event) => decide(world, event, house.policy))).settlements;
    },
  };
  await house.say({ kind: 'daemon-started', tenant: 'default', storeId: STORE_ID, pools: configured, receivedAt: now });
  house.policy = {
    ...house.policy,
    pools: policyPools(pending, configured),
    ...(knobs.pools === undefined ? {} : { pools: knobs.pools }),
  };
  return house;
}
