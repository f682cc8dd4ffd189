/** Octets from dumps that have offsets: `xxd`, `hexdump -C`, `tcpdump -x`, Wireshark's "offset hex ascii". */

const LINE = /^(?:0x)?([0-9a-f]{4,8}):?(?:\s+(\S.*))?$/i;
const HEX = /^(?:[0-9a-f]{2})+$/i;
const UDP = 17;

/**
 * The octets of a dump, without the IPv4 and UDP headers that `tcpdump -x` shows; null for lines that are no dump. They are
 * one only where the first offset is 0 and each next one is where the octets of the line before end.
 */
export function dumpedOctets(lines: readonly string[]): Uint8Array | null {
  const rows = lines
    .map((line) => LINE.exec(line))
    .map((match) => {
      return match === null ? null : { offset: Number.parseInt(match[1] ?? '', 16), text: match[2] ?? '' };
    });
  if (rows[0]?.offset !== 0) return null;
  const octets: number[] = [];
  for (const [i, row] of rows.entries()) {
    if (row?.offset !== octets.length) return null;
    const next = rows[i + 1]?.offset;
    octets.push(...octetsOf(row.text, next === undefined ? null : next - row.offset));
  }
  return octets.length === 0 ? null : payload(Uint8Array.from(octets));
}

/** The first octets of a line, `count` of them; of the last line, whose count nobody says, those before a wide gap. */
function octetsOf(text: string, count: number | null): number[] {
  const [hex = ''] = text.split('|');
  const [before = ''] = count === null && hex === text ? hex.split(/\s{2,}/) : [hex];
  const octets: number[] = [];
  for (const group of before.trim().split(/\s+/)) {
    if (!HEX.test(group) || octets.length === (count ?? 16)) break;
    for (const pair of group.match(/../g) ?? []) octets.push(Number.parseInt(pair, 16));
  }
  return octets;
}

/** What a UDP datagram over IPv4 carries (RFC 791 section 3.1, RFC 768); no RADIUS Code begins like one. */
function payload(octets: Uint8Array): Uint8Array {
  const [first = 0] = octets;
  const header = (first & 15) * 4;
  const isUdp = first >> 4 === 4 && header >= 20 && octets[9] === UDP && octets.length >= header + 8;
  const length = (octets[2] ?? 0) * 256 + (octets[3] ?? 0);
  return isUdp ? octets.slice(header + 8, Math.max(length, header + 8)) : octets;
}
