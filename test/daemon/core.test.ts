/** What the core ties together: alarms about addrd itself, effects under way at a reload, Status-Server without a store. */
import Database from 'better-sqlite3';
import t from 'tap';
import { decide } from '../../src/daemon/lifecycle/decide.js';
import { signRequest } from '../../src/protocols/radius/authenticator.js';
import { parse } from '../../src/protocols/radius/packet.js';
import { accountingRequest, attribute } from '../protocols/radius/build.js';
import { octets } from '../protocols/radius/vectors.js';
import { configOf, openCore, type CoreBench } from '../support/core.js';
import { acct, NOON, submission } from '../support/events.js';

const secret = octets('testing123');
const bras = { address: '192.0.2.1', port: 1814 };

function yaml(mode: string, more = ''): string {
  return `
mode: ${mode}
radius:
  accounting: { listen: ["192.0.2.254:1813"]${more} }
  nas: [{ name: bras, address: 192.0.2.1, secret: testing123, coa: { timeout: 1s, retries: 3 } }]
pools: [{ name: v4, family: ipv4, prefix: 100.64.0.0/28 }]
`;
}

t.test('events that are condemned by the dozen are one alarm a minute', async (t) => {
  const b = await openCore(t, yaml('act'), {
    judge: (world, event, policy) => {
      if (event.kind === 'acct-start') throw new TypeError('condemned on purpose');
      return decide(world, event, policy);
    },
  });
  const condemn = async (count: number): Promise<void> => {
    for (let n = 0; n < count; n++) {
      b.core.pipeline.submit(submission(acct('acct-start', `s${String(n)}`, NOON)), () => undefined);
    }
    await b.settle();
  };
  const alarms = (): unknown =>
    b.db.prepare("SELECT coalesce(sum(count), 0) FROM alarm WHERE cause = 'faulted-often'").pluck().get();
  const lines = (): number => b.told.filter(({ code }) => code === 'faulted-often').length;
  await condemn(10);
  t.strictSame([alarms(), lines()], [0, 0], 'ten are no flood');
  await condemn(1);
  t.strictSame([alarms(), lines()], [1, 1]);
  await condemn(30);
  await b.pass(59_000);
  await condemn(30);
  t.strictSame([alarms(), lines()], [1, 1], 'told once, however many they are');
  await b.pass(2_000);
  await condemn(10);
  t.strictSame([alarms(), lines()], [1, 1], 'the next minute is counted anew');
  await condemn(1);
  t.strictSame([alarms(), lines()], [2, 2]);
  await b.pass(600_000, 5_000);
  await condemn(1);
  await b.pass(5_000);
  const lastAt = b.db.prepare("SELECT last_at FROM alarm WHERE cause = 'faulted-often'").pluck().get() as number;
  t.ok(lastAt > b.time.wallMs() - 5_001, 'the heartbeat tells of one that is no flood: the alarm stays');
});

/** Puts alice in service and orders her end: her Disconnect-Request is under way, and nobody answers it. */
async function cutting(b: CoreBench): Promise<void> {
  const common = { tenant: 'default', actor: 'token:noc', subscriber: 'alice', idempotency: null, family: 'ipv4' };
  const allocated = b.core.commands.execute({
    ...common,
    kind: 'allocate',
    family: 'ipv4',
    pool: 'v4',
    requested: null,
    username: 'alice',
    metadata: null,
  });
  await b.settle();
  await allocated;
  const start = [
    attribute('Acct-Status-Type', 1),
    attribute('Acct-Session-Id', 's1'),
    attribute('User-Name', 'alice'),
    attribute('Framed-IP-Address', Uint8Array.of(100, 64, 0, 1)),
  ];
  b.sockets[0]?.deliver(accountingRequest(secret, start), bras);
  await b.settle();
  const order = { prefix: null, reason: 'left', sendDisconnect: true, releaseToPool: true } as const;
  const revoked = b.core.commands.execute({ ...common, ...order, kind: 'revoke', family: 'ipv4' });
  await b.settle();
  await revoked;
}

t.test(
  'a reload to observe calls back what is under way; decided anew, it is what addrd would have done',
  async (t) => {
    const b = await openCore(t, yaml('act'));
    await cutting(b);
    const row = (): unknown[] => b.db.prepare('SELECT status, attempt, outcome FROM outbox').raw().all();
    const sent = (): number => b.sockets.slice(1).reduce((sum, socket) => sum + socket.sent.length, 0);
    t.equal(sent(), 1);
    t.strictSame(row(), [['pending', 1, null]]);
    const reloaded = b.core.reload(configOf(yaml('observe')), ['mode']);
    await b.settle();
    t.equal(await reloaded, null);
    t.strictSame(row(), [['would-have', 1, 'observed']], 'before its first retransmission');
    const cancelled = b.db.prepare("SELECT count(*) FROM journal WHERE kind = 'effect-cancelled'").pluck();
    t.equal(cancelled.get(), 1);
    await b.pass(10_000);
    t.equal(sent(), 1, 'nothing more leaves');
  },
);

t.test('a reload that leaves the mode alone calls nothing back', async (t) => {
  const b = await openCore(t, yaml('act'));
  await cutting(b);
  const reloaded = b.core.reload(configOf(yaml('act')), []);
  await b.settle();
  t.equal(await reloaded, null);
  await b.pass(1_500);
  t.strictSame(b.db.prepare('SELECT status, attempt, outcome FROM outbox').raw().all(), [['pending', 1, null]]);
  t.equal(b.sockets[1]?.sent.length, 2, 'it is repeated');
});

/** The codes of what the accounting socket has sent since the last look. */
function answers({ sockets }: CoreBench): number[] {
  return sockets[0]?.sent.splice(0).map(({ bytes }) => parse(bytes).code) ?? [];
}

t.test('without a store Status-Server is answered exactly while accounting is', async (t) => {
  const b = await openCore(t, yaml('act', ', on_store_failure: answer'));
  const [socket] = b.sockets;
  if (socket === undefined) throw new TypeError('no socket');
  let sessions = 0;
  /** Whether a Status-Server is answered now, and whether a Start is. */
  const asked = async (): Promise<[boolean, boolean]> => {
    const identifier = ++sessions;
    const authenticator = Uint8Array.from({ length: 16 }, (_, index) => index + identifier);
    socket.deliver(signRequest({ code: 12, identifier, authenticator, attributes: [] }, secret, true), bras);
    await b.settle();
    const status = answers(b).length === 1;
    const start = [attribute('Acct-Status-Type', 1), attribute('Acct-Session-Id', `s${String(identifier)}`)];
    socket.deliver(accountingRequest(secret, start, { identifier }), bras);
    await b.settle();
    await b.pass(1_200, 20);
    return [status, answers(b).length === 1];
  };
  const both = [true, true];
  const neither = [false, false];
  t.strictSame(await asked(), both);
  const intruder = new Database(b.path);
  intruder.exec('BEGIN IMMEDIATE');
  await b.pass(2_000, 20);
  // The first that meets the lock tells that the store is down.
  await asked();
  t.equal(b.core.readiness().ready, false);
  t.strictSame(await asked(), neither, 'a gap is not certain yet');
  await b.pass(20_000, 20);
  t.strictSame(await asked(), both);
  const silent = configOf(yaml('act', ', on_store_failure: silent'));
  t.match(await b.core.reload(silent, []), { code: 'reload-undecided' }, 'without a store no other config comes');
  intruder.exec('ROLLBACK');
  intruder.close();
  await b.pass(2_000, 20);
  t.equal(b.core.readiness().ready, true);
  t.strictSame(await asked(), both);
});

t.test('under `silent` neither is answered, however long the store is away', async (t) => {
  const b = await openCore(t, yaml('act'));
  const [socket] = b.sockets;
  const intruder = new Database(b.path);
  intruder.exec('BEGIN IMMEDIATE');
  const start = [attribute('Acct-Status-Type', 1), attribute('Acct-Session-Id', 's')];
  socket?.deliver(accountingRequest(secret, start), bras);
  await b.pass(60_000, 100);
  const status = { code: 12, identifier: 9, authenticator: new Uint8Array(16), attributes: [] };
  socket?.deliver(signRequest(status, secret, true), bras);
  await b.settle();
  t.strictSame(answers(b), []);
  intruder.exec('ROLLBACK');
  intruder.close();
  await b.pass(2_000, 20);
});

t.test('a NAS too many of a proxy is answered and told, and not recorded', async (t) => {
  const b = await openCore(
    t,
    `
radius:
  accounting: { listen: ["192.0.2.254:1813"] }
  nas: [{ name: proxy, address: 192.0.2.1, secret: testing123, trust: [nas-identifier], most_nases: 1 }]
`,
  );
  for (const [identifier, name] of ['a', 'b'].entries()) {
    const start = [
      attribute('Acct-Status-Type', 1),
      attribute('Acct-Session-Id', 's'),
      attribute('NAS-Identifier', name),
    ];
    b.sockets[0]?.deliver(accountingRequest(secret, start, { identifier }), bras);
    await b.settle();
  }
  t.strictSame(answers(b), [5, 5]);
  t.match(
    b.told.filter(({ code }) => code === 'too-many-nases'),
    [{ nas: 'proxy', source: '192.0.2.1' }],
  );
  t.equal(b.db.prepare('SELECT count(*) FROM session').pluck().get(), 1);
});
