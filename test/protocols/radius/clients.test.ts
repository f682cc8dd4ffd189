import t from 'tap';
import { addressOctets } from '../../../src/protocols/radius/address.js';
import { ClientTable, type RadiusClient } from '../../../src/protocols/radius/clients.js';
import { radiusClient as client } from './build.js';
import { fromHex } from './vectors.js';

t.test('the longest prefix finds the client, whatever the family', (t) => {
  const table = new ClientTable([
    client('default', '0.0.0.0', 0),
    client('net', '192.0.2.0', 24),
    client('host', '192.0.2.1', 32),
    client('odd', '198.51.100.77', 25),
    client('net6', '2001:db8::', 32),
    client('host6', '2001:db8::1', 128),
  ]);
  const cases: [string, string | undefined][] = [
    ['192.0.2.1', 'host'],
    ['192.0.2.1', 'host'],
    ['::ffff:192.0.2.1', 'host'],
    ['::ffff:c000:201', 'host'],
    ['192.0.2.2', 'net'],
    ['198.51.100.127', 'odd'],
    ['198.51.100.128', 'default'],
    ['2001:db8::1', 'host6'],
    ['2001:0DB8:0::1%eth0', 'host6'],
    ['2001:db8::2', 'net6'],
    ['2001:db9::1', undefined],
    ['nonsense', undefined],
    ['', undefined],
  ];
  for (const [source, name] of cases) t.equal(table.find(source)?.client.name, name, source);
  t.same(table.find('::ffff:192.0.2.1')?.octets, Uint8Array.of(192, 0, 2, 1));
  for (let host = 0; host < 20_000; host += 1) table.find(`203.0.${String(host >> 8)}.${String(host & 255)}`);
  t.equal(table.find('192.0.2.1')?.client.name, 'host', 'also past the bound of the cache');
  t.end();
});

t.test('a table that cannot be right is refused', (t) => {
  const cases: [RadiusClient<string>[], string][] = [
    [[client('a', '192.0.2.0', 24), client('b', '192.0.2.9', 24)], 'prefix-duplicate'],
    [[client('b', '192.0.2.0', 33)], 'prefix-invalid'],
    [[client('b', '2001:db8::', 129)], 'prefix-invalid'],
    [[client('b', '2001:db8::', 1.5)], 'prefix-invalid'],
    [[{ ...client('b', '192.0.2.0', 8), prefix: { bytes: new Uint8Array(5), length: 8 } }], 'prefix-invalid'],
    [[client('b', '192.0.2.0', 24, 'optional', new Uint8Array(0))], 'secret-empty'],
  ];
  for (const [clients, code] of cases) {
    t.throws(() => new ClientTable(clients), { name: 'ClientTableError', code, client: 'b' }, code);
  }
  t.end();
});

t.test('addresses are read as octets or not at all', (t) => {
  const cases: [string, string | undefined][] = [
    ['192.0.2.1', 'c0000201'],
    ['::', '00000000000000000000000000000000'],
    ['::1', '00000000000000000000000000000001'],
    ['2001:db8::', '20010db8000000000000000000000000'],
    ['2001:db8:1:2:3:4:5:6', '20010db8000100020003000400050006'],
    ['2001:db8::192.0.2.1', '20010db80000000000000000c0000201'],
    ['fe80::1%eth0', 'fe800000000000000000000000000001'],
    ['1:2:3:4:5:6:7::', '00010002000300040005000600070000'],
    ['010.0.0.1', undefined],
    ['1.2.3', undefined],
    ['1.2.3.256', undefined],
    ['1.2.3.4.5', undefined],
    ['1:2:3:4:5:6:7', undefined],
    ['1:2:3:4:5:6:7:8:9', undefined],
    ['1:2:3:4::5:6:7:8', undefined],
    ['1::2::3', undefined],
    [':1', undefined],
    [':::', undefined],
    ['12345::', undefined],
    ['192.0.2.1::', undefined],
    ['localhost', undefined],
  ];
  for (const [text, hex] of cases) t.same(addressOctets(text), hex === undefined ? undefined : fromHex(hex), text);
  t.end();
});
