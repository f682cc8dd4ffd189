/** What addrd remembers of NASes, and the spaces of addresses that they are in. */

/** How a NAS is known: by the source address of its packets, or by an attribute that its config entry trusts. */
export interface NasIdentity {
  readonly tenant: string;
  readonly kind: 'source-address' | 'nas-identifier' | 'nas-ip-address';
  readonly bytes: Uint8Array;
}

/** A space of addresses of its own: within one, no two live prefixes overlap. Number 0 is `global`. */
export interface Vrf {
  readonly id: number;
  readonly name: string;
}

export interface Nas extends NasIdentity {
  readonly id: number;
  /** The config entry that admitted it. */
  readonly entry: string;
  /** As its entry says: sessions that it opens stand in it. */
  readonly vrf: number;
  /** Its own address, where its entry trusts one that it reports; else where its packets come from. 4 or 16 octets. */
  readonly address: Uint8Array;
  readonly epoch: number;
  /** When the current epoch began: by our clock, and at the earliest by what the NAS says; 0 before the first Accounting-On or -Off. */
  readonly epochReceivedAt: number;
  readonly epochAt: number;
  /** Heard without a long pause from `heardSince` to `heardUntil` (coarse: written every few seconds). */
  readonly heardSince: number;
  readonly heardUntil: number;
  /** How far its clock is ahead of ours, milliseconds, as its Event-Timestamps tell; null where there were none. */
  readonly skewMs: number | null;
  /** Since when, and when a packet said so last (coarse as well). */
  readonly skewSince: number;
  readonly skewSeenAt: number;
  readonly createdAt: number;
}

export interface NasEpoch {
  readonly nas: number;
  readonly epoch: number;
  readonly cause: 'nas-on' | 'nas-off';
  readonly at: number;
  readonly receivedAt: number;
}

/** A stretch of time of which nothing is known: addrd did not listen, or a NAS was not heard. Unix milliseconds. */
export interface Gap {
  /** The NAS that was not heard; 0: addrd itself was away, and heard nobody. */
  readonly nas: number;
  readonly since: number;
  readonly until: number;
}

/** The tables of these records. */
export interface NasRows {
  vrf: Vrf;
  nas: Nas;
  epoch: NasEpoch;
  gap: Gap;
}
