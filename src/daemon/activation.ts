/** Sockets that a service manager opened and handed over: systemd's LISTEN_FDS protocol, sd_listen_fds(3). */
import { formatAddress } from './lifecycle/address.js';

/** The first descriptor that is handed over; the others follow (SD_LISTEN_FDS_START). */
const FIRST_FD = 3;
/** The kernel's tables of sockets, and the column of the inode in each (proc(5)). */
const TABLES = [
  { table: 'udp', family: 4, column: 9 },
  { table: 'udp6', family: 6, column: 9 },
  { table: 'tcp', family: null, column: 9 },
  { table: 'tcp6', family: null, column: 9 },
  { table: 'unix', family: null, column: 6 },
] as const;

/** A bound UDP socket that was open before addrd was. `name` is what the socket unit calls it (FileDescriptorName=). */
export interface PassedSocket {
  readonly fd: number;
  readonly name: string;
  readonly family: 4 | 6;
  readonly address: string;
  readonly port: number;
}

/** Why what was handed over cannot be used. Stable: printed with the message. */
export type ActivationErrorCode = 'listen-fds-invalid' | 'passed-not-udp';

/** The service manager handed over something that is no bound UDP socket: its socket unit needs mending. */
export class ActivationError extends Error {
  readonly code: ActivationErrorCode;
  constructor(code: ActivationErrorCode, message: string) {
    super(message);
    this.name = 'ActivationError';
    this.code = code;
  }
}

/** `/proc/self`, as far as it tells of sockets. Both throw the system's error. */
export interface ProcSelf {
  /** The target of `/proc/self/fd/FD`. */
  readFd(fd: number): string;
  /** The text of `/proc/self/net/TABLE`. */
  readTable(table: string): string;
}

/**
 * The sockets that the environment says were handed to this process; none where it says nothing, or where what it says is
 * meant for another process (LISTEN_PID).
 * @throws ActivationError `listen-fds-invalid`, `passed-not-udp`
 */
export function passedSockets(
  env: Readonly<Record<string, string | undefined>>,
  pid: number,
  proc: ProcSelf,
): PassedSocket[] {
  const { LISTEN_FDS: count, LISTEN_PID: owner, LISTEN_FDNAMES: names } = env;
  if (count === undefined || owner !== String(pid)) return [];
  if (!/^(0|[1-9]\d{0,2})$/.test(count)) {
    throw new ActivationError('listen-fds-invalid', `LISTEN_FDS is ${count}, which is no number of sockets`);
  }
  const named = names?.split(':') ?? [];
  return Array.from({ length: Number(count) }, (_, i) => describe(FIRST_FD + i, named[i] ?? 'unknown', proc));
}

function describe(fd: number, name: string, proc: ProcSelf): PassedSocket {
  const inode = /^socket:\[(\d+)\]$/.exec(attempt(() => proc.readFd(fd)))?.[1];
  if (inode === undefined) throw refusal(fd, name, 'it is no socket');
  for (const { table, family, column } of TABLES) {
    const row = attempt(() => proc.readTable(table))
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .find((fields) => fields[column] === inode);
    if (row === undefined) continue;
    if (family === null) throw refusal(fd, name, `it is a ${table} socket`);
    const [address = '', port = ''] = row[1]?.split(':') ?? [];
    return {
      ...{ fd, name, family },
      address: formatAddress(networkOrder(Uint8Array.from(Buffer.from(address, 'hex')))),
      port: Number.parseInt(port, 16),
    };
  }
  throw refusal(fd, name, 'it is not bound to an address');
}

function refusal(fd: number, name: string, why: string): ActivationError {
  const message = `descriptor ${String(fd)} (${name}) is no UDP socket that addrd can use: ${why}`;
  return new ActivationError('passed-not-udp', `${message}; the socket unit must say ListenDatagram=ADDRESS:PORT`);
}

/** What a read tells, or nothing where the system refuses: then nothing is known of the socket. */
function attempt(read: () => string): string {
  try {
    return read();
  } catch {
    return '';
  }
}

/** The kernel prints an address as 32-bit words in its own order, which is little-endian on every platform of Node. */
function networkOrder(words: Uint8Array): Uint8Array {
  return words.map((_, i) => words[(i & ~3) + 3 - (i & 3)] ?? 0);
}

/** A place as the config writes it: `192.0.2.1:1813`, `[2001:db8::1]:1813`. */
export function listenText({ address, port }: { readonly address: string; readonly port: number }): string {
  return `${address.includes(':') ? `[${address}]` : address}:${String(port)}`;
}

/** Where the config and the sockets differ, each as listen texts; both empty where they agree. */
export interface ListenDifference {
  /** In the config, and not opened, because sockets were handed over. */
  readonly unheard: readonly string[];
  /** Handed over and used, and not in the config. */
  readonly unnamed: readonly string[];
}

/** Compares what was handed over with `radius.accounting.listen`. */
export function listenDifference(
  passed: readonly PassedSocket[],
  listen: readonly { readonly address: Uint8Array; readonly port: number }[],
): ListenDifference {
  const given = new Set(passed.map(listenText));
  const wanted = new Set(listen.map(({ address, port }) => listenText({ address: formatAddress(address), port })));
  return {
    unheard: [...wanted].filter((text) => !given.has(text)),
    unnamed: [...given].filter((text) => !wanted.has(text)),
  };
}
