/** What tells in packets who is on a line, beside the User-Name: the Class of addrd, the circuit id, the MAC address. */
import { encodeText } from '../../src/protocols/radius/attributes.js';
import { ATTRIBUTES } from '../../src/protocols/radius/dictionary.js';
import type { RadiusAttribute } from '../../src/protocols/radius/packet.js';
import type { Chance } from './chance.js';

/** What a line has of its own; `class` is what AAA returned with the address that it was given last. */
export interface Marks {
  readonly class: Uint8Array | null;
  readonly circuit: Uint8Array;
  readonly mac: string;
}

/** What a make of NAS does with them. `swap`: now and then it sends the Class of another session. */
export interface Marking {
  readonly class: 'echo' | 'lose' | 'swap';
  readonly circuit: boolean;
  readonly mac: boolean;
}

export function drawMarking(chance: Chance): Marking {
  return {
    class: chance.pick(['echo', 'echo', 'lose', 'swap']),
    circuit: chance.flip(0.5),
    mac: chance.flip(0.7),
  };
}

/** Agent-Circuit-Id of the Broadband Forum (RFC 4679 section 3.3.1). */
const BROADBAND_FORUM = 3_561;
const AGENT_CIRCUIT_ID = 1;

function circuitId(circuit: Uint8Array): RadiusAttribute {
  const value = new Uint8Array(6 + circuit.length);
  new DataView(value.buffer).setUint32(0, BROADBAND_FORUM);
  value.set([AGENT_CIRCUIT_ID, 2 + circuit.length], 4);
  value.set(circuit, 6);
  return { type: ATTRIBUTES['Vendor-Specific'].number, value };
}

/** The attributes of the packets of a session. */
export function markedBy(marking: Marking, marks: Marks): RadiusAttribute[] {
  const attributes: RadiusAttribute[] = [];
  if (marks.class !== null && marking.class !== 'lose') {
    attributes.push({ type: ATTRIBUTES.Class.number, value: marks.class });
  }
  if (marking.circuit) attributes.push(circuitId(marks.circuit));
  if (marking.mac) attributes.push({ type: ATTRIBUTES['Calling-Station-Id'].number, value: encodeText(marks.mac) });
  return attributes;
}
