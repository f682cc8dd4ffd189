/** Time as text, without a clock and without locale. */

/** Unix milliseconds as ISO 8601 in UTC, whole seconds: `2026-11-22T05:40:00Z`. */
export function isoTime(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const days = Math.floor(seconds / 86_400);
  const rest = seconds - days * 86_400;
  // Civil date from days since 1970-01-01: years are taken to begin in March, so that the leap day is the last.
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1;
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  const two = (n: number): string => String(n).padStart(2, '0');
  const time = `${two(Math.floor(rest / 3600))}:${two(Math.floor(rest / 60) % 60)}:${two(rest % 60)}`;
  return `${String(year).padStart(4, '0')}-${two(month)}-${two(day)}T${time}Z`;
}

/** As {@link parseIsoTime}, of a time that may have an offset from UTC instead of the Z: `2026-11-22T06:40:00+01:00` (RFC 3339). */
export function parseOffsetTime(text: string): number | null {
  const match = /^(.*)([+-])(\d\d):([0-5]\d)$/.exec(text);
  if (match === null) return parseIsoTime(text);
  const [, local = '', sign, hours, minutes] = match;
  const ms = parseIsoTime(`${local}Z`);
  const offset = (Number(hours) * 60 + Number(minutes)) * 60_000;
  return ms === null || Number(hours) > 23 ? null : ms - (sign === '-' ? -offset : offset);
}

/**
 * Unix milliseconds of a time as {@link isoTime} writes it, with or without seconds and fractions, or null. Only UTC: a
 * time that needs a time zone to be understood is none.
 */
export function parseIsoTime(text: string): number | null {
  const match = /^(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:\.\d+)?)?Z$/.exec(text);
  if (match === null) return null;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match
    .slice(1)
    .map((part) => Number(part || 0));
  const shifted = month <= 2 ? year - 1 : year;
  const era = Math.floor(shifted / 400);
  const yearOfEra = shifted - era * 400;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  const days = era * 146_097 + dayOfEra - 719_468;
  const ms = (((days * 24 + hour) * 60 + minute) * 60 + second) * 1000;
  // What does not come back as it was given was no such day or hour.
  return isoTime(ms).startsWith(text.slice(0, 16).replace(' ', 'T')) ? ms : null;
}
