import t from 'tap';
import { type AccountingRequest, decodeAccountingRequest } from '../../../src/protocols/radius/accounting.js';
import { encodeIpv6Prefix } from '../../../src/protocols/radius/attributes.js';
import type { AttributeName } from '../../../src/protocols/radius/dictionary.js';
import { parse, type RadiusAttribute } from '../../../src/protocols/radius/packet.js';
import { accountingRequest, attribute } from './build.js';
import { fromHex, octets } from './vectors.js';

const start = attribute('Acct-Status-Type', 1);

/** The request without the fields that are undefined, so that what is left can be compared as a whole. */
function decode(...attributes: RadiusAttribute[]): AccountingRequest {
  const request = decodeAccountingRequest(parse(accountingRequest(octets('secret'), attributes)));
  return Object.fromEntries(Object.entries(request).filter(([, field]) => field !== undefined)) as never;
}

t.test('each attribute lands in its field', (t) => {
  const v4 = Uint8Array.of(192, 0, 2, 7);
  const v6 = fromHex('20010db8000000000000000000000007');
  const prefix = { bytes: fromHex('20010db8000700000000000000000000'), length: 48 };
  const interfaceId = fromHex('02005efffe100101');
  const cases: [AttributeName, number | string | Uint8Array, Partial<AccountingRequest>][] = [
    ['Acct-Session-Id', 's', { sessionId: octets('s') }],
    ['Acct-Multi-Session-Id', 's', { multiSessionId: octets('s') }],
    ['User-Name', 's', { userName: octets('s') }],
    ['Class', 's', { class: [octets('s')] }],
    ['NAS-Identifier', 's', { nasIdentifier: octets('s') }],
    ['NAS-IP-Address', v4, { nasIpAddress: { bytes: v4, length: 32 } }],
    ['NAS-IPv6-Address', v6, { nasIpv6Address: { bytes: v6, length: 128 } }],
    ['NAS-Port', 0xffff_ffff, { nasPort: 0xffff_ffff }],
    ['NAS-Port-Id', 's', { nasPortId: octets('s') }],
    ['Calling-Station-Id', 's', { callingStationId: octets('s') }],
    ['Called-Station-Id', 's', { calledStationId: octets('s') }],
    ['Acct-Delay-Time', 7, { delayTime: 7 }],
    ['Event-Timestamp', 1795326300, { eventTimestamp: 1795326300 }],
    ['Acct-Session-Time', 7, { sessionTime: 7 }],
    ['Acct-Input-Octets', 7, { inputOctets: 7 }],
    ['Acct-Output-Octets', 7, { outputOctets: 7 }],
    ['Acct-Input-Packets', 7, { inputPackets: 7 }],
    ['Acct-Output-Packets', 7, { outputPackets: 7 }],
    ['Acct-Terminate-Cause', 6, { terminateCause: 6 }],
    ['Framed-IP-Address', v4, { framedIpAddress: { bytes: v4, length: 32 } }],
    ['Framed-IPv6-Address', v6, { framedIpv6Addresses: [{ bytes: v6, length: 128 }] }],
    ['Framed-IPv6-Prefix', encodeIpv6Prefix(prefix), { framedIpv6Prefixes: [prefix] }],
    ['Delegated-IPv6-Prefix', encodeIpv6Prefix(prefix), { delegatedIpv6Prefixes: [prefix] }],
    [
      'Framed-Route',
      '192.0.2.0/29 0.0.0.0 1',
      { framedRoutes: [{ prefix: { bytes: Uint8Array.of(192, 0, 2, 0), length: 29 }, type: undefined }] },
    ],
    [
      'Framed-IPv6-Route',
      '2001:db8:7::/48 :: 0 pref 0 type pd-host',
      { framedIpv6Routes: [{ prefix, type: 'pd-host' }] },
    ],
    ['Framed-Interface-Id', interfaceId, { framedInterfaceId: interfaceId }],
    ['Proxy-State', 's', { proxyState: [octets('s')] }],
  ];
  for (const [name, value, expected] of cases) {
    const { packet, ...fields } = decode(start, attribute(name, value));
    t.equal(packet.attributes.length, 2);
    t.strictSame(Object.entries(fields).filter(([, field]) => !(Array.isArray(field) && field.length === 0)).length, 2);
    t.match(fields, { statusType: 1, ...expected }, name);
  }
  t.end();
});

t.test('lists keep the order of the packet', (t) => {
  const request = decode(
    attribute('Proxy-State', '1'),
    attribute('Class', 'b'),
    attribute('Proxy-State', new Uint8Array(0)),
    start,
    attribute('Class', 'a'),
    attribute('Proxy-State', '1'),
  );
  t.same(request.class, [octets('b'), octets('a')]);
  t.same(request.proxyState, [octets('1'), new Uint8Array(0), octets('1')], 'even an empty Proxy-State is echoed');
  t.same(request.oddities, []);
  t.end();
});

t.test('unknown Acct-Status-Types are kept', (t) => {
  t.equal(decode(attribute('Acct-Status-Type', 0xffff_ffff)).statusType, 0xffff_ffff);
  t.end();
});

t.test('without a usable Acct-Status-Type there is no request', (t) => {
  t.throws(() => decode(), { name: 'DecodeError', code: 'missing-acct-status-type' });
  t.throws(() => decode(attribute('Acct-Session-Id', 's')), { code: 'missing-acct-status-type' });
  const short = attribute('Acct-Status-Type', Uint8Array.of(0, 0, 1));
  t.throws(() => decode(attribute('User-Name', 'abcd'), short), { code: 'value-length', offset: 28 });
  t.end();
});

t.test('a malformed attribute is left out, the rest survives', (t) => {
  const cases: [AttributeName, string, string][] = [
    ['Framed-IP-Address', '0a0102', 'value-length'],
    ['Framed-IP-Address', '', 'value-length'],
    ['NAS-IP-Address', '0a01020304', 'value-length'],
    ['Framed-IPv6-Address', '20010db8', 'value-length'],
    ['Framed-IPv6-Prefix', '00', 'value-length'],
    ['Delegated-IPv6-Prefix', '0081', 'prefix-length'],
    ['Framed-Interface-Id', '00', 'value-length'],
    ['Acct-Session-Time', '0000000000000001', 'value-length'],
    ['Event-Timestamp', '01', 'value-length'],
    ['Acct-Session-Id', '', 'value-empty'],
    ['User-Name', '', 'value-empty'],
    ['Class', '', 'value-empty'],
    ['Framed-Route', '', 'value-empty'],
    ['Framed-Route', '7672662072656400ff', 'route-text'],
    ['Framed-IPv6-Route', '3139322e302e322e302f3239', 'route-text'],
  ];
  for (const [name, hex, code] of cases) {
    const bad = attribute(name, fromHex(hex));
    const { packet, ...fields } = decode(bad, attribute('NAS-Port', 9), start);
    t.equal(packet.attributes.length, 3);
    t.strictSame(fields, {
      statusType: 1,
      class: [],
      framedIpv6Addresses: [],
      framedIpv6Prefixes: [],
      delegatedIpv6Prefixes: [],
      framedRoutes: [],
      framedIpv6Routes: [],
      proxyState: [],
      oddities: [{ type: bad.type, code }],
      nasPort: 9,
    });
  }
  t.end();
});

t.test('of a repeated attribute the first counts', (t) => {
  const request = decode(
    start,
    attribute('Acct-Status-Type', 2),
    attribute('Acct-Session-Id', 'first'),
    attribute('Acct-Session-Id', 'second'),
  );
  t.equal(request.statusType, 1);
  t.same(request.sessionId, octets('first'));
  t.same(request.oddities, [
    { type: 40, code: 'attribute-repeated' },
    { type: 44, code: 'attribute-repeated' },
  ]);
  t.end();
});

t.test('octet counters and gigawords', (t) => {
  const both = decode(
    start,
    attribute('Acct-Input-Gigawords', 3),
    attribute('Acct-Input-Octets', 1),
    attribute('Acct-Output-Octets', 2),
    attribute('Acct-Output-Gigawords', 0xffff_ffff),
  );
  t.equal(both.inputOctets, 3 * 2 ** 32 + 1, 'in either order');
  t.equal(both.outputOctets, Number.MAX_SAFE_INTEGER, 'saturated');
  t.notOk('inputOctets' in decode(start, attribute('Acct-Input-Gigawords', 1)), 'gigawords alone say nothing');
  const half = decode(start, attribute('Acct-Input-Octets', 1), attribute('Acct-Input-Gigawords', Uint8Array.of(1)));
  t.notOk('inputOctets' in half, 'malformed gigawords do not turn the counter back');
  t.end();
});

t.test('two session ids that are not UTF-8 stay two', (t) => {
  const a = decode(start, attribute('Acct-Session-Id', Uint8Array.of(0xfe))).sessionId;
  const b = decode(start, attribute('Acct-Session-Id', Uint8Array.of(0xff))).sessionId;
  t.not(a?.[0], b?.[0]);
  t.end();
});

t.test('a packet full of routes is read, the first of them', (t) => {
  const routes = Array.from({ length: 150 }, (_, n) => attribute('Framed-Route', `192.0.2.${String(n)}/32 0.0.0.0 1`));
  const request = decode(...routes, attribute('Framed-IPv6-Route', '2001:db8::/64 :: 1'), start);
  t.equal(request.statusType, 1);
  t.equal(request.framedRoutes.length, 32);
  t.strictSame(request.framedRoutes.at(-1)?.prefix.bytes, Uint8Array.of(192, 0, 2, 31));
  t.strictSame(request.framedIpv6Routes, []);
  t.equal(request.oddities.filter(({ code }) => code === 'routes-too-many').length, 119);
  t.end();
});
