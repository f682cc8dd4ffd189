/** What processes cost, by proc(5). */
import { readdirSync, readFileSync } from 'node:fs';

/** Ticks a second of the times in /proc: USER_HZ, 100 on every architecture that Node runs on. */
const TICKS = 100;

interface Stat {
  readonly parent: number;
  readonly ticks: number;
}

/** User and system time of a process and of its children that have ended and were waited for; null if it is gone. */
function statOf(pid: number): Stat | null {
  let text: string;
  try {
    text = readFileSync(`/proc/${String(pid)}/stat`, 'utf8');
  } catch {
    return null;
  }
  // The name may hold spaces and brackets; the fields are counted from behind it.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const ticks = [11, 12, 13, 14].reduce((sum, field) => sum + Number(fields[field]), 0);
  return { parent: Number(fields[1]), ticks };
}

/** Anonymous memory that a process has in RAM, octets: RssAnon of proc(5). */
export function anonymousOctets(pid: number): number {
  const status = readFileSync(`/proc/${String(pid)}/status`, 'utf8');
  return Number(/^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1] ?? NaN) * 1_024;
}

/**
 * CPU seconds of these processes and all that descend from them, those that have ended included. Resolution 10 ms for
 * each process.
 */
export function cpuSeconds(roots: readonly number[]): number {
  const stats = new Map<number, Stat>();
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    const stat = Number.isInteger(pid) ? statOf(pid) : null;
    if (stat !== null) stats.set(pid, stat);
  }
  const belongs = (pid: number): boolean => {
    for (let at = pid; at > 1; at = stats.get(at)?.parent ?? 0) if (roots.includes(at)) return true;
    return false;
  };
  let ticks = 0;
  for (const [pid, stat] of stats) if (belongs(pid)) ticks += stat.ticks;
  return ticks / TICKS;
}
