/** The calendar: what is to happen at an hour of the day is an event at that hour. Decides nothing itself. */
import { schedule } from 'node-cron';
import type { Clock, TimerHandle, Timers } from './clock.js';
import type { TaskRunEvent } from './lifecycle/events.js';
import { TASK_NAMES, TASKS, type TaskName } from './lifecycle/task.js';
import type { Logger } from './log.js';

export interface Calendar {
  /** Calls `fire` whenever a cron expression (in UTC) says so, until what is returned is called. */
  at(expression: string, name: string, fire: () => void): () => void;
}

/** The calendar of node-cron. An hour that the process missed, as it was stopped or busy, is told late. */
export function cronCalendar(log: Logger): Calendar {
  const told = (error: string | Error): void => {
    log.error({ code: 'calendar', err: error }, 'the calendar met a fault');
  };
  const logger = { info: () => undefined, debug: () => undefined, warn: told, error: told };
  return {
    at: (expression, name, fire) => {
      const task = schedule(expression, fire, { timezone: 'UTC', noOverlap: true, name, logger });
      task.on('execution:missed', fire);
      return () => {
        void task.destroy();
      };
    },
  };
}

/** What could not be taken (the queue is full, the store cannot be written) is said again after so long. */
const AGAIN_MS = 60_000;

export interface ScheduleOptions {
  readonly calendar: Calendar;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly tenant: string;
  /** Resolves to false where the event could not be taken. */
  readonly submit: (event: TaskRunEvent) => Promise<boolean>;
}

export class Schedule {
  readonly #options: ScheduleOptions;
  readonly #again = new Map<TaskName, TimerHandle>();
  readonly #ends: (() => void)[] = [];

  constructor(options: ScheduleOptions) {
    this.#options = options;
  }

  /** Starts the calendar. What it missed while addrd was down is for `decide` to say. */
  start(): void {
    for (const task of TASK_NAMES) {
      this.#say(task, 'start');
      const fire = (): void => {
        this.#say(task, 'calendar');
      };
      this.#ends.push(this.#options.calendar.at(TASKS[task].cron, task, fire));
    }
  }

  stop(): void {
    for (const end of this.#ends.splice(0)) end();
    for (const timer of this.#again.values()) this.#options.timers.clear(timer);
    this.#again.clear();
  }

  #say(task: TaskName, cause: TaskRunEvent['cause']): void {
    const { clock, timers, tenant, submit } = this.#options;
    const waits = this.#again.get(task);
    if (waits !== undefined) timers.clear(waits);
    this.#again.delete(task);
    const event: TaskRunEvent = {
      ...{ kind: 'task-run', tenant, actor: 'addrd', task, cause, force: false },
      receivedAt: clock.wallMs(),
    };
    void submit(event).then((taken) => {
      if (taken || this.#ends.length === 0) return;
      const again = timers.set(AGAIN_MS, () => {
        this.#say(task, cause);
      });
      this.#again.set(task, again);
    });
  }
}
