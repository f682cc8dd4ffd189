/** What the bench is asked to do: environment variables, each described in docs/bench.md. */
import { tmpdir } from 'node:os';

/** What runs beside addrd. `ceiling` is its RADIUS server without a store. */
export const PEERS = ['ceiling', 'postgresql', 'sqlite'] as const;
export type Peer = (typeof PEERS)[number];

/** `mix`: one Start, eight Interims, one Stop. `interim`: Interims only. `churn`: Start and Stop only. */
export const MIXES = ['mix', 'interim', 'churn'] as const;
export type Mix = (typeof MIXES)[number];

export interface Knobs {
  /** Seconds of one window of one server in one round. */
  readonly seconds: number;
  readonly rounds: number;
  readonly subscribers: number;
  /** Packets without an answer at one time. */
  readonly windows: readonly number[];
  readonly mix: Mix;
  readonly peers: readonly Peer[];
  /** The folder in which the stores of all servers lie: the disk that is measured. */
  readonly folder: string;
  /** Where the CPU profile of addrd goes; null for none. */
  readonly profile: string | null;
}

/** Of `npm run bench:reports`. */
export interface ReportKnobs {
  /** Of one half of a round. */
  readonly seconds: number;
  readonly rounds: number;
  readonly subscribers: number;
  /** Packets a second, by the clock. */
  readonly perSecond: number;
  /** What a report takes at least, where nothing else happens. */
  readonly reportSeconds: number;
  readonly folder: string;
  /** Whether addrd's main thread gets a processor for itself. */
  readonly apart: boolean;
}

/** Of `npm run bench:crowd`. */
export interface CrowdKnobs {
  /** Of one part of a round. */
  readonly seconds: number;
  readonly rounds: number;
  readonly subscribers: number;
  /** Subscribers of the store that it is held against. */
  readonly few: number;
  readonly terminations: number;
  /** Packets a second, by the clock. */
  readonly perSecond: number;
  readonly folder: string;
  /** Where CPU profiles of the crowd's addrd go, or null. */
  readonly profile: string | null;
}

/** Of `npm run bench:who`. */
export interface WhoKnobs {
  /** How long packets come beside the questions, seconds. */
  readonly seconds: number;
  readonly subscribers: number;
  /** Past sessions of each of them. */
  readonly past: number;
  readonly questions: number;
  /** Packets a second, by the clock. */
  readonly perSecond: number;
  readonly folder: string;
}

/** A knob that the bench cannot do anything with. */
export class KnobError extends Error {
  readonly code = 'bad-knob';
}

type Environment = Readonly<Record<string, string | undefined>>;

function positive(env: Environment): (name: string, usual: string) => number {
  return (name, usual) => {
    const value = Number(env[name] ?? usual);
    if (!(value > 0)) throw new KnobError(`${name}: ${String(env[name])} is not above 0`);
    return value;
  };
}

/** @throws KnobError with the name of the variable. */
export function readCrowdKnobs(env: Environment): CrowdKnobs {
  const number = positive(env);
  return {
    seconds: number('BENCH_SECONDS', '5'),
    rounds: number('BENCH_ROUNDS', '3'),
    subscribers: number('BENCH_SUBSCRIBERS', '1000000'),
    few: number('BENCH_FEW', '6000'),
    terminations: number('BENCH_TERMINATIONS', '10000'),
    perSecond: number('BENCH_RATE', '1000'),
    folder: env['BENCH_DIR'] ?? tmpdir(),
    profile: env['BENCH_PROFILE'] ?? null,
  };
}

/** @throws KnobError with the name of the variable. */
export function readWhoKnobs(env: Environment): WhoKnobs {
  const number = positive(env);
  return {
    seconds: number('BENCH_SECONDS', '20'),
    subscribers: number('BENCH_SUBSCRIBERS', '100000'),
    past: number('BENCH_PAST', '100'),
    questions: number('BENCH_QUESTIONS', '5000'),
    perSecond: number('BENCH_RATE', '1000'),
    folder: env['BENCH_DIR'] ?? tmpdir(),
  };
}

/** @throws KnobError with the name of the variable. */
export function readReportKnobs(env: Environment): ReportKnobs {
  const number = positive(env);
  return {
    seconds: number('BENCH_SECONDS', '15'),
    rounds: number('BENCH_ROUNDS', '6'),
    subscribers: number('BENCH_SUBSCRIBERS', '20000'),
    perSecond: number('BENCH_RATE', '1000'),
    reportSeconds: number('BENCH_REPORT_SECONDS', '2'),
    folder: env['BENCH_DIR'] ?? tmpdir(),
    apart: env['BENCH_APART'] === '1',
  };
}

/** @throws KnobError with the name of the variable. */
export function readKnobs(env: Readonly<Record<string, string | undefined>>): Knobs {
  const list = (name: string, all: string): string[] =>
    (env[name] ?? all)
      .split(',')
      .map((word) => word.trim())
      .filter((word) => word !== '');
  const count = (name: string, text: string): number => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < 1) throw new KnobError(`${name}: ${text} is not a whole number above 0`);
    return value;
  };
  const known = <T extends string>(name: string, word: string, all: readonly T[]): T => {
    const found = all.find((one) => one === word);
    if (found === undefined) throw new KnobError(`${name}: ${word} is none of ${all.join(', ')}`);
    return found;
  };
  const seconds = Number(env['BENCH_SECONDS'] ?? '5');
  if (!(seconds > 0)) throw new KnobError(`BENCH_SECONDS: ${String(env['BENCH_SECONDS'])} is no time`);
  const windows = list('BENCH_WINDOWS', '1,64,512').map((word) => count('BENCH_WINDOWS', word));
  if (windows.length === 0) throw new KnobError('BENCH_WINDOWS: it is empty');
  const subscribers = count('BENCH_SUBSCRIBERS', env['BENCH_SUBSCRIBERS'] ?? '20000');
  const widest = Math.max(...windows);
  // A subscriber has one packet on its way at a time, and the lanes have 4,096 Identifiers.
  if (widest > 2048) throw new KnobError(`BENCH_WINDOWS: ${String(widest)} is above 2048`);
  if (subscribers < 2 * widest) throw new KnobError('BENCH_SUBSCRIBERS: fewer than twice the widest window');
  if (subscribers > 1_000_000) throw new KnobError('BENCH_SUBSCRIBERS: above 1000000');
  return {
    seconds,
    rounds: count('BENCH_ROUNDS', env['BENCH_ROUNDS'] ?? '3'),
    subscribers,
    windows,
    mix: known('BENCH_MIX', env['BENCH_MIX'] ?? 'mix', MIXES),
    peers: list('BENCH_PEERS', PEERS.join(',')).map((word) => known('BENCH_PEERS', word, PEERS)),
    folder: env['BENCH_DIR'] ?? tmpdir(),
    profile: env['BENCH_PROFILE'] ?? null,
  };
}
