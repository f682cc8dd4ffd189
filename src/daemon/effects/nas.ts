/** Disconnect- and CoA-Requests to a NAS (RFC 5176 sections 2.1 and 2.2). Performs only; what the answer means is decided elsewhere. */
import type { DynAuthOutcome, DynAuthRequest } from '../../protocols/radius/client.js';
import type { MessageAuthenticatorPolicy } from '../../protocols/radius/clients.js';
import { ATTRIBUTES } from '../../protocols/radius/dictionary.js';
import type { RadiusAttribute } from '../../protocols/radius/packet.js';
import { formatAddress } from '../lifecycle/address.js';
import type { EffectResult } from '../lifecycle/events.js';
import type { NasIdentity } from '../lifecycle/nas-records.js';

/** Where and how a NAS takes Disconnect- and CoA-Requests, from its config entry. */
export interface CoaAccess {
  /** Overrides the NAS's own address. */
  readonly address: string | null;
  readonly port: number;
  readonly secret: Uint8Array;
  /** For one transmission, milliseconds; `retries` are transmissions beyond the first. */
  readonly timeoutMs: number;
  readonly retries: number;
  /** What to make of the Message-Authenticator of its replies. */
  readonly messageAuthenticator: MessageAuthenticatorPolicy;
  /** What a CoA-Request says for each profile; null where none is sent. */
  readonly suspend: readonly RadiusAttribute[] | null;
  readonly resume: readonly RadiusAttribute[] | null;
}

/** The session that a request is about, and the NAS that holds it. */
export interface SessionSubject {
  /** Acct-Session-Id. */
  readonly sid: Uint8Array;
  /** The NAS's own address, 4 or 16 octets. */
  readonly nasAddress: Uint8Array;
  /** How the NAS is known. */
  readonly nas: Pick<NasIdentity, 'kind' | 'bytes'>;
}

type Send = (request: DynAuthRequest) => Promise<DynAuthOutcome>;

/**
 * Sends one Disconnect-Request, with its retransmissions, and reports the answer. `signal` ends it at once, as an error
 * `cancelled`.
 *
 * The session is named by Acct-Session-Id alone: NASes AND all identification attributes, match some of them against
 * other values than those they report, and refuse some they do not know (hostapd: 401 for Framed-IP-Address). A NAS that
 * is known by an attribute is named by it, because a proxy in between has nothing else to tell its NASes apart by.
 */
export function disconnect(
  send: Send,
  subject: SessionSubject,
  access: CoaAccess,
  signal?: AbortSignal,
): Promise<EffectResult> {
  return ask(send, subject, access, [], signal);
}

/** As {@link disconnect}, a CoA-Request: what is to change follows what names the session. Without a profile: `no-profile`. */
export function changeProfile(
  send: Send,
  subject: SessionSubject,
  access: CoaAccess,
  profile: 'suspend' | 'resume',
  signal?: AbortSignal,
): Promise<EffectResult> {
  const attributes = access[profile];
  if (attributes === null) return Promise.resolve({ result: 'error', code: 'no-profile' });
  return ask(send, subject, access, attributes, signal);
}

async function ask(
  send: Send,
  subject: SessionSubject,
  access: CoaAccess,
  more: readonly RadiusAttribute[],
  signal: AbortSignal | undefined,
): Promise<EffectResult> {
  const sid = { type: ATTRIBUTES['Acct-Session-Id'].number, value: subject.sid };
  const outcome = await send({
    address: access.address ?? formatAddress(subject.nasAddress),
    port: access.port,
    secret: access.secret,
    attributes: [...nasAttributes(subject, access), sid, ...more],
    timeoutMs: access.timeoutMs,
    retries: access.retries,
    messageAuthenticator: true,
    replyMessageAuthenticator: access.messageAuthenticator,
    eventTimestamp: true,
    ...(signal === undefined ? {} : { signal }),
  });
  switch (outcome.kind) {
    case 'ack':
      return { result: 'ack' };
    case 'nak':
      return { result: 'nak', errorCause: outcome.errorCause ?? null };
    case 'timeout':
      return { result: 'timeout' };
    case 'error':
      return { result: 'error', code: outcome.code };
  }
}

/** NAS-Identifier, NAS-IP-Address or NAS-IPv6-Address as the NAS itself reports it. A NAS at that very address needs none. */
function nasAttributes({ nas }: SessionSubject, access: CoaAccess): readonly RadiusAttribute[] {
  if (nas.kind === 'nas-identifier') return [{ type: ATTRIBUTES['NAS-Identifier'].number, value: nas.bytes }];
  if (nas.kind === 'source-address' || access.address === null) return [];
  const type = ATTRIBUTES[nas.bytes.length === 4 ? 'NAS-IP-Address' : 'NAS-IPv6-Address'].number;
  return [{ type, value: nas.bytes }];
}
