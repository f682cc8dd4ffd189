/** Migration 004: a session stands in the VRF that its NAS had when it was opened; pools have ranges, and change size. */
/** An IPv4 prefix's first address as a number: SQLite has no function for that. */
const NET = Array.from({ length: 8 }, (_, k) => {
  return `((instr('0123456789ABCDEF', substr(hex(net), ${String(k + 1)}, 1)) - 1) << ${String(28 - 4 * k)})`;
}).join(' + ');

export const UP = `
ALTER TABLE session ADD COLUMN vrf INTEGER REFERENCES vrf;
UPDATE session SET vrf = (SELECT n.vrf FROM nas n WHERE n.id = session.nas);

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
-- What was excluded so far: the first address, and of IPv4 the last (RFC 3021, RFC 4291 section 2.6.1).
UPDATE pool SET excluded_ranges = CASE length(net)
  WHEN 4 THEN format('%x-%x,%x-%x', ${NET}, ${NET}, (${NET}) | ((1 << (32 - plen)) - 1), (${NET}) | ((1 << (32 - plen)) - 1))
  ELSE lower(hex(net)) || '-' || lower(hex(net)) END
  WHERE use = 'address' AND length(net) * 8 - plen >= 2;
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
    CHECK (kind IN ('quarantine', 'evidence', 'epoch-grace', 'maintenance', 'approval', 'pool-trim')),
  ref    TEXT    NOT NULL,
  due_at INTEGER NOT NULL,
  PRIMARY KEY (kind, ref)
) STRICT, WITHOUT ROWID;
INSERT INTO deadline SELECT kind, ref, due_at FROM deadline_old;
DROP TABLE deadline_old;
CREATE INDEX deadline_due ON deadline (due_at);
`;

export const DOWN = `
ALTER TABLE deadline RENAME TO deadline_old;
CREATE TABLE deadline (
  kind   TEXT    NOT NULL CHECK (kind IN ('quarantine', 'evidence', 'epoch-grace', 'maintenance', 'approval')),
  ref    TEXT    NOT NULL,
  due_at INTEGER NOT NULL,
  PRIMARY KEY (kind, ref)
) STRICT, WITHOUT ROWID;
INSERT INTO deadline SELECT kind, ref, due_at FROM deadline_old WHERE kind <> 'pool-trim';
DROP TABLE deadline_old;
CREATE INDEX deadline_due ON deadline (due_at);
DROP INDEX pool_free_former;
DROP INDEX pool_free_next;
CREATE INDEX pool_free_next ON pool_free (pool, free_at, net) WHERE state = 'free';
ALTER TABLE pool ADD COLUMN excluded INTEGER NOT NULL DEFAULT 0 CHECK (excluded >= 0);
UPDATE pool SET excluded = iif(length(net) = 4, 2, 1) WHERE use = 'address' AND length(net) * 8 - plen >= 2;
ALTER TABLE pool DROP COLUMN strayed; ALTER TABLE pool DROP COLUMN former;
ALTER TABLE pool DROP COLUMN used_outside; ALTER TABLE pool DROP COLUMN used_reserved;
ALTER TABLE pool DROP COLUMN used_excluded; ALTER TABLE pool DROP COLUMN skips;
ALTER TABLE pool DROP COLUMN reserved_ranges; ALTER TABLE pool DROP COLUMN excluded_ranges;
ALTER TABLE session DROP COLUMN vrf;
`;
