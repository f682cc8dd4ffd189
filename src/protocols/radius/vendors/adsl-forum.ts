import type { VendorTable } from '../attribute-table.js';

/** Broadband Forum (ADSL Forum): circuit and remote id, the rates of the access loop. RFC 4679 section 3.3. */
export const ADSL_FORUM = {
  name: 'ADSL-Forum',
  id: 3561,
  attributes: {
    'ADSL-Forum-DHCP-Vendor-Specific': [255, 'tlv'],
    'ADSL-Forum-Device-Manufacturer-OUI': [[255, 1], 'string'],
    'ADSL-Forum-Device-Serial-Number': [[255, 2], 'text'],
    'ADSL-Forum-Device-Product-Class': [[255, 3], 'text'],
    'ADSL-Forum-Gateway-Manufacturer-OUI': [[255, 4], 'string'],
    'ADSL-Agent-Circuit-Id': [1, 'string'],
    'ADSL-Agent-Remote-Id': [2, 'string'],
    'Actual-Data-Rate-Upstream': [129, 'integer'],
    'Actual-Data-Rate-Downstream': [130, 'integer'],
    'Minimum-Data-Rate-Upstream': [131, 'integer'],
    'Minimum-Data-Rate-Downstream': [132, 'integer'],
    'Attainable-Data-Rate-Upstream': [133, 'integer'],
    'Attainable-Data-Rate-Downstream': [134, 'integer'],
    'Maximum-Data-Rate-Upstream': [135, 'integer'],
    'Maximum-Data-Rate-Downstream': [136, 'integer'],
    'Minimum-Data-Rate-Upstream-Low-Power': [137, 'integer'],
    'Minimum-Data-Rate-Downstream-Low-Power': [138, 'integer'],
    'Maximum-Interleaving-Delay-Upstream': [139, 'integer'],
    'Actual-Interleaving-Delay-Upstream': [140, 'integer'],
    'Maximum-Interleaving-Delay-Downstream': [141, 'integer'],
    'Actual-Interleaving-Delay-Downstream': [142, 'integer'],
    'Access-Loop-Encapsulation': [144, 'string'],
    'IWF-Session': [254, 'string'],
  },
  values: {},
} as const satisfies VendorTable;
