/**
 * A systemd of its own, as process 1 of namespaces that the test makes (processes, mounts, network, cgroups), with addrd in
 * it as it is installed: the units as they are shipped, the program under /usr/lib/addrd, the config under /etc/addrd.
 */
import { execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Test } from 'tap';
import type { NasOptions, NasResult } from '../support/test-nas-run.js';
import type { VolleyOptions, VolleyResult } from '../support/volley.js';
import { missing } from '../support/peer.js';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const BOOT = fileURLToPath(new URL('boot.sh', import.meta.url));
const VOLLEY = fileURLToPath(new URL('../support/volley-run.ts', import.meta.url));
const NAS = fileURLToPath(new URL('../support/test-nas-run.ts', import.meta.url));
const LONGEST_MS = 30_000;

/** Whether the test can go on; see {@link missing}. */
export function requireSystemd(t: Test, program: 'systemd-analyze' | 'systemd'): boolean {
  let reason: string | null = null;
  if (spawnSync('systemd-analyze', ['--version']).status !== 0) reason = 'systemd is not installed';
  else if (program === 'systemd') {
    const flags = ['--fork', '--pid', '--mount', '--net', '--cgroup', '--ipc', '--uts'];
    const tried = spawnSync('unshare', [...flags, 'mount', '-t', 'cgroup2', 'none', '/sys/fs/cgroup']);
    if (tried.status !== 0) reason = 'a systemd of its own needs root, namespaces and cgroups';
  }
  return reason === null || missing(t, reason);
}

export interface Machine {
  /** Runs a program as root in the machine; resolves to what it printed. */
  run(...command: readonly string[]): Promise<string>;
  /** One property of a unit, such as `ActiveState`. */
  property(unit: string, name: string): Promise<string>;
  /** Waits until a property has a value. */
  until(unit: string, name: string, value: string): Promise<void>;
  /** Sends a volley from inside of the network; `sent` resolves when all of it is on its way. */
  volley(options: Omit<VolleyOptions, 'onSent'>): { sent: Promise<void>; result: Promise<VolleyResult> };
  /** Opens a session from inside of the network, and acknowledges the Disconnect for it; `sent` when it is open. */
  nas(options: NasOptions): { sent: Promise<void>; result: Promise<NasResult> };
  /** What addrd logged, one JSON object a line. */
  log(): Promise<Record<string, unknown>[]>;
  /** A path of the machine as the test can read it. */
  path(inside: string): string;
  stop(): Promise<void>;
}

/** The mount point of the unified hierarchy. */
function cgroupRoot(): string {
  const mount = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' '))
    .find((fields) => fields[2] === 'cgroup2');
  return mount?.[1] ?? '/sys/fs/cgroup';
}

function removeCgroup(path: string): void {
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (entry.isDirectory()) removeCgroup(join(path, entry.name));
  }
  rmdirSync(path);
}

/** Boots a machine. `files` are put in it by path, after the units and before systemd starts. */
export async function startMachine(files: Readonly<Record<string, string>>): Promise<Machine> {
  const layout = mkdtempSync(join(tmpdir(), 'addrd-machine-'));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(layout, dirname(path)), { recursive: true });
    writeFileSync(join(layout, path), text, { mode: 0o644 });
  }
  const cgroup = join(cgroupRoot(), basename(layout));
  mkdirSync(cgroup);
  const script =
    'echo $$ >"$1/cgroup.procs"; shift; exec unshare --fork --pid --mount --net --cgroup --ipc --uts --propagation private bash "$@"';
  const child = spawn('bash', ['-c', script, 'machine', cgroup, BOOT, ROOT, process.execPath, layout], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const gone = once(child, 'exit');
  const first = async (): Promise<string> => {
    for (let waited = 0; waited < LONGEST_MS; waited += 50) {
      if (child.exitCode !== null) break;
      const pid = readFileSync(`/proc/${String(child.pid)}/task/${String(child.pid)}/children`, 'utf8').trim();
      if (pid !== '' && existsSync(`/proc/${pid}/root/run/systemd/private`)) return pid;
      await pause(50);
    }
    throw new TypeError(`systemd did not start: ${said}`);
  };
  let pid = '';
  const stop = async (): Promise<void> => {
    // Process 1 takes every process of its namespace along.
    const init = pid === '' ? child.pid : Number(pid);
    if (init !== undefined && child.exitCode === null && child.signalCode === null) {
      process.kill(init, 'SIGKILL');
      await gone;
    }
    for (let tries = 0; tries < 50; tries++) {
      try {
        removeCgroup(cgroup);
        break;
      } catch {
        await pause(100);
      }
    }
    rmSync(layout, { recursive: true, force: true });
  };
  try {
    pid = await first();
  } catch (error) {
    await stop();
    throw error;
  }
  /** Runs one of the test's own programs in the network: it says `sent`, and in the end what came of it, as JSON. */
  const within = <T>(script: string, options: object): { sent: Promise<void>; result: Promise<T> } => {
    const program = spawn(
      'nsenter',
      ['-t', pid, '-n', '--', process.execPath, '--import', 'tsx', script, JSON.stringify(options)],
      { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'] },
    );
    let text = '';
    const sent = new Promise<void>((resolve) => {
      program.stdout.on('data', (chunk: Buffer) => {
        text += chunk.toString();
        if (text.includes('sent\n')) resolve();
      });
    });
    return { sent, result: once(program, 'close').then(() => JSON.parse(text.replace('sent\n', '')) as T) };
  };
  const inside = ['-t', pid, '-m', '-p', '-n', '-C', '-i', '-u', '--'];
  const machine: Machine = {
    // Not the environment of the test: what it preloads is not in the machine.
    run: async (...command) => {
      const clean = ['env', '-i', 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'];
      return (await run('nsenter', [...inside, ...clean, ...command], { timeout: 60_000 })).stdout;
    },
    property: async (unit, name) =>
      (await machine.run('systemctl', 'show', '--value', `--property=${name}`, unit)).trim(),
    until: async (unit, name, value) => {
      let is = '';
      for (let waited = 0; waited < LONGEST_MS; waited += 100) {
        is = await machine.property(unit, name);
        if (is === value) return;
        await pause(100);
      }
      throw new TypeError(`${name} of ${unit} is ${is} and not ${value}`);
    },
    volley: (options) => within<VolleyResult>(VOLLEY, options),
    nas: (options) => within<NasResult>(NAS, options),
    log: async () =>
      (await machine.run('cat', '/run/addrd.log'))
        .split('\n')
        .filter((line) => line.startsWith('{'))
        .map((line) => JSON.parse(line) as Record<string, unknown>),
    path: (path) => `/proc/${pid}/root${path}`,
    stop,
  };
  return machine;
}
