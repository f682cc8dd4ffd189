/** The customers, their lines, and the AAA server that tells a NAS which addresses somebody gets. */
import { contains, prefixKey, samePrefix, unitAt, unitCount, type Prefix } from '../../src/daemon/lifecycle/address.js';
import type { ConfiguredPool } from '../../src/daemon/lifecycle/events.js';
import { isRoute } from '../../src/daemon/lifecycle/routes.js';
import type { Chance } from './chance.js';
import type { Marks } from './marks.js';
import type { Framed, Nas, TrueSession } from './nas.js';
import type { Pace } from './pace.js';
import { withRoutes } from './routes.js';
import type { VirtualTime } from './time.js';

export interface Customer {
  /** The subscriber's name at addrd. */
  readonly name: string;
  /** What the NAS reports, and what the operator tells addrd of it. */
  readonly username: string | null;
  readonly ordered: string | null;
  readonly nas: Nas;
}

const ATTRIBUTE_OF = {
  ipv4: 'Framed-IP-Address',
  ipv6: 'Framed-IPv6-Address',
  'ipv6-pd': 'Delegated-IPv6-Prefix',
} as const;

export interface CustomersOptions {
  readonly nases: readonly Nas[];
  readonly pools: () => readonly ConfiguredPool[];
  readonly count: number;
  readonly pace: Pace;
}

/** The circuit id of a line. */
export function circuitOf(name: string): Uint8Array {
  return new TextEncoder().encode(`olt1/${name}`);
}

export class Customers {
  readonly list: readonly Customer[];
  /** What AAA returns for each customer. */
  readonly #grants = new Map<string, Framed[]>();
  readonly #classes = new Map<string, Uint8Array>();
  /** How often the CPE of a line was exchanged. */
  readonly #cpes = new Map<string, number>();
  readonly #time: VirtualTime;
  readonly #chance: Chance;
  readonly #pools: () => readonly ConfiguredPool[];
  readonly #nases: readonly Nas[];
  readonly #pace: Pace;
  #strangers = 0;
  #quiet = false;

  constructor(time: VirtualTime, chance: Chance, { nases, pools, count, pace }: CustomersOptions) {
    this.#time = time;
    this.#chance = chance;
    this.#pools = pools;
    this.#nases = nases;
    this.#pace = pace;
    this.list = Array.from({ length: count }, (_, n) => this.#customer(n));
  }

  #customer(n: number): Customer {
    const name = `c${String(n).padStart(2, '0')}`;
    const nas = this.#chance.pick(this.#nases);
    switch (n % 5) {
      case 0:
      case 1:
        return { name, username: name, ordered: null, nas };
      case 2:
        return { name, username: `${name}@isp.example`, ordered: `${name}@isp.example`, nas };
      // Known by a User-Name that nobody told addrd: it has to learn it.
      case 3:
        return { name, username: `line-${name}`, ordered: null, nas };
      default:
        return { name, username: null, ordered: null, nas };
    }
  }

  /** AAA returns a Class with the addresses from now on. */
  classify(name: string, octets: Uint8Array): void {
    this.#classes.set(name, octets);
  }

  /** What names a line; its CPE is exchanged now and then. */
  marksOf(name: string): Marks {
    if (this.#chance.flip(0.03)) this.#cpes.set(name, (this.#cpes.get(name) ?? 0) + 1);
    const n = this.list.findIndex((one) => one.name === name);
    const octets = [2, 0, 0x5e, 0x10, this.#cpes.get(name) ?? 0, n];
    return {
      class: this.#classes.get(name) ?? null,
      circuit: circuitOf(name),
      mac: octets.map((octet) => octet.toString(16).padStart(2, '0')).join('-'),
    };
  }

  /** AAA returns an address from now on, or a route: with the address `on`, or with any. */
  grant(name: string, family: ConfiguredPool['family'], prefix: Prefix, on: Prefix | null = null): void {
    const grants = this.#grants.get(name) ?? [];
    const granted = { ...framedOf(family, prefix), on };
    this.#grants.set(name, [...grants.filter((one) => !samePrefix(one.prefix, prefix)), granted]);
  }

  /** AAA returns one address in place of another, with the routes that came with that; a route comes with what it came with. */
  exchange(name: string, family: ConfiguredPool['family'], from: Prefix, to: Prefix): void {
    const { on = null } = this.grantsOf(name).find(({ prefix }) => samePrefix(prefix, from)) ?? {};
    this.withdraw(name, from);
    this.grant(name, family, to, on);
    const along = (one: Framed): Framed => {
      const rides = one.on !== undefined && one.on !== null && samePrefix(one.on, from);
      return rides ? { ...one, on: to } : one;
    };
    this.#grants.set(name, this.grantsOf(name).map(along));
  }

  withdraw(name: string, prefix: Prefix): void {
    this.#grants.set(
      name,
      (this.#grants.get(name) ?? []).filter((one) => !samePrefix(one.prefix, prefix)),
    );
  }

  grantsOf(name: string): readonly Framed[] {
    return this.#grants.get(name) ?? [];
  }

  /** Any unit of a pool, those that are never handed out included. */
  anyUnit(pool: ConfiguredPool): Prefix {
    const index = this.#chance.between(0, Number(unitCount(pool.prefix, pool.unitLength)) - 1);
    return unitAt(pool.prefix, pool.unitLength, BigInt(index)) ?? pool.prefix;
  }

  /** Begins a life of dialling in and hanging up that goes on until {@link rest}. */
  begin(meanMs: number): void {
    const live = (): void => {
      if (this.#quiet) return;
      this.#act();
      this.#time.after(this.#chance.wait(meanMs), live);
    };
    live();
  }

  rest(): void {
    this.#quiet = true;
  }

  #act(): void {
    const chance = this.#chance;
    if (chance.flip(0.04)) {
      this.#intrude();
      return;
    }
    const customer = chance.pick(this.list);
    const [session] = customer.nas.sessions.filter((one) => one.customer === customer.name);
    if (session === undefined || chance.flip(0.04)) this.dial(customer);
    else if (chance.flip(0.35))
      customer.nas.hangUp(session, chance.pick(['User-Request', 'Lost-Carrier', 'Idle-Timeout']));
  }

  dial(customer: Customer): void {
    if (!customer.nas.serving) return;
    const grants = this.grantsOf(customer.name)
      .filter(() => this.#chance.flip(0.9))
      // RFC 2865 section 5.44: at most one Framed-IP-Address.
      .filter(
        ({ attribute }, n, all) => isRoute({ attribute }) || all.findIndex((one) => one.attribute === attribute) === n,
      );
    const external = this.#externalUnit(customer.nas, grants);
    const addresses = withRoutes(external === null ? grants : [...grants, external]);
    if (addresses.length === 0 && !this.#chance.flip(0.1)) return;
    this.#dialOn(customer.nas, customer.name, customer.username, addresses);
    // A dynamic address is asked for again each time; some AAA servers remember the last answer.
    for (const { prefix } of grants) {
      if (this.#kindAt(customer.nas, prefix) === 'dynamic' && this.#chance.flip(0.7))
        this.withdraw(customer.name, prefix);
    }
  }

  #kindAt(nas: Nas, prefix: Prefix): ConfiguredPool['kind'] | null {
    return this.#poolsOf(nas).find((pool) => contains(pool.prefix, prefix))?.kind ?? null;
  }

  /** What the NASes give of their own accord: an address of the external pool on which none of them has a session. */
  #externalUnit(nas: Nas, grants: readonly Framed[]): Framed | null {
    const pool = this.#poolsOf(nas).find(({ kind }) => kind === 'external');
    if (pool === undefined || grants.some(({ attribute }) => attribute === 'Framed-IP-Address')) return null;
    const unit = this.anyUnit(pool);
    return this.#sessionsOn(nas, unit).length > 0 || this.#chance.flip(0.3) ? null : framedOf(pool.family, unit);
  }

  #poolsOf(nas: Nas): readonly ConfiguredPool[] {
    return this.#pools().filter(({ vrf }) => vrf === nas.options.vrf);
  }

  /** Of the VRF of a NAS. */
  #sessionsOn({ options }: Nas, prefix: Prefix): TrueSession[] {
    const on = ({ addresses }: TrueSession): boolean => addresses.some((one) => samePrefix(one.prefix, prefix));
    return this.#nases.flatMap((nas) => (nas.options.vrf === options.vrf ? nas.sessions.filter(on) : []));
  }

  /** Begins a session, and notes on which addresses it is not alone. */
  #dialOn(nas: Nas, name: string, username: string | null, addresses: readonly Framed[]): TrueSession {
    const beside = addresses.map(({ prefix }) => ({ prefix, sessions: this.#sessionsOn(nas, prefix) }));
    const known = nas.options.marking !== null && this.list.some((one) => one.name === name);
    const session = nas.dial(name, username, addresses, known ? this.marksOf(name) : null);
    for (const { prefix, sessions } of beside) {
      if (sessions.length > 0) for (const one of [session, ...sessions]) one.shared.add(prefixKey(prefix));
    }
    return session;
  }

  /** A session that addrd did not order: on an address of the pools, whoever's it is, or on one of no pool. */
  #intrude(): void {
    const chance = this.#chance;
    const nas = chance.pick(this.#nases);
    if (!nas.serving) return;
    const pools = this.#poolsOf(nas);
    const pool = pools.length === 0 ? null : chance.pick(pools);
    const inside = chance.flip(0.8) && pool !== null;
    const addresses = inside ? [framedOf(pool.family, this.anyUnit(pool))] : [outside(chance)];
    const known = chance.flip(0.3);
    const customer = chance.pick(this.list);
    const name = known ? customer.name : `stranger-${String(++this.#strangers)}`;
    const username = known ? customer.username : chance.flip(0.8) ? name : null;
    const session = this.#dialOn(nas, name, username, addresses);
    this.#time.after(
      chance.wait(300_000) * this.#pace.events,
      () => {
        if (!this.#quiet) nas.hangUp(session, 'User-Request');
      },
      session.life,
    );
  }

  /** Somebody pulls the plug of a line, some time within `withinMs`. */
  unplug(customer: Customer, withinMs: number): void {
    const session = customer.nas.sessions.find((one) => one.customer === customer.name);
    if (session === undefined) return;
    this.#time.after(
      this.#chance.between(0, withinMs),
      () => {
        customer.nas.hangUp(session, 'Lost-Carrier');
      },
      session.life,
    );
  }

  /** A line that was cut dials again, with what AAA has for it by then. */
  redial(session: TrueSession): void {
    const customer = this.list.find(({ name }) => name === session.customer);
    if (customer === undefined) return;
    this.#time.after(this.#chance.between(2_000, 40_000), () => {
      this.dial(customer);
    });
  }
}

export function framedOf(family: ConfiguredPool['family'], prefix: Prefix): Framed {
  const isHost = prefix.length === prefix.bytes.length * 8;
  if (family === 'ipv6-pd' || isHost) return { attribute: ATTRIBUTE_OF[family], prefix };
  return { attribute: family === 'ipv4' ? 'Framed-Route' : 'Framed-IPv6-Route', prefix };
}

/** An address of no pool. */
export function outside(chance: Chance): Framed {
  return framedOf('ipv4', { bytes: Uint8Array.of(203, 0, 113, chance.between(1, 250)), length: 32 });
}
