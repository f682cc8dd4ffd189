/** Migration 004: the whole lifecycle. */
export const UP = `
-- A session stands in the VRF that its NAS had when it was opened.
ALTER TABLE session ADD COLUMN vrf INTEGER REFERENCES vrf;
UPDATE session SET vrf = (SELECT n.vrf FROM nas n WHERE n.id = session.nas);

-- When a unit was left, which a quarantine that was changed since does not tell. 0: nobody knows.
ALTER TABLE pool_free ADD COLUMN left_at INTEGER NOT NULL DEFAULT 0;
`;

export const DOWN = `
ALTER TABLE pool_free DROP COLUMN left_at;
ALTER TABLE session DROP COLUMN vrf;
`;
