import type { Database, Statement } from 'better-sqlite3';

export interface ShownVrf {
  readonly id: number;
  readonly name: string;
}

/** VRFs as a tenant sees them: `global`, and those that a pool or NAS of the tenant is in. */
export class VrfReads {
  readonly #all: Statement;

  constructor(db: Database) {
    this.#all = db.prepare(
      `SELECT v.id, v.name FROM vrf v WHERE v.name = 'global'
         OR EXISTS (SELECT 1 FROM pool p WHERE p.vrf = v.id AND p.tenant = :tenant)
         OR EXISTS (SELECT 1 FROM nas n WHERE n.vrf = v.id AND n.tenant = :tenant)
       ORDER BY v.id`,
    );
  }

  /** By number, so that `global` is the first. With a name, that one only: none where the tenant has nothing in it. */
  list(tenant: string, name?: string): ShownVrf[] {
    const all = this.#all.all({ tenant }) as ShownVrf[];
    return name === undefined ? all : all.filter((vrf) => vrf.name === name);
  }
}
