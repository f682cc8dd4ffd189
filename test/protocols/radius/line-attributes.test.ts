/** Circuit id, remote id and MAC address in the attributes of vendors, and what looks like them. */
import t from 'tap';
import { decodeAccountingRequest } from '../../../src/protocols/radius/accounting.js';
import { parse, type RadiusAttribute } from '../../../src/protocols/radius/packet.js';
import { accountingRequest, attribute } from './build.js';
import { octets } from './vectors.js';

const VENDORS = { cisco: 9, huawei: 2011, forum: 3561, erx: 4874, nokia: 6527, mikrotik: 14_988 } as const;

/** A Vendor-Specific of sub-attributes: type and text each. */
function vendor(name: keyof typeof VENDORS, ...items: readonly (readonly [number, string])[]): RadiusAttribute {
  const id = VENDORS[name];
  const body = items.flatMap(([type, text]) => [type, text.length + 2, ...octets(text)]);
  return { type: 26, value: Uint8Array.of(0, 0, id >> 8, id & 0xff, ...body) };
}

function lineOf(...attributes: readonly RadiusAttribute[]) {
  const all = [attribute('Acct-Status-Type', 1), ...attributes];
  const { line } = decodeAccountingRequest(parse(accountingRequest(octets('secret'), all)));
  const text = (value: Uint8Array | undefined): string | null =>
    value === undefined ? null : Buffer.from(value).toString('latin1');
  return line === undefined ? null : [text(line.circuitId), text(line.remoteId), text(line.macAddress)];
}

t.test('each vendor', async (t) => {
  t.strictSame(lineOf(vendor('forum', [1, 'slot 1/2'], [2, 'cpe-7'])), ['slot 1/2', 'cpe-7', null]);
  t.strictSame(lineOf(vendor('forum', [2, 'cpe-7']), vendor('forum', [1, 'c'])), ['c', 'cpe-7', null], 'one each');
  t.strictSame(lineOf(vendor('erx', [56, '0200.5e10.0101'], [110, 'c'], [182, 'r'])), ['c', 'r', '0200.5e10.0101']);
  t.strictSame(lineOf(vendor('nokia', [27, '02:00:5e:10:01:01'])), [null, null, '02:00:5e:10:01:01']);
  t.strictSame(lineOf(vendor('huawei', [153, '02005e-100101'])), [null, null, '02005e-100101']);
  t.strictSame(lineOf(vendor('cisco', [1, 'circuit-id-tag=c=1'])), ['c=1', null, null]);
  const pairs = ['remote-id-tag=r', 'client-mac-address=0200.5e10.0101', 'ip:addrv6=x'].map(
    (text) => [1, text] as const,
  );
  t.strictSame(lineOf(vendor('cisco', ...pairs)), [null, 'r', '0200.5e10.0101']);
});

t.test('of a repeated attribute the first counts', async (t) => {
  t.strictSame(lineOf(vendor('forum', [1, 'a'], [1, 'b']), vendor('forum', [1, 'c'])), ['a', null, null]);
  t.strictSame(lineOf(vendor('cisco', [1, 'circuit-id-tag=a'], [1, 'circuit-id-tag=b'])), ['a', null, null]);
  t.strictSame(lineOf(vendor('forum', [1, 'a']), vendor('erx', [110, 'b'])), ['a', null, null]);
});

t.test('what says nothing', async (t) => {
  t.equal(lineOf(), null);
  t.equal(lineOf(vendor('mikrotik', [1, 'circuit-id-tag=c'])), null, 'another vendor');
  t.equal(lineOf(vendor('forum', [129, 'x'])), null, 'another attribute');
  t.equal(lineOf(vendor('forum', [1, ''])), null, 'an empty value');
  t.equal(
    lineOf(vendor('cisco', [1, 'circuit-id-tag='], [1, 'circuit-id']), vendor('cisco', [2, 'circuit-id-tag=c'])),
    null,
  );
  t.equal(lineOf({ type: 26, value: Uint8Array.of(1, 0, 0x0d, 0xe9, 1, 3, 65) }), null, 'the first octet is 0');
  for (const length of [0, 1, 4, 255]) {
    const value = Uint8Array.of(0, 0, 0x0d, 0xe9, 1, length, 65);
    t.equal(lineOf({ type: 26, value }), null, `a length of ${String(length)}`);
    const first = Uint8Array.of(0, 0, 0x0d, 0xe9, 2, 3, 65, 1, length, 66);
    t.strictSame(lineOf({ type: 26, value: first }), [null, 'A', null], 'what stood before it counts');
  }
  for (let cut = 0; cut < 7; cut++) {
    t.equal(lineOf({ type: 26, value: Uint8Array.of(0, 0, 0x0d, 0xe9, 1, 3, 65).subarray(0, cut) }), null);
  }
});
