/** The built daemon as a process, with a store and a config of its own in a folder that goes when the test does. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export const MAIN = fileURLToPath(new URL('../../dist/daemon/main.js', import.meta.url));
export const CTL = fileURLToPath(new URL('../../dist/daemon/ctl/main.js', import.meta.url));

/** A folder with a config file; the store lies beside it as `addrd.db`. */
export interface Place {
  readonly folder: string;
  readonly config: string;
  readonly store: string;
  remove(): void;
}

/** Makes a folder and writes the config that `write` makes of the store's path. */
export function makePlace(write: (store: string) => string): Place {
  const folder = mkdtempSync(join(tmpdir(), 'addrd-test-'));
  const store = join(folder, 'addrd.db');
  const config = join(folder, 'addrd.yaml');
  writeFileSync(config, write(store));
  return {
    folder,
    config,
    store,
    remove: () => {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** How a daemon that did not stay ended. */
export interface Ended {
  readonly status: number | null;
  readonly stderr: string;
  readonly stdout: string;
}

/** Runs `addrd` with arguments until it ends by itself. */
export async function runAddrd(args: readonly string[], env: Record<string, string> = {}): Promise<Ended> {
  const child = spawn(process.execPath, [MAIN, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, stdout, stderr };
}

export interface RunningDaemon {
  readonly child: ChildProcess;
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
  readonly token: string;
  /** Everything it has logged. */
  log(): string;
  /** SIGKILL, and resolves when it is gone. */
  kill(): Promise<void>;
  /** SIGTERM; resolves to the exit status. */
  stop(): Promise<number | null>;
}

/** Starts the daemon and resolves when it says that it has started. Rejects with what it said where it did not. */
export async function startAddrd(place: Place, env: Record<string, string> = {}): Promise<RunningDaemon> {
  const child = spawn(process.execPath, [MAIN, 'serve', '--config', place.config], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  let text = '';
  child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const gone = once(child, 'exit');
  const started = new Promise<string>((resolve) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      text += `${line}\n`;
      if (!line.startsWith('{')) return;
      const entry = JSON.parse(line) as { code?: string; api?: string[] };
      if (entry.code === 'started') resolve(entry.api?.[0] ?? '');
    });
  });
  const api = await Promise.race([started, gone.then(() => null)]);
  if (api === null) throw new TypeError(`addrd did not start: ${text}`);
  const end = async (signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill(signal);
      await gone;
    }
    return child.exitCode;
  };
  return {
    child,
    url: `http://${api}`,
    token: readFileSync(join(place.folder, 'api-token'), 'utf8').trim(),
    log: () => text,
    kill: async () => {
      await end('SIGKILL');
    },
    stop: () => end('SIGTERM'),
  };
}

/** One request to a daemon's API with its token. */
export async function call(
  daemon: RunningDaemon,
  method: 'GET' | 'POST',
  path: string,
  body?: unknown,
): Promise<{ status: number; body: Record<string, unknown>; retryAfter: string | null }> {
  const response = await fetch(`${daemon.url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${daemon.token}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const retryAfter = response.headers.get('retry-after');
  return { status: response.status, body: (await response.json()) as Record<string, unknown>, retryAfter };
}

/** The text of a daemon's `/metrics` with everything that it counted before the call: the main thread tells it each second. */
export async function metricsNow(daemon: Pick<RunningDaemon, 'url'>): Promise<string> {
  const asked = Date.now();
  for (;;) {
    const sent = Date.now();
    const text = await (await fetch(`${daemon.url}/metrics`)).text();
    const age = /^addrd_main_silence_seconds (\S+)$/m.exec(text)?.[1];
    // The age was taken after the request was sent: so the counts are at least of this time.
    if (age === undefined || sent - Number(age) * 1000 > asked) return text;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
