import type { Witness } from '../../daemon/lifecycle/records.js';
import type { TableSpec } from './table.js';

/** Table witness. */
export const WITNESS: TableSpec<Witness> = {
  name: 'witness',
  keys: 3,
  columns: [
    ['assignment', (row) => row.assignment],
    ['source', (row) => row.source],
    ['ref', (row) => row.ref],
    ['standing', (row) => row.standing],
    ['opened_at', (row) => row.openedAt],
    ['closed_at', (row) => row.closedAt],
    ['close_kind', (row) => row.closeKind],
    ['answer', (row) => row.answer],
    ['answered_at', (row) => row.answeredAt],
  ],
  read: (v) => ({
    assignment: v[0] as number,
    source: v[1] as Witness['source'],
    ref: v[2] as number,
    standing: v[3] as Witness['standing'],
    openedAt: v[4] as number,
    closedAt: v[5] as number | null,
    closeKind: v[6] as Witness['closeKind'],
    answer: v[7] as Witness['answer'],
    answeredAt: v[8] as number | null,
  }),
  parse: (key) => {
    const [assignment, ref] = key.split('/').map(Number);
    return [assignment ?? 0, 'session', ref ?? 0];
  },
};
