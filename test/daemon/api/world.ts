import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify';
import type { ApiDeps } from '../../../src/daemon/api/deps.js';
import { buildApi } from '../../../src/daemon/api/server.js';
import { tokenDigest, type ApiToken } from '../../../src/daemon/api/token.js';
import type { BackupOrder, BackupPort, Command, CommandPort, CommandResult } from '../../../src/daemon/command.js';
import type {
  AccountingEvent,
  ConfiguredPool,
  LifecycleEvent,
  ShownAddress,
} from '../../../src/daemon/lifecycle/events.js';
import { Reads } from '../../../src/store/reads.js';
import { claims } from '../../support/events.js';
import { openHouse, policyPools, POOLS, prefix, type House } from '../../support/house.js';

/** 2026-11-22T03:00:00Z, when somebody is woken. */
export const NIGHT = Date.UTC(2026, 10, 22, 3);

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

const STATUS = { 'acct-start': 1, 'acct-stop': 2, 'acct-interim': 3 } as const;

export interface Packet {
  readonly kind: AccountingEvent['kind'];
  readonly sid: string | Uint8Array;
  readonly username?: string | Uint8Array;
  readonly at: number;
  readonly seconds?: number;
  readonly v4?: string;
}

/** An accounting packet of NAS `bras` at 192.0.2.1. */
export function packet({ kind, sid, username, at, seconds = 0, v4 }: Packet): AccountingEvent {
  const source = Uint8Array.of(192, 0, 2, 1);
  const addresses: ShownAddress[] = v4 === undefined ? [] : [{ attribute: 'Framed-IP-Address', prefix: prefix(v4) }];
  return {
    kind,
    nas: { tenant: 'default', kind: 'source-address', bytes: source },
    entry: 'bras',
    source,
    sid: typeof sid === 'string' ? utf8(sid) : sid,
    at,
    receivedAt: at,
    status: STATUS[kind],
    seconds,
    inputOctets: 1_000,
    outputOctets: 2_000,
    inputPackets: 10,
    outputPackets: 20,
    eventTimestamp: null,
    username: typeof username === 'string' ? utf8(username) : (username ?? null),
    claims: claims(typeof username === 'string' ? utf8(username) : (username ?? null)),
    terminateCause: kind === 'acct-stop' ? 1 : null,
    addresses,
  };
}

function eventOf(command: Command, receivedAt: number): LifecycleEvent {
  if (command.kind !== 'allocate') return { ...command, receivedAt };
  return { ...command, receivedAt, usernameBytes: command.username === null ? null : utf8(command.username) };
}

/** A command port that remembers what it was given, and answers as told or by the door of the house. */
export class RecordingPort implements CommandPort, BackupPort {
  readonly commands: Command[] = [];
  readonly #house: House;
  readonly #now: () => number;
  answer: (() => CommandResult) | null = null;
  readonly backups: BackupOrder[] = [];

  constructor(house: House, now: () => number) {
    this.#house = house;
    this.#now = now;
  }

  async backUp(order: BackupOrder): Promise<CommandResult> {
    this.backups.push(order);
    if (this.answer !== null) return this.answer();
    return { verdict: 'refused', code: 'backup-failed', detail: 'not here', reply: null, replayed: false };
  }

  async execute(command: Command): Promise<CommandResult> {
    this.commands.push(command);
    if (this.answer !== null) return this.answer();
    const [settlement] = await this.#house.say(eventOf(command, this.#now()));
    if (settlement === undefined) throw new TypeError('the door did not settle');
    return settlement;
  }
}

export interface World {
  readonly house: House;
  readonly api: FastifyInstance;
  readonly port: RecordingPort;
  /** The hour, Unix milliseconds; a test moves it. */
  now: number;
  call(method: 'GET' | 'POST' | 'PUT' | 'DELETE', url: string, more?: CallOptions): Promise<LightMyRequestResponse>;
}

export interface CallOptions {
  readonly body?: unknown;
  readonly token?: string | null;
  readonly headers?: Record<string, string>;
  readonly payload?: string;
}

function token(name: string, scopes: ApiToken['scopes'], tenant = 'default'): ApiToken {
  return { name, scopes, tenant, operator: tenant === 'default', digest: tokenDigest(`${name}-secret`) };
}

export const TOKENS: readonly ApiToken[] = [
  token('reader', ['read']),
  token('noc', ['operate']),
  token('root', ['admin', 'who']),
  token('stranger', ['admin', 'who'], 'other'),
];

/** A house with two tenants, and the API before it. Nothing listens. */
export async function openWorld(deps: Partial<ApiDeps> = {}): Promise<World> {
  const house = await openHouse(NIGHT - 3_600_000);
  const other: ConfiguredPool = {
    tenant: 'other',
    name: 'v4',
    vrf: 'global',
    family: 'ipv4',
    use: 'address',
    kind: 'static',
    prefix: prefix('198.51.100.0/28'),
    unitLength: 32,
    quarantineMs: 60_000,
  };
  await house.say({ kind: 'daemon-started', tenant: 'other', pools: [...POOLS, other], receivedAt: NIGHT - 3_600_000 });
  house.policy = { ...house.policy, pools: policyPools(house.pending, [...POOLS, other]) };
  const port = new RecordingPort(house, () => world.now);
  const api = buildApi({
    commands: port,
    backups: port,
    reads: new Reads(house.db, { monoMs: () => 0 }),
    readiness: () => ({ ready: true, reasons: [], notes: [] }),
    tokens: TOKENS,
    metrics: async () => 'addrd_up 1\n',
    metricsContentType: 'text/plain; version=0.0.4; charset=utf-8',
    version: '0.1.0',
    mode: 'act',
    modes: { nas: 'act', entries: {} },
    nats: [],
    get reporting() {
      const { interimRoundMs, silence } = house.policy;
      return { interimRoundMs, silence, interimless: [] };
    },
    now: () => world.now,
    ...deps,
  });
  const world: World = {
    house,
    api,
    port,
    now: NIGHT,
    call: (method, url, { body, token: who = 'root', headers = {}, payload } = {}) => {
      const authorization: Record<string, string> = who === null ? {} : { authorization: `Bearer ${who}-secret` };
      const options: InjectOptions = { method, url, headers: { ...authorization, ...headers } };
      if (payload !== undefined) {
        options.payload = payload;
        options.headers = { 'content-type': 'application/json', ...options.headers };
      } else if (body !== undefined) options.payload = body as object;
      return api.inject(options);
    },
  };
  return world;
}

/** Alice: allocated, in service, revoked at NIGHT + 60 s while her session is still open; and a stranger on an address. */
export async function tellStory(world: World): Promise<void> {
  const { house } = world;
  const by = { tenant: 'default', actor: 'token:noc' } as const;
  await house.say({
    ...by,
    kind: 'allocate',
    receivedAt: NIGHT,
    subscriber: 'alice',
    family: 'ipv4',
    pool: null,
    requested: prefix('100.64.0.5'),
    username: 'alice@isp',
    usernameBytes: utf8('alice@isp'),
    metadata: '{"ticket":7}',
  });
  await house.say(
    packet({ kind: 'acct-start', sid: 's-1', username: 'alice@isp', at: NIGHT + 10_000, v4: '100.64.0.5' }),
  );
  await house.say(
    packet({
      kind: 'acct-start',
      sid: Uint8Array.of(0xff, 0x41),
      username: 'mallory',
      at: NIGHT + 20_000,
      v4: '100.64.0.9',
    }),
  );
  await house.say({
    ...by,
    kind: 'revoke',
    receivedAt: NIGHT + 60_000,
    subscriber: 'alice',
    family: 'ipv4',
    prefix: null,
    reason: 'moved out',
    sendDisconnect: true,
    releaseToPool: true,
  });
  world.now = NIGHT + 61_000;
}

/** The Stop that ends Alice's session and with it the termination. */
export async function endStory(world: World): Promise<void> {
  await world.house.say(
    packet({ kind: 'acct-stop', sid: 's-1', username: 'alice@isp', at: NIGHT + 70_000, seconds: 60, v4: '100.64.0.5' }),
  );
  world.now = NIGHT + 71_000;
}
