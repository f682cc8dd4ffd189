/** A RADIUS Accounting-Request as a lifecycle event: a pure mapping, no judgement. */
import type { AccountingRequest } from '../../protocols/radius/accounting.js';
import { ACCT_STATUS_TYPE } from '../../protocols/radius/dictionary.js';
import type { FramedRoute } from '../../protocols/radius/framed-route.js';
import type { AccountingEvent, NasEvent, OddPacketEvent, ShownAddress } from '../lifecycle/events.js';
import type { NasIdentity } from '../lifecycle/nas-records.js';
import { claimsOf, DEFAULT_RULES, type IdentityRules } from './claims.js';

/** An attribute by which a packet may say which NAS it is from. `nas-ip-address` stands for NAS-IPv6-Address too. */
export type TrustedAttribute = 'nas-identifier' | 'nas-ip-address';

/** What authenticated the packet, and where and when it came in. */
export interface Reception {
  readonly tenant: string;
  /** The config entry of the NAS. */
  readonly entry: string;
  /** By what this entry lets its packets say which NAS they are from, in this order. */
  readonly trust: readonly TrustedAttribute[];
  /** How this entry's packets name subscribers; the default where it does not say. */
  readonly identity?: IdentityRules;
  /** Source address, 4 or 16 octets. */
  readonly source: Uint8Array;
  readonly receivedAt: number;
}

/** Acct-Delay-Time is believed up to a week: real NASes were seen to buffer for a day. */
const LONGEST_DELAY_S = 7 * 86_400;

/** More addresses than this are no subscriber's: a packet has room for hundreds. */
const MOST_ADDRESSES = 64;

/** NASes send these where there is no address yet (0.0.0.0) or none was negotiated (RFC 2865 section 5.8). */
function isUnset(bytes: Uint8Array): boolean {
  let any = 0;
  for (const octet of bytes) any |= octet;
  if (any === 0) return true;
  return bytes.length === 4 && bytes[0] === 255 && bytes[1] === 255 && bytes[2] === 255 && (bytes[3] ?? 0) >= 254;
}

/** What Nokia SR OS says of a route that is a prefix which the host was delegated by DHCPv6. */
const DELEGATED = 'pd-host';

function samePrefix(a: ShownAddress['prefix'], b: ShownAddress['prefix']): boolean {
  return a.length === b.length && a.bytes.every((octet, i) => octet === b.bytes[i]);
}

/** Routes behind the addresses that a packet shows; each once, and a delegated prefix as what it is. */
function addRoutes(shown: ShownAddress[], routes: readonly FramedRoute[], own: ShownAddress['attribute']): void {
  for (const { prefix, type } of routes) {
    const attribute = type === DELEGATED && prefix.bytes.length === 16 ? 'Delegated-IPv6-Prefix' : own;
    if (!shown.some((one) => one.attribute === attribute && samePrefix(one.prefix, prefix))) {
      shown.push({ attribute, prefix });
    }
  }
}

function shownAddresses(request: AccountingRequest): readonly ShownAddress[] {
  const shown: ShownAddress[] = [];
  const { framedIpAddress } = request;
  if (framedIpAddress !== undefined) shown.push({ attribute: 'Framed-IP-Address', prefix: framedIpAddress });
  for (const prefix of request.framedIpv6Addresses) shown.push({ attribute: 'Framed-IPv6-Address', prefix });
  for (const prefix of request.framedIpv6Prefixes) shown.push({ attribute: 'Framed-IPv6-Prefix', prefix });
  for (const prefix of request.delegatedIpv6Prefixes) shown.push({ attribute: 'Delegated-IPv6-Prefix', prefix });
  addRoutes(shown, request.framedRoutes, 'Framed-Route');
  addRoutes(shown, request.framedIpv6Routes, 'Framed-IPv6-Route');
  return shown.filter(({ prefix }) => !isUnset(prefix.bytes)).slice(0, MOST_ADDRESSES);
}

function nasAddress({ nasIpAddress, nasIpv6Address }: AccountingRequest): Uint8Array | undefined {
  const given = [nasIpAddress, nasIpv6Address].find((one) => one !== undefined && isSomebodys(one.bytes));
  return given === undefined ? undefined : unmapped(given.bytes);
}

/** Whether an address can be that of one NAS: not unset, and not a group's (RFC 5771, RFC 4291 section 2.7). */
function isSomebodys(bytes: Uint8Array): boolean {
  const group = bytes.length === 4 ? ((bytes[0] as number) & 0xf0) === 0xe0 : bytes[0] === 0xff;
  return !group && !isUnset(bytes);
}

const MAPPED = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff);

/** An IPv4-mapped IPv6 address as the IPv4 address that it stands for (RFC 4291 section 2.5.5.2). */
function unmapped(bytes: Uint8Array): Uint8Array {
  return bytes.length === 16 && MAPPED.every((octet, i) => bytes[i] === octet) ? bytes.subarray(12) : bytes;
}

/** A NAS, and its own address where the packet may say it. */
interface Sender {
  readonly nas: NasIdentity;
  readonly address: Uint8Array | undefined;
}

/**
 * Which NAS a packet is from: the first attribute that its entry trusts and that it carries, else its source. Without
 * trust the attributes are looked at by nobody: whoever can send as one NAS could pose as every other.
 */
function nasOf(request: AccountingRequest, { tenant, trust, source }: Reception): Sender {
  for (const kind of trust) {
    const bytes = kind === 'nas-identifier' ? request.nasIdentifier : nasAddress(request);
    if (bytes === undefined) continue;
    const address = trust.includes('nas-ip-address') ? nasAddress(request) : undefined;
    return { nas: { tenant, kind, bytes }, address };
  }
  return { nas: { tenant, kind: 'source-address', bytes: source }, address: undefined };
}

const KINDS: ReadonlyMap<number, AccountingEvent['kind']> = new Map([
  [ACCT_STATUS_TYPE.Start, 'acct-start'],
  [ACCT_STATUS_TYPE.Stop, 'acct-stop'],
  [ACCT_STATUS_TYPE['Interim-Update'], 'acct-interim'],
]);

const BEGINNINGS: ReadonlyMap<number, NasEvent['kind']> = new Map([
  [ACCT_STATUS_TYPE['Accounting-On'], 'nas-on'],
  [ACCT_STATUS_TYPE['Accounting-Off'], 'nas-off'],
]);

/** Maps an authenticated request (RFC 2866 section 5) to the event that it reports. */
export function accountingEvent(
  request: AccountingRequest,
  reception: Reception,
): AccountingEvent | NasEvent | OddPacketEvent {
  const { entry, source, receivedAt } = reception;
  const { nas, address } = nasOf(request, reception);
  const at = receivedAt - Math.min(request.delayTime ?? 0, LONGEST_DELAY_S) * 1000;
  const { statusType } = request;
  const began = BEGINNINGS.get(statusType);
  if (began !== undefined) {
    const eventTimestamp = request.eventTimestamp ?? null;
    const mayHaveWaited = request.delayTime === undefined;
    return { kind: began, nas, entry, source, address, receivedAt, at, eventTimestamp, mayHaveWaited };
  }
  const kind = KINDS.get(statusType);
  const odd = (reason: string): OddPacketEvent => ({
    kind: 'acct-odd',
    nas,
    entry,
    source,
    address,
    receivedAt,
    reason,
  });
  if (kind === undefined) return odd(`status-type-${String(statusType)}`);
  if (request.sessionId === undefined) return odd('missing-session-id');
  // Not spread together: this is made for every packet, and a literal costs a tenth of it.
  return {
    kind,
    nas,
    entry,
    source,
    address,
    receivedAt,
    sid: request.sessionId,
    at,
    status: statusType,
    seconds: request.sessionTime ?? null,
    inputOctets: request.inputOctets ?? null,
    outputOctets: request.outputOctets ?? null,
    inputPackets: request.inputPackets ?? null,
    outputPackets: request.outputPackets ?? null,
    eventTimestamp: request.eventTimestamp ?? null,
    username: request.userName ?? null,
    claims: claimsOf(request, nas, reception.identity ?? DEFAULT_RULES),
    terminateCause: request.terminateCause ?? null,
    addresses: shownAddresses(request),
    class: request.class,
  };
}
