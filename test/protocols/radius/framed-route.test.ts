/** Framed-Route and Framed-IPv6-Route: the RFCs' examples, Nokia's form, and what is no route. */
import fc from 'fast-check';
import t from 'tap';
import { addressText } from '../../../src/protocols/radius/address.js';
import { parseFramedRoute } from '../../../src/protocols/radius/framed-route.js';
import { seedOf } from '../../support/seeded.js';

function read(text: string, family: 4 | 6): string | undefined {
  const route = parseFramedRoute(new TextEncoder().encode(text), family);
  if (route === undefined) return undefined;
  const { prefix, type } = route;
  return `${addressText(prefix.bytes)}/${String(prefix.length)}${type === undefined ? '' : ` ${type}`}`;
}

t.test('routes', (t) => {
  // RFC 2865 section 5.22
  t.equal(read('192.168.1.0/24 192.168.1.1 1 2 -1 3 400', 4), '192.168.1.0/24');
  t.equal(read('192.168.1.0 192.168.1.1 1', 4), '192.168.1.0/24', 'class C');
  t.equal(read('172.16.0.0 0.0.0.0 1', 4), '172.16.0.0/16', 'class B');
  t.equal(read('10.0.0.0 0.0.0.0 1', 4), '10.0.0.0/8', 'class A');
  t.equal(read('203.0.113.8 255.255.255.248 10.0.0.1', 4), '203.0.113.8/29', 'a mask, as in a table of routes');
  t.equal(read('203.0.113.9 255.255.255.255', 4), '203.0.113.9/32');
  t.equal(read('10.0.0.0 255.0.0.0 192.0.2.1 1', 4), '10.0.0.0/8');
  t.equal(read('192.168.1.0/24 255.255.0.0', 4), '192.168.1.0/24', 'a length is a length');
  t.equal(read('203.0.113.0', 4), '203.0.113.0/24', 'nothing behind it');
  // RFC 3162 section 2.5
  t.equal(read('2000:0:0:106::/64 2000::106:a00:20ff:fe99:a998 1', 6), '2000:0:0:106::/64');
  t.equal(read('2001:1000::/64 :: 0 pref 0 type pd-host', 6), '2001:1000::/64 pd-host', 'Nokia SR OS');
  t.equal(read('2001:db8::1', 6), '2001:db8::1/128');
  t.equal(read('  198.51.100.8/29\t0.0.0.0 1\0', 4), '198.51.100.8/29', 'blanks, and a NUL at the end');
  t.equal(read('198.51.100.9/29', 4), '198.51.100.8/29', 'bits beyond the length are cleared');
  t.equal(read('0.0.0.0/0 192.0.2.1 1', 4), '0.0.0.0/0');
  t.end();
});

t.test('no routes', (t) => {
  for (const text of ['', ' ', 'vrf red', '10.0.0.0/33', '10.0.0.0/', '10.0.0.0/08', '10.0.0.0/-1', '010.0.0.0/8']) {
    t.equal(read(text, 4), undefined, JSON.stringify(text));
  }
  for (const text of ['2001:db8::/129', '2001:db8::/x', ':::/64', '2001:db8::/64/64', 'fe80', '192.0.2.0/24']) {
    t.equal(read(text, 6), undefined, JSON.stringify(text));
  }
  t.equal(read('224.0.0.0 0.0.0.0 1', 4), undefined, 'a group has no class of networks');
  t.equal(read('203.0.113.8 255.255.0.255 10.0.0.1', 4), undefined, 'a mask with a hole');
  for (const second of ['1', 'type', '224.0.0.1', '254.0.0.0', '2001:db8::1', '10.0.0']) {
    t.equal(read(`203.0.113.8 ${second} 1`, 4), undefined, `${second} is no gateway`);
  }
  t.equal(read('2001:db8::/32', 4), undefined, 'the other family');
  t.end();
});

t.test('any octets, and every prefix back from its text', (t) => {
  const seed = seedOf(t);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 253 }), fc.constantFrom(4 as const, 6 as const), (value, family) => {
      parseFramedRoute(value, family);
    }),
    { seed },
  );
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), fc.integer({ min: 0, max: 128 }), (bytes, length) => {
      // An IPv4-mapped address is an IPv4 address, and no IPv6 route.
      fc.pre(bytes.some((octet, i) => i < 10 && octet !== 0));
      const route = parseFramedRoute(new TextEncoder().encode(`${addressText(bytes)}/${String(length)} :: 1`), 6);
      return (
        route?.prefix.length === length && route.prefix.bytes.every((octet, i) => (octet & (bytes[i] ?? 0)) === octet)
      );
    }),
    { seed },
  );
  t.end();
});
