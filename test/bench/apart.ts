/** Puts what answers and what asks on processors of their own, so that a busy machine is no part of a measurement. */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { cpus } from 'node:os';

function threadsOf(pid: number): number[] {
  return readdirSync(`/proc/${String(pid)}/task`).map(Number);
}

function run(program: string, ...args: string[]): string | null {
  const { status, stderr, error } = spawnSync(program, args, { encoding: 'utf8' });
  return status === 0 ? null : (error?.message ?? stderr.trim());
}

/**
 * The main thread of a process gets processor 0 for itself; its other threads and this process get processor 1, where this
 * process goes before all others (SCHED_FIFO, not handed on to children): however busy that is, a load generator sends when it should. Returns why
 * not, or null. Linux, as root, with util-linux.
 */
export function placeApart(pid: number): string | null {
  if (cpus().length < 2) return 'there is one processor';
  for (const tid of threadsOf(pid)) {
    const failed = run('taskset', '-cp', tid === pid ? '0' : '1', String(tid));
    if (failed !== null) return failed;
  }
  for (const tid of threadsOf(process.pid)) {
    const failed = run('taskset', '-cp', '1', String(tid)) ?? run('chrt', '-R', '-f', '-p', '10', String(tid));
    if (failed !== null) return failed;
  }
  return null;
}
