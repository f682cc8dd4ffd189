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

-- What a step down to version 4 kept.
CREATE TABLE IF NOT EXISTS ${KEPT};
INSERT OR IGNORE INTO gap SELECT row->>'nas', row->>'until', row->>'since' FROM kept_005 WHERE what = 'gap';
DROP TABLE kept_005;

-- What the journal says of a session.
CREATE INDEX journal_session ON journal (session, id) WHERE session IS NOT NULL;
-- And of a NAS.
CREATE INDEX journal_nas ON journal (nas, id) WHERE nas IS NOT NULL;
`;

export const DOWN = `
DROP INDEX journal_session; DROP INDEX journal_nas;
CREATE TABLE ${KEPT};
INSERT INTO kept_005 (what, ref, row)
  SELECT 'gap', nas || '/' || until, json_object('nas', nas, 'until', until, 'since', since) FROM gap;
DROP TABLE gap;
`;
