import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createSocket } from 'node:dgram';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { requirePrograms } from '../support/peer.js';

/** A program of Debian's `freeradius` and `freeradius-utils` packages. */
export type FreeradiusProgram = 'freeradius' | 'radclient';

/** Whether the program can run; see {@link requirePrograms}. */
export function requirePeer(t: Test, program: FreeradiusProgram): boolean {
  return requirePrograms(t, [program], '-v');
}

/** A UDP port of the loopback that was free a moment ago. */
export async function freeUdpPort(address = '127.0.0.1'): Promise<number> {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(0, address, resolve);
  });
  const { port } = socket.address();
  await new Promise<void>((resolve) => {
    socket.close(resolve);
  });
  return port;
}

export interface RunningFreeradius {
  /** Ends the server and removes its files. */
  stop(): Promise<void>;
  /** What the server has printed so far, with -xx. */
  log(): string;
  /** Resolves once the server has printed this text. */
  logged(text: string): Promise<void>;
}

/**
 * Starts FreeRADIUS as a dynamic authorization server on 127.0.0.1 and resolves once it takes requests. It answers by
 * Acct-Session-Id: `nosuch` NAK 503, `prohibited` NAK 501, `nakbare` NAK without Error-Cause, `drop` not at all, anything
 * else ACK; a request without any session identification NAK 402.
 */
export function startFreeradiusDas(options: { port: number; secret: string }): Promise<RunningFreeradius> {
  return startFreeradius((directory) => dasConfiguration(directory, options));
}

/** Starts FreeRADIUS on the `radiusd.conf` that `configure` makes for its directory; resolves once it takes requests. */
export async function startFreeradius(configure: (directory: string) => string): Promise<RunningFreeradius> {
  const directory = await mkdtemp(join(tmpdir(), 'addrd-freeradius-'));
  await writeFile(join(directory, 'dictionary'), '');
  await writeFile(join(directory, 'radiusd.conf'), configure(directory));
  const child = spawn('freeradius', ['-f', '-l', 'stdout', '-xx', '-d', directory], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let printed = '';
  const waiting = new Set<() => void>();
  const read = (chunk: Buffer): void => {
    printed += chunk.toString();
    for (const look of [...waiting]) look();
  };
  child.stdout.on('data', read);
  child.stderr.on('data', read);
  const logged = (text: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        if (!printed.includes(text)) return;
        waiting.delete(look);
        resolve();
      };
      waiting.add(look);
      child.once('error', reject);
      child.once('exit', () => {
        reject(new Error(`freeradius ended without printing ${JSON.stringify(text)}:\n${printed}`));
      });
      look();
    });
  // A test that dies must not leave its server behind.
  const kill = (): void => {
    child.kill('SIGKILL');
  };
  process.once('exit', kill);
  const stop = async (): Promise<void> => {
    process.off('exit', kill);
    await ended(child);
    await rm(directory, { recursive: true, force: true });
  };
  try {
    await logged('Ready to process requests');
  } catch (error) {
    await stop();
    throw error;
  }
  return { stop, log: () => printed, logged };
}

export interface RadclientRun {
  /** 0 for an Accounting-Response or an ACK, 1 for a NAK or no answer. */
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Sends one packet with radclient. `attributes` are its input lines, such as `Acct-Session-Id = "s1"`. */
export function radclient(options: {
  kind: 'acct' | 'disconnect' | 'coa' | 'status';
  server: { address: string; port: number };
  secret: string;
  attributes: readonly string[];
  /** Transmissions in all; default 1. */
  transmissions?: number;
  /** Seconds per transmission; default 3. */
  timeout?: number;
}): Promise<RadclientRun> {
  const { address, port } = options.server;
  const server = address.includes(':') ? `[${address}]:${String(port)}` : `${address}:${String(port)}`;
  const repeat = ['-r', String(options.transmissions ?? 1), '-t', String(options.timeout ?? 3)];
  const child = spawn('radclient', ['-x', ...repeat, server, options.kind, options.secret]);
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  child.stdin.end(`${options.attributes.join('\n')}\n`);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status) => {
      resolve({ status, stdout, stderr });
    });
  });
}

/** Asks the child to end and waits until it has. */
function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) {
      resolve();
      return;
    }
    child.once('exit', () => {
      resolve();
    });
    child.kill('SIGTERM');
  });
}

function dasConfiguration(directory: string, { port, secret }: { port: number; secret: string }): string {
  return `
name = addrd-das
libdir = /usr/lib/freeradius
logdir = ${directory}
run_dir = ${directory}
hostname_lookups = no
max_requests = 16384
log {
  destination = stdout
}
security {
  allow_core_dumps = no
  reject_delay = 0
}
proxy_requests = no
thread pool {
  start_servers = 1
  max_servers = 2
  min_spare_servers = 1
  max_spare_servers = 2
}
modules {
  always ok {
    rcode = ok
  }
  always reject {
    rcode = reject
  }
  always handled {
    rcode = handled
  }
}
client loopback {
  ipaddr = 127.0.0.1
  secret = ${secret}
  require_message_authenticator = no
}
server das {
  listen {
    type = coa
    ipaddr = 127.0.0.1
    port = ${String(port)}
    virtual_server = das
  }
  recv-coa {
    if (!&Acct-Session-Id && !&User-Name && !&Framed-IP-Address) {
      update reply {
        Error-Cause := Missing-Attribute
      }
      reject
    }
    elsif (&Acct-Session-Id == "nosuch") {
      update reply {
        Error-Cause := Session-Context-Not-Found
      }
      reject
    }
    elsif (&Acct-Session-Id == "prohibited") {
      update reply {
        Error-Cause := Administratively-Prohibited
      }
      reject
    }
    elsif (&Acct-Session-Id == "drop") {
      update control {
        Response-Packet-Type := Do-Not-Respond
      }
      handled
    }
    elsif (&Acct-Session-Id == "nakbare") {
      reject
    }
    else {
      ok
    }
  }
  send-coa {
    ok
  }
}
`;
}
