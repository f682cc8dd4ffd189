/**
 * kill -9 of the whole daemon under accounting load, at random moments, over and over: no answered packet is missing, no
 * effect is lost, and no Disconnect-Request leaves for a session whose end was answered. KILL_SEED, KILL_ROUNDS.
 */
import Database from 'better-sqlite3';
import { setTimeout as pause } from 'node:timers/promises';
import t from 'tap';
import { freeUdpPort } from '../../peers/freeradius.js';
import { call, makePlace, startAddrd, type RunningDaemon } from '../../support/process.js';
import { TestNas, type Report } from '../../support/test-nas.js';

const SEED = Number(process.env['KILL_SEED'] ?? Date.now() % 1_000_000);
const ROUNDS = Number(process.env['KILL_ROUNDS'] ?? 12);
const SUBSCRIBERS = 40;
/** A Disconnect-Request that was under way when the Stop was answered. */
const RACE_MS = 500;

/** mulberry32: a small generator, so that a seed is a run as far as the kernel lets it. */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 15), z | 1);
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61);
    return ((z ^ (z >>> 14)) >>> 0) / 4_294_967_296;
  };
}

interface Line {
  readonly user: string;
  readonly address: string;
  session: number;
  seconds: number;
  up: boolean;
  revoked: boolean;
}

t.test('kill -9 under load', { timeout: 110_000 }, async (t) => {
  t.comment(`KILL_SEED=${String(SEED)}`);
  const random = generator(SEED);
  const accounting = await freeUdpPort();
  const das = await freeUdpPort();
  const place = makePlace(
    (store) => `
mode: act
store: { path: ${store} }
api: { listen: ["127.0.0.1:0"] }
radius:
  accounting: { listen: ["127.0.0.1:${String(accounting)}"] }
  nas:
    - { name: bras, address: 127.0.0.0/8, secret: testing123,
        coa: { address: 127.0.0.1, port: ${String(das)}, timeout: 200ms, retries: 2 } }
pools: [{ name: v4, family: ipv4, prefix: 100.64.0.0/24, kind: static, quarantine: 1s }]
lifecycle: { interim_interval: 2s, gap_tolerance: 1s, ack_grace: 500ms, retry_base: 200ms }
`,
  );
  let daemon: RunningDaemon = await startAddrd(place);
  t.teardown(async () => {
    await daemon.kill();
    place.remove();
  });

  const lines: Line[] = [];
  for (let i = 0; i < SUBSCRIBERS; i++) {
    const user = `s${String(i)}`;
    const made = await call(daemon, 'POST', '/api/v1/network/ipv4-lifecycle/allocate', {
      subscriber_id: user,
      username: user,
    });
    t.equal(made.status, 201);
    const [assignment] = made.body['assignments'] as { address: string }[];
    lines.push({ user, address: assignment?.address ?? '', session: 0, seconds: 0, up: false, revoked: false });
  }

  const byName = new Map(lines.map((line) => [line.user, line]));
  const sidOf = (line: Line): string => `${line.user}-${String(line.session)}`;
  const cut = new Set<string>();
  const nas = new TestNas(accounting, 'testing123', (sid) => {
    const line = byName.get(sid.slice(0, sid.indexOf('-')));
    if (line === undefined || sidOf(line) !== sid || !line.up) return cut.has(sid) ? 'ack' : 'nak-503';
    // Now and then the answer is lost on the way: the same octets come again.
    if (random() < 0.3) return 'silence';
    cut.add(sid);
    return 'ack';
  });
  await nas.open(das);

  let loading = true;
  const load = async (line: Line): Promise<void> => {
    const report = (kind: Report['kind']): Promise<void> =>
      nas.send({ kind, sid: sidOf(line), user: line.user, address: line.address, seconds: line.seconds });
    while (loading && !(line.revoked && !line.up)) {
      if (!line.up) {
        line.session++;
        line.seconds = 0;
        line.up = true;
        await report('start');
      } else if (cut.has(sidOf(line)) || random() < 0.1) {
        line.seconds++;
        line.up = false;
        await report('stop');
      } else {
        line.seconds++;
        await report('interim');
      }
      await pause(5 + random() * 40);
    }
  };
  const loads = lines.map(load);

  const revoked: Line[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    await pause(50 + random() * 400);
    const line = lines[Math.floor(random() * lines.length)];
    const order =
      line === undefined || line.revoked
        ? null
        : call(daemon, 'POST', '/api/v1/network/ipv4-lifecycle/revoke', { subscriber_id: line.user }).then(
            ({ status }) => {
              t.ok(status === 202 || status === 200, `revoke of ${line.user}: ${String(status)}`);
              line.revoked = true;
              revoked.push(line);
            },
            // Killed before it answered: whether it was committed is not known, and nothing was promised.
            () => {
              line.revoked = true;
            },
          );
    await pause(random() * 150);
    await daemon.kill();
    await order;
    daemon = await startAddrd(place);
  }
  loading = false;
  await Promise.all(loads);
  t.equal(nas.unanswered, 0, 'everything was answered in the end');

  // The faults have stopped: what was ordered comes to its end.
  const stateOf = async (line: Line): Promise<string | undefined> => {
    const { body } = await call(daemon, 'GET', `/api/v1/network/ipv4-lifecycle/${line.user}`);
    return (body['assignments'] as { lifecycle_state: string }[])[0]?.lifecycle_state;
  };
  const until = performance.now() + 25_000;
  for (const line of revoked) {
    while ((await stateOf(line)) !== 'revoked' && performance.now() < until) {
      if (line.up && cut.has(sidOf(line))) {
        line.up = false;
        await nas.send({
          kind: 'stop',
          sid: sidOf(line),
          user: line.user,
          address: line.address,
          seconds: ++line.seconds,
        });
      }
      await pause(50);
    }
    t.equal(await stateOf(line), 'revoked', `${line.user} is revoked`);
  }
  t.ok(revoked.length > 0, 'some were revoked');
  t.equal(await daemon.stop(), 0, 'stops in order');
  nas.close();

  const db = new Database(place.store, { readonly: true });
  t.teardown(() => db.close());
  t.equal(db.pragma('integrity_check', { simple: true }), 'ok');
  t.strictSame(db.pragma('foreign_key_check'), []);
  const rows = db
    .prepare(
      'SELECT cast(sid AS TEXT) sid, ended_at IS NOT NULL ended, u.seconds FROM session s JOIN session_usage u ON u.id = s.id',
    )
    .all() as { sid: string; ended: number; seconds: number }[];
  const sessions = new Map(rows.map((row) => [row.sid, row]));
  const missing = nas.answers.filter(({ report }) => {
    const row = sessions.get(report.sid);
    return row === undefined || row.seconds < report.seconds || (report.kind === 'stop' && row.ended !== 1);
  });
  t.comment(`${String(nas.answers.length)} packets answered, ${String(nas.asked.length)} Disconnect-Requests`);
  t.ok(nas.answers.length > 100, 'there was load');
  t.strictSame(missing, [], 'no answered packet is missing');

  const ended = new Map<string, number>();
  for (const { report, at } of nas.answers)
    if (report.kind === 'stop' && !ended.has(report.sid)) ended.set(report.sid, at);
  const late = nas.asked.filter(({ sid, at, fresh }) => fresh && at > (ended.get(sid) ?? Infinity) + RACE_MS);
  t.strictSame(late, [], 'no Disconnect-Request left for a session that was known to have ended');
  const effects = db
    .prepare('SELECT cast(s.sid AS TEXT) sid, o.attempt, o.status FROM outbox o JOIN session s ON s.id = o.session')
    .all() as { sid: string; attempt: number; status: string }[];
  t.strictSame(
    effects.filter(({ status }) => status === 'pending'),
    [],
    'no effect is left over',
  );
  const attempts = new Map<string, number>();
  for (const { sid, attempt } of effects) attempts.set(sid, (attempts.get(sid) ?? 0) + attempt);
  const asked = new Map<string, number>();
  for (const { sid, fresh } of nas.asked) if (fresh) asked.set(sid, (asked.get(sid) ?? 0) + 1);
  const uncommitted = [...asked].filter(([sid, count]) => count > (attempts.get(sid) ?? 0));
  t.strictSame(uncommitted, [], 'each Disconnect-Request that left had its attempt committed before');
});
