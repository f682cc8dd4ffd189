import type { SessionUsage } from '../../daemon/lifecycle/records.js';
import { numbered, type TableSpec } from './table.js';

/** Table session_usage: the hot row. */
export const USAGE: TableSpec<SessionUsage> = {
  name: 'session_usage',
  keys: 1,
  columns: [
    ['id', (row) => row.session],
    ['updated_at', (row) => row.updatedAt],
    ['status', (row) => row.status],
    ['seconds', (row) => row.seconds],
    ['input_octets', (row) => row.inputOctets],
    ['output_octets', (row) => row.outputOctets],
    ['input_packets', (row) => row.inputPackets],
    ['output_packets', (row) => row.outputPackets],
    ['event_timestamp', (row) => row.eventTimestamp],
    ['interims', (row) => row.interims],
    ['max_gap_ms', (row) => row.maxGapMs],
  ],
  read: (v) => ({
    session: v[0] as number,
    updatedAt: v[1] as number,
    status: v[2] as number,
    seconds: v[3] as number,
    inputOctets: v[4] as number,
    outputOctets: v[5] as number,
    inputPackets: v[6] as number,
    outputPackets: v[7] as number,
    eventTimestamp: v[8] as number | null,
    interims: v[9] as number,
    maxGapMs: v[10] as number,
  }),
  parse: numbered,
};
