/** `addrd import` before a person: the file by its name, what is refused line by line, and how far it is. */
import { closeSync, createReadStream, openSync, readFileSync, writeSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { systemClock } from './clock.js';
import type { Config } from './config.js';
import { importCommand, type ImportCounts, type ImportOptions } from './import-command.js';
import { formatOf, type ImportFormat } from './import-file.js';
import type { Doer } from './migrate-command.js';
import type { Outcome } from './outcome.js';

export interface ImportFileOptions extends ImportOptions {
  readonly format?: ImportFormat;
  /** Where refused rows are written as JSON Lines. */
  readonly report?: string;
}

/** Standard error. */
export interface ErrorOutput {
  readonly isTTY: boolean;
  readonly write: (text: string) => void;
}

/** How often a terminal is told how far an import is. */
const PROGRESS_MS = 500;
/** To the beginning of the line, and clears it. */
const ERASE = '\r\x1b[K';

/** Imports a file, or standard input where its name is `-`. @throws what {@link importCommand} throws */
export async function importFrom(
  config: Config,
  file: string,
  options: ImportFileOptions,
  doer: Doer,
  stdin: Readable,
  error: ErrorOutput,
): Promise<Outcome> {
  const format = options.format ?? formatOf(file);
  if (format === null) {
    return { output: '', complaint: 'addrd: --format says what the file is: csv, jsonl or json\n', status: 1 };
  }
  const report = options.report === undefined ? null : openSync(options.report, 'w', 0o640);
  const erase = error.isTTY ? ERASE : '';
  try {
    return await importCommand(config, options, doer, {
      name: file,
      format,
      open: () => (file === '-' ? stdin : createReadStream(file)),
      readFile: (path) => readFileSync(path, 'utf8'),
      complain: (line) => {
        error.write(`${erase}${line}\n`);
      },
      report:
        report === null
          ? null
          : (row) => {
              writeSync(report, `${JSON.stringify(row)}\n`);
            },
      progress: error.isTTY ? progressOn(error) : null,
    });
  } finally {
    error.write(erase);
    if (report !== null) closeSync(report);
  }
}

function progressOn(error: ErrorOutput): (counts: ImportCounts) => void {
  const began = systemClock.monoMs();
  let told = began;
  return ({ rows, refused }) => {
    const now = systemClock.monoMs();
    if (now - told < PROGRESS_MS) return;
    told = now;
    const rate = Math.round((rows * 1_000) / (now - began));
    error.write(`${ERASE}${String(rows)} rows, ${String(rate)} a second, ${String(refused)} refused`);
  };
}
