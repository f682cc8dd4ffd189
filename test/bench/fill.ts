/** Fills a store by the way that every packet takes, the sockets and the disk left out: allocations, then Starts. */
import { accountingEvent } from '../../src/daemon/ingest/radius.js';
import { configuredPools, configuredVrfs, parseConfig, type Config } from '../../src/daemon/config.js';
import { decide } from '../../src/daemon/lifecycle/decide.js';
import type { LifecycleEvent } from '../../src/daemon/lifecycle/events.js';
import { compilePolicy } from '../../src/daemon/policy-of.js';
import { decodeAccountingRequest } from '../../src/protocols/radius/accounting.js';
import { parse } from '../../src/protocols/radius/packet.js';
import { Door } from '../../src/store/commit.js';
import { openStore } from '../../src/store/open.js';
import { Pending } from '../../src/store/pending.js';
import { ServerFailed } from './server.js';
import { addressOf, Subscriber } from './subscriber.js';

const BATCH = 500;
/** So long ago everything was allocated, and half of it ago the sessions began. */
const AGO_MS = 600_000;
const HEARTBEAT_MS = 10_000;

function octets(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

function start(index: number, lanes: number, config: Config, receivedAt: number): LifecycleEvent {
  const subscriber = new Subscriber(index, 'mix', lanes);
  subscriber.next(0);
  const source = octets(0x7f000001 + subscriber.lane);
  const entry = config.radius.nas[subscriber.lane];
  if (entry === undefined) throw new ServerFailed(`the config has no NAS ${String(subscriber.lane)}`);
  const { tenant, name, trust } = entry;
  const request = decodeAccountingRequest(parse(subscriber.packet));
  return accountingEvent(request, { tenant, entry: name, trust, source, receivedAt });
}

function allocation(index: number, receivedAt: number): LifecycleEvent {
  const name = `s${String(index)}`;
  return {
    kind: 'allocate',
    tenant: 'default',
    actor: 'bench',
    subscriber: name,
    family: 'ipv4',
    pool: 'bench',
    requested: { bytes: octets(addressOf(index)), length: 32 },
    username: name,
    usernameBytes: new TextEncoder().encode(name),
    metadata: null,
    receivedAt,
  };
}

/**
 * Makes a store in which every subscriber is ACTIVE with an open session, behind `lanes` NASes in turn.
 * @throws ServerFailed where one is not taken as it should be
 */
export async function fill(store: string, yaml: string, subscribers: number, lanes: number): Promise<void> {
  const config = parseConfig(yaml, { readFile: () => '', env: () => undefined });
  const opened = openStore(store, process.pid);
  try {
    const { db } = opened;
    // Nobody is answered: what a power cut would cost is made again.
    db.pragma('synchronous = OFF');
    const door = new Door<LifecycleEvent>({ db, sleep: () => Promise.resolve() });
    const pending = new Pending(db);
    const numbers = {
      pool: (_tenant: string, name: string) => pending.poolIds().find((pool) => pool.name === name)?.id ?? 0,
      vrf: (name: string) => pending.vrfIds().get(name) ?? 0,
    };
    let policy = compilePolicy({ ...config, pools: [] }, { pool: () => 0, vrf: () => 0 });
    const say = async (events: readonly LifecycleEvent[]): Promise<void> => {
      const batch = events.map((event) => ({ event, source: 'bench', raw: null, idempotency: null }));
      const { settlements } = await door.commitBatch(batch, (world, event) => decide(world, event, policy));
      const wrong = settlements.find(({ verdict }) => verdict !== 'applied');
      if (wrong !== undefined) throw new ServerFailed(`${wrong.verdict} ${wrong.code ?? ''} ${wrong.detail ?? ''}`);
    };
    const began = Date.now() - AGO_MS;
    const [pools, vrfs] = [configuredPools(config), configuredVrfs(config)];
    await say([{ kind: 'daemon-started', tenant: 'default', pools, vrfs, receivedAt: began }]);
    policy = compilePolicy(config, numbers);
    for (const [make, at] of [
      [allocation, began],
      [(index: number, at: number) => start(index, lanes, config, at), began + AGO_MS / 2],
    ] as const) {
      for (let first = 0; first < subscribers; first += BATCH) {
        const count = Math.min(BATCH, subscribers - first);
        await say(Array.from({ length: count }, (_, i) => make(first + i, at)));
      }
    }
    // It was there all the time: a gap would hold every termination until one interim round has passed.
    for (let at = began; at < Date.now(); at += HEARTBEAT_MS) await say([{ kind: 'heartbeat', receivedAt: at }]);
    db.pragma('wal_checkpoint(TRUNCATE)');
  } finally {
    opened.close();
  }
}
