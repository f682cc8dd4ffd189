/**
 * Migration 002: what metrics count. How many assignments are in which state is kept by triggers, so that nobody has to
 * walk over millions of REVOKED ones to know; those that nobody has used yet are found by an index of their own.
 */
export const UP = `
CREATE TABLE assignment_count (
  tenant TEXT    NOT NULL,
  family TEXT    NOT NULL,
  state  TEXT    NOT NULL,
  count  INTEGER NOT NULL CHECK (count >= 0),
  PRIMARY KEY (tenant, family, state)
) STRICT, WITHOUT ROWID;
INSERT INTO assignment_count (tenant, family, state, count)
  SELECT tenant, family, state, count(*) FROM assignment GROUP BY tenant, family, state;

CREATE TRIGGER assignment_count_insert AFTER INSERT ON assignment
BEGIN
  INSERT INTO assignment_count (tenant, family, state, count) VALUES (NEW.tenant, NEW.family, NEW.state, 1)
    ON CONFLICT (tenant, family, state) DO UPDATE SET count = count + 1;
END;
CREATE TRIGGER assignment_count_update AFTER UPDATE OF state ON assignment WHEN OLD.state <> NEW.state
BEGIN
  UPDATE assignment_count SET count = count - 1
    WHERE tenant = OLD.tenant AND family = OLD.family AND state = OLD.state;
  INSERT INTO assignment_count (tenant, family, state, count) VALUES (NEW.tenant, NEW.family, NEW.state, 1)
    ON CONFLICT (tenant, family, state) DO UPDATE SET count = count + 1;
END;
CREATE TRIGGER assignment_count_delete AFTER DELETE ON assignment
BEGIN
  UPDATE assignment_count SET count = count - 1
    WHERE tenant = OLD.tenant AND family = OLD.family AND state = OLD.state;
END;

CREATE INDEX assignment_allocated ON assignment (allocated_at) WHERE state = 'allocated';
`;

export const DOWN = `
DROP INDEX assignment_allocated;
DROP TRIGGER assignment_count_insert; DROP TRIGGER assignment_count_update; DROP TRIGGER assignment_count_delete;
DROP TABLE assignment_count;
`;
