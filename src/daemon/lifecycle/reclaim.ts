/** Reclaim: who is being revoked gets the same address again at once, without quarantine (SEMANTICS, section 6). */
import type { Draft } from './draft.js';
import { holdingKey } from './keys.js';
import { close } from './effect.js';
import { current } from './performing.js';
import type { Assignment, Session, Witness } from './records.js';
import { beginTenure, endTenure, type Beginning } from './tenure.js';
import { intoService } from './transition.js';

/** Somebody else's session, which may be on the address still. */
function isRival({ standing, closedAt, closeKind }: Witness): boolean {
  return standing === 'contested' && (closedAt === null || closeKind === 'inferred');
}

/**
 * Who else may be on an address that its subscriber wants back, or null. Where he is on it himself nothing is given to him
 * that he does not have; else an address that is contested is not handed out (SEMANTICS, section 4).
 */
export function rivalOf(d: Draft, ending: Assignment): Session | null {
  const witnesses = d.witnessesOf(ending.id);
  if (witnesses.some(({ standing, closedAt }) => standing === 'held' && closedAt === null)) return null;
  const rival = witnesses.find(isRival);
  return rival === undefined ? null : d.get('session', rival.ref);
}

/**
 * Ends a REVOKING assignment as `reclaimed` and begins another one of the same subscriber on the same address: ACTIVE
 * where a session of his is on it. Disconnects that were ordered for the old one and are not under way are superseded.
 * The routed subnets that were revoked with it come back with it.
 */
export function reclaim(
  d: Draft,
  old: Assignment,
  beginning: Omit<Beginning, 'subscriber' | 'unit'>,
  now: number,
): Assignment {
  const stood = d.witnessesOf(old.id).filter(({ closedAt }) => closedAt === null);
  for (const witness of stood) d.put('witness', { ...witness, closedAt: now, closeKind: 'reclaimed' });
  endTenure(d, old, { kind: 'reclaimed', detail: `ordered by ${beginning.actor}` }, now, now);
  const { subscriber, prefix: unit } = old;
  let heir = beginTenure(d, d.get('pool', old.pool), { ...beginning, subscriber, unit }, now);
  for (const witness of stood) moveOver(d, witness, heir.id, now);
  for (const { ref, standing } of stood) {
    if (standing !== 'held') continue;
    if (heir.state === 'allocated') {
      const why = { at: now, actor: beginning.actor, code: 'reclaimed', session: ref };
      heir = intoService(d, heir, why);
    }
    spare(d, d.get('session', ref), now);
  }
  for (const subnet of returning(d, old)) {
    reclaim(d, subnet, { ...beginning, metadata: subnet.metadata, parent: heir.id }, now);
  }
  // What was not revoked, or not yet, rides on.
  for (const subnet of d.subnetsOf(old.id)) {
    if (subnet.state !== 'revoking') d.put('assignment', { ...subnet, parent: heir.id });
  }
  return d.get('assignment', heir.id);
}

/** The subnets that were revoked with what they ride on. Of one that was being renumbered the old one comes back, by itself. */
function returning(d: Draft, { id, revokingAt }: Assignment): Assignment[] {
  const all = d
    .subnetsOf(id)
    .filter((one) => one.state === 'revoking' && one.revokingAt === revokingAt && rivalOf(d, one) === null)
    .filter(({ revoke }) => revoke?.renumberedTo === undefined);
  return all.filter(({ supersedes }) => !all.some((one) => one.id === supersedes));
}

/** A session that stood on the old assignment stands on the new one in the same way. */
function moveOver(d: Draft, witness: Witness, heir: number, now: number): void {
  const { assignment: old, ref, standing } = witness;
  const session = d.get('session', ref);
  const addresses = session.addresses.map((address) => {
    if (address.assignment !== old) return address;
    const { prefix, since, conflict } = address;
    const holding = d.find('holding', holdingKey({ vrf: session.vrf, prefix, since, kind: 'session', seq: ref }));
    if (holding?.assignment === old) d.put('holding', { ...holding, assignment: heir });
    const about = conflict === null ? null : d.find('conflict', String(conflict));
    if (about !== null) d.put('conflict', { ...about, assignment: heir });
    return { ...address, assignment: heir };
  });
  d.put('session', { ...session, addresses });
  const open = { closedAt: null, closeKind: null, answer: null, answeredAt: null };
  d.put('witness', { assignment: heir, source: 'session', ref, standing, openedAt: now, ...open });
}

/** Ends the Disconnect of a session that no termination wants any more, unless it is under way. */
function spare(d: Draft, session: Session, now: number): void {
  const row = session.disconnect === null ? null : d.find('outbox', String(session.disconnect));
  if (row?.status !== 'pending' || current(d, row).length > 0) return;
  if (row.startedAt === null || row.outcome !== null) close(d, row, 'superseded', 'reclaimed', now);
}
