/** Who a packet is about: what its claims come to, and what a session on its holder's own address teaches (SEMANTICS, "Who and what"). */
import { kindInForce } from './adoption.js';
import { aboutNas, raise } from './alarms.js';
import type { Draft } from './draft.js';
import { identityKey } from './keys.js';
import { printable, utf8 } from './octets.js';
import type { NasPolicy, Policy } from './policy.js';
import type { Nas } from './nas-records.js';
import type { Assignment, Claim, ClaimType, Identity, Session, StrongType, Witness } from './records.js';
import { decodeClass } from './session-class.js';
import { isSameName, nameClaims, type NameRules } from './user-name.js';

/** The scope of a User-Name: unique within its tenant. */
export const TENANT_SCOPE = 'tenant';

/** A MAC address changes sides at most this often: two CPEs that take turns are no news each time. */
const WEAK_REST_MS = 3_600_000;

/** A subscriber whom a strong claim names, and by what. */
export interface Match {
  readonly subscriber: number;
  readonly by: ClaimType;
}

/** What the claims of a packet come to. */
export interface Who {
  /** Each subscriber once, in the order of the claims: none, one, or several that contradict each other. */
  readonly strong: readonly Match[];
  readonly claims: readonly Claim[];
}

/** Nobody is named. */
const NOBODY: Who = { strong: [], claims: [] };

/** Resolves the claims of a packet. A weak one decides nothing: what it is worth, {@link learn} tells. */
export function resolve(d: Draft, tenant: string, claims: readonly Claim[]): Who {
  if (claims.length === 0) return NOBODY;
  const strong: Match[] = [];
  for (const [index, claim] of claims.entries()) {
    if (claim.type === 'mac') continue;
    // Several claims of one type are ways to write one value, or values that the NAS repeats: the first that matches counts.
    if (index > 0 && claims[index - 1]?.type === claim.type) continue;
    const subscriber = strongly(d, tenant, claims, claim.type);
    if (subscriber !== null && !strong.some((match) => match.subscriber === subscriber)) {
      strong.push({ subscriber, by: claim.type });
    }
  }
  return { strong, claims };
}

function strongly(d: Draft, tenant: string, claims: readonly Claim[], type: ClaimType): number | null {
  for (const claim of claims) {
    const found =
      claim.type !== type ? null : type === 'class' ? classHolder(d, tenant, claim) : recorded(d, tenant, claim);
    if (found !== null) return found;
  }
  if (type !== 'username') return null;
  // A subscriber of that very name needs no identity.
  for (const claim of claims) {
    const name = claim.type === 'username' ? utf8(claim.bytes) : null;
    const found = name === null || name === '' ? null : d.subscriberNamed(tenant, name);
    if (found !== null) return found;
  }
  return null;
}

function recorded(d: Draft, tenant: string, { type, scope, bytes }: Claim): number | null {
  return type === 'class' ? null : d.subscriberOf(tenant, type, scope, bytes);
}

/**
 * Whose assignment a Class was made for. It names the subscriber for good, also when that assignment has ended or moved
 * on since; what he holds now is another matter.
 */
function classHolder(d: Draft, tenant: string, { bytes }: Claim): number | null {
  const made = decodeClass(bytes);
  if (made === null || d.find('meta', 'store_id')?.value !== made.store) return null;
  const assignment = d.find('assignment', String(made.assignment));
  return assignment?.tenant === tenant ? assignment.subscriber : null;
}

/** Whether strong claims name different subscribers. */
export function isDisputed({ strong }: Who): boolean {
  return strong.length > 1;
}

/** The subscriber of a session as its claims alone tell; null where they name nobody or several. */
export function subscriberOf({ strong }: Who): number | null {
  return strong.length === 1 ? (strong[0]?.subscriber ?? null) : null;
}

/** Whether a strong claim that nobody has is of a type of which the subscriber has others on record. */
function contradicts(d: Draft, subscriber: number, claims: readonly Claim[]): boolean {
  if (claims.some(({ type }) => type === 'username') && d.get('subscriber', subscriber).usernames > 0) return true;
  if (!claims.some(({ type }) => type === 'circuit-id' || type === 'remote-id')) return false;
  const known = d.identitiesOf(subscriber);
  return claims.some(({ type, scope }) => {
    if (type !== 'circuit-id' && type !== 'remote-id') return false;
    return known.some((one) => one.type === type && one.scope === scope);
  });
}

/** The claims about a session that is known: User-Name is not in each of its packets. */
export function claimsOn(session: Session, claims: readonly Claim[], entry: NasPolicy | undefined): readonly Claim[] {
  const { username } = session;
  if (username === null || claims.some(({ type }) => type === 'username')) return claims;
  const used = entry?.identity?.use.includes('username') ?? true;
  return used ? [...claims, ...nameClaims(username, entry?.identity?.names)] : claims;
}

/**
 * Whether a session is the holder's own: it was found to be his, a strong claim says so, or nothing contradicts it. Where
 * strong claims contradict each other, one that names him is enough: nobody is cut for what AAA has mixed up.
 */
export function isHolders(
  d: Draft,
  holder: Assignment,
  session: Session,
  who: Who,
  entry: NasPolicy | undefined,
): boolean {
  const { tenant, subscriber } = holder;
  if (session.tenant !== tenant) return false;
  if (session.subscriber !== null) return session.subscriber === subscriber;
  if (who.strong.length > 0) return who.strong.some((match) => match.subscriber === subscriber);
  return !contradicts(d, subscriber, who.claims) && !isStranger(d, holder, session, who, entry?.identity?.names);
}

/**
 * Whether somebody nobody knows is another than the holder, where an address goes from one customer to the next without an
 * order: sessions of the holder's stood there before, and none of them had the User-Name of this one. Only their MAC
 * address can still say that the two are one.
 */
function isStranger(
  d: Draft,
  holder: Assignment,
  session: Session,
  { claims }: Who,
  rules: NameRules | undefined,
): boolean {
  const { username: name } = session;
  if (name === null || !claims.some(({ type }) => type === 'username')) return false;
  if (kindInForce(d, d.get('pool', holder.pool)) === 'static') return false;
  const his = d.witnessesOf(holder.id).filter(({ standing }) => standing === 'held');
  const isNamedSo = ({ ref }: Witness): boolean => {
    const { username } = d.get('session', ref);
    return username !== null && isSameName(username, name, rules);
  };
  if (his.length === 0 || his.some(isNamedSo)) return false;
  return !claims.some((claim) => claim.type === 'mac' && recorded(d, holder.tenant, claim) === holder.subscriber);
}

/** Records an identity as a subscriber's own. Whoever had it is to be looked for before. */
export function record(
  d: Draft,
  subscriber: number,
  { type, scope, bytes }: Pick<Identity, 'type' | 'scope' | 'bytes'>,
  provenance: Identity['provenance'],
  now: number,
): void {
  const row = d.get('subscriber', subscriber);
  if (type === 'username') d.put('subscriber', { ...row, usernames: row.usernames + 1 });
  d.put('identity', { tenant: row.tenant, type, scope, bytes, subscriber, provenance, createdAt: now });
}

/** Takes an identity off its subscriber. */
export function forget(d: Draft, { tenant, type, scope, bytes, subscriber }: Identity): void {
  const row = d.get('subscriber', subscriber);
  if (type === 'username') d.put('subscriber', { ...row, usernames: row.usernames - 1 });
  d.drop('identity', identityKey(tenant, type, scope, bytes));
}

const TEACHING: readonly StrongType[] = ['username', 'circuit-id', 'remote-id'];

/**
 * Learns from a session that stands on its holder's own address: a strong identity of a type of which he has none, as far
 * as the NAS's entry lets it, and his MAC address as it is now. Nothing is taken from another subscriber but a MAC
 * address that was observed only. Returns whether a strong identity was learned.
 */
export function learn(d: Draft, holder: Assignment, session: Session, who: Who, at: Teaching): boolean {
  if (isDisputed(who)) return false;
  let learned = false;
  const lessons = at.policy.nas.get(at.nas.entry)?.identity?.learn ?? ['username'];
  for (const type of TEACHING) {
    const claim = lessons.includes(type) ? who.claims.find((one) => one.type === type) : undefined;
    if (claim === undefined || hasAny(d, holder.subscriber, type) || recorded(d, holder.tenant, claim) !== null)
      continue;
    record(d, holder.subscriber, { ...claim, type }, 'observed', at.now);
    learned = true;
  }
  const mac = who.claims.find(({ type }) => type === 'mac');
  if (mac !== undefined && recorded(d, holder.tenant, mac) !== holder.subscriber) learnMac(d, holder, session, mac, at);
  return learned;
}

/** When and where something is learned. */
export interface Teaching {
  readonly nas: Nas;
  readonly policy: Policy;
  readonly now: number;
}

function hasAny(d: Draft, subscriber: number, type: StrongType): boolean {
  if (type === 'username') return d.get('subscriber', subscriber).usernames > 0;
  return d.identitiesOf(subscriber).some((one) => one.type === type);
}

/** The holder's MAC address is another than before: what was observed gives way, what an operator wrote does not. */
function learnMac(d: Draft, { tenant, subscriber }: Assignment, session: Session, claim: Claim, at: Teaching): void {
  const { scope, bytes } = claim;
  const elsewhere = d.find('identity', identityKey(tenant, 'mac', scope, bytes));
  const own = d.identitiesOf(subscriber).filter(({ type }) => type === 'mac');
  const gone = elsewhere === null ? own : [...own, elsewhere];
  if (gone.some(({ provenance }) => provenance !== 'observed')) return;
  if (gone.some(({ createdAt }) => at.now - createdAt < WEAK_REST_MS)) return;
  for (const identity of gone) forget(d, identity);
  record(d, subscriber, { type: 'mac', scope, bytes }, 'observed', at.now);
  if (gone.length === 0) return;
  d.note({
    at: at.now,
    kind: 'identity-changed',
    tenant,
    actor: `nas:${at.nas.entry}`,
    subscriber,
    session: session.id,
    nas: at.nas.id,
    code: 'mac',
    detail: {
      from: own.map((one) => identityText(one)),
      to: identityText({ type: 'mac', bytes }),
      former_subscriber: elsewhere === null ? null : d.get('subscriber', elsewhere.subscriber).name,
    },
  });
}

/** An identity's octets for people: a MAC address as `02:00:5e:10:01:01`, else as {@link printable}. */
export function identityText({ type, bytes }: Pick<Claim, 'type' | 'bytes'>): string {
  if (type !== 'mac' || bytes.length !== 6) return printable(bytes);
  return Array.from(bytes, (octet) => octet.toString(16).padStart(2, '0')).join(':');
}

/** Tells that the strong claims of a session contradict each other. It is looked at again when the session shows more. */
export function noteDispute(d: Draft, session: Session, who: Who, nas: Nas, now: number): void {
  const names = who.strong.map(({ subscriber, by }) => ({ by, subscriber: d.get('subscriber', subscriber).name }));
  d.note({
    at: now,
    kind: 'identity-conflict',
    tenant: session.tenant,
    actor: `nas:${nas.entry}`,
    subscriber: d.get('session', session.id).subscriber,
    session: session.id,
    nas: nas.id,
    vrf: session.vrf,
    code: 'identity-conflict',
    detail: { claims: names },
  });
  const told = names.map(({ by, subscriber }) => `${by} says ${subscriber}`).join(', ');
  raise(d, 'identity-conflict', aboutNas(nas), `session ${printable(session.sid)}: ${told}`, now);
}
