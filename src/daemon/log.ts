/** The log: one line of JSON an event, each with a code of a closed list (docs/errors.md). */
import { pino } from 'pino';
import type { AccountingRejectCode } from '../protocols/radius/server.js';
import type { DynAuthRejectCode } from '../protocols/radius/client.js';
import type { StoreErrorCode } from '../store/errors.js';
import { systemClock, type Clock } from './clock.js';

/** Codes that only the log has. */
export type DaemonLogCode =
  | 'started'
  | 'listening'
  | 'stopping'
  | 'stopped'
  | 'stop-failed'
  | 'uncaught'
  | 'store-up'
  | 'slow-commit'
  | 'settle-failed'
  | 'faulted'
  | 'faulted-often'
  | 'clock-jumped'
  | 'accounting-socket'
  | 'dynauth-socket'
  | 'effect'
  | 'breaker-opened'
  | 'breaker-closed'
  | 'api-fault'
  | 'log-dropped';

export type LogCode = DaemonLogCode | StoreErrorCode | AccountingRejectCode | `dynauth-${DynAuthRejectCode}`;

/**
 * What a line says beside its message. Values are flat: an object could bring a secret, a header or a datagram along that
 * nobody meant to print. `err` is an error, of which type, code, message and stack are printed and nothing else.
 */
export type Fields<F> = F & { readonly [K in keyof F]: K extends 'err' ? unknown : Flat };

type Flat = string | number | boolean | null | undefined | readonly string[];

interface Coded {
  readonly code: LogCode;
}

/** A line's level says who has to look: `error` and `fatal` wake somebody, `warn` is for the morning. */
export interface Logger {
  debug<F extends Coded>(fields: Fields<F>, message: string): void;
  info<F extends Coded>(fields: Fields<F>, message: string): void;
  warn<F extends Coded>(fields: Fields<F>, message: string): void;
  error<F extends Coded>(fields: Fields<F>, message: string): void;
  fatal<F extends Coded>(fields: Fields<F>, message: string): void;
}

/** So much is kept for a reader that has stopped reading; what is more is dropped and counted. */
const LONGEST_BACKLOG = 1_048_576;
/** A reader that has taken nothing for so long is not waited for when addrd ends. */
const STUCK_MS = 1_000;
const LONGEST_TEXT = 4_096;
const DEEPEST_CAUSE = 3;

/** What a log is written to: it never waits, and it never throws. */
export class LogOutput {
  readonly #sink: ReturnType<typeof pino.destination>;
  readonly #clock: Clock;
  #pending = 0;
  /** When the reader last took something, or had nothing to take; monotonic milliseconds. */
  #takenAt: number;
  #dropped = 0;
  #untold = 0;

  /** `fd` is standard output, unless a test says otherwise. */
  constructor(clock: Clock, fd = 1) {
    this.#clock = clock;
    this.#takenAt = clock.monoMs();
    // Written by the thread pool: a full pipe keeps a thread of it waiting, and not the one that takes packets.
    this.#sink = pino.destination({ dest: fd, sync: false, maxLength: LONGEST_BACKLOG });
    this.#sink.on('write', (octets) => {
      this.#pending = Math.max(0, this.#pending - octets);
      this.#takenAt = this.#clock.monoMs();
    });
    this.#sink.on('drop', (line: string) => {
      this.#pending -= Buffer.byteLength(line);
      this.#dropped++;
      this.#untold++;
    });
    // Nobody reads (EPIPE) or there is no room (ENOSPC). The lines stay in the backlog, and the next one tries again.
    this.#sink.on('error', () => undefined);
  }

  /** Lines that found no room. */
  get dropped(): number {
    return this.#dropped;
  }

  write(line: string): void {
    if (this.#pending === 0) this.#takenAt = this.#clock.monoMs();
    this.#pending += Buffer.byteLength(line);
    this.#sink.write(line);
  }

  /** How many lines were dropped since this was last asked, once there is room again; else 0. */
  takeUntold(): number {
    if (this.#pending > 0) return 0;
    const untold = this.#untold;
    this.#untold = 0;
    return untold;
  }

  /** Writes what is left before the process ends, unless nobody takes it. */
  finish(): void {
    if (this.#pending > 0 && this.#clock.monoMs() - this.#takenAt >= STUCK_MS) return;
    try {
      this.#sink.flushSync();
    } catch {
      // The log itself cannot be written: there is nowhere left to say so.
    }
  }
}

/** A logger to `output`, or to standard output; `level` is pino's. */
export function openLog(level: string, output = new LogOutput(systemClock)): Logger {
  const sink = {
    write: (line: string) => {
      output.write(line);
    },
  };
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: shownError },
    },
    sink,
  );
}

/** Of an error what may be printed. Others of its properties may be anything: a datagram, a header, a config. */
function shownError(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return { type: typeof error, message: String(error).slice(0, LONGEST_TEXT) };
  const { code } = error as { code?: unknown };
  return {
    type: error.name,
    ...(typeof code === 'string' ? { code } : {}),
    message: error.message.slice(0, LONGEST_TEXT),
    stack: error.stack?.slice(0, LONGEST_TEXT),
    ...(error.cause === undefined || depth >= DEEPEST_CAUSE ? {} : { cause: shownError(error.cause, depth + 1) }),
  };
}
