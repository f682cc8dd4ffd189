/** What depends on what among the tables. */
import type { Rows, TableName } from '../daemon/lifecycle/records.js';
import type { NumberedTable } from '../daemon/lifecycle/world.js';

/** The tables in an order in which what is referred to comes first. Live rows and effects come after. */
export const FLUSH_ORDER: readonly TableName[] = [
  'meta',
  'vrf',
  'subscriber',
  'identity',
  'pool',
  'nas',
  'epoch',
  'gap',
  'assignment',
  'step',
  'session',
  'usage',
  'witness',
  'holding',
  'conflict',
  'poolFree',
  'deadline',
  'brake',
  'batch',
  'guard',
  'guardMark',
  'approval',
  'heldSuspend',
  'alarm',
  'task',
  'hold',
];

/** The next number of each numbered table. */
export type NextIds = Record<NumberedTable, number>;

/** The number without which a row cannot be: where that number is new, the row is, and need not be looked for. */
const BORN_WITH: { readonly [T in TableName]?: (row: Rows[T]) => readonly [NumberedTable, number] } = {
  vrf: (row) => ['vrf', row.id],
  subscriber: (row) => ['subscriber', row.id],
  nas: (row) => ['nas', row.id],
  epoch: (row) => ['nas', row.nas],
  pool: (row) => ['pool', row.id],
  assignment: (row) => ['assignment', row.id],
  live: (row) => ['assignment', row.assignment],
  step: (row) => ['assignment', row.assignment],
  session: (row) => ['session', row.id],
  usage: (row) => ['session', row.session],
  witness: (row) => ['session', row.ref],
  holding: (row) => [row.kind === 'session' ? 'session' : 'assignment', row.seq],
  conflict: (row) => ['conflict', row.id],
  outbox: (row) => ['outbox', row.id],
  batch: (row) => ['batch', row.id],
};

/** The number that a row cannot be without, or null where there is none. */
export function bornWith(table: TableName, row: Rows[TableName]): { table: NumberedTable; id: number } | null {
  const name = BORN_WITH[table] as ((row: Rows[TableName]) => readonly [NumberedTable, number]) | undefined;
  if (name === undefined) return null;
  const [numbered, id] = name(row);
  return { table: numbered, id };
}
