/**
 * What the kernel says of the sockets that take accounting: datagrams that it dropped because addrd did not fetch them in
 * time, and how full the receive buffer is. Read from /proc/self/net/udp and udp6 (Linux, proc(5)), which are there under
 * ProcSubset=pid as well; elsewhere there is nothing.
 */
import { Counter, Gauge, type Registry } from 'prom-client';
import { formatAddress } from '../lifecycle/address.js';
import { parsePrefix } from '../address-text.js';

/** A socket as the accounting server bound it; `receiveBuffer` is what the kernel granted, octets. */
export interface WatchedSocket {
  readonly address: string;
  readonly port: number;
  readonly receiveBuffer: number;
}

/** One line of /proc/self/net/udp. */
export interface KernelSocket {
  readonly address: string;
  readonly port: number;
  /** Octets in the receive buffer. */
  readonly queued: number;
  readonly drops: number;
}

export interface SocketMetricsOptions {
  readonly registry: Registry;
  readonly sockets: readonly WatchedSocket[];
  /** The text of /proc/self/net/udp (4) or udp6 (6), or null where there is none. */
  readonly readTable: (family: 4 | 6) => Promise<string | null>;
}

/** The octets of an address: the kernel prints its words as numbers, in the order of this machine's octets. */
function octetsOf(hex: string): Uint8Array {
  const octets = new Uint8Array(hex.length / 2);
  const words = new DataView(octets.buffer);
  for (let at = 0; at < octets.length; at += 4) {
    words.setUint32(at, Number.parseInt(hex.slice(at * 2, at * 2 + 8), 16), LITTLE_ENDIAN);
  }
  return octets;
}
const LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

const LINE =
  /^ *\d+: ([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4}) [0-9A-F]+:[0-9A-F]{4} \w+ [0-9A-F]+:([0-9A-F]+) .* (\d+) *$/;

/** The sockets of /proc/self/net/udp or udp6. Lines that are none are left out. */
export function kernelSockets(table: string): KernelSocket[] {
  return table.split('\n').flatMap((line) => {
    const [, address = '', port = '', queued = '', drops = ''] = LINE.exec(line) ?? [];
    if (address === '') return [];
    return [
      {
        address: formatAddress(octetsOf(address)),
        port: Number.parseInt(port, 16),
        queued: Number.parseInt(queued, 16),
        drops: Number(drops),
      },
    ];
  });
}

/** An address without its zone, written as {@link formatAddress} does; the kernel's table has no zones. */
function plain(address: string): string {
  const parsed = parsePrefix(address.replace(/%.*$/, ''));
  return parsed === null ? address : formatAddress(parsed.bytes);
}

function nameOf({ address, port }: WatchedSocket): string {
  return `${address.includes(':') ? `[${address}]` : address}:${String(port)}`;
}

export class SocketMetrics {
  readonly #options: SocketMetricsOptions;
  readonly #drops: Counter<'socket'>;
  readonly #queued: Gauge<'socket'>;

  constructor(options: SocketMetricsOptions) {
    this.#options = options;
    const registers = [options.registry];
    const labelNames = ['socket'] as const;
    this.#drops = new Counter({
      name: 'addrd_socket_receive_drops_total',
      help: 'Datagrams that the kernel dropped for want of room in the receive buffer',
      labelNames,
      registers,
    });
    this.#queued = new Gauge({
      name: 'addrd_socket_receive_queue_bytes',
      help: 'Octets in the receive buffer, as the kernel counts them',
      labelNames,
      registers,
    });
    const granted = new Gauge({
      name: 'addrd_socket_receive_buffer_bytes',
      help: 'The receive buffer that the kernel granted',
      labelNames,
      registers,
    });
    for (const socket of options.sockets) granted.set({ socket: nameOf(socket) }, socket.receiveBuffer);
  }

  /** Asks the kernel again. To be awaited before the registry is asked for its text. */
  async refresh(): Promise<void> {
    const { sockets, readTable } = this.#options;
    const families = new Set(sockets.map(({ address }) => (address.includes(':') ? 6 : 4)));
    const tables = await Promise.all([...families].map(readTable));
    const known = tables.flatMap((table) => (table === null ? [] : kernelSockets(table)));
    this.#drops.reset();
    this.#queued.reset();
    for (const socket of sockets) {
      const address = plain(socket.address);
      const found = known.find((one) => one.port === socket.port && one.address === address);
      if (found === undefined) continue;
      this.#drops.inc({ socket: nameOf(socket) }, found.drops);
      this.#queued.set({ socket: nameOf(socket) }, found.queued);
    }
  }
}
