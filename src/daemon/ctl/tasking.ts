/** `tasks`: what addrd does by the calendar. */
import type { Command } from 'commander';
import type { TaskBegunView, TasksView, TaskView } from '../api/task-routes.js';
import { Shape } from './http.js';
import type { Desk } from './ordering.js';
import type { Cell } from './screen.js';
import { orDash, time } from './wording.js';

const TASKS = new Shape<TasksView>({ tasks: 'list' });
const BEGUN = new Shape<TaskBegunView>({ verdict: 'string', task: 'string', started_at: 'string' });

function result({ running, code }: TaskView): Cell {
  if (running) return { text: 'running', colour: 'yellow' };
  if (code === null) return 'never run';
  return { text: code, colour: code === 'done' ? 'green' : 'red' };
}

function counted(counts: TaskView['counts']): string {
  const told = Object.entries(counts).map(([what, count]) => `${what} ${String(count)}`);
  return told.length === 0 ? '-' : told.join(', ');
}

async function list({ client, screen, json }: Desk): Promise<void> {
  const view = await client.get('/api/v1/tasks', TASKS);
  if (json) {
    screen.json(view);
    return;
  }
  screen.table(
    ['TASK', 'SCHEDULE', 'LAST RUN', 'BY', 'RESULT', 'COUNTED', 'LAST DONE'],
    view.tasks.map((task) => [
      task.task,
      task.schedule,
      time(task.started_at),
      orDash(task.actor),
      result(task),
      counted(task.counts),
      time(task.last_done_at),
    ]),
  );
  for (const { task, code, detail } of view.tasks) {
    if (detail !== null) screen.line(`  ${task} was refused (${code ?? ''}): ${detail}`, 'red', 4);
  }
}

async function run({ client, screen, json }: Desk, task: string, force: boolean): Promise<void> {
  const answer = await client.post(`/api/v1/tasks/${encodeURIComponent(task)}/run`, force ? { force } : {}, BEGUN);
  if (json) screen.json(answer);
  else screen.line(`${answer.task} runs since ${time(answer.started_at)}; addrdctl tasks shows what it comes to`);
}

/** Adds the command. */
export function addTasks(program: Command, desk: () => Desk): void {
  const tasks = program
    .command('tasks')
    .description('what addrd does by the calendar, and how it went')
    .action(() => list(desk()));
  tasks
    .command('run')
    .description('start one now')
    .argument('<task>', 'as the first column of `addrdctl tasks` names it')
    .option('--force', 'whatever it touches: needs scope admin')
    .action((task: string, options: { force?: boolean }) => run(desk(), task, options.force === true));
}
