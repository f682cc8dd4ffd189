import type { VendorTable } from '../attribute-table.js';

/** RtBrick RBFS, as far as the vendor's public RADIUS guide numbers them (26-50058-n). */
export const RTBRICK = {
  name: 'RtBrick',
  id: 50058,
  attributes: {
    'RtBrick-Service-Profile': [70, 'text'],
    'RtBrick-DNS-Primary': [131, 'ipaddr'],
    'RtBrick-DNS-Secondary': [132, 'ipaddr'],
    'RtBrick-DNS-Primary-IPv6': [134, 'ipv6addr'],
    'RtBrick-DNS-Secondary-IPv6': [135, 'ipv6addr'],
    'RtBrick-Instance': [137, 'text'],
    'RtBrick-Gateway-Ifl': [138, 'text'],
  },
  values: {},
} as const satisfies VendorTable;
