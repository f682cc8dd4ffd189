import { Gauge, type Registry } from 'prom-client';
import { TASK_NAMES, TASKS, type Task } from '../lifecycle/task.js';

/** Metrics of background tasks: of the last run of each, and of the last one that was done. */
export class TaskMetrics {
  readonly #started: Gauge<'task'>;
  readonly #done: Gauge<'task'>;
  readonly #seconds: Gauge<'task'>;
  readonly #running: Gauge<'task'>;
  readonly #refused: Gauge<'task'>;
  readonly #counts: Gauge<'task' | 'count'>;

  constructor(registry: Registry) {
    const registers = [registry];
    const gauge = <L extends string>(name: string, help: string, ...labelNames: L[]): Gauge<L> =>
      new Gauge<L>({ name, help, labelNames, registers });
    this.#started = gauge('addrd_task_last_start_timestamp_seconds', 'When its last run began, 0: never', 'task');
    this.#done = gauge('addrd_task_last_success_timestamp_seconds', 'When a run was last done, 0: never', 'task');
    this.#seconds = gauge('addrd_task_duration_seconds', 'How long its last run took, or takes by now', 'task');
    this.#running = gauge('addrd_task_running', 'Whether it runs', 'task');
    this.#refused = gauge('addrd_task_refused', 'Whether its last run was refused', 'task');
    this.#counts = gauge('addrd_task_rows', 'What the last run that was done has counted', 'task', 'count');
  }

  /** `now` in Unix milliseconds. */
  show(tasks: readonly Task[], now: number): void {
    const runs = new Map(tasks.map((run) => [run.name, run]));
    for (const task of TASK_NAMES) {
      const last = runs.get(task);
      const { startedAt = 0, doneAt = null, endedAt = null, code = null, done = {} } = last ?? {};
      this.#started.set({ task }, startedAt / 1_000);
      this.#done.set({ task }, (doneAt ?? 0) / 1_000);
      this.#seconds.set({ task }, last === undefined ? 0 : Math.max(0, (endedAt ?? now) - startedAt) / 1_000);
      this.#running.set({ task }, last !== undefined && endedAt === null ? 1 : 0);
      this.#refused.set({ task }, code === null || code === 'done' ? 0 : 1);
      for (const count of TASKS[task].counts) this.#counts.set({ task, count }, done[count] ?? 0);
    }
  }
}
