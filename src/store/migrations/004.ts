/** Migration 004: a session stands in the VRF that its NAS had when it was opened; a NAS has a clock of its own. */
export const UP = `
ALTER TABLE session ADD COLUMN vrf INTEGER REFERENCES vrf;
UPDATE session SET vrf = (SELECT n.vrf FROM nas n WHERE n.id = session.nas);

ALTER TABLE nas ADD COLUMN skew_ms INTEGER;
ALTER TABLE nas ADD COLUMN skew_since INTEGER NOT NULL DEFAULT 0;
ALTER TABLE nas ADD COLUMN skew_seen_at INTEGER NOT NULL DEFAULT 0;
`;

export const DOWN = `
ALTER TABLE nas DROP COLUMN skew_seen_at;
ALTER TABLE nas DROP COLUMN skew_since;
ALTER TABLE nas DROP COLUMN skew_ms;
ALTER TABLE session DROP COLUMN vrf;
`;
