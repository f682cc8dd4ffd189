/** What the observer asks the store, prepared once. */
import type { Database } from '../../src/store/open.js';

/** The questions that are asked after every commit. */
export function prepareStatements(db: Database) {
  return {
    journal: db.prepare<unknown[]>('SELECT coalesce(max(id), 0) FROM journal').pluck(),
    moves: db
      .prepare<unknown[]>(
        "SELECT count(*) FROM journal WHERE id > ? AND kind IN ('transition', 'address-free', 'conflict', 'pool-created')",
      )
      .pluck(),
    transitions: db.prepare<unknown[]>(
      "SELECT id, assignment, from_state, to_state FROM journal WHERE id > ? AND kind = 'transition' ORDER BY id",
    ),
    effects: db.prepare<unknown[]>(
      `SELECT o.id, o.attempt, s.ended_at IS NOT NULL OR NOT EXISTS (
         SELECT 1 FROM json_each(o.orders) j JOIN assignment a ON a.id = j.value->>'assignment'
          WHERE a.state = 'revoking' AND a.generation = j.value->>'generation' OR j.value->>'intruder')
         AND NOT EXISTS (SELECT 1 FROM json_each(o.orders) j JOIN assignment a ON a.id = j.value->>'assignment'
           JOIN assignment h ON h.id = j.value->>'$.renumber.assignment'
          WHERE a.generation = j.value->>'generation' AND a.state IN ('allocated', 'active', 'suspended')
            AND h.generation = j.value->>'$.renumber.generation' AND h.state IN ('allocated', 'active', 'suspended')
            AND h.renumber IS NOT NULL AND h.renumber->>'outcome' IS NULL
            AND EXISTS (SELECT 1 FROM json_each(s.addresses) x WHERE x.value->>3 = a.id))
         AND NOT EXISTS (SELECT 1 FROM subscriber u
          WHERE u.id = o.desired->>'subscriber' AND u.generation = o.desired->>'generation') AS unwanted
         FROM outbox o JOIN session s ON s.id = o.session WHERE o.status = 'pending'`,
    ),
    attempt: db.prepare<unknown[]>('SELECT attempt FROM outbox WHERE id = ?').pluck(),
    live: db.prepare<unknown[]>(
      `SELECT v.name || '/' || lower(hex(l.lo)) || '/' || l.plen AS key, a.id, a.allocated_at AS since, a.state, s.name FROM live l
         JOIN vrf v ON v.id = l.vrf JOIN assignment a ON a.id = l.assignment JOIN subscriber s ON s.id = a.subscriber`,
    ),
    // What the subscriber had there until he reclaimed it while a session of his was on it: addrd gave him nothing then.
    reclaimed: db.prepare<unknown[]>(
      `SELECT b.id, b.allocated_at AS since FROM assignment a JOIN assignment b
           ON b.subscriber = a.subscriber AND b.net = a.net AND b.plen = a.plen
          AND b.revoked_at = a.allocated_at AND b.evidence->>'kind' = 'reclaimed'
         JOIN journal j ON j.assignment = a.id AND j.code = 'reclaimed' AND j.to_state = 'active'
        WHERE a.id = ? AND b.id < a.id`,
    ),
    // A unit rests as long as the end of who was on it is only inferred: until his silence shows it (section 3).
    past: db.prepare<unknown[]>(
      `SELECT v.name || '/' || lower(hex(f.net)) || '/' || f.plen AS key,
              iif(f.state = 'quarantined' AND doubted <> '', 'doubted', state) AS state 
         FROM pool_free f JOIN pool p ON p.id = f.pool JOIN vrf v ON v.id = p.vrf`,
    ),
    session: db.prepare<unknown[]>(
      `SELECT s.ended_at AS ended, u.seconds FROM session s JOIN session_usage u ON u.id = s.id
         JOIN nas n ON n.id = s.nas WHERE n.bytes = ? AND s.sid = ?`,
    ),
    epoch: db.prepare<unknown[]>('SELECT epoch FROM nas WHERE bytes = ?').pluck(),
    started: db.prepare<unknown[]>(
      `SELECT o.id, o.attempt, o.batch FROM outbox o JOIN session s ON s.id = o.session JOIN nas n ON n.id = s.nas
        WHERE n.bytes = ? AND s.sid = ? AND o.kind = ? AND o.started_at IS NOT NULL
          AND (o.status = 'pending' AND o.outcome IS NULL OR o.status = 'superseded' AND o.outcome = 'generation-passed')
        ORDER BY o.status, o.id DESC`,
    ),
    states: db.prepare<unknown[]>('SELECT id, state FROM assignment'),
    frozen: db.prepare<unknown[]>("SELECT 1 FROM brake WHERE kind = 'freeze' AND ended_at IS NULL").pluck(),
    maintained: db
      .prepare<unknown[]>(
        `SELECT 1 FROM brake b JOIN nas n ON b.ref = CAST(n.id AS TEXT)
          WHERE b.kind = 'maintenance' AND b.ended_at IS NULL AND n.bytes = ?`,
      )
      .pluck(),
    freed: db.prepare<unknown[]>(
      `SELECT kind FROM journal WHERE id > ?
          AND (to_state = 'revoked' AND code NOT IN ('superseded', 'reclaimed')
               OR kind IN ('address-free', 'frozen', 'thawed')) ORDER BY id`,
    ),
    // Revokes of the one token that nobody approved of, since somebody last did and within the window. Who came on his
    // new address is cut off nothing by the end of the old one.
    unapproved: db
      .prepare<unknown[]>(
        `SELECT count(*) FROM journal WHERE kind = 'transition' AND to_state = 'revoking' AND actor = 'token:crm'
          AND code <> 'renumbered' AND detail->>'batch' IS NULL AND at > (SELECT max(at) FROM journal WHERE actor = 'token:crm') - ? AND id > coalesce(
            (SELECT max(id) FROM journal WHERE kind = 'batch-approved' AND detail->>'of' = 'token:crm'), 0)`,
      )
      .pluck(),
    held: db
      .prepare<unknown[]>(
        `SELECT a.id FROM approval w JOIN assignment a ON a.id = w.assignment JOIN batch b ON b.id = w.batch
          WHERE b.status = 'open' AND a.state IN ('revoking', 'revoked')`,
      )
      .pluck(),
    poison: db.prepare<unknown[]>("SELECT kind || ': ' || error FROM poison").pluck(),
  };
}
