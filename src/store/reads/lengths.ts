import type { Database } from 'better-sqlite3';

/** The prefix lengths that the history of a VRF holds, up to a given one. */
export function lengthsInUse(db: Database): (vrf: number, most: number) => readonly number[] {
  // Hops from one length to the next along the primary key: a seek for each length in use, of which there are few.
  const lengths = db
    .prepare(
      `WITH RECURSIVE used (plen) AS (
         SELECT min(plen) FROM holding WHERE vrf = :vrf
         UNION ALL
         SELECT (SELECT min(plen) FROM holding WHERE vrf = :vrf AND plen > used.plen) FROM used
         WHERE used.plen IS NOT NULL)
       SELECT plen FROM used WHERE plen <= :most`,
    )
    .pluck(true);
  return (vrf, most) => lengths.all({ vrf, most }) as number[];
}
