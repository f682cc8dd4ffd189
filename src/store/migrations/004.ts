/** Migration 004: a session stands in the VRF that its NAS had when it was opened; subscribers are suspended, sessions told by CoA. */
export const UP = `
ALTER TABLE session ADD COLUMN vrf INTEGER REFERENCES vrf;
UPDATE session SET vrf = (SELECT n.vrf FROM nas n WHERE n.id = session.nas);

-- Suspension is a flag on the subscriber; the generation rises with each suspend and reactivate.
ALTER TABLE subscriber ADD COLUMN generation INTEGER NOT NULL DEFAULT 0 CHECK (generation >= 0);
ALTER TABLE subscriber ADD COLUMN suspended_at INTEGER CHECK (suspended_at IS NULL OR generation > 0);
ALTER TABLE subscriber ADD COLUMN service TEXT CHECK (json_valid(service));
-- Who was suspended before a step down to version 3 still is.
UPDATE subscriber SET generation = 1, suspended_at = h.at,
       service = json_object('at', h.at, 'actor', 'addrd', 'reason', 'suspended before', 'sendCoa', json('true'), 'sendDisconnect', json('false'))
  FROM (SELECT subscriber AS id, max(suspended_at) AS at FROM assignment WHERE state = 'suspended' GROUP BY subscriber) h
  WHERE h.id = subscriber.id;
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
`;

/** An addrd that knows no CoA sends none: what is pending is superseded. Suspended assignments stay so, and can be revoked. */
export const DOWN = `
DROP TABLE held_suspend;
ALTER TABLE batch DROP COLUMN coas; ALTER TABLE batch DROP COLUMN suspends;
UPDATE session SET disconnect = NULL
  WHERE disconnect IN (SELECT id FROM outbox WHERE desired IS NOT NULL AND status = 'pending' AND orders = '[]');
UPDATE outbox SET status = 'superseded', outcome = 'no-coa', finished_at = due_at
  WHERE status = 'pending' AND (kind = 'nas.coa' OR (desired IS NOT NULL AND orders = '[]'));
DROP INDEX session_open_of;
ALTER TABLE session DROP COLUMN profile; ALTER TABLE session DROP COLUMN garden; ALTER TABLE session DROP COLUMN coa;
ALTER TABLE outbox DROP COLUMN desired;
ALTER TABLE subscriber DROP COLUMN service; ALTER TABLE subscriber DROP COLUMN suspended_at;
ALTER TABLE subscriber DROP COLUMN generation;
ALTER TABLE session DROP COLUMN vrf;
`;
