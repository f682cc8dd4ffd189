/** Retention: lines of the journal that are older than the config keeps them are deleted, the oldest first; what is held stays. */
import type { Draft } from './draft.js';
import { isHeld } from './holding-back.js';
import type { Policy } from './policy.js';
import type { Task, TaskProgress } from './task.js';

/** Lines that one event deletes: each has its pages in several indexes, and the commit writes them all. */
const SLICE = 50;
/** So many may be deleted of any journal. */
const FLOOR = 10_000;
const DAY_MS = 86_400_000;

/** How many lines a run would delete, and how many it may: a share, or what comes due in two days where that is more. */
export function linesTouched(d: Draft, now: number, policy: Policy): { touched: number; most: number; what: string } {
  const { journalMs } = policy.retention;
  if (journalMs === null) return { touched: 0, most: 0, what: 'lines of the journal' };
  const { older, all } = d.chores.journalSpan(now - journalMs);
  const due = (2 * DAY_MS) / journalMs;
  const most = Math.max(FLOOR, Math.floor(all * Math.max(policy.task.share, due)));
  return { touched: older, most, what: 'lines of the journal' };
}

/** One slice. What is too old is measured from the start of the run, so that it ends. */
export function retain(
  d: Draft,
  { progress, startedAt }: Task,
  policy: Policy,
): { progress: TaskProgress; isDone: boolean } {
  const { journalMs } = policy.retention;
  const counted = { 'journal-deleted': 0, 'journal-held': 0, ...progress.counts };
  if (journalMs === null) return { progress: { ...progress, counts: counted }, isDone: true };
  const holds = d.chores.holds().flatMap((ref) => {
    const hold = d.find('hold', ref);
    return hold?.endedAt === null ? [hold] : [];
  });
  const before = startedAt - journalMs;
  const lines = d.chores.journal(before, startedAt, progress.after[1], SLICE);
  const due = lines.filter(({ at }) => at < before);
  const old = holds.length === 0 ? due : due.filter((line) => !isHeld(d, line, holds));
  d.forget(old.map(({ id }) => id));
  const [latest, last] = [old.at(-1), lines.at(-1)];
  if (latest !== undefined && latest.at > (d.find('meta', 'journal_deleted_until')?.value ?? 0)) {
    d.put('meta', { key: 'journal_deleted_until', value: latest.at });
  }
  const counts = {
    'journal-deleted': counted['journal-deleted'] + old.length,
    'journal-held': counted['journal-held'] + due.length - old.length,
  };
  const after = last === undefined ? progress.after : ([last.at, last.id] as const);
  return { progress: { ...progress, after, counts }, isDone: lines.length < SLICE };
}
