/** Says every few seconds that addrd is alive, so that a restart knows how long it was away. */
import type { Clock, TimerHandle, Timers } from './clock.js';
import type { HeartbeatEvent } from './lifecycle/events.js';

const EVERY_MS = 5_000;

export interface HeartbeatOptions {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly submit: (event: HeartbeatEvent) => void;
}

export class Heartbeat {
  readonly #options: HeartbeatOptions;
  #timer: TimerHandle = null;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = this.#options.timers.set(EVERY_MS, () => {
      this.#options.submit({ kind: 'heartbeat', receivedAt: this.#options.clock.wallMs() });
      this.start();
    });
  }

  stop(): void {
    if (this.#timer !== null) this.#options.timers.clear(this.#timer);
    this.#timer = null;
  }
}
