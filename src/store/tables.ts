/** Every table that decisions write, with its statements prepared once. */
import type { Database } from 'better-sqlite3';
import type { Rows, TableName } from '../daemon/lifecycle/records.js';
import { ALARM } from './tables/alarm.js';
import { ASSIGNMENT } from './tables/assignment.js';
import { APPROVAL, BATCH, BRAKE, GUARD, GUARD_MARK, HELD_SUSPEND } from './tables/brake.js';
import { CONFLICT } from './tables/conflict.js';
import { DEADLINE } from './tables/deadline.js';
import { NAS_EPOCH } from './tables/epoch.js';
import { GAP } from './tables/gap.js';
import { HOLD } from './tables/hold.js';
import { HOLDING } from './tables/holding.js';
import { IDENTITY } from './tables/identity.js';
import { LIVE } from './tables/live.js';
import { META } from './tables/meta.js';
import { NAS } from './tables/nas.js';
import { OUTBOX } from './tables/outbox.js';
import { POOL_FREE } from './tables/pool-free.js';
import { POOL } from './tables/pool.js';
import { SESSION } from './tables/session.js';
import { STEP } from './tables/step.js';
import { SUBSCRIBER } from './tables/subscriber.js';
import { Table } from './tables/table.js';
import { TASK } from './tables/task.js';
import { USAGE } from './tables/usage.js';
import { VRF } from './tables/vrf.js';
import { WITNESS } from './tables/witness.js';

export type Tables = { readonly [T in TableName]: Table<Rows[T]> };

/** Prepares every table's statements on the writer's connection. */
export function openTables(db: Database): Tables {
  return {
    vrf: new Table(db, VRF),
    subscriber: new Table(db, SUBSCRIBER),
    identity: new Table(db, IDENTITY),
    nas: new Table(db, NAS),
    epoch: new Table(db, NAS_EPOCH),
    gap: new Table(db, GAP),
    pool: new Table(db, POOL),
    poolFree: new Table(db, POOL_FREE),
    assignment: new Table(db, ASSIGNMENT),
    live: new Table(db, LIVE),
    step: new Table(db, STEP),
    session: new Table(db, SESSION),
    usage: new Table(db, USAGE),
    witness: new Table(db, WITNESS),
    holding: new Table(db, HOLDING),
    conflict: new Table(db, CONFLICT),
    deadline: new Table(db, DEADLINE),
    outbox: new Table(db, OUTBOX),
    meta: new Table(db, META),
    brake: new Table(db, BRAKE),
    guard: new Table(db, GUARD),
    guardMark: new Table(db, GUARD_MARK),
    batch: new Table(db, BATCH),
    approval: new Table(db, APPROVAL),
    heldSuspend: new Table(db, HELD_SUSPEND),
    alarm: new Table(db, ALARM),
    task: new Table(db, TASK),
    hold: new Table(db, HOLD),
  };
}
