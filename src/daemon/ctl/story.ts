/** `show`: what happened around a subscriber or an address, as somebody woken at 03:00 wants to read it. */
import type {
  AddressView,
  AssignmentView,
  ConflictView,
  EffectView,
  EventView,
  HoldingView,
  SessionView,
  SubscriberView,
} from '../api/views.js';
import type { Cell, Screen } from './screen.js';
import { EVENT_HANG, eventLine, inVrf, nasName, octets, orDash, state, time, waitsFor } from './wording.js';

function milestones(assignment: AssignmentView): string {
  const at: readonly (readonly [string, string | null])[] = [
    ['allocated', assignment.lifecycle_allocated_at],
    ['active', assignment.lifecycle_activated_at],
    ['suspended', assignment.lifecycle_suspended_at],
    ['revoking', assignment.lifecycle_revoking_at],
    ['revoked', assignment.lifecycle_revoked_at],
  ];
  return at.flatMap(([what, iso]) => (iso === null ? [] : [`${what} ${time(iso)}`])).join(', ');
}

type Renumbering = NonNullable<AssignmentView['renumbering']>;

/** How a renumbering stands: of `new` in place of `old`. */
function renumberingStory(screen: Screen, { outcome, deadline, at, ended_at: ended }: Renumbering, what: string): void {
  const when = at === null ? '' : `, his sessions are told to end at ${time(at)}`;
  if (outcome === 'open')
    screen.line(`  ${what}: a session has until ${time(deadline)} to show it${when}`, 'yellow', 4);
  else if (outcome === 'failed') {
    screen.line(`  RENUMBERING FAILED: ${what}; no session showed it by ${time(ended)}`, 'red', 4);
  } else screen.line(`  ${what}: ${outcome === 'done' ? `done ${time(ended)}` : 'dropped'}`, null, 4);
}

function assignmentStory(screen: Screen, assignment: AssignmentView, now: string): void {
  const { lifecycle_state: at, revoke, evidence, unit } = assignment;
  const colour = state(at);
  screen.line();
  screen.line(
    `${assignment.address}${inVrf(assignment.vrf)} (${assignment.family}) of ${assignment.subscriber_id}: ${at.toUpperCase()} since ${time(assignment.since)}`,
    typeof colour === 'string' ? 'bold' : colour.colour,
    2,
  );
  screen.line(`  assignment ${String(assignment.id)}, pool ${assignment.pool_id}; ${milestones(assignment)}`, null, 4);
  const { imported, parent, subnets } = assignment;
  if (imported !== null) {
    const { status, at: when, verified_at: verified } = imported;
    const over = status === 'released' || status === 'expired';
    const seen = verified === null ? 'no session has shown it yet (unverified)' : `verified ${time(verified)}`;
    screen.line(
      `  imported as ${status} ${time(when)}${over ? '' : `; ${seen}`}`,
      over || verified !== null ? null : 'yellow',
      4,
    );
  }
  if (parent !== null) screen.line(`  rides on ${parent.address} (assignment ${String(parent.assignment)})`, null, 4);
  if (subnets.length > 0) {
    const riding = subnets.map((one) => `${one.address} (${one.lifecycle_state})`).join(', ');
    screen.line(`  carries ${riding}`, null, 4);
  }
  if (assignment.lifecycle_metadata !== null)
    screen.line(`  metadata ${JSON.stringify(assignment.lifecycle_metadata)}`, null, 4);
  if (revoke !== null) {
    const options = [
      ...(revoke.send_disconnect ? [] : ['without a Disconnect']),
      ...(revoke.release_to_pool ? [] : ['the address is kept']),
    ];
    screen.line(`  revoked by ${[revoke.actor, ...options].join(', ')}; reason: ${revoke.reason}`, null, 4);
  }
  const { renumbering, superseded_by: heir } = assignment;
  if (renumbering !== null) renumberingStory(screen, renumbering, `in place of ${assignment.supersedes ?? '-'}`);
  if (heir !== null) renumberingStory(screen, heir, `${heir.address} is to take its place`);
  if (assignment.awaiting !== null) {
    const { batch, since: asked, actor, reason } = assignment.awaiting;
    const who = `its revoke by ${actor} (${reason}) since ${time(asked)}`;
    screen.line(`  AWAITS APPROVAL: ${who}; addrdctl approve ${String(batch)}`, 'red', 4);
  }
  if (assignment.stuck !== null) screen.line(`  STUCK because: ${assignment.stuck}`, 'red', 4);
  else if (at === 'revoking') screen.line(`  waits for: ${waitsFor(assignment)}`, 'yellow', 4);
  if (evidence !== null)
    screen.line(`  evidence: ${evidence.kind} at ${time(evidence.at)}: ${evidence.detail}`, null, 4);
  if (unit !== null)
    screen.line(`  the address is ${unit.state}${unit.until === null ? '' : ` until ${time(unit.until)}`}`);
  if (assignment.steps.length === 0) return;
  screen.table(
    ['STEP', 'STATE', 'TRIES', 'OUTCOME', 'LOOKED AT', 'AGAIN AT'],
    assignment.steps.map((step) => [
      step.step,
      state(step.state),
      String(step.attempts),
      orDash(step.outcome),
      time(step.updated_at),
      // What was due is being done, or waits for something else than the hour.
      step.state === 'waiting' && step.due_at !== null && step.due_at >= now ? time(step.due_at) : '-',
    ]),
    2,
  );
}

/** The state of a session and what it was last to be told by CoA, with the reason where it was not. */
function told({ state: at, profile }: SessionView): Cell {
  if (profile === null || at === 'ended') return state(at);
  const how =
    profile.state === 'confirmed'
      ? profile.profile
      : // What to do about it stands in STUCK.
        `${profile.profile}: ${profile.outcome?.split('; ')[0] ?? profile.state}`;
  return { text: `${at} (${how})`, colour: profile.state === 'failed' ? 'red' : 'yellow' };
}

/** Sessions as a table. */
export function sessionTable(screen: Screen, sessions: readonly SessionView[], indent = 0): void {
  screen.table(
    ['SESSION', 'NAS', 'STATE', 'USER-NAME', 'ADDRESSES', 'SINCE', 'LAST SEEN', 'IN', 'OUT'],
    sessions.map((session) => [
      session.session_id,
      nasName(session.nas, session.nas_known_by, session.nas_known_as),
      told(session),
      orDash(session.username),
      orDash(
        session.addresses
          .map(({ address, standing }) => (standing === 'held' ? address : `${address} (${standing})`))
          .join(' ') + (session.addresses.length === 0 ? '' : inVrf(session.vrf)),
      ),
      time(session.started_at),
      time(session.ended_at ?? session.usage?.updated_at ?? null),
      octets(session.usage?.input_octets ?? 0),
      octets(session.usage?.output_octets ?? 0),
    ]),
    indent,
  );
}

/** Effects as a table. */
export function effectTable(screen: Screen, effects: readonly EffectView[], indent = 0): void {
  screen.table(
    ['ID', 'EFFECT', 'NAS', 'SESSION', 'STATUS', 'TRIES', 'OUTCOME', 'ORDERED', 'DUE / ENDED'],
    effects.map((effect) => [
      String(effect.id),
      effect.kind,
      orDash(effect.nas),
      orDash(effect.session_id),
      effect.held_by === null ? state(effect.status) : { text: `${effect.status} (${effect.held_by})`, colour: 'red' },
      String(effect.attempt),
      orDash(effect.outcome),
      time(effect.created_at),
      time(effect.finished_at ?? effect.due_at),
    ]),
    indent,
  );
}

/** Open conflicts as a table. */
export function conflictTable(screen: Screen, conflicts: readonly ConflictView[], indent = 0): void {
  screen.table(
    ['ADDRESS', 'CONFLICT', 'HOLDER', 'NAS', 'SESSION', 'USER-NAME', 'TIMES', 'LAST SEEN'],
    conflicts.map((conflict) => [
      `${conflict.address}${inVrf(conflict.vrf)}`,
      { text: conflict.kind, colour: 'red' },
      orDash(conflict.holder_id),
      conflict.nas,
      conflict.session_id,
      orDash(conflict.username),
      String(conflict.count),
      time(conflict.last_at),
    ]),
    indent,
  );
}

/** Lines of the journal; `about` is the subscriber that need not be named in each. */
export function journal(screen: Screen, events: readonly EventView[], indent = 0, about: string | null = null): void {
  for (const event of events) screen.line(' '.repeat(indent) + eventLine(event, about), null, EVENT_HANG + indent);
}

function history(screen: Screen, rows: readonly HoldingView[]): void {
  screen.table(
    ['ADDRESS', 'HELD AS', 'BY', 'NAS', 'SINCE', 'UNTIL', 'CONFIDENCE'],
    rows.map((row) => [
      `${row.address}${inVrf(row.vrf)}`,
      row.kind,
      orDash(row.subscriber_id),
      orDash(row.nas),
      time(row.since),
      row.until === null ? 'now' : time(row.until),
      row.confidence,
    ]),
    2,
  );
}

type Story = Pick<SubscriberView, 'assignments' | 'sessions' | 'outbox' | 'conflicts' | 'events'>;

function rest(screen: Screen, story: Story, about: string | null): void {
  screen.heading(`Sessions (${String(story.sessions.length)})`);
  if (story.sessions.length > 0) sessionTable(screen, story.sessions, 2);
  if (story.conflicts.length > 0) {
    screen.heading(`Conflicts (${String(story.conflicts.length)})`);
    conflictTable(screen, story.conflicts, 2);
  }
  if (story.outbox.length > 0) {
    screen.heading(`Effects (${String(story.outbox.length)})`);
    effectTable(screen, story.outbox, 2);
  }
  screen.heading('Journal');
  journal(screen, story.events, 2, about);
}

/** Prints everything about a subscriber; `now` is the hour of addrd. */
export function subscriberStory(screen: Screen, story: SubscriberView, now: string): void {
  screen.line(`Subscriber ${story.subscriber_id}, known since ${time(story.created_at)}`, 'bold', 2);
  const names = story.usernames.map(({ username, provenance }) => `${username} (${provenance})`);
  screen.line(`  User-Name ${names.length === 0 ? 'not known' : names.join(', ')}`, null, 4);
  for (const { type, scope, value, provenance } of story.identities) {
    if (type === 'username') continue;
    const within = scope === 'tenant' ? '' : ` within ${scope}`;
    screen.line(`  ${type} ${value}${within} (${provenance})`, null, 4);
  }
  const { suspension, awaiting, stuck } = story;
  if (suspension !== null) {
    screen.line(
      `  SUSPENDED since ${time(suspension.since)} by ${suspension.actor}: ${suspension.reason}`,
      'yellow',
      4,
    );
  }
  if (awaiting !== null) {
    const who = `his suspend by ${awaiting.actor} (${awaiting.reason}) since ${time(awaiting.since)}`;
    screen.line(`  AWAITS APPROVAL: ${who}; addrdctl approve ${String(awaiting.batch)}`, 'red', 4);
  }
  if (stuck !== null) screen.line(`  STUCK because: ${stuck}`, 'red', 4);
  if (story.assignments.length === 0) screen.line('  no assignment');
  for (const assignment of story.assignments) assignmentStory(screen, assignment, now);
  rest(screen, story, story.subscriber_id);
}

/** Prints everything about an address; `now` is the hour of addrd. */
export function addressStory(screen: Screen, story: AddressView, now: string): void {
  screen.line(`Address ${story.address}`, 'bold');
  if (story.vrfs.length > 1) {
    const which = `  in the VRFs ${story.vrfs.join(', ')}: each is an address of its own; --vrf VRF shows one`;
    screen.line(which, 'yellow', 4);
  }
  if (story.units.length === 0) screen.line('  no pool hands it out, or it is wider than what one hands out');
  for (const unit of story.units) {
    const until = unit.until === null ? '' : ` until ${time(unit.until)}`;
    const last = unit.last_subscriber_id === null ? '' : `, last held by ${unit.last_subscriber_id}`;
    screen.line(`  ${unit.address}${inVrf(unit.vrf)} of pool ${unit.pool_id}: ${unit.state}${until}${last}`, null, 4);
  }
  for (const assignment of story.assignments) assignmentStory(screen, assignment, now);
  if (story.history.length > 0) {
    screen.heading('History');
    history(screen, story.history);
  }
  rest(screen, story, null);
}
