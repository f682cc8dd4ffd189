/** Who had an address at a time: what the history says, what speaks against it, and the lines of the journal behind it. */
import type { Database, Statement } from 'better-sqlite3';
import { contains, prefixOf, type Prefix } from '../../daemon/lifecycle/address.js';
import type { Gap, NasIdentity } from '../../daemon/lifecycle/nas-records.js';
import type { Holding } from '../../daemon/lifecycle/records.js';
import { HOLDING } from '../tables/holding.js';
import { Table, type SqlValue } from '../tables/table.js';
import { JournalReads, type ShownEntry } from './journal.js';
import { lengthsInUse } from './lengths.js';

/** Somebody who had an address, or on whose account it was. */
export interface Possessor {
  /** As it was written; {@link confidence} is what it is worth at the time that is asked about. */
  readonly row: Holding;
  readonly vrf: string;
  readonly subscriber: string | null;
  readonly pool: string | null;
  readonly session: {
    readonly sid: Uint8Array;
    readonly username: Uint8Array | null;
    readonly nas: string;
    readonly nasAddress: Uint8Array;
    readonly nasKnown: Pick<NasIdentity, 'kind' | 'bytes'>;
  } | null;
  readonly confidence: Holding['confidence'] | 'unobserved';
  /** When nobody could have heard of a change, if the time lies in such a stretch. */
  readonly gap: Pick<Gap, 'since' | 'until'> | null;
  /** The lines that say so, oldest first. */
  readonly journal: readonly ShownEntry[];
}

export interface WhoQuery {
  readonly prefix: Prefix;
  /** Whoever had it at any moment from `at` to `until`, both of them included: Unix milliseconds. */
  readonly at: number;
  readonly until: number;
  readonly vrfs: readonly number[];
  /** How long a NAS may be silent before nobody knows what is behind it, milliseconds. */
  readonly silenceMs: number;
  readonly limit: number;
}

export interface WhoAnswer {
  /** Sessions before tenures, each the newest first. */
  readonly possessors: readonly Possessor[];
  /** When addrd did not listen, if the time lies in such a stretch. */
  readonly gap: Pick<Gap, 'since' | 'until'> | null;
}

type Values = readonly SqlValue[];

/** Lines that are shown of one session or one assignment. */
const LINES = 20;
const COLUMNS = HOLDING.columns.length;

/** A row that covers the time, before it is held against the others. */
interface Found extends Omit<Possessor, 'confidence' | 'gap' | 'journal'> {
  readonly heardUntil: number | null;
}

export class WhoReads {
  readonly #lengths: (vrf: number, most: number) => readonly number[];
  readonly #at: Statement;
  readonly #gap: Statement;
  readonly #journal: JournalReads;

  constructor(db: Database) {
    this.#lengths = lengthsInUse(db);
    this.#at = db
      .prepare(
        `SELECT ${Table.columns(HOLDING, 'h')}, v.name, s.name, p.name, e.sid, e.username, n.entry, n.address, n.kind, n.bytes,
           n.heard_until
           FROM holding h JOIN vrf v ON v.id = h.vrf
           LEFT JOIN subscriber s ON s.id = h.subscriber
           LEFT JOIN assignment a ON a.id = h.assignment LEFT JOIN pool p ON p.id = a.pool
           LEFT JOIN session e ON h.kind = 'session' AND e.id = h.seq LEFT JOIN nas n ON n.id = h.nas
          WHERE h.vrf = :vrf AND h.plen = :plen AND h.net = :net AND h.since <= :until AND in_time(h.seq)
            AND (h.until IS NULL OR h.until > :at) AND h.tenant = :tenant
          ORDER BY h.since DESC LIMIT :limit`,
      )
      .raw(true);
    this.#gap = db.prepare('SELECT since, until FROM gap WHERE nas = ? AND until > ? ORDER BY until LIMIT 1');
    this.#journal = new JournalReads(db);
  }

  /** Whoever had `prefix`, or a prefix around it, at a time: one probe for each prefix length in use. */
  at(tenant: string, { prefix, at, until, vrfs, silenceMs, limit }: WhoQuery): WhoAnswer {
    const away = this.#gapAt(0, at);
    const possessors = vrfs.flatMap((vrf) => {
      const found = this.#lengths(vrf, prefix.length)
        .flatMap((plen) => {
          const net = prefixOf(prefix.bytes, plen).bytes;
          return (this.#at.all({ vrf, plen, net, at, until, tenant, limit }) as Values[]).map(foundOf);
        })
        .sort(sessionsFirst)
        .slice(0, limit);
      return found.map((one): Possessor => {
        const gap = away ?? this.#silence(one, at, silenceMs);
        const rivals = found.some((other) => isRival(one, other));
        const confidence = gap !== null ? 'unobserved' : rivals ? 'overlapping' : one.row.confidence;
        return { ...one, confidence, gap, journal: this.#lines(tenant, one) };
      });
    });
    return { possessors, gap: away };
  }

  #gapAt(nas: number, at: number): Pick<Gap, 'since' | 'until'> | null {
    const next = this.#gap.get(nas, at) as Pick<Gap, 'since' | 'until'> | undefined;
    return next !== undefined && next.since <= at ? next : null;
  }

  /** When the NAS of a session was not heard: up to its next packet, or still. */
  #silence({ row, heardUntil }: Found, at: number, silenceMs: number): Pick<Gap, 'since' | 'until'> | null {
    if (row.nas === null || heardUntil === null) return null;
    // It was not heard since, whatever has ended the row in the meantime.
    return at > heardUntil + silenceMs ? { since: heardUntil, until: at } : this.#gapAt(row.nas, at);
  }

  /** Of a session when it came and went, of a tenure its transitions. */
  #lines(tenant: string, { row }: Found): readonly ShownEntry[] {
    if (row.kind === 'session') return this.#journal.ofSession(tenant, row.seq, LINES);
    return this.#journal.transitionsOf(tenant, row.seq, LINES);
  }
}

function foundOf(v: Values): Found {
  const sid = v[COLUMNS + 3] as Uint8Array | null;
  return {
    row: HOLDING.read(v),
    vrf: v[COLUMNS] as string,
    subscriber: v[COLUMNS + 1] as string | null,
    pool: v[COLUMNS + 2] as string | null,
    session:
      sid === null
        ? null
        : {
            sid,
            username: v[COLUMNS + 4] as Uint8Array | null,
            nas: v[COLUMNS + 5] as string,
            nasAddress: v[COLUMNS + 6] as Uint8Array,
            nasKnown: { kind: v[COLUMNS + 7] as NasIdentity['kind'], bytes: v[COLUMNS + 8] as Uint8Array },
          },
    heardUntil: v[COLUMNS + 9] as number | null,
  };
}

function sessionsFirst(a: Found, b: Found): number {
  return Number(a.row.kind === 'tenure') - Number(b.row.kind === 'tenure') || b.row.since - a.row.since;
}

/** Whether two sessions were on one address, of which nobody can say that they were one customer's. */
function isRival(one: Found, other: Found): boolean {
  if (one === other || one.row.kind !== 'session' || other.row.kind !== 'session') return false;
  if (!contains(one.row.prefix, other.row.prefix) && !contains(other.row.prefix, one.row.prefix)) return false;
  // One after the other within a second is no conflict.
  const [earlier, later] = one.row.since <= other.row.since ? [one.row, other.row] : [other.row, one.row];
  if (earlier.until !== null && earlier.until <= later.since) return false;
  return one.row.subscriber === null || one.row.subscriber !== other.row.subscriber;
}
