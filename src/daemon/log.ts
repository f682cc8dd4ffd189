/** The log: one line of JSON an event, each with a code of a closed list (docs/errors.md). */
import { pino } from 'pino';
import type { AccountingRejectCode } from '../protocols/radius/server.js';
import type { DynAuthRejectCode } from '../protocols/radius/client.js';
import type { StoreErrorCode } from '../store/errors.js';

/** Codes that only the log has. */
export type DaemonLogCode =
  | 'started'
  | 'listening'
  | 'stopping'
  | 'stopped'
  | 'stop-failed'
  | 'stop-cut-short'
  | 'sockets-passed'
  | 'listen-differs'
  | 'notify-failed'
  | 'watchdog-withheld'
  | 'uncaught'
  | 'store-up'
  | 'store-upgrade'
  | 'slow-commit'
  | 'backup'
  | 'backup-failed'
  | 'settle-failed'
  | 'faulted'
  | 'faulted-often'
  | 'clock-jumped'
  | 'calendar'
  | 'config-warning'
  | 'config-warnings'
  | 'reload'
  | 'reload-refused'
  | 'reload-failed'
  | 'answered-unrecorded'
  | 'too-many-nases'
  | 'accounting-socket'
  | 'dynauth-socket'
  | 'effect'
  | 'breaker-opened'
  | 'breaker-closed'
  | 'api-fault';

/** What becomes of a thread. */
export type ThreadCode =
  | 'thread-crashed'
  | 'thread-ended'
  | 'thread-slow'
  | 'thread-hung'
  | 'thread-recovered'
  | 'thread-unbeaten'
  | 'thread-stop-forced';

/** The API's thread, beside its own faults. */
export type ApiThreadCode = 'api-refused' | 'api-listening' | 'api-unyielding';

/** The write-ahead log. */
export type WalCode = 'wal-held' | 'wal-too-large' | 'wal-shrunk' | 'wal-left' | 'checkpoint-failed';

export type LogCode =
  | DaemonLogCode
  | ThreadCode
  | ApiThreadCode
  | WalCode
  | StoreErrorCode
  | AccountingRejectCode
  | `dynauth-${DynAuthRejectCode}`;

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
  /** The least level that is written, as pino names it; may be set. */
  level: string;
  debug<F extends Coded>(fields: Fields<F>, message: string): void;
  info<F extends Coded>(fields: Fields<F>, message: string): void;
  warn<F extends Coded>(fields: Fields<F>, message: string): void;
  error<F extends Coded>(fields: Fields<F>, message: string): void;
  fatal<F extends Coded>(fields: Fields<F>, message: string): void;
}

/** So many octets are kept for a reader that has stopped reading; what is more is dropped and counted. */
const LONGEST_BACKLOG = 1_048_576;
const LONGEST_TEXT = 4_096;
const DEEPEST_CAUSE = 3;

/**
 * A stream as Node gives standard output: on a pipe or a socket (journald's is one) it writes what finds room and keeps
 * the rest, without waiting.
 */
export interface LogStream {
  write(text: string): unknown;
  /** Octets that it keeps. */
  readonly writableLength: number;
  readonly writable: boolean;
  on(event: 'error', hear: (error: Error) => void): unknown;
}

/** What a log is written to: it never waits and never throws, and it drops what nobody reads. */
export class LogOutput {
  readonly #stream: LogStream;
  #dropped = 0;

  constructor(stream: LogStream) {
    this.#stream = stream;
    // The reader has gone (EPIPE): the stream is not writable from then on, and each line counts as dropped.
    stream.on('error', () => undefined);
  }

  /** Lines that nobody will read. */
  get dropped(): number {
    return this.#dropped;
  }

  write(line: string): void {
    if (this.#stream.writable && this.#stream.writableLength < LONGEST_BACKLOG) this.#stream.write(line);
    else this.#dropped++;
  }
}

/** A logger to `output`; `level` is pino's. */
export function openLog(level: string, output: LogOutput): Logger {
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
