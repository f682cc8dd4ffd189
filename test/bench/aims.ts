/** What the figures are held against, round by round. */
import type { Run } from './load.js';

/** One window of one server in one round. */
export interface Figure {
  readonly server: string;
  readonly round: number;
  readonly window: number;
  readonly run: Run;
  /** CPU seconds of the server over the run. */
  readonly cpu: number;
}

/** Appends of 4 KiB with fdatasync a second, before each round. */
export type SyncRates = readonly number[];

export interface Verdict {
  readonly aim: string;
  readonly reached: boolean;
  /** Of the round in the middle, by the share that was reached. */
  readonly got: number;
  readonly wanted: number;
  readonly roundsReached: number;
  readonly rounds: number;
}

interface Judged {
  readonly got: number;
  readonly wanted: number;
}

export const rateOf = ({ run }: Figure): number => run.answers / run.seconds;
export const cpuPer10000 = ({ run, cpu }: Figure): number => (cpu / run.answers) * 10_000;

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? NaN;
}

/**
 * Holds the figures of addrd against the aims. An aim that needs a figure that is not there (PostgreSQL is not
 * installed, the window was not run) has no verdict.
 */
export function judge(figures: readonly Figure[], syncRates: SyncRates): Verdict[] {
  const of = (server: string, window: number): readonly Figure[] =>
    figures.filter((figure) => figure.server === server && figure.window === window);
  const beside = (window: number, judgeRound: (own: Figure, peer: Figure) => Judged): Judged[] =>
    of('addrd', window).flatMap((own) => {
      const peer = of('FreeRADIUS, PostgreSQL', window).find(({ round }) => round === own.round);
      return peer === undefined ? [] : [judgeRound(own, peer)];
    });
  const windows = [...new Set(figures.map(({ window }) => window))];
  return [
    verdict(
      'window 64: answers/s at least 8 times those of PostgreSQL in the same round',
      'at least',
      beside(64, (own, peer) => ({ got: rateOf(own), wanted: 8 * rateOf(peer) })),
    ),
    verdict(
      'window 64: p99 ms at most a fifth of that of PostgreSQL in the same round',
      'at most',
      beside(64, (own, peer) => ({ got: own.run.p99, wanted: peer.run.p99 / 5 })),
    ),
    verdict(
      'window 512: no retransmission',
      'at most',
      of('addrd', 512).map(({ run }) => ({ got: run.retransmissions, wanted: 0 })),
    ),
    verdict(
      'window 1: answers/s at least half of the appends with fdatasync before the round',
      'at least',
      of('addrd', 1).map((own) => ({ got: rateOf(own), wanted: (syncRates[own.round] ?? NaN) / 2 })),
    ),
    ...windows.map((window) =>
      verdict(
        `window ${String(window)}: CPU seconds per 10,000 at most 0.5`,
        'at most',
        of('addrd', window).map((own) => ({ got: cpuPer10000(own), wanted: 0.5 })),
      ),
    ),
  ].filter((one) => one !== null);
}

/** `reached`, or `not reached` with what it was and what it should have been. */
export function verdictText({ aim, reached, got, wanted, roundsReached, rounds }: Verdict): string {
  const figure = (value: number): string =>
    value.toLocaleString('en-GB', { maximumFractionDigits: value < 10 ? 2 : value < 100 ? 1 : 0 });
  const answer = `${reached ? 'reached' : 'not reached'} (${figure(got)} of ${figure(wanted)})`;
  return `${answer}, ${String(roundsReached)} of ${String(rounds)} rounds: ${aim}`;
}

function verdict(aim: string, sense: 'at least' | 'at most', rounds: readonly Judged[]): Verdict | null {
  const holds = ({ got, wanted }: Judged): boolean => (sense === 'at least' ? got >= wanted : got <= wanted);
  const share = ({ got, wanted }: Judged): number =>
    wanted === 0 ? -got : sense === 'at least' ? got / wanted : -got / wanted;
  const sorted = [...rounds].sort((a, b) => share(a) - share(b));
  // Of an even number of rounds the worse of the two in the middle.
  const middle = sorted[(sorted.length - 1) >> 1];
  if (middle === undefined) return null;
  const roundsReached = rounds.filter(holds).length;
  return { aim, ...middle, reached: holds(middle), roundsReached, rounds: rounds.length };
}
