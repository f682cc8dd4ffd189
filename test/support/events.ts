/** Events as a test says them: short, with everything else at its plainest. */
import type {
  AccountingEvent,
  AllocateEvent,
  DeadlineEvent,
  LifecycleEvent,
  NasEvent,
  RevokeEvent,
  ServiceEvent,
} from '../../src/daemon/lifecycle/events.js';
import type { Claim } from '../../src/daemon/lifecycle/records.js';
import type { Submission } from '../../src/store/commit.js';
import { prefix } from './house.js';

/** 2026-11-22T06:00:00Z */
export const NOON = 1_795_327_200_000;

const BRAS = Uint8Array.of(192, 0, 2, 1);

export function octets(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function allocate(subscriber: string, at: number, fields: Partial<AllocateEvent> = {}): AllocateEvent {
  return {
    kind: 'allocate',
    tenant: 'default',
    actor: 'test',
    subscriber,
    family: 'ipv4',
    pool: null,
    requested: null,
    username: null,
    usernameBytes: null,
    metadata: null,
    receivedAt: at,
    ...fields,
  };
}

export function revoke(subscriber: string, at: number, fields: Partial<RevokeEvent> = {}): RevokeEvent {
  return {
    kind: 'revoke',
    tenant: 'default',
    actor: 'test',
    subscriber,
    family: null,
    prefix: null,
    reason: 'test',
    sendDisconnect: true,
    releaseToPool: true,
    receivedAt: at,
    ...fields,
  };
}

/** What a User-Name claims by the default rules. */
export function claims(username: Uint8Array | null): Claim[] {
  return username === null ? [] : [{ type: 'username', scope: 'tenant', bytes: username }];
}

/** A suspend or reactivate of a subscriber. */
export function service(
  kind: ServiceEvent['kind'],
  subscriber: string,
  at: number,
  fields: Partial<ServiceEvent> = {},
): ServiceEvent {
  return {
    kind,
    tenant: 'default',
    actor: 'test',
    subscriber,
    family: null,
    reason: 'test',
    sendCoa: true,
    sendDisconnect: false,
    receivedAt: at,
    ...fields,
  };
}

const STATUS = { 'acct-start': 1, 'acct-stop': 2, 'acct-interim': 3 } as const;

/** An accounting packet of session `sid`; `addresses` are IPv4 addresses as text. */
export function acct(
  kind: AccountingEvent['kind'],
  sid: string,
  at: number,
  addresses: readonly string[] = [],
  fields: Partial<AccountingEvent> = {},
): AccountingEvent {
  return {
    kind,
    nas: { tenant: 'default', kind: 'source-address', bytes: fields.source ?? BRAS },
    entry: 'bras',
    source: BRAS,
    sid: octets(sid),
    at,
    status: STATUS[kind],
    seconds: kind === 'acct-start' ? 0 : 60,
    inputOctets: 0,
    outputOctets: 0,
    inputPackets: 0,
    outputPackets: 0,
    eventTimestamp: Math.floor(at / 1000),
    username: null,
    claims: claims(fields.username ?? null),
    terminateCause: kind === 'acct-stop' ? 1 : null,
    addresses: addresses.map((text) => ({ attribute: 'Framed-IP-Address', prefix: prefix(text) })),
    receivedAt: at,
    ...fields,
  };
}

export function nasOn(at: number): NasEvent {
  return {
    kind: 'nas-on',
    nas: { tenant: 'default', kind: 'source-address', bytes: BRAS },
    entry: 'bras',
    source: BRAS,
    at,
    receivedAt: at,
  };
}

export function deadline(what: DeadlineEvent['what'], ref: string, at: number): DeadlineEvent {
  return { kind: 'deadline', what, ref, receivedAt: at };
}

/** An event on its way to the door. */
export function submission(
  event: LifecycleEvent,
  fields: Partial<Submission<LifecycleEvent>> = {},
): Submission<LifecycleEvent> {
  return { event, source: 'test', raw: null, idempotency: null, ...fields };
}
