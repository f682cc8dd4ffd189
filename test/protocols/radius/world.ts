import type {
  Clock,
  OpenUdp,
  Random,
  TimerHandle,
  Timers,
  UdpBind,
  UdpPeer,
  UdpSocket,
} from '../../../src/protocols/io.js';

/** A clock that stands still until told, and the timers that hang on it. */
export class FakeTime implements Clock, Timers {
  /** 2026-11-22T06:00:00.250Z */
  #wallMs = 1795327200250;
  #monoMs = 1_000;
  readonly #timers = new Set<{ dueMs: number; fire: () => void }>();

  wallMs(): number {
    return this.#wallMs;
  }

  monoMs(): number {
    return this.#monoMs;
  }

  get pending(): number {
    return this.#timers.size;
  }

  set(delayMs: number, fire: () => void): TimerHandle {
    const timer = { dueMs: this.#monoMs + delayMs, fire };
    this.#timers.add(timer);
    return timer;
  }

  clear(handle: TimerHandle): void {
    this.#timers.delete(handle as { dueMs: number; fire: () => void });
  }

  /** Moves both clocks, firing what falls due on the way, in order. */
  advance(ms: number): void {
    const endMs = this.#monoMs + ms;
    for (;;) {
      const next = [...this.#timers].filter(({ dueMs }) => dueMs <= endMs).sort((a, b) => a.dueMs - b.dueMs)[0];
      if (next === undefined) break;
      this.#timers.delete(next);
      this.#move(next.dueMs);
      next.fire();
    }
    this.#move(endMs);
  }

  #move(monoMs: number): void {
    this.#wallMs += monoMs - this.#monoMs;
    this.#monoMs = monoMs;
  }
}

export const noChance: Random = { bytes: (length) => new Uint8Array(length), unit: () => 0 };

/** A socket without a network: the test delivers datagrams and reads what was sent. */
export class FakeSocket implements UdpSocket {
  readonly family: 4 | 6;
  readonly sent: { bytes: Uint8Array; peer: UdpPeer }[] = [];
  bindError: Error | undefined;
  sendError: Error | undefined;
  boundTo: UdpBind | undefined;
  closed = false;
  #receive: (datagram: Uint8Array, peer: UdpPeer) => void = () => undefined;
  #fail: (error: Error) => void = () => undefined;

  constructor(family: 4 | 6) {
    this.family = family;
  }

  onMessage(handler: (datagram: Uint8Array, peer: UdpPeer) => void): void {
    this.#receive = handler;
  }

  onError(handler: (error: Error) => void): void {
    this.#fail = handler;
  }

  bind(bind: UdpBind): Promise<UdpPeer> {
    this.boundTo = bind;
    return this.bindError === undefined
      ? Promise.resolve({ address: bind.address, port: bind.port })
      : Promise.reject(this.bindError);
  }

  send(datagram: Uint8Array, peer: UdpPeer, done?: (error: Error | null) => void): void {
    if (this.sendError === undefined) this.sent.push({ bytes: datagram.slice(), peer });
    done?.(this.sendError ?? null);
  }

  receiveBuffer(): number {
    return 212_992;
  }

  close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }

  deliver(datagram: Uint8Array, peer: UdpPeer): void {
    this.#receive(datagram.slice(), peer);
  }

  fail(error: Error): void {
    this.#fail(error);
  }

  take(): { bytes: Uint8Array; peer: UdpPeer } {
    const first = this.sent.shift();
    if (first === undefined) throw new Error('nothing was sent');
    return first;
  }
}

/** Keeps the sockets it opens; `prepare` may spoil them. */
export function fakeNetwork(prepare?: (socket: FakeSocket) => void): { openUdp: OpenUdp; sockets: FakeSocket[] } {
  const sockets: FakeSocket[] = [];
  const openUdp: OpenUdp = (family) => {
    const socket = new FakeSocket(family);
    prepare?.(socket);
    sockets.push(socket);
    return socket;
  };
  return { openUdp, sockets };
}

export function systemError(code: string): Error {
  return Object.assign(new Error(code), { code });
}
