/** addrd as it is shipped, from dist, with subscribers that hold the addresses they report; and its ceiling. */
import { metricsNow } from '../support/process.js';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import BetterSqlite3 from 'better-sqlite3';
import { freeUdpPort } from '../peers/freeradius.js';
import { type BenchServer, type Program, ServerFailed, start } from './server.js';
import { addressOf, addressText, LANES, SECRET } from './subscriber.js';

const MAIN = fileURLToPath(new URL('../../dist/daemon/main.js', import.meta.url));
const ECHO = fileURLToPath(new URL('./echo.ts', import.meta.url));
/** Orders that are on their way at one time while subscribers get their addresses. */
const ORDERS = 256;

export interface AddrdOptions {
  readonly folder: string;
  readonly subscribers: number;
  /** Where the CPU profile of the measured process goes; null for none. */
  readonly profile: string | null;
  /** Opens the sessions of all subscribers in a store that no process has; without it they get addresses by the API. */
  readonly fill?: (store: string, config: string) => Promise<void>;
  /** Where its NASes take Disconnect-Requests, on 127.0.0.1; without it they take none. */
  readonly coaPort?: number;
  /** Lines of YAML for the end of the config. */
  readonly config?: string;
}

/** A measured addrd, and what a test asks it. */
export interface AddrdServer extends BenchServer {
  /** The text of GET /metrics. */
  metrics(): Promise<string>;
  /** GET on its API with its token. Rejects with {@link ServerFailed} where it is not answered 200. */
  get(path: string): Promise<unknown>;
  /** An order by its API. Rejects with {@link ServerFailed} where it is not answered 2xx. */
  order(path: string, body: object): Promise<unknown>;
  /** The file of its store. */
  readonly store: string;
  /** How long its last start took until it answered, milliseconds. */
  readonly startedInMs: number;
}

/**
 * Starts the daemon with a static pool and one NAS for each lane, and orders the address of every subscriber. When the
 * sessions are open, it is started again on the same store: what is measured, and profiled, is the work of a daemon
 * that has been there for long.
 */
export async function startAddrdServer(options: AddrdOptions): Promise<AddrdServer> {
  const folder = join(options.folder, 'addrd');
  await mkdir(folder, { recursive: true });
  const store = join(folder, 'addrd.db');
  const port = await freeUdpPort();
  const yaml = config(store, port, options.coaPort) + (options.config ?? '');
  await writeFile(join(folder, 'addrd.yaml'), yaml);
  let startedInMs = 0;
  const serve = async (node: readonly string[]): Promise<{ program: Program; api: string }> => {
    const args = [...node, MAIN, 'serve', '--config', join(folder, 'addrd.yaml')];
    const began = performance.now();
    const program = await start(process.execPath, args, { folder, ready: '"code":"started"' });
    startedInMs = performance.now() - began;
    return { program, api: apiOf(program.printed()) };
  };
  await options.fill?.(store, yaml);
  const profile = options.profile === null ? [] : ['--cpu-prof', '--cpu-prof-dir', options.profile];
  // A store that was filled is measured as it is.
  let { program, api } = await serve(options.fill === undefined ? [] : profile);
  const token = (await readFile(join(folder, 'api-token'), 'utf8')).trim();
  const agent = new Agent({ keepAlive: true, maxSockets: ORDERS });
  const order = (path: string, body: object): Promise<unknown> => call(agent, api, token, path, body);
  try {
    if (options.fill === undefined) await allocate(order, options.subscribers);
  } catch (error) {
    await program.end();
    throw error;
  }
  const get = (path: string): Promise<unknown> => call(agent, api, token, path);
  return {
    name: 'addrd',
    port,
    durability: `${journalOf(store)}; each answer after its COMMIT`,
    warmWindow: 64,
    get pids() {
      return [program.pid];
    },
    openSessions: async () => {
      const { sessions_open: open } = (await get('/api/v1/status')) as { sessions_open?: number };
      return open ?? null;
    },
    warmed: async () => {
      await program.end();
      ({ program, api } = await serve(profile));
    },
    stop: () => {
      agent.destroy();
      return program.end();
    },
    order,
    get startedInMs() {
      return startedInMs;
    },
    metrics: () => metricsNow({ url: `http://${api}` }),
    get,
    store,
  };
}

/** Starts the RADIUS server without a store: it answers whatever is signed right. */
export async function startCeiling(folder: string): Promise<BenchServer> {
  const own = join(folder, 'ceiling');
  await mkdir(own, { recursive: true });
  const port = await freeUdpPort();
  const program = await start(process.execPath, ['--import', import.meta.resolve('tsx'), ECHO, String(port)], {
    folder: own,
    ready: 'listening',
  });
  return {
    name: 'without a store',
    port,
    durability: 'none: it records nothing',
    warmWindow: 64,
    pids: [program.pid],
    openSessions: async () => null,
    warmed: async () => undefined,
    stop: () => program.end(),
  };
}

function config(store: string, port: number, coaPort?: number): string {
  const coa = coaPort === undefined ? '' : `, coa: { address: 127.0.0.1, port: ${String(coaPort)} }`;
  const nases = Array.from(
    { length: LANES },
    (_, lane) =>
      `    - { name: bng${String(lane + 1)}, address: 127.0.0.${String(lane + 1)}, secret: ${SECRET}${coa} }`,
  );
  return `
mode: act
store: { path: ${store} }
api: { listen: ["127.0.0.1:0"] }
radius:
  accounting: { listen: ["127.0.0.1:${String(port)}"] }
  nas:
${nases.join('\n')}
pools: [{ name: bench, family: ipv4, prefix: 10.0.0.0/8, kind: static, quarantine: 1m }]
`;
}

function apiOf(printed: string): string {
  for (const line of printed.split('\n')) {
    if (!line.includes('"code":"started"')) continue;
    const [api] = (JSON.parse(line) as { api: string[] }).api;
    if (api !== undefined) return api;
  }
  throw new ServerFailed('addrd did not say where its API listens');
}

/** By node:http and not by fetch, which costs several times its CPU and pauses by itself: the load generator shares the machine. */
function call(agent: Agent, api: string, token: string, path: string, body?: object): Promise<unknown> {
  const headers = {
    authorization: `Bearer ${token}`,
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
  };
  const method = body === undefined ? 'GET' : 'POST';
  return new Promise((resolve, reject) => {
    const sent = request(`http://${api}${path}`, { agent, method, headers }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      response.on('end', () => {
        const { statusCode = 0 } = response;
        if (statusCode >= 200 && statusCode < 300) resolve(JSON.parse(text));
        else reject(new ServerFailed(`${path}: ${String(statusCode)} ${text}`));
      });
    });
    sent.on('error', reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

async function allocate(order: AddrdServer['order'], subscribers: number): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < subscribers; index = next++) {
      const name = `s${String(index)}`;
      await order('/api/v1/network/ipv4-lifecycle/allocate', {
        subscriber_id: name,
        username: name,
        pool_id: 'bench',
        requested_address: addressText(addressOf(index)),
      });
    }
  };
  await Promise.all(Array.from({ length: ORDERS }, worker));
}

/** The journal mode lies in the file; `synchronous` is that of every connection of the store (src/store/open.ts). */
function journalOf(store: string): string {
  const db = new BetterSqlite3(store, { readonly: true });
  try {
    return `SQLite, journal_mode=${String(db.pragma('journal_mode', { simple: true }))}, synchronous=full`;
  } finally {
    db.close();
  }
}
