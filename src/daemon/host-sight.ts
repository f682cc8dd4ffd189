/** What can be seen of the host without doing anything to it: files of /proc, locks, sockets, room on disks. */
import { lstatSync, readdirSync, readFileSync, readlinkSync, statfsSync, statSync } from 'node:fs';
import { kernelSockets } from './api/socket-metrics.js';

/** Reads of the system; null (or nothing) where it refuses or has no such thing. */
export interface HostSight {
  text(path: string): string | null;
  names(path: string): readonly string[];
  link(path: string): string | null;
  /** Octets and number (inode) of a file. */
  file(path: string): { readonly size: number; readonly inode: number } | null;
  /** Octets of the file system of a path, and those that may still be written. */
  room(path: string): { readonly all: number; readonly left: number } | null;
}

function attempt<T>(read: () => T): T | null {
  try {
    return read();
  } catch {
    // Not there, or not for this user: the finding says that it is not known.
    return null;
  }
}

export const systemSight: HostSight = {
  text: (path) => attempt(() => readFileSync(path, 'latin1')),
  names: (path) => attempt(() => readdirSync(path)) ?? [],
  link: (path) => attempt(() => readlinkSync(path)),
  file: (path) => {
    const stat = attempt(() => (lstatSync(path).isSymbolicLink() ? statSync(path) : lstatSync(path)));
    return stat === null ? null : { size: stat.size, inode: stat.ino };
  },
  room: (path) => {
    const stat = attempt(() => statfsSync(path));
    return stat === null ? null : { all: stat.blocks * stat.bsize, left: stat.bavail * stat.bsize };
  },
};

/** The process that holds a lock for writing on a file (proc(5), /proc/locks), or null where none does or it is not shown. */
export function lockHolder(host: HostSight, path: string): number | null {
  const inode = host.file(path)?.inode;
  if (inode === undefined) return null;
  for (const line of host.text('/proc/locks')?.split('\n') ?? []) {
    const [, , , kind, pid = '', place = ''] = line.trim().split(/\s+/);
    if (kind === 'WRITE' && place.split(':').at(-1) === String(inode)) return Number(pid);
  }
  return null;
}

/** A socket on which something listens. `drops`: of UDP, datagrams that found no room. */
export interface Listener {
  readonly address: string;
  readonly port: number;
  readonly inode: string;
  readonly drops: number;
}

/** State LISTEN of TCP, as the kernel prints it. */
const TCP_LISTEN = '0A';

/** Everything that listens by UDP or TCP; null where that is not shown. */
export function listeners(host: HostSight, kind: 'udp' | 'tcp'): Listener[] | null {
  const tables = [host.text(`/proc/net/${kind}`), host.text(`/proc/net/${kind}6`)];
  if (tables.every((table) => table === null)) return null;
  return tables
    .flatMap((table) => table?.split('\n') ?? [])
    .flatMap((line) => {
      const [socket] = kernelSockets(line);
      const fields = line.trim().split(/\s+/);
      if (socket === undefined || (kind === 'tcp' && fields[3] !== TCP_LISTEN)) return [];
      const { address, port, drops } = socket;
      return [{ address, port, inode: fields[9] ?? '', drops: kind === 'udp' ? drops : 0 }];
    });
}

/** The processes that have a socket open; null where that is not shown to this user. */
export function holdersOf(host: HostSight, inode: string): { readonly pid: number; readonly name: string }[] | null {
  const found = host
    .names('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      const files = host.names(`/proc/${pid}/fd`);
      if (!files.some((fd) => host.link(`/proc/${pid}/fd/${fd}`) === `socket:[${inode}]`)) return [];
      return [{ pid: Number(pid), name: host.text(`/proc/${pid}/comm`)?.trim() ?? '' }];
    });
  return found.length > 0 ? found : null;
}
