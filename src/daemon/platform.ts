/** What the daemon runs on. */
import type { OpenUdp } from '../protocols/io.js';
import type { FaultPoint } from '../store/commit.js';
import type { PassedSocket } from './activation.js';
import type { Clock, Random, Timers, Turn } from './clock.js';
import type { decide } from './lifecycle/decide.js';
import type { Logger } from './log.js';
import type { Metrics } from './metrics.js';
import type { Calendar } from './schedule.js';

/** Everything with a source of time, chance or I/O. */
export interface Platform {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly turn: Turn;
  /** What starts background tasks; without one they are started by order only. */
  readonly calendar?: Calendar;
  readonly random: Random;
  /** What a store without a number of its own takes for it, below 2^48: see `lifecycle/session-class.ts`. */
  readonly storeId?: number;
  readonly openUdp: OpenUdp;
  /** Sockets for accounting that somebody else opened: with any, `radius.accounting.listen` is not opened. */
  readonly passed?: readonly PassedSocket[];
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Where a simulation lets the process die. */
  readonly faultAt?: (point: FaultPoint) => boolean;
  /** Judges in place of {@link decide}: a simulation shows with a bad judge that it would notice one. */
  readonly judge?: typeof decide;
  /** What the readiness of the core says has changed. */
  readonly onReadiness?: () => void;
  /** The store is lost: nothing was answered that is not committed, and the process has to end. */
  readonly onLost: (error: unknown) => void;
}
