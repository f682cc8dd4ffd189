/** Says every few seconds that addrd is alive, so that a restart knows how long it was away. */
import type { Clock, TimerHandle, Timers } from './clock.js';
import type { HeartbeatEvent } from './lifecycle/events.js';

const EVERY_MS = 5_000;
/** NTP slews a clock far more slowly; what is more was set. */
const JUMP_MS = 1_000;

export interface HeartbeatOptions {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly submit: (event: HeartbeatEvent) => void;
  /** The wall clock was set: forward, or back where `byMs` is negative. */
  readonly onJump?: (byMs: number) => void;
}

export class Heartbeat {
  readonly #options: HeartbeatOptions;
  #timer: TimerHandle = null;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
  }

  start(): void {
    const { clock, timers, submit, onJump } = this.#options;
    const wall = clock.wallMs();
    const mono = clock.monoMs();
    this.#timer = timers.set(EVERY_MS, () => {
      const now = clock.wallMs();
      const byMs = now - wall - (clock.monoMs() - mono);
      if (Math.abs(byMs) >= JUMP_MS) onJump?.(Math.round(byMs));
      submit({ kind: 'heartbeat', receivedAt: now });
      this.start();
    });
  }

  stop(): void {
    if (this.#timer !== null) this.#options.timers.clear(this.#timer);
    this.#timer = null;
  }
}
