/** Runs the README's walk-through to the letter: its commands, the shipped config, FreeRADIUS as the NAS. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { requirePeer } from './peers/freeradius.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const README = readFileSync(join(ROOT, 'README.md'), 'utf8');

function blocks(text: string): string[] {
  return [...text.matchAll(/```sh\n(.*?)```/gs)].map(([, commands]) => commands ?? '');
}

function between(text: string, from: string, to: string): string {
  const start = text.indexOf(from);
  const end = text.indexOf(to, start);
  if (start < 0 || end < 0) throw new TypeError(`the README lost its mark ${from}`);
  return text.slice(start, end);
}

/** Starts a program in the foreground and resolves when it prints a text. */
async function startUntil(
  command: string,
  cwd: string,
  text: string,
): Promise<{ child: ChildProcess; log: () => string }> {
  const child = spawn('bash', ['-c', `exec ${command}`], { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  let printed = '';
  const seen = new Promise<void>((resolve, reject) => {
    const read = (chunk: Buffer): void => {
      printed += chunk.toString();
      if (printed.includes(text)) resolve();
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.once('exit', () => {
      reject(new TypeError(`${command} ended: ${printed}`));
    });
  });
  await seen;
  return { child, log: () => printed };
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  await gone;
}

t.test('the walk-through', { timeout: 60_000 }, async (t) => {
  if (!requirePeer(t, 'freeradius') || !requirePeer(t, 'radclient')) return;
  // A folder like a fresh clone: the store must not fall into the one that somebody works in.
  const folder = mkdtempSync(join(tmpdir(), 'addrd-readme-'));
  for (const name of ['config', 'dist', 'docs', 'node_modules', 'package.json']) {
    symlinkSync(join(ROOT, name), join(folder, name));
  }
  t.teardown(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  const script = (JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: { start: string } })
    .scripts;
  const daemon = await startUntil(script.start, folder, '"code":"started"');
  t.teardown(() => stop(daemon.child));
  const [asNas] = blocks(between(README, '## A walk-through', '<!-- walk-through'));
  const nas = await startUntil((asNas ?? '').trim(), folder, 'Ready to process requests');
  t.teardown(() => stop(nas.child));

  const steps = blocks(between(README, '<!-- walk-through', '<!-- end of the walk-through'));
  t.ok(steps.length >= 4, 'the steps are there');
  const shown: string[] = [];
  for (const step of steps) {
    const shell = spawn('bash', ['-e', '-O', 'expand_aliases'], { cwd: folder, stdio: ['pipe', 'pipe', 'pipe'] });
    let out = '';
    shell.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
    shell.stderr.on('data', (chunk: Buffer) => (out += chunk.toString()));
    const alias = /^alias .*$/m.exec(steps[0] ?? '')?.[0] ?? '';
    shell.stdin.end(`set -o pipefail\n${alias}\n${step}`);
    const [status] = (await once(shell, 'close')) as [number];
    t.equal(status, 0, `${step.split('\n')[0] ?? ''} ...: ${status === 0 ? 'ok' : out}`);
    shown.push(out);
    if (step.includes('revoke')) {
      while (!nas.log().includes('Received Disconnect-Request')) await once(nas.child.stdout ?? nas.child, 'data');
    }
  }
  t.match(nas.log(), /Received Disconnect-Request[^]*?Acct-Session-Id = "demo-1"/, 'the NAS was asked');
  const last = shown.at(-1) ?? '';
  t.match(shown[0], /alice +ipv4 +100\.64\.0\.1 +lab-v4 +allocated/);
  t.match(shown[1], /100\.64\.0\.1 \(ipv4\) of alice: ACTIVE/);
  t.match(shown[2], /REVOKING/);
  t.match(last, /100\.64\.0\.1 \(ipv4\) of alice: REVOKED/);
  t.match(last, /evidence: stop at .* session demo-1 stopped/);
  t.match(last, /the address is quarantined until/);
  await stop(daemon.child);
  t.equal(daemon.child.exitCode, 0, 'addrd stops in order');
});
