/** Octets of the wire as text. */

/** UTF-8 as text, or null where the octets are not UTF-8. */
export function utf8(octets: Uint8Array): string | null {
  try {
    // ignoreBOM keeps a leading U+FEFF; dropping it would make two values look the same.
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(octets);
  } catch {
    return null;
  }
}

/** Control, format, separator and unassigned characters: they would move the cursor or vanish from a line. */
const UNSEEN = /[\p{C}\p{Zl}\p{Zp}]/u;

/**
 * Octets of the wire (User-Name, Acct-Session-Id) as text, so that two different values never look the same: UTF-8 as
 * itself, a backslash as `\\`, and any other octet as `\xNN`.
 */
export function printable(octets: Uint8Array): string {
  const text = utf8(octets);
  if (text === null) {
    return Array.from(octets, (octet) => (octet < 0x20 || octet > 0x7e ? escaped(octet) : ascii(octet))).join('');
  }
  return Array.from(text, (character) => {
    if (character === '\\') return '\\\\';
    return UNSEEN.test(character) ? Array.from(new TextEncoder().encode(character), escaped).join('') : character;
  }).join('');
}

/** The octets that {@link printable} shows as this text, or null where a backslash stands before nothing that it writes. */
export function unprintable(text: string): Uint8Array | null {
  const octets: number[] = [];
  const encoder = new TextEncoder();
  for (const [part] of text.matchAll(/\\x[0-9a-fA-F]{2}|\\\\|\\|[^\\]+/g)) {
    if (part === '\\') return null;
    if (part === '\\\\') octets.push(0x5c);
    else if (part.startsWith('\\x')) octets.push(Number.parseInt(part.slice(2), 16));
    else octets.push(...encoder.encode(part));
  }
  return Uint8Array.from(octets);
}

function ascii(octet: number): string {
  return octet === 0x5c ? '\\\\' : String.fromCharCode(octet);
}

function escaped(octet: number): string {
  return `\\x${octet.toString(16).padStart(2, '0')}`;
}
