import type { AssignmentStep } from '../../daemon/lifecycle/records.js';
import type { TableSpec } from './table.js';

/** Table assignment_step. */
export const STEP: TableSpec<AssignmentStep> = {
  name: 'assignment_step',
  keys: 2,
  columns: [
    ['assignment', (row) => row.assignment],
    ['step', (row) => row.step],
    ['state', (row) => row.state],
    ['attempts', (row) => row.attempts],
    ['due_at', (row) => row.dueAt],
    ['outcome', (row) => row.outcome],
    ['started_at', (row) => row.startedAt],
    ['updated_at', (row) => row.updatedAt],
    ['rejected', (row) => row.rejected],
  ],
  read: (v) => ({
    assignment: v[0] as number,
    step: v[1] as AssignmentStep['step'],
    state: v[2] as AssignmentStep['state'],
    attempts: v[3] as number,
    dueAt: v[4] as number | null,
    outcome: v[5] as string | null,
    startedAt: v[6] as number,
    updatedAt: v[7] as number,
    rejected: v[8] as number | null,
  }),
  parse: (key) => [Number(key.slice(0, key.indexOf('/'))), key.slice(key.indexOf('/') + 1)],
};
