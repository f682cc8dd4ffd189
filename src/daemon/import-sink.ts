/** Where rows of an import go: through the running daemon, or by the same decisions into a store that no daemon has open. */
import { Door } from '../store/commit.js';
import type { Database } from '../store/open.js';
import { Pending } from '../store/pending.js';
import { importedRow } from './api/import-routes.js';
import { importCommand, type ImportRow, type ImportRowView, type ImportView } from './api/import-rows.js';
import { after, systemClock, systemTimers } from './clock.js';
import type { Config } from './config.js';
import { Refusal, Shape, type Client } from './ctl/http.js';
import { decide } from './lifecycle/decide.js';
import type { LifecycleEvent } from './lifecycle/events.js';
import { compilePolicy } from './policy-of.js';

/** A row as the file has it, which the daemon reads, and as it was read. */
export interface SoundRow {
  readonly given: Readonly<Record<string, unknown>>;
  readonly row: ImportRow;
}

/** Takes at most one batch of rows at a time, and says what became of each when that is committed. */
export type ImportSink = (rows: readonly SoundRow[]) => Promise<readonly ImportRowView[]>;

const IMPORTED = new Shape<ImportView>({ rows: 'list' });

/** How often a daemon that is busy is asked again, a second apart. */
const MOST_TRIES = 30;

/** Through the API. */
export function sinkOfClient(client: Pick<Client, 'post'>): ImportSink {
  return async (rows) => {
    for (let tries = 1; ; tries++) {
      try {
        const body = { rows: rows.map(({ given, row }) => ({ ...given, line: row.line })) };
        return (await client.post('/api/v1/import', body, IMPORTED)).rows;
      } catch (error) {
        const busy = error instanceof Refusal && error.problem.status === 503;
        if (!busy || tries >= MOST_TRIES) throw error;
        await after(systemTimers, 1_000);
      }
    }
  };
}

/** By the door of a store that this process owns. Pools of the config that the store does not have are unknown to it. */
export function sinkOfStore(db: Database, config: Config, tenant: string): ImportSink {
  const pending = new Pending(db);
  const pools = new Map(pending.poolIds().map(({ id, tenant, name }) => [`${tenant}/${name}`, id]));
  const vrfs = pending.vrfIds();
  const known = config.pools.filter(({ tenant, name, vrf }) => pools.has(`${tenant}/${name}`) && vrfs.has(vrf));
  const policy = compilePolicy(
    { ...config, pools: known },
    { pool: (tenant, name) => pools.get(`${tenant}/${name}`) ?? 0, vrf: (name) => vrfs.get(name) ?? 0 },
  );
  const door = new Door<LifecycleEvent>({ db, sleep: (ms) => after(systemTimers, ms) });
  const by = { tenant, actor: 'addrd' };
  return async (rows) => {
    const receivedAt = systemClock.wallMs();
    const batch = rows.map(({ row }) => {
      const event = { ...importCommand(row, by), receivedAt };
      return { event, source: 'import', raw: null, idempotency: null };
    });
    const { settlements, rest } = await door.commitBatch(batch, (world, event) => decide(world, event, policy));
    if (rest !== null) throw rest;
    return settlements.flatMap((settlement, index) => {
      const row = rows[index]?.row;
      return row === undefined ? [] : [importedRow(row, settlement)];
    });
  };
}
