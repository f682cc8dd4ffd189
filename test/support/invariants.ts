/** What must hold in a store after every commit, whatever happened: a line for each violation. */
import type { Database } from 'better-sqlite3';
import {
  contains,
  formatPrefix,
  hex,
  overlaps as overlap,
  prefixKey,
  unitAt,
  unitCount,
  type Prefix,
} from '../../src/daemon/lifecycle/address.js';
import type { Policy } from '../../src/daemon/lifecycle/policy.js';
import type { Assignment, Live, Pool, PoolFree } from '../../src/daemon/lifecycle/records.js';
import { includes, unitNumber } from '../../src/daemon/lifecycle/ranges.js';
import { censusOf, zoneOf } from '../../src/daemon/lifecycle/zones.js';
import { ASSIGNMENT } from '../../src/store/tables/assignment.js';
import { LIVE } from '../../src/store/tables/live.js';
import { POOL_FREE } from '../../src/store/tables/pool-free.js';
import { POOL } from '../../src/store/tables/pool.js';
import { Table, type SqlValue, type TableSpec } from '../../src/store/tables/table.js';

/** Pools of up to so many units are walked over unit by unit. */
const SMALL = 4_096n;

/** The states in which an assignment holds its prefix. */
const HOLDING = ['allocated', 'active', 'suspended', 'revoking', 'failed'];

function rows<R>(db: Database, spec: TableSpec<R>): R[] {
  const select = db.prepare(`SELECT ${Table.columns(spec, 'x')} FROM ${spec.name} x`).raw(true);
  return select.all().map((values) => spec.read(values as SqlValue[]));
}

function shown(vrf: number, prefix: Prefix): string {
  return `${formatPrefix(prefix)} of VRF ${String(vrf)}`;
}

/** Every violation in the database, sorted by the check that found it; empty where all is well. */
export function invariants(db: Database, policy: Policy): string[] {
  const assignments = rows(db, ASSIGNMENT);
  const live = rows(db, LIVE);
  const pools = rows(db, POOL);
  const free = rows(db, POOL_FREE);
  const poolOfAssignment = new Map(assignments.map(({ id, pool }) => [id, pool]));
  // A pool that was renamed has the addresses of another: whose a live one is, its assignment says.
  const heldOf = ({ id }: Pool): Live[] => live.filter(({ assignment }) => poolOfAssignment.get(assignment) === id);
  return [
    ...foreignKeys(db),
    ...liveness(assignments, live),
    ...states(db, assignments),
    ...overlaps(live),
    ...pools.flatMap((pool) => counters(pool, heldOf(pool), free)),
    ...pools.flatMap((pool) => units(pool, heldOf(pool), free)),
    ...pools.flatMap((pool) => quarantines(db, pool, free)),
    ...shared(
      pools,
      live.map((row) => ({ ...row, pool: poolOfAssignment.get(row.assignment) ?? 0 })),
      free,
    ),
    ...occupants(db, pools, free),
    ...alarms(db),
    ...policy.pools.flatMap((pool) =>
      pools.some(({ id }) => id === pool.id) ? [] : [`policy: pool ${pool.name} is not in the store`],
    ),
    ...effects(db),
    ...suspensions(db),
    ...standings(db),
    ...tenures(db),
    ...renumberings(db),
    ...subnets(db),
  ];
}

function foreignKeys(db: Database): string[] {
  const broken = db.pragma('foreign_key_check') as { table: string; rowid: number | null; parent: string }[];
  return broken.map(({ table, rowid, parent }) => `foreign key: ${table} ${String(rowid)} names no ${parent}`);
}

/** Liveness is the presence of the live row: exactly for the assignments that hold, with their own prefix. */
function liveness(assignments: readonly Assignment[], live: readonly Live[]): string[] {
  const found: string[] = [];
  const byAssignment = new Map(live.map((row) => [row.assignment, row]));
  for (const { id, state, vrf, prefix } of assignments) {
    const row = byAssignment.get(id);
    byAssignment.delete(id);
    if (HOLDING.includes(state) !== (row !== undefined)) {
      found.push(`liveness: assignment ${String(id)} is ${state} and ${row === undefined ? 'not ' : ''}live`);
    } else if (row !== undefined && (row.vrf !== vrf || prefixKey(row.prefix) !== prefixKey(prefix))) {
      found.push(`liveness: assignment ${String(id)} has ${shown(vrf, prefix)}, live is ${shown(row.vrf, row.prefix)}`);
    }
  }
  for (const id of byAssignment.keys()) found.push(`liveness: a live row without assignment ${String(id)}`);
  return found;
}

/** The counts that triggers keep are those of the rows. */
function states(db: Database, assignments: readonly Assignment[]): string[] {
  const counted = new Map<string, number>();
  for (const { tenant, family, state } of assignments) {
    const key = `${tenant} ${family} ${state}`;
    counted.set(key, (counted.get(key) ?? 0) + 1);
  }
  const kept = db.prepare('SELECT tenant, family, state, count FROM assignment_count WHERE count > 0').raw(true).all();
  const found = (kept as [string, string, string, number][]).flatMap(([tenant, family, state, count]) => {
    const key = `${tenant} ${family} ${state}`;
    const right = counted.get(key) ?? 0;
    counted.delete(key);
    return right === count ? [] : [`counts: ${key} are ${String(right)}, counted as ${String(count)}`];
  });
  return [...found, ...[...counted].map(([key, right]) => `counts: ${key} are ${String(right)}, not counted`)];
}

function overlaps(live: readonly Live[]): string[] {
  const found: string[] = [];
  const order = (row: Live): string => `${String(row.vrf)}/${String(row.prefix.bytes.length)}/${hex(row.prefix.bytes)}`;
  const sorted = [...live].sort((a, b) =>
    order(a) === order(b) ? a.prefix.length - b.prefix.length : order(a) < order(b) ? -1 : 1,
  );
  let widest: Live | null = null;
  for (const row of sorted) {
    if (widest?.vrf === row.vrf && contains(widest.prefix, row.prefix)) {
      found.push(`overlap: ${shown(row.vrf, row.prefix)} lies in the live ${shown(widest.vrf, widest.prefix)}`);
    } else widest = row;
  }
  return found;
}

function counters(pool: Pool, held: readonly Live[], free: readonly PoolFree[]): string[] {
  const past = free.filter((row) => row.pool === pool.id);
  const freed = past.filter((row) => row.state === 'free').length;
  const used = [...held, ...past.filter((row) => row.state !== 'free')].map(({ prefix }) => zoneOf(pool, prefix));
  const within = (zone: string): number => used.filter((one) => one === zone).length;
  const counted = {
    held: held.length,
    barred: past.length - freed,
    freed,
    usedExcluded: within('excluded'),
    usedReserved: within('reserved'),
    usedOutside: within('outside'),
  };
  const found = Object.entries(counted).flatMap(([name, count]) => {
    const kept = pool[name as keyof typeof counted];
    return kept === count ? [] : [`counter: pool ${pool.name} says ${name} ${String(kept)}, it is ${String(count)}`];
  });
  return [...found, ...law(pool, held, past)];
}

/** free + held + barred + excluded = size, each counted unit by unit. */
function law(pool: Pool, held: readonly Live[], past: readonly PoolFree[]): string[] {
  const census = censusOf(pool);
  const sum = census.free + BigInt(census.held + census.barred) + census.excluded;
  const found =
    sum === census.size ? [] : [`census: pool ${pool.name} has ${String(census.size)}, in sum ${String(sum)}`];
  if (unitCount(pool.prefix, pool.unitLength) > SMALL) return found;
  const used = new Set([...held, ...past.filter((row) => row.state !== 'free')].map(({ prefix }) => prefixKey(prefix)));
  const counted = { free: 0n, reserved: 0n, excluded: 0n };
  for (const unit of unitsOf(pool)) {
    const zone = zoneOf(pool, unit);
    if (used.has(prefixKey(unit))) continue;
    if (zone === 'excluded') counted.excluded++;
    else counted.free++;
    if (zone === 'reserved') counted.reserved++;
  }
  for (const [name, count] of Object.entries(counted)) {
    const kept = census[name as keyof typeof counted];
    if (kept !== count) found.push(`census: pool ${pool.name} says ${name} ${String(kept)}, it is ${String(count)}`);
  }
  return found;
}

function* unitsOf(pool: Pool): Iterable<Prefix> {
  for (let index = 0n; ; index++) {
    const unit = unitAt(pool.prefix, pool.unitLength, index);
    if (unit === null) return;
    yield unit;
  }
}

/** Each unit is live, or has a past, or neither; and none is new that lies before the cursor or is skipped. */
function units(pool: Pool, live: readonly Live[], free: readonly PoolFree[]): string[] {
  if (unitCount(pool.prefix, pool.unitLength) > SMALL) return [];
  const found: string[] = [];
  const held = new Set(live.map((row) => prefixKey(row.prefix)));
  const past = new Set(free.filter((row) => row.pool === pool.id).map((row) => prefixKey(row.prefix)));
  let index = 0n;
  for (const unit of unitsOf(pool)) {
    const key = prefixKey(unit);
    const is = [...(held.delete(key) ? ['live'] : []), ...(past.delete(key) ? ['with a past'] : [])];
    if (is.length > 1) found.push(`unit: ${formatPrefix(unit)} of pool ${pool.name} is ${is.join(' and ')}`);
    const spent = index < pool.cursor || includes(pool.skips, unitNumber(unit.bytes, pool.unitLength));
    if (is.length === 0 && spent && zoneOf(pool, unit) === 'open') {
      found.push(`cursor: ${formatPrefix(unit)} of pool ${pool.name} lies before the cursor and was never used`);
    }
    index++;
  }
  const outside =
    held.size +
    free.filter((row) => row.pool === pool.id && past.has(prefixKey(row.prefix)) && row.state !== 'free').length;
  if (outside !== pool.usedOutside) found.push(`unit: ${String(outside)} in use are no units of pool ${pool.name}`);
  return found;
}

/** What is in quarantine has a deadline that will end it. */
function quarantines(db: Database, pool: Pool, free: readonly PoolFree[]): string[] {
  const due = db.prepare("SELECT due_at FROM deadline WHERE kind = 'quarantine' AND ref = ?").pluck();
  return free
    .filter((row) => row.pool === pool.id && row.state === 'quarantined')
    .filter((row) => due.get(`${String(pool.id)}/${prefixKey(row.prefix)}`) === undefined)
    .map((row) => `quarantine: ${formatPrefix(row.prefix)} of pool ${pool.name} has no deadline`);
}

/** No pool holds or bars anything where another one hands out, and no two the same address. */
function shared(
  pools: readonly Pool[],
  live: readonly (Live & { pool: number })[],
  free: readonly PoolFree[],
): string[] {
  const used = [
    ...live.map(({ pool, prefix }) => ({ pool, prefix })),
    ...free.filter(({ state }) => state !== 'free').map(({ pool, prefix }) => ({ pool, prefix })),
  ];
  return pools.flatMap((pool) =>
    used
      .filter((one) => {
        const owner = pools.find(({ id }) => id === one.pool);
        return one.pool !== pool.id && owner?.vrf === pool.vrf && overlap(one.prefix, pool.prefix);
      })
      .filter(() => pool.retiredAt === null)
      .map((one) => `pools: ${formatPrefix(one.prefix)} is in use by another pool and lies in ${pool.name}`),
  );
}

/** The open conflicts of sessions without an assignment, and the units that are occupied, are the same. */
function occupants(db: Database, pools: readonly Pool[], free: readonly PoolFree[]): string[] {
  const open = db.prepare(
    "SELECT vrf, net AS bytes, plen AS length FROM conflict WHERE kind = 'occupied' AND closed_at IS NULL",
  );
  const left = (open.all() as ({ vrf: number } & Prefix)[]).map(({ vrf, bytes, length }) => ({
    vrf,
    prefix: { bytes, length },
  }));
  return free.flatMap((row) => {
    const pool = pools.find(({ id }) => id === row.pool);
    const count = left.filter(({ vrf, prefix }) => vrf === pool?.vrf && contains(row.prefix, prefix)).length;
    if (row.occupants === 0 || row.occupants === count) return [];
    return [`occupied: ${formatPrefix(row.prefix)} by ${String(row.occupants)}, open conflicts are ${String(count)}`];
  });
}

/** What an alarm counts as its open causes are open conflicts. */
function alarms(db: Database): string[] {
  const kinds = db.prepare(
    `SELECT a.cause, a.active, (SELECT count(*) FROM conflict c WHERE c.kind = a.cause AND c.closed_at IS NULL) AS open
       FROM (SELECT cause, sum(active) AS active FROM alarm
              WHERE cause IN ('contested', 'occupied', 'wider-than-pool') GROUP BY cause) a`,
  );
  return (kinds.all() as { cause: string; active: number; open: number }[]).flatMap(({ cause, active, open }) =>
    active === open ? [] : [`alarm: ${cause} counts ${String(active)} causes, open conflicts are ${String(open)}`],
  );
}

/** A session's unfinished Disconnect and CoA, and the pending effects, name each other. */
function effects(db: Database): string[] {
  const lost = db
    .prepare(
      `SELECT s.id FROM session s, (VALUES ('nas.disconnect'), ('nas.coa')) k
         LEFT JOIN outbox o ON o.id = iif(k.column1 = 'nas.coa', s.coa, s.disconnect) AND o.session = s.id
          AND o.kind = k.column1 AND o.status = 'pending'
        WHERE iif(k.column1 = 'nas.coa', s.coa, s.disconnect) IS NOT NULL AND o.id IS NULL`,
    )
    .pluck()
    .all() as number[];
  const orphans = db
    .prepare(
      `SELECT o.id FROM outbox o LEFT JOIN session s ON s.id = o.session AND o.id IN (s.disconnect, s.coa)
        WHERE o.status = 'pending' AND s.id IS NULL`,
    )
    .pluck()
    .all() as number[];
  return [
    ...lost.map((id) => `effect: session ${String(id)} waits for an effect that is not pending`),
    ...orphans.map((id) => `effect: pending ${String(id)} is not the one its session waits for`),
  ];
}

/** What a suspended subscriber holds is not in service, and nobody else's is SUSPENDED; the alarm counts who was not told. */
function suspensions(db: Database): string[] {
  const wrong = db
    .prepare(
      `SELECT a.id || ' is ' || a.state FROM assignment a JOIN subscriber s ON s.id = a.subscriber
        WHERE a.state = iif(s.suspended_at IS NULL, 'suspended', 'active')`,
    )
    .pluck()
    .all() as string[];
  const ahead = db
    .prepare(
      `SELECT e.id FROM session e JOIN subscriber s ON s.id = e.subscriber
        WHERE e.ended_at IS NULL AND e.profile->>'generation' <> s.generation`,
    )
    .pluck()
    .all() as number[];
  const counted = db
    .prepare("SELECT coalesce(sum(active), 0) FROM alarm WHERE cause = 'coa-unconfirmed'")
    .pluck()
    .get() as number;
  const failed = db
    .prepare("SELECT count(*) FROM session WHERE ended_at IS NULL AND profile->>'state' = 'failed'")
    .pluck()
    .get() as number;
  return [
    ...wrong.map((what) => `suspension: assignment ${what}, its subscriber is not`),
    ...ahead.map((id) => `suspension: session ${String(id)} is told of another generation`),
    ...(counted === failed
      ? []
      : [`alarm: coa-unconfirmed counts ${String(counted)}, sessions not told are ${String(failed)}`]),
  ];
}

/** An open session stands on what it shows: its held and contested addresses have an open witness, and the other way. */
function standings(db: Database): string[] {
  const ended = db
    .prepare(
      `SELECT w.assignment || '/' || w.ref FROM witness w JOIN session s ON s.id = w.ref
        WHERE w.closed_at IS NULL AND s.ended_at IS NOT NULL`,
    )
    .pluck()
    .all() as string[];
  const bare = db.prepare(`SELECT s.id FROM session s LEFT JOIN session_usage u ON u.id = s.id WHERE u.id IS NULL`);
  return [
    ...ended.map((key) => `witness: ${key} is open and its session has ended`),
    ...(bare.pluck().all() as number[]).map((id) => `session: ${String(id)} has no usage`),
  ];
}

/** The tenure in the history is open exactly while the assignment holds. */
function tenures(db: Database): string[] {
  const marks = HOLDING.map(() => '?').join(', ');
  const wrong = db
    .prepare(
      `SELECT a.id FROM assignment a LEFT JOIN holding h ON h.kind = 'tenure' AND h.seq = a.id AND h.until IS NULL
        WHERE (a.state IN (${marks})) <> (h.seq IS NOT NULL)`,
    )
    .pluck()
    .all(...HOLDING) as number[];
  return wrong.map((id) => `tenure: the history of assignment ${String(id)} is not that of its state`);
}

/** What is to take another's place is of the same subscriber and space, the only one, and has its hour; who came on it left the other. */
function renumberings(db: Database): string[] {
  const open = `h.renumber IS NOT NULL AND h.renumber->>'outcome' IS NULL AND h.state IN ('allocated', 'active', 'suspended')`;
  const check = (what: string, sql: string): string[] =>
    (db.prepare(sql).pluck().all() as number[]).map((id) => `renumbering: assignment ${String(id)} ${what}`);
  return [
    ...check(
      'has no deadline',
      `SELECT h.id FROM assignment h LEFT JOIN deadline t ON t.kind = 'renumber' AND t.ref = CAST(h.id AS TEXT)
        WHERE ${open} AND t.ref IS NULL`,
    ),
    ...check(
      'is to take the place of what is not his',
      `SELECT h.id FROM assignment h LEFT JOIN assignment o ON o.id = h.supersedes
        WHERE h.renumber IS NOT NULL AND (o.subscriber, o.vrf, o.family, o.use) IS NOT (h.subscriber, h.vrf, h.family, h.use)`,
    ),
    ...check(
      'has two that are to take its place',
      `SELECT h.supersedes FROM assignment h WHERE ${open} GROUP BY h.supersedes HAVING count(*) > 1`,
    ),
    ...check(
      'is in service, and another has taken its place',
      `SELECT o.id FROM assignment h JOIN assignment o ON o.id = h.supersedes
        WHERE h.renumber->>'outcome' = 'done' AND o.state IN ('allocated', 'active', 'suspended')`,
    ),
    ...check(
      'failed, and is in service',
      `SELECT h.id FROM assignment h WHERE h.renumber->>'outcome' = 'failed'
          AND h.state IN ('allocated', 'active', 'suspended')`,
    ),
  ];
}

/** A routed subnet rides on what is its subscriber's own, in its VRF, and ends when that has ended. */
function subnets(db: Database): string[] {
  const rows = db
    .prepare(
      `SELECT a.id, p.subscriber = a.subscriber AND p.vrf = a.vrf AND p.use <> 'routed' AND a.use = 'routed' AS fits,
              p.state = 'revoked' AND a.state NOT IN ('revoking', 'revoked')
                AND NOT EXISTS (SELECT 1 FROM deadline d WHERE d.kind = 'evidence' AND d.ref = CAST(a.id AS TEXT)) AS orphan
         FROM assignment a JOIN assignment p ON p.id = a.parent`,
    )
    .all() as { id: number; fits: 0 | 1; orphan: 0 | 1 }[];
  return rows.flatMap(({ id, fits, orphan }) => [
    ...(fits === 1 ? [] : [`subnet: ${String(id)} cannot ride on its parent`]),
    ...(orphan === 1 ? [`subnet: ${String(id)} is in service and its parent has ended`] : []),
  ]);
}
