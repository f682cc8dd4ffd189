/** Temporary directories that go with their test, and programs that run beside it. */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

interface Teardown {
  teardown(done: () => void): unknown;
}

/** A new directory, removed with all that is in it when the test ends. */
export function temporary(t: Teardown): string {
  const dir = mkdtempSync(join(tmpdir(), 'addrd-test-'));
  t.teardown(() => {
    rmSync(dir, { recursive: true, force: true });
  });
  return dir;
}

export interface Program {
  readonly child: ChildProcessByStdio<null, Readable, Readable>;
  /** The lines it prints, as they come; ends with its output. */
  readonly lines: AsyncIterableIterator<string>;
  /** Resolves to its exit status, or the signal that ended it. */
  readonly ended: Promise<number | string>;
  stderr(): string;
}

/** Runs `test/support/<script>` in another process; killed when the test ends, if it still runs. */
export function program(t: Teardown, script: string, args: readonly string[]): Program {
  const file = new URL(script, import.meta.url).pathname;
  const child = spawn(process.execPath, ['--import', 'tsx', file, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  t.teardown(() => {
    child.kill('SIGKILL');
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const ended = new Promise<number | string>((resolve) => {
    child.on('close', (status, signal) => {
      resolve(status ?? signal ?? 'unknown');
    });
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return { child, lines, ended, stderr: () => stderr };
}

/** The next line of a program, or null at the end of its output. */
export async function line(program: Program): Promise<string | null> {
  const next = await program.lines.next();
  return next.done === true ? null : next.value;
}
