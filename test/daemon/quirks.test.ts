/**
 * What real NASes were seen to do with CoA- and Disconnect-Requests, against the whole core: accounting in, RFC 5176 out
 * and back. Each ends in what is true, not in what the NAS has said. The NAS is accel-ppp where nothing else is named; what
 * is only of its accounting is in captures.test.ts.
 */
import t, { type Test } from 'tap';
import { signResponse, verifyRequestAuthenticator } from '../../src/protocols/radius/authenticator.js';
import { encodeInteger } from '../../src/protocols/radius/attributes.js';
import { ATTRIBUTES, type AttributeName } from '../../src/protocols/radius/dictionary.js';
import { parse, type RadiusPacket } from '../../src/protocols/radius/packet.js';
import { accountingRequest, attribute } from '../protocols/radius/build.js';
import { octets } from '../protocols/radius/vectors.js';
import type { FakeSocket } from '../protocols/radius/world.js';
import { openCore, type CoreBench } from '../support/core.js';

const secret = octets('testing123');
const ADDRESS = Uint8Array.of(100, 64, 0, 1);
const DISCONNECT = { request: 40, ack: 41, nak: 42 };
const COA = { request: 43, ack: 44, nak: 45 };

const yaml = `
mode: act
radius:
  accounting: { listen: ["192.0.2.254:1813"] }
  nas:
    - name: bras
      address: 192.0.2.1
      secret: testing123
      coa: { timeout: 1s, retries: 1, suspend: [{ name: Filter-Id, value: "512" }], resume: [{ name: Filter-Id, value: "2048" }] }
lifecycle: { interim_interval: 10s }
pools: [{ name: v4, family: ipv4, prefix: 100.64.0.0/28 }]
`;

interface Asked {
  readonly socket: FakeSocket;
  readonly packet: RadiusPacket;
  readonly peer: { readonly address: string; readonly port: number };
}

/** The core with one subscriber in service, and his NAS in the hands of the test. */
class Line {
  readonly b: CoreBench;
  #identifier = 0;
  #seconds = 0;

  private constructor(b: CoreBench) {
    this.b = b;
  }

  static async open(t: Test): Promise<Line> {
    const line = new Line(await openCore(t, yaml));
    await line.#order({ kind: 'allocate', pool: 'v4', requested: null, username: 'alice', metadata: null });
    await line.account(1);
    return line;
  }

  async #order(order: object): Promise<unknown> {
    const common = { tenant: 'default', actor: 'token:noc', subscriber: 'alice', idempotency: null, family: 'ipv4' };
    const result = this.b.core.commands.execute({ ...common, ...order } as never);
    await this.b.settle();
    return await result;
  }

  revoke(): Promise<unknown> {
    return this.#order({ kind: 'revoke', prefix: null, reason: 'left', sendDisconnect: true, releaseToPool: true });
  }

  serve(kind: 'suspend' | 'reactivate'): Promise<unknown> {
    return this.#order({ kind, reason: 'unpaid', sendCoa: true, sendDisconnect: false });
  }

  /** One accounting packet of the session: 1 Start, 2 Stop, 3 Interim (RFC 2866 section 5.1). */
  async account(status: number, more: readonly { type: number; value: Uint8Array }[] = []): Promise<void> {
    const packet = accountingRequest(
      secret,
      [
        attribute('Acct-Status-Type', status),
        attribute('Acct-Session-Id', '4AE56B15E328913B'),
        attribute('User-Name', 'alice'),
        attribute('Framed-IP-Address', ADDRESS),
        attribute('Acct-Session-Time', this.#seconds),
        ...more,
      ],
      { identifier: this.#identifier++ & 0xff },
    );
    this.b.sockets[0]?.deliver(packet, { address: '192.0.2.1', port: 40_000 });
    await this.b.settle();
  }

  /** Lets time pass while the session goes on reporting each 10 s. */
  async report(seconds: number): Promise<void> {
    for (let left = seconds; left > 0; left -= 10) {
      this.#seconds += 10;
      await this.b.pass(10_000);
      await this.account(3);
    }
  }

  /** Requests that have arrived at the NAS since it was last asked. */
  asked(): Asked[] {
    return this.b.sockets
      .slice(1)
      .flatMap((socket) => socket.sent.splice(0).map(({ bytes, peer }) => ({ socket, packet: parse(bytes), peer })));
  }

  /** Answers one request. */
  async answer({ socket, packet, peer }: Asked, code: number, cause?: number, key = secret): Promise<void> {
    const attributes =
      cause === undefined ? [] : [{ type: ATTRIBUTES['Error-Cause'].number, value: encodeInteger(cause) }];
    const { identifier, authenticator } = packet;
    socket.deliver(signResponse({ code, identifier, attributes }, authenticator, key, false), peer);
    await this.b.settle();
  }

  /** State of the assignment, on what it was freed, why it does not end, and how many sessions are open. */
  get end(): unknown {
    const sql = `SELECT state, evidence ->> 'kind', stuck,
      (SELECT count(*) FROM session WHERE ended_at IS NULL) FROM assignment`;
    return this.b.db.prepare(sql).raw().get();
  }

  journal(kind: string): unknown[] {
    return this.b.db.prepare('SELECT code FROM journal WHERE kind = ? ORDER BY id').pluck().all(kind);
  }

  alarms(): unknown[] {
    return this.b.db.prepare('SELECT cause FROM alarm WHERE cleared_at IS NULL ORDER BY cause').pluck().all();
  }
}

function has({ packet }: Asked, name: AttributeName): boolean {
  return packet.attributes.some(({ type }) => type === ATTRIBUTES[name].number);
}

function only(asked: readonly Asked[]): Asked {
  const [one] = asked;
  if (one === undefined || asked.length > 1) throw new Error(`${String(asked.length)} requests were sent`);
  return one;
}

t.test('1: a CoA-Request that is acknowledged suspends by rate limit, and restores', async (t) => {
  const line = await Line.open(t);
  await line.serve('suspend');
  const suspend = only(line.asked());
  t.equal(suspend.packet.code, COA.request);
  t.ok(has(suspend, 'Filter-Id'));
  await line.answer(suspend, COA.ack);
  t.match(line.end, ['suspended', null, null, 1]);
  await line.serve('reactivate');
  await line.answer(only(line.asked()), COA.ack);
  t.match(line.end, ['active', null, null, 1]);
  t.strictSame(line.alarms(), []);
});

t.test(
  '2: a bare CoA-NAK may have been carried out by half: it is told, and the subscriber is suspended',
  async (t) => {
    const line = await Line.open(t);
    await line.serve('suspend');
    await line.answer(only(line.asked()), COA.nak);
    t.match(line.end, ['suspended', null, null, 1]);
    t.strictSame(line.alarms(), ['coa-unconfirmed']);
    t.strictSame(line.journal('effect-done'), ['nak']);
  },
);

t.test('3: an acknowledgement is no proof of an effect: the session is what it reports', async (t) => {
  const line = await Line.open(t);
  await line.revoke();
  await line.answer(only(line.asked()), DISCONNECT.ack);
  t.match(line.end, ['revoking', null, null, 1]);
  await line.report(10);
  t.match(line.end, ['revoking', null, null, 1], 'acknowledged, and still there');
});

t.test('4: 503 says that the session is gone, and 403 that the request was wrong', async (t) => {
  const gone = await Line.open(t);
  await gone.report(40);
  await gone.revoke();
  await gone.answer(only(gone.asked()), DISCONNECT.nak, 503);
  t.match(gone.end, ['revoking', null, null, 1], 'without a Stop its silence has to show it');
  const wrong = await Line.open(t);
  await wrong.revoke();
  await wrong.answer(only(wrong.asked()), DISCONNECT.nak, 403);
  t.match(wrong.end, ['revoking', null, /the NAS refused the Disconnect \(nak-403\)/, 1]);
});

t.test('5 and 6: a session is named by its Acct-Session-Id, and by nothing that AAA may have changed', async (t) => {
  const line = await Line.open(t);
  await line.revoke();
  const request = only(line.asked());
  t.ok(has(request, 'Acct-Session-Id'));
  const others = ['User-Name', 'Framed-IP-Address', 'Calling-Station-Id', 'Class', 'NAS-Port'] as const;
  for (const name of others) t.notOk(has(request, name), name);
});

t.test('7: soft-terminate acknowledges and keeps the session; a second Disconnect ends it', async (t) => {
  const line = await Line.open(t);
  await line.report(40);
  await line.revoke();
  await line.answer(only(line.asked()), DISCONNECT.ack);
  await line.report(70);
  const again = line.asked();
  t.ok(again.length >= 1, 'it is asked again');
  const [second] = again;
  if (second === undefined) return;
  await line.answer(second, DISCONNECT.ack);
  await line.account(2);
  t.match(line.end, ['revoked', 'stop', null, 0]);
  t.strictSame(line.asked(), [], 'and nothing more is sent');
});

t.test('7: a repeated Disconnect whose first answer was lost is refused with 503: it is gone', async (t) => {
  const line = await Line.open(t);
  await line.revoke();
  const first = only(line.asked());
  await line.b.pass(1_000, 100);
  const repeated = only(line.asked());
  t.strictSame(repeated.packet.bytes, first.packet.bytes, 'RFC 5080 section 2.2.1: the same request');
  await line.account(2);
  t.match(line.end, ['revoked', 'stop', null, 0]);
  await line.answer(repeated, DISCONNECT.nak, 503);
  t.match(line.end, ['revoked', 'stop', null, 0]);
  t.strictSame(line.journal('stuck'), []);
});

t.test('8: under a wrong secret the NAS is silent, and so it is told', async (t) => {
  const line = await Line.open(t);
  await line.revoke();
  await line.b.pass(60_000);
  const asked = line.asked();
  t.ok(asked.length >= 2);
  t.ok(asked.every(({ packet }) => verifyRequestAuthenticator(packet, secret)));
  t.strictSame(line.alarms(), ['target-silent', 'termination-stuck']);
  t.match(line.end, ['revoking', null, /the NAS does not answer/, 1]);
});

t.test('8: an answer under another secret is not believed', async (t) => {
  const line = await Line.open(t);
  await line.revoke();
  await line.answer(only(line.asked()), DISCONNECT.ack, undefined, octets('another'));
  t.strictSame(line.journal('effect-done'), []);
});

t.test('9: the Class of a session may change: it stays one session, with its address', async (t) => {
  const line = await Line.open(t);
  await line.account(3, [attribute('Class', 'first')]);
  await line.account(3, [attribute('Class', 'second')]);
  t.match(line.end, ['active', null, null, 1]);
  await line.account(2, [attribute('Class', 'second')]);
  t.match(line.end, ['active', null, null, 0]);
});

t.test('hostapd: a Disconnect that was acknowledged once is acknowledged again, after the Stop', async (t) => {
  const line = await Line.open(t);
  await line.revoke();
  const request = only(line.asked());
  await line.account(2);
  await line.answer(request, DISCONNECT.ack);
  await line.answer(request, DISCONNECT.ack);
  t.match(line.end, ['revoked', 'stop', null, 0]);
});

t.test('hostapd: what it cannot do it refuses with 401 and 402: a CoA-Request changes nothing there', async (t) => {
  for (const cause of [401, 402]) {
    const line = await Line.open(t);
    await line.serve('suspend');
    await line.answer(only(line.asked()), COA.nak, cause);
    t.match(line.end, ['suspended', null, null, 1]);
    t.strictSame(line.alarms(), ['coa-unconfirmed'], String(cause));
  }
});
