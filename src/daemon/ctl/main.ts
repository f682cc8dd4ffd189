#!/usr/bin/env node
/** addrdctl: ties the program to the process. */
import { readFileSync } from 'node:fs';
import { pause } from './pause.js';
import { run } from './program.js';

const WITHOUT_TERMINAL = 100;
const NARROWEST = 60;

const manifest = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

// The reader of a pipe may have seen enough (`addrdctl events | head`).
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : 1);
});

// A request that fetch has forgotten leaves nothing to wait for, and the process would end without a word.
const idle = new AbortController();
process.on('beforeExit', () => {
  idle.abort();
});

process.exitCode = await run(process.argv.slice(2), {
  version: manifest.version,
  columns: process.stdout.isTTY ? Math.max(process.stdout.columns, NARROWEST) : WITHOUT_TERMINAL,
  colours: process.stdout.isTTY && process.stderr.isTTY && (process.env['NO_COLOR'] ?? '') === '',
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  env: (name) => process.env[name],
  readFile: (path) => readFileSync(path, 'utf8'),
  pause,
  idle: idle.signal,
});
