/** Unix seconds of RADIUS's `time` (RFC 8044 section 3.3), 0 to 2^32-1, as UTC: `2026-11-22T10:00:00Z`. */
export function timeText(seconds: number): string {
  const days = Math.floor(seconds / 86_400);
  const rest = seconds - days * 86_400;
  const [year, month, day] = civilDay(days);
  const clock = [Math.floor(rest / 3600), Math.floor(rest / 60) % 60, rest % 60].map(two).join(':');
  return `${String(year)}-${two(month)}-${two(day)}T${clock}Z`;
}

/** The reverse of `timeText`; undefined for anything that is not such a time of 1970 to 2106. */
export function timeOfText(text: string): number | undefined {
  const parts = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)Z$/.exec(text);
  if (parts === null) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts.slice(1).map(Number);
  if (month < 1 || month > 12) return undefined;
  const seconds = dayNumber(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
  // Only what comes back as it was written existed: no 31 February, no hour 24.
  return seconds >= 0 && seconds <= 0xffff_ffff && timeText(seconds) === text ? seconds : undefined;
}

/** Days since 1970-01-01 of the proleptic Gregorian calendar, counted in years that begin in March. */
function dayNumber(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year;
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1;
  return (
    shifted * 365 +
    Math.floor(shifted / 4) -
    Math.floor(shifted / 100) +
    Math.floor(shifted / 400) +
    dayOfYear -
    719_468
  );
}

function civilDay(days: number): [year: number, month: number, day: number] {
  let year = 1970 + Math.floor(days / 365.2425);
  while (dayNumber(year, 1, 1) > days) year -= 1;
  while (dayNumber(year + 1, 1, 1) <= days) year += 1;
  let month = 12;
  while (dayNumber(year, month, 1) > days) month -= 1;
  return [year, month, days - dayNumber(year, month, 1) + 1];
}

function two(number: number): string {
  return String(number).padStart(2, '0');
}
