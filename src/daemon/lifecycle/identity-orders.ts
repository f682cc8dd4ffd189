/** Orders about who a subscriber is known as: put an identity on record, take one off. */
import type { Draft } from './draft.js';
import type { IdentityDropEvent, IdentityPutEvent } from './events.js';
import { forget, identityText, record } from './identity.js';
import type { JournalKind } from './journal-kind.js';
import { identityKey } from './keys.js';
import type { Identity } from './records.js';
import { newSubscriber } from './subscriber.js';
import type { Verdict } from './world.js';

/** More are no subscriber's: each is looked through when a session shows one that is unknown. */
export const MOST_IDENTITIES = 64;

/** An identity as a caller is told of it. */
export interface IdentityReply {
  readonly subscriber_id: string;
  readonly identity: {
    readonly type: string;
    readonly scope: string;
    readonly value: string;
    /** Null of what is not on record. */
    readonly provenance: string | null;
  };
}

function refused(code: string, detail: string): Verdict {
  return { verdict: 'refused', code, detail, reply: null };
}

type Told = Pick<Identity, 'type' | 'scope' | 'bytes'> & { readonly provenance: Identity['provenance'] | null };

function reply(subscriber: string, identity: Told): IdentityReply {
  const { type, scope, provenance } = identity;
  return { subscriber_id: subscriber, identity: { type, scope, value: identityText(identity), provenance } };
}

function note(d: Draft, kind: JournalKind, event: IdentityPutEvent | IdentityDropEvent, subscriber: number): void {
  const { type, scope, receivedAt, tenant, actor } = event;
  const detail = { scope, value: identityText(event) };
  d.note({ at: receivedAt, kind, tenant, actor, subscriber, code: type, detail });
}

/** Puts an identity on record for a subscriber, who is made where there is none of that name. */
export function putIdentity(d: Draft, event: IdentityPutEvent): Verdict {
  const { tenant, type, scope, bytes, subscriber: name, receivedAt } = event;
  const known = d.subscriberNamed(tenant, name);
  const before = d.find('identity', identityKey(tenant, type, scope, bytes));
  if (before !== null && before.subscriber === known && before.provenance === 'configured') {
    return { verdict: 'duplicate', code: 'already-recorded', detail: null, reply: reply(name, before) };
  }
  // A MAC address that was only seen with somebody else is no word of his.
  const observed = before !== null && before.type === 'mac' && before.provenance === 'observed';
  if (before !== null && before.subscriber !== known && !observed) {
    const other = d.get('subscriber', before.subscriber).name;
    return refused('identity-taken', `${type} ${identityText(event)} belongs to subscriber ${other}`);
  }
  if (known !== null && before?.subscriber !== known && d.identitiesOf(known).length >= MOST_IDENTITIES) {
    return refused('too-many-identities', `subscriber ${name} has ${String(MOST_IDENTITIES)} identities already`);
  }
  if (before !== null) forget(d, before);
  const id = known ?? d.nextId('subscriber');
  if (known === null) {
    d.put('subscriber', newSubscriber(id, tenant, name, receivedAt));
  }
  record(d, id, event, 'configured', receivedAt);
  note(d, 'identity-added', event, id);
  const row = { type, scope, bytes, provenance: 'configured' } as const;
  return { verdict: 'applied', code: null, detail: null, reply: reply(name, row) };
}

/** Takes an identity off a subscriber's record. Sessions that were known by it stay as they are. */
export function dropIdentity(d: Draft, event: IdentityDropEvent): Verdict {
  const { tenant, type, scope, bytes, subscriber: name } = event;
  const known = d.subscriberNamed(tenant, name);
  if (known === null) return refused('unknown-subscriber', `there is no subscriber ${name}`);
  const before = d.find('identity', identityKey(tenant, type, scope, bytes));
  if (before?.subscriber !== known) {
    const none = reply(name, { type, scope, bytes, provenance: null });
    return { verdict: 'duplicate', code: 'not-recorded', detail: null, reply: none };
  }
  forget(d, before);
  note(d, 'identity-removed', event, known);
  return { verdict: 'applied', code: null, detail: null, reply: reply(name, before) };
}
