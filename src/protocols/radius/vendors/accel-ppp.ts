import type { VendorTable } from '../attribute-table.js';

/** accel-ppp, as in the dictionary that it ships. */
export const ACCEL_PPP = {
  name: 'Accel-PPP',
  id: 55999,
  attributes: { 'Accel-VRF-Name': [1, 'text'] },
  values: {},
} as const satisfies VendorTable;
