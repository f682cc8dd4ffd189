/** A private PostgreSQL cluster with its default settings, on a Unix socket in a folder of the bench. */
import { chownSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { exists, PeerMissing, runProgram, start, unprivileged } from './server.js';

/** Debian's place for the programs of every version. */
const VERSIONS = '/usr/lib/postgresql';

export interface Cluster {
  /** The folder of its socket. */
  readonly host: string;
  readonly pid: number;
  /** Runs SQL in a database, a statement or a file; resolves to the rows, unaligned. */
  sql(database: string, what: { command: string } | { file: string }): Promise<string>;
  stop(): Promise<void>;
}

async function programs(): Promise<string> {
  if (await exists(VERSIONS)) {
    for (const version of readdirSync(VERSIONS).sort((a, b) => Number(b) - Number(a))) {
      const bin = join(VERSIONS, version, 'bin');
      if ((await exists(join(bin, 'initdb'))) && (await exists(join(bin, 'postgres')))) return bin;
    }
  }
  throw new PeerMissing('PostgreSQL is not installed (Debian: postgresql)');
}

/**
 * Makes and starts a cluster in `folder`, which its user can enter. It listens on its socket only; the superuser is
 * `bench`. Rejects with PeerMissing where PostgreSQL is not installed.
 */
export async function startCluster(folder: string): Promise<Cluster> {
  const bin = await programs();
  const as = unprivileged();
  const data = join(folder, 'data');
  mkdirSync(folder, { recursive: true });
  if ('uid' in as && as.uid !== undefined) chownSync(folder, as.uid, as.gid ?? as.uid);
  await runProgram(join(bin, 'initdb'), ['-D', data, '-U', 'bench', '-A', 'trust', '-E', 'UTF8', '--no-locale'], as);
  const settings = ['-c', 'listen_addresses=', '-c', `unix_socket_directories=${folder}`];
  const program = await start(join(bin, 'postgres'), ['-D', data, ...settings], {
    folder,
    ready: 'ready to accept connections',
    as,
  });
  return {
    host: folder,
    pid: program.pid,
    sql: (database, what) => {
      const input = 'file' in what ? ['-f', what.file] : ['-c', what.command];
      const args = ['-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-h', folder, '-U', 'bench', '-d', database];
      return runProgram(join(bin, 'psql'), [...args, ...input]);
    },
    // SIGINT is the fast shutdown: it waits for no client.
    stop: () => program.end('SIGINT'),
  };
}
