import { createHash, timingSafeEqual } from 'node:crypto';
import { Problem } from './problem.js';

/** Each includes those before it. */
const RANKS = ['read', 'operate', 'admin'] as const;
/** `who` is apart: who asks whose address it was has a reason, and it is on record. */
export type Scope = (typeof RANKS)[number] | 'who';

/** A token as the API knows it: by digest, so that the secret itself is nowhere in its memory. */
export interface ApiToken {
  readonly name: string;
  readonly tenant: string;
  /** Its tenant is the one that runs the daemon, the config's `tenant`: it may order what concerns all tenants. */
  readonly operator: boolean;
  readonly scopes: readonly Scope[];
  /** {@link tokenDigest} of the secret. */
  readonly digest: Uint8Array;
}

/** SHA-256 of a token's text. */
export function tokenDigest(secret: string): Uint8Array {
  return createHash('sha256').update(secret, 'utf8').digest();
}

/** Whether a token with the scopes `held` may do what needs `needed`. */
export function allows(held: readonly Scope[], needed: Scope): boolean {
  if (needed === 'who') return held.includes(needed);
  return held.some((one) => one !== 'who' && RANKS.indexOf(one) >= RANKS.indexOf(needed));
}

/** Scopes for people: `operate and who`. */
export function scopesText(scopes: readonly Scope[]): string {
  return scopes.join(' and ');
}

/**
 * The token that an `Authorization: Bearer` header (RFC 6750 section 2.1) carries, or null. Every known token is compared,
 * in constant time, so that the answer's delay tells nothing.
 */
export function tokenOf(tokens: readonly ApiToken[], authorization: string | undefined): ApiToken | null {
  const given = /^Bearer +([^\s]+) *$/i.exec(authorization ?? '')?.[1];
  if (given === undefined) return null;
  const digest = tokenDigest(given);
  let found: ApiToken | null = null;
  for (const token of tokens) if (timingSafeEqual(token.digest, digest)) found = token;
  return found;
}

/**
 * The token of a request to a route that needs one.
 * @throws Problem `unauthorized` on a route without a scope, which has none
 */
export function tokenOfRequest(request: { readonly token: ApiToken | null }): ApiToken {
  if (request.token === null) throw new Problem('unauthorized');
  return request.token;
}

/** @throws Problem `forbidden` where a token is not of the tenant that runs the daemon. */
export function mayConcernAll({ name, tenant, operator }: ApiToken): void {
  if (operator) return;
  const whose = 'this concerns all tenants, and is for the one that runs addrd';
  throw new Problem('forbidden', `token ${name} is of tenant ${tenant}; ${whose}`);
}
