import t from 'tap';
import { decodeAccountingRequest } from '../../../src/protocols/radius/accounting.js';
import {
  verifyMessageAuthenticator,
  verifyRequestAuthenticator,
  verifyResponseAuthenticator,
} from '../../../src/protocols/radius/authenticator.js';
import { encode, parse, type RadiusPacket } from '../../../src/protocols/radius/packet.js';
import { ACCT_STATUS_TYPE } from '../../../src/protocols/radius/dictionary.js';
import { CAPTURES, type Capture, fromHex, octets, readCaptures } from './vectors.js';

const REQUESTS = new Set([1, 4, 12, 40, 43]);

/** The latest earlier request that this reply answers. */
function requestOf(reply: Capture, earlier: readonly Capture[]): Capture | undefined {
  return earlier.findLast(
    ({ code, id, src, dst }) => REQUESTS.has(code) && id === reply.id && src === reply.dst && dst === reply.src,
  );
}

for (const [file, expected] of Object.entries(CAPTURES)) {
  t.test(`every packet of ${file} decodes, re-encodes to the same octets, and verifies as noted`, (t) => {
    const captures = readCaptures(file);
    const seen = { packets: 0, requests: 0, refused: 0, replies: 0, accessRequests: 0 };
    for (const [index, capture] of captures.entries()) {
      const { bytes, secret, authenticatorOk } = capture;
      const where = `line ${String(capture.line)}`;
      const packet = parse(bytes);
      t.equal(packet.code, capture.code, where);
      t.equal(packet.identifier, capture.id, where);
      t.same(encode(packet), bytes, `${where} re-encodes`);
      seen.packets += 1;

      if (capture.code === 1) {
        t.equal(authenticatorOk, null, where);
        seen.accessRequests += 1;
        checkMessageAuthenticator(packet, undefined);
      } else if (REQUESTS.has(capture.code)) {
        t.equal(verifyRequestAuthenticator(packet, secret), authenticatorOk, `${where} Request Authenticator`);
        seen[authenticatorOk === true ? 'requests' : 'refused'] += 1;
        if (authenticatorOk === true) checkMessageAuthenticator(packet, undefined);
      } else {
        const request = requestOf(capture, captures.slice(0, index));
        if (request === undefined) {
          t.fail(`${where} answers nothing`);
          continue;
        }
        const { authenticator } = parse(request.bytes);
        t.equal(verifyResponseAuthenticator(packet, authenticator, secret), true, `${where} Response Authenticator`);
        checkMessageAuthenticator(packet, authenticator);
        seen.replies += 1;
      }

      function checkMessageAuthenticator(checked: RadiusPacket, request: Uint8Array | undefined): void {
        const present = checked.attributes.some(({ type }) => type === 80);
        t.equal(
          verifyMessageAuthenticator(checked, secret, request),
          present ? 'right' : 'absent',
          `${where} Message-Authenticator`,
        );
      }
    }
    t.same(seen, expected, 'none was lost');
    t.end();
  });
}

t.test('every Accounting-Request of the captures reads without an oddity', (t) => {
  const statusTypes = new Map<number, number>();
  for (const file of Object.keys(CAPTURES)) {
    for (const { code, bytes } of readCaptures(file)) {
      if (code !== 4) continue;
      const request = decodeAccountingRequest(parse(bytes));
      t.same(request.oddities, []);
      statusTypes.set(request.statusType, (statusTypes.get(request.statusType) ?? 0) + 1);
    }
  }
  t.same([...statusTypes.keys()].sort(), [
    ACCT_STATUS_TYPE.Start,
    ACCT_STATUS_TYPE.Stop,
    ACCT_STATUS_TYPE['Interim-Update'],
    ACCT_STATUS_TYPE['Accounting-On'],
    ACCT_STATUS_TYPE['Accounting-Off'],
  ]);
  t.equal(
    [...statusTypes.values()].reduce((sum, count) => sum + count, 0),
    74,
  );
  t.end();
});

t.test('a dual-stack Interim of radclient, field by field', (t) => {
  const interim = readCaptures('radclient-freeradius.jsonl')
    .filter(({ code }) => code === 4)
    .map(({ bytes }) => decodeAccountingRequest(parse(bytes)))
    .find(({ statusType, framedIpv6Prefixes }) => statusType === 3 && framedIpv6Prefixes.length > 0);
  if (interim === undefined) throw new Error('no such packet in the capture');
  const { packet, ...fields } = interim;
  t.equal(packet.attributes.length, 28);
  t.same(fields, {
    statusType: ACCT_STATUS_TYPE['Interim-Update'],
    class: [octets('class-1')],
    framedIpv6Addresses: [{ bytes: fromHex('20010db8000100020000000000000001'), length: 128 }],
    framedIpv6Prefixes: [{ bytes: fromHex('20010db8000100020000000000000000'), length: 64 }],
    delegatedIpv6Prefixes: [{ bytes: fromHex('20010db8010000000000000000000000'), length: 56 }],
    framedRoutes: [],
    framedIpv6Routes: [],
    proxyState: [],
    oddities: [],
    sessionId: octets('0A1B2C3D4E5F0001'),
    multiSessionId: octets('0A1B2C3D4E5F0001-m'),
    userName: octets('sub-1001@isp.example'),
    nasIdentifier: octets('bras-1'),
    nasIpAddress: { bytes: Uint8Array.of(192, 0, 2, 1), length: 32 },
    nasPort: 1610613001,
    nasPortId: octets('eth 1/1/4:1201.5'),
    callingStationId: octets('02:00:5e:10:01:01'),
    delayTime: 0,
    eventTimestamp: 1795326300,
    sessionTime: 300,
    inputOctets: 2 ** 32 + 4_000_000_000,
    outputOctets: 2 * 2 ** 32 + 17,
    inputPackets: 1000,
    outputPackets: 2000,
    framedIpAddress: { bytes: Uint8Array.of(198, 51, 100, 23), length: 32 },
    framedInterfaceId: fromHex('02005efffe100101'),
  });
  t.end();
});
