import type { DataType } from './data-types.js';

/** What a table says of an attribute besides its number and type. */
export interface AttributeOptions {
  /** A fixed number of octets. */
  readonly length?: number;
  /** With a tag octet, RFC 2868 section 3. */
  readonly tagged?: boolean;
  /** The value is split over several attributes of this type, as EAP-Message is (RFC 2869 section 5.13). */
  readonly concat?: boolean;
  /** Hidden with the shared secret: 1 as User-Password, 2 as Tunnel-Password, 3 as Ascend does. Kept as octets. */
  readonly encryption?: number;
  /** Never shown to people. */
  readonly secret?: boolean;
}

/** Number (or numbers, from the parent down: `[241, 5, 1]`), type, and the rest. */
export type AttributeRow = readonly [number: number | readonly number[], type: DataType, options?: AttributeOptions];

/** Names of values by attribute. */
export type ValueTable = Readonly<Record<string, Readonly<Record<string, number>>>>;

/** A vendor's attributes (numbers are the vendor's own) and the names of their values. */
export interface VendorTable {
  readonly name: string;
  /** Private Enterprise Number. */
  readonly id: number;
  readonly attributes: Readonly<Record<string, AttributeRow>>;
  readonly values: ValueTable;
}
