import type { Clock, OpenUdp, UdpBind, UdpPeer, UdpSocket } from '../io.js';
import { type AccountingRequest, decodeAccountingRequest } from './accounting.js';
import { signResponse, verifyMessageAuthenticator, verifyRequestAuthenticator } from './authenticator.js';
import type { ClientTable, RadiusClient } from './clients.js';
import { ATTRIBUTES } from './dictionary.js';
import { DecodeError, type DecodeErrorCode, StateError } from './errors.js';
import { FloodGate, type FloodLimits } from './flood.js';
import { HEADER_LENGTH, PACKET_CODES, parse, type RadiusPacket } from './packet.js';
import { ReplyCache } from './reply-cache.js';
import { statusResponse } from './status-server.js';

/** Why a datagram got no further. Stable: metric label and log field. */
export type AccountingRejectCode =
  | DecodeErrorCode
  | 'unknown-client'
  | 'flood-limited'
  | 'unexpected-code'
  | 'bad-authenticator'
  | 'missing-message-authenticator'
  | 'bad-message-authenticator'
  | 'duplicate-in-flight'
  | 'not-ready';

/** Where a packet came from: the kernel's text, and the address as 4 or 16 octets. */
export interface PacketSource {
  readonly address: string;
  readonly port: number;
  readonly bytes: Uint8Array;
}

/** An authenticated Accounting-Request and its circumstances. It owns its octets and may be kept. */
export interface ReceivedAccounting<T> {
  readonly client: RadiusClient<T>;
  readonly source: PacketSource;
  /** Unix time in milliseconds. */
  readonly receivedAt: number;
  readonly request: AccountingRequest;
}

/**
 * `true` sends the Accounting-Response: what the packet says is recorded for good (RFC 2866 section 2). `false` stays
 * silent, so that the NAS tries again. Only the first call counts, whenever it comes.
 */
export type Respond = (answer: boolean) => void;

export interface AccountingServerOptions<T> {
  readonly openUdp: OpenUdp;
  readonly clock: Clock;
  /** IPv4 or IPv6 addresses; port 0 lets the kernel choose. With `fd`, a socket that is bound there already. */
  readonly listen: readonly (UdpPeer & Pick<UdpBind, 'fd'>)[];
  /** Octets asked of the kernel per socket. Default 8 MiB: a second of a restart's storm. */
  readonly receiveBuffer?: number;
  readonly clients: ClientTable<T>;
  /** How long a reply is remembered for retransmissions. Default 30 000 ms. */
  readonly replyCacheMs?: number;
  /** How many requests are remembered. Default 65 536. */
  readonly replyCacheEntries?: number;
  /** What one source that is a client may send. Default: as much as it likes. */
  readonly flood?: FloodLimits;
  /** Whether an Accounting-Request that came now would be worked on: a Status-Server is answered only then. Default: always. */
  readonly ready?: () => boolean;
  /** Called once per request, never for a retransmission of one in work or answered. Must not throw. */
  readonly handler: (received: ReceivedAccounting<T>, respond: Respond) => void;
  /** A datagram came in, of so many octets, whatever becomes of it. */
  readonly onDatagram?: (octets: number) => void;
  readonly onReject: (code: AccountingRejectCode, source: UdpPeer) => void;
  /** A retransmission was answered with the remembered reply. */
  readonly onReplay?: (source: UdpPeer) => void;
  /** A Status-Server was answered. */
  readonly onStatus?: (source: UdpPeer) => void;
  /** A socket failed to receive or send, or the handler threw. */
  readonly onError: (error: Error) => void;
}

/** A listening socket: where the kernel put it and the receive buffer it granted, in octets. */
export interface BoundSocket {
  readonly address: string;
  readonly port: number;
  readonly receiveBuffer: number;
}

const DEFAULT_RECEIVE_BUFFER = 8 * 1024 * 1024;
const DEFAULT_REPLY_CACHE_MS = 30_000;
const DEFAULT_REPLY_CACHE_ENTRIES = 65_536;

/** An accounting server (RFC 2866, RFC 5997): from datagram to authenticated request, and from the answer to the reply. */
export class AccountingServer<T> {
  readonly #options: AccountingServerOptions<T>;
  readonly #replies: ReplyCache;
  readonly #gate: FloodGate;
  #clients: ClientTable<T>;
  #sockets: UdpSocket[] = [];
  #bound: BoundSocket[] = [];
  #state: 'new' | 'started' | 'draining' | 'stopped' = 'new';
  /** Requests that wait for their answer, and answers that the kernel has not taken yet. */
  #pending = 0;
  #drained: (() => void)[] = [];

  constructor(options: AccountingServerOptions<T>) {
    this.#options = options;
    this.#clients = options.clients;
    this.#gate = new FloodGate(options.flood);
    this.#replies = new ReplyCache(
      options.replyCacheMs ?? DEFAULT_REPLY_CACHE_MS,
      options.replyCacheEntries ?? DEFAULT_REPLY_CACHE_ENTRIES,
    );
  }

  /**
   * Opens every socket of `listen`. If one fails, closes those opened so far and rejects with the system error, its
   * `code` (EADDRINUSE, EACCES, EADDRNOTAVAIL) as it is. A server starts once:
   * a second time, or after a stop, rejects with a StateError.
   */
  async start(): Promise<void> {
    if (this.#state !== 'new') throw new StateError(this.#hasStopped() ? 'stopped' : 'already-started');
    this.#state = 'started';
    try {
      for (const { address, port, fd } of this.#options.listen) {
        const socket = this.#options.openUdp(address.includes(':') ? 6 : 4);
        this.#sockets.push(socket);
        socket.onMessage((datagram, peer) => {
          this.#receive(socket, datagram, peer);
        });
        socket.onError(this.#options.onError);
        const receiveBuffer = this.#options.receiveBuffer ?? DEFAULT_RECEIVE_BUFFER;
        const bound = await socket.bind({ address, port, receiveBuffer, ...(fd === undefined ? {} : { fd }) });
        if (this.#hasStopped()) return;
        this.#bound.push({ address: bound.address, port: bound.port, receiveBuffer: socket.receiveBuffer() });
      }
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /**
   * Closes the sockets at the first moment at which everything that was read is answered, and resolves then. A datagram is
   * never read and left: what is not read by then stays with the kernel, and where somebody else holds the socket too (a
   * service manager), the next process finds it there. Whoever cannot wait any longer calls {@link stop}.
   */
  async drain(): Promise<void> {
    if (this.#state === 'started') this.#state = 'draining';
    if (this.#state === 'draining' && this.#pending > 0) {
      await new Promise<void>((resolve) => this.#drained.push(resolve));
    }
    await this.stop();
  }

  /** Resolves when every socket is closed. May be called at any time, and more than once. */
  async stop(): Promise<void> {
    this.#state = 'stopped';
    for (const resolve of this.#drained.splice(0)) resolve();
    await Promise.all(this.#sockets.map((socket) => socket.close()));
    this.#bound = [];
  }

  /** The sockets that listen, in the order of `listen`. */
  get bound(): readonly BoundSocket[] {
    return this.#bound;
  }

  /** Replaces the clients for packets to come. */
  setClients(clients: ClientTable<T>): void {
    this.#clients = clients;
  }

  #hasStopped(): boolean {
    return this.#state === 'stopped';
  }

  #receive(socket: UdpSocket, datagram: Uint8Array, peer: UdpPeer): void {
    if (this.#state !== 'started' && this.#state !== 'draining') return;
    const { onReject, clock } = this.#options;
    this.#options.onDatagram?.(datagram.length);
    const match = this.#clients.find(peer.address);
    if (match === undefined) {
      onReject(this.#gate.admitStranger(clock.monoMs()) ? 'unknown-client' : 'flood-limited', peer);
      return;
    }
    if (!this.#gate.admit(match.octets, clock.monoMs())) {
      onReject('flood-limited', peer);
      return;
    }
    const { client } = match;
    let packet: RadiusPacket;
    let request: AccountingRequest;
    try {
      packet = parse(datagram);
      if (packet.code === PACKET_CODES['Status-Server']) {
        this.#status(socket, packet, client, peer);
        return;
      }
      if (packet.code !== PACKET_CODES['Accounting-Request']) {
        onReject('unexpected-code', peer);
        return;
      }
      if (!verifyRequestAuthenticator(packet, client.secret)) {
        onReject('bad-authenticator', peer);
        return;
      }
      const fault = messageAuthenticatorFault(packet, client);
      if (fault !== undefined) {
        onReject(fault, peer);
        return;
      }
      request = decodeAccountingRequest(packet);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      onReject(error.code, peer);
      return;
    }

    const key = requestKey(packet, peer);
    const earlier = this.#replies.begin(key, this.#options.clock.monoMs());
    if (earlier.kind === 'in-flight') {
      onReject('duplicate-in-flight', peer);
      return;
    }
    if (earlier.kind === 'answered') {
      this.#options.onReplay?.(peer);
      this.#send(socket, earlier.reply, peer);
      return;
    }

    const { claim } = earlier;
    let settled = false;
    this.#pending++;
    const respond: Respond = (answer) => {
      if (settled) return;
      settled = true;
      if (this.#hasStopped()) return;
      if (!answer) {
        this.#replies.forget(key, claim);
        this.#done();
        return;
      }
      const reply = accountingResponse(request, client.secret);
      this.#replies.answer(key, claim, reply, this.#options.clock.monoMs());
      this.#send(socket, reply, peer);
      this.#done();
    };
    const source = { address: peer.address, port: peer.port, bytes: match.octets };
    try {
      this.#options.handler({ client, source, receivedAt: this.#options.clock.wallMs(), request }, respond);
    } catch (error) {
      // One packet that trips the handler must not end the process: the NAS would send it again, for ever.
      respond(false);
      this.#options.onError(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** The last thing that was pending ends a drain in the same turn: no datagram can be read in between. */
  #done(): void {
    this.#pending--;
    if (this.#state === 'draining' && this.#pending === 0) void this.stop();
  }

  #status(socket: UdpSocket, packet: RadiusPacket, { secret }: RadiusClient<T>, peer: UdpPeer): void {
    const { onReject, onStatus, ready } = this.#options;
    const reply = statusResponse(packet, secret);
    if (typeof reply === 'string') onReject(reply, peer);
    else if (this.#state === 'draining' || ready?.() === false) onReject('not-ready', peer);
    else {
      this.#send(socket, reply, peer);
      onStatus?.(peer);
    }
  }

  #send(socket: UdpSocket, reply: Uint8Array, peer: UdpPeer): void {
    this.#pending++;
    socket.send(reply, peer, (error) => {
      this.#done();
      if (error !== null && !this.#hasStopped()) this.#options.onError(error);
    });
  }
}

/**
 * The Accounting-Response to a request: its Proxy-State in order, and nothing else (RFC 2866 section 4.2).
 *
 * Not even a Message-Authenticator where the request had one. No RFC says how to compute it here, and FreeRADIUS, whose
 * clients and proxies do check it, takes 16 zero octets where every other reply takes the Request Authenticator. An answer
 * that cannot be verified is no answer, and some NASes end the session for want of one; the Response Authenticator
 * covers the reply anyway.
 */
export function accountingResponse(request: AccountingRequest, secret: Uint8Array): Uint8Array {
  const attributes = request.proxyState.map((value) => ({ type: ATTRIBUTES['Proxy-State'].number, value }));
  const { identifier, authenticator } = request.packet;
  const code = PACKET_CODES['Accounting-Response'];
  return signResponse({ code, identifier, attributes }, authenticator, secret, false);
}

function messageAuthenticatorFault<T>(
  packet: RadiusPacket,
  { messageAuthenticator, secret }: RadiusClient<T>,
): AccountingRejectCode | undefined {
  if (messageAuthenticator === 'ignore') return undefined;
  const verdict = verifyMessageAuthenticator(packet, secret, undefined);
  if (verdict === 'right') return undefined;
  if (verdict !== 'absent') return 'bad-message-authenticator';
  return messageAuthenticator === 'required' ? 'missing-message-authenticator' : undefined;
}

/**
 * What makes two datagrams the same request (RFC 5080 section 2.2.2): source address and port, Identifier,
 * Authenticator. NASes restart Identifiers and move between ports, so none of them alone will do. The whole header is
 * taken, one character an octet: that is one call.
 */
function requestKey({ bytes }: RadiusPacket, peer: UdpPeer): string {
  const header = Buffer.from(bytes.buffer, bytes.byteOffset, HEADER_LENGTH).toString('latin1');
  return `${header}${String(peer.port)} ${peer.address}`;
}
