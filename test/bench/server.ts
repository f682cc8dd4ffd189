/** The servers that the bench measures, as processes of their own. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export interface BenchServer {
  readonly name: string;
  readonly port: number;
  /** How an answer of it is durable, read from its settings. */
  readonly durability: string;
  /** At which window its sessions are opened before the measurement: where it is quickest. */
  readonly warmWindow: number;
  /** Every process that works for it; their children are counted too. */
  readonly pids: readonly number[];
  /** How many sessions are open by its own store; null where it has none. */
  openSessions(): Promise<number | null>;
  /** Called when the sessions of all subscribers are open. */
  warmed(): Promise<void>;
  stop(): Promise<void>;
}

/** A server that cannot be had here: it is left out, and the output says why. */
export class PeerMissing extends Error {
  readonly code = 'peer-missing';
}

/** A server that did not start, or ended on its own. */
export class ServerFailed extends Error {
  readonly code = 'server-failed';
}

export interface Program {
  readonly child: ChildProcess;
  readonly pid: number;
  /** What it has printed. */
  printed(): string;
  /** Asks it to end with `signal` (SIGTERM), and kills it after half a minute. */
  end(signal?: NodeJS.Signals): Promise<void>;
}

/** Who a server runs as: nobody where the bench is root, as PostgreSQL refuses root; else whoever runs the bench. */
export function unprivileged(): { uid: number; gid: number } | Record<string, never> {
  return process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
}

/**
 * Starts a program with its output in `folder`, and resolves when that holds `ready`. It is killed when the bench ends
 * without ending it. Rejects with {@link ServerFailed} and what it printed.
 */
export async function start(
  file: string,
  args: readonly string[],
  options: { folder: string; ready: string; as?: { uid?: number; gid?: number } },
): Promise<Program> {
  const log = join(options.folder, 'log');
  const fd = openSync(log, 'w');
  const child = spawn(file, args, { stdio: ['ignore', fd, fd], cwd: options.folder, ...options.as });
  closeSync(fd);
  const kill = (): void => {
    child.kill('SIGKILL');
  };
  process.once('exit', kill);
  let failed: Error | null = null;
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => {
      resolve();
    });
    child.once('error', (error) => {
      failed = error;
      resolve();
    });
  });
  const printed = (): string => readFileSync(log, 'utf8');
  const isOver = (): boolean => failed !== null || child.exitCode !== null || child.signalCode !== null;
  const end = async (signal: NodeJS.Signals = 'SIGTERM'): Promise<void> => {
    process.off('exit', kill);
    if (!isOver()) child.kill(signal);
    const late = setTimeout(kill, 30_000);
    await ended;
    clearTimeout(late);
  };
  for (let waited = 0; !printed().includes(options.ready); waited += 20) {
    if (isOver() || waited > 30_000) {
      await end();
      throw new ServerFailed(`${file} did not start: ${failed === null ? printed().slice(-2_000) : String(failed)}`);
    }
    await sleep(20);
  }
  return { child, pid: child.pid ?? 0, printed, end };
}

/** Runs a program to its end and resolves to what it printed. Rejects where its status is not 0. */
export async function runProgram(
  file: string,
  args: readonly string[],
  as: { uid?: number; gid?: number } = {},
): Promise<string> {
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'], cwd: '/', ...as });
  let printed = '';
  child.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (printed += chunk.toString()));
  const [status] = (await once(child, 'close')) as [number | null];
  if (status !== 0) throw new ServerFailed(`${file}: status ${String(status)}: ${printed.slice(-2_000)}`);
  return printed;
}

export async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}
