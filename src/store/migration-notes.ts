/** What each migration does, in a line for people; what a step down cannot hold. */
import { SCHEMA_VERSION } from './migrate.js';

export interface MigrationNote {
  /** The version that it leads to. */
  readonly version: number;
  readonly what: string;
  /** What becomes of data that the version below does not know; null where nothing is missed. */
  readonly down: string | null;
}

const NOTES: readonly Omit<MigrationNote, 'version'>[] = [
  { what: 'the tables: who held what, on what evidence, journal and outbox', down: 'everything is lost' },
  { what: 'assignments are counted by state, for metrics', down: null },
  {
    what: 'brakes, the blast guard and alarms; what a pool remembers while the config does not name it',
    down: 'brakes, batches and alarms are lost, and what version 4 has put aside; what waited for approval is not sent',
  },
  {
    what: 'the whole lifecycle: suspension, renumbering, kinds of pools, ranges, clocks of NASes, routed subnets',
    down: 'suspensions, renumberings and what waits for approval are put aside for the way up; CoAs that wait are not sent',
  },
  { what: 'the ledger: when nobody listened, and what the journal says of a session', down: null },
];

/** Every migration that this program knows, the first one first. */
export function migrationNotes(): MigrationNote[] {
  return Array.from({ length: SCHEMA_VERSION }, (_, n) => {
    return { version: n + 1, ...(NOTES[n] ?? { what: 'not described', down: 'data may be lost' }) };
  });
}
