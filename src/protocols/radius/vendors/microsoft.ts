import type { VendorTable } from '../attribute-table.js';

/** Microsoft, RFC 2548: known here chiefly so that its keys and password hashes are never shown. */
export const MICROSOFT = {
  name: 'Microsoft',
  id: 311,
  attributes: {
    'MS-CHAP-Response': [1, 'string', { length: 50, secret: true }],
    'MS-CHAP-Error': [2, 'text'],
    'MS-CHAP-CPW-1': [3, 'string', { length: 70, secret: true }],
    'MS-CHAP-CPW-2': [4, 'string', { length: 84, secret: true }],
    'MS-CHAP-LM-Enc-PW': [5, 'string', { secret: true }],
    'MS-CHAP-NT-Enc-PW': [6, 'string', { secret: true }],
    'MS-MPPE-Encryption-Policy': [7, 'integer'],
    'MS-MPPE-Encryption-Types': [8, 'integer'],
    'MS-CHAP-Domain': [10, 'text'],
    'MS-CHAP-Challenge': [11, 'string'],
    'MS-CHAP-MPPE-Keys': [12, 'string', { length: 24, encryption: 1, secret: true }],
    'MS-MPPE-Send-Key': [16, 'string', { encryption: 2, secret: true }],
    'MS-MPPE-Recv-Key': [17, 'string', { encryption: 2, secret: true }],
    'MS-Old-ARAP-Password': [19, 'string', { secret: true }],
    'MS-New-ARAP-Password': [20, 'string', { secret: true }],
    'MS-ARAP-PW-Change-Reason': [21, 'integer'],
    'MS-CHAP2-Response': [25, 'string', { length: 50, secret: true }],
    'MS-CHAP2-Success': [26, 'string', { secret: true }],
    'MS-CHAP2-CPW': [27, 'string', { length: 68, secret: true }],
    'MS-Primary-DNS-Server': [28, 'ipaddr'],
    'MS-Secondary-DNS-Server': [29, 'ipaddr'],
    'MS-Primary-NBNS-Server': [30, 'ipaddr'],
    'MS-Secondary-NBNS-Server': [31, 'ipaddr'],
  },
  values: {
    'MS-MPPE-Encryption-Policy': { 'Encryption-Allowed': 1, 'Encryption-Required': 2 },
    'MS-MPPE-Encryption-Types': { 'RC4-40bit-Allowed': 1, 'RC4-128bit-Allowed': 2, 'RC4-40or128-bit-Allowed': 6 },
    'MS-ARAP-PW-Change-Reason': {
      'Just-Change-Password': 1,
      'Expired-Password': 2,
      'Admin-Requires-Password-Change': 3,
      'Password-Too-Short': 4,
    },
  },
} as const satisfies VendorTable;
