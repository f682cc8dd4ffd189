import { AttributeDictionary } from './attribute-dictionary.js';
import type { DataType } from './data-types.js';
import { ATTRIBUTES, type ValueType } from './dictionary.js';
import { RFC_ATTRIBUTES } from './rfc-attributes.js';
import { RFC_VALUES } from './rfc-values.js';
import type { VendorTable } from './attribute-table.js';
import { ACCEL_PPP } from './vendors/accel-ppp.js';
import { ADSL_FORUM } from './vendors/adsl-forum.js';
import { CISCO } from './vendors/cisco.js';
import { ERX } from './vendors/erx.js';
import { HUAWEI } from './vendors/huawei.js';
import { JUNIPER } from './vendors/juniper.js';
import { MICROSOFT } from './vendors/microsoft.js';
import { MIKROTIK } from './vendors/mikrotik.js';
import { NOKIA_SR_OS } from './vendors/nokia-sr-os.js';
import { RTBRICK } from './vendors/rtbrick.js';

/** The vendors that addrd knows without a dictionary file. */
export const VENDORS = [
  ...[ACCEL_PPP, ADSL_FORUM, CISCO, ERX, HUAWEI],
  ...[JUNIPER, MICROSOFT, MIKROTIK, NOKIA_SR_OS, RTBRICK],
] as const satisfies readonly VendorTable[];

/** A fresh dictionary with every attribute that addrd knows; user dictionaries may be added to it. */
export function builtInDictionary(): AttributeDictionary {
  const dictionary = new AttributeDictionary();
  for (const [name, { number, type }] of Object.entries(ATTRIBUTES)) {
    dictionary.addAttribute({ name, path: [number], type: dataTypeOf(type) });
  }
  dictionary.addRows(RFC_ATTRIBUTES, RFC_VALUES, []);
  for (const table of VENDORS) dictionary.addTable(table);
  return dictionary;
}

function dataTypeOf(type: ValueType): DataType {
  if (type === 'interface-id') return 'ifid';
  return type === 'vendor-specific' ? 'vsa' : type;
}
