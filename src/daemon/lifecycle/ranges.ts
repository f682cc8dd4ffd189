/**
 * Parts of a pool as ranges of unit numbers. A unit's number is its address without the bits beyond the unit: it does not
 * change when the pool grows or shrinks. A list of ranges is sorted, and no two of its ranges overlap or touch.
 */
import { hex, unhex, width, type Prefix } from './address.js';

/** The units numbered `first` to `last`, both included. */
export interface UnitRange {
  readonly first: bigint;
  readonly last: bigint;
}

/** The number of the unit of `unitLength` bits that an address of 4 or 16 octets lies in. */
export function unitNumber(bytes: Uint8Array, unitLength: number): bigint {
  return BigInt(`0x${hex(bytes)}`) >> BigInt(bytes.length * 8 - unitLength);
}

/** The unit of a number; `octets` is 4 for IPv4 and 16 for IPv6. */
export function unitOfNumber(number: bigint, unitLength: number, octets: number): Prefix {
  const value = number << BigInt(octets * 8 - unitLength);
  return { bytes: unhex(value.toString(16).padStart(octets * 2, '0')), length: unitLength };
}

/** The units of a prefix. One that is longer than a unit lies in one. */
export function rangeOf(prefix: Prefix, unitLength: number): UnitRange {
  const first = unitNumber(prefix.bytes, unitLength);
  const bits = BigInt(Math.max(0, unitLength - prefix.length));
  return { first, last: first + (1n << bits) - 1n };
}

/** The first and last address of a range, 4 or 16 octets. */
export function addressesOf(range: UnitRange, unitLength: number, octets: number): { lo: Uint8Array; hi: Uint8Array } {
  const lo = unitOfNumber(range.first, unitLength, octets);
  const after = (range.last + 1n) << BigInt(width(lo) - unitLength);
  return { lo: lo.bytes, hi: unhex((after - 1n).toString(16).padStart(octets * 2, '0')) };
}

/** Any ranges, in order and without overlaps. */
export function union(...lists: readonly (readonly UnitRange[])[]): UnitRange[] {
  const sorted = lists.flat().sort((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0));
  const merged: UnitRange[] = [];
  for (const range of sorted) {
    const before = merged.at(-1);
    if (before === undefined || range.first > before.last + 1n) merged.push(range);
    else if (range.last > before.last) merged[merged.length - 1] = { first: before.first, last: range.last };
  }
  return merged;
}

/** What of `from` is not in `away`. */
export function subtract(from: readonly UnitRange[], away: readonly UnitRange[]): UnitRange[] {
  const left: UnitRange[] = [];
  let i = 0;
  for (const { first, last } of from) {
    let start = first;
    while (i < away.length && (away[i] as UnitRange).last < start) i++;
    for (let k = i; start <= last; k++) {
      const hole = away[k];
      if (hole === undefined || hole.first > last) {
        left.push({ first: start, last });
        break;
      }
      if (hole.first > start) left.push({ first: start, last: hole.first - 1n });
      start = hole.last + 1n;
    }
  }
  return left;
}

/** What is in both lists. */
export function intersect(a: readonly UnitRange[], b: readonly UnitRange[]): UnitRange[] {
  return subtract(a, subtract(a, b));
}

/** Whether a unit is in one of the ranges. */
export function includes(ranges: readonly UnitRange[], number: bigint): boolean {
  let low = 0;
  let high = ranges.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const { first, last } = ranges[middle] as UnitRange;
    if (number < first) high = middle - 1;
    else if (number > last) low = middle + 1;
    else return true;
  }
  return false;
}

/** How many units the ranges have. */
export function sizeOf(ranges: readonly UnitRange[]): bigint {
  return ranges.reduce((sum, { first, last }) => sum + last - first + 1n, 0n);
}

/** Whether two lists are the same. */
export function sameRanges(a: readonly UnitRange[], b: readonly UnitRange[]): boolean {
  return a.length === b.length && a.every(({ first, last }, i) => first === b[i]?.first && last === b[i].last);
}
