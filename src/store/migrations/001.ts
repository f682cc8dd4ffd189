/** Migration 001: every table. Times are Unix milliseconds; prefixes are canonical octets and a length. */
export const UP = `
CREATE TABLE meta (
  key   TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE vrf (
  id   INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE
) STRICT;
INSERT INTO vrf (id, name) VALUES (0, 'global');

CREATE TABLE subscriber (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant     TEXT    NOT NULL,
  name       TEXT    NOT NULL CHECK (name <> ''),
  usernames  INTEGER NOT NULL CHECK (usernames >= 0),
  created_at INTEGER NOT NULL,
  UNIQUE (tenant, name)
) STRICT;

CREATE TABLE identity (
  tenant     TEXT    NOT NULL,
  type       TEXT    NOT NULL CHECK (type IN ('class', 'username', 'circuit-id', 'remote-id', 'mac', 'duid', 'client-id')),
  scope      TEXT    NOT NULL,
  bytes      BLOB    NOT NULL,
  subscriber INTEGER NOT NULL REFERENCES subscriber,
  provenance TEXT    NOT NULL CHECK (provenance IN ('configured', 'observed', 'imported')),
  created_at INTEGER NOT NULL,
  PRIMARY KEY (tenant, type, scope, bytes)
) STRICT, WITHOUT ROWID;
CREATE INDEX identity_subscriber ON identity (subscriber);

CREATE TABLE pool (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant      TEXT    NOT NULL,
  name        TEXT    NOT NULL,
  vrf         INTEGER NOT NULL REFERENCES vrf,
  family      TEXT    NOT NULL CHECK (family IN ('ipv4', 'ipv6', 'ipv6-pd')),
  use         TEXT    NOT NULL CHECK (use IN ('address', 'wan-prefix', 'delegated', 'routed')),
  kind        TEXT    NOT NULL CHECK (kind IN ('static', 'dynamic', 'external')),
  net         BLOB    NOT NULL,
  plen        INTEGER NOT NULL,
  unit_length INTEGER NOT NULL,
  cursor      BLOB    NOT NULL CHECK (length(cursor) = 17), -- a number of up to 2^128: seventeen octets, big-endian
  held        INTEGER NOT NULL CHECK (held >= 0),
  barred      INTEGER NOT NULL CHECK (barred >= 0),
  freed       INTEGER NOT NULL CHECK (freed >= 0),
  excluded    INTEGER NOT NULL CHECK (excluded >= 0),
  retired_at  INTEGER,
  UNIQUE (tenant, name),
  CHECK (length(net) = CASE family WHEN 'ipv4' THEN 4 ELSE 16 END),
  CHECK (plen BETWEEN 0 AND unit_length AND unit_length <= length(net) * 8)
) STRICT;

CREATE TABLE pool_free (
  pool       INTEGER NOT NULL REFERENCES pool,
  net        BLOB    NOT NULL,
  plen       INTEGER NOT NULL,
  state      TEXT    NOT NULL CHECK (state IN ('quarantined', 'free', 'occupied', 'reserved')),
  free_at    INTEGER NOT NULL,
  occupants  INTEGER NOT NULL CHECK (occupants >= 0),
  assignment INTEGER REFERENCES assignment,
  subscriber INTEGER REFERENCES subscriber,
  PRIMARY KEY (pool, net, plen),
  CHECK (state <> 'occupied' OR occupants > 0),
  CHECK (state NOT IN ('free', 'quarantined') OR occupants = 0)
) STRICT, WITHOUT ROWID;
CREATE INDEX pool_free_next ON pool_free (pool, free_at, net) WHERE state = 'free';

CREATE TABLE nas (
  id                INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant            TEXT    NOT NULL,
  kind              TEXT    NOT NULL CHECK (kind IN ('source-address', 'nas-identifier', 'nas-ip-address')),
  bytes             BLOB    NOT NULL,
  entry             TEXT    NOT NULL,
  vrf               INTEGER NOT NULL REFERENCES vrf,
  address           BLOB    NOT NULL CHECK (length(address) IN (4, 16)),
  epoch             INTEGER NOT NULL,
  epoch_received_at INTEGER NOT NULL,
  epoch_at          INTEGER NOT NULL,
  heard_since       INTEGER NOT NULL,
  heard_until       INTEGER NOT NULL,
  created_at        INTEGER NOT NULL,
  UNIQUE (tenant, kind, bytes)
) STRICT;
CREATE INDEX nas_vrf ON nas (vrf);

CREATE TABLE nas_epoch (
  nas         INTEGER NOT NULL REFERENCES nas,
  epoch       INTEGER NOT NULL,
  cause       TEXT    NOT NULL CHECK (cause IN ('nas-on', 'nas-off')),
  at          INTEGER NOT NULL,
  received_at INTEGER NOT NULL,
  PRIMARY KEY (nas, epoch)
) STRICT, WITHOUT ROWID;

CREATE TABLE assignment (
  id           INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant       TEXT    NOT NULL,
  subscriber   INTEGER NOT NULL REFERENCES subscriber,
  pool         INTEGER NOT NULL REFERENCES pool,
  vrf          INTEGER NOT NULL REFERENCES vrf,
  family       TEXT    NOT NULL CHECK (family IN ('ipv4', 'ipv6', 'ipv6-pd')),
  use          TEXT    NOT NULL CHECK (use IN ('address', 'wan-prefix', 'delegated', 'routed')),
  net          BLOB    NOT NULL,
  plen         INTEGER NOT NULL,
  state        TEXT    NOT NULL
    CHECK (state IN ('pending', 'allocated', 'active', 'suspended', 'revoking', 'revoked', 'failed')),
  generation   INTEGER NOT NULL CHECK (generation > 0),
  parent       INTEGER REFERENCES assignment, -- of a routed subnet
  supersedes   INTEGER REFERENCES assignment, -- when renumbered
  provenance   TEXT    NOT NULL DEFAULT 'allocated' CHECK (provenance IN ('allocated', 'observed', 'imported')),
  created_at   INTEGER NOT NULL,
  allocated_at INTEGER,
  activated_at INTEGER,
  suspended_at INTEGER,
  revoking_at  INTEGER,
  revoked_at   INTEGER,
  revoke       TEXT CHECK (json_valid(revoke)),
  evidence     TEXT CHECK (json_valid(evidence)),
  stuck        TEXT,
  metadata     TEXT CHECK (json_valid(metadata)),
  CHECK (length(net) = CASE family WHEN 'ipv4' THEN 4 ELSE 16 END),
  CHECK (plen BETWEEN 0 AND length(net) * 8),
  CHECK ((state = 'revoked') = (revoked_at IS NOT NULL)),
  CHECK (state <> 'revoked' OR evidence IS NOT NULL),
  CHECK (state NOT IN ('allocated', 'active', 'suspended') OR allocated_at IS NOT NULL),
  CHECK (state <> 'revoking' OR revoke IS NOT NULL)
) STRICT;
CREATE INDEX assignment_subscriber ON assignment (subscriber, state);
CREATE INDEX assignment_revoking ON assignment (revoking_at) WHERE state = 'revoking';

CREATE TRIGGER assignment_revoked_is_final BEFORE UPDATE OF state ON assignment
WHEN OLD.state = 'revoked' AND NEW.state <> 'revoked'
BEGIN SELECT RAISE(ABORT, 'a revoked assignment is final'); END;

-- Liveness is the presence of this row. Octet strings of equal length compare as numbers, so lo and hi are a range.
CREATE TABLE live (
  vrf        INTEGER NOT NULL REFERENCES vrf,
  family     INTEGER NOT NULL CHECK (family IN (4, 6)),
  lo         BLOB    NOT NULL,
  hi         BLOB    NOT NULL,
  plen       INTEGER NOT NULL,
  assignment INTEGER NOT NULL UNIQUE REFERENCES assignment,
  PRIMARY KEY (vrf, family, lo),
  CHECK (length(lo) = CASE family WHEN 4 THEN 4 ELSE 16 END AND length(hi) = length(lo) AND lo <= hi)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER live_overlap BEFORE INSERT ON live
WHEN EXISTS (
       SELECT 1 FROM (SELECT hi FROM live WHERE vrf = NEW.vrf AND family = NEW.family AND lo <= NEW.lo
                      ORDER BY lo DESC LIMIT 1) WHERE hi >= NEW.lo)
  OR EXISTS (
       SELECT 1 FROM (SELECT lo FROM live WHERE vrf = NEW.vrf AND family = NEW.family AND lo >= NEW.lo
                      ORDER BY lo LIMIT 1) WHERE lo <= NEW.hi)
BEGIN SELECT RAISE(ABORT, 'two live prefixes overlap'); END;

CREATE TRIGGER live_is_replaced BEFORE UPDATE ON live
BEGIN SELECT RAISE(ABORT, 'a live row is deleted and inserted, never updated'); END;

CREATE TABLE assignment_step (
  assignment INTEGER NOT NULL REFERENCES assignment,
  step       TEXT    NOT NULL CHECK (step IN ('netbox', 'aaa', 'cpe', 'disconnect', 'evidence', 'release')),
  state      TEXT    NOT NULL CHECK (state IN ('waiting', 'done', 'skipped', 'failed')),
  attempts   INTEGER NOT NULL,
  due_at     INTEGER,
  outcome    TEXT,
  started_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (assignment, step)
) STRICT, WITHOUT ROWID;

CREATE TABLE session (
  id              INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant          TEXT    NOT NULL,
  nas             INTEGER NOT NULL REFERENCES nas,
  sid             BLOB    NOT NULL,
  epoch           INTEGER NOT NULL,
  start_seen      INTEGER NOT NULL CHECK (start_seen IN (0, 1)),
  started_at      INTEGER NOT NULL,
  first_seen_at   INTEGER NOT NULL,
  ended_at        INTEGER,
  end_received_at INTEGER,
  end_kind        TEXT CHECK (end_kind IN ('stop', 'inferred', 'sid-reused')),
  terminate_cause INTEGER,
  username        BLOB,
  subscriber      INTEGER REFERENCES subscriber,
  addresses       TEXT NOT NULL CHECK (json_valid(addresses)),
  disconnect      INTEGER REFERENCES outbox DEFERRABLE INITIALLY DEFERRED,
  CHECK ((ended_at IS NULL) = (end_kind IS NULL) AND (ended_at IS NULL) = (end_received_at IS NULL))
) STRICT;
CREATE UNIQUE INDEX session_open ON session (nas, sid) WHERE ended_at IS NULL;
CREATE INDEX session_sid ON session (nas, sid, id);
CREATE INDEX session_epoch ON session (nas, epoch) WHERE ended_at IS NULL;
CREATE INDEX session_subscriber ON session (subscriber, id) WHERE subscriber IS NOT NULL;

-- The hot row: narrow, and without an index beside its key.
CREATE TABLE session_usage (
  id              INTEGER PRIMARY KEY REFERENCES session,
  updated_at      INTEGER NOT NULL,
  status          INTEGER NOT NULL,
  seconds         INTEGER NOT NULL,
  input_octets    INTEGER NOT NULL,
  output_octets   INTEGER NOT NULL,
  input_packets   INTEGER NOT NULL,
  output_packets  INTEGER NOT NULL,
  event_timestamp INTEGER,
  interims        INTEGER NOT NULL,
  max_gap_ms      INTEGER NOT NULL
) STRICT;

CREATE TABLE lease (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant      TEXT    NOT NULL,
  server      TEXT    NOT NULL,
  vrf         INTEGER NOT NULL REFERENCES vrf,
  net         BLOB    NOT NULL CHECK (length(net) IN (4, 16)),
  plen        INTEGER NOT NULL,
  client      BLOB    NOT NULL,
  state       TEXT    NOT NULL CHECK (state IN ('bound', 'declined', 'expired', 'released')),
  cltt        INTEGER NOT NULL,
  valid_until INTEGER NOT NULL,
  subscriber  INTEGER REFERENCES subscriber,
  assignment  INTEGER REFERENCES assignment,
  first_at    INTEGER NOT NULL,
  updated_at  INTEGER NOT NULL,
  ended_at    INTEGER,
  UNIQUE (server, vrf, net, plen)
) STRICT;

CREATE TABLE witness (
  assignment  INTEGER NOT NULL REFERENCES assignment,
  source      TEXT    NOT NULL CHECK (source IN ('session', 'lease')),
  ref         INTEGER NOT NULL,
  standing    TEXT    NOT NULL CHECK (standing IN ('held', 'contested')),
  opened_at   INTEGER NOT NULL,
  closed_at   INTEGER,
  close_kind  TEXT,
  answer      TEXT CHECK (answer IN ('ack', 'nak-503')),
  answered_at INTEGER,
  PRIMARY KEY (assignment, source, ref),
  CHECK ((closed_at IS NULL) = (close_kind IS NULL))
) STRICT, WITHOUT ROWID;

-- Who had what, and when: one row a tenure and one a session within it. History cannot be filled in later.
CREATE TABLE holding (
  vrf        INTEGER NOT NULL,
  plen       INTEGER NOT NULL,
  net        BLOB    NOT NULL,
  since      INTEGER NOT NULL,
  kind       TEXT    NOT NULL CHECK (kind IN ('tenure', 'session')),
  seq        INTEGER NOT NULL,
  until      INTEGER,
  tenant     TEXT    NOT NULL,
  subscriber INTEGER REFERENCES subscriber,
  assignment INTEGER REFERENCES assignment,
  nas        INTEGER REFERENCES nas,
  confidence TEXT NOT NULL CHECK (confidence IN ('seen', 'authorised', 'inferred', 'overlapping', 'unobserved')),
  PRIMARY KEY (vrf, plen, net, since, kind, seq),
  CHECK (until IS NULL OR until >= since)
) STRICT, WITHOUT ROWID;

-- The prefix lengths that history holds: "who had it" looks once for each.
CREATE TABLE plen_in_use (
  vrf    INTEGER NOT NULL,
  family INTEGER NOT NULL,
  plen   INTEGER NOT NULL,
  PRIMARY KEY (vrf, family, plen)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER holding_plen AFTER INSERT ON holding
BEGIN
  INSERT OR IGNORE INTO plen_in_use (vrf, family, plen)
  VALUES (NEW.vrf, CASE length(NEW.net) WHEN 4 THEN 4 ELSE 6 END, NEW.plen);
END;

CREATE TABLE conflict (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant     TEXT    NOT NULL,
  kind       TEXT    NOT NULL CHECK (kind IN ('contested', 'occupied', 'wider-than-pool')),
  vrf        INTEGER NOT NULL REFERENCES vrf,
  net        BLOB    NOT NULL,
  plen       INTEGER NOT NULL,
  session    INTEGER NOT NULL REFERENCES session,
  assignment INTEGER REFERENCES assignment,
  count      INTEGER NOT NULL CHECK (count > 0),
  first_at   INTEGER NOT NULL,
  last_at    INTEGER NOT NULL,
  closed_at  INTEGER
) STRICT;
CREATE INDEX conflict_open ON conflict (last_at) WHERE closed_at IS NULL;

CREATE TABLE deadline (
  kind   TEXT    NOT NULL CHECK (kind IN ('quarantine', 'evidence', 'epoch-grace')),
  ref    TEXT    NOT NULL,
  due_at INTEGER NOT NULL,
  PRIMARY KEY (kind, ref)
) STRICT, WITHOUT ROWID;
CREATE INDEX deadline_due ON deadline (due_at);

CREATE TABLE outbox (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant      TEXT    NOT NULL,
  kind        TEXT    NOT NULL,
  target      TEXT    NOT NULL,
  subject     TEXT    NOT NULL,
  session     INTEGER REFERENCES session DEFERRABLE INITIALLY DEFERRED,
  orders      TEXT    NOT NULL CHECK (json_valid(orders)),
  status      TEXT    NOT NULL CHECK (status IN ('pending', 'done', 'superseded', 'would-have')),
  attempt     INTEGER NOT NULL CHECK (attempt >= 0),
  due_at      INTEGER NOT NULL,
  created_at  INTEGER NOT NULL,
  started_at  INTEGER,
  finished_at INTEGER,
  outcome     TEXT,
  CHECK ((status = 'pending') = (finished_at IS NULL)),
  CHECK (status <> 'done' OR attempt > 0)
) STRICT;
CREATE INDEX outbox_pending ON outbox (due_at) WHERE status = 'pending';
CREATE UNIQUE INDEX outbox_one_pending ON outbox (kind, target, subject) WHERE status = 'pending';

CREATE TABLE idempotency (
  tenant     TEXT    NOT NULL,
  token      TEXT    NOT NULL,
  key        TEXT    NOT NULL,
  body_hash  BLOB    NOT NULL,
  response   TEXT    NOT NULL CHECK (json_valid(response)),
  created_at INTEGER NOT NULL,
  PRIMARY KEY (tenant, token, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE poison (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  received_at INTEGER NOT NULL,
  source      TEXT    NOT NULL,
  kind        TEXT    NOT NULL,
  raw         BLOB    NOT NULL,
  error       TEXT    NOT NULL
) STRICT;
CREATE INDEX poison_source ON poison (source, id);

CREATE TABLE journal (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  at         INTEGER NOT NULL,
  kind       TEXT    NOT NULL,
  tenant     TEXT    NOT NULL,
  actor      TEXT    NOT NULL,
  subscriber INTEGER,
  assignment INTEGER,
  session    INTEGER,
  nas        INTEGER,
  pool       INTEGER,
  vrf        INTEGER,
  net        BLOB,
  plen       INTEGER,
  from_state TEXT,
  to_state   TEXT,
  code       TEXT,
  detail     TEXT CHECK (json_valid(detail))
) STRICT;
CREATE INDEX journal_subscriber ON journal (subscriber, id) WHERE subscriber IS NOT NULL;
CREATE INDEX journal_assignment ON journal (assignment, id) WHERE assignment IS NOT NULL;

-- The one value that opens the journal for deletion is set and removed by retention, within one transaction.
CREATE TABLE journal_retention (open INTEGER PRIMARY KEY CHECK (open = 1)) STRICT, WITHOUT ROWID;
CREATE TRIGGER journal_append_only_update BEFORE UPDATE ON journal
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER journal_append_only_delete BEFORE DELETE ON journal
WHEN NOT EXISTS (SELECT 1 FROM journal_retention)
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
`;

export const DOWN = `
DROP TABLE journal_retention; DROP TABLE journal; DROP TABLE poison; DROP TABLE idempotency;
DROP TABLE deadline; DROP TABLE conflict; DROP TABLE plen_in_use; DROP TABLE holding; DROP TABLE witness;
DROP TABLE lease; DROP TABLE session_usage; DROP TABLE outbox; DROP TABLE session; DROP TABLE assignment_step;
DROP TABLE live; DROP TABLE pool_free; DROP TABLE assignment; DROP TABLE nas_epoch; DROP TABLE nas;
DROP TABLE pool; DROP TABLE identity; DROP TABLE subscriber; DROP TABLE vrf; DROP TABLE meta;
`;
