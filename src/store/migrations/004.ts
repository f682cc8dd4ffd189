/** Migration 004: the whole lifecycle. */

/** An IPv4 prefix's first address as a number: SQLite has no function for that. */
const NET = Array.from({ length: 8 }, (_, k) => {
  return `((instr('0123456789ABCDEF', substr(hex(net), ${String(k + 1)}, 1)) - 1) << ${String(28 - 4 * k)})`;
}).join(' + ');

/** The last address of an IPv4 prefix as a number. */
const LAST = `((${NET}) | ((1 << (32 - plen)) - 1))`;

/** What was excluded so far: the first address, and of IPv4 the last (RFC 3021, RFC 4291 section 2.6.1). */
const HAS_EDGES = `use = 'address' AND length(net) * 8 - plen >= 2`;
const EDGES = `CASE length(net)
  WHEN 4 THEN format('%x-%x,%x-%x', ${NET}, ${NET}, ${LAST}, ${LAST})
  ELSE lower(hex(net)) || '-' || lower(hex(net)) END`;

/** The first bits of a prefix, as many as `plen` says: whole hexadecimal digits, and what is left of the next one. */
function beginning(net: string, plen: string): string {
  const digit = `instr('0123456789ABCDEF', substr(hex(${net}), ${plen} / 4 + 1, 1)) - 1`;
  return `(substr(hex(${net}), 1, ${plen} / 4) || ((${digit}) >> (4 - ${plen} % 4)))`;
}

/** Assignments that are in service, or wait to be. */
const SERVED = `('allocated', 'active', 'suspended')`;

const KEPT =
  'kept_004 (what TEXT NOT NULL, ref TEXT NOT NULL, row TEXT NOT NULL, PRIMARY KEY (what, ref)) STRICT, WITHOUT ROWID';

export const UP = `
-- What a step down to version 3 kept of this version, each in JSON.
CREATE TABLE IF NOT EXISTS ${KEPT};

-- A session stands in the VRF that its NAS had when it was opened.
ALTER TABLE session ADD COLUMN vrf INTEGER REFERENCES vrf;
UPDATE session SET vrf = (SELECT n.vrf FROM nas n WHERE n.id = session.nas);

-- When a unit was left, which a quarantine that was changed since does not tell. 0: nobody knows.
ALTER TABLE pool_free ADD COLUMN left_at INTEGER NOT NULL DEFAULT 0;

-- Ranges are FIRST-LAST,... of unit numbers in hexadecimal. The next start adds those of the config.
ALTER TABLE pool ADD COLUMN excluded_ranges TEXT NOT NULL DEFAULT '';
ALTER TABLE pool ADD COLUMN reserved_ranges TEXT NOT NULL DEFAULT '';
ALTER TABLE pool ADD COLUMN skips TEXT NOT NULL DEFAULT '';
ALTER TABLE pool ADD COLUMN used_excluded INTEGER NOT NULL DEFAULT 0 CHECK (used_excluded >= 0);
ALTER TABLE pool ADD COLUMN used_reserved INTEGER NOT NULL DEFAULT 0 CHECK (used_reserved >= 0);
ALTER TABLE pool ADD COLUMN used_outside INTEGER NOT NULL DEFAULT 0 CHECK (used_outside >= 0);
-- What the pool covered before it shrank, and whether sessions came there since.
ALTER TABLE pool ADD COLUMN former TEXT NOT NULL DEFAULT '';
ALTER TABLE pool ADD COLUMN strayed INTEGER NOT NULL DEFAULT 0 CHECK (strayed IN (0, 1));
-- What was added to the pool, where only that waits until it is known who is there.
ALTER TABLE pool ADD COLUMN unsure_part TEXT NOT NULL DEFAULT '';
UPDATE pool SET excluded_ranges = ${EDGES} WHERE ${HAS_EDGES};
-- How much of it is in use, and what is in use outside: of a pool that had shrunk before a step down to version 3.
WITH bound AS MATERIALIZED (
  SELECT id, plen, ${beginning('net', 'plen')} AS start, iif(${HAS_EDGES}, net, NULL) AS low,
         iif(${HAS_EDGES} AND length(net) = 4, unhex(format('%08x', ${LAST})), NULL) AS high FROM pool
), used (pool, net) AS (
  SELECT a.pool, l.lo FROM live l JOIN assignment a ON a.id = l.assignment
  UNION ALL SELECT pool, net FROM pool_free WHERE state <> 'free'
)
UPDATE pool SET used_excluded = c.edges, used_outside = c.outside FROM (
  SELECT b.id, total(u.net IS b.low OR u.net IS b.high) AS edges, total(${beginning('u.net', 'b.plen')} <> b.start) AS outside
    FROM used u JOIN bound b ON b.id = u.pool GROUP BY b.id) c
  WHERE c.id = pool.id;
-- Units before the cursor that were reserved or excluded may be new yet.
UPDATE pool SET cursor = zeroblob(17) WHERE id IN (SELECT CAST(ref AS INTEGER) FROM kept_004 WHERE what = 'parts');
-- Version 3 does not note who comes to what a pool covered before: somebody may have.
UPDATE pool SET former = k.row->>'former', strayed = (k.row->>'former' <> '') FROM kept_004 k
  WHERE k.what = 'pool' AND pool.id = CAST(k.ref AS INTEGER);
-- Where version 3 has begun to wait anew, all of the pool waits.
UPDATE pool SET unsure_part = k.row->>'unsurePart' FROM kept_004 k
  WHERE k.what = 'pool' AND pool.id = CAST(k.ref AS INTEGER) AND pool.unsure_since = k.row->>'unsureSince'
    AND pool.retired_at IS NULL;
-- How many are excluded follows from the ranges, and may be more than an integer holds.
ALTER TABLE pool DROP COLUMN excluded;

-- Free units by the least recently freed, and those in quarantine by their end.
DROP INDEX pool_free_next;
CREATE INDEX pool_free_next ON pool_free (pool, state, free_at, net);
-- What a subscriber had before.
CREATE INDEX pool_free_former ON pool_free (pool, subscriber) WHERE subscriber IS NOT NULL;

ALTER TABLE deadline RENAME TO deadline_old;
CREATE TABLE deadline (
  kind   TEXT    NOT NULL
    CHECK (kind IN ('quarantine', 'evidence', 'epoch-grace', 'maintenance', 'approval', 'pool-trim', 'pool-kind', 'renumber')),
  ref    TEXT    NOT NULL,
  due_at INTEGER NOT NULL,
  PRIMARY KEY (kind, ref)
) STRICT, WITHOUT ROWID;
INSERT INTO deadline SELECT kind, ref, due_at FROM deadline_old;
DROP TABLE deadline_old;
CREATE INDEX deadline_due ON deadline (due_at);

-- A NAS has a clock of its own.
ALTER TABLE nas ADD COLUMN skew_ms INTEGER;
ALTER TABLE nas ADD COLUMN skew_since INTEGER NOT NULL DEFAULT 0;
ALTER TABLE nas ADD COLUMN skew_seen_at INTEGER NOT NULL DEFAULT 0;

-- Suspension is a flag on the subscriber; the generation rises with each suspend and reactivate.
ALTER TABLE subscriber ADD COLUMN generation INTEGER NOT NULL DEFAULT 0 CHECK (generation >= 0);
ALTER TABLE subscriber ADD COLUMN suspended_at INTEGER CHECK (suspended_at IS NULL OR generation > 0);
ALTER TABLE subscriber ADD COLUMN service TEXT CHECK (json_valid(service));
UPDATE subscriber SET generation = k.row->>'generation', suspended_at = k.row->>'suspendedAt', service = k.row->>'service'
  FROM kept_004 k WHERE k.what = 'subscriber' AND subscriber.id = CAST(k.ref AS INTEGER);
-- Who has something that is suspended is.
UPDATE subscriber SET generation = generation + 1, suspended_at = h.at,
       service = json_object('at', h.at, 'actor', 'addrd', 'reason', 'suspended before', 'sendCoa', json('true'), 'sendDisconnect', json('false'))
  FROM (SELECT subscriber AS id, max(suspended_at) AS at FROM assignment WHERE state = 'suspended' GROUP BY subscriber) h
  WHERE h.id = subscriber.id AND subscriber.suspended_at IS NULL;
-- What version 3 has put into service for him follows.
INSERT INTO journal (at, kind, tenant, actor, subscriber, assignment, pool, vrf, net, plen, from_state, to_state, code)
  SELECT coalesce((SELECT j.at FROM journal j ORDER BY j.id DESC LIMIT 1), a.activated_at), 'transition', a.tenant, 'addrd',
         a.subscriber, a.id, a.pool, a.vrf, a.net, a.plen, 'active', 'suspended', 'suspended'
    FROM subscriber s JOIN assignment a ON a.subscriber = s.id AND a.state = 'active' WHERE s.suspended_at IS NOT NULL;
UPDATE assignment SET state = 'suspended', suspended_at = coalesce(activated_at, created_at)
  WHERE state = 'active' AND subscriber IN (SELECT id FROM subscriber WHERE suspended_at IS NOT NULL);
ALTER TABLE session ADD COLUMN coa INTEGER REFERENCES outbox DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE session ADD COLUMN garden INTEGER CHECK (garden IN (0, 1));
ALTER TABLE session ADD COLUMN profile TEXT CHECK (json_valid(profile));
CREATE INDEX session_open_of ON session (subscriber) WHERE ended_at IS NULL AND subscriber IS NOT NULL;
ALTER TABLE outbox ADD COLUMN desired TEXT CHECK (json_valid(desired));
ALTER TABLE batch ADD COLUMN suspends INTEGER NOT NULL DEFAULT 0 CHECK (suspends >= 0);
ALTER TABLE batch ADD COLUMN coas INTEGER NOT NULL DEFAULT 0 CHECK (coas >= 0);
-- Suspends that wait for approval: their subscribers are in service still.
CREATE TABLE held_suspend (
  subscriber      INTEGER PRIMARY KEY REFERENCES subscriber,
  batch           INTEGER NOT NULL REFERENCES batch,
  count           INTEGER NOT NULL CHECK (count > 0),
  reason          TEXT    NOT NULL,
  actor           TEXT    NOT NULL,
  send_coa        INTEGER NOT NULL CHECK (send_coa IN (0, 1)),
  send_disconnect INTEGER NOT NULL CHECK (send_disconnect IN (0, 1)),
  at              INTEGER NOT NULL
) STRICT;
CREATE INDEX held_suspend_batch ON held_suspend (batch);

-- Whose ends on a unit were only inferred: numbers of sessions, with commas between them.
ALTER TABLE pool_free ADD COLUMN doubted TEXT NOT NULL DEFAULT '';
-- They may be there still, whoever had the unit meanwhile. What version 3 has set free is free.
UPDATE pool_free SET doubted = k.row->>'doubted', left_at = k.row->>'leftAt' FROM kept_004 k
  WHERE k.what = 'doubted' AND pool_free.pool = k.row->>'pool' AND pool_free.net = unhex(k.row->>'net')
    AND pool_free.plen = k.row->>'plen' AND pool_free.state <> 'free';
-- How an assignment is to take the place of the one that it supersedes.
ALTER TABLE assignment ADD COLUMN renumber TEXT CHECK (json_valid(renumber));
-- Whose alarm counts a conflict. The pools of a VRF do not overlap, but for one that the config has dropped and nobody used.
ALTER TABLE conflict ADD COLUMN pool INTEGER REFERENCES pool;
UPDATE conflict SET pool = coalesce(
  (SELECT a.pool FROM assignment a WHERE a.id = conflict.assignment),
  (SELECT p.id FROM pool p WHERE p.vrf = conflict.vrf AND length(p.net) = length(conflict.net)
      AND p.net <= conflict.net AND p.plen <= conflict.plen AND ${beginning('p.net', 'p.plen')} = ${beginning('conflict.net', 'p.plen')}
    ORDER BY p.retired_at IS NOT NULL LIMIT 1))
  WHERE closed_at IS NULL;
-- Who stands on a unit without an assignment.
CREATE INDEX conflict_occupied ON conflict (vrf, net) WHERE kind = 'occupied' AND closed_at IS NULL;
CREATE INDEX assignment_supersedes ON assignment (supersedes) WHERE supersedes IS NOT NULL;
-- The routed subnets that ride on an assignment.
CREATE INDEX assignment_parent ON assignment (parent) WHERE parent IS NOT NULL;

-- While a deferred key waits for its row, each row that is inserted there is looked up among those that refer to it.
-- Without these, one Disconnect that is ordered reads every session.
CREATE INDEX session_disconnect ON session (disconnect) WHERE disconnect IS NOT NULL;
CREATE INDEX session_coa ON session (coa) WHERE coa IS NOT NULL;
CREATE INDEX outbox_session ON outbox (session) WHERE session IS NOT NULL;

-- A renumbering goes on. Where what it was to replace has ended meanwhile, the new one stands by itself.
UPDATE assignment SET renumber = k.row FROM kept_004 k
  WHERE k.what = 'renumber' AND assignment.id = CAST(k.ref AS INTEGER)
    AND (k.row->>'outcome' IS NOT NULL OR assignment.state NOT IN ${SERVED}
      OR (SELECT o.state FROM assignment o WHERE o.id = assignment.supersedes) IN ${SERVED});
UPDATE batch SET suspends = k.row->>'suspends', coas = k.row->>'coas'
  FROM kept_004 k WHERE k.what = 'batch' AND batch.id = CAST(k.ref AS INTEGER);
INSERT INTO held_suspend (subscriber, batch, count, reason, actor, send_coa, send_disconnect, at)
  SELECT CAST(ref AS INTEGER), row->>'batch', row->>'count', row->>'reason', row->>'actor', row->>'sendCoa', row->>'sendDisconnect',
         row->>'at'
    FROM kept_004 WHERE what = 'held-suspend';
-- Version 3 did not see them when it was told what becomes of their batch.
INSERT OR IGNORE INTO deadline (kind, ref, due_at)
  SELECT DISTINCT 'approval', CAST(b.id AS TEXT), b.decided_at FROM held_suspend h JOIN batch b ON b.id = h.batch
    WHERE b.status <> 'open';
INSERT OR IGNORE INTO deadline (kind, ref, due_at)
  SELECT row->>'kind', row->>'ref', row->>'dueAt' FROM kept_004 k
    WHERE what = 'deadline' AND (row->>'kind' <> 'renumber' OR EXISTS (
      SELECT 1 FROM assignment a WHERE a.id = CAST(row->>'ref' AS INTEGER) AND a.renumber IS NOT NULL));
-- A session that version 3 has opened on a parent carries the subnets that were in service then.
CREATE TABLE carried_004 (session INTEGER NOT NULL, assignment INTEGER NOT NULL, PRIMARY KEY (session, assignment)) STRICT;
INSERT INTO carried_004 (session, assignment)
  SELECT s.id, a.id FROM kept_004 k JOIN session s ON s.id > CAST(k.row AS INTEGER) AND s.ended_at IS NULL
    JOIN json_each(s.addresses) x ON x.value->>2 = 'held'
    JOIN assignment a ON a.parent = x.value->>3 AND a.state IN ('active', 'suspended') AND a.allocated_at <= s.started_at
   WHERE k.what = 'sessions' AND NOT EXISTS (SELECT 1 FROM json_each(s.addresses) y WHERE y.value->>3 = a.id)
   GROUP BY s.id, a.id;
INSERT OR REPLACE INTO witness (assignment, source, ref, standing, opened_at)
  SELECT c.assignment, 'session', s.id, 'held', s.first_seen_at FROM carried_004 c JOIN session s ON s.id = c.session;
UPDATE session SET addresses = (SELECT json_group_array(json(v)) FROM (
    SELECT value AS v FROM json_each(session.addresses)
    UNION ALL
    SELECT json_array(lower(hex(a.net)) || '/' || a.plen, 'parent', 'held', a.id, NULL, session.started_at)
      FROM carried_004 c JOIN assignment a ON a.id = c.assignment WHERE c.session = session.id))
  WHERE id IN (SELECT session FROM carried_004);
DROP TABLE carried_004;
DROP TABLE kept_004;
`;

/**
 * An addrd that knows no CoA sends none: what is pending is superseded. Suspended assignments stay so, and can be revoked.
 * What version 3 cannot hold and would be missed is put aside for the way up: suspensions and those that wait for approval,
 * renumberings, what is due of a pool, what it covered before, what of it waits, and who may be on its units still.
 */
export const DOWN = `
CREATE TABLE ${KEPT};
INSERT INTO kept_004 (what, ref, row)
  SELECT 'subscriber', CAST(id AS TEXT),
         json_object('generation', generation, 'suspendedAt', suspended_at, 'service', json(service))
    FROM subscriber WHERE generation > 0
  UNION ALL SELECT 'renumber', CAST(id AS TEXT), renumber FROM assignment WHERE renumber IS NOT NULL
  UNION ALL SELECT 'batch', CAST(id AS TEXT), json_object('suspends', suspends, 'coas', coas)
    FROM batch WHERE suspends > 0 OR coas > 0
  UNION ALL SELECT 'held-suspend', CAST(subscriber AS TEXT), json_object('batch', batch, 'count', count, 'reason', reason,
         'actor', actor, 'sendCoa', send_coa, 'sendDisconnect', send_disconnect, 'at', at)
    FROM held_suspend
  UNION ALL SELECT 'deadline', kind || '/' || ref, json_object('kind', kind, 'ref', ref, 'dueAt', due_at)
    FROM deadline WHERE kind IN ('pool-trim', 'pool-kind', 'renumber')
  UNION ALL SELECT 'pool', CAST(id AS TEXT), json_object('former', former, 'unsureSince', unsure_since, 'unsurePart', unsure_part)
    FROM pool WHERE former <> '' OR unsure_part <> ''
  UNION ALL SELECT 'parts', CAST(id AS TEXT), 'null'
    FROM pool WHERE reserved_ranges <> '' OR excluded_ranges <> iif(${HAS_EDGES}, ${EDGES}, '')
  UNION ALL SELECT 'doubted', pool || '/' || hex(net) || '/' || plen,
         json_object('pool', pool, 'net', hex(net), 'plen', plen, 'doubted', doubted, 'leftAt', left_at)
    FROM pool_free WHERE doubted <> ''
  UNION ALL SELECT 'sessions', 'last', CAST(coalesce(max(id), 0) AS TEXT) FROM session;
DROP INDEX outbox_session; DROP INDEX session_coa; DROP INDEX session_disconnect;
ALTER TABLE pool_free DROP COLUMN doubted;
DROP INDEX assignment_parent; DROP INDEX assignment_supersedes; DROP INDEX conflict_occupied;
ALTER TABLE conflict DROP COLUMN pool;
ALTER TABLE assignment DROP COLUMN renumber;
DROP TABLE held_suspend;
ALTER TABLE batch DROP COLUMN coas; ALTER TABLE batch DROP COLUMN suspends;
UPDATE session SET disconnect = NULL
  WHERE disconnect IN (SELECT id FROM outbox WHERE desired IS NOT NULL AND status = 'pending' AND orders = '[]');
UPDATE outbox SET status = 'superseded', outcome = 'no-coa', finished_at = due_at
  WHERE status = 'pending' AND (kind = 'nas.coa' OR (desired IS NOT NULL AND orders = '[]'));
-- With the profiles goes who was not told: a later addrd tells them again.
UPDATE alarm SET active = 0, cleared_at = coalesce(cleared_at, last_at), cleared_by = coalesce(cleared_by, 'addrd')
  WHERE cause = 'coa-unconfirmed';
DROP INDEX session_open_of;
ALTER TABLE session DROP COLUMN profile; ALTER TABLE session DROP COLUMN garden; ALTER TABLE session DROP COLUMN coa;
ALTER TABLE outbox DROP COLUMN desired;
ALTER TABLE subscriber DROP COLUMN service; ALTER TABLE subscriber DROP COLUMN suspended_at;
ALTER TABLE subscriber DROP COLUMN generation;
ALTER TABLE nas DROP COLUMN skew_seen_at;
ALTER TABLE nas DROP COLUMN skew_since;
ALTER TABLE nas DROP COLUMN skew_ms;
ALTER TABLE deadline RENAME TO deadline_old;
CREATE TABLE deadline (
  kind   TEXT    NOT NULL CHECK (kind IN ('quarantine', 'evidence', 'epoch-grace', 'maintenance', 'approval')),
  ref    TEXT    NOT NULL,
  due_at INTEGER NOT NULL,
  PRIMARY KEY (kind, ref)
) STRICT, WITHOUT ROWID;
INSERT INTO deadline SELECT kind, ref, due_at FROM deadline_old WHERE kind NOT IN ('pool-trim', 'pool-kind', 'renumber');
DROP TABLE deadline_old;
CREATE INDEX deadline_due ON deadline (due_at);
DROP INDEX pool_free_former;
DROP INDEX pool_free_next;
CREATE INDEX pool_free_next ON pool_free (pool, free_at, net) WHERE state = 'free';
ALTER TABLE pool ADD COLUMN excluded INTEGER NOT NULL DEFAULT 0 CHECK (excluded >= 0);
UPDATE pool SET excluded = iif(length(net) = 4, 2, 1) WHERE use = 'address' AND length(net) * 8 - plen >= 2;
ALTER TABLE pool DROP COLUMN unsure_part;
ALTER TABLE pool DROP COLUMN strayed; ALTER TABLE pool DROP COLUMN former;
ALTER TABLE pool DROP COLUMN used_outside; ALTER TABLE pool DROP COLUMN used_reserved;
ALTER TABLE pool DROP COLUMN used_excluded; ALTER TABLE pool DROP COLUMN skips;
ALTER TABLE pool DROP COLUMN reserved_ranges; ALTER TABLE pool DROP COLUMN excluded_ranges;
ALTER TABLE pool_free DROP COLUMN left_at;
ALTER TABLE session DROP COLUMN vrf;
`;
