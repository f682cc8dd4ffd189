/** addrdctl against an API that listens on the loopback, with a store in memory behind it. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import { run } from '../../../src/daemon/ctl/program.js';
import { openWorld, type World } from '../api/world.js';

const program = fileURLToPath(new URL('../../../src/daemon/ctl/main.ts', import.meta.url));
const root = fileURLToPath(new URL('../../..', import.meta.url));

/** How addrdctl ended, and what it printed. */
export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs addrdctl as its own process, in an empty environment but for `env`. */
export function spawnCtl(args: readonly string[], env: Readonly<Record<string, string>>) {
  return spawn(process.execPath, ['--import', 'tsx', program, ...args], {
    cwd: root,
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** Resolves when a process of {@link spawnCtl} has ended. */
export function ended(child: ReturnType<typeof spawnCtl>): Promise<Ended> {
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      resolve({ code, out, err });
    });
  });
}

export interface Listening {
  readonly world: World;
  readonly url: string;
  /** As its own process, with the token `root`. */
  ctl(...args: string[]): Promise<Ended>;
  /** The same within this process, which is quicker; it cannot wait. */
  within(...args: string[]): Promise<Ended>;
  /** As `within`, with another token of the world: `reader`, `noc`, `stranger`. */
  as(token: string, ...args: string[]): Promise<Ended>;
}

/** Runs addrdctl within this process. */
export async function runWithin(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  readFile = (path: string): string => readFileSync(path, 'utf8'),
): Promise<Ended> {
  let out = '';
  let err = '';
  const code = await run(args, {
    version: '0.0.0',
    columns: 100,
    colours: false,
    out: (text) => (out += text),
    err: (text) => (err += text),
    env: (name) => env[name],
    readFile,
    pause: () => {
      throw new RangeError('it waits');
    },
    idle: new AbortController().signal,
  });
  return { code, out, err };
}

/** The API of a world on a port of the loopback. `prepare` may add hooks before it listens. */
export async function listen(t: Test, prepare: (world: World) => void = () => undefined): Promise<Listening> {
  const world = await openWorld();
  prepare(world);
  const url = await world.api.listen({ host: '127.0.0.1', port: 0 });
  t.teardown(() => world.api.close());
  const env = (token: string) => ({ ADDRD_URL: url, ADDRD_TOKEN: `${token}-secret` });
  return {
    world,
    url,
    ctl: (...args) => ended(spawnCtl(args, env('root'))),
    within: (...args) => runWithin(args, env('root')),
    as: (token, ...args) => runWithin(args, env(token)),
  };
}

/** The longest line, columns. */
export function widest(text: string): number {
  return Math.max(...text.split('\n').map((line) => line.length));
}
