/** A report that takes seconds: what `status` counts last is made a query that has nothing to do with the store's size. */
import Database from 'better-sqlite3';

/** From now on every `GET /api/v1/status` on the store at `path` counts `rows` rows one by one inside its read transaction. */
export function makeStatusSlow(path: string, rows: number): void {
  const db = new Database(path, { timeout: 5_000 });
  db.exec(`
    BEGIN IMMEDIATE;
    ALTER TABLE poison RENAME TO poison_kept;
    CREATE VIEW poison AS
      WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < ${String(rows)}) SELECT id FROM n;
    COMMIT;
  `);
  db.close();
}
