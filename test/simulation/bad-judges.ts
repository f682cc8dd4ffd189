/** Judges that are wrong on purpose, a socket and a disk that are: what somebody could write into addrd by mistake. */
import { account, endSession, APPLIED } from '../../src/daemon/lifecycle/accounting.js';
import { decide } from '../../src/daemon/lifecycle/decide.js';
import { Draft } from '../../src/daemon/lifecycle/draft.js';
import { endGrace } from '../../src/daemon/lifecycle/epoch.js';
import type { AccountingEvent, LifecycleEvent } from '../../src/daemon/lifecycle/events.js';
import type { Policy } from '../../src/daemon/lifecycle/policy.js';
import type { Rows, TableName } from '../../src/daemon/lifecycle/records.js';
import { free } from '../../src/daemon/lifecycle/tenure.js';
import { renumber } from '../../src/daemon/lifecycle/renumber-orders.js';
import { arrive } from '../../src/daemon/lifecycle/renumbering.js';
import { revoke, type AssignmentReply } from '../../src/daemon/lifecycle/orders.js';
import { transition } from '../../src/daemon/lifecycle/transition.js';
import type { Decision, World as Seen } from '../../src/daemon/lifecycle/world.js';
import { decodeAccountingRequest } from '../../src/protocols/radius/accounting.js';
import { PACKET_CODES, parse } from '../../src/protocols/radius/packet.js';
import { accountingResponse } from '../../src/protocols/radius/server.js';
import type { UdpSocket } from '../../src/protocols/io.js';
import type { Database } from '../../src/store/open.js';
import type { Chance } from './chance.js';
import { SECRET } from './scene.js';

export type Judge = (world: Seen, event: LifecycleEvent, policy: Policy) => Decision;

/** The world with some of its answers changed. */
export function seenThrough(world: Seen, changes: Partial<Seen>): Seen {
  return new Proxy(world, {
    get: (target, name) => {
      const changed: unknown = Reflect.get(changes, name);
      if (changed !== undefined) return changed;
      const own: unknown = Reflect.get(target, name, target);
      return typeof own === 'function' ? (own.bind(target) as unknown) : own;
    },
  });
}

function endAtOnce(d: Draft, id: number, now: number, policy: Policy): void {
  const session = d.get('session', id);
  if (session.endedAt !== null) return;
  const end = { at: now, receivedAt: now, kind: 'stop' as const, terminateCause: null };
  endSession(d, session, end, policy);
}

/** Takes a Disconnect-ACK for the end of the session. */
export const ackIsProof: Judge = (world, event, policy) => {
  if (event.kind !== 'effect-outcome' || event.outcome.result !== 'ack') return decide(world, event, policy);
  const d = new Draft(world);
  const row = d.get('outbox', event.outbox);
  d.put('outbox', { ...row, status: 'done', outcome: 'ack', finishedAt: event.receivedAt });
  d.put('session', { ...d.get('session', row.session), disconnect: null });
  endAtOnce(d, row.session, event.receivedAt, policy);
  return d.close(APPLIED);
};

/** Takes an Accounting-On for the end of every session of the NAS. */
export const onIsReboot: Judge = (world, event, policy) => {
  const id = event.kind === 'nas-on' ? world.nasOf(event.nas) : null;
  if (event.kind !== 'nas-on' || id === null) return decide(world, event, policy);
  const d = new Draft(world);
  for (const session of d.unconfirmed(id, d.get('nas', id).epoch + 1)) endAtOnce(d, session, event.receivedAt, policy);
  return d.close(APPLIED);
};

/** Performs an effect whatever has happened since it was ordered. */
export const noFence: Judge = (world, event, policy) => {
  const decision = decide(world, event, policy);
  if (event.kind !== 'effect-started' || decision.verdict === 'applied') return decision;
  const attempt = (world.row('outbox', String(event.outbox))?.attempt ?? 0) + 1;
  return { ...APPLIED, reply: { attempt }, changes: [], journal: [] };
};

/** Looks at one witness of an assignment only. */
export const oneWitness: Judge = (world, event, policy) =>
  decide(seenThrough(world, { witnessesOf: (assignment) => world.witnessesOf(assignment).slice(-1) }), event, policy);

/** Takes silence for an end at once, whoever else was silent. */
export const noPatience: Judge = (world, event, policy) => {
  const row = <T extends TableName>(table: T, key: string): Rows[T] | null => {
    const found = world.row(table, key);
    return table === 'usage' && found !== null ? { ...found, maxGapMs: 0 } : found;
  };
  const decision = decide(seenThrough(world, { row }), event, { ...policy, interimRoundMs: 0 });
  // With rounds of no length, what waits for one would be due again and again within one millisecond.
  const soonest = event.receivedAt + 10_000;
  const changes = decision.changes.map((change) => {
    if (change.table !== 'deadline' || change.row === null) return change;
    const due = change.row as Rows['deadline'];
    return { ...change, row: { ...due, dueAt: Math.max(due.dueAt, soonest) } };
  });
  return { ...decision, changes };
};

/** Gives an effect up after its first timeout. */
export const noRetry: Judge = (world, event, policy) => {
  if (event.kind !== 'effect-outcome' || event.outcome.result !== 'timeout') return decide(world, event, policy);
  return { verdict: 'stale', code: 'effect-closed', detail: null, reply: null, changes: [], journal: [] };
};

/** Sends in mode observe. */
export const actsAlways: Judge = (world, event, policy) => decide(world, event, { ...policy, mode: 'act' });

/** Frees what is idle although addrd is frozen. */
export const ignoresFreeze: Judge = (world, event, policy) => {
  const row = <T extends TableName>(table: T, key: string): Rows[T] | null =>
    table === 'brake' && (event.kind === 'revoke' || event.kind.startsWith('acct-')) ? null : world.row(table, key);
  return decide(seenThrough(world, { row }), event, policy);
};

/** Forgets what was cut, as a count in memory does at each restart. */
export const forgetsCuts: Judge = (world, event, policy) => {
  const row = <T extends TableName>(table: T, key: string): Rows[T] | null =>
    table === 'guardMark' ? null : world.row(table, key);
  return decide(seenThrough(world, { row }), event, policy);
};

/** Sheds a counter now and then, as an update that is lost does. */
export const miscounts: Judge = (world, event, policy) => {
  const decision = decide(world, event, policy);
  if (event.kind !== 'revoke') return decision;
  return { ...decision, changes: decision.changes.filter(({ table }) => table !== 'pool') };
};

/** Soon after an Accounting-On, releases tenures whose sessions were only inferred to have ended. */
export const inferredIsProof: Judge = (world, event, given) => {
  const policy = { ...given, epochGraceMs: 5_000 };
  if (event.kind !== 'deadline' || event.what !== 'epoch-grace') return decide(world, event, policy);
  const d = new Draft(world);
  const { receivedAt: now } = event;
  const nas = d.get('nas', Number(event.ref));
  const suspect = d.unconfirmed(nas.id, nas.epoch).map((id) => d.get('session', id));
  const verdict = endGrace(d, nas.id, now, policy);
  for (const id of new Set(
    suspect.flatMap(({ addresses }) => addresses.flatMap(({ assignment }) => assignment ?? [])),
  )) {
    const held = d.get('assignment', id);
    if (held.state !== 'active' || d.get('pool', held.pool).kind !== 'dynamic') continue;
    if (d.witnessesOf(id).some(({ closedAt }) => closedAt === null)) continue;
    const ending = transition(d, held, 'revoking', { at: now, actor: 'addrd', code: 'release' }, { revokingAt: now });
    free(d, ending, { kind: 'no-live-witness', detail: 'inferred' }, now, policy);
  }
  return d.close(verdict);
};

/** Ends the old assignment when the new one is ordered: break before make. */
export const breaksFirst: Judge = (world, event, policy) => {
  const decision = decide(world, event, policy);
  if (event.kind !== 'renumber' || decision.verdict !== 'applied') return decision;
  const d = new Draft(world);
  const verdict = renumber(d, event, policy);
  const [, heir] = (verdict.reply as { assignments: readonly AssignmentReply[] }).assignments;
  if (heir !== undefined) arrive(d, d.get('assignment', heir.id), event.receivedAt);
  return d.close(verdict);
};

/** Takes the place of the old assignment at the deadline whether or not somebody came. */
export const takesOver: Judge = (world, event, policy) => {
  const row = world.row('assignment', event.kind === 'deadline' ? event.ref : '');
  const order = row?.renumber ?? null;
  if (
    event.kind !== 'deadline' ||
    event.what !== 'renumber' ||
    row === null ||
    row.state !== 'allocated' ||
    order === null
  )
    return decide(world, event, policy);
  if (event.receivedAt < order.deadline) return decide(world, event, policy);
  const d = new Draft(world);
  arrive(d, row, event.receivedAt);
  return d.close(APPLIED);
};

/** Frees the old address at once when the new one is shown: whoever moves has moved. */
export const movedIsGone: Judge = (world, event, policy) => {
  const decision = decide(world, event, policy);
  const left = decision.journal.find(({ code, kind }) => kind === 'transition' && code === 'renumbered')?.assignment;
  if (left === undefined || left === null || !isPacket(event)) return decision;
  const d = new Draft(world);
  const verdict = account(d, event, policy);
  const ending = d.get('assignment', left);
  if (ending.state !== 'revoking') return decision;
  free(d, ending, { kind: 'no-live-witness', detail: 'renumbered' }, event.receivedAt, policy);
  return d.close(verdict);
};

/** Takes what rests for free. */
export const restless: Judge = (world, event, policy) => {
  if (event.kind !== 'allocate') return decide(world, event, policy);
  const row = <T extends TableName>(table: T, key: string): Rows[T] | null => {
    const found = world.row(table, key);
    const past = String(table) === 'poolFree' && found !== null ? (found as Rows['poolFree']) : null;
    return past?.state === 'quarantined' ? ({ ...found, subscriber: null, state: 'free' } as Rows[T]) : found;
  };
  const decision = decide(seenThrough(world, { row }), event, policy);
  // The counters are those of what it was.
  const changes = decision.changes.map((change) => {
    const pool = change.table === 'pool' ? (change.row as Rows['pool'] | null) : null;
    const before = pool === null ? null : world.row('pool', String(pool.id));
    if (pool === null || before === null || pool.freed >= before.freed) return change;
    const wasFree = decision.changes.some(
      (one) => one.table === 'poolFree' && world.row('poolFree', one.key)?.state === 'free',
    );
    return wasFree ? change : { ...change, row: { ...pool, freed: before.freed, barred: before.barred - 1 } };
  });
  return { ...decision, changes };
};

/** Looks at no Class. */
export const classless: Judge = (world, event, policy) =>
  decide(
    world,
    isPacket(event) ? { ...event, claims: event.claims.filter(({ type }) => type !== 'class') } : event,
    policy,
  );

/** Ends a revoke at once, whoever is there. */
export const endsAtOnce: Judge = (world, event, policy) => {
  const decision = decide(world, event, policy);
  if (event.kind !== 'revoke' || decision.verdict !== 'applied') return decision;
  const d = new Draft(world);
  const verdict = revoke(d, event, policy);
  for (const { id } of (verdict.reply as { assignments: readonly AssignmentReply[] }).assignments) {
    const ending = d.get('assignment', id);
    if (ending.state === 'revoking') free(d, ending, { kind: 'no-live-witness', detail: '' }, event.receivedAt, policy);
  }
  return d.close(verdict);
};

export function isPacket(event: LifecycleEvent): event is AccountingEvent {
  return event.kind === 'acct-start' || event.kind === 'acct-interim' || event.kind === 'acct-stop';
}

const PACKETS = ['acct-start', 'acct-interim', 'acct-stop'];

/** Decides an event, a packet where nothing else is said, with rows of a table changed, and leaves those columns as they were in what is written. */
export function misread<T extends 'pool' | 'subscriber'>(
  table: T,
  change: Partial<Rows[T]>,
  of: readonly string[] = PACKETS,
): Judge {
  return (world, event, policy) => {
    if (!of.includes(event.kind)) return decide(world, event, policy);
    const row = <U extends TableName>(name: U, key: string): Rows[U] | null => {
      const found = world.row(name, key);
      return found !== null && String(name) === table ? { ...found, ...change } : found;
    };
    const decision = decide(seenThrough(world, { row }), event, policy);
    const changes = decision.changes.map((one) => {
      if (one.table !== table || one.row === null) return one;
      const before = world.row(table, String((one.row as Rows[T]).id));
      const kept = Object.keys(change).map((name) => [name, before === null ? null : Reflect.get(before, name)]);
      return { ...one, row: { ...one.row, ...(Object.fromEntries(kept) as object) } };
    });
    return { ...decision, changes };
  };
}

/** Answers every Accounting-Request when it comes in. */
export function answersAtOnce(socket: UdpSocket): UdpSocket {
  const secret = new TextEncoder().encode(SECRET);
  return {
    onMessage: (handler) => {
      socket.onMessage((datagram, peer) => {
        const packet = parse(Uint8Array.from(datagram));
        if (packet.code === PACKET_CODES['Accounting-Request']) {
          socket.send(accountingResponse(decodeAccountingRequest(packet), secret), peer);
        }
        handler(datagram, peer);
      });
    },
    onError: (handler) => {
      socket.onError(handler);
    },
    bind: (bind) => socket.bind(bind),
    send: (datagram, peer, done) => {
      socket.send(datagram, peer, done);
    },
    receiveBuffer: () => socket.receiveBuffer(),
    close: () => socket.close(),
  };
}

/** A disk that says that a commit is safe, and sometimes loses it. */
export function lyingDisk(db: Database, chance: Chance): Database {
  const rollback = db.prepare('ROLLBACK');
  return new Proxy(db, {
    get: (target, name) => {
      if (name === 'prepare') {
        return (sql: string) => {
          const statement = target.prepare(sql);
          if (sql !== 'COMMIT') return statement;
          return { run: () => (chance.flip(0.01) ? rollback.run() : statement.run()) };
        };
      }
      const own: unknown = Reflect.get(target, name, target);
      return typeof own === 'function' ? (own.bind(target) as unknown) : own;
    },
  });
}
