const BACKSLASH = 0x5c;
/** Control, format, separator and unassigned characters: they would move the cursor or vanish from a log line. */
const UNSEEN = /[\p{C}\p{Zl}\p{Zp}]/u;

/**
 * Octets as text for people, without loss: two different values never look the same. Well-formed UTF-8 shows as itself;
 * a backslash shows as `\\`; every octet of an unprintable character, or of anything that is not ASCII where the value
 * as a whole is not UTF-8, shows as `\xHH`. For display only: keys stay octets.
 */
export function displayOctets(octets: Uint8Array): string {
  let shown = '';
  const text = asUtf8(octets);
  if (text === undefined) {
    for (const octet of octets) shown += octet >= 0x20 && octet < 0x7f ? showAscii(octet) : hex(octet);
    return shown;
  }
  for (const character of text) {
    if (character === '\\') shown += '\\\\';
    else if (UNSEEN.test(character)) for (const octet of new TextEncoder().encode(character)) shown += hex(octet);
    else shown += character;
  }
  return shown;
}

function asUtf8(octets: Uint8Array): string | undefined {
  try {
    // ignoreBOM keeps a leading U+FEFF; dropping it would make two values look the same.
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(octets);
  } catch {
    return undefined;
  }
}

function showAscii(octet: number): string {
  return octet === BACKSLASH ? '\\\\' : String.fromCharCode(octet);
}

function hex(octet: number): string {
  return `\\x${octet.toString(16).padStart(2, '0')}`;
}
