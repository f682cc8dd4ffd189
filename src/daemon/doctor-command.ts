/** `addrd doctor`: gathers, judges, and prints a table for people or JSON for scripts. */
import { dirname, resolve } from 'node:path';
import { checkUp, type Checkup } from '../store/checkup.js';
import { StoreError } from '../store/errors.js';
import { openReader } from '../store/open.js';
import type { LoadedConfig } from './config.js';
import { faultLine, type ConfigFault } from './config-fault.js';
import { Screen } from './ctl/screen.js';
import {
  clockFindings,
  diskFindings,
  kernelFindings,
  neighbourFindings,
  socketFindings,
  statusOf,
  storeFindings,
  type Bedside,
  type Finding,
} from './doctor.js';
import { lockHolder, type HostSight } from './host-sight.js';
import type { Outcome } from './outcome.js';

export interface DoctorOptions {
  readonly config: string;
  readonly json?: boolean;
}

/** A store of more octets than this is not read whole beside a running daemon: its log could not begin anew meanwhile. */
const WHOLE_BESIDE_DAEMON = 1_073_741_824;
const LATE_MS = 5 * 60_000;

const COLOURS = { ok: 'green', warning: 'yellow', fault: 'red', unknown: 'dim' } as const;

/** The findings as text; `width` is that of the terminal. */
function shown(
  findings: readonly Finding[],
  { json = false }: DoctorOptions,
  width: number,
  colours: boolean,
): Outcome {
  const status = statusOf(findings);
  let output = '';
  const write = (text: string): void => {
    output += text;
  };
  const screen = new Screen({ write, width, colours });
  if (json) screen.json({ status: ['well', 'warnings', 'faults'][status], findings });
  else {
    screen.table(
      ['', 'CHECK', 'FINDING', 'WHAT TO DO'],
      findings.map(({ check, level, what, todo }) => [
        { text: level === 'unknown' ? 'not probed' : level, colour: COLOURS[level] },
        check,
        what,
        todo ?? '-',
      ]),
    );
  }
  return { output, complaint: '', status };
}

/** A config that cannot be used is the one finding: without it nobody knows where to look. */
export function doctorOfConfig(
  path: string,
  faults: readonly ConfigFault[],
  message: string,
  options: DoctorOptions,
): Outcome {
  const lines = faults.length === 0 ? [message] : faults.map((fault) => faultLine(path, fault));
  const findings = lines.map((what): Finding => ({
    check: 'config',
    level: 'fault',
    what,
    todo: 'mend it; addrd check-config says the same',
  }));
  return shown(findings, options, 100, false);
}

/** Looks at everything that a config names. */
export function doctorCommand(
  { config, warnings }: LoadedConfig,
  options: DoctorOptions,
  host: HostSight,
  now: number,
  terminal: { readonly columns: number; readonly colours: boolean },
): Outcome {
  const { path, backupDir } = config.store;
  const owner = lockHolder(host, `${path}.lock`);
  const bedside: Bedside = { config, host, owner, now };
  const findings: Finding[] =
    warnings.length === 0
      ? [{ check: 'config', level: 'ok', what: `${options.config} is sound`, todo: null }]
      : warnings.map(({ code, ...warning }) => {
          const what = `${faultLine(options.config, warning)} (${code})`;
          return { check: 'config', level: 'warning', what, todo: `see ${code} in docs/errors.md` };
        });
  const size = host.file(path)?.size ?? null;
  let checkup: Checkup | null = null;
  if (size === null) {
    findings.push({ check: 'store', level: 'warning', what: `${path} is not there`, todo: 'addrd serve makes it' });
  } else {
    try {
      const db = openReader(path);
      try {
        checkup = checkUp(db, path, owner === null || size <= WHOLE_BESIDE_DAEMON, now - LATE_MS);
      } finally {
        db.close();
      }
      findings.push(...storeFindings(bedside, checkup));
    } catch (error) {
      const what = error instanceof Error ? error.message : String(error);
      const code = error instanceof StoreError ? error.code : 'store-corrupt';
      findings.push({ check: 'store', level: 'fault', what, todo: `see ${code} in docs/errors.md` });
    }
  }
  const latest = checkup === null ? null : Math.max(checkup.aliveAt ?? 0, checkup.lastJournalAt ?? 0);
  const folders = new Set([resolve(dirname(path)), ...(host.room(backupDir) === null ? [] : [resolve(backupDir)])]);
  findings.push(
    ...clockFindings(bedside, latest),
    ...kernelFindings(bedside),
    ...socketFindings(bedside),
    ...diskFindings(bedside, [...folders]),
    ...neighbourFindings(bedside, checkup ?? { entries: [] }),
  );
  return shown(findings, options, terminal.columns, terminal.colours);
}
