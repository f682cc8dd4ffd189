/**
 * Accounting as real NASes have sent it, replayed packet by packet at the pace of the capture through the whole core:
 * what addrd knows in the end is what was true in that network.
 */
import t from 'tap';
import { readCaptures, type Capture } from '../protocols/radius/vectors.js';
import { openCore, type CoreBench } from '../support/core.js';

const ACCOUNTING_REQUEST = 4;
const ACCOUNTING_RESPONSE = 5;

function yaml(nas: string, pools: string): string {
  return `
mode: act
radius:
  accounting: { listen: ["10.99.1.2:1813"] }
  nas: [${nas}]
pools: [${pools}]
`;
}

/** Delivers the accounting of a capture that went to one port; each time after as long a pause as there was. */
async function replay(b: CoreBench, requests: readonly Capture[]): Promise<void> {
  let at = requests[0]?.at ?? 0;
  for (const request of requests) {
    await b.pass(request.at - at, 5_000);
    at = request.at;
    const [address = '', port] = request.src.split(':');
    b.sockets[0]?.deliver(request.bytes, { address, port: Number(port) });
    await b.settle();
  }
}

function accountingOf(file: string, port: number): Capture[] {
  return readCaptures(file).filter(({ code, dst }) => code === ACCOUNTING_REQUEST && dst.endsWith(`:${String(port)}`));
}

/** How many Accounting-Responses were sent. */
function answers({ sockets }: CoreBench): number {
  const [socket] = sockets;
  return socket?.sent.filter(({ bytes }) => bytes[0] === ACCOUNTING_RESPONSE).length ?? 0;
}

/** Acct-Session-Id and how it ended, null while it is open; by the order of their beginning. */
function sessions({ db }: CoreBench): unknown[] {
  return db.prepare('SELECT CAST(sid AS TEXT), end_kind FROM session ORDER BY id').raw().all();
}

/** Who holds, or held, which address, in which state it is and on what evidence it was freed. */
function tenures({ db }: CoreBench): unknown[] {
  const sql = `SELECT s.name, hex(a.net) || '/' || a.plen, a.state, a.evidence ->> 'kind'
    FROM assignment a JOIN subscriber s ON s.id = a.subscriber ORDER BY a.id`;
  return db.prepare(sql).raw().all();
}

function count({ db }: CoreBench, table: string): unknown {
  return db.prepare(`SELECT count(*) FROM ${table}`).pluck().get();
}

const ACCEL = '{ name: accel, address: 10.99.1.1, secret: testing123 }';
const REBOOTING = '{ name: accel, address: 10.99.1.1, secret: testing123, accounting_on: reboot }';
const ACCEL_POOL = '{ name: v4, family: ipv4, prefix: 10.99.2.0/24, kind: external }';
const FIRST = '0A630232/32';
const SECOND = '0A630233/32';
const ALICE = 'alice@isp.example';

/** What was freed in the accel-ppp capture: four sessions that stopped. */
const ENDED = [
  ['ns1', FIRST, 'revoked', 'stop'],
  [ALICE, FIRST, 'revoked', 'stop'],
  [ALICE, SECOND, 'revoked', 'stop'],
  [ALICE, FIRST, 'revoked', 'stop'],
];
const STOPPED = ['4AE56B15E328913B', '4AE56B15E3289524', '4AE56B15E3289525', '4AE56B15E328990E'].map((sid) => [
  sid,
  'stop',
]);
const KILLED = '4AE56B15E3289CF7';

t.test('accel-ppp: five sessions, and the last of a BRAS that was killed is not freed on its word alone', async (t) => {
  const b = await openCore(t, yaml(ACCEL, ACCEL_POOL));
  const requests = accountingOf('accel-ppp.jsonl', 1813);
  t.equal(requests.length, 54);
  await replay(b, requests);
  t.equal(answers(b), 54, 'each is answered once: Identifiers begin anew with each session, from another port');
  t.strictSame(sessions(b), [...STOPPED, [KILLED, null]]);
  t.strictSame(tenures(b), [...ENDED, [ALICE, FIRST, 'active', null]]);
  t.equal(count(b, 'conflict'), 0);
  // Its Accounting-On came; nobody has heard of it since.
  await b.pass(25 * 60_000, 5_000);
  t.strictSame(sessions(b).at(-1), [KILLED, null], 'a grace is time in which the BRAS was heard');
  t.strictSame(
    tenures(b).at(-1),
    [ALICE, FIRST, 'active', null],
    'the BRAS is mute: no silence of a session is proven',
  );
});

t.test('accel-ppp, where Accounting-On is known to mean a reboot: the address of the last is released', async (t) => {
  const b = await openCore(t, yaml(REBOOTING, ACCEL_POOL));
  await replay(b, accountingOf('accel-ppp.jsonl', 1813));
  await b.pass(25 * 60_000, 5_000);
  t.strictSame(tenures(b), [...ENDED, [ALICE, FIRST, 'revoked', 'no-live-witness']]);
  t.equal(count(b, 'live'), 0);
});

t.test('accel-ppp that is not answered for long: each report twice, and its own Stop', async (t) => {
  const b = await openCore(t, yaml(ACCEL, ACCEL_POOL));
  const requests = accountingOf('accel-ppp-retransmit.jsonl', 1813);
  await replay(b, requests);
  t.equal(answers(b), 7);
  t.strictSame(sessions(b), [['4AE56B15E328A4C8', 'stop']]);
  t.strictSame(tenures(b), [[ALICE, FIRST, 'revoked', 'stop']]);
  const [usage] = b.db.prepare('SELECT interims FROM session_usage').raw().all();
  t.strictSame(usage, [2], 'a report that came twice, under another Identifier, is one');
});

t.test('hostapd shows no address: its session is known, and nothing is held', async (t) => {
  const ap = '{ name: ap, address: 127.0.0.1, secret: acctsecret }';
  const b = await openCore(t, yaml(ap, ACCEL_POOL));
  const requests = accountingOf('hostapd.jsonl', 1813);
  t.equal(requests.length, 3);
  await replay(b, requests);
  t.equal(answers(b), 3);
  t.strictSame(sessions(b), [['B60C1B55E4C727FF', 'stop']]);
  t.strictSame([count(b, 'assignment'), count(b, 'holding'), count(b, 'conflict')], [0, 0, 0]);
});

for (const [port, secret] of [
  [1813, 'testing123'],
  [11813, 'addrdsecret'],
] as const) {
  t.test(
    `radclient, and as FreeRADIUS replicates it, port ${String(port)}: v4, v6 and PD of one session`,
    async (t) => {
      const pools = `{ name: v4, family: ipv4, prefix: 198.51.100.0/24, kind: external },
      { name: v6, family: ipv6, prefix: "2001:db8:1:2::/64", kind: external },
      { name: pd, family: ipv6-pd, prefix: "2001:db8:100::/40", delegated_length: 56, kind: external }`;
      const b = await openCore(t, yaml(`{ name: bras, address: 127.0.0.1, secret: ${secret} }`, pools));
      const requests = accountingOf('radclient-freeradius.jsonl', port);
      t.equal(requests.length, 5);
      await replay(b, requests);
      t.equal(answers(b), 5);
      t.strictSame(sessions(b), [['0A1B2C3D4E5F0001', 'stop']]);
      const ann = 'sub-1001@isp.example';
      t.strictSame(tenures(b), [
        [ann, 'C6336417/32', 'revoked', 'stop'],
        [ann, '20010DB8000100020000000000000001/128', 'revoked', 'stop'],
        [ann, '20010DB8010000000000000000000000/56', 'revoked', 'stop'],
      ]);
      t.equal(count(b, 'live'), 0);
    },
  );
}
