/**
 * The daemon's core as a process of its own, with subscribers that hold their addresses: `daemon.ts STORE SUBSCRIBERS`.
 * `echo` in place of a store's path answers each packet at once and records nothing: the ceiling of sockets and digests.
 * Prints one JSON line when it listens, and stops on SIGTERM.
 */
import { parseConfig } from '../../src/daemon/config.js';
import { startCore } from '../../src/daemon/core.js';
import { systemClock, systemRandom, systemTimers, systemTurn } from '../../src/daemon/clock.js';
import { openLog } from '../../src/daemon/log.js';
import { Metrics } from '../../src/daemon/metrics.js';
import { prefixOf } from '../../src/daemon/lifecycle/address.js';
import { ClientTable } from '../../src/protocols/radius/clients.js';
import { AccountingServer } from '../../src/protocols/radius/server.js';
import { openUdp } from '../../src/protocols/udp.js';
import { openStore } from '../../src/store/open.js';

const CONFIG = `
mode: act
store: { path: unused }
radius:
  accounting: { listen: ["127.0.0.1:0"] }
  nas: [{ name: bench, address: 127.0.0.0/8, secret: testing123 }]
pools: [{ name: bench, family: ipv4, prefix: 10.0.0.0/8, kind: static, quarantine: 1m }]
`;

const [path = '', subscribers = '0'] = process.argv.slice(2);

async function echo(): Promise<number> {
  const secret = new TextEncoder().encode('testing123');
  const prefix = prefixOf(Uint8Array.of(127, 0, 0, 0), 8);
  const clients = new ClientTable([
    { name: 'bench', prefix, secret, messageAuthenticator: 'optional' as const, payload: null },
  ]);
  const server = new AccountingServer({
    openUdp,
    clock: systemClock,
    listen: [{ address: '127.0.0.1', port: 0 }],
    clients,
    handler: (_received, respond) => {
      respond(true);
    },
    onReject: () => undefined,
    onError: (error) => {
      throw error;
    },
  });
  await server.start();
  process.once('SIGTERM', () => void server.stop());
  return server.bound[0]?.port ?? 0;
}

async function addrd(): Promise<number> {
  const store = openStore(path, process.pid);
  const config = parseConfig(CONFIG, { readFile: () => '', env: () => undefined });
  const core = await startCore(config, store.db, {
    clock: systemClock,
    timers: systemTimers,
    turn: systemTurn,
    random: systemRandom,
    openUdp,
    log: openLog('silent'),
    metrics: new Metrics('bench'),
    onLost: (error) => {
      throw error;
    },
  });
  process.once('SIGTERM', () => {
    void core.stop().then(() => {
      store.close();
    });
  });
  const wanted = Array.from({ length: Number(subscribers) }, (_, i) => `s${String(i)}`);
  await Promise.all(
    wanted.map((subscriber) =>
      core.commands.execute({
        kind: 'allocate',
        tenant: 'default',
        actor: 'bench',
        subscriber,
        family: 'ipv4',
        pool: 'bench',
        requested: null,
        username: subscriber,
        metadata: null,
        idempotency: null,
      }),
    ),
  );
  return core.bound[0]?.port ?? 0;
}

const port = await (path === 'echo' ? echo() : addrd());
process.stdout.write(`${JSON.stringify({ port })}\n`);
