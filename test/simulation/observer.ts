/** Watches every commit and every datagram of addrd, and holds them against the truth that the NASes know. */
import type { Database } from '../../src/store/open.js';
import type { Config } from '../../src/daemon/config.js';
import { contains, formatPrefix, hex, prefixKey } from '../../src/daemon/lifecycle/address.js';
import { getAllowedTransitions, type LifecycleState } from '../../src/daemon/lifecycle/state.js';
import type { EffectKind } from '../../src/daemon/lifecycle/records.js';
import type { Policy } from '../../src/daemon/lifecycle/policy.js';
import { compilePolicy } from '../../src/daemon/policy-of.js';
import { addressOctets } from '../../src/protocols/radius/address.js';
import { ACCT_STATUS_TYPE, ATTRIBUTES } from '../../src/protocols/radius/dictionary.js';
import { PACKET_CODES, parse } from '../../src/protocols/radius/packet.js';
import type { UdpPeer } from '../../src/protocols/io.js';
import { invariants } from '../support/invariants.js';
import type { Nas, TrueSession } from './nas.js';
import type { Report } from './reporter.js';

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

interface PendingEffect {
  readonly id: number;
  readonly attempt: number;
  readonly unwanted: number;
}

function prepareStatements(db: Database) {
  return {
    journal: db.prepare<unknown[]>('SELECT coalesce(max(id), 0) FROM journal').pluck(),
    moves: db
      .prepare<unknown[]>(
        "SELECT count(*) FROM journal WHERE id > ? AND kind IN ('transition', 'address-free', 'conflict', 'pool-created')",
      )
      .pluck(),
    transitions: db.prepare<unknown[]>(
      "SELECT id, assignment, from_state, to_state FROM journal WHERE id > ? AND kind = 'transition' ORDER BY id",
    ),
    effects: db.prepare<unknown[]>(
      `SELECT o.id, o.attempt, s.ended_at IS NOT NULL OR NOT EXISTS (
         SELECT 1 FROM json_each(o.orders) j JOIN assignment a ON a.id = j.value->>'assignment'
          WHERE a.state = 'revoking' AND a.generation = j.value->>'generation' OR j.value->>'intruder')
         AND NOT EXISTS (SELECT 1 FROM subscriber u
          WHERE u.id = o.desired->>'subscriber' AND u.generation = o.desired->>'generation') AS unwanted
         FROM outbox o JOIN session s ON s.id = o.session WHERE o.status = 'pending'`,
    ),
    attempt: db.prepare<unknown[]>('SELECT attempt FROM outbox WHERE id = ?').pluck(),
    live: db.prepare<unknown[]>(
      `SELECT l.lo AS net, l.plen, a.id, a.allocated_at AS since, a.state, s.name FROM live l
         JOIN assignment a ON a.id = l.assignment JOIN subscriber s ON s.id = a.subscriber`,
    ),
    // What the subscriber had there until he reclaimed it while a session of his was on it: addrd gave him nothing then.
    reclaimed: db.prepare<unknown[]>(
      `SELECT b.id, b.allocated_at AS since FROM assignment a JOIN assignment b
           ON b.subscriber = a.subscriber AND b.net = a.net AND b.plen = a.plen
          AND b.revoked_at = a.allocated_at AND b.evidence->>'kind' = 'reclaimed'
         JOIN journal j ON j.assignment = a.id AND j.code = 'reclaimed' AND j.to_state = 'active'
        WHERE a.id = ? AND b.id < a.id`,
    ),
    // A unit rests as long as the end of who was on it is only inferred: until his silence shows it (section 3).
    past: db.prepare<unknown[]>(
      `SELECT net, plen, iif(state = 'quarantined' AND doubted <> '', 'doubted', state) AS state FROM pool_free`,
    ),
    session: db.prepare<unknown[]>(
      `SELECT s.ended_at AS ended, u.seconds FROM session s JOIN session_usage u ON u.id = s.id
         JOIN nas n ON n.id = s.nas WHERE n.bytes = ? AND s.sid = ?`,
    ),
    epoch: db.prepare<unknown[]>('SELECT epoch FROM nas WHERE bytes = ?').pluck(),
    started: db.prepare<unknown[]>(
      `SELECT o.id, o.attempt, o.batch FROM outbox o JOIN session s ON s.id = o.session JOIN nas n ON n.id = s.nas
        WHERE n.bytes = ? AND s.sid = ? AND o.kind = ? AND o.started_at IS NOT NULL
          AND (o.status = 'pending' AND o.outcome IS NULL OR o.status = 'superseded' AND o.outcome = 'generation-passed')
        ORDER BY o.status, o.id DESC`,
    ),
    states: db.prepare<unknown[]>('SELECT id, state FROM assignment'),
    frozen: db.prepare<unknown[]>("SELECT 1 FROM brake WHERE kind = 'freeze' AND ended_at IS NULL").pluck(),
    maintained: db
      .prepare<unknown[]>(
        `SELECT 1 FROM brake b JOIN nas n ON b.ref = CAST(n.id AS TEXT)
          WHERE b.kind = 'maintenance' AND b.ended_at IS NULL AND n.bytes = ?`,
      )
      .pluck(),
    freed: db.prepare<unknown[]>(
      `SELECT kind FROM journal WHERE id > ?
          AND (to_state = 'revoked' AND code NOT IN ('superseded', 'reclaimed')
               OR kind IN ('address-free', 'frozen', 'thawed')) ORDER BY id`,
    ),
    // Revokes of the one token that nobody approved of, since somebody last did and within the window.
    unapproved: db
      .prepare<unknown[]>(
        `SELECT count(*) FROM journal WHERE kind = 'transition' AND to_state = 'revoking' AND actor = 'token:crm'
          AND detail->>'batch' IS NULL AND at > (SELECT max(at) FROM journal WHERE actor = 'token:crm') - ? AND id > coalesce(
            (SELECT max(id) FROM journal WHERE kind = 'batch-approved' AND detail->>'of' = 'token:crm'), 0)`,
      )
      .pluck(),
    held: db
      .prepare<unknown[]>(
        `SELECT a.id FROM approval w JOIN assignment a ON a.id = w.assignment JOIN batch b ON b.id = w.batch
          WHERE b.status = 'open' AND a.state IN ('revoking', 'revoked')`,
      )
      .pluck(),
    poison: db.prepare<unknown[]>("SELECT kind || ': ' || error FROM poison").pluck(),
  };
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
  readonly #config: Config;
  readonly #nases: readonly Nas[];
  readonly #statements: ReturnType<typeof prepareStatements>;
  readonly #thorough: boolean;
  readonly #wrongSince = new Map<string, number>();
  readonly #now: () => number;
  #seen = 0;
  #frozen = false;
  #quiet = 0;
  /** Pending effects before the commit underway: their attempt, and whether nobody wants them any more. */
  #before: PendingEffect[] = [];

  /** `thorough` looks through the whole store after every commit. */
  constructor(db: Database, config: Config, nases: readonly Nas[], thorough: boolean, now: () => number) {
    this.#now = now;
    this.#thorough = thorough;
    this.#db = db;
    this.#prepared = preparedOnce(db);
    this.#config = config;
    this.#nases = nases;
    this.#statements = prepareStatements(db);
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
   * In an external pool the NAS decides: two sessions that are up on one address there take it from each other (section
   * 4), and news that come late, from a NAS that does not say how late, do the same until the next Interim.
   */
  #holdAgainstTruth(): void {
    const now = this.#now();
    const live = new Map<string, { id: number; since: number; state: string; name: string }>();
    for (const row of this.#statements.live.all() as {
      net: Uint8Array;
      plen: number;
      id: number;
      since: number;
      state: string;
      name: string;
    }[]) {
      live.set(`${hex(row.net)}/${row.plen}`, row);
    }
    const past = new Map<string, string>();
    for (const { net, plen, state } of this.#statements.past.all() as {
      net: Uint8Array;
      plen: number;
      state: string;
    }[]) {
      past.set(`${hex(net)}/${plen}`, state);
    }
    for (const nas of this.#nases) {
      for (const session of nas.sessions) {
        for (const { prefix } of session.addresses) {
          const key = prefixKey(prefix);
          const told = session.told.get(key);
          const pool = this.#config.pools.find((one) => contains(one.prefix, prefix));
          if (told === undefined || pool === undefined) continue;
          const where = `${formatPrefix(prefix)} while ${nas.describe(session)} is up and was reported`;
          const holder = live.get(key);
          const gone = pool.kind === 'static' || (pool.kind === 'dynamic' && !session.shared.has(key)) ? 0 : LATE_MS;
          const state = past.get(key) ?? 'unused';
          let wrong: string | null = null;
          if (holder !== undefined) {
            const isOther = holder.since > told && holder.name !== session.customer && this.#heldSince(holder) > told;
            if (isOther && !session.shared.has(key)) wrong = `truth: ${holder.name} was given ${where}`;
            else if (isOther && pool.kind === 'static') wrong = `truth: ${holder.name} was given ${where}`;
          } else if (state !== 'occupied' && state !== 'doubted' && state !== 'reserved')
            wrong = `truth: ${state} is ${where}`;
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
