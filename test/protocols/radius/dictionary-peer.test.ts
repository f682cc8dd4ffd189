/** Our tables against FreeRADIUS's, and our reader against all of its files: 7,000 attributes of 180 vendors. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import t from 'tap';
import { AttributeDictionary, type DictionaryAttribute } from '../../../src/protocols/radius/attribute-dictionary.js';
import { builtInDictionary, VENDORS } from '../../../src/protocols/radius/built-in.js';
import { DictionaryError } from '../../../src/protocols/radius/dictionary-fault.js';
import { addDictionaryFile } from '../../../src/protocols/radius/dictionary-file.js';
import { missing } from '../../support/peer.js';

const ROOT = '/usr/share/freeradius/dictionary';

/** Debian's freeradius-common. */
function requireDictionaries(): boolean {
  return existsSync(ROOT) || missing(t, 'the dictionaries of freeradius-common are not installed');
}

function read(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}

/** Ours alone: FreeRADIUS 3.2 has no dictionary of these vendors, or the number is newer. */
const OURS_ALONE = /^(Accel-VRF-Name|Alc-BRG-Id|RtBrick-.*)$/;

/** Values that an RFC names otherwise than FreeRADIUS: RFC 5176 section 3.5, as ours. */
const OTHER_NAMES: Readonly<Record<string, string>> = {
  'Residual-Session-Context-Removed': 'Residual-Context-Removed',
  'Request-Not-Routable': 'Proxy-Request-Not-Routable',
  'Other-Proxy-Processing-Error': 'Proxy-Processing-Error',
};

function shapeOf(attribute: DictionaryAttribute): string {
  const { path, type, tagged, encryption, concat, length } = attribute;
  return [path.join('.'), type, tagged === true, encryption ?? 0, concat === true, length ?? 0].join(' ');
}

if (requireDictionaries()) {
  const theirs = new AttributeDictionary();
  addDictionaryFile(ROOT, read, theirs);

  t.test('all of it reads without a fault, alone and on top of our tables', (t) => {
    t.ok([...theirs.attributes()].length > 7000);
    t.ok([...theirs.vendors()].length > 180);
    const both = builtInDictionary();
    addDictionaryFile(ROOT, read, both);
    for (const attribute of builtInDictionary().attributes()) {
      t.equal(both.attributeNamed(attribute.name)?.path.join('.'), attribute.path.join('.'), attribute.name);
      if (attribute.secret === true) t.equal(both.attributeAt(attribute.path)?.secret, true, 'a secret stays one');
    }
    t.end();
  });

  t.test('each file by itself, also those that FreeRADIUS does not include, or refuses', (t) => {
    const folder = dirname(ROOT);
    const files = readdirSync(folder)
      .filter((name) => name.startsWith('dictionary'))
      .sort();
    t.ok(files.length > 230, `${String(files.length)} files`);
    const faultsOf = (name: string, dictionary: AttributeDictionary): string[] => {
      try {
        addDictionaryFile(join(folder, name), read, dictionary);
      } catch (error) {
        if (error instanceof DictionaryError) {
          return [...new Set(error.faults.map(({ line, expected }) => `${name}:${String(line)} ${expected}`))];
        }
        throw error;
      }
      return [];
    };
    // Its VALUE lines are of an attribute that no file has.
    const dangling = [238, 239].map((line) => {
      return `dictionary.freedhcp:${String(line)} an attribute of the name FreeDHCP-Opcode`;
    });
    t.same(
      files.flatMap((name) => faultsOf(name, builtInDictionary())),
      [
        // Two that stand on others: dictionary.freeradius.internal, and dictionary.freeradius.
        'dictionary.compat:28 an attribute of the name Auth-Type',
        ...dangling,
        'dictionary.freeradius.evs5:10 a VENDOR line for FreeRADIUS before this',
      ],
      'on our tables',
    );
    const onTop = new AttributeDictionary();
    addDictionaryFile(ROOT, read, onTop);
    t.same(faultsOf('dictionary.compat', onTop), [], 'with what it stands on');
    t.same(faultsOf('dictionary.freeradius.evs5', onTop), [], 'with what it stands on');
    t.end();
  });

  t.test('what its files say in their odd corners', (t) => {
    t.same(theirs.vendor(429)?.format, { typeOctets: 4, lengthOctets: 0, continuation: false }, 'USR');
    t.same(theirs.vendor(24757)?.format, { typeOctets: 1, lengthOctets: 1, continuation: true }, 'WiMAX');
    t.same(theirs.vendor(4846)?.format, { typeOctets: 2, lengthOctets: 1, continuation: false }, 'Lucent');
    t.same(theirs.attributeNamed('WiMAX-Release')?.path, [26, 24757, 1, 1], 'a dotted number within a vendor');
    t.same(theirs.attributeNamed('A-ESAM-VRF-Name')?.path, [26, 637, 0x700], 'a hex number of two octets');
    t.same(theirs.attributeNamed('FreeRADIUS-802.1X-Anonce')?.path, [245, 26, 11344, 1], 'an extended vendor');
    t.same(theirs.attributeNamed('IP-Port-Range-Start')?.path, [241, 5, 9], 'a member of an extended TLV');
    t.equal(theirs.attributeNamed('WLAN-Venue-Language')?.length, 3, 'octets[3]');
    t.equal(theirs.attributeNamed('Auth-Type')?.internal, true, "the server's own");
    t.equal(theirs.valueName([40], 3), 'Interim-Update', 'of two names the later is shown');
    t.equal(theirs.valueNumber([40], 'Alive'), 3n, 'and both are understood');
    t.end();
  });

  t.test('ours are theirs: name by name, number by number, type by type', (t) => {
    let compared = 0;
    for (const attribute of builtInDictionary().attributes()) {
      const { name } = attribute;
      const found = theirs.attributeNamed(name);
      if (OURS_ALONE.test(name)) {
        t.equal(found, undefined, `${name} is ours alone`);
        continue;
      }
      t.equal(found === undefined ? 'absent' : shapeOf(found), shapeOf(attribute), name);
      compared += 1;
    }
    t.ok(compared > 550, `${String(compared)} attributes`);
    t.comment(`${String(compared)} attributes compared`);
    t.end();
  });

  t.test('and so are the names of values', (t) => {
    let compared = 0;
    const ours = builtInDictionary();
    for (const { name, path } of ours.attributes()) {
      for (const [value, number] of ours.valuesOf(path)) {
        const shown = ours.valueName(path, number) ?? '';
        if (shown.toLowerCase() !== value) continue;
        const other = OTHER_NAMES[shown] ?? shown;
        t.equal(theirs.valueNumber(path, other), number, `${name} ${shown}`);
        compared += 1;
      }
    }
    t.ok(compared > 250, `${String(compared)} values`);
    t.end();
  });

  t.test('vendors have their numbers and names', (t) => {
    for (const { id, name } of VENDORS) {
      if (id === 50058 || id === 55999) t.equal(theirs.vendor(id), undefined, name);
      else t.equal(theirs.vendor(id)?.name, name);
    }
    t.end();
  });
}
