import { createSocket, type Socket } from 'node:dgram';
import type { UdpBind, UdpPeer, UdpSocket } from './io.js';

/** Opens a UDP socket of the operating system. IPv6 sockets carry IPv6 only: one family, one socket. Never asks DNS. */
export function openUdp(family: 4 | 6): UdpSocket {
  return new DatagramSocket(family);
}

class DatagramSocket implements UdpSocket {
  readonly #socket: Socket;
  #onError: (error: Error) => void = () => undefined;
  #closed: Promise<void> | undefined;

  constructor(family: 4 | 6) {
    this.#socket = createSocket({
      type: family === 4 ? 'udp4' : 'udp6',
      ipv6Only: family === 6,
      // The default asks the resolver for every datagram sent. Addresses are literals here.
      lookup: (address, _options, found) => {
        found(null, address, family);
      },
    });
  }

  onMessage(handler: (datagram: Uint8Array, peer: UdpPeer) => void): void {
    this.#socket.on('message', handler);
  }

  onError(handler: (error: Error) => void): void {
    this.#onError = handler;
  }

  bind({ address, port, receiveBuffer, fd }: UdpBind): Promise<UdpPeer> {
    return new Promise((resolve, reject) => {
      this.#socket.once('error', reject);
      const where = fd === undefined ? { address, port } : { fd };
      this.#socket.bind({ ...where, exclusive: true }, () => {
        this.#socket.off('error', reject);
        this.#socket.on('error', (error) => {
          this.#onError(error);
        });
        // Asked for by this process, a buffer beyond rmem_max would become a smaller one.
        if (receiveBuffer !== undefined && fd === undefined) this.#requestReceiveBuffer(receiveBuffer);
        const bound = this.#socket.address();
        resolve({ address: bound.address, port: bound.port });
      });
    });
  }

  send(datagram: Uint8Array, peer: UdpPeer, done?: (error: Error | null) => void): void {
    try {
      this.#socket.send(datagram, peer.port, peer.address, done);
    } catch (error) {
      // Port 0, which a forged source may carry, and a closed socket: dgram throws where it could call back.
      done?.(error instanceof Error ? error : new Error(String(error)));
    }
  }

  receiveBuffer(): number {
    return this.#socket.getRecvBufferSize();
  }

  close(): Promise<void> {
    this.#closed ??= new Promise((resolve) => {
      this.#socket.close(resolve);
    });
    return this.#closed;
  }

  /** A small buffer loses packets under load, but a socket without any listener loses them all: carry on. */
  #requestReceiveBuffer(octets: number): void {
    try {
      this.#socket.setRecvBufferSize(octets);
    } catch {
      // `receiveBuffer()` tells what there is.
    }
  }
}
