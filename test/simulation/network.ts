/** A network that loses, repeats, delays and reorders datagrams, by chance; and sockets on it. */
import type { OpenUdp, UdpBind, UdpPeer, UdpSocket } from '../../src/protocols/io.js';
import type { Chance } from './chance.js';
import type { Life, VirtualTime } from './time.js';

export interface Weather {
  /** The probability that a datagram is lost, and that it is delivered twice. */
  readonly loss: number;
  readonly repeat: number;
  /** A datagram takes up to this long. */
  readonly delayMs: number;
  /** The probability that one takes up to two seconds, and is overtaken by many. */
  readonly stray: number;
}

export const CALM: Weather = { loss: 0, repeat: 0, delayMs: 2, stray: 0 };

/** The addresses of one machine, by family. */
export type Host = Readonly<Record<4 | 6, string>>;

/** Hears of each datagram at the moment of its sending. */
export type Tap = (datagram: Uint8Array, from: UdpPeer, to: UdpPeer) => void;

const UNSPECIFIED = new Set(['0.0.0.0', '::']);

function place(address: string, port: number): string {
  return `${address}#${port}`;
}

export class Network {
  weather: Weather = CALM;
  /** Addresses that nothing reaches and nothing leaves. */
  readonly cutOff = new Set<string>();
  readonly taps: Tap[] = [];
  readonly #time: VirtualTime;
  readonly #chance: Chance;
  readonly #sockets = new Map<string, VirtualSocket>();
  #port = 49_152;

  constructor(time: VirtualTime, chance: Chance) {
    this.#time = time;
    this.#chance = chance;
  }

  /** Opens sockets for a process on a host. */
  opener(host: Host, life: Life): OpenUdp {
    return (family) => new VirtualSocket(this, host[family], life);
  }

  claim(socket: VirtualSocket, address: string, wanted: number): UdpPeer {
    const port = wanted === 0 ? this.#port++ : wanted;
    const holder = this.#sockets.get(place(address, port));
    if (holder?.isOpen === true) throw Object.assign(new Error('EADDRINUSE'), { code: 'EADDRINUSE' });
    this.#sockets.set(place(address, port), socket);
    return { address, port };
  }

  carry(datagram: Uint8Array, from: UdpPeer, to: UdpPeer): void {
    for (const tap of this.taps) tap(datagram, from, to);
    const copies = this.#chance.flip(this.weather.loss) ? 0 : this.#chance.flip(this.weather.repeat) ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      const slow = this.#chance.flip(this.weather.stray);
      const delay = this.#chance.between(1, slow ? 2_000 : this.weather.delayMs);
      const bytes = Uint8Array.from(datagram);
      this.#time.after(delay, () => {
        if (this.cutOff.has(from.address) || this.cutOff.has(to.address)) return;
        this.#sockets.get(place(to.address, to.port))?.receive(bytes, from);
      });
    }
  }
}

export class VirtualSocket implements UdpSocket {
  readonly #network: Network;
  readonly #address: string;
  readonly #life: Life;
  #bound: UdpPeer | null = null;
  #closed = false;
  #onMessage: (datagram: Uint8Array, peer: UdpPeer) => void = () => undefined;

  constructor(network: Network, address: string, life: Life) {
    this.#network = network;
    this.#address = address;
    this.#life = life;
  }

  get isOpen(): boolean {
    return this.#life.alive && !this.#closed;
  }

  onMessage(handler: (datagram: Uint8Array, peer: UdpPeer) => void): void {
    this.#onMessage = handler;
  }

  onError(): void {
    // Nothing fails here: what cannot be sent is lost.
  }

  async bind({ address, port }: UdpBind): Promise<UdpPeer> {
    this.#bound = this.#network.claim(this, UNSPECIFIED.has(address) ? this.#address : address, port);
    return this.#bound;
  }

  send(datagram: Uint8Array, peer: UdpPeer, done?: (error: Error | null) => void): void {
    if (this.isOpen && this.#bound !== null) this.#network.carry(datagram, this.#bound, peer);
    done?.(null);
  }

  receiveBuffer(): number {
    return 212_992;
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  receive(datagram: Uint8Array, peer: UdpPeer): void {
    if (this.isOpen) this.#onMessage(datagram, peer);
  }
}
