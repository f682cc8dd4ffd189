/** What a read may cost: it walks what is unfinished and not what has ended, and it is given up after two seconds. */
import BetterSqlite3 from 'better-sqlite3';
import t from 'tap';
import { Reads } from '../../src/store/reads.js';
import { LONGEST_READ_MS, ReadTooLong } from '../../src/store/reads/limit.js';
import { acct, NOON, octets } from '../support/events.js';
import { openHouse, prefix } from '../support/house.js';

const SESSIONS = 300;

/** Every statement that a connection runs, with its parameters filled in. */
function recorded(): { db: BetterSqlite3.Database; statements: string[] } {
  const statements: string[] = [];
  const db = new BetterSqlite3(':memory:', { verbose: (sql) => statements.push(String(sql)) });
  return { db, statements };
}

async function fill(db: BetterSqlite3.Database): Promise<void> {
  const house = await openHouse(NOON, {}, { db });
  for (let n = 0; n < SESSIONS; n++) {
    const username = octets(`u${String(n)}`);
    const address = `198.51.100.${String(n % 250)}`;
    await house.say(acct('acct-start', `s${String(n)}`, NOON + n, [address], { username }));
    // Two of three have ended.
    if (n % 3 !== 0) await house.say(acct('acct-stop', `s${String(n)}`, NOON + n, [address], { username }));
  }
}

t.test('reads of the whole store are given up after two seconds, others are not', async (t) => {
  const { db } = recorded();
  await fill(db);
  let now = 0;
  let step = 0;
  // A look at the clock makes the time pass.
  const reads = new Reads(db, { monoMs: () => (now += step) });
  const page = { after: 0, limit: 1_000 };
  const wide: Readonly<Record<string, () => unknown>> = {
    sessions: () => reads.sessions('other', { ...page, open: false }),
    events: () => reads.events('other', { after: null, limit: 10 }),
    'events after a line': () => reads.events('other', { after: 0, limit: 10 }),
    'sessions of a User-Name': () => reads.sessionsNamed('default', octets('nobody'), page),
    'an address': () => reads.address('default', prefix('203.0.113.1')),
  };
  for (const [name, read] of Object.entries(wide)) {
    step = 0;
    t.doesNotThrow(read, `${name} in time`);
    step = LONGEST_READ_MS + 1;
    t.throws(read, ReadTooLong, name);
    t.notOk(db.inTransaction, 'its transaction is over');
  }
  step = LONGEST_READ_MS + 1;
  t.equal(reads.counts('default', NOON).openSessions, SESSIONS / 3, 'counts come from indexes of what is unfinished');
  t.equal(reads.sessions('default', { ...page, open: true }).length, SESSIONS / 3);
  step = 1;
  now = 0;
  t.equal(reads.sessions('default', { ...page, open: false }).length, SESSIONS, 'the time begins anew with each read');
});

t.test('what is counted and listed of open sessions is right by tenant and page', async (t) => {
  const { db } = recorded();
  await fill(db);
  const reads = new Reads(db, { monoMs: () => 0 });
  t.equal(reads.counts(null, NOON).openSessions, SESSIONS / 3);
  t.equal(reads.counts('other', NOON).openSessions, 0);
  t.strictSame(reads.sessions('other', { open: true, after: 0, limit: 10 }), []);
  const seen: number[] = [];
  for (let after = 0; ;) {
    const rows = reads.sessions('default', { open: true, after, limit: 7 });
    const last = rows.at(-1)?.row.id;
    if (last === undefined) break;
    seen.push(...rows.map(({ row }) => row.id));
    after = last;
  }
  t.strictSame(
    seen,
    db.prepare('SELECT id FROM session WHERE ended_at IS NULL ORDER BY id').pluck().all(),
    'page by page, each once and in order',
  );
});

t.test('no read of what is open walks the rows that have ended', async (t) => {
  const { db, statements } = recorded();
  await fill(db);
  const reads = new Reads(db, { monoMs: () => 0 });
  const plansOf = (read: () => unknown): string[] => {
    statements.length = 0;
    read();
    return statements
      .filter((sql) => /^\s*(SELECT|WITH)/.test(sql))
      .flatMap((sql) =>
        (db.prepare(`EXPLAIN QUERY PLAN ${sql}`).all() as { detail: string }[]).map((row) => row.detail),
      );
  };
  const whole = /^SCAN (e|o|c|session|outbox|conflict|assignment|journal)$/;
  const page = { after: 0, limit: 10 };
  const status = plansOf(() => reads.counts('default', NOON));
  t.ok(status.length > 5);
  const narrow: Readonly<Record<string, () => unknown>> = {
    counts: () => reads.counts('default', NOON),
    'counts of all': () => reads.counts(null, NOON),
    'open sessions': () => reads.sessions('default', { ...page, open: true }),
    named: () => reads.sessionsNamed('default', octets('u3'), page),
    address: () => reads.address('default', prefix('198.51.100.3')),
    pending: () => reads.outbox('default', 'pending'),
    conflicts: () => reads.conflicts('default'),
    nas: () => reads.nas('default'),
  };
  for (const [name, read] of Object.entries(narrow)) {
    const plans = plansOf(read);
    t.ok(plans.length > 0, name);
    t.strictSame(
      plans.filter((detail) => whole.test(detail)),
      [],
      plans.join('; '),
    );
  }
  const all = plansOf(() => db.prepare('SELECT count(*) FROM session WHERE end_kind IS NULL').get());
  t.ok(
    all.some((detail) => /^SCAN session$/.test(detail)),
    'the comparison can fail',
  );
});
