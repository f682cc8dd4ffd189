/** The questions about rows that a primary key does not answer, prepared once on the writer's connection. */
import type { Database, Statement } from 'better-sqlite3';
import { lastAddress, type Prefix } from '../daemon/lifecycle/address.js';
import type { NasIdentity, Nas } from '../daemon/lifecycle/nas-records.js';
import type { Identity, IdentityType, Session, SessionUsage, Witness } from '../daemon/lifecycle/records.js';
import { ChoreQueries } from './chores.js';
import type { NextIds } from './order.js';
import { SESSION } from './tables/session.js';
import type { SqlValue } from './tables/table.js';
import type { Tables } from './tables.js';
import { UnitQueries } from './unit-queries.js';

/** The values of a row, or of several in a row, that `json_array` has packed. */
function valuesOf(text: string): SqlValue[] {
  return JSON.parse(text) as SqlValue[];
}

export class Queries {
  readonly units: UnitQueries;
  readonly chores: ChoreQueries;
  readonly #tables: Tables;
  readonly #nas: Statement;
  readonly #session: Statement;
  readonly #before: Statement;
  readonly #subscriber: Statement;
  readonly #identity: Statement;
  readonly #identities: Statement;
  readonly #vrf: Statement;
  readonly #lastVrf: Statement;
  readonly #pool: Statement;
  readonly #liveBefore: Statement;
  readonly #within: Statement;
  readonly #occupants: Statement;
  readonly #open: Statement;
  readonly #subnets: Statement;
  readonly #openSessionsOf: Statement;
  readonly #witnesses: Statement;
  readonly #unconfirmed: Statement;
  readonly #nases: Statement;
  readonly #pools: Statement;
  readonly #approvals: Statement;
  readonly #heldSuspends: Statement;
  readonly #heldEffects: Statement;
  readonly #pendingEffects: Statement;
  readonly #openAfter: Statement;
  readonly #openSessions: Statement;
  readonly #reportedNases: Statement;
  readonly #sequence: Statement;
  readonly #sessionColumns = SESSION.columns.length;

  constructor(db: Database, tables: Tables) {
    this.#tables = tables;
    this.units = new UnitQueries(db);
    this.chores = new ChoreQueries(db);
    this.#nas = db
      .prepare(`SELECT json_array(${tables.nas.packed('n')}) FROM nas n WHERE tenant = ? AND kind = ? AND bytes = ?`)
      .pluck(true);
    this.#session = db
      .prepare(
        `SELECT json_array(${tables.session.packed('s')}, ${tables.usage.packed('u')})
           FROM session s JOIN session_usage u ON u.id = s.id WHERE s.nas = ? AND s.sid = ? ORDER BY s.id DESC LIMIT 1`,
      )
      .pluck(true);
    this.#before = db
      .prepare('SELECT id FROM session WHERE nas = ? AND sid = ? AND id < ? ORDER BY id DESC LIMIT 1')
      .pluck(true);
    this.#subscriber = db.prepare('SELECT id FROM subscriber WHERE tenant = ? AND name = ?').pluck(true);
    this.#identity = db
      .prepare('SELECT subscriber FROM identity WHERE tenant = ? AND type = ? AND scope = ? AND bytes = ?')
      .pluck(true);
    this.#identities = db
      .prepare(`SELECT json_array(${tables.identity.packed('i')}) FROM identity i WHERE i.subscriber = ?`)
      .pluck(true);
    this.#vrf = db.prepare('SELECT id FROM vrf WHERE name = ?').pluck(true);
    this.#lastVrf = db.prepare('SELECT max(id) FROM vrf').pluck(true);
    this.#pool = db.prepare('SELECT id FROM pool WHERE tenant = ? AND name = ?').pluck(true);
    this.#liveBefore = db
      .prepare('SELECT assignment, hi FROM live WHERE vrf = ? AND family = ? AND lo <= ? ORDER BY lo DESC LIMIT 1')
      .raw(true);
    this.#within = db
      .prepare('SELECT assignment FROM live WHERE vrf = ? AND family = ? AND lo > ? AND lo <= ? ORDER BY lo LIMIT ?')
      .pluck(true);
    this.#occupants = db
      .prepare(
        `SELECT id FROM conflict INDEXED BY conflict_occupied
          WHERE vrf = ? AND net BETWEEN ? AND ? AND kind = 'occupied' AND closed_at IS NULL`,
      )
      .pluck(true);
    this.#open = db
      .prepare("SELECT id FROM assignment WHERE subscriber = ? AND state <> 'revoked' ORDER BY id")
      .pluck(true);
    this.#subnets = db.prepare("SELECT id FROM assignment WHERE parent = ? AND state <> 'revoked'").pluck(true);
    this.#openSessionsOf = db
      .prepare('SELECT id FROM session WHERE subscriber = ? AND ended_at IS NULL ORDER BY id')
      .pluck(true);
    this.#witnesses = db
      .prepare(`SELECT json_array(${tables.witness.packed('w')}) FROM witness w WHERE assignment = ?`)
      .pluck(true);
    this.#unconfirmed = db
      .prepare('SELECT id FROM session WHERE nas = ? AND epoch < ? AND ended_at IS NULL ORDER BY epoch, id LIMIT ?')
      .pluck(true);
    this.#nases = db.prepare('SELECT id FROM nas WHERE vrf = ?').pluck(true);
    this.#pools = db.prepare('SELECT id FROM pool ORDER BY id').pluck(true);
    this.#approvals = db
      .prepare('SELECT assignment FROM approval WHERE batch = ? ORDER BY assignment LIMIT ?')
      .pluck(true);
    this.#heldSuspends = db
      .prepare('SELECT subscriber FROM held_suspend WHERE batch = ? ORDER BY subscriber LIMIT ?')
      .pluck(true);
    this.#heldEffects = db
      .prepare("SELECT id FROM outbox WHERE batch = ? AND status = 'pending' ORDER BY id LIMIT ?")
      .pluck(true);
    this.#pendingEffects = db
      .prepare(
        "SELECT id FROM outbox WHERE kind IN ('nas.disconnect', 'nas.coa') AND target = ? AND status = 'pending' LIMIT ?",
      )
      .pluck(true);
    this.#openAfter = db
      .prepare(
        `SELECT id FROM session INDEXED BY session_open
          WHERE nas = ? AND sid > ? AND ended_at IS NULL ORDER BY sid LIMIT ?`,
      )
      .pluck(true);
    this.#openSessions = db
      .prepare('SELECT count(*) FROM (SELECT 1 FROM session WHERE nas = ? AND ended_at IS NULL LIMIT ?)')
      .pluck(true);
    this.#reportedNases = db
      .prepare("SELECT count(*) FROM (SELECT 1 FROM nas WHERE entry = ? AND kind <> 'source-address' LIMIT ?)")
      .pluck(true);
    this.#sequence = db.prepare('SELECT seq FROM sqlite_sequence WHERE name = ?').pluck(true);
  }

  nas(identity: NasIdentity): Nas | null {
    const text = this.#nas.get(identity.tenant, identity.kind, identity.bytes) as string | undefined;
    return text === undefined ? null : this.#tables.nas.unpack(valuesOf(text));
  }

  /** The newest instance of a session with its usage. */
  session(nas: number, sid: Uint8Array): { session: Session; usage: SessionUsage } | null {
    const text = this.#session.get(nas, sid) as string | undefined;
    if (text === undefined) return null;
    const values = valuesOf(text);
    const usage = values.splice(this.#sessionColumns);
    return { session: this.#tables.session.unpack(values), usage: this.#tables.usage.unpack(usage) };
  }

  sessionBefore(nas: number, sid: Uint8Array, id: number): number | null {
    return (this.#before.get(nas, sid, id) as number | undefined) ?? null;
  }

  subscriberNamed(tenant: string, name: string): number | null {
    return (this.#subscriber.get(tenant, name) as number | undefined) ?? null;
  }

  subscriberOf(tenant: string, type: IdentityType, scope: string, bytes: Uint8Array): number | null {
    return (this.#identity.get(tenant, type, scope, bytes) as number | undefined) ?? null;
  }

  identities(subscriber: number): readonly Identity[] {
    return (this.#identities.all(subscriber) as string[]).map((text) => this.#tables.identity.unpack(valuesOf(text)));
  }

  vrfNamed(name: string): number | null {
    return (this.#vrf.get(name) as number | undefined) ?? null;
  }

  poolNamed(tenant: string, name: string): number | null {
    return (this.#pool.get(tenant, name) as number | undefined) ?? null;
  }

  /** The live row at or before an address, with its last address: live rows do not overlap, so only it can reach there. */
  liveBefore(vrf: number, family: 4 | 6, lo: Uint8Array): { assignment: number; hi: Uint8Array } | null {
    const values = this.#liveBefore.get(vrf, family, lo) as [number, Uint8Array] | undefined;
    return values === undefined ? null : { assignment: values[0], hi: values[1] };
  }

  /** Live rows that begin after `lo` and not after `hi`. */
  liveWithin(vrf: number, family: 4 | 6, lo: Uint8Array, hi: Uint8Array, limit: number): readonly number[] {
    return this.#within.all(vrf, family, lo, hi, limit) as number[];
  }

  /** Keys of open conflicts `occupied` whose prefix begins within another one. */
  occupants(vrf: number, prefix: Prefix): readonly string[] {
    return (this.#occupants.all(vrf, prefix.bytes, lastAddress(prefix)) as number[]).map(String);
  }

  openAssignments(subscriber: number): readonly number[] {
    return this.#open.all(subscriber) as number[];
  }

  /** Routed subnets of a parent that are not REVOKED. */
  subnets(parent: number): readonly number[] {
    return this.#subnets.all(parent) as number[];
  }

  /** Open sessions of a subscriber. */
  openSessionsOf(subscriber: number): readonly number[] {
    return this.#openSessionsOf.all(subscriber) as number[];
  }

  witnesses(assignment: number): readonly Witness[] {
    return (this.#witnesses.all(assignment) as string[]).map((text) => this.#tables.witness.unpack(valuesOf(text)));
  }

  openAfter(nas: number, after: Uint8Array, limit: number): readonly number[] {
    return this.#openAfter.all(nas, after, limit) as number[];
  }

  unconfirmed(nas: number, epoch: number, limit: number): number[] {
    return this.#unconfirmed.all(nas, epoch, limit) as number[];
  }

  nasesIn(vrf: number): readonly number[] {
    return this.#nases.all(vrf) as number[];
  }

  pools(): readonly number[] {
    return this.#pools.all() as number[];
  }

  /** Keys of the revokes that a batch holds back. */
  approvals(batch: number, limit: number): readonly string[] {
    return (this.#approvals.all(batch, limit) as number[]).map(String);
  }

  /** Keys of the suspends that a batch holds back. */
  heldSuspends(batch: number, limit: number): readonly string[] {
    return (this.#heldSuspends.all(batch, limit) as number[]).map(String);
  }

  /** Keys of the effects that a batch holds back. */
  heldEffects(batch: number, limit: number): readonly string[] {
    return (this.#heldEffects.all(batch, limit) as number[]).map(String);
  }

  /** Keys of unfinished effects of a target. */
  pendingEffects(target: string, limit: number): readonly string[] {
    return (this.#pendingEffects.all(target, limit) as number[]).map(String);
  }

  reportedNases(entry: string, limit: number): number {
    return this.#reportedNases.get(entry, limit) as number;
  }

  openSessions(nas: number, limit: number): number {
    return this.#openSessions.get(nas, limit) as number;
  }

  /** The numbers that were never used, whatever retention has deleted since. */
  nextIds(): NextIds {
    const next = (table: string): number => ((this.#sequence.get(table) as number | undefined) ?? 0) + 1;
    return {
      // Never deleted, so the last one is the last that was given out.
      vrf: (this.#lastVrf.get() as number) + 1,
      subscriber: next('subscriber'),
      nas: next('nas'),
      pool: next('pool'),
      assignment: next('assignment'),
      session: next('session'),
      conflict: next('conflict'),
      outbox: next('outbox'),
      batch: next('batch'),
    };
  }
}
