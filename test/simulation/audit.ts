/** The last reckoning: what the counters of the pools say is held against what can be had. */
import type { Config } from '../../src/daemon/config.js';
import type { Core } from '../../src/daemon/core.js';
import { censusOf } from '../../src/daemon/lifecycle/zones.js';
import type { Database } from '../../src/store/open.js';
import { POOL } from '../../src/store/tables/pool.js';
import { Table, type SqlValue } from '../../src/store/tables/table.js';

export interface Audit {
  /** Lets virtual time pass, milliseconds. */
  readonly pass: (ms: number) => Promise<void>;
  readonly fault: (what: string) => void;
}

/** What the counters call free can be had, to the last unit, and nothing beyond. */
export async function handOutEverything(core: Core, db: Database, { pools }: Config, audit: Audit): Promise<void> {
  for (const { name, family, tenant, kind } of pools) {
    if (kind === 'external') continue;
    const row = db
      .prepare(`SELECT ${Table.columns(POOL, 'p')} FROM pool p WHERE name = ?`)
      .raw()
      .get(name) as SqlValue[];
    const { usable, used } = censusOf(POOL.read(row));
    const free = Number(usable - used);
    let given = 0;
    let refusal: string | null = null;
    while (refusal === null && given <= free) {
      const common = { tenant, actor: 'token:audit', idempotency: null, username: null, metadata: null };
      const order = { ...common, kind: 'allocate', family, pool: name, requested: null } as const;
      let answer: string | null | undefined;
      void core.commands.execute({ ...order, subscriber: `audit-${name}-${given}` }).then(({ verdict, code }) => {
        answer = verdict === 'applied' ? null : code;
      });
      await audit.pass(1_000);
      if (answer === null) given++;
      else refusal = answer ?? 'no answer';
    }
    if (given !== free || refusal !== 'pool-exhausted') {
      audit.fault(`ending: pool ${name} says ${free} free, gave ${given}, then ${String(refusal)}`);
    }
  }
}
