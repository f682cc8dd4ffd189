/** What the service manager is told: ready, stopping, how it goes, and that addrd lives. */
import type { Clock, TimerHandle, Timers } from './clock.js';
import type { Logger } from './log.js';
import type { Notify } from './systemd-notify.js';

/** The status is told again this often where there is no watchdog. */
const STATUS_MS = 10_000;
/** Every heartbeat is a commit, one each five seconds: without the end of any commit for so long, the store hangs. */
export const STALE_MS = 20_000;

/** How the daemon is, for those who judge whether it lives. */
export interface Vitals {
  /** Since the last commit came to an end, also where it ended in trouble that is known and probed. Milliseconds. */
  readonly sinceCommitMs: number;
  /** Why it is not ready; empty where it is. */
  readonly reasons: readonly string[];
  /** Assignments that hold an address or prefix. */
  readonly held: number;
  readonly effectsWaiting: number;
}

export interface NotifierOptions {
  readonly notify: Notify;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Logger;
  /** How long the manager waits for a sign of life, milliseconds; null where it does not. */
  readonly watchdogMs: number | null;
}

/**
 * How long the service manager waits for a sign of life of this process, milliseconds: WATCHDOG_USEC, where WATCHDOG_PID
 * is this process or nobody (sd_watchdog_enabled(3)); otherwise null.
 */
export function watchdogMs(env: Readonly<Record<string, string | undefined>>, pid: number): number | null {
  const { WATCHDOG_USEC: usec, WATCHDOG_PID: owner } = env;
  if (usec === undefined || !/^[1-9]\d{0,14}$/.test(usec)) return null;
  return owner === undefined || owner === String(pid) ? Number(usec) / 1000 : null;
}

/** The line that `systemctl status` shows. */
export function statusLine({ reasons, held, effectsWaiting }: Vitals): string {
  const counts = `${plural(held, 'assignment')} held, ${plural(effectsWaiting, 'effect')} waiting`;
  return reasons.length === 0 ? counts : `not ready: ${reasons.join(', ')}; ${counts}`;
}

function plural(count: number, noun: string): string {
  return `${count.toLocaleString('en-US')} ${noun}${count === 1 ? '' : 's'}`;
}

/**
 * Speaks to the service manager, one message after the other.
 *
 * A sign of life is earned: this code runs, so the event loop turns; and the door has finished a commit lately. Where one
 * hangs, nothing is said, the log says why, and the manager ends the process and starts it again.
 */
export class Notifier {
  readonly #options: NotifierOptions;
  #vitals: (() => Vitals) | null = null;
  #timer: TimerHandle = null;
  #last: Promise<void> = Promise.resolve();
  #busy = 0;
  #said = '';
  /** READY=1 has not been taken yet: without it the manager ends addrd, however well it serves. */
  #owesReady = false;

  constructor(options: NotifierOptions) {
    this.#options = options;
  }

  /** The daemon serves. From now on its vitals are told, and with them that it lives. */
  ready(vitals: () => Vitals): Promise<void> {
    this.#vitals = vitals;
    this.#owesReady = true;
    this.#later();
    return this.#tell(['READY=1', ...this.#status(vitals())]);
  }

  /** The config is being read again; {@link reloaded} says that it was. Nothing is said before it is ready, or at a stop. */
  reloading(): Promise<void> {
    if (this.#vitals === null) return Promise.resolve();
    this.#said = '';
    return this.#tell(['RELOADING=1', 'STATUS=reading the config']);
  }

  /** A reload has come to its end, whatever came of it: the daemon serves as before. */
  reloaded(): Promise<void> {
    return this.#vitals === null ? Promise.resolve() : this.ready(this.#vitals);
  }

  /** No sign of life is owed any more: the manager's own limit for the stop counts from here. */
  stopping(): Promise<void> {
    this.#vitals = null;
    if (this.#timer !== null) this.#options.timers.clear(this.#timer);
    this.#timer = null;
    this.#said = '';
    return this.#tell(['STOPPING=1', 'STATUS=answering what is queued']);
  }

  #later(): void {
    const { timers, watchdogMs: limit } = this.#options;
    if (this.#timer !== null) timers.clear(this.#timer);
    this.#timer = timers.set(limit === null ? STATUS_MS : Math.min(limit / 3, STATUS_MS), () => {
      this.#timer = null;
      this.#beat();
    });
  }

  #beat(): void {
    const { log, watchdogMs: limit } = this.#options;
    if (this.#vitals === null) return;
    this.#later();
    const vitals = this.#vitals();
    const lives = vitals.sinceCommitMs <= STALE_MS;
    if (!lives) {
      const fields = { sinceCommitMs: Math.round(vitals.sinceCommitMs) };
      log.warn(
        { code: 'watchdog-withheld', ...fields },
        'no commit came to an end: the service manager is told of no life',
      );
    }
    // A message that is still under way will do: they must not pile up.
    if (this.#busy > 0) return;
    const lines = [
      ...(this.#owesReady ? ['READY=1'] : []),
      ...(lives && limit !== null ? ['WATCHDOG=1'] : []),
      ...this.#status(vitals),
    ];
    if (lines.length > 0) void this.#tell(lines);
  }

  #status(vitals: Vitals): string[] {
    const line = statusLine(vitals);
    if (line === this.#said) return [];
    this.#said = line;
    return [`STATUS=${line}`];
  }

  /** Never rejects: a manager that does not listen is no reason not to serve. */
  #tell(lines: readonly string[]): Promise<void> {
    this.#busy++;
    this.#last = this.#last
      .then(() => this.#options.notify(lines))
      .then(() => {
        if (lines.includes('READY=1')) this.#owesReady = false;
      })
      .catch((error: unknown) => {
        this.#said = '';
        this.#options.log.warn(
          { code: 'notify-failed', err: error },
          'systemd-notify could not tell the service manager',
        );
      })
      .finally(() => {
        this.#busy--;
      });
    return this.#last;
  }
}
