/** Rows of the store as the API shows them: the seed's names, times as ISO 8601, addresses and octets as text. */
import type { AddressStory, Story, SubscriberStory } from '../../store/reads.js';
import type { ShownAssignment } from '../../store/reads/assignments.js';
import type { ShownConflict } from '../../store/reads/conflicts.js';
import type { Counts } from '../../store/reads/counts.js';
import type { ShownEffect } from '../../store/reads/effects.js';
import type { ShownHolding } from '../../store/reads/holdings.js';
import type { ShownEntry } from '../../store/reads/journal.js';
import type { ShownNas } from '../../store/reads/nas.js';
import type { ShownPool, ShownUnit } from '../../store/reads/pools.js';
import type { ShownSession } from '../../store/reads/sessions.js';
import { formatAddress, formatPrefix, overlaps } from '../lifecycle/address.js';
import type { Brake } from '../lifecycle/brake.js';
import { frozenBy } from '../lifecycle/braking.js';
import type { Assignment } from '../lifecycle/records.js';
import { LIFECYCLE_STATES, type LifecycleState } from '../lifecycle/state.js';
import { isoTime } from '../lifecycle/time.js';
import { censusOf, zoneOf } from '../lifecycle/zones.js';
import { printable } from '../lifecycle/octets.js';
import { shownIdentity } from './identity-routes.js';
import { legacyOf } from './legacy-views.js';
import { maintenanceOf } from './brake-representation.js';
import { heirOf, renumberingOf } from './renumber-representation.js';
import type { ApiDeps } from './deps.js';
import { knownAs, sessionOf, type Reporting } from './session-representation.js';
import type {
  AddressView,
  AssignmentView,
  ConflictView,
  EffectView,
  EventView,
  HoldingView,
  NasView,
  PoolView,
  StatusView,
  SubscriberView,
  UnitView,
} from './views.js';

function maybeTime(ms: number | null): string | null {
  return ms === null ? null : isoTime(ms);
}

function maybeOctets(octets: Uint8Array | null): string | null {
  return octets === null ? null : printable(octets);
}

/** When an assignment came into its state; a failure's time is not on the row, so the latest known is shown. */
function since(row: Assignment): number {
  switch (row.state) {
    case 'pending':
      return row.createdAt;
    case 'allocated':
      return row.allocatedAt ?? row.createdAt;
    case 'active':
      return row.activatedAt ?? row.createdAt;
    case 'suspended':
      return row.suspendedAt ?? row.createdAt;
    case 'revoking':
      return row.revokingAt ?? row.createdAt;
    case 'revoked':
      return row.revokedAt ?? row.createdAt;
    case 'failed':
      return row.revokingAt ?? row.suspendedAt ?? row.activatedAt ?? row.allocatedAt ?? row.createdAt;
  }
}

/** The order in which a termination runs. */
const STEP_ORDER = ['disconnect', 'evidence', 'release'];

/** Why a termination does not end: a freeze comes first, as it alone may be what is in the way. */
function stuck({ state, stuck: why }: Assignment, freeze: Brake | null): string | null {
  if (freeze === null || state !== 'revoking') return why;
  const frozen = frozenBy(freeze);
  return why === null || why === frozen ? frozen : `${frozen}; ${why}`;
}

export function assignmentOf(shown: ShownAssignment): AssignmentView {
  const { row, subscriber, pool, vrf, steps, past, approval, freeze, parent, subnets, supersedes, heir } = shown;
  return {
    id: row.id,
    subscriber_id: subscriber,
    pool_id: pool,
    vrf,
    family: row.family,
    use: row.use,
    address: formatPrefix(row.prefix),
    lifecycle_state: row.state,
    generation: row.generation,
    since: isoTime(since(row)),
    stuck: stuck(row, freeze),
    awaiting:
      approval === null
        ? null
        : { batch: approval.batch, since: isoTime(approval.at), actor: approval.actor, reason: approval.reason },
    provenance: row.provenance,
    ...legacyOf(row),
    created_at: isoTime(row.createdAt),
    lifecycle_allocated_at: maybeTime(row.allocatedAt),
    lifecycle_activated_at: maybeTime(row.activatedAt),
    lifecycle_suspended_at: maybeTime(row.suspendedAt),
    lifecycle_revoking_at: maybeTime(row.revokingAt),
    lifecycle_revoked_at: maybeTime(row.revokedAt),
    lifecycle_metadata: row.metadata === null ? null : (JSON.parse(row.metadata) as unknown),
    revoke:
      row.revoke === null
        ? null
        : {
            reason: row.revoke.reason,
            actor: row.revoke.actor,
            send_disconnect: row.revoke.sendDisconnect,
            release_to_pool: row.revoke.releaseToPool,
          },
    evidence: row.evidence === null ? null : { ...row.evidence, at: isoTime(row.evidence.at) },
    parent: parent === null ? null : { assignment: parent.id, address: formatPrefix(parent.prefix) },
    subnets: subnets.map(({ id, prefix, state }) => ({
      assignment: id,
      address: formatPrefix(prefix),
      lifecycle_state: state,
    })),
    supersedes: supersedes === null ? null : formatPrefix(supersedes),
    renumbering: renumberingOf(row),
    superseded_by: heirOf(heir),
    steps: [...steps]
      .sort((a, b) => STEP_ORDER.indexOf(a.step) - STEP_ORDER.indexOf(b.step))
      .map((step) => ({
        step: step.step,
        state: step.state,
        attempts: step.attempts,
        outcome: step.outcome,
        due_at: maybeTime(step.dueAt),
        started_at: isoTime(step.startedAt),
        updated_at: isoTime(step.updatedAt),
      })),
    unit:
      past === null || row.state !== 'revoked'
        ? null
        : { state: past.state, until: past.state === 'quarantined' ? isoTime(past.freeAt) : null },
  };
}

export function effectOf({ row, nas, sid, subscriber, brake }: ShownEffect): EffectView {
  return {
    id: row.id,
    kind: row.kind,
    status: row.status === 'pending' && row.batch !== null ? 'awaiting-approval' : row.status,
    batch: row.batch,
    held_by: brake,
    nas,
    session_id: maybeOctets(sid),
    subscriber_id: subscriber,
    assignments: row.orders.map(({ assignment }) => assignment),
    attempt: row.attempt,
    outcome: row.outcome,
    due_at: isoTime(row.dueAt),
    created_at: isoTime(row.createdAt),
    started_at: maybeTime(row.startedAt),
    finished_at: maybeTime(row.finishedAt),
  };
}

export function conflictOf({ row, vrf, nas, sid, username, subscriber, holder }: ShownConflict): ConflictView {
  return {
    id: row.id,
    kind: row.kind,
    vrf,
    address: formatPrefix(row.prefix),
    nas,
    session_id: printable(sid),
    username: maybeOctets(username),
    subscriber_id: subscriber,
    holder_id: holder,
    assignment: row.assignment,
    count: row.count,
    first_at: isoTime(row.firstAt),
    last_at: isoTime(row.lastAt),
  };
}

export function eventOf(entry: ShownEntry): EventView {
  return {
    id: entry.id,
    at: isoTime(entry.at),
    kind: entry.kind,
    actor: entry.actor,
    subscriber_id: entry.subscriber,
    assignment: entry.assignment,
    session: entry.session,
    session_id: maybeOctets(entry.sid),
    nas: entry.nas,
    pool_id: entry.pool,
    address: entry.prefix === null ? null : formatPrefix(entry.prefix),
    from: entry.from,
    to: entry.to,
    code: entry.code,
    detail: entry.detail,
  };
}

export function poolOf({ row, vrf }: ShownPool): PoolView {
  const { size, free, reserved, excluded, usable, used } = censusOf(row);
  return {
    pool_id: row.name,
    family: row.family,
    use: row.use,
    kind: row.kind,
    vrf,
    prefix: formatPrefix(row.prefix),
    unit_length: row.unitLength,
    size: size.toString(),
    held: row.held,
    barred: row.barred,
    excluded: excluded.toString(),
    free: free.toString(),
    reserved: reserved.toString(),
    // Hundredths of a percent are whole numbers, as a /32 of /64s is more than a double can count.
    utilisation_percent: usable <= 0n ? 100 : Number((used * 10_000n) / usable) / 100,
    retired_at: maybeTime(row.retiredAt),
  };
}

export function nasOf(
  { row, vrf, openSessions, suspectSessions, maintenance }: ShownNas,
  { nas: mode, entries }: ApiDeps['modes'],
): NasView {
  return {
    id: row.id,
    nas: row.entry,
    nas_address: formatAddress(row.address),
    known_by: row.kind,
    known_as: knownAs(row),
    vrf,
    epoch: row.epoch,
    epoch_at: row.epochReceivedAt === 0 ? null : isoTime(row.epochReceivedAt),
    heard_since: isoTime(row.heardSince),
    heard_until: isoTime(row.heardUntil),
    clock_skew_seconds: row.skewMs === null ? null : Math.round(row.skewMs / 1_000),
    open_sessions: openSessions,
    suspect_sessions: suspectSessions,
    mode: entries[row.entry] ?? mode,
    maintenance: maintenanceOf(maintenance),
  };
}

function holdingOf({ row, subscriber, nas, vrf }: ShownHolding): HoldingView {
  return {
    vrf,
    address: formatPrefix(row.prefix),
    kind: row.kind,
    since: isoTime(row.since),
    until: maybeTime(row.until),
    subscriber_id: subscriber,
    assignment: row.assignment,
    nas,
    confidence: row.confidence,
  };
}

function storyOf(
  story: Story,
  reporting: Reporting,
): Pick<SubscriberView, 'assignments' | 'sessions' | 'outbox' | 'conflicts' | 'events'> {
  return {
    assignments: story.assignments.map(assignmentOf),
    sessions: story.sessions.map((shown) => sessionOf(shown, reporting)),
    outbox: story.effects.map(effectOf),
    conflicts: story.conflicts.map(conflictOf),
    events: story.journal.map(eventOf),
  };
}

/** Why a suspend or reactivate is not in force in an open session, or null. */
function untold(sessions: readonly ShownSession[]): string | null {
  const failed = sessions.find(({ row }) => row.endedAt === null && row.profile?.state === 'failed');
  if (failed === undefined) return null;
  const { row, nas } = failed;
  return `session ${printable(row.sid)} on ${nas}, ${row.profile?.profile ?? ''}: ${row.profile?.outcome ?? ''}`;
}

export function subscriberOf(story: SubscriberStory, reporting: Reporting): SubscriberView {
  const { heldSuspend: held, subscriber } = story;
  const { suspendedAt, service } = subscriber;
  return {
    subscriber_id: subscriber.name,
    created_at: isoTime(subscriber.createdAt),
    suspension:
      suspendedAt === null || service === null
        ? null
        : { since: isoTime(suspendedAt), actor: service.actor, reason: service.reason },
    awaiting:
      held === null ? null : { batch: held.batch, since: isoTime(held.at), actor: held.actor, reason: held.reason },
    stuck: untold(story.sessions),
    usernames: story.identities
      .filter(({ type }) => type === 'username')
      .map(({ bytes, provenance }) => ({ username: printable(bytes), provenance })),
    identities: story.identities.map(shownIdentity),
    ...storyOf(story, reporting),
  };
}

/** What a unit without a past is, by where it lies. One outside the prefix is none of the pool's. */
const ZONED = { open: 'never-used', reserved: 'on-request', excluded: 'excluded', outside: 'excluded' } as const;

function unitOf(unit: ShownUnit, { assignments }: AddressStory): UnitView {
  const held = assignments.some(
    ({ row }) => row.state !== 'revoked' && row.vrf === unit.pool.row.vrf && overlaps(row.prefix, unit.unit),
  );
  const never = ZONED[zoneOf(unit.pool.row, unit.unit)];
  return {
    vrf: unit.pool.vrf,
    pool_id: unit.pool.row.name,
    address: formatPrefix(unit.unit),
    state: held ? 'held' : (unit.past?.state ?? never),
    until: !held && unit.past?.state === 'quarantined' ? isoTime(unit.past.freeAt) : null,
    last_subscriber_id: unit.lastSubscriber,
  };
}

/** An address with its history; null where nothing is known of it and no pool has it. */
export function addressOf(story: AddressStory, reporting: Reporting): AddressView | null {
  const { units, history, assignments, conflicts, sessions } = story;
  const known = [...units.map(({ pool }) => pool), ...history, ...assignments, ...conflicts, ...sessions];
  if (known.length === 0) return null;
  return {
    address: formatPrefix(story.prefix),
    vrfs: [...new Set(known.map(({ vrf }) => vrf))],
    units: units.map((unit) => unitOf(unit, story)),
    ...storyOf(story, reporting),
    history: history.map(holdingOf),
  };
}

function byState(counts: Counts, family: string): Record<LifecycleState, number> {
  const count = (state: LifecycleState): number =>
    counts.assignments.find((row) => row.family === family && row.state === state)?.count ?? 0;
  return Object.fromEntries(LIFECYCLE_STATES.map((state) => [state, count(state)])) as Record<LifecycleState, number>;
}

export function countsOf(
  counts: Counts,
): Omit<
  StatusView,
  | 'version'
  | 'mode'
  | 'modes'
  | 'tenant'
  | 'time'
  | 'ready'
  | 'reasons'
  | 'frozen'
  | 'restored'
  | 'alarms'
  | 'approvals'
> {
  return {
    assignments: {
      ipv4: byState(counts, 'ipv4'),
      ipv6: byState(counts, 'ipv6'),
      'ipv6-pd': byState(counts, 'ipv6-pd'),
    },
    stuck: counts.stuck,
    sessions_open: counts.openSessions,
    outbox_pending: counts.pendingEffects,
    conflicts_open: counts.openConflicts,
    deadlines_due: counts.dueDeadlines,
    poison: counts.poison,
  };
}
