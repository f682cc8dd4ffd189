/** Watches what is handed out: by whom it may be, from where, and that who had it before is known to be gone. */
import type { Database } from '../../src/store/open.js';
import { formatPrefix, prefixKey } from '../../src/daemon/lifecycle/address.js';
import { zoneOf } from '../../src/daemon/lifecycle/zones.js';
import { POOL } from '../../src/store/tables/pool.js';
import { Table, type SqlValue } from '../../src/store/tables/table.js';

interface Handout {
  readonly id: number;
  readonly row: number;
  readonly code: string;
  readonly pool: number;
  readonly vrf: number;
  readonly net: Uint8Array;
  readonly plen: number;
  readonly subscriber: number;
}

interface Former {
  readonly id: number;
  readonly subscriber: number;
  readonly state: string;
  /** The kind of its evidence. */
  readonly ground: string | null;
  /** Whether it was told that the unit is free since. */
  readonly freed: number;
}

/** The orders by which addrd itself chooses a unit. */
const ORDERED = new Set(['allocate', 'renumber']);

export class Handouts {
  /** Units that somebody asked for by address. */
  readonly asked = new Set<string>();
  readonly #fault: (what: string) => void;
  readonly #begun;
  readonly #pool;
  readonly #retiredSince;
  readonly #former;

  constructor(db: Database, fault: (what: string) => void) {
    this.#fault = fault;
    this.#begun = db.prepare<unknown[]>(
      `SELECT a.id, j.id AS row, j.code, a.pool, a.vrf, a.net, a.plen, a.subscriber FROM journal j
         JOIN assignment a ON a.id = j.assignment
        WHERE j.id > ? AND j.kind = 'transition' AND j.to_state = 'allocated'`,
    );
    this.#pool = db.prepare<unknown[]>(`SELECT ${Table.columns(POOL, 'p')} FROM pool p WHERE id = ?`).raw();
    // By an event of the same commit, after it was handed out.
    this.#retiredSince = db.prepare<unknown[]>(
      "SELECT 1 FROM journal WHERE kind = 'pool-retired' AND pool = ? AND id > ?",
    );
    this.#former = db.prepare<unknown[]>(
      `SELECT b.id, b.subscriber, b.state, b.evidence->>'kind' AS ground, EXISTS (SELECT 1 FROM journal f
           WHERE f.kind = 'address-free' AND f.vrf = b.vrf AND f.net = b.net AND f.plen = b.plen AND f.id < ?
             AND f.id > (SELECT max(t.id) FROM journal t WHERE t.assignment = b.id AND t.to_state = 'revoked')) AS freed
         FROM assignment b WHERE b.vrf = ? AND b.net = ? AND b.plen = ? AND b.id < ? ORDER BY b.id DESC LIMIT 1`,
    );
  }

  /** Looks at what the journal says since a row of it. */
  follow(since: number): void {
    for (const handout of this.#begun.all(since) as Handout[]) this.#judge(handout);
  }

  #judge({ id, row, code, pool: number, vrf, net, plen, subscriber }: Handout): void {
    const prefix = { bytes: net, length: plen };
    const name = `handout: ${formatPrefix(prefix)} (assignment ${id}, ${code})`;
    const pool = POOL.read(this.#pool.get(number) as SqlValue[]);
    const former = this.#former.get(row, vrf, net, plen, id) as Former | undefined;
    // Who reclaims what is being revoked from him is given nothing that he does not have.
    const reclaims = former?.ground === 'reclaimed' && former.subscriber === subscriber;
    if (ORDERED.has(code) && !reclaims) {
      const zone = zoneOf(pool, prefix);
      if (zone === 'excluded' || zone === 'outside') this.#fault(`${name} is ${zone} in pool ${pool.name}`);
      if (zone === 'reserved' && !this.asked.has(prefixKey(prefix))) this.#fault(`${name} is reserved; nobody asked`);
      const wasRetired = pool.retiredAt !== null && this.#retiredSince.get(number, row) === undefined;
      if (wasRetired) this.#fault(`${name}: pool ${pool.name} is retired`);
      if (pool.kind === 'external') this.#fault(`${name}: pool ${pool.name} is ${pool.kind}`);
    }
    if (former === undefined) return;
    if (former.state !== 'revoked') this.#fault(`${name}: assignment ${former.id} has it and is ${former.state}`);
    else if (former.ground === null) this.#fault(`${name}: assignment ${former.id} ended without evidence`);
    // Its former holder need not wait, and the pool of a NAS does not know of quarantine.
    else if (ORDERED.has(code) && former.subscriber !== subscriber && former.freed === 0) {
      this.#fault(`${name} has not rested since assignment ${former.id}`);
    }
  }
}
