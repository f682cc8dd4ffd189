/** Background tasks: what they are, and what the store remembers of the last run of each. */
import type { Hold } from './hold.js';

export type TaskName = 'clean-up' | 'retention';

/** What a run counts. Each is a label of a metric. */
export type TaskCount = 'redriven' | 'never-seen' | 'leaks' | 'journal-deleted' | 'journal-held';

/** When the calendar starts each, as cron says it (in UTC) and as people do, and what it counts. */
export const TASKS: Readonly<
  Record<TaskName, { readonly cron: string; readonly when: string; readonly counts: readonly TaskCount[] }>
> = {
  'clean-up': { cron: '0 2 * * *', when: 'daily at 02:00 UTC', counts: ['redriven', 'never-seen', 'leaks'] },
  retention: { cron: '0 3 * * *', when: 'daily at 03:00 UTC', counts: ['journal-deleted', 'journal-held'] },
};

export const TASK_NAMES = Object.keys(TASKS) as readonly TaskName[];

/** How far a run is: what it looks at, behind which row, and what it has found. */
export interface TaskProgress {
  readonly part: 'revoking' | 'allocated' | 'leaks' | 'journal';
  /** The time and the number of the last row that was looked at. */
  readonly after: readonly [at: number, id: number];
  readonly counts: Readonly<Partial<Record<TaskCount, number>>>;
  /** ALLOCATED and never seen, by the number of their pool. */
  readonly neverSeen: Readonly<Record<string, { readonly count: number; readonly examples: readonly string[] }>>;
}

/** The last run of a task. Times are Unix milliseconds. */
export interface Task {
  readonly name: TaskName;
  readonly actor: string;
  readonly startedAt: number;
  /** When it last came a step further. */
  readonly touchedAt: number;
  /** Null while it runs. */
  readonly endedAt: number | null;
  /** `done`, or why it was refused; null while it runs. */
  readonly code: string | null;
  readonly detail: string | null;
  readonly progress: TaskProgress;
  /** When a run was last done, and what it had counted. */
  readonly doneAt: number | null;
  readonly done: TaskProgress['counts'];
}

/** The tables of these records. */
export interface TaskRows {
  task: Task;
  hold: Hold;
}
