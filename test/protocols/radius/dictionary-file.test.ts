/** User dictionaries: what is read, and every fault with its file and line. */
import t from 'tap';
import { builtInDictionary } from '../../../src/protocols/radius/built-in.js';
import type { AttributeDictionary } from '../../../src/protocols/radius/attribute-dictionary.js';
import { DictionaryError } from '../../../src/protocols/radius/dictionary-fault.js';
import { addDictionaryFile } from '../../../src/protocols/radius/dictionary-file.js';

function load(files: Readonly<Record<string, string>>, path = '/etc/d/main'): AttributeDictionary {
  const dictionary = builtInDictionary();
  addDictionaryFile(path, (file) => files[file], dictionary);
  return dictionary;
}

/** `file:line code` of every fault. */
function faultsOf(files: Readonly<Record<string, string>>, path = '/etc/d/main'): string[] {
  try {
    load(files, path);
  } catch (error) {
    if (error instanceof DictionaryError) return error.faults.map((f) => `${f.file}:${String(f.line)} ${f.code}`);
    throw error;
  }
  return [];
}

t.test('everything that the format has', (t) => {
  const main = `
# a comment
VALUE	Own-Mode	Late	2	# before its attribute
VENDOR	Own	64999	format=1,1
BEGIN-VENDOR Own
ATTRIBUTE	Own-Name	1	string
ATTRIBUTE	Own-Mode	0x02	integer	has_tag
ATTRIBUTE	Own-Blob	3	octets[16]	array
ATTRIBUTE	Own-Hidden	4	octets	encrypt=2
ATTRIBUTE	Own-Group	5	tlv
ATTRIBUTE	Own-Inner	5.1	ipaddr
BEGIN-TLV	Own-Group
ATTRIBUTE	Own-Second	2	ipv6prefix
END-TLV		Own-Group
END-VENDOR Own
ATTRIBUTE	Own-Old-Style	9	string	Own
ATTRIBUTE	Own-Extended	241.77	integer64
BEGIN-VENDOR Own format=Extended-Vendor-Specific-5
ATTRIBUTE	Own-Evs	1	text
END-VENDOR Own
`.replace('text', 'string');
  const rest = `
$INCLUDE sub/more
$INCLUDE- /not/there
ALIAS	Own-Alias	Own-Name
ATTRIBUTE	Own-Server-Only	3000	string
ATTRIBUTE	Filter-Id	11	octets
`;
  const dictionary = load({
    '/etc/d/main': main + rest,
    '/etc/d/sub/more': 'ATTRIBUTE Own-Included 250 concat\n'.replace('concat', 'octets concat'),
  });
  const at = (name: string): string => dictionary.attributeNamed(name)?.path.join('.') ?? 'absent';
  t.equal(at('Own-Name'), '26.64999.1');
  t.equal(at('own-name'), '26.64999.1', 'of any case');
  t.equal(at('Own-Alias'), '26.64999.1');
  t.equal(at('Own-Inner'), '26.64999.5.1');
  t.equal(at('Own-Second'), '26.64999.5.2');
  t.equal(at('Own-Old-Style'), '26.64999.9');
  t.equal(at('Own-Extended'), '241.77');
  t.equal(at('Own-Evs'), '245.26.64999.1');
  t.equal(at('Own-Included'), '250');
  t.equal(dictionary.attributeNamed('Own-Included')?.concat, true);
  t.equal(dictionary.attributeNamed('Own-Mode')?.tagged, true);
  t.equal(dictionary.valueNumber([26, 64999, 2], 'late'), 2n);
  t.equal(dictionary.attributeNamed('Own-Blob')?.length, 16);
  t.equal(dictionary.attributeNamed('Own-Hidden')?.secret, true);
  t.equal(dictionary.attributeNamed('Own-Server-Only')?.internal, true);
  t.equal(dictionary.attributeNamed('Filter-Id')?.type, 'string', "the user's own wins");
  t.equal(dictionary.nameOf([26, 64999, 5, 1]), 'Vendor-Specific.Own.Own-Group.Own-Inner');
  t.end();
});

t.test('a relative path stays relative', (t) => {
  t.same(faultsOf({ 'd/main': '$INCLUDE more', 'd/more': 'ATTRIBUTE X 250 string' }, 'd/main'), []);
  t.end();
});

const vendor = 'VENDOR V 64999\n';
const FAULTS: readonly (readonly [line: string, code: string, at?: number])[] = [
  ['FLAGS internal', 'keyword-unknown'],
  ['ATTRIBUTE X 250', 'field-missing'],
  ['ATTRIBUTE X 250 string array more', 'field-surplus'],
  ['ATTRIBUTE X two string', 'number-malformed'],
  ['ATTRIBUTE X 241.1.300 string', 'number-range'],
  ['ATTRIBUTE X 250 struct', 'type-unknown'],
  ['ATTRIBUTE X 250 string[4]', 'type-unknown'],
  ['ATTRIBUTE X 250 string has_tags', 'option-unknown'],
  ['ATTRIBUTE X 250 string encrypt=4', 'option-unknown'],
  ['ATTRIBUTE X 250 ipaddr has_tag', 'option-unknown'],
  ['ATTRIBUTE X 250 constructor', 'type-unknown'],
  ['ATTRIBUTE X 250 toString', 'type-unknown'],
  ['ATTRIBUTE X 250 string constructor', 'option-unknown'],
  ['ATTRIBUTE X 250 string __proto__', 'option-unknown'],
  ['ATTRIBUTE X 26 string', 'attribute-conflict'],
  ['ATTRIBUTE Vendor-Specific 26 octets', 'attribute-conflict'],
  [
    `${vendor}BEGIN-VENDOR V\nATTRIBUTE Group 1 tlv\nATTRIBUTE In-It 1.1 string secret\nATTRIBUTE X 1 octets\nEND-VENDOR V`,
    'attribute-conflict',
    5,
  ],
  ['VALUE Acct-Status-Type Odd one', 'number-malformed'],
  ['VALUE No-Such-Attribute Odd 1', 'attribute-unknown'],
  ['VALUE User-Name Odd 1', 'value-type'],
  ['VENDOR X 64998 format=3,1', 'format-unknown'],
  ['VENDOR X 64998 format=2,1,c', 'format-unknown'],
  ['VENDOR X 99999999', 'number-range'],
  ['ALIAS X No-Such-Attribute', 'attribute-unknown'],
  ['END-VENDOR V', 'block-mismatch'],
  ['$INCLUDE none', 'file-unreadable'],
  ['$INCLUDE main', 'include-loop'],
  [`${vendor}BEGIN-VENDOR V\nATTRIBUTE X 256 string\nEND-VENDOR V`, 'number-range', 3],
  [`${vendor}BEGIN-VENDOR V\nEND-VENDOR W`, 'block-mismatch', 3],
  [`${vendor}BEGIN-VENDOR V`, 'block-mismatch', 2],
  [`${vendor}BEGIN-VENDOR V format=Filter-Id\nEND-VENDOR V`, 'format-unknown', 2],
  [`${vendor}VENDOR V 64998`, 'vendor-conflict', 2],
  ['ATTRIBUTE X 250 string\nATTRIBUTE X 251 string', 'attribute-conflict', 2],
  ['VALUE Acct-Status-Type A 90\nVALUE Acct-Status-Type A 91', 'value-conflict', 2],
  ['BEGIN-VENDOR None\nEND-VENDOR None', 'vendor-unknown', 1],
  ['BEGIN-TLV User-Name\nEND-TLV User-Name', 'attribute-unknown', 1],
];

t.test('every fault says where it is', (t) => {
  for (const [text, code, at = 1] of FAULTS) {
    t.same(faultsOf({ '/etc/d/main': text }), [`/etc/d/main:${String(at)} ${code}`], text);
  }
  t.same(faultsOf({}), ['/etc/d/main:0 file-unreadable'], 'the file itself');
  t.same(
    faultsOf({ '/etc/d/main': '\nNONSENSE\n$INCLUDE sub', '/etc/d/sub': 'ATTRIBUTE' }),
    ['/etc/d/main:2 keyword-unknown', '/etc/d/sub:1 field-missing'],
    'all of them, in every file',
  );
  const chain = Object.fromEntries(
    Array.from({ length: 40 }, (_, n) => [`/c/${String(n)}`, `$INCLUDE ${String(n + 1)}`]),
  );
  t.same(faultsOf(chain, '/c/0'), ['/c/16:1 include-depth'], 'depth is bounded');
  t.end();
});
