import { combineGigawords, decodeIpv6Prefix, type IpPrefix, readUint32 } from './attributes.js';
import { ATTRIBUTES, type ValueType } from './dictionary.js';
import { DecodeError } from './errors.js';
import { type FramedRoute, parseFramedRoute } from './framed-route.js';
import { readLine, type LineAttributes } from './line-attributes.js';
import { HEADER_LENGTH, type RadiusPacket, view } from './packet.js';

/** An attribute that was left out: its value is malformed, or it is a second one where only one makes sense. */
export interface Oddity {
  readonly type: number;
  readonly code:
    'value-length' | 'value-empty' | 'prefix-length' | 'attribute-repeated' | 'route-text' | 'routes-too-many';
}

/**
 * An Accounting-Request in terms of its attributes (RFC 2866 section 4.1). A field is undefined when its attribute is absent or
 * an oddity. Octets and addresses are views of the packet.
 */
export interface AccountingRequest {
  readonly packet: RadiusPacket;
  /** Acct-Status-Type; unknown values are kept. */
  readonly statusType: number;
  readonly sessionId: Uint8Array | undefined;
  readonly multiSessionId: Uint8Array | undefined;
  readonly userName: Uint8Array | undefined;
  /** In the order of the packet. */
  readonly class: readonly Uint8Array[];
  readonly nasIdentifier: Uint8Array | undefined;
  readonly nasIpAddress: IpPrefix | undefined;
  readonly nasIpv6Address: IpPrefix | undefined;
  readonly nasPort: number | undefined;
  readonly nasPortId: Uint8Array | undefined;
  readonly callingStationId: Uint8Array | undefined;
  readonly calledStationId: Uint8Array | undefined;
  /** What vendor-specific attributes say of the access line. */
  readonly line: LineAttributes | undefined;
  /** Acct-Delay-Time, seconds. */
  readonly delayTime: number | undefined;
  /** Event-Timestamp, Unix time in seconds. */
  readonly eventTimestamp: number | undefined;
  /** Acct-Session-Time, seconds. */
  readonly sessionTime: number | undefined;
  /** Acct-Input-Octets and Acct-Input-Gigawords together; at most Number.MAX_SAFE_INTEGER. */
  readonly inputOctets: number | undefined;
  /** Acct-Output-Octets and Acct-Output-Gigawords together; at most Number.MAX_SAFE_INTEGER. */
  readonly outputOctets: number | undefined;
  readonly inputPackets: number | undefined;
  readonly outputPackets: number | undefined;
  readonly terminateCause: number | undefined;
  readonly framedIpAddress: IpPrefix | undefined;
  readonly framedIpv6Addresses: readonly IpPrefix[];
  readonly framedIpv6Prefixes: readonly IpPrefix[];
  readonly delegatedIpv6Prefixes: readonly IpPrefix[];
  /** The routes of Framed-Route and Framed-IPv6-Route that can be read: of the first 32 in the packet. */
  readonly framedRoutes: readonly FramedRoute[];
  readonly framedIpv6Routes: readonly FramedRoute[];
  /** Framed-Interface-Id, 8 octets. */
  readonly framedInterfaceId: Uint8Array | undefined;
  /** Values as received, in order; the reply echoes them. */
  readonly proxyState: readonly Uint8Array[];
  readonly oddities: readonly Oddity[];
}

/** A packet has room for hundreds of routes, and each is text to be read: no subscriber has so many subnets. */
const MOST_ROUTES = 32;

const NOT_READ = 0;
const NOT_EMPTY = -1;
const PREFIX = -2;
const ANY = -3;

/** Per attribute type what its value must look like: so many octets, or one of the above. Built once from the dictionary. */
const SHAPES = shapes();

/**
 * Reads the attributes of an authenticated Accounting-Request in one pass. A malformed attribute is left out and noted in
 * `oddities`; of a repeated one the first counts. Absent Gigawords count as zero; malformed Gigawords take their octet
 * counter with them, since half a counter would look like a counter that went backwards.
 *
 * @throws DecodeError `missing-acct-status-type`, or `value-length` for an Acct-Status-Type that is not 4 octets: without
 * it the packet says nothing
 * @see RFC 2866 section 4.1
 */
export function decodeAccountingRequest(packet: RadiusPacket): AccountingRequest {
  let statusType: number | undefined;
  let sessionId: Uint8Array | undefined;
  let multiSessionId: Uint8Array | undefined;
  let userName: Uint8Array | undefined;
  let nasIdentifier: Uint8Array | undefined;
  let nasIpAddress: IpPrefix | undefined;
  let nasIpv6Address: IpPrefix | undefined;
  let nasPort: number | undefined;
  let nasPortId: Uint8Array | undefined;
  let callingStationId: Uint8Array | undefined;
  let calledStationId: Uint8Array | undefined;
  let delayTime: number | undefined;
  let eventTimestamp: number | undefined;
  let sessionTime: number | undefined;
  let inputOctets: number | undefined;
  let outputOctets: number | undefined;
  let inputGigawords: number | undefined;
  let outputGigawords: number | undefined;
  let inputPackets: number | undefined;
  let outputPackets: number | undefined;
  let terminateCause: number | undefined;
  let framedIpAddress: IpPrefix | undefined;
  let framedInterfaceId: Uint8Array | undefined;
  let line: LineAttributes | undefined;
  const classes: Uint8Array[] = [];
  const framedIpv6Addresses: IpPrefix[] = [];
  const framedIpv6Prefixes: IpPrefix[] = [];
  const delegatedIpv6Prefixes: IpPrefix[] = [];
  const framedRoutes: FramedRoute[] = [];
  const framedIpv6Routes: FramedRoute[] = [];
  const proxyState: Uint8Array[] = [];
  const oddities: Oddity[] = [];

  const { bytes } = packet;
  for (let next = HEADER_LENGTH; next < bytes.length;) {
    const type = bytes[next] as number;
    const at = next + 2;
    next += bytes[next + 1] as number;
    const shape = SHAPES[type] ?? NOT_READ;
    if (shape === NOT_READ) continue;
    const fault = faultOf(shape, bytes, at, next);
    if (fault !== undefined) {
      if (type === 40) throw new DecodeError('value-length', at);
      oddities.push({ type, code: fault });
      continue;
    }
    // Literal cases compile to a jump table; the tests build packets by the dictionary's names, which ties the two.
    switch (type) {
      case 40: // Acct-Status-Type
        if (statusType === undefined) statusType = readUint32(bytes, at);
        else repeated(oddities, type);
        break;
      case 44: // Acct-Session-Id
        if (sessionId === undefined) sessionId = view(bytes, at, next);
        else repeated(oddities, type);
        break;
      case 50: // Acct-Multi-Session-Id
        if (multiSessionId === undefined) multiSessionId = view(bytes, at, next);
        else repeated(oddities, type);
        break;
      case 1: // User-Name
        if (userName === undefined) userName = view(bytes, at, next);
        else repeated(oddities, type);
        break;
      case 25: // Class
        classes.push(view(bytes, at, next));
        break;
      case 32: // NAS-Identifier
        if (nasIdentifier === undefined) nasIdentifier = view(bytes, at, next);
        else repeated(oddities, type);
        break;
      case 4: // NAS-IP-Address
        if (nasIpAddress === undefined) nasIpAddress = { bytes: view(bytes, at, next), length: 32 };
        else repeated(oddities, type);
        break;
      case 95: // NAS-IPv6-Address
        if (nasIpv6Address === undefined) nasIpv6Address = { bytes: view(bytes, at, next), length: 128 };
        else repeated(oddities, type);
        break;
      case 5: // NAS-Port
        if (nasPort === undefined) nasPort = readUint32(bytes, at);
        else repeated(oddities, type);
        break;
      case 87: // NAS-Port-Id
        if (nasPortId === undefined) nasPortId = view(bytes, at, next);
        else repeated(oddities, type);
        break;
      case 31: // Calling-Station-Id
        if (callingStationId === undefined) callingStationId = view(bytes, at, next);
        else repeated(oddities, type);
        break;
      case 30: // Called-Station-Id
        if (calledStationId === undefined) calledStationId = view(bytes, at, next);
        else repeated(oddities, type);
        break;
      case 41: // Acct-Delay-Time
        if (delayTime === undefined) delayTime = readUint32(bytes, at);
        else repeated(oddities, type);
        break;
      case 55: // Event-Timestamp
        if (eventTimestamp === undefined) eventTimestamp = readUint32(bytes, at);
        else repeated(oddities, type);
        break;
      case 46: // Acct-Session-Time
        if (sessionTime === undefined) sessionTime = readUint32(bytes, at);
        else repeated(oddities, type);
        break;
      case 42: // Acct-Input-Octets
        if (inputOctets === undefined) inputOctets = readUint32(bytes, at);
        else repeated(oddities, type);
        break;
      case 43: // Acct-Output-Octets
        if (outputOctets === undefined) outputOctets = readUint32(bytes, at);
        else repeated(oddities, type);
        break;
      case 52: // Acct-Input-Gigawords
        if (inputGigawords === undefined) inputGigawords = readUint32(bytes, at);
        else repeated(oddities, type);
        break;
      case 53: // Acct-Output-Gigawords
        if (outputGigawords === undefined) outputGigawords = readUint32(bytes, at);
        else repeated(oddities, type);
        break;
      case 47: // Acct-Input-Packets
        if (inputPackets === undefined) inputPackets = readUint32(bytes, at);
        else repeated(oddities, type);
        break;
      case 48: // Acct-Output-Packets
        if (outputPackets === undefined) outputPackets = readUint32(bytes, at);
        else repeated(oddities, type);
        break;
      case 49: // Acct-Terminate-Cause
        if (terminateCause === undefined) terminateCause = readUint32(bytes, at);
        else repeated(oddities, type);
        break;
      case 8: // Framed-IP-Address
        if (framedIpAddress === undefined) framedIpAddress = { bytes: view(bytes, at, next), length: 32 };
        else repeated(oddities, type);
        break;
      case 168: // Framed-IPv6-Address
        framedIpv6Addresses.push({ bytes: view(bytes, at, next), length: 128 });
        break;
      case 97: // Framed-IPv6-Prefix
        framedIpv6Prefixes.push(decodeIpv6Prefix(view(bytes, at, next)));
        break;
      case 123: // Delegated-IPv6-Prefix
        delegatedIpv6Prefixes.push(decodeIpv6Prefix(view(bytes, at, next)));
        break;
      case 22: // Framed-Route
      case 99: {
        // Framed-IPv6-Route
        const route =
          framedRoutes.length + framedIpv6Routes.length < MOST_ROUTES
            ? parseFramedRoute(view(bytes, at, next), type === 22 ? 4 : 6)
            : 'routes-too-many';
        if (typeof route === 'object') (type === 22 ? framedRoutes : framedIpv6Routes).push(route);
        else oddities.push({ type, code: route ?? 'route-text' });
        break;
      }
      case 96: // Framed-Interface-Id
        if (framedInterfaceId === undefined) framedInterfaceId = view(bytes, at, next);
        else repeated(oddities, type);
        break;
      case 26: // Vendor-Specific
        line = readLine(line, bytes, at, next);
        break;
      case 33: // Proxy-State
        proxyState.push(view(bytes, at, next));
        break;
      default:
        break;
    }
  }

  if (statusType === undefined) throw new DecodeError('missing-acct-status-type', HEADER_LENGTH);
  if (oddities.length > 0) {
    if (inputGigawords === undefined && oddities.some(({ type }) => type === 52)) inputOctets = undefined;
    if (outputGigawords === undefined && oddities.some(({ type }) => type === 53)) outputOctets = undefined;
  }

  // One literal with every field: objects of one shape are cheap to make and to read.
  return {
    packet,
    statusType,
    sessionId,
    multiSessionId,
    userName,
    class: classes,
    nasIdentifier,
    nasIpAddress,
    nasIpv6Address,
    nasPort,
    nasPortId,
    callingStationId,
    calledStationId,
    line,
    delayTime,
    eventTimestamp,
    sessionTime,
    inputOctets: inputOctets === undefined ? undefined : combineGigawords(inputGigawords ?? 0, inputOctets),
    outputOctets: outputOctets === undefined ? undefined : combineGigawords(outputGigawords ?? 0, outputOctets),
    inputPackets,
    outputPackets,
    terminateCause,
    framedIpAddress,
    framedIpv6Addresses,
    framedIpv6Prefixes,
    delegatedIpv6Prefixes,
    framedRoutes,
    framedIpv6Routes,
    framedInterfaceId,
    proxyState,
    oddities,
  };
}

function faultOf(shape: number, bytes: Uint8Array, at: number, end: number): Oddity['code'] | undefined {
  const length = end - at;
  if (shape > 0) return length === shape ? undefined : 'value-length';
  if (shape === NOT_EMPTY) return length > 0 ? undefined : 'value-empty';
  if (shape === PREFIX) {
    if (length < 2 || length > 18) return 'value-length';
    return (bytes[at + 1] as number) > 128 ? 'prefix-length' : undefined;
  }
  return undefined;
}

function repeated(oddities: Oddity[], type: number): void {
  oddities.push({ type, code: 'attribute-repeated' });
}

function shapes(): Int8Array {
  const ofType: Record<ValueType, number> = {
    text: NOT_EMPTY,
    string: NOT_EMPTY,
    integer: 4,
    integer64: 8,
    ipaddr: 4,
    ipv6addr: 16,
    ipv6prefix: PREFIX,
    'interface-id': 8,
    time: 4,
    'vendor-specific': NOT_READ,
  };
  const read = new Set([
    1, 4, 5, 8, 22, 25, 30, 31, 32, 40, 41, 42, 43, 44, 46, 47, 48, 49, 50, 52, 53, 55, 87, 95, 96, 97, 99, 123, 168,
  ]);
  const table = new Int8Array(256);
  for (const { number, type } of Object.values(ATTRIBUTES)) if (read.has(number)) table[number] = ofType[type];
  // What is in it is looked at by itself.
  table[ATTRIBUTES['Vendor-Specific'].number] = ANY;
  // Proxy-State goes back as it came, even empty.
  table[ATTRIBUTES['Proxy-State'].number] = ANY;
  return table;
}
