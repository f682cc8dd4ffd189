import { prefixKey, prefixOfKey } from '../../daemon/lifecycle/address.js';
import type { Session, SessionAddress } from '../../daemon/lifecycle/records.js';
import { flag, json, numbered, parsed, type SqlValue, type TableSpec } from './table.js';

type Packed = readonly [
  prefix: string,
  attribute: SessionAddress['attribute'],
  standing: SessionAddress['standing'],
  assignment: number | null,
  conflict: number | null,
  since: number,
];

function pack(addresses: readonly SessionAddress[]): string {
  return JSON.stringify(
    addresses.map((a): Packed => [prefixKey(a.prefix), a.attribute, a.standing, a.assignment, a.conflict, a.since]),
  );
}

/** The addresses of a session's row. */
export function unpackAddresses(text: string): readonly SessionAddress[] {
  return (JSON.parse(text) as readonly Packed[]).map(([prefix, attribute, standing, assignment, conflict, since]) => ({
    prefix: prefixOfKey(prefix),
    attribute,
    standing,
    assignment,
    conflict,
    since,
  }));
}

/** Table session. */
export const SESSION: TableSpec<Session> = {
  name: 'session',
  keys: 1,
  guarded: ['nas', 'vrf', 'sid', 'epoch', 'ended_at', 'subscriber', 'disconnect', 'coa'],
  columns: [
    ['id', (row) => row.id],
    ['tenant', (row) => row.tenant],
    ['nas', (row) => row.nas],
    ['vrf', (row) => row.vrf],
    ['sid', (row) => row.sid],
    ['epoch', (row) => row.epoch],
    ['start_seen', (row) => flag(row.startSeen)],
    ['started_at', (row) => row.startedAt],
    ['first_seen_at', (row) => row.firstSeenAt],
    ['ended_at', (row) => row.endedAt],
    ['end_received_at', (row) => row.endReceivedAt],
    ['end_kind', (row) => row.endKind],
    ['terminate_cause', (row) => row.terminateCause],
    ['username', (row) => row.username],
    ['subscriber', (row) => row.subscriber],
    ['addresses', (row) => pack(row.addresses)],
    ['disconnect', (row) => row.disconnect],
    ['coa', (row) => row.coa],
    ['garden', (row) => (row.garden === null ? null : flag(row.garden))],
    ['profile', (row) => json(row.profile)],
  ],
  read: readSession,
  parse: numbered,
};

function readSession(v: readonly SqlValue[]): Session {
  return {
    id: v[0] as number,
    tenant: v[1] as string,
    nas: v[2] as number,
    vrf: v[3] as number,
    sid: v[4] as Uint8Array,
    epoch: v[5] as number,
    startSeen: v[6] === 1,
    startedAt: v[7] as number,
    firstSeenAt: v[8] as number,
    endedAt: v[9] as number | null,
    endReceivedAt: v[10] as number | null,
    endKind: v[11] as Session['endKind'],
    terminateCause: v[12] as number | null,
    username: v[13] as Uint8Array | null,
    subscriber: v[14] as number | null,
    addresses: unpackAddresses(v[15] as string),
    disconnect: v[16] as number | null,
    coa: v[17] as number | null,
    garden: v[18] === null ? null : v[18] === 1,
    profile: parsed(v[19]) as Session['profile'],
  };
}
