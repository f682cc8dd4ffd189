/** One line of JSON an event, coded. What a peer could flood is logged once in a while with a count. */
import { pino, type Logger } from 'pino';
import type { Clock } from './clock.js';

export type { Logger } from 'pino';

/** How often a repeated line is written. */
const QUIET_MS = 10_000;

/** A logger to standard output; `level` is pino's. */
export function openLog(level: string): Logger {
  return pino({
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    redact: { paths: ['secret', '*.secret', 'token', '*.token'], censor: '[secret]' },
  });
}

/** Lines that a peer can cause at will: the first of each code, and then one every ten seconds with the count between. */
export class QuietLog {
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #seen = new Map<string, { until: number; count: number }>();

  constructor(log: Logger, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  /** `code` comes from a closed list, so that the memory this takes is bounded. */
  warn(code: string, fields: Readonly<Record<string, unknown>>, message: string): void {
    const now = this.#clock.monoMs();
    const seen = this.#seen.get(code);
    if (seen !== undefined && now < seen.until) {
      seen.count++;
      return;
    }
    this.#seen.set(code, { until: now + QUIET_MS, count: 0 });
    this.#log.warn({ code, ...fields, ...(seen === undefined ? {} : { unlogged: seen.count }) }, message);
  }
}
