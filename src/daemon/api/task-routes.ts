/** Background tasks, under `/api/v1`. They are the daemon's own: what they count is told over all tenants. */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { TASK_NAMES, TASKS, type Task, type TaskName } from '../lifecycle/task.js';
import { isoTime } from '../lifecycle/time.js';
import { commandedNow, decide, outcome } from './commanded.js';
import type { ApiDeps } from './deps.js';
import { Problem } from './problem.js';
import { allows, scopesText, tokenOfRequest } from './token.js';
import { problemView } from './views.js';

const instant = z.string().nullable();
const counts = z.record(z.string(), z.number());

const taskView = z.strictObject({
  task: z.string(),
  schedule: z.string().describe('when the calendar starts it'),
  running: z.boolean(),
  started_at: instant,
  ended_at: instant,
  actor: z.string().nullable().describe('who started it: `addrd` where the calendar did'),
  code: z.string().nullable().describe('`done`, or why it was refused; null while it runs, or where it never ran'),
  detail: z.string().nullable(),
  counts: counts.describe('what this run has counted so far'),
  last_done_at: instant,
  last_done_counts: counts,
});
export type TaskView = z.output<typeof taskView>;

const tasksView = z.strictObject({ tasks: z.array(taskView) });
export type TasksView = z.output<typeof tasksView>;

const begunView = z.strictObject({
  verdict: z.enum(['applied', 'duplicate']),
  code: z.string().nullable(),
  task: z.string(),
  started_at: z.string(),
});
export type TaskBegunView = z.output<typeof begunView>;

const params = z.strictObject({ name: z.string().max(64) });
const body = z.strictObject({
  force: z.boolean().optional().describe('whatever it touches: needs scope admin'),
});

function viewOf(name: TaskName, task: Task | undefined): TaskView {
  const time = (at: number | null | undefined): string | null => (at === null || at === undefined ? null : isoTime(at));
  return {
    task: name,
    schedule: TASKS[name].when,
    running: task !== undefined && task.endedAt === null,
    started_at: time(task?.startedAt),
    ended_at: time(task?.endedAt),
    actor: task?.actor ?? null,
    code: task?.code ?? null,
    detail: task?.detail ?? null,
    counts: { ...task?.progress.counts },
    last_done_at: time(task?.doneAt),
    last_done_counts: { ...task?.done },
  };
}

/** `GET /api/v1/tasks`, `POST /api/v1/tasks/NAME/run`. */
export function taskRoutes(app: FastifyInstance, deps: Pick<ApiDeps, 'reads' | 'commands'>): void {
  const shared = { tags: ['operation'], security: [{ token: [] }] };
  const problems = { '4xx': problemView, '5xx': problemView };
  app.get(
    '/api/v1/tasks',
    {
      config: { scope: 'read' },
      schema: {
        ...shared,
        operationId: 'listTasks',
        summary: 'Background tasks and their last runs',
        response: { 200: tasksView, ...problems },
      },
    },
    async (): Promise<TasksView> => {
      const runs = new Map(deps.reads.tasks().map((run) => [run.name, run]));
      return { tasks: TASK_NAMES.map((name) => viewOf(name, runs.get(name))) };
    },
  );
  app.post<{ Params: z.output<typeof params>; Body: z.output<typeof body> }>(
    '/api/v1/tasks/:name/run',
    {
      config: { scope: 'operate', allTenants: true },
      schema: {
        ...shared,
        operationId: 'runTask',
        summary: 'Start a background task now; it goes on by itself',
        params,
        body,
        response: { 202: begunView, ...problems },
      },
    },
    async (request, reply) => {
      const { name } = request.params;
      const { force = false } = request.body;
      const task = TASK_NAMES.find((one) => one === name);
      if (task === undefined) {
        throw new Problem('unknown-task', `there is no task ${name}; there is ${TASK_NAMES.join(', ')}`);
      }
      const token = tokenOfRequest(request);
      if (force && !allows(token.scopes, 'admin')) {
        throw new Problem('forbidden', `token ${token.name} has scope ${scopesText(token.scopes)}; force needs admin`);
      }
      const command = { ...commandedNow(request), kind: 'task-run', task, force, cause: 'ordered' } as const;
      return reply.code(202).send(outcome(await decide(deps.commands, command, reply)));
    },
  );
}
