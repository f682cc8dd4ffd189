/** Migration 003: brakes, the blast guard, alarms; what a pool remembers while the config does not name it. */
export const UP = `
CREATE TABLE brake (
  kind     TEXT    NOT NULL CHECK (kind IN ('freeze', 'maintenance')),
  ref      TEXT    NOT NULL,
  tenant   TEXT    NOT NULL,
  actor    TEXT    NOT NULL,
  reason   TEXT    NOT NULL CHECK (reason <> ''),
  since    INTEGER NOT NULL,
  until    INTEGER,
  ended_at INTEGER,
  entry    TEXT,
  PRIMARY KEY (kind, ref),
  CHECK (kind <> 'maintenance' OR until IS NOT NULL)
) STRICT, WITHOUT ROWID;

CREATE TABLE batch (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant      TEXT    NOT NULL,
  scope       TEXT    NOT NULL,
  name        TEXT    NOT NULL,
  status      TEXT    NOT NULL CHECK (status IN ('open', 'approved', 'rejected')),
  revokes     INTEGER NOT NULL CHECK (revokes >= 0),
  disconnects INTEGER NOT NULL CHECK (disconnects >= 0),
  opened_at   INTEGER NOT NULL,
  last_at     INTEGER NOT NULL,
  decided_at  INTEGER,
  decided_by  TEXT,
  reason      TEXT,
  CHECK ((status = 'open') = (decided_at IS NULL) AND (status = 'open') = (decided_by IS NULL))
) STRICT;
CREATE UNIQUE INDEX batch_open ON batch (scope) WHERE status = 'open';

CREATE TABLE guard (
  scope TEXT    PRIMARY KEY,
  seq   INTEGER NOT NULL CHECK (seq >= base),
  base  INTEGER NOT NULL CHECK (base >= 0),
  batch INTEGER REFERENCES batch
) STRICT, WITHOUT ROWID;

-- A ring: each new mark takes the place of the one that can count no more.
CREATE TABLE guard_mark (
  scope TEXT    NOT NULL,
  seq   INTEGER NOT NULL,
  at    INTEGER NOT NULL,
  PRIMARY KEY (scope, seq)
) STRICT, WITHOUT ROWID;

-- Revokes that wait for approval: nothing of their assignments has changed yet.
CREATE TABLE approval (
  assignment      INTEGER PRIMARY KEY REFERENCES assignment,
  batch           INTEGER NOT NULL REFERENCES batch,
  reason          TEXT    NOT NULL,
  actor           TEXT    NOT NULL,
  send_disconnect INTEGER NOT NULL CHECK (send_disconnect IN (0, 1)),
  release_to_pool INTEGER NOT NULL CHECK (release_to_pool IN (0, 1)),
  at              INTEGER NOT NULL
) STRICT;
CREATE INDEX approval_batch ON approval (batch);

-- A Disconnect that waits for approval is pending and names its batch.
ALTER TABLE outbox ADD COLUMN batch INTEGER REFERENCES batch;
-- The blast guard counts each Disconnect once, when it first leaves.
ALTER TABLE outbox ADD COLUMN admitted INTEGER NOT NULL DEFAULT 0 CHECK (admitted IN (0, 1));
ALTER TABLE outbox ADD COLUMN cancelled INTEGER NOT NULL DEFAULT 0 CHECK (cancelled BETWEEN 0 AND attempt);
UPDATE outbox SET admitted = 1 WHERE attempt > 0;
CREATE INDEX outbox_batch ON outbox (batch) WHERE batch IS NOT NULL AND status = 'pending';
-- Whoever rejected a Disconnect is heeded until the revoke is said again.
ALTER TABLE assignment_step ADD COLUMN rejected INTEGER REFERENCES batch;

CREATE TABLE alarm (
  cause      TEXT    NOT NULL,
  ref        TEXT    NOT NULL,
  tenant     TEXT    NOT NULL,
  name       TEXT    NOT NULL,
  severity   TEXT    NOT NULL CHECK (severity IN ('critical', 'warning')),
  first_at   INTEGER NOT NULL,
  last_at    INTEGER NOT NULL,
  count      INTEGER NOT NULL CHECK (count > 0),
  active     INTEGER NOT NULL CHECK (active >= 0),
  examples   TEXT    NOT NULL CHECK (json_valid(examples) AND json_array_length(examples) <= 3),
  noted_at   INTEGER NOT NULL,
  cleared_at INTEGER,
  cleared_by TEXT,
  PRIMARY KEY (cause, ref),
  CHECK ((cleared_at IS NULL) = (cleared_by IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX alarm_open ON alarm (cause) WHERE cleared_at IS NULL;

-- The next start sets it to what the config says; one that the config has dropped gets the default of the config.
ALTER TABLE pool ADD COLUMN quarantine_ms INTEGER NOT NULL DEFAULT 3600000 CHECK (quarantine_ms >= 0);
-- What was shown of a retired pool was not noted before: when it comes back, it waits.
ALTER TABLE pool ADD COLUMN unsure_since INTEGER;
UPDATE pool SET unsure_since = retired_at;

-- What began before there were alarms ends as what began since: one by one. The pools of a VRF do not overlap, so that an
-- address lies in the last one that begins before it.
WITH cause (name, pool, first_at, last_at) AS (
  SELECT c.kind, coalesce(a.pool, (SELECT p.id FROM pool p WHERE p.vrf = c.vrf AND length(p.net) = length(c.net)
                                      AND p.net <= c.net ORDER BY p.net DESC LIMIT 1)), c.first_at, c.last_at
    FROM conflict c LEFT JOIN assignment a ON a.id = c.assignment WHERE c.closed_at IS NULL
  UNION ALL
  SELECT 'termination-stuck', pool, coalesce(revoking_at, created_at), coalesce(revoking_at, created_at)
    FROM assignment WHERE state = 'revoking' AND stuck IS NOT NULL
)
INSERT INTO alarm (cause, ref, tenant, name, severity, first_at, last_at, count, active, examples, noted_at)
SELECT c.name, 'pool:' || p.id, p.tenant, p.name, iif(c.name = 'contested', 'critical', 'warning'),
       min(c.first_at), max(c.last_at), count(*), count(*), '[]', max(c.last_at)
  FROM cause c JOIN pool p ON p.id = c.pool GROUP BY c.name, p.id;

ALTER TABLE deadline RENAME TO deadline_old;
CREATE TABLE deadline (
  kind   TEXT    NOT NULL CHECK (kind IN ('quarantine', 'evidence', 'epoch-grace', 'maintenance', 'approval')),
  ref    TEXT    NOT NULL,
  due_at INTEGER NOT NULL,
  PRIMARY KEY (kind, ref)
) STRICT, WITHOUT ROWID;
INSERT INTO deadline SELECT kind, ref, due_at FROM deadline_old;
DROP TABLE deadline_old;
CREATE INDEX deadline_due ON deadline (due_at);
`;

/** What was held back is not sent by an addrd that knows no brakes: it is superseded, and the revoke waits for its Stop. */
export const DOWN = `
-- What version 4 has put aside is of no use below.
DROP TABLE IF EXISTS kept_004;
DROP TABLE IF EXISTS kept_005;
UPDATE session SET disconnect = NULL WHERE disconnect IN (SELECT id FROM outbox WHERE batch IS NOT NULL AND status = 'pending');
UPDATE outbox SET status = 'superseded', outcome = 'not-approved', finished_at = due_at
  WHERE batch IS NOT NULL AND status = 'pending';
ALTER TABLE assignment_step DROP COLUMN rejected;
DROP INDEX outbox_batch;
ALTER TABLE outbox DROP COLUMN cancelled; ALTER TABLE outbox DROP COLUMN admitted;
ALTER TABLE outbox DROP COLUMN batch;
ALTER TABLE pool DROP COLUMN unsure_since;
ALTER TABLE pool DROP COLUMN quarantine_ms;
ALTER TABLE deadline RENAME TO deadline_old;
CREATE TABLE deadline (
  kind   TEXT    NOT NULL CHECK (kind IN ('quarantine', 'evidence', 'epoch-grace')),
  ref    TEXT    NOT NULL,
  due_at INTEGER NOT NULL,
  PRIMARY KEY (kind, ref)
) STRICT, WITHOUT ROWID;
INSERT INTO deadline SELECT kind, ref, due_at FROM deadline_old WHERE kind IN ('quarantine', 'evidence', 'epoch-grace');
DROP TABLE deadline_old;
CREATE INDEX deadline_due ON deadline (due_at);
DROP TABLE alarm; DROP TABLE approval; DROP TABLE guard_mark; DROP TABLE guard; DROP TABLE batch; DROP TABLE brake;
`;
