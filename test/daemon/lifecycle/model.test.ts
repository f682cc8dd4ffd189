/**
 * The lifecycle against a small model that knows nothing of rows: who is up where, who may have what, and what has to
 * follow. Perfect NASes, a clock that is right; what faults do is for the simulation.
 */
import fc from 'fast-check';
import t from 'tap';
import type { ConfiguredPool } from '../../../src/daemon/lifecycle/events.js';
import type { LifecycleState } from '../../../src/daemon/lifecycle/state.js';
import type { Settlement } from '../../../src/store/commit.js';
import { acct, allocate, deadline, NOON, octets, revoke, service } from '../../support/events.js';
import { openHouse, policyPools, prefix, type House } from '../../support/house.js';
import { invariants } from '../../support/invariants.js';
import { seedOf } from '../../support/seeded.js';

const QUARANTINE_MS = 60_000;
const NAMES = ['ann', 'bob', 'cat', 'dan'] as const;
const KINDS = ['static', 'dynamic', 'external'] as const;
const NETS = { static: '100.64.0.', dynamic: '100.64.1.', external: '100.64.2.' } as const;
/** Few units, so that they run out. */
const HOSTS = [1, 2, 3, 4, 5, 6] as const;
type Kind = (typeof KINDS)[number];

const POOLS: readonly ConfiguredPool[] = KINDS.map((kind) => ({
  tenant: 'default',
  name: kind,
  vrf: 'global',
  family: 'ipv4',
  use: 'address',
  kind,
  prefix: prefix(`${NETS[kind]}0/29`),
  unitLength: 32,
  quarantineMs: QUARANTINE_MS,
}));

interface Up {
  readonly name: string;
  readonly address: string;
  /** Another was given its address since, and it has not been heard after that: it stands there no more, for all that is known. */
  pushedOff: boolean;
}

/** What an assignment is by the model; `seen`: a session of its holder stood on it. */
interface Tenure {
  readonly name: string;
  state: LifecycleState;
  seen: boolean;
}

interface Rest {
  readonly name: string | null;
  readonly until: number;
}

function kindOf(address: string): Kind {
  return KINDS.find((kind) => address.startsWith(NETS[kind])) ?? 'static';
}

class Model {
  now = NOON;
  /** Open sessions by number. */
  readonly up = new Map<string, Up>();
  /** Live tenures by address. */
  readonly tenures = new Map<string, Tenure>();
  readonly resting = new Map<string, Rest>();
  readonly suspended = new Set<string>();
  sids = 0;

  on(address: string): Up[] {
    return [...this.up.values()].filter((one) => one.address === address && !one.pushedOff);
  }

  /** Whether an address may be handed out to somebody. */
  mayHave(name: string, address: string): boolean {
    const rest = this.resting.get(address);
    const rests = rest !== undefined && rest.until > this.now && rest.name !== name;
    return !this.tenures.has(address) && this.on(address).length === 0 && !rests;
  }

  begin(address: string, name: string, state: LifecycleState, seen: boolean): void {
    this.resting.delete(address);
    this.tenures.set(address, { name, state, seen });
  }

  end(address: string): void {
    const tenure = this.tenures.get(address);
    this.tenures.delete(address);
    this.resting.set(address, { name: tenure?.name ?? null, until: this.now + QUARANTINE_MS });
  }

  intoService(address: string): void {
    const tenure = this.tenures.get(address);
    if (tenure === undefined) return;
    tenure.seen = true;
    if (tenure.state === 'allocated') tenure.state = this.suspended.has(tenure.name) ? 'suspended' : 'active';
  }

  /** A session has begun: whose the address is by now. */
  start(sid: string, name: string, address: string): void {
    const tenure = this.tenures.get(address);
    const others = this.on(address);
    this.up.set(sid, { name, address, pushedOff: false });
    if (tenure?.name === name) this.intoService(address);
    else if (kindOf(address) === 'external') {
      // Whoever stood there before contests it, when he is heard again; he does not take it back.
      for (const other of others) other.pushedOff = true;
      this.begin(address, name, this.suspended.has(name) ? 'suspended' : 'active', true);
    }
  }

  /** A session reports: who was pushed off shows his address again, and has it where nobody else does by now. */
  report({ name, address }: Up, sid: string): void {
    this.up.set(sid, { name, address, pushedOff: false });
    if (kindOf(address) !== 'external' || this.tenures.has(address)) return;
    this.begin(address, name, this.suspended.has(name) ? 'suspended' : 'active', true);
  }

  stop(sid: string): void {
    const gone = this.up.get(sid);
    if (gone === undefined) return;
    this.up.delete(sid);
    const { address } = gone;
    const tenure = this.tenures.get(address);
    if (tenure === undefined) {
      if (this.on(address).length === 0) {
        this.resting.set(address, { name: this.resting.get(address)?.name ?? null, until: this.now + QUARANTINE_MS });
      }
    } else this.settle(address);
  }

  /** Ends a tenure that has no session left, where that is its end. */
  settle(address: string): void {
    const tenure = this.tenures.get(address);
    if (tenure === undefined || !tenure.seen || this.on(address).length > 0) return;
    const released = kindOf(address) !== 'static' && (tenure.state === 'active' || tenure.state === 'suspended');
    if (tenure.state === 'revoking' || released) this.end(address);
  }
}

interface Real {
  readonly house: House;
}

async function say(house: House, ...events: Parameters<House['say']>): Promise<Settlement> {
  const [told] = await house.say(...events);
  if (told === undefined) throw new RangeError('nothing was said');
  return told;
}

/** Live assignments of the store by address, as `name state`. */
function living(house: House): Map<string, string> {
  const rows = house.db
    .prepare(
      `SELECT a.net, s.name, a.state FROM assignment a JOIN subscriber s ON s.id = a.subscriber
        WHERE a.state <> 'revoked' ORDER BY a.net`,
    )
    .raw()
    .all() as [Uint8Array, string, string][];
  return new Map(rows.map(([net, name, state]) => [net.join('.'), `${name} ${state}`]));
}

/**
 * Where addrd does not hand addresses out for good, one whose holder is gone passes to somebody who is up on it and known;
 * to whom of several, the model leaves open.
 */
function passOn(found: ReadonlyMap<string, string>, model: Model): void {
  for (const [address, tenure] of model.tenures) {
    const there = model.on(address);
    if (kindOf(address) === 'static' || there.some(({ name }) => name === tenure.name)) continue;
    const [heir = ''] = (found.get(address) ?? '').split(' ');
    if (heir === tenure.name || !there.some(({ name }) => name === heir)) continue;
    model.begin(address, heir, model.suspended.has(heir) ? 'suspended' : 'active', true);
  }
}

function compare({ house }: Real, model: Model): void {
  const found = living(house);
  passOn(found, model);
  const wanted = new Map<string, string>();
  for (const [address, { name, state }] of model.tenures) wanted.set(address, `${name} ${state}`);
  // Who was never seen ends by time, which the model leaves open: gone is fine where nobody was there.
  for (const [address, { state, seen }] of model.tenures) {
    const open = !seen && (state === 'revoking' || kindOf(address) === 'dynamic');
    if (open && model.on(address).length === 0 && !found.has(address)) {
      model.end(address);
      wanted.delete(address);
    } else if (open && state === 'allocated' && found.get(address)?.endsWith('revoking') === true) {
      model.tenures.set(address, { ...(model.tenures.get(address) as Tenure), state: 'revoking' });
      wanted.set(address, found.get(address) ?? '');
    }
  }
  const shown = (map: ReadonlyMap<string, string>): string => JSON.stringify([...map].sort());
  if (shown(found) !== shown(wanted)) throw new RangeError(`the store has ${shown(found)}, the model ${shown(wanted)}`);
  const broken = invariants(house.db, house.policy);
  if (broken.length > 0) throw new RangeError(broken.join('; '));
}

type Command = fc.AsyncCommand<Model, Real>;

/** A command that lets a second pass first, and is compared after it. */
function command(text: string, act: (model: Model, real: Real) => Promise<void>): Command {
  return {
    check: () => true,
    run: async (model, real) => {
      model.now += 1_000;
      await act(model, real);
      compare(real, model);
    },
    toString: () => text,
  };
}

const named = (name: string): { username: Uint8Array } => ({ username: octets(name) });
const name = fc.constantFrom(...NAMES);
const kind = fc.constantFrom(...KINDS);
const address = fc.tuple(kind, fc.constantFrom(...HOSTS)).map(([one, host]) => `${NETS[one]}${String(host)}`);

const allocations = fc
  .tuple(name, fc.constantFrom('static' as const, 'dynamic' as const), fc.option(fc.constantFrom(...HOSTS)))
  .map(([who, pool, host]) =>
    command(`allocate ${who} ${pool} ${String(host)}`, async (model, { house }) => {
      const wanted = host === null ? null : `${NETS[pool]}${String(host)}`;
      const requested = wanted === null ? null : prefix(wanted);
      const user = { username: who, usernameBytes: octets(who) };
      const told = await say(house, allocate(who, model.now, { pool, requested, ...user }));
      const own = [...model.tenures].filter(
        ([held, { name: holder }]) => holder === who && kindOf(held) === pool && (wanted === null || held === wanted),
      );
      const free = HOSTS.map((one) => `${NETS[pool]}${String(one)}`).filter((one) => model.mayHave(who, one));
      if (told.verdict === 'applied') {
        const { assignments } = told.reply as { assignments: { address: string }[] };
        const given = (assignments[0]?.address ?? '').replace('/32', '');
        if (own.length > 0) throw new RangeError(`${who} has ${own.map(([held]) => held).join()} already`);
        if (!free.includes(given)) throw new RangeError(`${given} was not to be had by ${who}`);
        if (wanted !== null && given !== wanted) throw new RangeError(`${given} is not what was asked for`);
        model.begin(given, who, 'allocated', false);
        return;
      }
      const refusals = new Set(['already-allocated', 'being-revoked']);
      if (
        own.length > 0 ? !refusals.has(told.code ?? '') : free.length > 0 && (wanted === null || free.includes(wanted))
      )
        throw new RangeError(`${who} was told ${told.code ?? ''}, and ${free.join()} is free`);
    }),
  );

const revokes = name.map((who) =>
  command(`revoke ${who}`, async (model, { house }) => {
    await say(house, revoke(who, model.now, { sendDisconnect: false }));
    for (const [held, tenure] of model.tenures) {
      if (tenure.name !== who) continue;
      tenure.state = 'revoking';
      model.settle(held);
    }
  }),
);

const services = fc.tuple(name, fc.boolean()).map(([who, out]) =>
  command(`${out ? 'suspend' : 'reactivate'} ${who}`, async (model, { house }) => {
    const told = await say(house, service(out ? 'suspend' : 'reactivate', who, model.now));
    if (told.verdict !== 'applied') return;
    if (out) model.suspended.add(who);
    else model.suspended.delete(who);
    for (const tenure of model.tenures.values()) {
      if (tenure.name !== who) continue;
      if (out && tenure.state === 'active') tenure.state = 'suspended';
      else if (!out && tenure.state === 'suspended') tenure.state = 'active';
    }
  }),
);

const starts = fc.tuple(name, address).map(([who, where]) =>
  command(`start ${who} ${where}`, async (model, { house }) => {
    const sid = `s${String(model.sids++)}`;
    await say(house, acct('acct-start', sid, model.now, [where], named(who)));
    model.start(sid, who, where);
  }),
);

const stops = fc.nat({ max: 9 }).map((which) =>
  command(`stop ${String(which)}`, async (model, { house }) => {
    const sid = [...model.up.keys()][which % Math.max(1, model.up.size)];
    const up = sid === undefined ? undefined : model.up.get(sid);
    if (sid === undefined || up === undefined) return;
    await say(house, acct('acct-stop', sid, model.now, [up.address], { ...named(up.name), seconds: 1_000_000 }));
    model.stop(sid);
  }),
);

/** Everybody who is up reports, and what falls due is decided. */
const passes = fc.constantFrom(30, 90, 600).map((seconds) =>
  command(`pass ${String(seconds)}`, async (model, { house }) => {
    for (const [sid, up] of [...model.up]) {
      const { name: who, address: where } = up;
      const at = model.now;
      await say(
        house,
        acct('acct-interim', sid, at, [where], { ...named(who), seconds: Math.floor((at - NOON) / 1_000) }),
      );
      model.report(up, sid);
    }
    const until = model.now + seconds * 1_000;
    for (let turns = 0; turns < 1_000; turns++) {
      const due = house.pending.nextDue();
      if (due === null || due > until) break;
      for (const { kind: what, ref } of house.pending.due(due, 500)) await house.say(deadline(what, ref, due));
    }
    model.now = until;
  }),
);

t.test('whatever is ordered and reported, the store is what the model says', async (t) => {
  t.setTimeout(120_000);
  const seed = seedOf(t);
  const runs = Number(process.env['MODEL_RUNS'] ?? 60);
  const commands = fc.commands([allocations, starts, starts, stops, stops, revokes, services, passes], {
    maxCommands: 40,
  });
  await fc.assert(
    fc.asyncProperty(commands, async (cmds) => {
      const house = await openHouse(
        NOON,
        { guard: { count: 10_000, share: 1, floor: 10_000, windowMs: 600_000 } },
        { pools: POOLS },
      );
      try {
        house.policy = { ...house.policy, pools: policyPools(house.pending, POOLS) };
        await fc.asyncModelRun(() => ({ model: new Model(), real: { house } }), cmds);
      } finally {
        house.db.close();
      }
    }),
    { seed, numRuns: runs },
  );
  t.pass(`${String(runs)} runs`);
});
