/** Migration 005: the ledger. */

/** What a step down to version 4 keeps of this version, each in JSON; a step below version 3 drops it. */
const KEPT =
  'kept_005 (what TEXT NOT NULL, ref TEXT NOT NULL, row TEXT NOT NULL, PRIMARY KEY (what, ref)) STRICT, WITHOUT ROWID';

export const UP = `
-- Of what stretch of time nothing is known: nas 0 is addrd itself, which did not listen.
CREATE TABLE gap (
  nas   INTEGER NOT NULL,
  until INTEGER NOT NULL,
  since INTEGER NOT NULL CHECK (since <= until),
  PRIMARY KEY (nas, until)
) STRICT, WITHOUT ROWID;
INSERT OR IGNORE INTO gap (nas, until, since)
  SELECT 0, max(g.alive, j.at), min(g.alive, j.at) FROM journal j,
    (SELECT id, CAST(round(unixepoch(detail->>'alive_until', 'subsec') * 1000) AS INTEGER) AS alive FROM journal WHERE kind = 'gap') g
   WHERE j.id = g.id AND g.alive IS NOT NULL;

-- The last run of each background task.
CREATE TABLE task (
  name       TEXT    PRIMARY KEY,
  actor      TEXT    NOT NULL,
  started_at INTEGER NOT NULL,
  touched_at INTEGER NOT NULL,
  ended_at   INTEGER,
  code       TEXT,
  detail     TEXT,
  progress   TEXT    NOT NULL CHECK (json_valid(progress)),
  done_at    INTEGER,
  done       TEXT    NOT NULL CHECK (json_valid(done)),
  CHECK ((ended_at IS NULL) = (code IS NULL))
) STRICT, WITHOUT ROWID;

-- Of whom and of what nothing is deleted.
CREATE TABLE hold (
  ref        TEXT    PRIMARY KEY,
  tenant     TEXT    NOT NULL,
  subscriber INTEGER REFERENCES subscriber,
  net        BLOB    CHECK (length(net) IN (4, 16)),
  plen       INTEGER,
  vrf        INTEGER REFERENCES vrf,
  actor      TEXT    NOT NULL,
  reason     TEXT    NOT NULL,
  since      INTEGER NOT NULL,
  ended_at   INTEGER,
  ended_by   TEXT,
  CHECK ((subscriber IS NULL) <> (net IS NULL)),
  CHECK ((net IS NULL) = (plen IS NULL)),
  CHECK ((ended_at IS NULL) = (ended_by IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX hold_open ON hold (ref) WHERE ended_at IS NULL;

-- What a step down to version 4 kept.
CREATE TABLE IF NOT EXISTS ${KEPT};
INSERT OR IGNORE INTO gap SELECT row->>'nas', row->>'until', row->>'since' FROM kept_005 WHERE what = 'gap';
-- What an assignment was in the system that it was imported from.
ALTER TABLE assignment ADD COLUMN imported TEXT CHECK (json_valid(imported));
UPDATE assignment SET imported = k.row FROM kept_005 k WHERE k.what = 'imported' AND assignment.id = CAST(k.ref AS INTEGER);
INSERT INTO task SELECT row->>'name', row->>'actor', row->>'started_at', row->>'touched_at', row->>'ended_at', row->>'code', row->>'detail', row->>'progress', row->>'done_at', row->>'done' FROM kept_005 WHERE what = 'task';
INSERT INTO hold SELECT row->>'ref', row->>'tenant', row->>'subscriber', unhex(row->>'net'), row->>'plen', row->>'vrf', row->>'actor', row->>'reason', row->>'since', row->>'ended_at', row->>'ended_by' FROM kept_005 WHERE what = 'hold';
DROP TABLE kept_005;

-- What the journal says of a session.
CREATE INDEX journal_session ON journal (session, id) WHERE session IS NOT NULL;
-- And of a NAS.
CREATE INDEX journal_nas ON journal (nas, id) WHERE nas IS NOT NULL;

-- A pool waits until its NASes were heard, and until the sessions that never report were looked at.
ALTER TABLE deadline RENAME TO deadline_old;
CREATE TABLE deadline (
  kind   TEXT    NOT NULL
    CHECK (kind IN ('quarantine', 'evidence', 'epoch-grace', 'maintenance', 'approval', 'pool-trim', 'pool-kind', 'pool-wait', 'task', 'renumber')),
  ref    TEXT    NOT NULL,
  due_at INTEGER NOT NULL,
  PRIMARY KEY (kind, ref)
) STRICT, WITHOUT ROWID;
INSERT INTO deadline SELECT kind, ref, due_at FROM deadline_old WHERE kind <> 'pool-wait';
DROP TABLE deadline_old;
CREATE INDEX deadline_due ON deadline (due_at);
ALTER TABLE pool ADD COLUMN survey TEXT;
-- Version 4 does not say when a wait is over; none lasts for a day.
UPDATE pool SET unsure_since = NULL, unsure_part = ''
  WHERE retired_at IS NULL AND unsure_since < (SELECT value - 86400000 FROM meta WHERE key = 'alive_at');
UPDATE pool SET survey = '0/' WHERE unsure_since IS NOT NULL AND retired_at IS NULL;
INSERT INTO deadline (kind, ref, due_at) SELECT 'pool-wait', CAST(id AS TEXT), unsure_since FROM pool WHERE survey IS NOT NULL;
INSERT INTO deadline (kind, ref, due_at) SELECT 'task', name, touched_at FROM task WHERE ended_at IS NULL;
`;

export const DOWN = `
ALTER TABLE pool DROP COLUMN survey;
ALTER TABLE deadline RENAME TO deadline_old;
CREATE TABLE deadline (
  kind   TEXT    NOT NULL
    CHECK (kind IN ('quarantine', 'evidence', 'epoch-grace', 'maintenance', 'approval', 'pool-trim', 'pool-kind', 'renumber')),
  ref    TEXT    NOT NULL,
  due_at INTEGER NOT NULL,
  PRIMARY KEY (kind, ref)
) STRICT, WITHOUT ROWID;
INSERT INTO deadline SELECT kind, ref, due_at FROM deadline_old WHERE kind NOT IN ('pool-wait', 'task');
DROP TABLE deadline_old;
CREATE INDEX deadline_due ON deadline (due_at);
DROP INDEX journal_session; DROP INDEX journal_nas;
CREATE TABLE ${KEPT};
INSERT INTO kept_005 (what, ref, row)
  SELECT 'gap', nas || '/' || until, json_object('nas', nas, 'until', until, 'since', since) FROM gap;
DROP TABLE gap;
INSERT INTO kept_005 (what, ref, row) SELECT 'imported', CAST(id AS TEXT), imported FROM assignment WHERE imported IS NOT NULL;
ALTER TABLE assignment DROP COLUMN imported;
INSERT INTO kept_005 (what, ref, row)
  SELECT 'task', name, json_object('name', name, 'actor', actor, 'started_at', started_at, 'touched_at', touched_at, 'ended_at', ended_at, 'code', code, 'detail', detail, 'progress', progress, 'done_at', done_at, 'done', done) FROM task;
DROP TABLE task;
INSERT INTO kept_005 (what, ref, row)
  SELECT 'hold', ref, json_object('ref', ref, 'tenant', tenant, 'subscriber', subscriber, 'net', iif(net IS NULL, NULL, hex(net)), 'plen', plen, 'vrf', vrf, 'actor', actor, 'reason', reason, 'since', since, 'ended_at', ended_at, 'ended_by', ended_by) FROM hold;
DROP TABLE hold;
`;
