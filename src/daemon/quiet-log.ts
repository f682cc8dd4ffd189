/** Lines that a peer can cause at will: the first of each code and source, and then a sum every ten seconds. */
import type { Clock } from './clock.js';
import type { Fields, LogCode, Logger } from './log.js';

/** How long a repeated line is held back. */
const QUIET_MS = 10_000;
/** So many sources have a line of their own for one code; those beyond share one. */
const SOURCES = 32;

type Level = 'warn' | 'error';
interface Held {
  readonly level: Level;
  readonly code: LogCode;
  readonly source: string | null;
  readonly message: string;
  readonly until: number;
  suppressed: number;
}

export class QuietLog {
  readonly #log: Logger;
  readonly #clock: Clock;
  /** By code and source: as many as there are codes, times {@link SOURCES}. */
  readonly #held = new Map<string, Held>();
  readonly #sources = new Map<LogCode, number>();

  constructor(log: Logger, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  /** `source` is who caused it, or null where nobody can be named. */
  warn<F extends object>(code: LogCode, source: string | null, fields: Fields<F>, message: string): void {
    this.#say('warn', code, source, fields, message);
  }

  error<F extends object>(code: LogCode, source: string | null, fields: Fields<F>, message: string): void {
    this.#say('error', code, source, fields, message);
  }

  /** Writes the sums of what was held back and whose time is over. To be called every few seconds. */
  sweep(): void {
    const now = this.#clock.monoMs();
    for (const [key, held] of this.#held) if (now >= held.until) this.#release(key, held);
  }

  #say(level: Level, code: LogCode, source: string | null, fields: object, message: string): void {
    const now = this.#clock.monoMs();
    let key = keyOf(code, source);
    let held = this.#held.get(key);
    if (held === undefined && source !== null && (this.#sources.get(code) ?? 0) >= SOURCES) {
      key = keyOf(code, null);
      held = this.#held.get(key);
    }
    if (held !== undefined && now < held.until) {
      held.suppressed++;
      return;
    }
    if (held !== undefined) this.#release(key, held);
    const own = key === keyOf(code, source) ? source : null;
    if (own !== null) this.#sources.set(code, (this.#sources.get(code) ?? 0) + 1);
    this.#held.set(key, { level, code, source: own, message, until: now + QUIET_MS, suppressed: 0 });
    this.#write(level, code, source, fields, message);
  }

  #release(key: string, { level, code, source, message, suppressed }: Held): void {
    this.#held.delete(key);
    if (source !== null) this.#sources.set(code, (this.#sources.get(code) ?? 1) - 1);
    if (suppressed > 0) this.#write(level, code, source, { suppressed }, message);
  }

  #write(level: Level, code: LogCode, source: string | null, fields: object, message: string): void {
    const named = source === null ? {} : { source };
    this.#log[level]({ code, ...named, ...fields }, message);
  }
}

function keyOf(code: LogCode, source: string | null): string {
  return source === null ? code : `${code} ${source}`;
}
