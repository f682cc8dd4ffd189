import { builtInDictionary } from '../protocols/radius/built-in.js';
import { DictionaryError, faultText, type DictionaryFault } from '../protocols/radius/dictionary-fault.js';
import { addDictionaryFile } from '../protocols/radius/dictionary-file.js';
import { dumpPacket } from '../protocols/radius/dump.js';
import { dumpedOctets } from './hex-dump.js';

/** Exit statuses of sysexits(3): a packet that cannot be parsed, an input file that cannot be used. */
export const DECODE_EXIT = { ok: 0, dataError: 65, noInput: 66 } as const;

/** What `addrd decode` was asked; files by path. */
export interface DecodeOptions {
  readonly secret?: string;
  readonly secretFile?: string;
  /** The request of a reply, in hex. */
  readonly request?: string;
  readonly dictionary?: readonly string[];
}

/** Standard output and error, and the exit status. */
export interface DecodeOutcome {
  readonly output: string;
  readonly complaint: string;
  readonly status: number;
}

/** Reads a file whole; undefined where it cannot be read. */
export type ReadText = (path: string) => string | undefined;

/**
 * `addrd decode`: packets in hex, as people have them at hand, for people to read. `input` holds one packet a line, or one
 * packet over several lines; an empty line ends a packet, `#` begins a comment. Dumps with offsets are taken as they are.
 */
export function decodeCommand(input: string, options: DecodeOptions, readText: ReadText): DecodeOutcome {
  const dictionary = builtInDictionary();
  for (const path of options.dictionary ?? []) {
    try {
      addDictionaryFile(path, readText, dictionary);
    } catch (error) {
      if (!(error instanceof DictionaryError)) throw error;
      return refusal(DECODE_EXIT.noInput, error.faults.map(dictionaryFault));
    }
  }
  let secretText = options.secret;
  if (options.secretFile !== undefined) {
    const text = readText(options.secretFile);
    if (text === undefined) return refusal(DECODE_EXIT.noInput, [unreadable(options.secretFile)]);
    secretText = text.replace(/\r?\n$/, '');
  }
  const request = options.request === undefined ? undefined : hexOctets(options.request);
  if (request === null) return refusal(DECODE_EXIT.dataError, ['the request is not hex']);
  const packets = packetsOf(input);
  if (packets.length === 0) return refusal(DECODE_EXIT.dataError, ['no packet: expected hex digits']);

  const dumps = packets.map((packet) => {
    if (packet === null) return { lines: ['not hex digits'], parsed: false };
    return dumpPacket(packet, {
      dictionary,
      ...(secretText === undefined ? {} : { secret: new TextEncoder().encode(secretText) }),
      ...(request === undefined ? {} : { request }),
    });
  });
  return {
    output: `${dumps.map(({ lines }) => lines.join('\n')).join('\n\n')}\n`,
    complaint: '',
    status: dumps.every(({ parsed }) => parsed) ? DECODE_EXIT.ok : DECODE_EXIT.dataError,
  };
}

/**
 * The packets of a text in hex; null for one that is not hex. In a block without an empty line, every line is a packet
 * where one line alone is as long as its Length says; else the lines together are one packet.
 */
export function packetsOf(text: string): (Uint8Array | null)[] {
  const blocks = text
    .split('\n')
    .map((line) => line.replace(/#.*$/, '').trim())
    .join('\n')
    .split(/\n{2,}/)
    .map((block) => block.split('\n').filter((line) => line !== ''))
    .filter((lines) => lines.length > 0);
  return blocks.flatMap((lines) => {
    const dumped = dumpedOctets(lines);
    if (dumped !== null) return [dumped];
    const each = lines.map(hexOctets);
    return each.some(isWhole) ? each : [hexOctets(lines.join(''))];
  });
}

/** A fault of a dictionary; where the file itself cannot be read there is no line to name. */
function dictionaryFault(fault: DictionaryFault): string {
  return fault.line === 0 ? unreadable(fault.file) : faultText(fault);
}

function unreadable(path: string): string {
  return `${path} cannot be read: it is not there, or not for this user`;
}

function isWhole(octets: Uint8Array | null): boolean {
  return octets !== null && octets.length >= 20 && (octets[2] ?? 0) * 256 + (octets[3] ?? 0) === octets.length;
}

/** Hex digits with spaces, colons, commas, dashes and `0x` between them; null for anything else. */
function hexOctets(text: string): Uint8Array | null {
  const digits = text.replaceAll(/0x|[\s:,-]/gi, '');
  if (digits === '' || digits.length % 2 !== 0 || !/^[0-9a-f]+$/i.test(digits)) return null;
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

function refusal(status: number, complaints: readonly string[]): DecodeOutcome {
  return { output: '', complaint: complaints.map((line) => `addrd: ${line}\n`).join(''), status };
}
