import type { z } from 'zod';
import { Problem, type FieldFault } from './problem.js';

/** Fields of orders that this version cannot honour, and why. `false` and `null` ask for nothing and are let through. */
export const NOT_SERVED: Readonly<Record<string, string>> = {
  send_coa: 'a CoA is sent by suspend and reactivate only',
  update_netbox: 'this version does not write to NetBox',
  nas_ip: 'the Disconnect goes to the NAS of each session, which cannot be chosen',
};

const NOUN: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'a JSON object',
  record: 'a JSON object',
};

const say: z.core.$ZodErrorMap = (issue) => {
  if (issue.code === 'invalid_type') {
    return issue.input === undefined ? 'is missing' : `must be ${NOUN[issue.expected] ?? issue.expected}`;
  }
  if (issue.code === 'invalid_value') return `must be ${issue.values.map(String).join(' or ')}`;
  if (issue.code === 'too_big')
    return `must be at most ${String(issue.maximum)}${issue.origin === 'string' ? ' characters' : ''}`;
  if (issue.code === 'too_small')
    return issue.origin === 'string' ? 'must not be empty' : `must be at least ${String(issue.minimum)}`;
  return undefined;
};

function faults(issue: z.core.$ZodIssue): FieldFault[] {
  const field = issue.path.map(String).join('.');
  if (issue.code !== 'unrecognized_keys') return [{ field, message: issue.message }];
  return issue.keys.map((key) => ({ field: field === '' ? key : `${field}.${key}`, message: 'unknown field' }));
}

/**
 * Holds a part of a request against its schema and returns what the schema made of it.
 * @throws Problem `not-supported` for a field that this version cannot honour, else `bad-request` naming every field
 */
export function validated<T>(schema: z.ZodType<T>, given: unknown): T {
  const read = schema.safeParse(given, { error: say });
  if (read.success) return read.data;
  const errors = read.error.issues.flatMap(faults);
  const [first] = errors;
  const detail = errors.map(({ field, message }) => (field === '' ? message : `${field}: ${message}`)).join('; ');
  if (errors.length === 1 && first !== undefined && first.message === NOT_SERVED[first.field])
    throw new Problem('not-supported', detail, errors);
  throw new Problem('bad-request', detail, errors);
}
