/** The judge: one event, one verdict, every write it calls for. Total, and the only place where state changes. */
import { acknowledge, clear, DAEMON, DAEMON_TENANT, raise, recur, subside, trouble, watchPool } from './alarms.js';
import { account, APPLIED } from './accounting.js';
import { decideBatch, settleBatch } from './approving.js';
import { freezeOf, maintenanceBarIn, maintenanceBarOf } from './braking.js';
import { backedUp } from './backups.js';
import { Draft } from './draft.js';
import { beginEpoch, endGrace } from './epoch.js';
import type { ConfigLoadedEvent, DaemonStartedEvent, DeadlineEvent, HeartbeatEvent, LifecycleEvent } from './events.js';
import { activate, allocate, revoke } from './orders.js';
import { reactivate, suspend } from './suspension.js';
import { effectOutcome, effectStarted } from './performing.js';
import { barred, doubtedUntil } from './evidence.js';
import { dropIdentity, putIdentity } from './identity-orders.js';
import { importRow } from './importing.js';
import { freeze, thaw } from './freeze.js';
import { hear, TOO_MANY_NASES } from './hearing.js';
import { holdOrEnd } from './holding-back.js';
import { beginMaintenance, endMaintenance, maintenanceDue } from './maintenance.js';
import type { Policy } from './policy.js';
import { judgeHeld } from './pool-kind.js';
import { settlePools, trimPool } from './pools.js';
import { settle } from './release.js';
import { renumber } from './renumber-orders.js';
import { renumberDue } from './renumbering.js';
import { release } from './reserved.js';
import { confirmRestore, hearRestored, isRestoredSince, restore } from './restored.js';
import { runTask, taskDue } from './tasks.js';
import { disconnectAgain } from './termination.js';
import { isoTime } from './time.js';
import { waitDue } from './survey.js';
import { barUntil, freeUnit, isGone, waitAnew } from './units.js';
import { whoAsked } from './who.js';
import type { Decision, Verdict, World } from './world.js';

/**
 * Decides what an event means in the world as it is. The same world, event and policy give the same decision; time comes
 * in with the event. Writes nothing: the decision is data, and the store's door commits it.
 */
export function decide(world: World, event: LifecycleEvent, policy: Policy): Decision {
  const d = new Draft(world);
  const verdict = judge(d, event, policy);
  // A start or a reload that is refused leaves the store as it was: some of its pools may be in the draft already.
  const settlesPools = event.kind === 'daemon-started' || event.kind === 'config-loaded';
  const refused = settlesPools && verdict.verdict === 'refused';
  return refused ? new Draft(world).close(verdict) : d.close(verdict);
}

/** Heartbeats come every five seconds; a host under load misses one or two. */
const MISSED_HEARTBEATS_MS = 15_000;
/** After so long without a condemned event addrd is well again. */
const WELL_MS = 3_600_000;
/** So many keys of a changed config are named in the journal. */
const CHANGES_NAMED = 100;

function judge(d: Draft, event: LifecycleEvent, policy: Policy): Verdict {
  switch (event.kind) {
    case 'acct-start':
    case 'acct-interim':
    case 'acct-stop':
      return account(d, event, policy);
    case 'nas-on':
    case 'nas-off':
      return beginEpoch(d, event, policy);
    case 'acct-odd':
      if (hear(d, event, policy) === null) return TOO_MANY_NASES;
      return { verdict: 'refused', code: event.reason, detail: null, reply: null };
    case 'allocate':
      return allocate(d, event, policy);
    case 'activate':
      return activate(d, event);
    case 'revoke':
      return revoke(d, event, policy);
    case 'renumber':
      return renumber(d, event, policy);
    case 'identity-put':
      return putIdentity(d, event);
    case 'identity-drop':
      return dropIdentity(d, event);
    case 'suspend':
      return suspend(d, event, policy);
    case 'reactivate':
      return reactivate(d, event, policy);
    case 'pool-release':
      return release(d, event);
    case 'import-row':
      return importRow(d, event, policy);
    case 'effect-started':
      return effectStarted(d, event, policy);
    case 'effect-outcome':
      return effectOutcome(d, event, policy);
    case 'deadline':
      return deadline(d, event, policy);
    case 'daemon-started':
      return daemonStarted(d, event, policy);
    case 'config-loaded':
      return configLoaded(d, event, policy);
    case 'freeze':
      return freeze(d, event);
    case 'thaw':
      return thaw(d, event);
    case 'maintenance':
      return beginMaintenance(d, event, policy);
    case 'maintenance-end':
      return endMaintenance(d, event, policy);
    case 'approve':
    case 'reject':
      return decideBatch(d, event);
    case 'acknowledge':
      return acknowledge(d, event);
    case 'who-asked':
      return whoAsked(d, event);
    case 'hold':
    case 'hold-end':
      return holdOrEnd(d, event);
    case 'task-run':
      return runTask(d, event, policy);
    case 'restored':
      return restore(d, event);
    case 'restore-confirm':
      return confirmRestore(d, event);
    case 'backup':
      return backedUp(d, event);
    case 'daemon-trouble':
      return trouble(d, event);
    case 'heartbeat':
      return heartbeat(d, event, policy);
  }
}

function deadline(d: Draft, event: DeadlineEvent, policy: Policy): Verdict {
  const now = event.receivedAt;
  const due = d.find('deadline', `${event.what}/${event.ref}`);
  if (due === null || due.dueAt > now) return { verdict: 'stale', code: 'not-due', detail: null, reply: null };
  // It stays due, and is decided when it thaws.
  const frees = ['evidence', 'quarantine', 'renumber', 'task'].includes(event.what);
  if (frees && freezeOf(d) !== null) return { verdict: 'stale', code: 'frozen', detail: null, reply: null };
  switch (event.what) {
    case 'epoch-grace':
      return endGrace(d, Number(event.ref), now, policy);
    case 'maintenance':
      return maintenanceDue(d, event.ref, now, policy);
    case 'approval':
      return settleBatch(d, event.ref, now, policy);
    case 'pool-trim':
      trimPool(d, Number(event.ref), now);
      return APPLIED;
    case 'pool-wait':
      waitDue(d, event.ref, now, policy);
      return APPLIED;
    case 'pool-kind':
      judgeHeld(d, event.ref, now, policy);
      return APPLIED;
    case 'renumber':
      renumberDue(d, event.ref, now, policy);
      return APPLIED;
    case 'task':
      taskDue(d, event.ref, now, policy);
      return APPLIED;
    case 'evidence': {
      d.drop('deadline', `${event.what}/${event.ref}`);
      const assignment = settle(d, d.get('assignment', event.ref), now, policy);
      if (assignment.state === 'revoking') disconnectAgain(d, assignment, now, policy);
      return APPLIED;
    }
    case 'quarantine': {
      d.drop('deadline', `${event.what}/${event.ref}`);
      const past = d.find('poolFree', event.ref);
      if (past === null) return APPLIED;
      // Not reckoned from when it ends: the pool's quarantine may have been another, or an effect longer.
      const since = past.leftAt;
      const bar =
        barred(d, since, now, policy) ??
        (past.assignment === null
          ? maintenanceBarIn(d, d.get('pool', past.pool).vrf, since, now, policy)
          : maintenanceBarOf(d, past.assignment, since, now, policy));
      if (bar !== null) {
        d.put('deadline', { kind: 'quarantine', ref: event.ref, dueAt: bar.until });
        return APPLIED;
      }
      const doubted = past.state === 'quarantined' ? doubtedUntil(d, past, now, policy) : null;
      if (doubted !== null) {
        barUntil(d, past, doubted);
        return APPLIED;
      }
      if (!freeUnit(d, past, now)) return APPLIED;
      watchPool(d, past.pool, -1, now);
      const pool = d.get('pool', past.pool);
      d.note({
        at: now,
        kind: 'address-free',
        tenant: pool.tenant,
        actor: 'addrd',
        subscriber: past.subscriber,
        assignment: past.assignment,
        pool: pool.id,
        vrf: pool.vrf,
        prefix: past.prefix,
        code: isGone(pool, past.prefix) ? 'left-the-pool' : 'quarantine-ended',
      });
      return APPLIED;
    }
  }
}

function daemonStarted(d: Draft, event: DaemonStartedEvent, policy: Policy): Verdict {
  const now = event.receivedAt;
  const alive = d.find('meta', 'alive_at')?.value ?? null;
  const gap = alive === null || now - alive > policy.gapToleranceMs || now < alive || isRestoredSince(d, alive);
  // After a clock that went back nobody knows how long addrd was away: the gap ends when the clock has caught up.
  const since = alive !== null && now < alive ? alive + 1 : now;
  if (gap && alive !== null) waitAnew(d, since);
  const fault = settlePools(d, event, policy);
  if (fault !== null) return fault;
  if (event.storeId !== undefined && d.find('meta', 'store_id') === null) {
    d.put('meta', { key: 'store_id', value: event.storeId });
  }
  if (gap) d.put('meta', { key: 'listening_since', value: since });
  if (gap && alive !== null) d.put('gap', { nas: 0, since: Math.min(alive, now), until: since });
  stayAlive(d, now);
  const incarnation = (d.find('meta', 'incarnation')?.value ?? 0) + 1;
  d.put('meta', { key: 'incarnation', value: incarnation });
  d.note({
    at: now,
    kind: gap ? 'gap' : 'daemon-started',
    tenant: event.tenant,
    actor: 'addrd',
    code: gap ? 'daemon-started' : null,
    detail: { incarnation, alive_until: alive === null ? null : isoTime(alive), gap },
  });
  if (gap && alive !== null)
    raise(d, 'gap', DAEMON, `addrd did not listen from ${isoTime(alive)} to ${isoTime(now)}`, now);
  return APPLIED;
}

/** The pools of another config are settled as at a start; its other keys are the next events' policy. */
function configLoaded(d: Draft, event: ConfigLoadedEvent, policy: Policy): Verdict {
  const fault = settlePools(d, event, policy);
  if (fault !== null) return fault;
  const changed = event.changed.slice(0, CHANGES_NAMED);
  const detail = { changed, more: event.changed.length - changed.length };
  d.note({ at: event.receivedAt, kind: 'config-loaded', tenant: event.tenant, actor: 'addrd', detail });
  return APPLIED;
}

/** A process that was stopped, or a store that could not be written, is a gap like a restart. */
function heartbeat(
  d: Draft,
  { receivedAt: now, unrecorded = 0, condemned = 0 }: HeartbeatEvent,
  policy: Policy,
): Verdict {
  const alive = d.find('meta', 'alive_at')?.value ?? now;
  if (unrecorded > 0 || now - alive > Math.max(policy.gapToleranceMs, MISSED_HEARTBEATS_MS)) {
    d.put('meta', { key: 'listening_since', value: Math.max(now, alive) });
    d.put('gap', { nas: 0, since: Math.min(now, alive), until: Math.max(now, alive) });
    waitAnew(d, Math.max(now, alive));
    const detail = { alive_until: isoTime(alive), ...(unrecorded > 0 ? { unrecorded } : {}) };
    const code = unrecorded > 0 ? 'answered-unrecorded' : 'no-heartbeat';
    d.note({ at: now, kind: 'gap', tenant: DAEMON_TENANT, actor: 'addrd', code, detail });
    raise(d, 'gap', DAEMON, `addrd did not listen from ${isoTime(alive)} to ${isoTime(now)}`, now);
  }
  // One interim round shows everybody who is there.
  const horizon = d.find('meta', 'listening_since')?.value ?? now;
  if (now >= horizon + policy.interimRoundMs) clear(d, 'gap', DAEMON.ref, now);
  subside(d, 'store-trouble', DAEMON.ref, now, policy.interimRoundMs, horizon);
  hearRestored(d, now, policy);
  if (condemned > 0) recur(d, 'faulted-often', DAEMON.ref, now);
  else subside(d, 'faulted-often', DAEMON.ref, now, WELL_MS);
  stayAlive(d, now);
  return APPLIED;
}

/** The latest time at which addrd was alive never goes back: while the clock is behind it, nothing is freed. */
function stayAlive(d: Draft, now: number): void {
  const before = d.find('meta', 'alive_at');
  if (before === null || before.value < now) d.put('meta', { key: 'alive_at', value: now });
}
