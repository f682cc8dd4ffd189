/** Watches every commit and every datagram of addrd, and holds them against the truth that the NASes know. */
import type { Database } from '../../src/store/open.js';
import type { Config } from '../../src/daemon/config.js';
import { contains, formatPrefix, prefixKey, type Prefix } from '../../src/daemon/lifecycle/address.js';
import { getAllowedTransitions, type LifecycleState } from '../../src/daemon/lifecycle/state.js';
import type { EffectKind } from '../../src/daemon/lifecycle/records.js';
import type { Policy } from '../../src/daemon/lifecycle/policy.js';
import { compilePolicy } from '../../src/daemon/policy-of.js';
import { addressOctets } from '../../src/protocols/radius/address.js';
import { ACCT_STATUS_TYPE, ATTRIBUTES } from '../../src/protocols/radius/dictionary.js';
import { PACKET_CODES, parse } from '../../src/protocols/radius/packet.js';
import type { UdpPeer } from '../../src/protocols/io.js';
import { invariants } from '../support/invariants.js';
import { Carried } from './carried.js';
import { Handouts } from './handouts.js';
import type { Nas, TrueSession } from './nas.js';
import { Renumberings } from './renumberings.js';
import type { Report } from './reporter.js';
import type { Scene } from './scene.js';
import { prepareStatements } from './statements.js';

/**
 * Every so many commits that moved an address, and every so many others, the whole store is looked through. What is wrong
 * in it stays wrong, so a fault is met a few commits late at most.
 */
const EVERY_MOVES = 4;
const EVERY_COMMITS = 40;

/** Within this time who is on an address of a pool that comes and goes has reported again. */
const LATE_MS = 300_000;

interface Transition {
  readonly id: number;
  readonly assignment: number;
  readonly from_state: LifecycleState | null;
  readonly to_state: LifecycleState;
}

/** The database with each statement prepared once: the checks run after every commit. */
function preparedOnce(db: Database): Database {
  const statements = new Map<string, ReturnType<Database['prepare']>>();
  const prepare = (sql: string): ReturnType<Database['prepare']> => {
    const statement = statements.get(sql) ?? db.prepare(sql);
    statements.set(sql, statement);
    return statement;
  };
  return { prepare, pragma: (what: string) => prepare(`PRAGMA ${what}`).all([]) } as unknown as Database;
}

interface Live {
  /** VRF and prefix. */
  readonly key: string;
  readonly id: number;
  readonly since: number;
  readonly name: string;
}

interface PendingEffect {
  readonly id: number;
  readonly attempt: number;
  readonly unwanted: number;
}

export class Observer {
  readonly faults: string[] = [];
  commits = 0;
  /** Disconnect-Requests by octets, and the effect for which each left. */
  readonly #requests = new Map<string, number>();
  readonly #states = new Map<number, LifecycleState>();
  readonly #db: Database;
  readonly #prepared: Database;
  #compiled: Policy | null = null;
  #config: Config;
  readonly #lateMs: number;
  readonly #nases: readonly Nas[];
  readonly #statements: ReturnType<typeof prepareStatements>;
  readonly #thorough: boolean;
  readonly #wrongSince = new Map<string, number>();
  readonly #now: () => number;
  readonly #renumberings: Renumberings;
  readonly #carried: Carried;
  readonly handouts: Handouts;
  #seen = 0;
  #frozen = false;
  #quiet = 0;
  /** Pending effects before the commit underway: their attempt, and whether nobody wants them any more. */
  #before: PendingEffect[] = [];

  /** `thorough` looks through the whole store after every commit. */
  constructor(db: Database, { config, pace }: Scene, nases: readonly Nas[], thorough: boolean, now: () => number) {
    this.#now = now;
    this.#thorough = thorough;
    this.#db = db;
    this.#prepared = preparedOnce(db);
    this.#config = config;
    this.#lateMs = LATE_MS * pace.rounds;
    this.#nases = nases;
    this.#statements = prepareStatements(db);
    this.handouts = new Handouts(db, (what) => {
      this.fault(what);
    });
    this.#carried = new Carried(db);
    this.#renumberings = new Renumberings(db, (what) => {
      this.fault(what);
    });
    for (const nas of nases) {
      nas.onReport = (session) => {
        this.#renumberings.onReport(session);
      };
    }
  }

  fault(what: string): void {
    this.faults.push(what);
  }

  /** Inside the transaction, before anything was decided. */
  onBegin(): void {
    this.#before = this.#statements.effects.all() as PendingEffect[];
  }

  onCommit(): void {
    this.commits++;
    for (const { id, attempt, unwanted } of this.#before) {
      if (unwanted !== 0 && this.#statements.attempt.get(id) !== attempt) {
        this.fault(`effect: ${id} was started although its session had ended or its orders had passed`);
      }
    }
    const newest = this.#statements.journal.get([]) as number;
    const moved = (this.#statements.moves.get(this.#seen) as number) > 0;
    this.#followTransitions();
    this.#renumberings.follow(this.#seen);
    if (moved) this.handouts.follow(this.#seen);
    this.#followBrakes(moved);
    this.#seen = newest;
    this.#quiet += moved ? EVERY_COMMITS / EVERY_MOVES : 1;
    if (this.#thorough || this.#quiet >= EVERY_COMMITS) this.lookAround();
    else if (moved) this.#holdAgainstTruth();
  }

  /** Everything that must hold between two commits. */
  lookAround(): void {
    this.#quiet = 0;
    for (const line of this.#statements.poison.all() as string[]) this.fault(`poison: ${line}`);
    for (const line of invariants(this.#prepared, this.#policy())) this.fault(line);
    for (const { id, state } of this.#statements.states.all() as { id: number; state: LifecycleState }[]) {
      if (this.#states.get(id) !== state)
        this.fault(`journal: assignment ${id} is ${state} and the journal knows nothing of it`);
    }
    this.#holdAgainstTruth();
  }

  /** Another config is in force. Who is on an address that comes into a pool by it is judged when he reports again. */
  configure(config: Config): void {
    const sessions = this.#nases.flatMap((nas) => nas.sessions.map((session) => ({ nas, session })));
    const shown = sessions.flatMap((one) => one.session.addresses.map(({ prefix }) => ({ ...one, prefix })));
    const before = shown.map(({ nas, prefix }) => this.#poolOf(nas, prefix));
    this.#config = config;
    this.#compiled = null;
    for (const [index, { nas, session, prefix }] of shown.entries()) {
      const pool = this.#poolOf(nas, prefix);
      if (pool !== undefined && pool.name !== before[index]?.name) session.unjudged.set(prefixKey(prefix), nas.now());
    }
  }

  #poolOf({ options }: Nas, prefix: Prefix): Config['pools'][number] | undefined {
    return this.#config.pools.find((pool) => pool.vrf === options.vrf && contains(pool.prefix, prefix));
  }

  #policy(): Policy {
    if (this.#compiled !== null) return this.#compiled;
    const pools = new Map(this.#db.prepare('SELECT name, id FROM pool').raw().all() as [string, number][]);
    // It may have died before its first commit: there is nothing to hold its pools against.
    if (pools.size === 0) return { ...compilePolicy(this.#config, { pool: () => 0, vrf: () => 0 }), pools: [] };
    const vrfs = new Map(this.#db.prepare('SELECT name, id FROM vrf').raw().all() as [string, number][]);
    return (this.#compiled = compilePolicy(this.#config, {
      pool: (_tenant, name) => pools.get(name) ?? 0,
      vrf: (name) => vrfs.get(name) ?? 0,
    }));
  }

  #followTransitions(): void {
    for (const { id, assignment, from_state: from, to_state: to } of this.#statements.transitions.all(
      this.#seen,
    ) as Transition[]) {
      const before = this.#states.get(assignment) ?? 'pending';
      if (from !== before || !getAllowedTransitions(before).includes(to)) {
        this.fault(`journal: ${id} takes assignment ${assignment} from ${String(from)} to ${to}; it was ${before}`);
      }
      this.#states.set(assignment, to);
    }
  }

  /** While addrd is frozen nothing becomes free; what waits for approval has not happened; no token cuts too many. */
  #followBrakes(moved: boolean): void {
    for (const { kind } of this.#statements.freed.all(this.#seen) as { kind: string }[]) {
      if (kind === 'frozen' || kind === 'thawed') this.#frozen = kind === 'frozen';
      else if (this.#frozen) this.fault(`brake: ${kind} while addrd is frozen`);
    }
    if (!moved) return;
    for (const id of this.#statements.held.all() as number[]) {
      this.fault(`brake: assignment ${id} was cut and its revoke waits for approval`);
    }
    const { count, windowMs } = this.#config.guard;
    const cut = this.#statements.unapproved.get(windowMs) as number;
    if (cut > count) this.fault(`brake: ${cut} revokes within the window of the guard, which lets ${count} pass`);
  }

  /**
   * An address on which a session is up that addrd was told of (it answered a packet that showed the address) is neither
   * free, nor in quarantine (which begins when it was found idle), nor somebody else's who got it since.
   *
   * A unit whose last session was only inferred to have ended bars everybody like one that is occupied, and is free when
   * the silence of that session shows it.
   *
   * Left out, because SEMANTICS promises nothing there: sessions none of whose packets was answered yet (the evidence of
   * sections 3 and 5 rests on what was heard); an assignment older than the session (then the address is contested,
   * section 4), or one that reclaimed it; the same subscriber's own new assignment (section 6); units that are never handed out. Nothing is left
   * out for gaps, reboots and epochs: a session that the NAS forgot is not up in the truth either, and one that survived
   * an Accounting-On must keep its address by section 5.
   *
   * Routes that their NAS does not tell of are known by what they ride on, as far as carried.ts says.
   *
   * In an external pool the NAS decides: two sessions that are up on one address there take it from each other (section
   * 4), and news that come late, from a NAS that does not say how late, do the same until the next Interim.
   */
  #holdAgainstTruth(): void {
    const now = this.#now();
    const live = new Map<string, Live>();
    for (const row of this.#statements.live.all() as Live[]) live.set(row.key, row);
    const past = new Map<string, string>();
    for (const { key, state } of this.#statements.past.all() as { key: string; state: string }[]) past.set(key, state);
    for (const nas of this.#nases) {
      for (const session of nas.sessions) {
        for (const address of session.addresses) {
          const { prefix } = address;
          const key = prefixKey(prefix);
          const told = session.told.get(key);
          const pool = this.#poolOf(nas, prefix);
          if (told === undefined || pool === undefined) continue;
          const where = `${formatPrefix(prefix)} while ${nas.describe(session)} is up and was reported`;
          const place = `${nas.options.vrf}/${key}`;
          const holder = live.get(place);
          const gone =
            pool.kind === 'static' || (pool.kind === 'dynamic' && !session.shared.has(key)) ? 0 : this.#lateMs;
          const state = past.get(place) ?? 'unused';
          let wrong: string | null = null;
          if (holder !== undefined) {
            // Who is known by nothing but his session has its User-Name for a name.
            const isHis = holder.name === session.customer || holder.name === session.username;
            const isOther = holder.since > told && !isHis && this.#heldSince(holder) > told;
            // Whose Class is another's is taken for that one.
            if (isOther && session.mistaken && pool.kind !== 'static') wrong = null;
            else if (isOther && !session.shared.has(key)) wrong = `truth: ${holder.name} was given ${where}`;
            else if (isOther && pool.kind === 'static') wrong = `truth: ${holder.name} was given ${where}`;
          } else if (!session.unjudged.has(key) && state !== 'occupied' && state !== 'doubted' && state !== 'reserved')
            wrong = `truth: ${state} is ${where}`;
          const startedAt = nas.now() - now + session.startedAt;
          if (wrong !== null && this.#carried.isUnknown(session, address, startedAt)) wrong = null;
          const about = `${nas.options.name} ${session.sid} ${session.startedAt} ${key}`;
          if (wrong === null) this.#wrongSince.delete(about);
          else {
            const since = this.#wrongSince.get(about) ?? now;
            this.#wrongSince.set(about, since);
            if (now - since >= gone) this.fault(wrong);
          }
        }
      }
    }
  }

  /** Since when a holder has had his address, through all his reclaims of it. */
  #heldSince(holder: { id: number; since: number }): number {
    for (let now = holder; ;) {
      const before = this.#statements.reclaimed.get(now.id) as { id: number; since: number } | undefined;
      if (before === undefined) return now.since;
      now = before;
    }
  }

  /** A datagram leaves addrd. */
  onSend(datagram: Uint8Array, to: UdpPeer): void {
    const nas = this.#nases.find(({ address }) => address === to.address);
    if (nas === undefined) {
      this.fault(`wire: a datagram to ${to.address}, who is nobody`);
      return;
    }
    switch (parse(datagram).code) {
      case PACKET_CODES['Accounting-Response']:
        this.#onAnswer(nas, datagram, to.port);
        break;
      case PACKET_CODES['Disconnect-Request']:
        this.#onDisconnect(nas, datagram, 'nas.disconnect');
        break;
      case PACKET_CODES['CoA-Request']:
        this.#onDisconnect(nas, datagram, 'nas.coa');
        break;
      default:
        this.fault(`wire: code ${parse(datagram).code} to ${nas.options.name}`);
    }
  }

  /** Whatever is answered is in the database. */
  #onAnswer(nas: Nas, datagram: Uint8Array, port: number): void {
    const report = nas.reporter.answeredBy(port, datagram);
    if (report === null) {
      this.fault(`wire: an answer to ${nas.options.name} that answers nothing`);
      return;
    }
    if (this.#db.inTransaction) this.fault(`wire: an answer to ${nas.options.name} inside a transaction`);
    if (!this.#isRecorded(nas, report)) {
      const about = report.about === null ? '' : ` about ${nas.describe(report.about)}`;
      this.fault(
        `wire: status ${report.status}${about} at ${report.seconds} s was answered and is not in the database`,
      );
    }
    nas.heard(report);
  }

  #isRecorded(nas: Nas, report: Report<TrueSession | null>): boolean {
    const address = addressOctets(nas.address);
    if (report.about === null) return Number(this.#statements.epoch.get(address) ?? 0) > 0;
    const sid = new TextEncoder().encode(report.about.sid);
    const rows = this.#statements.session.all(address, sid) as { ended: number | null; seconds: number }[];
    const ends = report.status === ACCT_STATUS_TYPE.Stop;
    return rows.some(({ ended, seconds }) => seconds >= report.seconds && (!ends || ended !== null));
  }

  /** A request that was not on the wire before belongs to an effect that was started and has no outcome yet. */
  #onDisconnect(nas: Nas, datagram: Uint8Array, kind: EffectKind): void {
    const what = kind === 'nas.coa' ? 'a CoA-Request' : 'a Disconnect-Request';
    const to = `${what} to ${nas.options.name}`;
    if (this.#statements.frozen.get() !== undefined) this.fault(`wire: ${to} while addrd is frozen`);
    if (this.#statements.maintained.get(addressOctets(nas.address)) !== undefined) {
      this.fault(`wire: ${to} while it is in maintenance`);
    }
    const octets = Buffer.from(datagram).toString('hex');
    if (this.#requests.has(octets)) return;
    const sid = parse(datagram).attributes.find(({ type }) => type === ATTRIBUTES['Acct-Session-Id'].number)?.value;
    const [effect] = this.#statements.started.all(addressOctets(nas.address), sid, kind) as {
      id: number;
      attempt: number;
      batch: number | null;
    }[];
    this.#requests.set(octets, effect?.id ?? 0);
    const name = `${what} to ${nas.options.name} for ${Buffer.from(sid ?? []).toString()}`;
    if (this.#config.mode !== 'act') this.fault(`wire: ${name} in mode observe`);
    if (effect === undefined) {
      this.fault(`wire: ${name} without an effect that was started for it`);
      return;
    }
    if (effect.batch !== null) this.fault(`wire: ${name} that waits for approval`);
    const sent = [...this.#requests.values()].filter((id) => id === effect.id).length;
    if (sent > effect.attempt)
      this.fault(`wire: ${name} is one more than the ${effect.attempt} attempts of effect ${effect.id}`);
  }

  get disconnects(): number {
    return this.#requests.size;
  }
}
