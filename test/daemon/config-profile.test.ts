/** What a CoA-Request says, in the config: attributes by name and value, each fault by its path. */
import t from 'tap';
import { ConfigError, parseConfig, type CoaConfig } from '../../src/daemon/config.js';
import { attribute } from '../protocols/radius/build.js';

function coa(text: string): CoaConfig | null {
  const nas = `radius: { nas: [{ name: bras, address: 127.0.0.1, secret: testing123, coa: ${text} }] }`;
  return parseConfig(nas, { readFile: () => '', env: () => undefined }).radius.nas[0]?.coa ?? null;
}

t.test('attributes by name, of vendors and by number; a Class as text and as hex', (t) => {
  const read = coa(
    `{ suspend: [{ name: Filter-Id, value: garden }, { name: 26.14988.8, value: 64k/64k }, { name: Session-Timeout, value: 60 }],
       garden_class: "0x6761" }`,
  );
  t.same(read?.suspend?.[0], attribute('Filter-Id', 'garden'));
  t.same(
    read?.suspend?.map(({ type }) => type),
    [11, 26, 27],
  );
  t.same(read?.suspend?.[2]?.value, Uint8Array.of(0, 0, 0, 60));
  t.equal(read?.resume, null);
  t.same(read?.gardenClass, Uint8Array.of(0x67, 0x61));
  t.same(coa('{ garden_class: ga }')?.gardenClass, Uint8Array.of(0x67, 0x61));
  t.match(coa('{}'), { suspend: null, resume: null, gardenClass: null });
  t.end();
});

const FAULTS: readonly (readonly [string, string, RegExp])[] = [
  ['{ suspend: [] }', 'suspend', /must not be empty/],
  ['{ suspend: [{ name: Filter-ID-Of-Mine, value: x }] }', 'suspend[0].name', /no attribute that addrd knows/],
  [
    '{ resume: [{ name: Filter-Id, value: a }, { name: Session-Timeout, value: soon }] }',
    'resume[1].value',
    /does not fit/,
  ],
  ['{ suspend: [{ name: Acct-Session-Id, value: x }] }', 'suspend[0].name', /put in by addrd itself/],
  ['{ suspend: [{ name: Message-Authenticator, value: "0x00" }] }', 'suspend[0].name', /put in by addrd itself/],
  ['{ suspend: [{ name: User-Password, value: x }] }', 'suspend[0].name', /encrypted on the wire/],
  ['{ suspend: [{ name: Filter-Id }] }', 'suspend[0].value', /./],
  ['{ garden_class: "0x6" }', 'garden_class', /hex digits/],
  ['{ garden_class: "" }', 'garden_class', /1 to 253 octets/],
];
for (const [text, path, message] of FAULTS) {
  t.test(text, (t) => {
    try {
      coa(text);
      t.fail('it was taken');
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      t.match(error.faults, [{ path: `radius.nas[0].coa.${path}`, message }]);
    }
    t.end();
  });
}
