import { z } from 'zod';
import { parseOffsetTime } from '../lifecycle/time.js';

/** A time of a query, RFC 3339 with Z or an offset, as Unix milliseconds. */
export const instant = z.string().transform((given, context): number => {
  const ms = parseOffsetTime(given);
  if (ms !== null) return ms;
  const message = 'must be a time like 2026-11-22T05:40:00Z or 2026-11-22T06:40:00+01:00';
  context.addIssue({ code: 'custom', message });
  return z.NEVER;
});
