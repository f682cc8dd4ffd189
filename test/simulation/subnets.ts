/** Subnets behind customers: somebody orders them with an address that they ride on, and ends, moves and takes them back. */
import type { Database } from '../../src/store/open.js';
import type { Prefix } from '../../src/daemon/lifecycle/address.js';
import type { ConfiguredPool, ParentChoice } from '../../src/daemon/lifecycle/events.js';
import { isRoute } from '../../src/daemon/lifecycle/routes.js';
import type { Chance } from './chance.js';
import type { Customer, Customers } from './customers.js';
import type { Operator } from './operator.js';
import type { VirtualTime } from './time.js';

/** The address on which an assignment rides, or null. */
export function parentIn(db: Database, assignment: number): Prefix | null {
  const row = db
    .prepare(
      'SELECT p.net AS bytes, p.plen AS length FROM assignment a JOIN assignment p ON p.id = a.parent WHERE a.id = ?',
    )
    .get(assignment);
  return (row ?? null) as Prefix | null;
}

export interface SubnetsOptions {
  readonly customers: Customers;
  readonly operator: Operator;
  readonly pools: () => readonly ConfiguredPool[];
}

export class Subnets {
  readonly #time: VirtualTime;
  readonly #chance: Chance;
  readonly #options: SubnetsOptions;

  constructor(time: VirtualTime, chance: Chance, options: SubnetsOptions) {
    this.#time = time;
    this.#chance = chance;
    this.#options = options;
  }

  /** Orders until the operator rests. */
  begin(meanMs: number): void {
    const act = (): void => {
      if (this.#options.operator.isQuiet) return;
      this.#act(this.#chance.pick(this.#options.customers.list));
      this.#time.after(this.#chance.wait(meanMs), act);
    };
    act();
  }

  #act(customer: Customer): void {
    const chance = this.#chance;
    const own = this.#options.customers.grantsOf(customer.name).filter(isRoute);
    const roll = chance.unit();
    if (own.length === 0 || roll < 0.4) this.#allocate(customer);
    else if (roll < 0.7) this.#revoke(customer, chance.pick(own).prefix);
    else if (roll < 0.85) this.#renumber(customer, chance.pick(own).prefix);
    else {
      const { prefix } = chance.pick(own);
      const order = { subscriber: customer.name, family: null, prefix };
      this.#options.operator.order(customer, { ...this.#options.operator.common(), ...order, kind: 'activate' });
    }
  }

  #poolsOf(customer: Customer): readonly ConfiguredPool[] {
    const { vrf } = customer.nas.options;
    return this.#options.pools().filter((pool) => pool.use === 'routed' && pool.vrf === vrf);
  }

  #allocate(customer: Customer): void {
    const chance = this.#chance;
    const { customers, operator } = this.#options;
    const pools = this.#poolsOf(customer);
    if (pools.length === 0) return;
    const pool = chance.pick(pools);
    const addresses = customers.grantsOf(customer.name).filter((one) => !isRoute(one));
    const named = addresses.length > 0 && chance.flip(0.6);
    const parent: ParentChoice = named ? { by: 'prefix', prefix: chance.pick(addresses).prefix } : { by: 'subscriber' };
    operator.order(customer, {
      ...operator.common(),
      kind: 'allocate',
      subscriber: customer.name,
      family: pool.family,
      pool: chance.flip(0.5) ? pool.name : null,
      vrf: pool.vrf,
      requested: chance.flip(0.25) ? customers.anyUnit(pool) : null,
      username: customer.ordered,
      metadata: null,
      reclaim: chance.flip(0.3),
      parent,
    });
  }

  /** Of the subnet alone. Whoever is careful has AAA keep it back before. */
  #revoke(customer: Customer, prefix: Prefix): void {
    const chance = this.#chance;
    const { customers, operator } = this.#options;
    if (chance.flip(0.7)) customers.withdraw(customer.name, prefix);
    operator.order(customer, {
      ...operator.common(),
      kind: 'revoke',
      subscriber: customer.name,
      family: null,
      prefix,
      reason: 'moves out',
      sendDisconnect: chance.flip(0.7),
      releaseToPool: chance.flip(0.95),
    });
  }

  #renumber(customer: Customer, prefix: Prefix): void {
    const chance = this.#chance;
    const { customers, operator } = this.#options;
    const pools = this.#poolsOf(customer).filter(({ family }) => (family === 'ipv4') === (prefix.bytes.length === 4));
    operator.order(customer, {
      ...operator.common(),
      kind: 'renumber',
      subscriber: customer.name,
      family: null,
      prefix,
      to: pools.length > 0 && chance.flip(0.2) ? customers.anyUnit(chance.pick(pools)) : null,
      pool: null,
      ...{ when: chance.pick(['next_session', 'now'] as const), at: null, reason: 'another block' },
      deadline: null,
    });
  }
}
