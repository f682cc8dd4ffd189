/** From names and values, as a config has them, to octets; and what is odd on the way back. */
import t from 'tap';
import { addressText } from '../../../src/protocols/radius/address.js';
import { builtInDictionary } from '../../../src/protocols/radius/built-in.js';
import { timeOfText, timeText } from '../../../src/protocols/radius/civil-time.js';
import { decodeAttributes } from '../../../src/protocols/radius/decoded-attributes.js';
import { encodeDecoded } from '../../../src/protocols/radius/encoded-attributes.js';
import { encodeNamed, type NamedAttribute } from '../../../src/protocols/radius/named-attributes.js';
import type { RadiusAttribute } from '../../../src/protocols/radius/packet.js';
import { fromHex } from './vectors.js';

const dictionary = builtInDictionary();
dictionary.addVendor({
  name: 'Gone',
  id: 64000,
  format: { typeOctets: 1, lengthOctets: 1, continuation: true },
});

t.test('a config names attributes', (t) => {
  const cases: [name: string, value: NamedAttribute['value'], hex: string][] = [
    ['Filter-Id', 'garden', '0b 67617264656e'],
    ['filter-id', 42, '0b 3432'],
    ['Mikrotik-Rate-Limit', '1M/1M', '1a 00003a8c 0807 314d2f314d'],
    ['Vendor-Specific.Mikrotik.Mikrotik-Rate-Limit', '1M/1M', '1a 00003a8c 0807 314d2f314d'],
    ['26.14988.8', '1M/1M', '1a 00003a8c 0807 314d2f314d'],
    ['Vendor-Specific.Mikrotik.99', '0x01', '1a 00003a8c 6303 01'],
    ['Attr-250', '0xabcd', 'fa abcd'],
    ['241.200', 'x', 'f1 c8 78'],
    ['Service-Type', 'Framed-User', '06 00000002'],
    ['Service-Type', '0x11', '06 00000011'],
    ['Session-Timeout', 3600, '1b 00000e10'],
    ['Framed-IPv6-Prefix', '2001:db8::/56', '61 0038 20010db8000000000000000000000000'],
    ['NAS-IPv6-Address', '::ffff:192.0.2.1', '5f 00000000000000000000ffffc0000201'],
    ['ERX-Service-Activate:1', 'garden(1)', '1a 0000130a 410c 01 67617264656e283129'],
    ['Tunnel-Type', 'L2TP', '40 00000003'],
    ['IP-Port-Range-Range-Start', 1024, 'f1 06 0906 00000400'],
  ];
  for (const [name, value, hex] of cases) {
    const [type = 0, ...octets] = fromHex(hex);
    t.same(encodeNamed([{ name, value }], dictionary), [{ type, value: Uint8Array.from(octets) }], name);
  }
  t.end();
});

t.test('the encoder is strict', (t) => {
  const cases: [name: string, value: NamedAttribute['value'], code: string, says?: RegExp][] = [
    ['Mikrotik-Rate-Limits', '1M/1M', 'attribute-unknown'],
    ['Filter-Id:1', 'x', 'tag-range'],
    ['Tunnel-Type:32', 'L2TP', 'tag-range'],
    ['Session-Timeout', 'soon', 'value-text', /Session-Timeout: "soon" is not a number/],
    ['Acct-Status-Type', 'Pause', 'value-text', /one of start, stop/],
    ['Session-Timeout', -1, 'value-range'],
    ['Framed-IP-Address', '192.0.2.300', 'value-text'],
    ['Framed-IP-Address', '2001:db8::1', 'value-text'],
    ['Framed-IPv6-Prefix', '2001:db8::1/56', 'host-bits-set'],
    ['Framed-IPv6-Prefix', '2001:db8::/129', 'value-text'],
    ['Framed-Interface-Id', '1:2:3', 'value-text'],
    ['Event-Timestamp', '2026-02-30T00:00:00Z', 'value-text'],
    ['Class', '0xabc', 'value-text'],
    ['Filter-Id', '', 'value-empty'],
    ['Filter-Id', 'x'.repeat(254), 'attribute-too-long'],
    ['Cisco-AVPair', 'x'.repeat(248), 'attribute-too-long'],
    ['User-Password', 'secret', 'attribute-encrypted'],
    ['Vendor-Specific', 'x', 'attribute-container'],
    ['241.5', 'x', 'attribute-container'],
    ['44.1', 'x', 'attribute-container'],
    ['26.9', 'x', 'attribute-container'],
    ['300', 'x', 'attribute-type-range'],
    ['26.9.300', 'x', 'attribute-type-range'],
    ['ARAP-Password', '0xsecret', 'value-text', /\[hidden\]/],
  ];
  for (const [name, value, code, says = /./] of cases) {
    t.throws(() => encodeNamed([{ name, value }], dictionary), { code, message: says }, `${name} = ${String(value)}`);
  }
  t.end();
});

t.test('members of one TLV share it; two of a kind follow one another', (t) => {
  const attributes = encodeNamed(
    [
      { name: 'IP-Port-Range-Ext-IPv4-Addr', value: '203.0.113.9' },
      { name: 'IP-Port-Range-Range-Start', value: 1024 },
      { name: 'User-Name', value: 'a' },
      { name: 'IP-Port-Range-Range-End', value: 2047 },
      { name: 'Cisco-AVPair', value: 'a=b' },
      { name: 'Cisco-AVPair', value: 'c=d' },
    ],
    dictionary,
  );
  t.same(
    attributes.map(({ type, value }) => [type, Buffer.from(value).toString('hex')]),
    [
      [241, '060306cb007109090600000400'],
      [1, '61'],
      [241, '060a06000007ff'],
      [26, '000000090105613d62'],
      [26, '000000090105633d64'],
    ],
  );
  t.end();
});

t.test('what is odd is kept raw and said to be; the rest is intact', (t) => {
  const cases: [hex: string, oddity: string][] = [
    ['08 c00002', 'value-length'],
    ['06 0000000001', 'value-length'],
    ['01', 'value-empty'],
    ['61 0081', 'prefix-length'],
    ['61 00', 'value-length'],
    ['40 20000003', 'tag-missing'],
    ['40 000003', 'value-length'],
    ['51 01', 'value-empty'],
    ['1a 000009', 'vendor-id-missing'],
    ['1a 00000009 0109 61', 'vendor-format'],
    ['1a 00000009 0101', 'vendor-format'],
    ['1a 00000009', 'vendor-format'],
    ['1a 00003a8c 0a05 c00002', 'value-length'],
    ['f1', 'extended-empty'],
    ['f1 09', 'extended-empty'],
    ['f1 05 0209', 'tlv-format'],
    ['f1 05 0205 0a0b', 'tlv-format'],
    ['f1 1a 00000009 01', 'vendor-format'],
    ['f5 01', 'extended-empty'],
    ['f5 01 00', 'extended-empty'],
    ['f5 09 80 61', 'fragment-missing'],
    ['f5 09 01 61', 'reserved-bits'],
    ['1a 0000fa00 0107 80 61 62', 'vendor-format'],
    ['1a 0000fa00 0104 80 61', 'fragment-missing'],
    ['1a 0000fa00 0104 01 61', 'reserved-bits'],
  ];
  const good: RadiusAttribute = { type: 44, value: fromHex('61') };
  for (const [hex, oddity] of cases) {
    const [type = 0, ...octets] = fromHex(hex);
    const attributes = [good, { type, value: Uint8Array.from(octets) }, good];
    const decoded = decodeAttributes(attributes, dictionary);
    const found = decoded.flatMap((one) => [one, ...one.children, ...one.children.flatMap((c) => c.children)]);
    t.same(
      found.flatMap((one) => one.oddity ?? []),
      [oddity],
      hex,
    );
    t.same([decoded[0]?.value, decoded.at(-1)?.value], [good.value, good.value]);
    t.same(encodeDecoded(decoded, dictionary), attributes, `${hex}, and back`);
  }
  t.end();
});

t.test('names of what is known and what is not', (t) => {
  const names: [number[], string][] = [
    [[44], 'Acct-Session-Id'],
    [[250], '250'],
    [[26, 9, 1], 'Vendor-Specific.Cisco.Cisco-AVPair'],
    [[26, 9, 200], 'Vendor-Specific.Cisco.200'],
    [[26, 12345, 7], 'Vendor-Specific.12345.7'],
    [[241, 99], '241.99'],
    [[241, 6, 9], '241.IP-Port-Range.IP-Port-Range-Range-Start'],
    [[245, 26, 9, 3], '245.26.Cisco.3'],
  ];
  for (const [path, name] of names) t.equal(dictionary.nameOf(path), name);
  t.end();
});

t.test('addresses and times as people write them', (t) => {
  const addresses: [string, string][] = [
    ['20010db8000000000000000000000001', '2001:db8::1'],
    ['00000000000000000000000000000000', '::'],
    ['20010db8000000010000000000000001', '2001:db8:0:1::1'],
    ['20010db8000000010001000100010001', '2001:db8:0:1:1:1:1:1'],
    ['00010000000000020000000000000003', '1:0:0:2::3'],
    ['00010000000000010002000000000003', '1::1:2:0:0:3'],
    ['20010db8000000000000000000000000', '2001:db8::'],
    ['c0000201', '192.0.2.1'],
  ];
  for (const [hex, text] of addresses) t.equal(addressText(fromHex(hex)), text);
  for (const seconds of [0, 951_782_399, 951_782_400, 1_709_164_800, 1_795_341_600, 4_294_967_295]) {
    const text = new Date(seconds * 1000).toISOString().replace('.000', '');
    t.equal(timeText(seconds), text);
    t.equal(timeOfText(text), seconds);
  }
  for (let day = 0; day < 49_710; day += 1) {
    const text = new Date(day * 86_400_000).toISOString().replace('.000', '');
    if (timeText(day * 86_400) !== text) t.fail(text);
  }
  for (const text of [
    '1969-12-31T23:59:59Z',
    '2026-13-01T00:00:00Z',
    '2107-01-01T00:00:00Z',
    '2026-01-01T24:00:00Z',
    'now',
  ]) {
    t.equal(timeOfText(text), undefined, text);
  }
  t.end();
});
