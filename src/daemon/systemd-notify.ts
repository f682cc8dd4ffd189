/** Starts systemd-notify(1), the one program that addrd runs. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);
/** One that has not been heard by then never will be. */
const LONGEST_MS = 5_000;

/** Tells the service manager something, as `NAME=value` lines (sd_notify(3)). Resolves when it has been taken in. */
export type Notify = (lines: readonly string[]) => Promise<void>;

/**
 * Node has no unix datagram sockets, and packages that bring them are native code. systemd-notify is on every host that
 * runs systemd; it returns when the manager has read the message (sd_notify_barrier(3)), so that the manager can still
 * tell to which unit its sender belongs. The child sees nothing of the environment but what it needs.
 *
 * Rejects with the system's error, or with what the program said.
 */
export function systemdNotify(socket: string, path: string | undefined): Notify {
  const env = { NOTIFY_SOCKET: socket, ...(path === undefined ? {} : { PATH: path }) };
  return async (lines) => {
    await run('systemd-notify', [...lines], { env, timeout: LONGEST_MS, killSignal: 'SIGKILL' });
  };
}
