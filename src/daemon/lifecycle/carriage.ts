/**
 * Sessions carry the routed subnets that ride on the address they stand on: NASes put routes up with the session, and few
 * of them say so in accounting. Where one does, it is believed.
 */
import type { Draft } from './draft.js';
import { renumberOf } from './renumbering.js';
import type { Assignment, Session, SessionAddress } from './records.js';
import { BUFFERED_MS, openWitness, seen, type Showing } from './standing.js';

/** The states in which a subnet comes with a session that begins. */
const COMING: ReadonlySet<Assignment['state']> = new Set(['allocated', 'active', 'suspended']);

/**
 * What a session stands on: what it stood on before, what has joined, and the subnets that came with that. A subnet that it
 * shows by itself needs no other proof.
 */
export function ride(
  d: Draft,
  session: Session,
  kept: readonly SessionAddress[],
  joined: readonly SessionAddress[],
  showing: Showing,
): SessionAddress[] {
  const shows = (id: number | null): boolean => joined.some(({ assignment }) => id !== null && assignment === id);
  const stands = [...kept.filter((a) => a.attribute !== 'parent' || !shows(a.assignment)), ...joined];
  for (const { standing, assignment } of joined) {
    if (standing === 'held' && assignment !== null) carry(d, session, stands, assignment, showing);
  }
  return stands;
}

function carry(d: Draft, session: Session, stands: SessionAddress[], parent: number, showing: Showing): void {
  const isOn = (id: number | null): boolean => stands.some(({ assignment }) => id !== null && assignment === id);
  // One that is to take another's place comes first: that one does not come with the session any more then.
  const isHeir = (a: Assignment): number => Number(renumberOf(a) !== null);
  const subnets = ridden(d, parent).flatMap((id) => d.subnetsOf(id));
  for (const { id } of subnets.sort((a, b) => isHeir(b) - isHeir(a))) {
    const subnet = d.get('assignment', id);
    if (isOn(id) || !(COMING.has(subnet.state) || isOnYet(d, subnet, session))) continue;
    // Of a session that began before it was allocated only an order or its route can say that it is there.
    const isNew = subnet.activatedAt === null;
    // One that was buffered by its NAS may be younger than it says; but what it has instead of an heir is the old one.
    const slack = isHeir(subnet) === 1 ? 0 : BUFFERED_MS;
    if (isNew && session.startedAt + slack < (subnet.allocatedAt ?? subnet.createdAt)) continue;
    if (isHeir(subnet) === 1 && isOn(subnet.supersedes)) continue;
    stands.push(carried(subnet, showing.since));
    openWitness(d, id, session.id, 'held', showing.event.receivedAt);
    seen(d, subnet, d.get('session', session.id), showing);
  }
}

/**
 * On what the subnets of a session ride that stands on an assignment: on that, and on the one whose place it is to take. Where it is
 * in doubt whose session shows the new address, they have not moved yet; but AAA returns them with it.
 */
function ridden(d: Draft, id: number): number[] {
  const { supersedes, ...assignment } = d.get('assignment', id);
  return supersedes === null || renumberOf(assignment) === null ? [id] : [id, supersedes];
}

/**
 * Whether a session may have a subnet that is being revoked: it began before the revoke, from which on AAA has to keep it back,
 * or it stands on what AAA had to keep back with it.
 */
function isOnYet(d: Draft, subnet: Assignment, session: Session): boolean {
  const { state, parent, revoke, revokingAt } = subnet;
  if (state !== 'revoking' || parent === null) return false;
  if (d.get('assignment', parent).state === 'revoking') return true;
  const heir = revoke?.renumberedTo;
  // What took its place is what AAA returned from when that was ordered.
  if (heir !== undefined) return session.startedAt < (d.get('assignment', heir).allocatedAt ?? 0);
  return session.startedAt <= (revokingAt ?? 0);
}

function carried({ id, prefix }: Assignment, since: number): SessionAddress {
  return { prefix, attribute: 'parent', standing: 'held', assignment: id, conflict: null, since };
}

/** What a session leaves, and the subnets that came to it with that, where it does not stand on that by another attribute. */
export function alongWith(
  d: Draft,
  stands: readonly SessionAddress[],
  gone: readonly SessionAddress[],
): SessionAddress[] {
  const on = (addresses: readonly SessionAddress[]): number[] =>
    addresses.flatMap(({ assignment }) => (assignment === null ? [] : ridden(d, assignment)));
  const stays = new Set(on(stands.filter((address) => !gone.includes(address))));
  const left = new Set(on(gone).filter((id) => !stays.has(id)));
  const along = stands.filter(({ attribute, assignment }) => {
    const parent = attribute === 'parent' && assignment !== null ? d.get('assignment', assignment).parent : null;
    return parent !== null && left.has(parent);
  });
  return [...gone, ...along];
}

/** A subnet was put into service by order: the sessions that are open on its parent carry it. */
export function carryOpen(d: Draft, subnet: Assignment, now: number): void {
  if (subnet.parent === null) return;
  const held = d.witnessesOf(subnet.parent).filter((w) => w.standing === 'held' && w.closedAt === null);
  const sessions = held.map(({ ref }) => ref);
  carryOn(d, subnet, sessions, now);
}

/** Sessions of its subscriber have a subnet while they are open, whatever they show: who was on it before has it still. */
export function carryOn(d: Draft, subnet: Assignment, sessions: readonly number[], now: number): void {
  for (const ref of sessions) {
    const session = d.get('session', ref);
    if (session.endedAt !== null || session.addresses.some(({ assignment }) => assignment === subnet.id)) continue;
    d.put('session', { ...session, addresses: [...session.addresses, carried(subnet, now)] });
    openWitness(d, subnet.id, ref, 'held', now);
  }
}
