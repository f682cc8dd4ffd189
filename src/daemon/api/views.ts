/** What the API answers, as schemas: the types of the answers, and their description in OpenAPI. */
import { z } from 'zod';
import { alarmView, batchView, heldBackViews, maintenanceView } from './brake-views.js';
import { identityView } from './identity-views.js';
import { legacyFields } from './legacy-views.js';
import { subnetFields } from './subnet-views.js';
import { LIFECYCLE_STATES } from '../lifecycle/state.js';

const time = z.string().describe('ISO 8601, UTC');
const maybeTime = time.nullable();
export const address = z.string().describe('an address, or a prefix as address/length');
const octets = z.string().describe(String.raw`octets that are not printable are shown as \xNN, a backslash as \\`);

const mode = z.enum(['observe', 'act']).describe('`act` performs effects, `observe` records them as `would-have`');
export const family = z.enum(['ipv4', 'ipv6', 'ipv6-pd']);
export const lifecycleState = z.enum(LIFECYCLE_STATES);

export const stepView = z.strictObject({
  step: z.string(),
  state: z.enum(['waiting', 'done', 'skipped', 'failed']),
  attempts: z.number().int(),
  outcome: z.string().nullable(),
  due_at: maybeTime,
  started_at: time,
  updated_at: time,
});

const renumberingView = z.strictObject({
  when: z.enum(['next_session', 'now', 'window']),
  at: maybeTime.describe('when the sessions on the old address are told to end'),
  deadline: time.describe('until when a session has to show the new address'),
  reason: z.string(),
  actor: z.string(),
  outcome: z.enum(['open', 'done', 'failed', 'dropped']).describe('`dropped`: the new address was revoked before'),
  ended_at: maybeTime,
});

export const assignmentView = z.strictObject({
  id: z.number().int(),
  subscriber_id: z.string(),
  pool_id: z.string(),
  vrf: z.string(),
  family,
  use: z.string(),
  address,
  lifecycle_state: lifecycleState,
  generation: z.number().int(),
  since: time.describe('when it came into this state'),
  stuck: z.string().nullable().describe('why a termination does not end'),
  awaiting: z
    .strictObject({ batch: z.number().int(), since: time, actor: z.string(), reason: z.string() })
    .nullable()
    .describe('the revoke of it that waits for approval'),
  provenance: z
    .enum(['allocated', 'observed', 'imported'])
    .describe('`allocated` by order; `observed`: a session was on it first; `imported` from another system'),
  ...legacyFields,
  created_at: time,
  lifecycle_allocated_at: maybeTime,
  lifecycle_activated_at: maybeTime,
  lifecycle_suspended_at: maybeTime,
  lifecycle_revoking_at: maybeTime,
  lifecycle_revoked_at: maybeTime,
  lifecycle_metadata: z.unknown(),
  revoke: z
    .strictObject({
      reason: z.string(),
      actor: z.string(),
      send_disconnect: z.boolean(),
      release_to_pool: z.boolean(),
    })
    .nullable(),
  evidence: z.strictObject({ kind: z.string(), at: time, detail: z.string() }).nullable(),
  ...subnetFields,
  supersedes: address.nullable().describe('the address in whose place it was ordered'),
  renumbering: renumberingView.nullable().describe('how it is to take the place of another'),
  superseded_by: renumberingView
    .extend({ assignment: z.number().int(), address })
    .nullable()
    .describe('what was last ordered in its place, and how that went'),
  steps: z.array(stepView),
  unit: z
    .strictObject({ state: z.string(), until: maybeTime })
    .nullable()
    .describe('what became of the address after this assignment'),
});

const knownBy = z
  .enum(['source-address', 'nas-identifier', 'nas-ip-address'])
  .describe('what tells the NAS from others');
const knownAs = z.string().describe('that address, or the octets of NAS-Identifier as text');

export const sessionView = z.strictObject({
  id: z.number().int(),
  nas: z.string(),
  vrf: z.string(),
  nas_address: address,
  nas_known_by: knownBy,
  nas_known_as: knownAs,
  session_id: octets,
  username: octets.nullable(),
  subscriber_id: z.string().nullable(),
  state: z
    .enum(['open', 'suspect', 'stale', 'ended'])
    .describe('open ones that may be over: `suspect` was not seen since its NAS restarted, `stale` has not reported'),
  stale_at: maybeTime.describe('from when on it is stale unless it reports; null where its silence says nothing'),
  started_at: time,
  first_seen_at: time,
  ended_at: maybeTime,
  end_kind: z.string().nullable(),
  terminate_cause: z.number().int().nullable(),
  addresses: z.array(
    z.strictObject({
      address,
      attribute: z.string(),
      standing: z.enum(['held', 'contested', 'occupied', 'unmanaged']),
      assignment: z.number().int().nullable(),
      since: time,
    }),
  ),
  profile: z
    .strictObject({
      profile: z.enum(['suspend', 'resume']),
      state: z.enum(['waiting', 'confirmed', 'failed', 'skipped']),
      outcome: z.string().nullable(),
      at: time,
    })
    .nullable()
    .describe('what it was last to be told by CoA, and how far that is'),
  usage: z
    .strictObject({
      updated_at: time,
      session_time_s: z.number(),
      input_octets: z.number(),
      output_octets: z.number(),
      input_packets: z.number(),
      output_packets: z.number(),
      interims: z.number().int(),
    })
    .nullable(),
});

export const effectView = z.strictObject({
  id: z.number().int(),
  kind: z.string(),
  status: z.enum(['pending', 'awaiting-approval', 'done', 'superseded', 'would-have']),
  batch: z.number().int().nullable().describe('the batch that holds it back'),
  held_by: z.enum(['frozen', 'maintenance']).nullable().describe('the brake that keeps it from leaving'),
  nas: z.string().nullable(),
  session_id: octets.nullable(),
  subscriber_id: z.string().nullable(),
  assignments: z.array(z.number().int()),
  attempt: z.number().int(),
  outcome: z.string().nullable(),
  due_at: time,
  created_at: time,
  started_at: maybeTime,
  finished_at: maybeTime,
});

export const conflictView = z.strictObject({
  id: z.number().int(),
  kind: z.string(),
  vrf: z.string(),
  address,
  nas: z.string(),
  session_id: octets,
  username: octets.nullable(),
  subscriber_id: z.string().nullable(),
  holder_id: z.string().nullable().describe("the subscriber whose assignment it is; null where he is another tenant's"),
  assignment: z.number().int().nullable(),
  count: z.number().int(),
  first_at: time,
  last_at: time,
});

export const eventView = z.strictObject({
  id: z.number().int(),
  at: time,
  kind: z.string(),
  actor: z.string(),
  subscriber_id: z.string().nullable(),
  assignment: z.number().int().nullable(),
  session: z.number().int().nullable(),
  session_id: octets.nullable(),
  nas: z.string().nullable(),
  pool_id: z.string().nullable(),
  address: address.nullable(),
  from: lifecycleState.nullable(),
  to: lifecycleState.nullable(),
  code: z.string().nullable(),
  detail: z.unknown(),
});

const decimal = z.string().describe('a whole number in decimal digits: it may be larger than 2^53');

export const poolView = z.strictObject({
  pool_id: z.string(),
  family,
  use: z.string(),
  kind: z.string(),
  vrf: z.string(),
  prefix: address,
  unit_length: z.number().int(),
  size: decimal,
  held: z.number().int(),
  barred: z.number().int().describe('in quarantine, occupied or reserved'),
  excluded: decimal.describe('never handed out, those still in use apart; a whole number in decimal digits'),
  free: decimal,
  reserved: decimal.describe(
    'of the free, those that are handed out by request only; a whole number in decimal digits',
  ),
  utilisation_percent: z.number().describe('what is held or barred of what can be had without asking for an address'),
  retired_at: maybeTime,
});

export const nasView = z.strictObject({
  id: z.number().int(),
  nas: z.string(),
  nas_address: address.describe(
    'where it is reached: its own address where that is trusted, else the source of its packets',
  ),
  known_by: knownBy,
  known_as: knownAs,
  vrf: z.string(),
  epoch: z.number().int(),
  epoch_at: maybeTime.describe('when its last Accounting-On or -Off was received'),
  heard_since: time,
  heard_until: time,
  clock_skew_seconds: z
    .number()
    .nullable()
    .describe('how far its clock is ahead of that of addrd by its Event-Timestamps; null where it sent none'),
  open_sessions: z.number().int(),
  suspect_sessions: z.number().int(),
  mode: mode.describe('of effects on this NAS'),
  maintenance: maintenanceView.nullable(),
});

export const holdingView = z.strictObject({
  vrf: z.string(),
  address,
  kind: z.enum(['tenure', 'session']),
  since: time,
  until: maybeTime,
  subscriber_id: z.string().nullable(),
  assignment: z.number().int().nullable(),
  nas: z.string().nullable(),
  confidence: z.string(),
});

export const unitView = z.strictObject({
  vrf: z.string(),
  pool_id: z.string(),
  address,
  state: z.enum(['held', 'never-used', 'free', 'quarantined', 'occupied', 'reserved', 'on-request', 'excluded']),
  until: maybeTime,
  last_subscriber_id: z.string().nullable(),
});

const story = {
  assignments: z.array(assignmentView),
  sessions: z.array(sessionView),
  outbox: z.array(effectView),
  conflicts: z.array(conflictView),
  events: z.array(eventView).describe('the newest lines of the journal, oldest first'),
};

export const subscriberView = z.strictObject({
  subscriber_id: z.string(),
  created_at: time,
  suspension: z
    .strictObject({ since: time, actor: z.string(), reason: z.string() })
    .nullable()
    .describe('since when the subscriber is suspended, by whom and why'),
  awaiting: z
    .strictObject({ batch: z.number().int(), since: time, actor: z.string(), reason: z.string() })
    .nullable()
    .describe('the suspend of him that waits for approval'),
  stuck: z.string().nullable().describe('why an open session was not told what has become of its subscriber'),
  usernames: z.array(z.strictObject({ username: octets, provenance: z.string() })),
  identities: z.array(identityView),
  ...story,
});

export const addressView = z.strictObject({
  address,
  vrfs: z.array(z.string()).describe('where something is known of it; where there are several, ask with `vrf`'),
  units: z
    .array(unitView)
    .describe(
      'its places in pools, at most one a VRF; none where it is in no pool, or wider than what the pool hands out',
    ),
  ...story,
  history: z.array(holdingView).describe('the newest first'),
});

export const lifecycleView = z.strictObject({ subscriber_id: z.string(), assignments: z.array(assignmentView) });

export const statusView = z.strictObject({
  version: z.string(),
  mode,
  modes: z.strictObject({ nas: mode }).describe('by kind of target'),
  tenant: z.string(),
  time,
  ready: z.boolean(),
  reasons: z.array(z.string()),
  ...heldBackViews,
  alarms: z.array(alarmView).describe('open ones: the first 20, the critical ones first'),
  approvals: z.array(batchView).describe('batches that wait for approval'),
  assignments: z.record(family, z.record(lifecycleState, z.number().int())),
  stuck: z.number().int().describe('terminations that do not end'),
  sessions_open: z.number().int(),
  outbox_pending: z.number().int(),
  conflicts_open: z.number().int(),
  deadlines_due: z.number().int().describe("the daemon's own, of no tenant"),
  poison: z.number().int().describe("events that met a fault; the daemon's own, of no tenant"),
});

/** The answer to an order, from the commit that decided it. */
export const readinessView = z.strictObject({
  ready: z.boolean(),
  reasons: z.array(z.string()),
  notes: z.array(z.string()).describe('what holds addrd back though it is ready: that it is frozen'),
});

export const problemView = z.strictObject({
  type: z.string(),
  title: z.string(),
  status: z.number().int(),
  code: z.string(),
  detail: z.string().optional(),
  errors: z.array(z.strictObject({ field: z.string(), message: z.string() })).optional(),
  pools: z.array(z.string()).optional().describe('pool-exhausted: the pools that have nothing left'),
  next_free_at: time.nullish().describe('pool-exhausted: when the next address of one leaves quarantine, if known'),
});

/** A list under its name, with the number to ask on from. */
export const sessionsView = z.strictObject({ sessions: z.array(sessionView), next_after: z.number().int().nullable() });
/** What every answer with lines of the journal says of those that are not there. */
export const journalDeletedUntil = z
  .string()
  .nullable()
  .describe('lines that were written until then were deleted by retention; null: none was');

export const eventsView = z.strictObject({
  events: z.array(eventView),
  last_id: z.number().int().nullable().describe('ask for the lines after this one'),
  deleted_until: journalDeletedUntil,
});
export const poolsView = z.strictObject({ pools: z.array(poolView) });
export const outboxView = z.strictObject({ outbox: z.array(effectView) });
export const conflictsView = z.strictObject({ conflicts: z.array(conflictView) });
export const nasesView = z.strictObject({ nas: z.array(nasView) });

export type AssignmentView = z.infer<typeof assignmentView>;
export type SessionView = z.infer<typeof sessionView>;
export type EffectView = z.infer<typeof effectView>;
export type ConflictView = z.infer<typeof conflictView>;
export type EventView = z.infer<typeof eventView>;
/** The answer to a release. */
export const releasedView = z.strictObject({
  verdict: z.string(),
  code: z.string().nullable(),
  pool_id: z.string(),
  address,
  free_at: time.describe('when its quarantine ends'),
});

export type ReleasedView = z.infer<typeof releasedView>;
export type PoolView = z.infer<typeof poolView>;
export type NasView = z.infer<typeof nasView>;
export type HoldingView = z.infer<typeof holdingView>;
export type UnitView = z.infer<typeof unitView>;
export type SubscriberView = z.infer<typeof subscriberView>;
export type AddressView = z.infer<typeof addressView>;
export type LifecycleView = z.infer<typeof lifecycleView>;
export type StatusView = z.infer<typeof statusView>;
export type SessionsView = z.infer<typeof sessionsView>;
export type EventsView = z.infer<typeof eventsView>;
export type PoolsView = z.infer<typeof poolsView>;
export type OutboxView = z.infer<typeof outboxView>;
export type ConflictsView = z.infer<typeof conflictsView>;
export type NasesView = z.infer<typeof nasesView>;
export type ProblemView = z.infer<typeof problemView>;
