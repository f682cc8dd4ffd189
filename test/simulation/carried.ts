/** What addrd can know of routes of which their NAS says nothing: a session on the parent has the subnets that AAA was to return. */
import type { Database } from '../../src/store/open.js';
import { prefixKey } from '../../src/daemon/lifecycle/address.js';
import { addressOctets } from '../../src/protocols/radius/address.js';
import type { Framed, TrueSession } from './nas.js';

/**
 * A Start that its NAS repeats without saying how long ago it was: to addrd the session began this much later. AAA has to keep
 * back what is revoked, and return what takes its place, from this much before on.
 */
const LATE_MS = 60_000;

interface Ridden {
  readonly revokingAt: number | null;
  readonly revokedAt: number | null;
  /** When its parent began to end, and when that was over. */
  readonly parentAt: number | null;
  readonly parentUntil: number | null;
  /** When what has taken its place since was ordered. */
  readonly heirAt: number | null;
}

export class Carried {
  readonly #stands;
  readonly #ridden;

  constructor(db: Database) {
    this.#stands = db
      .prepare<unknown[]>(
        `SELECT x.value->>2 FROM session s JOIN nas n ON n.id = s.nas, json_each(s.addresses) x
          WHERE n.bytes = ? AND s.sid = ? AND x.value->>0 = ? ORDER BY s.id DESC LIMIT 1`,
      )
      .pluck();
    this.#ridden = db.prepare<unknown[]>(
      `SELECT a.revoking_at AS revokingAt, a.revoked_at AS revokedAt, p.revoking_at AS parentAt, p.revoked_at AS parentUntil,
              (SELECT min(h.allocated_at) FROM assignment h
                WHERE h.supersedes = a.id AND h.renumber->>'outcome' = 'done') AS heirAt
         FROM assignment a JOIN subscriber s ON s.id = a.subscriber JOIN vrf v ON v.id = a.vrf
         LEFT JOIN assignment p ON p.id = a.parent
        WHERE s.name = ? AND v.name = ? AND lower(hex(a.net)) || '/' || a.plen = ? AND a.allocated_at <= ?
        ORDER BY a.id DESC LIMIT 1`,
    );
  }

  /**
   * Whether addrd cannot know that a session has a route of which it was not told: it does not stand on the parent as its
   * subscriber's own, or it began when AAA was to keep the subnet back, or to return another one. `startedAt`: Unix
   * milliseconds. What is on record as the subscriber's by then is what AAA may have returned.
   */
  isUnknown(session: TrueSession, { prefix, on = null }: Framed, startedAt: number): boolean {
    const { nas, sid, customer } = session;
    if (nas.options.habits.routes !== 'silent' || on === null) return false;
    const octets = new TextEncoder().encode(sid);
    if (this.#stands.get(addressOctets(nas.address), octets, prefixKey(on)) !== 'held') return true;
    const row = this.#ridden.get(customer, nas.options.vrf, prefixKey(prefix), startedAt) as Ridden | undefined;
    if (row === undefined) return true;
    const { revokingAt, revokedAt, parentAt, parentUntil, heirAt } = row;
    if (heirAt !== null && heirAt <= startedAt + LATE_MS) return true;
    if (revokingAt === null || revokingAt > startedAt + LATE_MS) return false;
    // Whoever comes on a parent that is being revoked has what is being revoked with it, and has not ended before.
    const heardAt = session.told.get(prefixKey(prefix)) ?? 0;
    const lasted = (revokedAt ?? Infinity) > heardAt && (parentUntil ?? Infinity) > heardAt;
    return !(lasted && parentAt !== null && parentAt <= startedAt);
  }
}
