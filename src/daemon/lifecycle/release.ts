/**
 * Release: in a dynamic or external pool a tenure ends with the last session on it, by evidence, without an order and
 * without effects (SEMANTICS, "Release and termination are two things"). A static tenure ends by order only.
 */
import { goneAt, isHeardAt, kindInForce, ownOrder, succeed, takes, type By } from './adoption.js';
import { freezeOf } from './braking.js';
import type { Draft } from './draft.js';
import { idleProof, isSuspect } from './evidence.js';
import { offerTimeoutOf, type Policy } from './policy.js';
import type { Assignment, Session, Witness } from './records.js';
import { renumberOf } from './renumbering.js';
import { isRoute } from './routes.js';
import { dropApproval, free, recheck, settleConflict } from './tenure.js';
import { beginRevoke, evaluate, lookAgain } from './termination.js';
import { isoTime } from './time.js';
import { step, transition } from './transition.js';

/** The states from which a tenure is released. */
const RELEASABLE: ReadonlySet<Assignment['state']> = new Set(['allocated', 'active', 'suspended']);

/** Looks at what an assignment's evidence says by now: a termination may end, and a tenure of a session may be released. */
export function settle(d: Draft, assignment: Assignment, now: number, policy: Policy): Assignment {
  const { parent } = assignment;
  const rode = parent !== null && RELEASABLE.has(assignment.state) ? d.get('assignment', parent).state : null;
  // A routed subnet does not outlive what it rides on.
  if (rode === 'revoked') {
    // A revoke of its own that waits for approval has nothing left to do.
    const waits = d.find('approval', String(assignment.id));
    if (waits !== null) dropApproval(d, waits);
    return beginRevoke(d, assignment, ownOrder('parent-ended'), now, policy);
  }
  if (assignment.state === 'revoking') return finish(d, assignment, now, policy);
  const kind = kindInForce(d, d.get('pool', assignment.pool));
  return kind === 'static' || !RELEASABLE.has(assignment.state) ? assignment : release(d, assignment, now, policy);
}

/** Looks whether a termination ends: on its evidence, or since another has taken the address over. */
function finish(d: Draft, assignment: Assignment, now: number, policy: Policy): Assignment {
  const heir = successor(d, assignment, now, policy);
  if (heir !== null && freezeOf(d) === null) return passOn(d, assignment, heir, now);
  const after = evaluate(d, assignment, now, policy);
  // Frozen, it is due at once when it thaws.
  if (heir !== null) lookAgain(d, after, now);
  return after;
}

/** As {@link settle}, of what its pool holds after the pool was given another kind. */
export function judgeAnew(d: Draft, assignment: Assignment, now: number, policy: Policy): void {
  const { kind } = d.get('pool', assignment.pool);
  if (kind !== 'static') settle(d, assignment, now, policy);
  else if (RELEASABLE.has(assignment.state)) expect(d, assignment, null, null, now);
}

/** A session that takes an assignment over, which it has contested so far, and not by a route: its holder is gone. Null where there is none. */
function successor(
  d: Draft,
  assignment: Assignment,
  now: number,
  policy: Policy,
): { session: Session; subscriber: number } | null {
  if (d.get('pool', assignment.pool).kind === 'static') return null;
  const rivals = d.witnessesOf(assignment.id).filter((w) => w.standing === 'contested' && w.closedAt === null);
  for (const { ref } of rivals.sort((a, b) => b.ref - a.ref)) {
    const session = d.get('session', ref);
    const shown = session.addresses.find((one) => one.assignment === assignment.id && !isRoute(one));
    const { subscriber } = session;
    // Nor has he shown himself since the NAS restarted.
    if (subscriber === null || shown === undefined || isSuspect(d, session)) continue;
    if (takes(d, assignment, session, shown.since, now, policy) === 'takes') return { session, subscriber };
  }
  return null;
}

/** The holder is gone, and the session that contested his address is its holder from now on. */
function passOn(
  d: Draft,
  assignment: Assignment,
  { session, subscriber }: { session: Session; subscriber: number },
  now: number,
): Assignment {
  const by: By = { subscriber, actor: 'addrd', at: now, now, seen: false };
  const stood = session.addresses;
  const heir = succeed(d, assignment, session, by);
  const addresses = stood.map((address) => {
    if (address.assignment !== assignment.id) return address;
    settleConflict(d, address.conflict, now);
    return { ...address, standing: 'held' as const, assignment: heir.id, conflict: null, since: now };
  });
  d.put('session', { ...d.get('session', session.id), addresses });
  for (const { prefix, assignment: held } of addresses) {
    if (held !== heir.id) continue;
    const { vrf, tenant, nas, id: seq } = session;
    const row = { vrf, prefix, since: now, kind: 'session' as const, seq, until: null, tenant, subscriber, nas };
    d.put('holding', { ...row, assignment: heir.id, confidence: 'inferred' });
  }
  d.put('witness', {
    assignment: heir.id,
    source: 'session',
    ref: session.id,
    standing: 'held',
    openedAt: now,
    closedAt: null,
    closeKind: null,
    answer: null,
    answeredAt: null,
  });
  return d.get('assignment', assignment.id);
}

/** When to look again whether a holder is gone beside his rival: when he is stale, or his NAS, if silent, may be back. */
function lookAt(d: Draft, assignment: Assignment, rival: Witness, now: number, policy: Policy): number | null {
  const { nas } = d.get('session', rival.ref);
  const at = goneAt(d, assignment, nas, policy);
  if (at === null || at > now) return at;
  return isHeardAt(d, nas, at, policy) ? null : now + policy.interimRoundMs;
}

function isOpen({ closedAt }: Witness): boolean {
  return closedAt === null;
}

function release(d: Draft, assignment: Assignment, now: number, policy: Policy): Assignment {
  const freeze = freezeOf(d);
  const heir = successor(d, assignment, now, policy);
  if (heir !== null && freeze === null) return passOn(d, assignment, heir, now);
  if (heir !== null) return frozen(d, assignment, now);
  const witnesses = d.witnessesOf(assignment.id);
  const held = witnesses.filter(({ standing }) => standing === 'held');
  const rival = witnesses.find((w) => isOpen(w) && w.standing === 'contested');
  const renumbers = renumberOf(assignment) !== null;
  // Handed out, or in an external pool reclaimed, and nobody has come for it.
  const offered = assignment.state === 'allocated' && held.length === 0 && !renumbers;
  if (held.some(isOpen) || (held.length === 0 && !offered)) {
    // Nothing to prove; but a holder who falls silent beside another is believed to be gone.
    expect(d, assignment, null, rival === undefined ? null : lookAt(d, assignment, rival, now, policy), now);
    return assignment;
  }
  const offeredUntil = (assignment.allocatedAt ?? now) + offerTimeoutOf(policy, assignment.pool);
  if (offered && now < offeredUntil) {
    expect(d, assignment, null, offeredUntil, now);
    return assignment;
  }
  const proof = idleProof(d, assignment, now, policy);
  if (!proof.idle) {
    if (offered && d.find('step', `${String(assignment.id)}/evidence`) === null) {
      const { tenant, subscriber, id, pool, vrf, prefix } = assignment;
      const about = { tenant, actor: 'addrd', subscriber, assignment: id, pool, vrf, prefix };
      d.note({ at: now, kind: 'offer-expired', ...about, code: 'never-seen', detail: { because: proof.because } });
    }
    const unused = offered ? `not taken up by ${isoTime(offeredUntil)}; ` : '';
    expect(d, assignment, `${unused}${proof.because}`, proof.recheckAt, now);
    return assignment;
  }
  if (freeze !== null) return frozen(d, assignment, now);
  const ending = transition(
    d,
    assignment,
    'revoking',
    { at: now, actor: 'addrd', code: 'release' },
    { generation: assignment.generation + 1, revokingAt: now, revoke: ownOrder('released'), stuck: null },
  );
  return free(d, ending, proof, now, policy);
}

/** What would end is not ended yet: it is due at once, when it thaws. */
function frozen(d: Draft, assignment: Assignment, now: number): Assignment {
  expect(d, assignment, 'frozen', now, now);
  return assignment;
}

/** The holder is there again: what was gathered of his absence is void. */
export function stay(d: Draft, assignment: Assignment, now: number): void {
  const { kind } = d.get('pool', assignment.pool);
  if (kind !== 'static' && RELEASABLE.has(assignment.state)) expect(d, assignment, null, null, now);
}

/** Says in the evidence step what a release waits for, and when it is looked at again; with null nothing is waited for. */
function expect(d: Draft, assignment: Assignment, because: string | null, dueAt: number | null, now: number): void {
  const key = `${String(assignment.id)}/evidence`;
  const before = d.find('step', key);
  if (because === null) {
    if (before !== null) d.drop('step', key);
  } else if (before?.outcome !== because || before.dueAt !== dueAt) {
    step(d, assignment.id, 'evidence', now, { state: 'waiting', outcome: because, dueAt });
  }
  recheck(d, assignment, dueAt);
}
