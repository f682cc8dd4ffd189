/**
 * The outside world as the protocols see it. Time, timers, chance and sockets are arguments, so that a simulation can
 * replace every one of them; the real ones live in `udp.ts` and in the daemon's `clock.ts`.
 */

/** Two clocks: `wallMs` is Unix time in milliseconds and may jump; `monoMs` only measures intervals. */
export interface Clock {
  wallMs(): number;
  monoMs(): number;
}

/** What `Timers.set` returns and `Timers.clear` takes. */
export type TimerHandle = unknown;

/** One-shot timers. `clear` tolerates a handle that has fired or was cleared before. */
export interface Timers {
  set(delayMs: number, fire: () => void): TimerHandle;
  clear(handle: TimerHandle): void;
}

/** Chance: `bytes(n)` returns n random octets fit for authenticators, `unit()` a number in [0, 1) fit for jitter. */
export interface Random {
  bytes(length: number): Uint8Array;
  unit(): number;
}

/** The far end of a datagram, the address as the kernel prints it (IPv4 dotted, IPv6 RFC 5952, zone kept). */
export interface UdpPeer {
  readonly address: string;
  readonly port: number;
}

/** Where a UDP socket listens. `receiveBuffer` is in octets and is a request: the kernel may cap it (`rmem_max`). */
export interface UdpBind {
  readonly address: string;
  readonly port: number;
  readonly receiveBuffer?: number;
  /**
   * A descriptor of this process that is bound to that address and port already. It is taken over as it is, its receive
   * buffer too: whoever opened it may have had more to give than this process. It is closed with the socket.
   */
  readonly fd?: number;
}

/**
 * A UDP socket. Handlers are set before `bind`; errors after `bind` reach `onError` and never throw. The octets of a
 * datagram are handed over: they are the handler's to keep.
 */
export interface UdpSocket {
  onMessage(handler: (datagram: Uint8Array, peer: UdpPeer) => void): void;
  onError(handler: (error: Error) => void): void;
  /** Resolves to the bound address and port (the kernel's choice where the port was 0). Rejects with the system error. */
  bind(bind: UdpBind): Promise<UdpPeer>;
  /** Hands one datagram to the kernel; `done` hears of a failure. The octets must not change until then. */
  send(datagram: Uint8Array, peer: UdpPeer, done?: (error: Error | null) => void): void;
  /** The granted receive buffer in octets, as the kernel reports it. */
  receiveBuffer(): number;
  /** Resolves when the socket is closed; closing twice is allowed. */
  close(): Promise<void>;
}

/** Opens an unbound socket of one address family. */
export type OpenUdp = (family: 4 | 6) => UdpSocket;
