import fc from 'fast-check';
import t from 'tap';
import { isLoopback, parseAddress, parseListen, parsePrefix, readPrefix } from '../../src/daemon/address-text.js';
import { formatAddress, formatPrefix, prefixOf } from '../../src/daemon/lifecycle/address.js';

const octets = fc.oneof(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.uint8Array({ minLength: 16, maxLength: 16 }));

t.test('what is printed can be read', async (t) => {
  fc.assert(
    fc.property(octets, fc.nat(128), (bytes, length) => {
      const text = formatAddress(bytes);
      // IPv4-mapped addresses are refused on purpose.
      if (text.startsWith('::ffff:')) return;
      t.strictSame(parseAddress(text), bytes);
      const prefix = prefixOf(bytes, Math.min(length, bytes.length * 8));
      t.strictSame(parsePrefix(formatPrefix(prefix)), prefix);
    }),
    { numRuns: 300 },
  );
});

t.test('one address, few spellings', async (t) => {
  t.equal(formatAddress(parseAddress('2001:DB8:0:0::1') ?? new Uint8Array(4)), '2001:db8::1');
  const refused = [
    ...['', ' ', '1', '10.1', '010.0.0.1', '1.2.3.04', '1.2.3.256', '1.2.3.4.5', '0x1.2.3.4', '1.2.3.4 ', '１.2.3.4'],
    ...[
      '::ffff:1.2.3.4',
      '::ffff:102:304',
      '::1.2.3.4',
      'fe80::1%eth0',
      '[::1]',
      '1::2::3',
      '12345::',
      ':::',
      '::1/128',
    ],
  ];
  for (const text of refused) t.equal(parseAddress(text), null, JSON.stringify(text));
});

t.test('prefixes without host bits', async (t) => {
  t.strictSame(parsePrefix('192.0.2.1'), { bytes: Uint8Array.of(192, 0, 2, 1), length: 32 });
  t.ok(parsePrefix('::/0'));
  for (const text of ['192.0.2.0/33', '192.0.2.0/', '192.0.2.0/024', '192.0.2.0/-1', '192.0.2.1/24', '::/129', '/24']) {
    t.equal(parsePrefix(text), null, text);
  }
  t.match(readPrefix('2001:db8::1/56'), { fault: '2001:db8::1/56 is not a prefix: it has bits set beyond /56' });
});

t.test('where to listen', async (t) => {
  t.match(parseListen('127.0.0.1:1813'), { host: '127.0.0.1', port: 1813 });
  t.match(parseListen('[2001:db8::1]:0'), { host: '2001:db8::1', port: 0 });
  for (const text of ['127.0.0.1', ':80', '::1:80', '[127.0.0.1]:80', '1.2.3.4:65536', '1.2.3.4:080', 'localhost:80']) {
    t.equal(parseListen(text), null, text);
  }
});

t.test('the loopback', async (t) => {
  const loopback = (text: string): boolean => isLoopback(parseAddress(text) ?? new Uint8Array(4));
  t.ok(loopback('127.255.0.1'));
  t.ok(loopback('::1'));
  t.notOk(loopback('128.0.0.1'));
  t.notOk(loopback('::2'));
  t.notOk(loopback('1::1'));
});
