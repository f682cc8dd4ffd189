import type { Task } from '../../daemon/lifecycle/task.js';
import { json, parsed, type TableSpec } from './table.js';

/** Table task. */
export const TASK: TableSpec<Task> = {
  name: 'task',
  keys: 1,
  columns: [
    ['name', (row) => row.name],
    ['actor', (row) => row.actor],
    ['started_at', (row) => row.startedAt],
    ['touched_at', (row) => row.touchedAt],
    ['ended_at', (row) => row.endedAt],
    ['code', (row) => row.code],
    ['detail', (row) => row.detail],
    ['progress', (row) => json(row.progress)],
    ['done_at', (row) => row.doneAt],
    ['done', (row) => json(row.done)],
  ],
  read: (v) => ({
    name: v[0] as Task['name'],
    actor: v[1] as string,
    startedAt: v[2] as number,
    touchedAt: v[3] as number,
    endedAt: v[4] as number | null,
    code: v[5] as string | null,
    detail: v[6] as string | null,
    progress: parsed(v[7]) as Task['progress'],
    doneAt: v[8] as number | null,
    done: parsed(v[9]) as Task['done'],
  }),
  parse: (key) => [key],
};
