/** No answer of a read model has more rows than this. */
export const MOST_ROWS = 1_000;

/** `wanted` rows, at least one and at most {@link MOST_ROWS}. */
export function sane(wanted: number): number {
  return Math.min(Math.max(Math.trunc(wanted), 1), MOST_ROWS);
}
