/** What the API answers about identities. */
import { z } from 'zod';

export const identityView = z.strictObject({
  type: z.enum(['username', 'circuit-id', 'remote-id', 'mac']),
  scope: z.string().describe('`tenant`, or the NAS (`nas:NAME`) or relay (`relay:HEX`) within which it is unique'),
  value: z.string().describe(String.raw`octets that are not printable are shown as \xNN, a backslash as \\`),
  provenance: z.string().describe('`configured` by an order, or `observed` in a session'),
});

/** The answer to a look at the identities of a subscriber. */
export const identitiesView = z.strictObject({ subscriber_id: z.string(), identities: z.array(identityView) });

/** The answer to putting one on record, or taking one off. */
export const identityOrderView = z.strictObject({
  verdict: z.enum(['applied', 'duplicate']),
  code: z.string().nullable(),
  subscriber_id: z.string(),
  identity: identityView.extend({ provenance: z.string().nullable().describe('null of what was not on record') }),
});

export type IdentityView = z.infer<typeof identityView>;
export type IdentitiesView = z.infer<typeof identitiesView>;
export type IdentityOrderView = z.infer<typeof identityOrderView>;
