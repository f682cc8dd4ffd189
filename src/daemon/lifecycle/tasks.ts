/**
 * Runs of background tasks. The calendar, or an operator, starts one; it goes on slice by slice, each the event of a deadline, so
 * that packets are answered between two of them and a run that a crash has cut short goes on after the start.
 */
import { DAEMON_TENANT, clear, raise, type About } from './alarms.js';
import { freezeOf } from './braking.js';
import { cleanUp, touchedBy } from './clean-up.js';
import type { Draft } from './draft.js';
import type { TaskRunEvent } from './events.js';
import type { Policy } from './policy.js';
import { linesTouched, retain } from './retention.js';
import type { Task, TaskName, TaskProgress } from './task.js';
import { isoTime } from './time.js';
import type { Verdict } from './world.js';

/** Between two slices: accounting has the door for itself. */
const PAUSE_MS = 50;
/** A run that came no further for so long is given up: the next one begins anew. */
const STALLED_MS = 3_600_000;
/** After so long without a run the calendar has missed one. */
const MISSED_MS = 25 * 3_600_000;

/** What makes a task: how much a run would touch and may, where it begins, and one slice of it. */
interface Chore {
  readonly first: TaskProgress['part'];
  touched(d: Draft, now: number, policy: Policy): { touched: number; most: number; what: string };
  slice(d: Draft, task: Task, now: number, policy: Policy): { progress: TaskProgress; isDone: boolean };
}

const CHORES: Readonly<Record<TaskName, Chore>> = {
  'clean-up': { first: 'revoking', touched: touchedBy, slice: cleanUp },
  retention: { first: 'journal', touched: linesTouched, slice: (d, task, _now, policy) => retain(d, task, policy) },
};

function about(name: TaskName): About {
  return { ref: `task:${name}`, tenant: DAEMON_TENANT, name };
}

function refusal(d: Draft, event: TaskRunEvent, policy: Policy): { code: string; detail: string } | null {
  const { task, force, receivedAt: now } = event;
  const alive = d.find('meta', 'alive_at')?.value ?? now;
  if (alive > now + policy.gapToleranceMs) {
    return { code: 'clock-behind', detail: `the clock is behind: addrd was alive at ${isoTime(alive)}` };
  }
  if (freezeOf(d) !== null) return { code: 'frozen', detail: 'addrd is frozen' };
  const { touched, most, what } = CHORES[task].touched(d, now, policy);
  if (force || touched <= most) return null;
  return {
    code: 'task-too-large',
    detail: `${task} would touch more than ${String(most)} ${what}; with force it does`,
  };
}

/** Starts a task, where it does not run and would not touch too much. */
export function runTask(d: Draft, event: TaskRunEvent, policy: Policy): Verdict {
  const { task: name, actor, cause, receivedAt: now } = event;
  const before = d.find('task', name);
  if (cause === 'start' && (before === null || now - before.startedAt < MISSED_MS)) {
    return { verdict: 'stale', code: 'not-due', detail: null, reply: null };
  }
  if (before !== null && before.endedAt === null && now - before.touchedAt < STALLED_MS) {
    const detail = `${name} runs since ${isoTime(before.startedAt)}`;
    return { verdict: 'refused', code: 'task-running', detail, reply: null };
  }
  const last = { doneAt: before?.doneAt ?? null, done: before?.done ?? {} };
  const progress: Task['progress'] = { part: CHORES[name].first, after: [0, 0], counts: {}, neverSeen: {} };
  const run = { name, actor, startedAt: now, touchedAt: now, progress, ...last };
  const refused = refusal(d, event, policy);
  if (refused !== null) {
    const { code, detail } = refused;
    d.put('task', { ...run, endedAt: now, code, detail });
    d.drop('deadline', `task/${name}`);
    d.note({ at: now, kind: 'task', tenant: DAEMON_TENANT, actor, code, detail: { task: name, because: detail } });
    if (code === 'task-too-large') raise(d, 'task-refused', about(name), detail, now);
    return { verdict: 'refused', code, detail, reply: null };
  }
  d.put('task', { ...run, endedAt: null, code: null, detail: null });
  d.put('deadline', { kind: 'task', ref: name, dueAt: now });
  d.note({ at: now, kind: 'task', tenant: DAEMON_TENANT, actor, code: 'started', detail: { task: name } });
  return { verdict: 'applied', code: null, detail: null, reply: { task: name, started_at: isoTime(now) } };
}

/** The next slice of a task that runs. */
export function taskDue(d: Draft, name: string, now: number, policy: Policy): void {
  const task = d.find('task', name);
  if (task?.endedAt !== null) {
    d.drop('deadline', `task/${name}`);
    return;
  }
  const { progress, isDone } = CHORES[task.name].slice(d, task, now, policy);
  if (!isDone) {
    d.put('task', { ...task, touchedAt: now, progress });
    d.put('deadline', { kind: 'task', ref: name, dueAt: now + PAUSE_MS });
    return;
  }
  const { counts } = progress;
  const ended = { touchedAt: now, endedAt: now, code: 'done', doneAt: now };
  d.put('task', { ...task, ...ended, progress, done: counts });
  d.drop('deadline', `task/${name}`);
  const detail = { task: name, ms: now - task.startedAt, ...counts };
  d.note({ at: now, kind: 'task', tenant: DAEMON_TENANT, actor: task.actor, code: 'done', detail });
  clear(d, 'task-refused', about(task.name).ref, now);
}
