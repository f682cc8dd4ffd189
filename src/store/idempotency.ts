import type { Database, Statement } from 'better-sqlite3';

/** A repeated API request is recognised by tenant, token and key; a different body under the same key is an error. */
export interface IdempotencyKey {
  readonly tenant: string;
  readonly token: string;
  readonly key: string;
  readonly bodyHash: Uint8Array;
}

/** Table idempotency: the stored response of an API request, written in the commit that decided it. */
export class IdempotencyTable {
  readonly #load: Statement;
  readonly #insert: Statement;

  constructor(db: Database) {
    this.#load = db
      .prepare('SELECT body_hash, response FROM idempotency WHERE tenant = ? AND token = ? AND key = ?')
      .raw(true);
    this.#insert = db.prepare(
      'INSERT INTO idempotency (tenant, token, key, body_hash, response, created_at) VALUES (?, ?, ?, ?, ?, ?)',
    );
  }

  load(key: IdempotencyKey): { bodyHash: Uint8Array; response: string } | null {
    const values = this.#load.get(key.tenant, key.token, key.key) as [Uint8Array, string] | undefined;
    return values === undefined ? null : { bodyHash: values[0], response: values[1] };
  }

  insert(key: IdempotencyKey, response: string, at: number): void {
    this.#insert.run(key.tenant, key.token, key.key, key.bodyHash, response, at);
  }
}
