/** Octets that a NAS or an operator writes as hex digits, with or without separators. */

/** The value of an ASCII hex digit, or -1. */
function digit(octet: number): number {
  if (octet >= 0x30 && octet <= 0x39) return octet - 0x30;
  const lower = octet | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

/** `:`, `-`, `.` and space stand between digits. */
function isSeparator(octet: number): boolean {
  return octet === 0x3a || octet === 0x2d || octet === 0x2e || octet === 0x20;
}

/** The octets that hex digits write, with or without `0x` and separators; the octets themselves where they are no digits. */
export function octetsOfDigits(text: Uint8Array): Uint8Array {
  const prefixed = text[0] === 0x30 && ((text[1] ?? 0) | 0x20) === 0x78;
  const digits: number[] = [];
  for (const octet of prefixed ? text.subarray(2) : text) {
    if (isSeparator(octet)) continue;
    const value = digit(octet);
    if (value < 0) return text;
    digits.push(value);
  }
  if (digits.length === 0 || digits.length % 2 === 1) return text;
  return Uint8Array.from(
    { length: digits.length / 2 },
    (_, n) => ((digits[2 * n] ?? 0) << 4) | (digits[2 * n + 1] ?? 0),
  );
}

/** 17 characters are the longest form, `02-00-5E-10-01-01`. */
const LONGEST_MAC = 17;

/**
 * The six octets of a MAC address in any of its written forms (`02:00:5e:10:01:01`, `02-00-5E-10-01-01`,
 * `0200.5e10.0101`, `02005e-100101`, `02005e100101`), or null. What is nobody's own (zero, a group) names nobody.
 */
export function macAddress(text: Uint8Array): Uint8Array | null {
  if (text.length < 12 || text.length > LONGEST_MAC) return null;
  const mac = new Uint8Array(6);
  let digits = 0;
  for (const octet of text) {
    const value = digit(octet);
    if (value < 0) {
      // Between whole octets only.
      if (!isSeparator(octet) || digits === 0 || digits === 12 || digits % 2 === 1) return null;
      continue;
    }
    if (digits === 12) return null;
    const place = digits++ >> 1;
    mac[place] = ((mac[place] as number) << 4) | value;
  }
  const group = ((mac[0] as number) & 1) === 1;
  return digits === 12 && !group && mac.some((octet) => octet !== 0) ? mac : null;
}
