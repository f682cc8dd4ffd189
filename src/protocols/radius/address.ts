/**
 * The octets of an IPv4 or IPv6 address as the kernel prints it: 4 or 16 in network order. A zone (`%eth0`) is dropped
 * and an IPv4-mapped address (`::ffff:192.0.2.1`, RFC 4291 section 2.5.5.2) gives its 4 octets, so that one host is one
 * key. Undefined for anything else: host names, leading zeros, short forms of IPv4.
 */
export function addressOctets(text: string): Uint8Array | undefined {
  if (!text.includes(':')) return ipv4Octets(text);
  const zone = text.indexOf('%');
  const octets = ipv6Octets(zone === -1 ? text : text.slice(0, zone));
  return octets !== undefined && isIpv4Mapped(octets) ? octets.slice(12) : octets;
}

/**
 * An address as people write it: 4 octets dotted, 16 octets as RFC 5952 section 4 asks (lower case, the longest run of two
 * or more zero groups, the first of equals, as `::`). An IPv4-mapped address keeps its IPv6 form.
 */
export function addressText(octets: Uint8Array): string {
  if (octets.length === 4) return octets.join('.');
  const groups = Array.from({ length: 8 }, (_, index) => (octets[index * 2] ?? 0) * 256 + (octets[index * 2 + 1] ?? 0));
  let start = 0;
  let longest = 1;
  for (let index = 0; index < 8; index += 1) {
    let run = 0;
    while (groups[index + run] === 0) run += 1;
    if (run > longest) [start, longest] = [index, run];
  }
  const hex = groups.map((group) => group.toString(16));
  if (longest === 1) return hex.join(':');
  return `${hex.slice(0, start).join(':')}::${hex.slice(start + longest).join(':')}`;
}

function ipv4Octets(text: string): Uint8Array | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  const octets = new Uint8Array(4);
  for (const [index, part] of parts.entries()) {
    if (!/^(?:0|[1-9]\d{0,2})$/.test(part)) return undefined;
    const octet = Number(part);
    if (octet > 255) return undefined;
    octets[index] = octet;
  }
  return octets;
}

function ipv6Octets(text: string): Uint8Array | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const head = groupOctets(halves[0] ?? '', halves.length === 1);
  const tail = halves.length === 2 ? groupOctets(halves[1] ?? '', true) : [];
  if (head === undefined || tail === undefined) return undefined;
  const given = head.length + tail.length;
  // A "::" stands for at least one group.
  if (halves.length === 2 ? given > 14 : given !== 16) return undefined;
  const octets = new Uint8Array(16);
  octets.set(head, 0);
  octets.set(tail, 16 - tail.length);
  return octets;
}

function groupOctets(text: string, mayEndInIpv4: boolean): number[] | undefined {
  if (text === '') return [];
  const octets: number[] = [];
  const groups = text.split(':');
  for (const [index, group] of groups.entries()) {
    if (group.includes('.')) {
      const embedded = mayEndInIpv4 && index === groups.length - 1 ? ipv4Octets(group) : undefined;
      if (embedded === undefined) return undefined;
      octets.push(...embedded);
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(group)) return undefined;
      const value = Number.parseInt(group, 16);
      octets.push(value >>> 8, value & 0xff);
    }
  }
  return octets;
}

function isIpv4Mapped(octets: Uint8Array): boolean {
  for (let index = 0; index < 10; index += 1) if (octets[index] !== 0) return false;
  return octets[10] === 0xff && octets[11] === 0xff;
}
