/** A RADIUS Accounting-Request as a lifecycle event: a pure mapping, no judgement. */
import type { AccountingRequest } from '../../protocols/radius/accounting.js';
import { ACCT_STATUS_TYPE } from '../../protocols/radius/dictionary.js';
import type { AccountingEvent, NasEvent, OddPacketEvent, ShownAddress } from '../lifecycle/events.js';
import type { NasIdentity } from '../lifecycle/records.js';

/** An attribute by which a packet may say which NAS it is from. `nas-ip-address` stands for NAS-IPv6-Address too. */
export type TrustedAttribute = 'nas-identifier' | 'nas-ip-address';

/** What authenticated the packet, and where and when it came in. */
export interface Reception {
  readonly tenant: string;
  /** The config entry of the NAS. */
  readonly entry: string;
  /** By what this entry lets its packets say which NAS they are from, in this order. */
  readonly trust: readonly TrustedAttribute[];
  /** Source address, 4 or 16 octets. */
  readonly source: Uint8Array;
  readonly receivedAt: number;
}

/** Acct-Delay-Time is believed up to a week: real NASes were seen to buffer for a day. */
const LONGEST_DELAY_S = 7 * 86_400;

/** NASes send these where there is no address yet (0.0.0.0) or none was negotiated (RFC 2865 section 5.8). */
function isUnset(bytes: Uint8Array): boolean {
  let any = 0;
  for (const octet of bytes) any |= octet;
  if (any === 0) return true;
  return bytes.length === 4 && bytes[0] === 255 && bytes[1] === 255 && bytes[2] === 255 && (bytes[3] ?? 0) >= 254;
}

function shownAddresses(request: AccountingRequest): readonly ShownAddress[] {
  const shown: ShownAddress[] = [];
  const { framedIpAddress } = request;
  if (framedIpAddress !== undefined) shown.push({ attribute: 'Framed-IP-Address', prefix: framedIpAddress });
  for (const prefix of request.framedIpv6Addresses) shown.push({ attribute: 'Framed-IPv6-Address', prefix });
  for (const prefix of request.framedIpv6Prefixes) shown.push({ attribute: 'Framed-IPv6-Prefix', prefix });
  for (const prefix of request.delegatedIpv6Prefixes) shown.push({ attribute: 'Delegated-IPv6-Prefix', prefix });
  return shown.filter(({ prefix }) => !isUnset(prefix.bytes));
}

function nasAddress({ nasIpAddress, nasIpv6Address }: AccountingRequest): Uint8Array | undefined {
  return [nasIpAddress, nasIpv6Address].find((given) => given !== undefined && !isUnset(given.bytes))?.bytes;
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

/** Maps an authenticated request (RFC 2866 section 5) to the event that it reports. */
export function accountingEvent(
  request: AccountingRequest,
  reception: Reception,
): AccountingEvent | NasEvent | OddPacketEvent {
  const { entry, source, receivedAt } = reception;
  const { nas, address } = nasOf(request, reception);
  const at = receivedAt - Math.min(request.delayTime ?? 0, LONGEST_DELAY_S) * 1000;
  const { statusType } = request;
  if (statusType === ACCT_STATUS_TYPE['Accounting-On'])
    return { kind: 'nas-on', nas, entry, source, address, receivedAt, at };
  if (statusType === ACCT_STATUS_TYPE['Accounting-Off'])
    return { kind: 'nas-off', nas, entry, source, address, receivedAt, at };
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
    inputOctets: request.inputOctets ?? 0,
    outputOctets: request.outputOctets ?? 0,
    inputPackets: request.inputPackets ?? 0,
    outputPackets: request.outputPackets ?? 0,
    eventTimestamp: request.eventTimestamp ?? null,
    username: request.userName ?? null,
    terminateCause: request.terminateCause ?? null,
    addresses: shownAddresses(request),
  };
}
