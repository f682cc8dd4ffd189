/** How fast a world lives: within the hour, with every time of addrd shortened; or over months, with times as they are in use. */

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

export interface Pace {
  /** For how long there is trouble, and then peace. */
  readonly chaosMs: number;
  readonly restMs: number;
  /** What somebody does every minute in a world of an hour is done every so many. */
  readonly events: number;
  /** What lasts a minute there lasts so many: Interims, cuts, freezes. */
  readonly rounds: number;
  /** Pools and lifecycle, for the config. */
  readonly quarantine: string;
  readonly offerTimeouts: readonly string[];
  readonly lifecycle: string;
  readonly guardWindow: string;
}

/** Seventy-five minutes. */
export const HOURLY: Pace = {
  chaosMs: 25 * MINUTE,
  restMs: 50 * MINUTE,
  events: 1,
  rounds: 1,
  quarantine: '60s',
  offerTimeouts: ['10s', '40s'],
  lifecycle:
    'interim_interval: 60s, gap_tolerance: 10s, epoch_grace: 120s, evidence_timeout: 5m, ack_grace: 5s, retry_base: 1s, retry_cap: 60s, renumber_timeout: 4m',
  guardWindow: '5m',
};

/** Sixty days. NASes are away for longer than addrd waits for one, and rests of a day and more end. */
export const MONTHLY: Pace = {
  chaosMs: 45 * DAY,
  restMs: 15 * DAY,
  events: 1_440,
  rounds: 240,
  quarantine: '1d',
  offerTimeouts: ['1h', '4h'],
  lifecycle:
    'interim_interval: 4h, gap_tolerance: 10s, epoch_grace: 8h, evidence_timeout: 20h, ack_grace: 5s, retry_base: 1s, retry_cap: 4h, renumber_timeout: 4d',
  guardWindow: '20h',
};

/** How long a NAS is away that is taken out for longer than `lifecycle.forgotten_nas`. */
export const DARK_MS: readonly [number, number] = [8 * DAY, 10 * DAY];
