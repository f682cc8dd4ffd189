import type { Clock, OpenUdp, Random, TimerHandle, Timers, UdpPeer, UdpSocket } from '../io.js';
import { addressOctets } from './address.js';
import { decodeInteger, encodeTime } from './attributes.js';
import { signRequest, verifyMessageAuthenticator, verifyResponseAuthenticator } from './authenticator.js';
import type { MessageAuthenticatorPolicy } from './clients.js';
import { ATTRIBUTES } from './dictionary.js';
import { DecodeError, type DecodeErrorCode, EncodeError, type EncodeErrorCode, StateError } from './errors.js';
import { IdentifierPool } from './identifiers.js';
import {
  AUTHENTICATOR_LENGTH,
  AUTHENTICATOR_OFFSET,
  HEADER_LENGTH,
  PACKET_CODES,
  parse,
  type RadiusAttribute,
  type RadiusPacket,
} from './packet.js';

/** Why a datagram did not count as the reply to anything. Stable: metric label and log field. */
export type DynAuthRejectCode =
  | DecodeErrorCode
  | 'unknown-peer'
  | 'unknown-identifier'
  | 'unexpected-code'
  | 'bad-authenticator'
  | 'missing-message-authenticator'
  | 'bad-message-authenticator';

export interface DynAuthRequest {
  /** The NAS, an IPv4 or IPv6 address. */
  readonly address: string;
  readonly port: number;
  readonly secret: Uint8Array;
  /** What identifies the session and, in a CoA-Request, what to change. Without the two attributes below. */
  readonly attributes: readonly RadiusAttribute[];
  /** How long to wait after each transmission. */
  readonly timeoutMs: number;
  /** Transmissions after the first. */
  readonly retries: number;
  /** Adds a Message-Authenticator. */
  readonly messageAuthenticator: boolean;
  /** What to make of the Message-Authenticator of the reply. Default `optional`. */
  readonly replyMessageAuthenticator?: MessageAuthenticatorPolicy;
  /** Adds an Event-Timestamp, the time of the first transmission. */
  readonly eventTimestamp: boolean;
  /** Ends the request as `cancelled`: nothing more of it leaves, and an answer that comes later is not heard. */
  readonly signal?: AbortSignal;
}

/**
 * How a request ended. `nak` has the Error-Cause if the NAS gave one. `timeout`: nobody knows whether the NAS acted.
 * `error`: the request never left; `code` is an `EncodeErrorCode`, `bad-address`, `line-full`, `stopped`, `cancelled`, or
 * the system's (EHOSTUNREACH). After `stopped` and `cancelled` the request may have left.
 */
export type DynAuthOutcome =
  | { readonly kind: 'ack' }
  | { readonly kind: 'nak'; readonly errorCause?: number }
  | { readonly kind: 'timeout'; readonly transmissions: number }
  | {
      readonly kind: 'error';
      readonly code: EncodeErrorCode | 'bad-address' | 'line-full' | 'stopped' | 'cancelled' | (string & {});
    };

export interface DynAuthClientOptions {
  readonly openUdp: OpenUdp;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  /** Where the sockets of each family bind. Default: the unspecified address and a port of the kernel's choice. */
  readonly bind?: { readonly ipv4?: UdpPeer; readonly ipv6?: UdpPeer };
  /** How many requests to one NAS may wait for an Identifier; one more is `line-full`. Default 4096. */
  readonly line?: number;
  readonly onReject: (code: DynAuthRejectCode, peer: UdpPeer) => void;
  /** A socket failed to receive or send. */
  readonly onError: (error: Error) => void;
}

/** One NAS as seen from one socket. */
interface Target {
  readonly socket: UdpSocket;
  readonly peer: UdpPeer;
  readonly identifiers: IdentifierPool;
  readonly inFlight: Map<number, Exchange>;
}

/** A request that has an identifier and has left, or is about to. */
interface Exchange {
  readonly target: Target;
  readonly request: DynAuthRequest;
  readonly code: RequestCode;
  readonly identifier: number;
  readonly bytes: Uint8Array;
  readonly settle: Settle;
  transmissions: number;
  failures: number;
  timer: TimerHandle;
}

type RequestCode = 40 | 43;
type Settle = (outcome: DynAuthOutcome) => void;

const DEFAULT_LINE = 4096;
const ANY_ADDRESS = { 4: { address: '0.0.0.0', port: 0 }, 6: { address: '::', port: 0 } } as const;

/**
 * A dynamic authorization client (RFC 5176): sends Disconnect- and CoA-Requests and waits for their answers.
 *
 * Retransmissions are identical octets. There is one socket a family, and it has 256 Identifiers towards each NAS
 * (address and port): so many requests per NAS are in flight, further ones wait in line, up to a bound. A freed
 * identifier is not held back but used last: a late reply to its former request fails verification, since its Response
 * Authenticator covers the former Request Authenticator. (Were the two requests identical octet by octet, the reply would
 * be as true for one as for the other.)
 */
export class DynAuthClient {
  readonly #options: DynAuthClientOptions;
  readonly #sockets = new Map<4 | 6, Promise<UdpSocket>>();
  /** One per NAS that was ever asked, which the operator's configuration bounds. */
  readonly #targets = new Map<string, Target>();
  /** Everything without an outcome, in flight or not. */
  readonly #unsettled = new Set<Settle>();
  #stopping = false;
  #stopped: Promise<void> | undefined;

  constructor(options: DynAuthClientOptions) {
    this.#options = options;
  }

  /**
   * Opens the socket of a family, unless it is open. Requests do this by themselves; a daemon calls it to hear of a
   * source address that cannot be had before it is needed. Rejects with the system error, or after
   * `stop` with a StateError.
   */
  async open(family: 4 | 6): Promise<void> {
    if (this.#stopping) throw new StateError('stopped');
    await this.#socket(family);
  }

  /** Disconnect-Request (RFC 5176 section 2.1). Never rejects. */
  disconnect(request: DynAuthRequest): Promise<DynAuthOutcome> {
    return this.#ask(PACKET_CODES['Disconnect-Request'], request);
  }

  /** CoA-Request (RFC 5176 section 2.2). Never rejects. */
  changeOfAuthorization(request: DynAuthRequest): Promise<DynAuthOutcome> {
    return this.#ask(PACKET_CODES['CoA-Request'], request);
  }

  /** Ends what is in flight or in line as `stopped` and closes the sockets. May be called more than once. */
  stop(): Promise<void> {
    this.#stopping = true;
    this.#stopped ??= this.#close();
    return this.#stopped;
  }

  async #close(): Promise<void> {
    for (const { inFlight } of this.#targets.values()) {
      for (const exchange of inFlight.values()) this.#options.timers.clear(exchange.timer);
      inFlight.clear();
    }
    for (const settle of [...this.#unsettled]) settle({ kind: 'error', code: 'stopped' });
    const sockets = await Promise.allSettled(this.#sockets.values());
    await Promise.all(
      sockets.map(async (socket) => {
        if (socket.status === 'fulfilled') await socket.value.close();
      }),
    );
  }

  async #ask(code: RequestCode, request: DynAuthRequest): Promise<DynAuthOutcome> {
    if (this.#stopping) return { kind: 'error', code: 'stopped' };
    const { signal } = request;
    if (signal?.aborted === true) return { kind: 'error', code: 'cancelled' };
    const octets = addressOctets(request.address);
    if (octets === undefined || !Number.isInteger(request.port) || request.port < 1 || request.port > 65535) {
      return { kind: 'error', code: 'bad-address' };
    }
    return new Promise((resolve) => {
      const cancel = (): void => {
        this.#cancel(settle);
      };
      const settle: Settle = (outcome) => {
        if (!this.#unsettled.delete(settle)) return;
        signal?.removeEventListener('abort', cancel);
        resolve(outcome);
      };
      this.#unsettled.add(settle);
      signal?.addEventListener('abort', cancel, { once: true });
      this.#socket(octets.length === 4 ? 4 : 6).then(
        (socket) => {
          if (this.#stopping) return;
          const target = this.#target(socket, request, octets);
          const inLine = target.identifiers.acquire((identifier) => {
            // Whoever stood in line has its outcome already when an identifier comes free by stopping.
            if (this.#stopping) return;
            if (this.#unsettled.has(settle)) this.#begin(target, identifier, code, request, settle);
            else target.identifiers.release(identifier);
          });
          if (!inLine) settle({ kind: 'error', code: 'line-full' });
        },
        (error: unknown) => {
          settle({ kind: 'error', code: systemCode(error) });
        },
      );
    });
  }

  /** Ends a request that is in flight, or in line for a socket or an identifier. */
  #cancel(settle: Settle): void {
    const outcome: DynAuthOutcome = { kind: 'error', code: 'cancelled' };
    for (const { inFlight } of this.#targets.values()) {
      for (const exchange of inFlight.values()) {
        if (exchange.settle !== settle) continue;
        this.#end(exchange, outcome);
        // Whoever calls off many at once means those in line too: none of them may leave in the place of the first.
        void Promise.resolve().then(() => {
          exchange.target.identifiers.release(exchange.identifier);
        });
        return;
      }
    }
    settle(outcome);
  }

  #begin(target: Target, identifier: number, code: RequestCode, request: DynAuthRequest, settle: Settle): void {
    let bytes: Uint8Array;
    try {
      bytes = this.#encode(identifier, code, request);
    } catch (error) {
      if (!(error instanceof EncodeError)) throw error;
      settle({ kind: 'error', code: error.code });
      target.identifiers.release(identifier);
      return;
    }
    const exchange: Exchange = {
      target,
      request,
      code,
      identifier,
      bytes,
      settle,
      transmissions: 0,
      failures: 0,
      timer: undefined,
    };
    target.inFlight.set(identifier, exchange);
    this.#transmit(exchange);
  }

  #encode(identifier: number, code: RequestCode, request: DynAuthRequest): Uint8Array {
    const attributes = [...request.attributes];
    if (request.eventTimestamp) {
      const seconds = Math.floor(this.#options.clock.wallMs() / 1000);
      attributes.push({ type: ATTRIBUTES['Event-Timestamp'].number, value: encodeTime(seconds) });
    }
    const authenticator = new Uint8Array(AUTHENTICATOR_LENGTH);
    return signRequest({ code, identifier, authenticator, attributes }, request.secret, request.messageAuthenticator);
  }

  #transmit(exchange: Exchange): void {
    const { target, bytes, request } = exchange;
    exchange.transmissions += 1;
    exchange.timer = this.#options.timers.set(request.timeoutMs, () => {
      if (exchange.transmissions <= request.retries) this.#transmit(exchange);
      else this.#finish(exchange, { kind: 'timeout', transmissions: exchange.transmissions });
    });
    target.socket.send(bytes, target.peer, (error) => {
      if (error === null || target.inFlight.get(exchange.identifier) !== exchange) return;
      this.#options.onError(error);
      exchange.failures += 1;
      // A route may come back before the next transmission. When none ever left, the NAS has certainly not acted.
      if (exchange.failures > request.retries) this.#finish(exchange, { kind: 'error', code: systemCode(error) });
    });
  }

  #finish(exchange: Exchange, outcome: DynAuthOutcome): void {
    this.#end(exchange, outcome);
    exchange.target.identifiers.release(exchange.identifier);
  }

  /** Settles an exchange and keeps its identifier. */
  #end({ target, identifier, timer, settle }: Exchange, outcome: DynAuthOutcome): void {
    this.#options.timers.clear(timer);
    target.inFlight.delete(identifier);
    settle(outcome);
  }

  #receive(datagram: Uint8Array, peer: UdpPeer): void {
    if (this.#stopping) return;
    const { onReject } = this.#options;
    const target = this.#targets.get(targetKey(peer.address, peer.port));
    if (target === undefined) {
      onReject('unknown-peer', peer);
      return;
    }
    let reply: RadiusPacket;
    try {
      reply = parse(datagram);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      onReject(error.code, peer);
      return;
    }
    const exchange = target.inFlight.get(reply.identifier);
    if (exchange === undefined) {
      onReject('unknown-identifier', peer);
      return;
    }
    const fault = faultOf(reply, exchange);
    if (fault !== undefined) {
      onReject(fault, peer);
      return;
    }
    this.#finish(exchange, reply.code === exchange.code + 1 ? { kind: 'ack' } : nak(reply));
  }

  #target(socket: UdpSocket, { address, port }: DynAuthRequest, octets: Uint8Array): Target {
    const key = targetKey(address, port);
    let target = this.#targets.get(key);
    if (target === undefined) {
      // An IPv4-mapped address travels on the IPv4 socket and has to look like it.
      const peer = { address: octets.length === 4 ? octets.join('.') : address, port };
      const first = this.#options.random.bytes(1)[0] ?? 0;
      target = {
        socket,
        peer,
        identifiers: new IdentifierPool(first, this.#options.line ?? DEFAULT_LINE),
        inFlight: new Map(),
      };
      this.#targets.set(key, target);
    }
    return target;
  }

  #socket(family: 4 | 6): Promise<UdpSocket> {
    let opening = this.#sockets.get(family);
    if (opening === undefined) {
      opening = this.#open(family);
      this.#sockets.set(family, opening);
      // The next request tries anew: the address may have come up by then.
      opening.catch(() => this.#sockets.delete(family));
    }
    return opening;
  }

  async #open(family: 4 | 6): Promise<UdpSocket> {
    const socket = this.#options.openUdp(family);
    socket.onMessage((datagram, peer) => {
      this.#receive(datagram, peer);
    });
    socket.onError(this.#options.onError);
    try {
      await socket.bind((family === 4 ? this.#options.bind?.ipv4 : this.#options.bind?.ipv6) ?? ANY_ADDRESS[family]);
    } catch (error) {
      await socket.close();
      throw error;
    }
    return socket;
  }
}

/** In the order of cost. An ACK is the request's code + 1, a NAK + 2. */
function faultOf(reply: RadiusPacket, exchange: Exchange): DynAuthRejectCode | undefined {
  if (reply.code !== exchange.code + 1 && reply.code !== exchange.code + 2) return 'unexpected-code';
  const authenticator = exchange.bytes.subarray(AUTHENTICATOR_OFFSET, HEADER_LENGTH);
  const { secret, replyMessageAuthenticator } = exchange.request;
  if (!verifyResponseAuthenticator(reply, authenticator, secret)) return 'bad-authenticator';
  if (replyMessageAuthenticator === 'ignore') return undefined;
  const verdict = verifyMessageAuthenticator(reply, secret, authenticator);
  if (verdict === 'right') return undefined;
  if (verdict !== 'absent') return 'bad-message-authenticator';
  return replyMessageAuthenticator === 'required' ? 'missing-message-authenticator' : undefined;
}

/** A malformed Error-Cause counts as none: the NAS did refuse. */
function nak(reply: RadiusPacket): DynAuthOutcome {
  const cause = reply.attributes.find(({ type }) => type === ATTRIBUTES['Error-Cause'].number);
  return cause?.value.length === 4 ? { kind: 'nak', errorCause: decodeInteger(cause.value) } : { kind: 'nak' };
}

/** Addresses count as octets, so that no spelling of IPv6 hides a peer; a zone counts as spelled. */
function targetKey(address: string, port: number): string {
  const zone = address.indexOf('%');
  return `${(addressOctets(address) ?? []).join('.')}${zone === -1 ? '' : address.slice(zone)}#${String(port)}`;
}

function systemCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown';
}
