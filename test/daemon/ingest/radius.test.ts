/** Which NAS a packet is from, where that NAS is reached, and what else a packet may say. */
import t from 'tap';
import { accountingEvent, type Reception, type TrustedAttribute } from '../../../src/daemon/ingest/radius.js';
import { formatPrefix } from '../../../src/daemon/lifecycle/address.js';
import { decodeAccountingRequest } from '../../../src/protocols/radius/accounting.js';
import { parse, type RadiusAttribute } from '../../../src/protocols/radius/packet.js';
import { accountingRequest, attribute } from '../../protocols/radius/build.js';
import { octets } from '../../protocols/radius/vectors.js';

const source = Uint8Array.of(192, 0, 2, 9);
const v4 = Uint8Array.of(10, 0, 0, 1);
const v6 = Uint8Array.from({ length: 16 }, (_, n) => (n === 0 ? 0x20 : n));

const name = attribute('NAS-Identifier', 'bras-a');
const ip = attribute('NAS-IP-Address', v4);
const ipv6 = attribute('NAS-IPv6-Address', v6);
const mapped = attribute('NAS-IPv6-Address', Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, ...v4));
const unset = attribute('NAS-IP-Address', new Uint8Array(4));

function event(trust: readonly TrustedAttribute[], attributes: readonly RadiusAttribute[], status = 1) {
  const common = [attribute('Acct-Status-Type', status), attribute('Acct-Session-Id', 's')];
  const request = decodeAccountingRequest(parse(accountingRequest(octets('x'), [...common, ...attributes])));
  const reception: Reception = { tenant: 'isp', entry: 'relay', trust, source, receivedAt: 5 };
  return accountingEvent(request, reception);
}

type Known = { readonly kind: string; readonly bytes: Uint8Array; readonly address?: Uint8Array };
const bySource: Known = { kind: 'source-address', bytes: source };
const byName: Known = { kind: 'nas-identifier', bytes: octets('bras-a') };
const byIp: Known = { kind: 'nas-ip-address', bytes: v4, address: v4 };
const byIpv6: Known = { kind: 'nas-ip-address', bytes: v6, address: v6 };

const both: readonly TrustedAttribute[] = ['nas-identifier', 'nas-ip-address'];
const cases: [string, readonly TrustedAttribute[], readonly RadiusAttribute[], Known][] = [
  ['nothing is trusted, whatever the packet says', [], [name, ip, ipv6], bySource],
  ['trusted and absent', both, [], bySource],
  ['another attribute than the trusted one', ['nas-identifier'], [ip, ipv6], bySource],
  ['another attribute than the trusted one', ['nas-ip-address'], [name], bySource],
  ['NAS-Identifier alone: the address is that of the proxy', ['nas-identifier'], [name, ip], byName],
  ['NAS-IP-Address', ['nas-ip-address'], [name, ip], byIp],
  ['NAS-IPv6-Address', ['nas-ip-address'], [ipv6], byIpv6],
  ['both families: the first counts', ['nas-ip-address'], [ipv6, ip], byIp],
  ['0.0.0.0 is no address', ['nas-ip-address'], [unset, ipv6], byIpv6],
  ['0.0.0.0 alone', both, [unset], bySource],
  ['the first of the list that is there', both, [ip], byIp],
  ['in the order of the list: the name', both, [ip, name], { ...byName, address: v4 }],
  ['in the order of the list: the address', ['nas-ip-address', 'nas-identifier'], [name, ip], byIp],
  ['a name without an address', both, [name], byName],
  ['a group is no NAS', ['nas-ip-address'], [attribute('NAS-IP-Address', Uint8Array.of(224, 0, 0, 1))], bySource],
  ['one NAS, however its IPv4 address is written', ['nas-ip-address'], [mapped], byIp],
];

for (const [what, trust, attributes, { address, ...identity }] of cases) {
  t.test(what, async (t) => {
    // Start, Accounting-On, a status that says nothing: the same NAS for all.
    for (const status of [1, 7, 99]) {
      const got = event(trust, attributes, status);
      t.match(got, { entry: 'relay', source, receivedAt: 5 });
      t.strictSame(got.nas, { tenant: 'isp', ...identity });
      t.strictSame(got.address, address);
    }
  });
}

t.test('what cannot be read is not there: half a counter would look like one that began anew', async (t) => {
  const counters = [attribute('Acct-Input-Octets', 5), attribute('Acct-Input-Gigawords', Uint8Array.of(1))];
  t.match(event([], counters), { inputOctets: null, outputOctets: null, inputPackets: null });
});

t.test('a packet shows at most 64 addresses', async (t) => {
  const shown = Array.from({ length: 150 }, (_, n) =>
    attribute('Framed-IPv6-Prefix', Uint8Array.of(0, 64, 0x20, 1, 0x0d, 0xb8, 0, n, 0, 0)),
  );
  const got = event([], shown);
  t.equal('addresses' in got ? got.addresses.length : 0, 64);
});

t.test('routes are shown behind the addresses, each once', async (t) => {
  const got = event(
    [],
    [
      attribute('Framed-Route', '198.51.100.0/29 0.0.0.0 1'),
      attribute('Framed-Route', 'vrf red'),
      attribute('Framed-Route', '198.51.100.1/29 10.0.0.1 2'),
      attribute('Framed-Route', '0.0.0.0/0 10.0.0.1 1'),
      attribute('Framed-IP-Address', v4),
      attribute('Framed-IPv6-Route', '2001:db8:1::/56 :: 0 pref 0 type pd-host'),
      attribute('Framed-Route', '203.0.113.8/29 0.0.0.0 0 type pd-host'),
      attribute('Framed-IPv6-Route', '2001:db8:2::/48 :: 1'),
      attribute('Delegated-IPv6-Prefix', Uint8Array.of(0, 56, 0x20, 0x01, 0x0d, 0xb8, 0, 1, 0)),
    ],
  );
  const shown = 'addresses' in got ? got.addresses : [];
  t.strictSame(
    shown.map(({ attribute: by, prefix }) => `${by} ${formatPrefix(prefix)}`),
    [
      'Framed-IP-Address 10.0.0.1',
      'Delegated-IPv6-Prefix 2001:db8:1::/56',
      'Framed-Route 198.51.100.0/29',
      'Framed-Route 203.0.113.8/29',
      'Framed-IPv6-Route 2001:db8:2::/48',
    ],
    'what Nokia SR OS calls pd-host is a delegated prefix, shown twice here and counted once',
  );
});

t.test('an Accounting-On says when it was sent, or that it may have waited', async (t) => {
  const told = [attribute('Event-Timestamp', 1_767_225_600), attribute('Acct-Delay-Time', 0)];
  t.match(event([], told, 7), { kind: 'nas-on', at: 5, eventTimestamp: 1_767_225_600, mayHaveWaited: false });
  t.match(event([], [], 8), { kind: 'nas-off', at: 5, eventTimestamp: null, mayHaveWaited: true });
});
