/** The provisioning system: orders through the command port, and repeats what it got no answer to. */
import { parsePrefix } from '../../src/daemon/address-text.js';
import { CommandUnavailable, type Command, type CommandPort, type CommandResult } from '../../src/daemon/command.js';
import type { Prefix } from '../../src/daemon/lifecycle/address.js';
import type { ConfiguredPool } from '../../src/daemon/lifecycle/events.js';
import type { AssignmentReply } from '../../src/daemon/lifecycle/orders.js';
import { encodeClass } from '../../src/daemon/lifecycle/session-class.js';
import type { LifecycleState } from '../../src/daemon/lifecycle/state.js';
import type { Chance } from './chance.js';
import { circuitOf, framedOf, type Customer, type Customers } from './customers.js';
import type { Pace } from './pace.js';
import { REFUSALS } from './refusals.js';
import type { VirtualTime } from './time.js';

interface Order {
  readonly command: Command;
  /** Null where it is about a brake. */
  readonly customer: Customer | null;
  answered: CommandResult | null;
}

export interface OperatorOptions {
  readonly customers: Customers;
  readonly pools: () => readonly ConfiguredPool[];
  readonly pace: Pace;
  /** The command port of the addrd that runs now, if one does. */
  readonly port: () => CommandPort | null;
  readonly onFault: (what: string) => void;
  /** An order is about to ask for an address. */
  readonly onAsked: (prefix: Prefix) => void;
  /** The share of revokes after which AAA goes on returning the address. */
  readonly forgetful: number;
  /** How the renumbering to an assignment stands, or null while nobody can tell. */
  readonly renumbering: (heir: number) => Standing | null;
  /** The address on which a routed subnet rides, or null. */
  readonly parent: (assignment: number) => Prefix | null;
}

/** The states of the two assignments of a renumbering, and what came of it. */
export interface Standing {
  readonly state: LifecycleState;
  readonly old: LifecycleState;
  readonly outcome: 'done' | 'failed' | null;
}

/** The number of the store of every world. */
export const STORE_ID = 4_711;

const SERVED: ReadonlySet<LifecycleState> = new Set(['allocated', 'active', 'suspended']);

export class Operator {
  readonly #time: VirtualTime;
  readonly #chance: Chance;
  readonly #options: OperatorOptions;
  #quiet = false;
  #keys = 0;
  /** Orders without an answer. */
  outstanding = 0;

  constructor(time: VirtualTime, chance: Chance, options: OperatorOptions) {
    this.#time = time;
    this.#chance = chance;
    this.#options = options;
  }

  begin(meanMs: number): void {
    const act = (): void => {
      if (this.#quiet) return;
      this.#act();
      this.#time.after(this.#chance.wait(meanMs), act);
    };
    act();
  }

  get isQuiet(): boolean {
    return this.#quiet;
  }

  /** Orders nothing more; what is outstanding is still repeated. */
  rest(): void {
    this.#quiet = true;
  }

  #act(): void {
    const chance = this.#chance;
    const customer = chance.pick(this.#options.customers.list);
    const roll = chance.unit();
    if (roll < 0.5) this.#allocate(customer);
    else if (roll < 0.62) this.order(customer, { ...this.#selection(customer), kind: 'activate' });
    else this.#revoke(customer);
  }

  /** What every order has: who gives it, and by what it is known again. */
  common(): { tenant: string; actor: string; idempotency: Command['idempotency'] } {
    const keyed = this.#chance.flip(0.5);
    const key = `k${String(++this.#keys)}`;
    const idempotency = keyed ? { token: 'crm', key, bodyHash: new TextEncoder().encode(key) } : null;
    return { tenant: 'default', actor: 'token:crm', idempotency };
  }

  #selection(customer: Customer) {
    const family = this.#chance.pick(['ipv4', 'ipv6', 'ipv6-pd', null] as const);
    return { ...this.common(), subscriber: customer.name, family, prefix: null };
  }

  /** The pools of the VRF in which a customer is; now and then somebody errs. */
  #poolsOf(customer: Customer): readonly ConfiguredPool[] {
    const pools = this.#options.pools();
    const own = pools.filter(({ vrf }) => vrf === customer.nas.options.vrf);
    return own.length < pools.length && this.#chance.flip(0.03) ? pools : own;
  }

  #allocate(customer: Customer): void {
    const { customers } = this.#options;
    const pools = this.#poolsOf(customer);
    if (pools.length === 0) return;
    const pool = this.#chance.pick(pools);
    this.order(customer, {
      ...this.common(),
      kind: 'allocate',
      subscriber: customer.name,
      family: pool.family,
      pool: this.#chance.flip(0.8) ? pool.name : null,
      requested: this.#chance.flip(0.25) ? customers.anyUnit(pool) : null,
      username: customer.ordered,
      metadata: null,
      reclaim: this.#chance.flip(0.2),
    });
  }

  #revoke(customer: Customer): void {
    // Whose contract ends may be unplugged in the same minute: his Stop and the Disconnect meet on the way.
    if (this.#chance.flip(0.25)) this.#options.customers.unplug(customer, 2_000);
    this.order(customer, {
      ...this.#selection(customer),
      kind: 'revoke',
      reason: 'contract ended',
      sendDisconnect: this.#chance.flip(0.85),
      releaseToPool: this.#chance.flip(0.95),
    });
  }

  /** The billing system suspends and reactivates, now and then twice, and changes its mind within seconds. */
  serve(meanMs: number): void {
    const act = (): void => {
      if (this.#quiet) return;
      const customer = this.#chance.pick(this.#options.customers.list);
      const kind = this.#chance.flip(0.5) ? 'suspend' : 'reactivate';
      const order = {
        ...{ subscriber: customer.name, family: null, reason: 'unpaid' },
        ...{ sendCoa: this.#chance.flip(0.9), sendDisconnect: this.#chance.flip(0.1) },
      };
      this.order(customer, { ...this.common(), ...order, kind });
      const other = kind === 'suspend' ? 'reactivate' : 'suspend';
      if (this.#chance.flip(0.3)) {
        const again = (): void => this.order(customer, { ...this.common(), ...order, kind: other });
        this.#time.after(this.#chance.wait(2_000), again);
      }
      this.#time.after(this.#chance.wait(meanMs), act);
    };
    act();
  }

  /** Somebody renumbers customers. */
  move(meanMs: number): void {
    const act = (): void => {
      if (this.#quiet) return;
      this.#renumber(this.#chance.pick(this.#options.customers.list));
      this.#time.after(this.#chance.wait(meanMs), act);
    };
    act();
  }

  #renumber(customer: Customer): void {
    const chance = this.#chance;
    const { customers, pace } = this.#options;
    const pools = this.#poolsOf(customer);
    if (pools.length === 0) return;
    const granted = customers.grantsOf(customer.name);
    const meant = granted.length > 0 && chance.flip(0.8) ? chance.pick(granted) : null;
    const families =
      meant === null
        ? pools
        : pools.filter((pool) => framedOf(pool.family, meant.prefix).attribute === meant.attribute);
    const pool = chance.pick(families.length > 0 ? families : pools);
    const when = chance.pick(['next_session', 'next_session', 'now', 'window'] as const);
    const now = this.#time.wallMs();
    const at = when === 'window' ? now + chance.between(5_000, 200_000) * pace.events : null;
    this.order(customer, {
      ...this.common(),
      kind: 'renumber',
      subscriber: customer.name,
      family: chance.flip(0.9) ? pool.family : null,
      prefix: meant?.prefix ?? null,
      to: chance.flip(0.2) ? customers.anyUnit(pool) : null,
      pool: chance.flip(0.4) ? pool.name : null,
      ...{ when, at, reason: 'another block' },
      deadline: chance.flip(0.5) ? null : (at ?? now) + chance.between(20_000, 400_000) * pace.events,
    });
  }

  /** Somebody tells addrd what names a subscriber, or takes it back; now and then of the wrong one. */
  introduce(meanMs: number): void {
    const act = (): void => {
      if (this.#quiet) return;
      const { list } = this.#options.customers;
      const customer = this.#chance.pick(list);
      const line = this.#chance.flip(0.95) ? customer : this.#chance.pick(list);
      const identity = { type: 'circuit-id', scope: 'tenant', bytes: circuitOf(line.name) } as const;
      const kind = this.#chance.flip(0.8) ? 'identity-put' : 'identity-drop';
      this.order(null, { ...this.common(), kind, subscriber: customer.name, ...identity });
      this.#time.after(this.#chance.wait(meanMs), act);
    };
    act();
  }

  /** Somebody at the NOC reaches for the brakes now and then, and decides about what waits. */
  watch(meanMs: number, nases: readonly string[]): void {
    if (meanMs === 0) return;
    const act = (): void => {
      if (this.#quiet) return;
      this.#brake(nases);
      this.#time.after(this.#chance.wait(meanMs), act);
    };
    this.#time.after(this.#chance.wait(meanMs), act);
  }

  #brake(nases: readonly string[]): void {
    const chance = this.#chance;
    const nas = chance.pick(nases);
    const { rounds } = this.#options.pace;
    const roll = chance.unit();
    const common = this.common();
    if (roll < 0.2) {
      this.order(null, { ...common, kind: 'freeze', reason: 'what is this' });
      // Some come back soon, some forget it.
      this.#time.after(chance.wait(60_000) * rounds, () =>
        this.order(null, { ...this.common(), kind: 'thaw', reason: null }),
      );
    } else if (roll < 0.35) {
      const until = this.#time.wallMs() + chance.between(30_000, 400_000) * rounds;
      this.order(null, { ...common, kind: 'maintenance', nas, until, reason: 'firmware' });
    } else if (roll < 0.45) this.order(null, { ...common, kind: 'maintenance-end', nas });
    else if (roll < 0.5) this.order(null, { ...common, kind: 'thaw', reason: null });
    else if (roll < 0.6) this.order(null, { ...common, kind: 'acknowledge', alarm: 'guard-tripped@token:default/crm' });
    else {
      const kind = chance.flip(0.7) ? 'approve' : 'reject';
      this.order(null, { ...common, kind, batch: chance.between(1, 6), reason: null });
    }
  }

  /** Releases every brake and approves of what waits, as whoever tidies up does. */
  tidy(batches: readonly number[], nases: readonly string[]): void {
    this.order(null, { ...this.common(), kind: 'thaw', reason: null });
    for (const nas of nases) this.order(null, { ...this.common(), kind: 'maintenance-end', nas });
    for (const batch of batches) this.order(null, { ...this.common(), kind: 'approve', batch, reason: null });
  }

  /** Gives an order, and tells AAA what came of it for a customer. */
  order(customer: Customer | null, command: Command): void {
    if (command.kind === 'allocate' && command.requested !== null) this.#options.onAsked(command.requested);
    if (command.kind === 'renumber' && command.to !== null) this.#options.onAsked(command.to);
    const order: Order = { command, customer, answered: null };
    this.outstanding++;
    this.#send(order);
  }

  /** Sends an order; where no answer comes in time, again. Like any client, it cannot know whether the first one counted. */
  #send(order: Order): void {
    const port = this.#options.port();
    let over = false;
    const again = (): void => {
      if (over || order.answered !== null) return;
      over = true;
      this.#send(order);
    };
    this.#time.after(this.#chance.between(5_000, 20_000), again);
    if (port === null) return;
    port.execute(order.command).then(
      (result) => {
        if (order.answered === null) this.#answered(order, result);
        else this.#compare(order, result);
      },
      (error: unknown) => {
        if (!(error instanceof CommandUnavailable)) this.#options.onFault(`a command failed: ${String(error)}`);
      },
    );
  }

  #answered(order: Order, result: CommandResult): void {
    order.answered = result;
    this.outstanding--;
    const { verdict, code } = result;
    if (verdict !== 'applied' && !REFUSALS.has(code ?? '')) {
      this.#options.onFault(`${order.command.kind} was answered ${verdict} ${code ?? ''}`);
    }
    const provisions = (verdict === 'applied' || verdict === 'duplicate') && code !== 'awaiting-approval';
    if (provisions && order.customer !== null) this.#provision(order.command, order.customer, result);
    if (order.command.idempotency !== null && this.#chance.flip(0.2)) {
      this.#time.after(this.#chance.wait(60_000), () => this.#send(order));
    }
  }

  #compare(order: Order, result: CommandResult): void {
    if (order.command.idempotency === null) return;
    const { replayed: _then, ...first } = order.answered ?? result;
    const { replayed, ...second } = result;
    if (!replayed || JSON.stringify(first) !== JSON.stringify(second)) {
      this.#options.onFault(`a repeated ${order.command.kind} was decided again: ${JSON.stringify([first, second])}`);
    }
  }

  /** Tells AAA what addrd decided. */
  #provision(command: Command, customer: Customer, result: CommandResult): void {
    const { customers, forgetful } = this.#options;
    const { assignments } = result.reply as { assignments: readonly AssignmentReply[] };
    if (command.kind === 'renumber') {
      this.#exchange(customer, assignments);
      return;
    }
    for (const { id, generation, family, address } of assignments) {
      if (command.kind === 'allocate') {
        customers.classify(customer.name, encodeClass({ store: STORE_ID, assignment: id, generation }));
      }
      const prefix = parsePrefix(address);
      if (prefix === null) this.#options.onFault(`${address} is no address`);
      else if (command.kind === 'allocate')
        customers.grant(customer.name, family as ConfiguredPool['family'], prefix, this.#options.parent(id));
      else if (command.kind === 'revoke' && !this.#chance.flip(forgetful)) customers.withdraw(customer.name, prefix);
    }
  }

  /** AAA returns the new address from now on, unless somebody forgets it; and the old one again where nobody came on it. */
  #exchange(customer: Customer, [old, heir]: readonly AssignmentReply[]): void {
    const { customers, forgetful, onFault, pace } = this.#options;
    const from = parsePrefix(old?.address ?? '');
    const to = parsePrefix(heir?.address ?? '');
    if (heir === undefined || from === null || to === null) {
      onFault(`a renumbering names no two addresses`);
      return;
    }
    const family = heir.family as ConfiguredPool['family'];
    const roll = this.#chance.unit();
    if (roll < forgetful) return;
    customers.classify(
      customer.name,
      encodeClass({ store: STORE_ID, assignment: heir.id, generation: heir.generation }),
    );
    if (roll < 0.9) customers.exchange(customer.name, family, from, to);
    // Somebody adds the new one and leaves the old.
    else customers.grant(customer.name, family, to, this.#options.parent(heir.id));
    const look = (): void => {
      const standing = this.#options.renumbering(heir.id);
      if (standing?.outcome === 'done') return;
      if (standing !== null && (standing.outcome === 'failed' || !SERVED.has(standing.state))) {
        if (SERVED.has(standing.old)) customers.exchange(customer.name, family, to, from);
        else customers.withdraw(customer.name, to);
        return;
      }
      this.#time.after(this.#chance.between(20_000, 90_000) * pace.rounds, look);
    };
    look();
  }
}
