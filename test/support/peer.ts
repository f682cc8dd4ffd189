/** Programs and privileges that a test needs and a machine may not have. */
import { spawnSync } from 'node:child_process';

/** As much of a test as is told that its peer is missing. */
interface Told {
  fail(reason: string): unknown;
  pass(reason: string, extra: { skip: string }): unknown;
}

/**
 * Skips a test by name, or fails it where ADDRD_PEERS=required says that every peer must be there. False, so that a test
 * begins with `if (!requireX(t)) return;`.
 */
export function missing(t: Told, reason: string): false {
  if (process.env['ADDRD_PEERS'] === 'required') t.fail(reason);
  else t.pass(reason, { skip: reason });
  return false;
}

/** Whether each of some programs can be run, as `PROGRAM FLAG` shows. Where one cannot, the test is {@link missing} it. */
export function requirePrograms(t: Told, programs: readonly string[], flag = '--version'): boolean {
  const absent = programs.find((program) => spawnSync(program, [flag], { stdio: 'ignore' }).error !== undefined);
  return absent === undefined || missing(t, `${absent} is not installed`);
}
