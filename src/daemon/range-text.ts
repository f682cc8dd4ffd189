/** Parts of a pool from text: an address, a prefix, or `FIRST-LAST`. */
import { parseAddress, readPrefix } from './address-text.js';
import { compareBytes, lastAddress } from './lifecycle/address.js';

/** The addresses `first` to `last`, both included: 4 or 16 octets each. */
export interface AddressRange {
  readonly first: Uint8Array;
  readonly last: Uint8Array;
}

/** Reads `192.0.2.1`, `192.0.2.0/29` or `192.0.2.10-192.0.2.19`; a sentence says what is wrong. */
export function readRange(text: string): AddressRange | string {
  const dash = text.indexOf('-');
  if (dash < 0) {
    const reading = readPrefix(text);
    if ('fault' in reading) return reading.fault;
    return { first: reading.prefix.bytes, last: lastAddress(reading.prefix) };
  }
  const [first, last] = [parseAddress(text.slice(0, dash).trim()), parseAddress(text.slice(dash + 1).trim())];
  if (first === null || last === null) return `${text} is not a range: write 192.0.2.10-192.0.2.19`;
  if (first.length !== last.length) return `${text} is not a range: one end is IPv4 and the other IPv6`;
  return compareBytes(first, last) > 0 ? `${text} is not a range: it ends before it begins` : { first, last };
}
