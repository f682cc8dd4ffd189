import { hex, unhex } from '../../daemon/lifecycle/address.js';
import type { UnitRange } from '../../daemon/lifecycle/ranges.js';
import type { Pool } from '../../daemon/lifecycle/records.js';
import { flag, numbered, type SqlValue, type TableSpec } from './table.js';

/** Ranges as text: `FIRST-LAST,...`, unit numbers in hexadecimal. */
function rangesText(ranges: readonly UnitRange[]): string {
  return ranges.map(({ first, last }) => `${first.toString(16)}-${last.toString(16)}`).join(',');
}

function rangesOf(text: SqlValue | undefined): UnitRange[] {
  if (typeof text !== 'string' || text === '') return [];
  return text.split(',').map((range) => {
    const dash = range.indexOf('-');
    return { first: BigInt(`0x${range.slice(0, dash)}`), last: BigInt(`0x${range.slice(dash + 1)}`) };
  });
}

/** `NAS/ACCT-SESSION-ID`, the latter in hexadecimal. */
function surveyOf(text: SqlValue | undefined): Pool['survey'] {
  if (typeof text !== 'string') return null;
  const slash = text.indexOf('/');
  return { nas: Number(text.slice(0, slash)), after: unhex(text.slice(slash + 1)) };
}

/** Table pool. The cursor may be 2^128, one more than sixteen octets hold. */
export const POOL: TableSpec<Pool> = {
  name: 'pool',
  keys: 1,
  guarded: [
    'tenant',
    'name',
    'vrf',
    'net',
    'plen',
    'excluded_ranges',
    'reserved_ranges',
    'skips',
    'former',
    'unsure_part',
  ],
  columns: [
    ['id', (row) => row.id],
    ['tenant', (row) => row.tenant],
    ['name', (row) => row.name],
    ['vrf', (row) => row.vrf],
    ['family', (row) => row.family],
    ['use', (row) => row.use],
    ['kind', (row) => row.kind],
    ['net', (row) => row.prefix.bytes],
    ['plen', (row) => row.prefix.length],
    ['unit_length', (row) => row.unitLength],
    ['cursor', (row) => unhex(row.cursor.toString(16).padStart(34, '0'))],
    ['held', (row) => row.held],
    ['barred', (row) => row.barred],
    ['freed', (row) => row.freed],
    ['retired_at', (row) => row.retiredAt],
    ['quarantine_ms', (row) => row.quarantineMs],
    ['unsure_since', (row) => row.unsureSince],
    ['excluded_ranges', (row) => rangesText(row.excluded)],
    ['reserved_ranges', (row) => rangesText(row.reserved)],
    ['skips', (row) => rangesText(row.skips)],
    ['used_excluded', (row) => row.usedExcluded],
    ['used_reserved', (row) => row.usedReserved],
    ['used_outside', (row) => row.usedOutside],
    ['former', (row) => rangesText(row.former)],
    ['strayed', (row) => flag(row.strayed)],
    ['unsure_part', (row) => rangesText(row.unsurePart)],
    ['survey', (row) => (row.survey === null ? null : `${String(row.survey.nas)}/${hex(row.survey.after)}`)],
  ],
  read: (v) => ({
    id: v[0] as number,
    tenant: v[1] as string,
    name: v[2] as string,
    vrf: v[3] as number,
    family: v[4] as Pool['family'],
    use: v[5] as Pool['use'],
    kind: v[6] as Pool['kind'],
    prefix: { bytes: v[7] as Uint8Array, length: v[8] as number },
    unitLength: v[9] as number,
    cursor: BigInt(`0x${hex(v[10] as Uint8Array)}`),
    held: v[11] as number,
    barred: v[12] as number,
    freed: v[13] as number,
    retiredAt: v[14] as number | null,
    quarantineMs: v[15] as number,
    unsureSince: v[16] as number | null,
    excluded: rangesOf(v[17]),
    reserved: rangesOf(v[18]),
    skips: rangesOf(v[19]),
    usedExcluded: v[20] as number,
    usedReserved: v[21] as number,
    usedOutside: v[22] as number,
    former: rangesOf(v[23]),
    strayed: v[24] === 1,
    unsurePart: rangesOf(v[25]),
    survey: surveyOf(v[26]),
  }),
  parse: numbered,
};
