/** Migration 004: a session stands in the VRF that its NAS had when it was opened. */
export const UP = `
ALTER TABLE session ADD COLUMN vrf INTEGER REFERENCES vrf;
UPDATE session SET vrf = (SELECT n.vrf FROM nas n WHERE n.id = session.nas);
`;

export const DOWN = `
ALTER TABLE session DROP COLUMN vrf;
`;
