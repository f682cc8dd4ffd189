/**
 * FreeRADIUS with its SQL module, its stock schema and its stock queries, as a peer of the bench. Threads and pool are
 * those of its default configuration; of the default site, what accounting in SQL needs.
 */
import { chownSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import { freeUdpPort } from '../peers/freeradius.js';
import { startCluster } from './postgresql.js';
import { type BenchServer, exists, PeerMissing, start, unprivileged } from './server.js';
import { SECRET } from './subscriber.js';

const CONFIGURATION = '/etc/freeradius/3.0';
const LIBRARIES = '/usr/lib/freeradius';
const PROGRAM = '/usr/sbin/freeradius';
const OPEN_SESSIONS = 'SELECT count(*) FROM radacct WHERE acctstoptime IS NULL';

type Dialect = 'postgresql' | 'sqlite';

/** Where FreeRADIUS and its SQL module are, as text; PeerMissing where they are not. */
async function requireModule(dialect: Dialect): Promise<void> {
  if (!(await exists(PROGRAM))) throw new PeerMissing('FreeRADIUS is not installed (Debian: freeradius)');
  const library = join(LIBRARIES, `rlm_sql_${dialect}.so`);
  if (!(await exists(library))) {
    throw new PeerMissing(
      `${library} is not installed${dialect === 'postgresql' ? ' (Debian: freeradius-postgresql)' : ''}`,
    );
  }
}

/** A stock file of FreeRADIUS. Debian lets only root and freerad read them. */
function stock(path: string): string {
  const file = join(CONFIGURATION, path);
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new PeerMissing(`${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** FreeRADIUS with a private PostgreSQL cluster. Rejects with PeerMissing where a package is missing. */
export async function startWithPostgresql(parent: string): Promise<BenchServer> {
  await requireModule('postgresql');
  const folder = await makeFolder(parent, 'postgresql');
  const cluster = await startCluster(join(folder, 'cluster'));
  try {
    await cluster.sql('postgres', { command: 'CREATE DATABASE radius' });
    const schema = join(folder, 'schema.sql');
    write(schema, stock('mods-config/sql/main/postgresql/schema.sql'));
    await cluster.sql('radius', { file: schema });
    const shown = await cluster.sql('radius', {
      command: `SELECT string_agg(name || '=' || setting, ', ' ORDER BY name) FROM pg_settings
        WHERE name IN ('fsync', 'synchronous_commit', 'full_page_writes', 'wal_sync_method', 'server_version')`,
    });
    const connection = `radius_db = "dbname=radius host=${cluster.host} user=bench"`;
    const radius = await startFreeradius(folder, 'postgresql', connection);
    return {
      name: 'FreeRADIUS, PostgreSQL',
      port: radius.port,
      durability: `PostgreSQL, ${shown.trim()}`,
      warmWindow: 64,
      pids: [radius.pid, cluster.pid],
      openSessions: async () => Number(await cluster.sql('radius', { command: OPEN_SESSIONS })),
      warmed: async () => undefined,
      stop: async () => {
        await radius.stop();
        await cluster.stop();
      },
    };
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}

/** FreeRADIUS with an SQLite file. Rejects with PeerMissing where a package is missing. */
export async function startWithSqlite(parent: string): Promise<BenchServer> {
  await requireModule('sqlite');
  const folder = await makeFolder(parent, 'sqlite');
  const file = join(folder, 'radius.db');
  const db = new BetterSqlite3(file);
  let mode: unknown;
  try {
    db.exec(stock('mods-config/sql/main/sqlite/schema.sql'));
    mode = db.pragma('journal_mode', { simple: true });
  } finally {
    db.close();
  }
  own(file);
  const driver = `sqlite {\n    filename = "${file}"\n    busy_timeout = 200\n  }`;
  const radius = await startFreeradius(folder, 'sqlite', driver);
  return {
    name: 'FreeRADIUS, SQLite',
    port: radius.port,
    durability: `SQLite, journal_mode=${String(mode)}, synchronous=full (the module sets no pragma: the library's default)`,
    warmWindow: 1,
    pids: [radius.pid],
    openSessions: async () => {
      const reader = new BetterSqlite3(file, { readonly: true, timeout: 5_000 });
      try {
        return reader.prepare<[], number>(OPEN_SESSIONS).pluck().get() ?? null;
      } finally {
        reader.close();
      }
    },
    warmed: async () => undefined,
    stop: radius.stop,
  };
}

async function makeFolder(parent: string, name: string): Promise<string> {
  const folder = join(parent, name);
  await mkdir(folder, { recursive: true });
  own(folder);
  return folder;
}

function own(path: string): void {
  const as = unprivileged();
  if ('uid' in as && as.uid !== undefined) chownSync(path, as.uid, as.gid ?? as.uid);
}

function write(path: string, text: string): void {
  writeFileSync(path, text, { mode: 0o640 });
  own(path);
}

async function startFreeradius(
  folder: string,
  dialect: Dialect,
  driver: string,
): Promise<{ port: number; pid: number; stop(): Promise<void> }> {
  const port = await freeUdpPort();
  write(join(folder, 'dictionary'), '');
  write(join(folder, 'queries.conf'), stock(`mods-config/sql/main/${dialect}/queries.conf`));
  write(join(folder, 'acct-policy.conf'), stock('policy.d/accounting'));
  write(join(folder, 'radiusd.conf'), configuration(folder, port, dialect, driver));
  const program = await start(PROGRAM, ['-f', '-l', 'stdout', '-d', folder], {
    folder,
    ready: 'Ready to process requests',
    as: unprivileged(),
  });
  return { port, pid: program.pid, stop: () => program.end() };
}

function configuration(folder: string, port: number, dialect: Dialect, driver: string): string {
  return `
name = bench
libdir = ${LIBRARIES}
logdir = ${folder}
run_dir = ${folder}
max_request_time = 30
cleanup_delay = 5
max_requests = 16384
hostname_lookups = no
log {
  destination = stdout
}
security {
  allow_core_dumps = no
  max_attributes = 200
  reject_delay = 1
  status_server = yes
}
proxy_requests = no
thread pool {
  start_servers = 5
  max_servers = 32
  min_spare_servers = 3
  max_spare_servers = 10
  max_requests_per_server = 0
  auto_limit_acct = no
}
client loopback {
  ipaddr = 127.0.0.0/8
  secret = ${SECRET}
  require_message_authenticator = no
}
modules {
  preprocess {
  }
  expr {
  }
  sql {
    dialect = "${dialect}"
    driver = "rlm_sql_${dialect}"
    ${driver}
    acct_table1 = "radacct"
    acct_table2 = "radacct"
    postauth_table = "radpostauth"
    authcheck_table = "radcheck"
    groupcheck_table = "radgroupcheck"
    authreply_table = "radreply"
    groupreply_table = "radgroupreply"
    usergroup_table = "radusergroup"
    delete_stale_sessions = yes
    pool {
      start = \${thread[pool].start_servers}
      min = \${thread[pool].min_spare_servers}
      max = \${thread[pool].max_servers}
      spare = \${thread[pool].max_spare_servers}
      uses = 0
      retry_delay = 30
      lifetime = 0
      idle_timeout = 60
    }
    client_table = "nas"
    group_attribute = "SQL-Group"
    $INCLUDE ${folder}/queries.conf
  }
}
policy {
  $INCLUDE ${folder}/acct-policy.conf
}
server default {
  listen {
    type = acct
    ipaddr = 127.0.0.1
    port = ${String(port)}
  }
  preacct {
    preprocess
    acct_unique
  }
  accounting {
    sql
  }
}
`;
}
