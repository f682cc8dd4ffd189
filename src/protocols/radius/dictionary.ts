/** How a value stands on the wire; each has its decodeX/encodeX pair in `attributes.ts`. */
export type ValueType =
  | 'text'
  | 'string'
  | 'integer'
  | 'integer64'
  | 'ipaddr'
  | 'ipv6addr'
  | 'ipv6prefix'
  | 'interface-id'
  | 'time'
  | 'vendor-specific';

export interface AttributeDefinition {
  readonly number: number;
  readonly type: ValueType;
  readonly rfc: string;
}

/** The attributes of accounting and dynamic authorization, under the names their RFCs give them. */
export const ATTRIBUTES = {
  'User-Name': { number: 1, type: 'text', rfc: 'RFC 2865 section 5.1' },
  'NAS-IP-Address': { number: 4, type: 'ipaddr', rfc: 'RFC 2865 section 5.4' },
  'NAS-Port': { number: 5, type: 'integer', rfc: 'RFC 2865 section 5.5' },
  'Service-Type': { number: 6, type: 'integer', rfc: 'RFC 2865 section 5.6' },
  'Framed-Protocol': { number: 7, type: 'integer', rfc: 'RFC 2865 section 5.7' },
  'Framed-IP-Address': { number: 8, type: 'ipaddr', rfc: 'RFC 2865 section 5.8' },
  'Framed-IP-Netmask': { number: 9, type: 'ipaddr', rfc: 'RFC 2865 section 5.9' },
  'Filter-Id': { number: 11, type: 'text', rfc: 'RFC 2865 section 5.11' },
  'Framed-MTU': { number: 12, type: 'integer', rfc: 'RFC 2865 section 5.12' },
  'Reply-Message': { number: 18, type: 'text', rfc: 'RFC 2865 section 5.18' },
  'Framed-Route': { number: 22, type: 'text', rfc: 'RFC 2865 section 5.22' },
  State: { number: 24, type: 'string', rfc: 'RFC 2865 section 5.24' },
  Class: { number: 25, type: 'string', rfc: 'RFC 2865 section 5.25' },
  'Vendor-Specific': { number: 26, type: 'vendor-specific', rfc: 'RFC 2865 section 5.26' },
  'Session-Timeout': { number: 27, type: 'integer', rfc: 'RFC 2865 section 5.27' },
  'Idle-Timeout': { number: 28, type: 'integer', rfc: 'RFC 2865 section 5.28' },
  'Termination-Action': { number: 29, type: 'integer', rfc: 'RFC 2865 section 5.29' },
  'Called-Station-Id': { number: 30, type: 'text', rfc: 'RFC 2865 section 5.30' },
  'Calling-Station-Id': { number: 31, type: 'text', rfc: 'RFC 2865 section 5.31' },
  'NAS-Identifier': { number: 32, type: 'text', rfc: 'RFC 2865 section 5.32' },
  'Proxy-State': { number: 33, type: 'string', rfc: 'RFC 2865 section 5.33' },
  'Acct-Status-Type': { number: 40, type: 'integer', rfc: 'RFC 2866 section 5.1' },
  'Acct-Delay-Time': { number: 41, type: 'integer', rfc: 'RFC 2866 section 5.2' },
  'Acct-Input-Octets': { number: 42, type: 'integer', rfc: 'RFC 2866 section 5.3' },
  'Acct-Output-Octets': { number: 43, type: 'integer', rfc: 'RFC 2866 section 5.4' },
  'Acct-Session-Id': { number: 44, type: 'text', rfc: 'RFC 2866 section 5.5' },
  'Acct-Authentic': { number: 45, type: 'integer', rfc: 'RFC 2866 section 5.6' },
  'Acct-Session-Time': { number: 46, type: 'integer', rfc: 'RFC 2866 section 5.7' },
  'Acct-Input-Packets': { number: 47, type: 'integer', rfc: 'RFC 2866 section 5.8' },
  'Acct-Output-Packets': { number: 48, type: 'integer', rfc: 'RFC 2866 section 5.9' },
  'Acct-Terminate-Cause': { number: 49, type: 'integer', rfc: 'RFC 2866 section 5.10' },
  'Acct-Multi-Session-Id': { number: 50, type: 'text', rfc: 'RFC 2866 section 5.11' },
  'Acct-Link-Count': { number: 51, type: 'integer', rfc: 'RFC 2866 section 5.12' },
  'Acct-Input-Gigawords': { number: 52, type: 'integer', rfc: 'RFC 2869 section 5.1' },
  'Acct-Output-Gigawords': { number: 53, type: 'integer', rfc: 'RFC 2869 section 5.2' },
  'Event-Timestamp': { number: 55, type: 'time', rfc: 'RFC 2869 section 5.3' },
  'NAS-Port-Type': { number: 61, type: 'integer', rfc: 'RFC 2865 section 5.41' },
  'Connect-Info': { number: 77, type: 'text', rfc: 'RFC 2869 section 5.11' },
  'Message-Authenticator': { number: 80, type: 'string', rfc: 'RFC 2869 section 5.14' },
  'Acct-Interim-Interval': { number: 85, type: 'integer', rfc: 'RFC 2869 section 5.16' },
  'NAS-Port-Id': { number: 87, type: 'text', rfc: 'RFC 2869 section 5.17' },
  'Framed-Pool': { number: 88, type: 'text', rfc: 'RFC 2869 section 5.18' },
  'NAS-IPv6-Address': { number: 95, type: 'ipv6addr', rfc: 'RFC 3162 section 2.1' },
  'Framed-Interface-Id': { number: 96, type: 'interface-id', rfc: 'RFC 3162 section 2.2' },
  'Framed-IPv6-Prefix': { number: 97, type: 'ipv6prefix', rfc: 'RFC 3162 section 2.3' },
  'Framed-IPv6-Route': { number: 99, type: 'text', rfc: 'RFC 3162 section 2.5' },
  'Framed-IPv6-Pool': { number: 100, type: 'text', rfc: 'RFC 3162 section 2.6' },
  'Error-Cause': { number: 101, type: 'integer', rfc: 'RFC 5176 section 3.5' },
  'Delegated-IPv6-Prefix': { number: 123, type: 'ipv6prefix', rfc: 'RFC 4818 section 3' },
  'Framed-IPv6-Address': { number: 168, type: 'ipv6addr', rfc: 'RFC 6911 section 3.1' },
  'DNS-Server-IPv6-Address': { number: 169, type: 'ipv6addr', rfc: 'RFC 6911 section 3.2' },
  'Route-IPv6-Information': { number: 170, type: 'ipv6prefix', rfc: 'RFC 6911 section 3.3' },
  'Delegated-IPv6-Prefix-Pool': { number: 171, type: 'text', rfc: 'RFC 6911 section 3.4' },
  'Stateful-IPv6-Address-Pool': { number: 172, type: 'text', rfc: 'RFC 6911 section 3.5' },
} as const satisfies Record<string, AttributeDefinition>;

export type AttributeName = keyof typeof ATTRIBUTES;

/** RFC 2866 section 5.1; 9 to 14 from RFC 2867 section 3.1. */
export const ACCT_STATUS_TYPE = {
  Start: 1,
  Stop: 2,
  'Interim-Update': 3,
  'Accounting-On': 7,
  'Accounting-Off': 8,
  'Tunnel-Start': 9,
  'Tunnel-Stop': 10,
  'Tunnel-Reject': 11,
  'Tunnel-Link-Start': 12,
  'Tunnel-Link-Stop': 13,
  'Tunnel-Link-Reject': 14,
  Failed: 15,
} as const;

/** RFC 2866 section 5.10. */
export const ACCT_TERMINATE_CAUSE = {
  'User-Request': 1,
  'Lost-Carrier': 2,
  'Lost-Service': 3,
  'Idle-Timeout': 4,
  'Session-Timeout': 5,
  'Admin-Reset': 6,
  'Admin-Reboot': 7,
  'Port-Error': 8,
  'NAS-Error': 9,
  'NAS-Request': 10,
  'NAS-Reboot': 11,
  'Port-Unneeded': 12,
  'Port-Preempted': 13,
  'Port-Suspended': 14,
  'Service-Unavailable': 15,
  Callback: 16,
  'User-Error': 17,
  'Host-Request': 18,
} as const;

/** RFC 5176 section 3.5. */
export const ERROR_CAUSE = {
  'Residual-Session-Context-Removed': 201,
  'Invalid-EAP-Packet': 202,
  'Unsupported-Attribute': 401,
  'Missing-Attribute': 402,
  'NAS-Identification-Mismatch': 403,
  'Invalid-Request': 404,
  'Unsupported-Service': 405,
  'Unsupported-Extension': 406,
  'Invalid-Attribute-Value': 407,
  'Administratively-Prohibited': 501,
  'Request-Not-Routable': 502,
  'Session-Context-Not-Found': 503,
  'Session-Context-Not-Removable': 504,
  'Other-Proxy-Processing-Error': 505,
  'Resources-Unavailable': 506,
  'Request-Initiated': 507,
  'Multiple-Session-Selection-Unsupported': 508,
} as const;

const attributeNames = inverted(Object.entries(ATTRIBUTES).map(([name, { number }]) => [name, number]));
const acctStatusTypeNames = inverted(Object.entries(ACCT_STATUS_TYPE));
const acctTerminateCauseNames = inverted(Object.entries(ACCT_TERMINATE_CAUSE));
const errorCauseNames = inverted(Object.entries(ERROR_CAUSE));

/** The RFC's name of an attribute type, if it is one of ours. */
export function attributeName(number: number): string | undefined {
  return attributeNames.get(number);
}

/** The RFC's name of an Acct-Status-Type value. */
export function acctStatusTypeName(value: number): string | undefined {
  return acctStatusTypeNames.get(value);
}

/** The RFC's name of an Acct-Terminate-Cause value. */
export function acctTerminateCauseName(value: number): string | undefined {
  return acctTerminateCauseNames.get(value);
}

/** The RFC's name of an Error-Cause value. */
export function errorCauseName(value: number): string | undefined {
  return errorCauseNames.get(value);
}

function inverted(entries: readonly (readonly [string, number])[]): ReadonlyMap<number, string> {
  return new Map(entries.map(([name, value]) => [value, name]));
}
