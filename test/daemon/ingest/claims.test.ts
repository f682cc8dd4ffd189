/** Who a packet says that it is about: attributes as canonical octets, by the rules of the NAS's entry. */
import t from 'tap';
import { claimsOf, DEFAULT_RULES, type IdentityRules } from '../../../src/daemon/ingest/claims.js';
import { hex } from '../../../src/daemon/lifecycle/address.js';
import type { NasIdentity } from '../../../src/daemon/lifecycle/nas-records.js';
import { decodeClass, encodeClass } from '../../../src/daemon/lifecycle/session-class.js';
import { macAddress } from '../../../src/daemon/lifecycle/written-octets.js';
import { decodeAccountingRequest } from '../../../src/protocols/radius/accounting.js';
import { parse, type RadiusAttribute } from '../../../src/protocols/radius/packet.js';
import { accountingRequest, attribute } from '../../protocols/radius/build.js';
import { octets } from '../../protocols/radius/vectors.js';

const BRAS: NasIdentity = { tenant: 'isp', kind: 'source-address', bytes: Uint8Array.of(192, 0, 2, 1) };
const OURS = encodeClass({ store: 7, assignment: 41, generation: 2 });

/** ADSL-Agent-Circuit-Id (1) or -Remote-Id (2). */
function line(type: 1 | 2, value: string): RadiusAttribute {
  return { type: 26, value: Uint8Array.of(0, 0, 0x0d, 0xe9, type, value.length + 2, ...octets(value)) };
}

function claims(attributes: readonly RadiusAttribute[], rules: Partial<IdentityRules> = {}, nas = BRAS): string[] {
  const all = [attribute('Acct-Status-Type', 1), ...attributes];
  const request = decodeAccountingRequest(parse(accountingRequest(octets('secret'), all)));
  return claimsOf(request, nas, { ...DEFAULT_RULES, ...rules }).map(({ type, scope, bytes }) => {
    const text = type === 'class' || type === 'mac' ? hex(bytes) : Buffer.from(bytes).toString('latin1');
    return scope === 'tenant' ? `${type} ${text}` : `${type} ${text} in ${scope}`;
  });
}

const everything = [
  attribute('Calling-Station-Id', '02-00-5E-10-01-01'),
  line(2, 'cpe-7'),
  line(1, 'slot 1/2'),
  attribute('User-Name', 'Ann@ISP'),
  attribute('Class', 'of another AAA'),
  attribute('Class', OURS),
];

t.test('in the order of the rules, whatever that of the packet is', async (t) => {
  const [cls, user, circuit, remote, mac] = [
    `class ${hex(OURS)}`,
    'username Ann@ISP',
    'circuit-id slot 1/2',
    'remote-id cpe-7',
    'mac 02005e100101',
  ];
  t.strictSame(claims(everything), [cls, user, circuit, remote, mac]);
  t.strictSame(claims(everything, { use: ['circuit-id', 'username'] }), [circuit, user]);
  t.strictSame(claims([]), []);
});

t.test('User-Name: realm and case', async (t) => {
  const name = (text: string, rules: Partial<IdentityRules>) => claims([attribute('User-Name', text)], rules);
  t.strictSame(name('Ann@ISP', { realm: 'strip' }), ['username Ann', 'username Ann@ISP'], 'and as it came');
  t.strictSame(name('Ann@ISP', { case: 'lower' }), ['username ann@isp', 'username Ann@ISP']);
  t.strictSame(name('Ann@Line@ISP', { realm: 'strip', case: 'lower' }), ['username ann@line', 'username Ann@Line@ISP']);
  t.strictSame(name('ann', { realm: 'strip', case: 'lower' }), ['username ann'], 'once where nothing changes');
  t.strictSame(name('@isp', { realm: 'strip' }), ['username @isp'], 'a realm alone stays');
  t.strictSame(name('\xc4nn', { case: 'lower' }), [`username ${Buffer.from('Änn').toString('latin1')}`], 'ASCII only');
});

t.test('circuit id: digits, and within what it is unique', async (t) => {
  const circuit = (text: string) => claims([line(1, text)], { circuitId: 'hex', use: ['circuit-id'] });
  for (const text of ['0041ff', '0x0041FF', '00:41:ff', '00 41-FF']) {
    t.strictSame(circuit(text), ['circuit-id \0A\xff'], text);
  }
  for (const text of ['slot 1/2', '0x', '041'])
    t.strictSame(circuit(text), [`circuit-id ${text}`], `${text} is no hex`);
  const both = [line(1, 'p1'), line(2, 'sw')];
  t.strictSame(claims(both, { scope: 'nas' }), ['circuit-id p1 in nas:192.0.2.1', 'remote-id sw in nas:192.0.2.1']);
  t.strictSame(
    claims(both, { scope: 'relay' }),
    ['circuit-id p1 in relay:7377'],
    'the remote id names the relay, not the customer',
  );
  t.strictSame(claims([line(1, 'p1')], { scope: 'relay' }), [], 'a relay that nobody names');
  const named: NasIdentity = { tenant: 'isp', kind: 'nas-identifier', bytes: octets('bras/1') };
  t.strictSame(claims([line(1, 'p1')], { scope: 'nas' }, named), ['circuit-id p1 in nas:bras\\x2f1']);
});

t.test('MAC addresses', async (t) => {
  const read = (text: string): string | null => {
    const mac = macAddress(octets(text));
    return mac === null ? null : hex(mac);
  };
  const forms = [
    '02:00:5e:10:01:01',
    '02-00-5E-10-01-01',
    '0200.5e10.0101',
    '02005e-100101',
    '02005E100101',
    '02 00 5e 10 01 01',
  ];
  for (const form of forms) t.equal(read(form), '02005e100101', form);
  const none = [
    '',
    '02:00:5e:10:01',
    '02:00:5e:10:01:0g',
    '02005e1001011',
    '2:0:5e:10:1:1',
    '02:00:5e:10:01:01:',
    ':02005e100101',
  ];
  for (const text of none) t.equal(read(text), null, `${text} is none`);
  t.equal(read('000000000000'), null, 'zero is nobody');
  t.equal(read('ff:ff:ff:ff:ff:ff'), null, 'nor is a group');
  t.equal(read('+493012345678'), null, 'nor a number to call');
  const erx = { type: 26, value: Uint8Array.of(0, 0, 0x13, 0x0a, 56, 16, ...octets('0200.5e10.0102')) };
  t.strictSame(claims([everything[0] as RadiusAttribute, erx]), ['mac 02005e100102'], "the vendor's own goes first");
});

t.test('our own Class', async (t) => {
  for (const made of [
    { store: 0, assignment: 1, generation: 1 },
    { store: 2 ** 48 - 1, assignment: 2 ** 48 - 1, generation: 2 ** 32 - 1 },
  ]) {
    t.equal(encodeClass(made).length, 22);
    t.strictSame(decodeClass(encodeClass(made)), made);
  }
  t.equal(hex(OURS), '616464726401' + '000000000007' + '000000000029' + '00000002');
  t.equal(decodeClass(OURS.subarray(0, 21)), null);
  t.equal(decodeClass(Uint8Array.of(...OURS, 0)), null);
  t.equal(decodeClass(octets('addrd is what we run..')), null, 'of its length, and another beginning');
});
