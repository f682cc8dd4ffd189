/** What a Disconnect-Request says, and where it goes. */
import t from 'tap';
import { changeProfile, disconnect, type CoaAccess, type SessionSubject } from '../../../src/daemon/effects/nas.js';
import type { DynAuthOutcome, DynAuthRequest } from '../../../src/protocols/radius/client.js';
import { attribute } from '../../protocols/radius/build.js';
import { octets } from '../../protocols/radius/vectors.js';

const v4 = Uint8Array.of(10, 0, 0, 1);
const v6 = Uint8Array.from({ length: 16 }, (_, n) => (n === 0 ? 0x20 : 0));
const sid = attribute('Acct-Session-Id', 's1');
const direct: CoaAccess = {
  address: null,
  port: 3799,
  secret: octets('x'),
  timeoutMs: 500,
  retries: 2,
  messageAuthenticator: 'required',
  suspend: null,
  resume: null,
};

async function sent(nas: SessionSubject['nas'], access: CoaAccess, nasAddress = v4): Promise<DynAuthRequest> {
  let request: DynAuthRequest | undefined;
  await disconnect(
    async (given) => {
      request = given;
      return { kind: 'ack' };
    },
    { sid: octets('s1'), nasAddress, nas },
    access,
  );
  if (request === undefined) throw new TypeError('nothing was sent');
  return request;
}

t.test('a NAS that is known by its source is asked with the session alone', async (t) => {
  const request = await sent({ kind: 'source-address', bytes: v4 }, direct);
  t.match(request, { address: '10.0.0.1', port: 3799, timeoutMs: 500, retries: 2 });
  t.match(request, { messageAuthenticator: true, replyMessageAuthenticator: 'required', eventTimestamp: true });
  t.same(request.attributes, [sid]);
  const elsewhere = await sent({ kind: 'source-address', bytes: v4 }, { ...direct, address: '192.0.2.7' });
  t.equal(elsewhere.address, '192.0.2.7');
  t.same(elsewhere.attributes, [sid]);
});

t.test('through a proxy the NAS is named, so that the proxy can tell where to', async (t) => {
  const proxy = { ...direct, address: '192.0.2.7' };
  const name = attribute('NAS-Identifier', 'bras-a');
  t.same((await sent({ kind: 'nas-identifier', bytes: octets('bras-a') }, direct)).attributes, [name, sid]);
  t.same((await sent({ kind: 'nas-identifier', bytes: octets('bras-a') }, proxy)).attributes, [name, sid]);
  const ip = { kind: 'nas-ip-address', bytes: v4 } as const;
  t.same((await sent(ip, proxy)).attributes, [attribute('NAS-IP-Address', v4), sid]);
  t.same((await sent(ip, direct)).attributes, [sid], 'at its own address it needs no name');
  const ipv6 = { kind: 'nas-ip-address', bytes: v6 } as const;
  t.same((await sent(ipv6, proxy, v6)).attributes, [attribute('NAS-IPv6-Address', v6), sid]);
  t.equal((await sent(ipv6, direct, v6)).address, '2000::');
});

t.test('a CoA-Request names the session likewise, and says what is to change', async (t) => {
  const sent: DynAuthRequest[] = [];
  const send = (request: DynAuthRequest): Promise<DynAuthOutcome> => {
    sent.push(request);
    return Promise.resolve({ kind: 'ack' });
  };
  const subject: SessionSubject = { sid: octets('s1'), nasAddress: v4, nas: { kind: 'source-address', bytes: v4 } };
  const garden = [attribute('Filter-Id', 'garden'), attribute('Class', 'garden')];
  t.strictSame(await changeProfile(send, subject, { ...direct, suspend: garden }, 'suspend'), { result: 'ack' });
  t.same(sent[0]?.attributes, [sid, ...garden]);
  t.match(sent[0], { address: '10.0.0.1', messageAuthenticator: true, eventTimestamp: true });
  const without = await changeProfile(send, subject, { ...direct, suspend: garden }, 'resume');
  t.strictSame(without, { result: 'error', code: 'no-profile' });
  t.equal(sent.length, 1, 'and nothing was sent');
});

t.test('outcomes', async (t) => {
  const cases: [DynAuthOutcome, object][] = [
    [{ kind: 'ack' }, { result: 'ack' }],
    [
      { kind: 'nak', errorCause: 503 },
      { result: 'nak', errorCause: 503 },
    ],
    [{ kind: 'nak' }, { result: 'nak', errorCause: null }],
    [{ kind: 'timeout', transmissions: 3 }, { result: 'timeout' }],
    [
      { kind: 'error', code: 'line-full' },
      { result: 'error', code: 'line-full' },
    ],
  ];
  const subject: SessionSubject = { sid: octets('s1'), nasAddress: v4, nas: { kind: 'source-address', bytes: v4 } };
  for (const [outcome, result] of cases) {
    t.strictSame(await disconnect(() => Promise.resolve(outcome), subject, direct), result);
  }
});
