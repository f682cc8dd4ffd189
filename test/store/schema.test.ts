/** The schema as a guard: what it refuses even from code that is wrong. */
import Database from 'better-sqlite3';
import t from 'tap';
import { lastAddress } from '../../src/daemon/lifecycle/address.js';
import { prepare } from '../../src/store/open.js';
import { prefix } from '../support/house.js';

const TRIGGER = 'SQLITE_CONSTRAINT_TRIGGER';
const CHECK = 'SQLITE_CONSTRAINT_CHECK';
const FOREIGN = 'SQLITE_CONSTRAINT_FOREIGNKEY';
const DATATYPE = 'SQLITE_CONSTRAINT_DATATYPE';
const NOT_NULL = 'SQLITE_CONSTRAINT_NOTNULL';
const UNIQUE = 'SQLITE_CONSTRAINT_UNIQUE';

/** A database with a subscriber, a pool, a NAS, sessions 1 and 2, and assignments 1 to 9 in state ALLOCATED. */
function furnished(): Database.Database {
  const db = new Database(':memory:');
  prepare(db, ':memory:');
  db.exec(`
    INSERT INTO vrf (id, name) VALUES (7, 'seven');
    INSERT INTO subscriber (tenant, name, usernames, created_at) VALUES ('t', 'ann', 0, 0);
    INSERT INTO pool (tenant, name, vrf, family, use, kind, net, plen, unit_length, cursor, held, barred, freed)
      VALUES ('t', 'p', 0, 'ipv4', 'address', 'static', x'64400000', 24, 32, zeroblob(17), 0, 0, 0);
    INSERT INTO nas (tenant, kind, bytes, entry, vrf, address, epoch, epoch_received_at, epoch_at, heard_since, heard_until, created_at)
      VALUES ('t', 'source-address', x'c0000201', 'bras', 0, x'c0000201', 0, 0, 0, 0, 0, 0);
    INSERT INTO session (tenant, nas, sid, epoch, start_seen, started_at, first_seen_at, addresses)
      VALUES ('t', 1, x'61', 0, 1, 0, 0, '[]'), ('t', 1, x'62', 0, 1, 0, 0, '[]');
  `);
  const insert = db.prepare(`
    INSERT INTO assignment (tenant, subscriber, pool, vrf, family, use, net, plen, state, generation, created_at, allocated_at)
      VALUES ('t', 1, 1, 0, 'ipv4', 'address', ?, 32, 'allocated', 1, 0, 0)`);
  for (let n = 1; n <= 9; n++) insert.run(Uint8Array.of(100, 64, 0, n));
  return db;
}

t.test('two live prefixes of a VRF never overlap', (t) => {
  const db = furnished();
  const insert = db.prepare('INSERT INTO live (vrf, family, lo, hi, plen, assignment) VALUES (?, ?, ?, ?, ?, ?)');
  const put = (vrf: number, text: string, assignment: number): void => {
    const { bytes, length } = prefix(text);
    insert.run(vrf, bytes.length === 4 ? 4 : 6, bytes, lastAddress({ bytes, length }), length, assignment);
  };
  const worlds = [
    {
      held: '100.64.8.0/24',
      overlapping: ['100.64.8.0/24', '100.64.8.7', '100.64.8.0', '100.64.8.255', '100.64.8.128/25', '100.64.8.0/23'],
      wider: ['100.64.0.0/16', '0.0.0.0/0', '100.64.8.0/22'],
      apart: ['100.64.7.255', '100.64.9.0'],
    },
    {
      held: '2001:db8:8::/48',
      overlapping: ['2001:db8:8::/48', '2001:db8:8::', '2001:db8:8:ffff:ffff:ffff:ffff:ffff', '2001:db8:8:8::/64'],
      wider: ['2001:db8:8::/47', '2001:db8::/32', '::/0'],
      apart: ['2001:db8:7:ffff:ffff:ffff:ffff:ffff', '2001:db8:9::/64'],
    },
  ];
  const overlap = { code: TRIGGER, message: 'two live prefixes overlap' };
  worlds.forEach(({ held, overlapping, wider, apart }, n) => {
    put(0, held, 1 + n);
    for (const text of [...overlapping, ...wider]) {
      t.throws(
        () => {
          put(0, text, 5);
        },
        overlap,
        `${text} overlaps ${held}`,
      );
    }
    apart.forEach((text, m) => {
      put(0, text, 5 + n * 2 + m);
    });
    t.pass(`neighbours of ${held} are let in`);
    t.throws(() => {
      put(0, wider[0] ?? '', 9);
    }, overlap);
  });
  put(7, '100.64.8.7', 3);
  put(7, '2001:db8:8::', 4);
  t.pass('another VRF is another world');
  t.equal(db.prepare('SELECT count(*) FROM live').pluck().get(), 8);

  t.throws(() => db.exec('UPDATE live SET plen = 32 WHERE assignment = 1'), { code: TRIGGER }, 'never updated');
  t.throws(
    () => db.exec('UPDATE live SET assignment = 9 WHERE assignment = 1'),
    { code: TRIGGER },
    'not even its holder',
  );
  t.throws(
    () => {
      put(0, '192.0.2.1', 1);
    },
    { code: UNIQUE },
    'one prefix an assignment',
  );
  t.throws(
    () => db.exec("INSERT INTO live VALUES (0, 4, x'c0000202', x'c0000201', 32, 9)"),
    { code: CHECK },
    'hi < lo',
  );
  t.throws(() => db.exec("INSERT INTO live VALUES (0, 6, x'c0000202', x'c0000202', 32, 9)"), { code: CHECK }, 'width');
  t.throws(() => db.exec("INSERT INTO live VALUES (0, 5, x'c0000202', x'c0000202', 32, 9)"), { code: CHECK }, 'family');
  t.throws(() => db.exec("INSERT INTO live VALUES (0, 4, x'c0000202', x'c0000202', 32, 99)"), { code: FOREIGN });
  t.throws(() => db.exec("INSERT INTO live VALUES (1, 4, x'c0000202', x'c0000202', 32, 9)"), { code: FOREIGN }, 'vrf');
  db.exec('DELETE FROM live WHERE assignment = 1');
  put(0, '100.64.8.7', 1);
  t.pass('what was left can be had');
  t.end();
});

t.test('the journal is append-only', (t) => {
  const db = furnished();
  db.exec("INSERT INTO journal (at, kind, tenant, actor) VALUES (0, 'k', 't', 'a'), (1, 'k', 't', 'a')");
  const refused = { code: TRIGGER, message: 'the journal is append-only' };
  t.throws(() => db.exec("UPDATE journal SET kind = 'x'"), refused);
  t.throws(() => db.exec('DELETE FROM journal WHERE id = 1'), refused);
  t.throws(() => db.exec('DELETE FROM journal'), refused);
  t.throws(
    () => db.exec("INSERT OR REPLACE INTO journal (id, at, kind, tenant, actor) VALUES (1, 9, 'k', 't', 'a')"),
    refused,
  );
  t.equal(db.prepare('SELECT sum(at) FROM journal').pluck().get(), 1, 'unchanged');
  db.exec('BEGIN; INSERT INTO journal_retention VALUES (1); DELETE FROM journal WHERE id = 1');
  t.throws(() => db.exec("UPDATE journal SET kind = 'x'"), refused, 'retention deletes, it does not rewrite');
  db.exec('DELETE FROM journal_retention; COMMIT');
  t.equal(db.prepare('SELECT count(*) FROM journal').pluck().get(), 1);
  t.throws(() => db.exec('DELETE FROM journal'), refused, 'and it is closed again');
  t.throws(() => db.exec('INSERT INTO journal_retention VALUES (2)'), { code: CHECK });
  t.end();
});

t.test('a revoked assignment is final', (t) => {
  const db = furnished();
  db.exec(`UPDATE assignment SET state = 'revoked', revoked_at = 1, evidence = '{}' WHERE id = 1`);
  for (const state of ['pending', 'allocated', 'active', 'suspended', 'revoking', 'failed']) {
    t.throws(() => db.exec(`UPDATE assignment SET state = '${state}', revoked_at = NULL, revoke = '{}' WHERE id = 1`), {
      code: TRIGGER,
      message: 'a revoked assignment is final',
    });
  }
  t.end();
});

/** Statements that no correct program makes, and the guard that stops each. */
const REFUSED: readonly (readonly [code: string, sql: string])[] = [
  [CHECK, "UPDATE assignment SET state = 'dormant' WHERE id = 1"],
  [CHECK, "UPDATE assignment SET state = 'revoked', revoked_at = 1 WHERE id = 1"],
  [CHECK, "UPDATE assignment SET state = 'revoked', evidence = '{}' WHERE id = 1"],
  [CHECK, 'UPDATE assignment SET revoked_at = 1 WHERE id = 1'],
  [CHECK, 'UPDATE assignment SET allocated_at = NULL WHERE id = 1'],
  [CHECK, "UPDATE assignment SET state = 'revoking' WHERE id = 1"],
  [CHECK, 'UPDATE assignment SET generation = 0 WHERE id = 1'],
  [CHECK, 'UPDATE assignment SET plen = 33 WHERE id = 1'],
  [CHECK, "UPDATE assignment SET net = x'00' WHERE id = 1"],
  [CHECK, "UPDATE assignment SET family = 'ipv6' WHERE id = 1"],
  [CHECK, "UPDATE assignment SET metadata = '{' WHERE id = 1"],
  [FOREIGN, 'UPDATE assignment SET subscriber = 9 WHERE id = 1'],
  [FOREIGN, 'UPDATE assignment SET pool = 9 WHERE id = 1'],
  [FOREIGN, 'DELETE FROM subscriber'],
  [CHECK, "UPDATE subscriber SET name = ''"],
  [UNIQUE, "INSERT INTO subscriber (tenant, name, usernames, created_at) VALUES ('t', 'ann', 0, 0)"],
  [CHECK, 'UPDATE pool SET held = -1'],
  [CHECK, 'UPDATE pool SET barred = -1'],
  [CHECK, 'UPDATE pool SET freed = -1'],
  [CHECK, "UPDATE pool SET cursor = x'00'"],
  [CHECK, 'UPDATE pool SET unit_length = 33'],
  [CHECK, 'UPDATE pool SET plen = 33'],
  [CHECK, "INSERT INTO pool_free VALUES (1, x'64400001', 32, 'lost', 0, 0, NULL, NULL, 0, '')"],
  [CHECK, "INSERT INTO pool_free VALUES (1, x'64400001', 32, 'occupied', 0, 0, NULL, NULL, 0, '')"],
  [CHECK, "INSERT INTO pool_free VALUES (1, x'64400001', 32, 'free', 0, 1, NULL, NULL, 0, '')"],
  [FOREIGN, "INSERT INTO pool_free VALUES (2, x'64400001', 32, 'free', 0, 0, NULL, NULL, 0, '')"],
  [CHECK, 'UPDATE session SET ended_at = 1 WHERE id = 1'],
  [CHECK, "UPDATE session SET ended_at = 1, end_kind = 'stop' WHERE id = 1"],
  [CHECK, "UPDATE session SET ended_at = 1, end_received_at = 1, end_kind = 'bored' WHERE id = 1"],
  [UNIQUE, "UPDATE session SET sid = x'62' WHERE id = 1"],
  [CHECK, "UPDATE session SET addresses = 'none' WHERE id = 1"],
  [DATATYPE, "UPDATE session SET epoch = 'two' WHERE id = 1"],
  [DATATYPE, "UPDATE session SET sid = 'text' WHERE id = 1"],
  [DATATYPE, 'UPDATE session SET epoch = 1.5 WHERE id = 1'],
  [NOT_NULL, 'UPDATE session SET sid = NULL WHERE id = 1'],
  [CHECK, "INSERT INTO witness VALUES (1, 'session', 1, 'held', 0, 1, NULL, NULL, NULL)"],
  [CHECK, "INSERT INTO witness VALUES (1, 'rumour', 1, 'held', 0, NULL, NULL, NULL, NULL)"],
  [CHECK, "INSERT INTO witness VALUES (1, 'session', 1, 'held', 0, NULL, NULL, 'shrug', 1)"],
  [CHECK, "INSERT INTO holding VALUES (0, 32, x'64400001', 5, 'tenure', 1, 4, 't', 1, 1, NULL, 'seen')"],
  [CHECK, "INSERT INTO holding VALUES (0, 32, x'64400001', 5, 'guess', 1, NULL, 't', 1, 1, NULL, 'seen')"],
  [CHECK, "INSERT INTO deadline VALUES ('whim', '1', 0)"],
  [CHECK, "INSERT INTO conflict VALUES (1, 't', 'contested', 0, x'64400001', 32, 1, 1, 0, 0, 0, NULL, NULL)"],
  [
    CHECK,
    "INSERT INTO outbox VALUES (1, 't', 'k', 'a', 's', 1, '[]', 'pending', 0, 0, 0, NULL, 5, NULL, NULL, 0, 0, NULL)",
  ],
  [
    CHECK,
    "INSERT INTO outbox VALUES (1, 't', 'k', 'a', 's', 1, '[]', 'done', 0, 0, 0, NULL, 5, NULL, NULL, 0, 0, NULL)",
  ],
  [
    FOREIGN,
    "INSERT INTO outbox VALUES (1, 't', 'k', 'a', 's', 9, '[]', 'pending', 0, 0, 0, NULL, NULL, NULL, NULL, 0, 0, NULL)",
  ],
  [CHECK, "INSERT INTO idempotency VALUES ('t', 'k', 'k', x'00', 'no json', 0)"],
  [CHECK, "INSERT INTO assignment_step VALUES (1, 'dance', 'done', 0, NULL, NULL, 0, 0, NULL)"],
  [CHECK, "UPDATE nas SET address = x'00'"],
  [CHECK, "INSERT INTO brake VALUES ('whim', 'daemon', 't', 'a', 'r', 0, NULL, NULL, NULL)"],
  [CHECK, "INSERT INTO brake VALUES ('freeze', 'daemon', 't', 'a', '', 0, NULL, NULL, NULL)"],
  [CHECK, "INSERT INTO brake VALUES ('maintenance', '1', 't', 'a', 'r', 0, NULL, NULL, NULL)"],
  [CHECK, "INSERT INTO batch VALUES (1, 't', 's', 'n', 'approved', 0, 0, 0, 0, NULL, NULL, NULL, 0, 0)"],
  [CHECK, "INSERT INTO batch VALUES (1, 't', 's', 'n', 'open', 0, 0, 0, 0, 1, 'a', NULL, 0, 0)"],
  [CHECK, 'UPDATE subscriber SET suspended_at = 5'],
  [CHECK, "UPDATE subscriber SET service = 'unpaid'"],
  [FOREIGN, "INSERT INTO held_suspend VALUES (1, 9, 1, 'r', 'a', 1, 0, 0)"],
  [FOREIGN, "INSERT INTO guard VALUES ('s', 0, 0, 9)"],
  [CHECK, "INSERT INTO guard VALUES ('s', 0, 1, NULL)"],
  [FOREIGN, "INSERT INTO approval VALUES (1, 9, 'r', 'a', 1, 1, 0)"],
  [
    CHECK,
    `INSERT INTO alarm VALUES ('gap', 'daemon', 't', 'n', 'warning', 0, 0, 1, 0, '["1","2","3","4"]', 0, NULL, NULL)`,
  ],
  [CHECK, "INSERT INTO alarm VALUES ('gap', 'daemon', 't', 'n', 'warning', 0, 0, 0, 0, '[]', 0, NULL, NULL)"],
  [CHECK, "INSERT INTO alarm VALUES ('gap', 'daemon', 't', 'n', 'warning', 0, 0, 1, 0, '[]', 0, 1, NULL)"],
];

for (const [code, sql] of REFUSED) {
  t.test(`refused: ${sql}`, (t) => {
    const db = furnished();
    t.throws(() => db.exec(sql), { code });
    t.end();
  });
}

t.test('one pending effect a target and subject', (t) => {
  const db = furnished();
  const insert = (id: number, status: string): void => {
    const finished = status === 'pending' ? 'NULL' : '0';
    const values = `(${String(id)}, 't', 'k', 'a', 's', 1, '[]', '${status}', 1, 0, 0, NULL, ${finished}, NULL, NULL, 0, 0, NULL)`;
    db.exec(`INSERT INTO outbox VALUES ${values}`);
  };
  insert(1, 'done');
  insert(2, 'pending');
  t.throws(
    () => {
      insert(3, 'pending');
    },
    { code: UNIQUE },
  );
  insert(4, 'superseded');
  t.end();
});

t.test('every table is STRICT', (t) => {
  const db = furnished();
  const lax = db.prepare("SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND strict = 0");
  t.same(
    (lax.pluck().all() as string[]).filter((name) => !name.startsWith('sqlite_')),
    [],
  );
  db.exec('CREATE TABLE lax (x INTEGER)');
  t.same(
    (lax.pluck().all() as string[]).filter((name) => !name.startsWith('sqlite_')),
    ['lax'],
    'and this would tell',
  );
  t.end();
});

t.test('a key that may wait for its row is found by an index', (t) => {
  const db = furnished();
  const tables = db.prepare<[], { name: string; sql: string }>(
    "SELECT name, sql FROM sqlite_schema WHERE type = 'table'",
  );
  const deferred: string[] = [];
  for (const { name, sql } of tables.all()) {
    for (const { from } of db.pragma(`foreign_key_list(${name})`) as { from: string }[]) {
      if (!new RegExp(`\\b${from}\\s[^,]* DEFERRABLE`).test(sql)) continue;
      deferred.push(`${name}.${from}`);
      // As the engine looks for the rows that refer to one that is inserted.
      const plan = db.prepare(`EXPLAIN QUERY PLAN SELECT 1 FROM ${name} WHERE ${from} = ?`).all(1) as {
        detail: string;
      }[];
      t.match(plan.map(({ detail }) => detail).join(), /^SEARCH /, `${name}.${from}`);
    }
  }
  t.strictSame(deferred.sort(), ['outbox.session', 'session.coa', 'session.disconnect']);
  t.end();
});

t.test('history notes which prefix lengths it holds, once each', (t) => {
  const db = furnished();
  const insert = db.prepare(
    "INSERT INTO holding (vrf, plen, net, since, kind, seq, tenant, confidence) VALUES (0, ?, ?, ?, 'tenure', 1, 't', 'seen')",
  );
  insert.run(32, Uint8Array.of(100, 64, 0, 1), 1);
  insert.run(32, Uint8Array.of(100, 64, 0, 2), 1);
  insert.run(56, new Uint8Array(16), 1);
  insert.run(32, new Uint8Array(16), 2);
  t.strictSame(db.prepare('SELECT vrf, family, plen FROM plen_in_use ORDER BY family, plen').raw().all(), [
    [0, 4, 32],
    [0, 6, 32],
    [0, 6, 56],
  ]);
  t.end();
});
