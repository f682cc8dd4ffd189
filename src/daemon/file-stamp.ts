import { isoTime } from './lifecycle/time.js';

/** A time in the name of a file: `20261122T210000Z`. `at` is Unix milliseconds. */
export function fileStamp(at: number): string {
  return isoTime(at).replaceAll(/[-:]/g, '');
}
