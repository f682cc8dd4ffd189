/** From a signal to the end of the process: once in order, and with a bound. */
import type { Timers } from './clock.js';
import type { Logger } from './log.js';

/** What was not committed by then never will be; peers repeat what was not answered. */
const LONGEST_MS = 12_000;

/** `in-order`: everything that was read is committed. `cut-short`: it need not be. `failed`: a fault of ours. */
export type ShutdownEnd = 'in-order' | 'cut-short' | 'failed';

export interface ShutdownOptions {
  readonly timers: Timers;
  readonly log: Logger;
  /** Stops the daemon in order. */
  readonly stop: () => Promise<unknown>;
  /** Ends the process. Called once. */
  readonly exit: (end: ShutdownEnd) => void;
}

export class Shutdown {
  readonly #options: ShutdownOptions;
  #state: 'serving' | 'stopping' | 'over' = 'serving';

  constructor(options: ShutdownOptions) {
    this.#options = options;
  }

  /**
   * The first signal stops in order. A second one, or {@link LONGEST_MS}, ends the process as a crash would: what was
   * answered is on disk, and what was not is asked again.
   */
  signal(name: string): void {
    const { timers, log, stop } = this.#options;
    if (this.#state === 'over') return;
    if (this.#state === 'stopping') {
      this.#cutShort(`a second ${name}`);
      return;
    }
    this.#state = 'stopping';
    log.info({ code: 'stopping', signal: name }, 'addrd stops');
    timers.set(LONGEST_MS, () => {
      this.#cutShort(`it took longer than ${String(LONGEST_MS / 1000)} seconds`);
    });
    stop().then(
      () => {
        this.#end('in-order', () => {
          log.info({ code: 'stopped' }, 'addrd has stopped');
        });
      },
      (error: unknown) => {
        this.#end('failed', () => {
          log.fatal({ code: 'stop-failed', err: error }, 'addrd could not stop in order');
        });
      },
    );
  }

  #cutShort(why: string): void {
    this.#end('cut-short', () => {
      this.#options.log.warn({ code: 'stop-cut-short', why }, 'addrd ends before everything was answered');
    });
  }

  /** The first way to end is the one. */
  #end(how: ShutdownEnd, say: () => void): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    say();
    this.#options.exit(how);
  }
}
