/**
 * Routed subnets under any order of orders and sessions: what the NAS routes to somebody stays his until that session has
 * ended, whether the NAS tells of routes or not; nothing outlives its parent; and in the end everything is free.
 */
import fc from 'fast-check';
import t from 'tap';
import { formatPrefix, type Prefix } from '../../../src/daemon/lifecycle/address.js';
import type {
  ConfiguredPool,
  ParentChoice,
  RenumberEvent,
  ShownAddress,
} from '../../../src/daemon/lifecycle/events.js';
import { acct, allocate, deadline, NOON, octets, revoke, service } from '../../support/events.js';
import { openHouse, prefix, type House } from '../../support/house.js';
import { invariants } from '../../support/invariants.js';
import { seedOf } from '../../support/seeded.js';

const STATIC = { tenant: 'default', vrf: 'global', kind: 'static', quarantineMs: 60_000 } as const;
const POOLS: readonly ConfiguredPool[] = [
  { ...STATIC, name: 'v4', family: 'ipv4', use: 'address', prefix: prefix('100.64.0.0/29'), unitLength: 32 },
  { ...STATIC, name: 'lan', family: 'ipv4', use: 'routed', prefix: prefix('198.51.100.0/27'), unitLength: 29 },
  { ...STATIC, name: 'lan6', family: 'ipv6', use: 'routed', prefix: prefix('2001:db8::/46'), unitLength: 48 },
];
const NAMES = ['ann', 'bob'] as const;
const VERBS = [
  ...['address', 'subnet', 'subnet', 'subnet6', 'alone', 'dial', 'dial', 'dial', 'hang-up', 'hang-up'],
  ...['revoke', 'revoke-subnet', 'reclaim', 'renumber', 'renumber-subnet', 'activate', 'suspend', 'resume'],
  ...['revoke-subnet', 'revoke-subnet', 'obey', 'obey', 'pass', 'pass', 'pass', 'pass'],
] as const;

interface Act {
  readonly verb: (typeof VERBS)[number];
  readonly who: number;
  /** Whether the NAS tells of routes; what an order leaves open. */
  readonly flag: boolean;
}

const ACT = fc.record<Act>({ verb: fc.constantFrom(...VERBS), who: fc.nat(1), flag: fc.boolean() });

interface Row extends Prefix {
  readonly id: number;
  readonly use: string;
  readonly parent: number | null;
  readonly supersedes: number | null;
  readonly open: number;
}

/** A session as it really is, with what the NAS routes to it. */
interface Up {
  readonly name: string;
  readonly since: number;
  readonly address: Prefix;
  readonly routes: readonly Prefix[];
  readonly tells: boolean;
}

class Network {
  readonly #house: House;
  #now = NOON;
  #sids = 0;
  readonly #up = new Map<string, Up>();

  constructor(house: House) {
    this.#house = house;
  }

  /** What AAA returns: what is in service or allocated, the new one of a renumbering in place of the old. */
  #granted(name: string): { address: Prefix; routes: Row[] } | null {
    const rows = this.#house.db
      .prepare(
        `SELECT a.id, a.use, a.parent, a.supersedes, a.net AS bytes, a.plen AS length,
                a.renumber IS NOT NULL AND a.renumber->>'outcome' IS NULL AS open
           FROM assignment a JOIN subscriber s ON s.id = a.subscriber
          WHERE s.name = ? AND a.state IN ('allocated', 'active', 'suspended') ORDER BY a.id`,
      )
      .all(name) as Row[];
    const heirs = new Set(rows.filter(({ open }) => open === 1).map(({ supersedes }) => supersedes));
    const given = rows.filter(({ id }) => !heirs.has(id));
    const address = given.filter(({ use }) => use === 'address').at(-1);
    if (address === undefined) return null;
    const on = [address.id, ...(address.open === 1 ? [address.supersedes] : []), null];
    return { address, routes: given.filter(({ use, parent }) => use === 'routed' && on.includes(parent)) };
  }

  async #report(kind: 'acct-start' | 'acct-interim' | 'acct-stop', sid: string, one: Up): Promise<void> {
    const { name, address, routes, tells, since } = one;
    const shown: ShownAddress[] = [{ attribute: 'Framed-IP-Address', prefix: address }];
    for (const { bytes, length } of tells ? routes : []) {
      const attribute = bytes.length === 4 ? 'Framed-Route' : 'Framed-IPv6-Route';
      shown.push({ attribute, prefix: { bytes, length } });
    }
    const seconds = Math.floor((this.#now - since) / 1_000);
    const username = octets(name);
    const claims = [{ type: 'username', scope: 'tenant', bytes: username }] as const;
    await this.#house.say(acct(kind, sid, this.#now, [], { username, claims, seconds, addresses: shown }));
  }

  async #hangUp(sid: string): Promise<void> {
    const one = this.#up.get(sid);
    if (one === undefined) return;
    this.#up.delete(sid);
    await this.#report('acct-stop', sid, one);
  }

  #subnetOf(name: string): Prefix | null {
    const rows = this.#house.db.prepare(
      `SELECT a.net AS bytes, a.plen AS length FROM assignment a JOIN subscriber s ON s.id = a.subscriber
        WHERE s.name = ? AND a.use = 'routed' AND a.state <> 'revoked' ORDER BY a.id DESC LIMIT 1`,
    );
    return (rows.get(name) as Prefix | undefined) ?? null;
  }

  /** Does one thing; returns what is wrong then. */
  async do({ verb, who, flag }: Act): Promise<string[]> {
    const house = this.#house;
    const name = NAMES[who] ?? 'ann';
    this.#now += 1_000;
    const now = this.#now;
    const parent: ParentChoice = { by: 'subscriber' };
    const subnet = this.#subnetOf(name);
    switch (verb) {
      case 'address':
        await house.say(allocate(name, now, { pool: 'v4' }));
        break;
      case 'subnet':
        await house.say(allocate(name, now, { pool: 'lan', parent }));
        break;
      case 'subnet6':
        await house.say(allocate(name, now, { pool: 'lan6', family: 'ipv6', parent }));
        break;
      case 'alone':
        await house.say(allocate(name, now, { pool: 'lan' }));
        break;
      case 'dial': {
        const granted = this.#granted(name);
        if (granted === null) break;
        // Where a NAS tells nothing, a subnet that stands by itself is known to nobody.
        const routes = granted.routes.filter(({ parent: on }) => flag || on !== null);
        const one = { name, since: now, address: granted.address, routes, tells: flag };
        const sid = `s${String(++this.#sids)}`;
        this.#up.set(sid, one);
        await this.#report('acct-start', sid, one);
        break;
      }
      case 'hang-up': {
        const [sid] = [...this.#up].find(([, one]) => one.name === name) ?? [];
        if (sid !== undefined) await this.#hangUp(sid);
        break;
      }
      case 'revoke':
        await house.say(revoke(name, now, { family: 'ipv4', sendDisconnect: flag }));
        break;
      case 'revoke-subnet':
        if (subnet !== null) await house.say(revoke(name, now, { prefix: subnet, sendDisconnect: flag }));
        break;
      case 'reclaim':
        await house.say(allocate(name, now, { pool: flag ? 'v4' : 'lan', reclaim: true }));
        break;
      case 'renumber':
      case 'renumber-subnet':
        await house.say(this.#renumber(name, verb === 'renumber' ? null : subnet, flag));
        break;
      case 'activate':
        await house.say({
          ...{ kind: 'activate', tenant: 'default', actor: 'test', receivedAt: now },
          ...{ subscriber: name, family: null, prefix: null },
        });
        // Somebody has brought the routes to whoever is there: what he has now is what AAA returns.
        await this.#bring(name);
        break;
      case 'suspend':
        await house.say(service('suspend', name, now));
        break;
      case 'resume':
        await house.say(service('reactivate', name, now));
        break;
      case 'obey':
        await this.#obey();
        break;
      case 'pass':
        await this.#pass(10 * 60_000);
        break;
    }
    return this.#wrong();
  }

  #renumber(name: string, old: Prefix | null, flag: boolean): RenumberEvent {
    return {
      ...{ kind: 'renumber', tenant: 'default', actor: 'test', receivedAt: this.#now, subscriber: name },
      ...{ family: old?.bytes.length === 16 ? 'ipv6' : 'ipv4', prefix: old, to: null, pool: null },
      ...{ when: flag ? 'now' : 'next_session', at: null, deadline: this.#now + 3_600_000, reason: 'test' },
    };
  }

  /** The routes of what is in service come to the sessions on it. */
  async #bring(name: string): Promise<void> {
    const granted = this.#granted(name);
    if (granted === null) return;
    for (const [sid, one] of this.#up) {
      if (one.name !== name || formatPrefix(one.address) !== formatPrefix(granted.address)) continue;
      const active = granted.routes.filter(({ parent, open }) => open === 0 && (one.tells || parent !== null));
      const known = new Map([...one.routes, ...active].map((route) => [formatPrefix(route), route]));
      this.#up.set(sid, { ...one, routes: [...known.values()] });
      await this.#report('acct-interim', sid, { ...one, routes: [...known.values()] });
    }
  }

  /** The NAS carries out what it is told, and says so. */
  async #obey(): Promise<void> {
    const { db } = this.#house;
    const pending = db.prepare(
      "SELECT o.id, o.kind, s.sid FROM outbox o JOIN session s ON s.id = o.session WHERE o.status = 'pending'",
    );
    for (const { id, kind, sid } of pending.all() as { id: number; kind: string; sid: Buffer }[]) {
      const [started] = await this.#house.say({ kind: 'effect-started', outbox: id, receivedAt: this.#now });
      if (started?.verdict !== 'applied') continue;
      const { attempt } = started.reply as { attempt: number };
      const outcome = { result: 'ack' } as const;
      const about = { outbox: id, attempt, outcome, jitter: 0, receivedAt: this.#now };
      await this.#house.say({ kind: 'effect-outcome', ...about });
      if (kind === 'nas.disconnect') await this.#hangUp(sid.toString());
    }
  }

  async #pass(ms: number): Promise<void> {
    for (const [sid, one] of this.#up) await this.#report('acct-interim', sid, one);
    // Somebody is always there: a NAS that is not heard proves nothing.
    await this.#house.say(acct('acct-interim', 'another', this.#now, [], { seconds: (this.#now - NOON) / 1_000 }));
    const to = this.#now + ms;
    for (let turns = 0; ; turns++) {
      if (turns > 1_000) throw new RangeError('deadlines do not come to an end');
      const due = this.#house.pending.nextDue();
      if (due === null || due > to) break;
      for (const { kind, ref } of this.#house.pending.due(due, 500)) await this.#house.say(deadline(kind, ref, due));
    }
    this.#now = to;
  }

  #wrong(): string[] {
    const { db, policy } = this.#house;
    const holder = db
      .prepare(
        `SELECT s.name FROM live l JOIN assignment a ON a.id = l.assignment JOIN subscriber s ON s.id = a.subscriber
          WHERE l.lo = ? AND l.plen = ?`,
      )
      .pluck();
    const lost = [...this.#up].flatMap(([sid, { name, routes }]) =>
      routes
        .map((route) => ({ route, by: holder.get(route.bytes, route.length) as string | undefined }))
        .filter(({ by }) => by !== name)
        .map(({ route, by }) => `${formatPrefix(route)} is routed to ${sid} of ${name} and is ${by ?? 'nobody'}'s`),
    );
    const poison = db.prepare('SELECT error FROM poison').pluck().all() as string[];
    return [...lost, ...poison, ...invariants(db, policy)];
  }

  /** Everybody leaves, and nothing is left. */
  async end(): Promise<string[]> {
    for (const sid of [...this.#up.keys()]) await this.#hangUp(sid);
    for (const name of NAMES) {
      this.#now += 1_000;
      await this.#house.say(revoke(name, this.#now));
    }
    for (let n = 0; n < 20; n++) {
      await this.#obey();
      await this.#pass(10 * 60_000);
    }
    const open = this.#house.db.prepare("SELECT id || ' is ' || state FROM assignment WHERE state <> 'revoked'");
    return [...(open.pluck().all() as string[]), ...this.#wrong()];
  }
}

t.test('a subnet is its holder’s for as long as it is routed to him, and no longer than its parent', async (t) => {
  const seed = seedOf(t);
  await fc.assert(
    fc.asyncProperty(fc.array(ACT, { minLength: 30, maxLength: 80 }), async (acts) => {
      const house = await openHouse(NOON, {}, { pools: POOLS });
      const network = new Network(house);
      for (const act of acts) {
        const wrong = await network.do(act);
        if (wrong.length > 0) throw new Error(wrong.join('; '));
      }
      const left = await network.end();
      if (left.length > 0) throw new Error(left.join('; '));
      house.db.close();
    }),
    { seed, numRuns: Number(process.env['RUNS'] ?? 100) },
  );
  t.pass('held');
});
