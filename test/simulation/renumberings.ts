/** Watches renumberings: the old address is left only for a new one on which somebody is, and nothing is given up too soon. */
import type { Database } from '../../src/store/open.js';
import { hex, prefixKey } from '../../src/daemon/lifecycle/address.js';
import type { TrueSession } from './nas.js';
import type { Standing } from './operator.js';

/** A report that was sent may come in this much later: each NAS repeats it, and the network delays it. */
const UNDERWAY_MS = 120_000;

interface Ended {
  readonly kind: 'renumbered' | 'renumber-failed';
  readonly at: number;
  readonly heir: number;
  readonly vrf: string;
  readonly net: Uint8Array;
  readonly plen: number;
  readonly since: number;
  readonly deadline: number;
  readonly on: number;
  /** Of a routed subnet: what it rides on, whose sessions speak for it. */
  readonly parent: string | null;
}

interface Left {
  readonly id: number;
  readonly outcome: string | null;
}

export class Renumberings {
  /** When a session last reported an address, by address. */
  readonly #shown = new Map<string, number>();
  readonly #fault: (what: string) => void;
  readonly #ended;
  readonly #left;

  constructor(db: Database, fault: (what: string) => void) {
    this.#fault = fault;
    this.#ended = db.prepare<unknown[]>(
      `SELECT j.kind, j.at, h.id AS heir, v.name AS vrf, h.net, h.plen, h.allocated_at AS since, h.renumber->>'deadline' AS deadline,
              (SELECT count(*) FROM witness w WHERE w.assignment = h.id AND w.standing = 'held'
                                  AND w.closed_at IS NULL) AS 'on',
              (SELECT lower(hex(p.net)) || '/' || p.plen FROM assignment p WHERE p.id = h.parent) AS parent
         FROM journal j JOIN assignment h ON h.id = j.assignment JOIN vrf v ON v.id = h.vrf
        WHERE j.id > ? AND j.kind IN ('renumbered', 'renumber-failed')`,
    );
    this.#left = db.prepare<unknown[]>(
      `SELECT a.id, h.renumber->>'outcome' AS outcome FROM journal j JOIN assignment a ON a.id = j.assignment
         LEFT JOIN assignment h ON h.id = a.revoke->>'renumberedTo' AND h.supersedes = a.id
        WHERE j.id > ? AND j.kind = 'transition' AND j.to_state = 'revoking' AND j.code = 'renumbered'`,
    );
  }

  /** A NAS sends a report about a session: what it shows may be known to addrd from now on. */
  onReport(session: TrueSession): void {
    const { nas } = session;
    for (const { prefix } of nas.shown(session)) this.#shown.set(`${nas.options.vrf}/${prefixKey(prefix)}`, nas.now());
  }

  /** Looks at what the journal says since a row of it. */
  follow(since: number): void {
    for (const one of this.#ended.all(since) as Ended[]) this.#judge(one);
    for (const { id, outcome } of this.#left.all(since) as Left[]) {
      if (outcome !== 'done') {
        this.#fault(`renumbering: assignment ${id} was left for another that nobody came on (${String(outcome)})`);
      }
    }
  }

  #judge({ kind, at, heir, vrf, net, plen, since, deadline, on, parent }: Ended): void {
    if (kind === 'renumber-failed') {
      if (at < deadline) this.#fault(`renumbering: to assignment ${heir} was given up before its deadline`);
      if (on > 0) this.#fault(`renumbering: to assignment ${heir} was given up while somebody is on it`);
      return;
    }
    const spoken = [`${hex(net)}/${plen}`, parent].map((key) => this.#shown.get(`${vrf}/${String(key)}`) ?? -Infinity);
    if (Math.max(...spoken) < since - UNDERWAY_MS) {
      this.#fault(`renumbering: to assignment ${heir} is done and no session showed it`);
    }
  }
}

/** How a renumbering stands, as whoever ordered it can ask addrd; null while nobody can tell. */
export function standingOf(db: Database, heir: number): Standing | null {
  if (db.inTransaction) return null;
  const row = db
    .prepare(
      `SELECT h.state, h.renumber->>'outcome' AS outcome, o.state AS old FROM assignment h
         JOIN assignment o ON o.id = h.supersedes WHERE h.id = ?`,
    )
    .get(heir);
  return (row ?? null) as Standing | null;
}
