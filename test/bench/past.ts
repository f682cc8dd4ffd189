/** A past for the sessions of a store: what a network of years leaves behind, written by SQL. */
import BetterSqlite3 from 'better-sqlite3';

const HOUR_MS = 3_600_000;

/**
 * Gives each session of a store that no process has `times` predecessors on the same address, an hour after another, each with
 * its holding and the two lines of the journal. Returns how many holdings the store has then, and when the first of them
 * that are there now began: number `k` of the past began `k + 1` hours before, and lasted fifty minutes.
 */
export function makePast(store: string, times: number): { readonly holdings: number; readonly begun: number } {
  const db = new BetterSqlite3(store);
  try {
    // Nobody is answered, and what refers to what is right by the way it is made.
    db.pragma('synchronous = OFF');
    db.pragma('foreign_keys = OFF');
    db.pragma('cache_size = -1048576');
    const sessions = db.prepare('SELECT max(id) FROM session').pluck().get() as number;
    const begun = db.prepare('SELECT min(started_at) FROM session').pluck().get() as number;
    // One line for each predecessor: its number, when it came and when it went.
    const past = `n (k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM n WHERE k < ${String(times)}),
      p AS (SELECT e.*, ${String(sessions)} + (e.id - 1) * ${String(times)} + n.k AS number,
                   ${String(begun)} - (n.k + 1) * ${String(HOUR_MS)} AS came,
                   ${String(begun)} - (n.k + 1) * ${String(HOUR_MS)} + ${String(HOUR_MS)} * 5 / 6 AS went
              FROM session e CROSS JOIN n WHERE e.id <= ${String(sessions)})`;
    const line = (kind: string, at: string): string =>
      `INSERT INTO journal (at, kind, tenant, actor, subscriber, session, nas, vrf, code)
       WITH RECURSIVE ${past} SELECT ${at}, '${kind}', tenant, 'nas:bng', subscriber, number, nas, vrf, 'bench' FROM p`;
    db.transaction(() => {
      db.exec(`INSERT INTO holding (vrf, plen, net, since, kind, seq, until, tenant, subscriber, assignment, nas, confidence)
        WITH RECURSIVE ${past} SELECT p.vrf, h.plen, h.net, p.came, 'session', p.number, p.went, p.tenant, p.subscriber,
          h.assignment, p.nas, 'seen' FROM p JOIN holding h ON h.kind = 'session' AND h.seq = p.id`);
    })();
    db.transaction(() => {
      db.exec(`INSERT INTO session (id, tenant, nas, vrf, sid, epoch, start_seen, started_at, first_seen_at, ended_at, end_received_at,
          end_kind, terminate_cause, username, subscriber, addresses)
        WITH RECURSIVE ${past} SELECT number, tenant, nas, vrf, CAST('past-' || number AS BLOB), epoch, 1, came, came, went, went,
          'stop', 1, username, subscriber, '[]' FROM p`);
    })();
    for (const [kind, at] of [
      ['session-started', 'came'],
      ['session-stopped', 'went'],
    ] as const) {
      db.transaction(() => db.exec(line(kind, at)))();
    }
    db.pragma('wal_checkpoint(TRUNCATE)');
    return { holdings: db.prepare('SELECT count(*) FROM holding').pluck().get() as number, begun };
  } finally {
    db.close();
  }
}
