/**
 * The blast guard: how much may be cut in a while, by each token and on each NAS. What is more waits for somebody to
 * approve of it. Every count is a row, so that a restart forgets nothing and no history is walked over.
 */
import { raise } from './alarms.js';
import { guardMarkKey, type Batch, type Guard } from './brake.js';
import type { Draft } from './draft.js';
import type { Policy } from './policy.js';
import type { Nas } from './nas-records.js';

/** How many marks too many one cut drops. */
const FORGOTTEN_AT_ONCE = 500;

/** What is guarded: whose scope it is, and how many live assignments that scope has. */
export interface Guarded {
  readonly scope: string;
  readonly tenant: string;
  /** As people write it. */
  readonly name: string;
  readonly live: () => number;
}

/** The revokes and suspends of a token, held against the live assignments of its tenant. */
export function guardOfActor(d: Draft, tenant: string, actor: string): Guarded {
  const live = (): number =>
    d
      .pools()
      .map((id) => d.get('pool', id))
      .reduce((sum, pool) => sum + (pool.tenant === tenant ? pool.held : 0), 0);
  const scope = actor.startsWith('token:') ? `token:${tenant}/${actor.slice(6)}` : `token:${tenant}/${actor}`;
  return { scope, tenant, name: actor, live };
}

/** The Disconnects and CoAs to a NAS, held against its open sessions. */
export function guardOfNas(d: Draft, nas: Nas, { guard: { count, share } }: Policy): Guarded {
  const most = share > 0 ? Math.ceil(count / share) : 0;
  const live = (): number => d.openSessions(nas.id, most);
  return { scope: scopeOfNas(nas.id), tenant: nas.tenant, name: `nas:${nas.entry}`, live };
}

function rowOf(d: Draft, scope: string): Guard {
  const row = d.find('guard', scope);
  if (row === null) return { scope, seq: 0, base: 0, batch: null };
  const batch = row.batch === null ? null : d.get('batch', String(row.batch));
  if (batch === null || batch.status === 'open') return row;
  // It shares the batch of another scope, and learns here that somebody has decided it.
  return { ...row, batch: null, base: batch.status === 'approved' ? row.seq : row.base };
}

/** A NAS goes on as another one: what was cut there counts here too, and an open batch holds this one as well. */
export function inheritGuard(d: Draft, from: number, to: number, policy: Policy): void {
  const old = rowOf(d, scopeOfNas(from));
  const scope = scopeOfNas(to);
  const known = d.find('guard', scope);
  if (known === null && old.seq > 0) {
    for (let seq = Math.max(old.base, old.seq - policy.guard.count) + 1; seq <= old.seq; seq++) {
      const past = d.find('guardMark', guardMarkKey(old.scope, seq));
      if (past !== null) d.put('guardMark', { ...past, scope });
    }
    d.put('guard', { ...old, scope });
  } else if (old.batch !== null) {
    const own = rowOf(d, scope);
    if (own.batch === null) d.put('guard', { ...own, batch: old.batch });
  }
}

function scopeOfNas(nas: number): string {
  return `nas:${String(nas)}`;
}

/** Whether `n` more in a scope stay within what may be cut. While a batch of it waits, nothing does. */
export function admits(d: Draft, { scope, live }: Guarded, n: number, now: number, policy: Policy): boolean {
  const { seq, base, batch } = rowOf(d, scope);
  if (batch !== null) return false;
  const { count, share, floor, windowMs } = policy.guard;
  // With n more, at most `limit` are in the window exactly if the one that many before the last is not.
  const fits = (limit: number): boolean => {
    if (n > limit) return false;
    const before = seq + n - limit;
    if (before <= base) return true;
    const mark = d.find('guardMark', guardMarkKey(scope, before));
    return mark === null || mark.at <= now - windowMs;
  };
  if (fits(Math.min(count, floor))) return true;
  if (!fits(count)) return false;
  // Counted only where it decides.
  return fits(Math.min(count, Math.max(floor, Math.floor(live() * share))));
}

/** Counts `n` that are cut now. */
export function mark(d: Draft, { scope }: Guarded, n: number, now: number, policy: Policy): void {
  if (n === 0) return;
  const guard = rowOf(d, scope);
  for (let seq = guard.seq + 1; seq <= guard.seq + n; seq++) d.put('guardMark', { scope, seq, at: now });
  forget(d, scope, guard.seq + n - policy.guard.count, n);
  d.put('guard', { ...guard, seq: guard.seq + n });
}

/**
 * Drops marks up to `last`, which do not count any more: as many as were added, and, where `guard.count` was lowered, a
 * slice of what it leaves over. The oldest go first, so that there is never a gap and the oldest is found by halving.
 */
function forget(d: Draft, scope: string, last: number, added: number): void {
  const isKept = (seq: number): boolean => d.find('guardMark', guardMarkKey(scope, seq)) !== null;
  if (last < 1 || !isKept(last)) return;
  let gone = isKept(last - 1) ? 0 : last - 1;
  for (let kept = last - 1; kept - gone > 1;) {
    const middle = Math.floor((gone + kept) / 2);
    if (isKept(middle)) kept = middle;
    else gone = middle;
  }
  const end = Math.min(last, gone + added + FORGOTTEN_AT_ONCE);
  for (let seq = gone + 1; seq <= end; seq++) d.drop('guardMark', guardMarkKey(scope, seq));
}

/** Puts `n` things into the batch of a scope, which is opened where there is none. Returns its number. */
export function holdBack(
  d: Draft,
  { scope, tenant, name }: Guarded,
  what: 'revokes' | 'disconnects' | 'suspends' | 'coas',
  n: number,
  example: string,
  now: number,
): number {
  const guard = rowOf(d, scope);
  const batch = guard.batch === null ? open(d, guard, tenant, name, now) : d.get('batch', guard.batch);
  d.put('batch', { ...batch, [what]: batch[what] + n, lastAt: now });
  // A batch that is shared is one alarm, which ends with it.
  const about = { ref: batch.scope, tenant, name: batch.name };
  raise(d, 'guard-tripped', about, `${example}, batch ${String(batch.id)}`, now);
  return batch.id;
}

function open(d: Draft, guard: Guard, tenant: string, name: string, now: number): Batch {
  const batch: Batch = {
    id: d.nextId('batch'),
    tenant,
    scope: guard.scope,
    name,
    status: 'open',
    revokes: 0,
    disconnects: 0,
    suspends: 0,
    coas: 0,
    openedAt: now,
    lastAt: now,
    decidedAt: null,
    decidedBy: null,
    reason: null,
  };
  d.put('guard', { ...guard, batch: batch.id });
  d.note({
    at: now,
    kind: 'guard-tripped',
    tenant,
    actor: name,
    code: 'awaiting-approval',
    detail: { batch: batch.id },
  });
  return batch;
}

/** How the words of {@link awaits} begin. */
export const AWAITS = 'awaits approval';

/** What a held thing waits for, in words. */
export function awaits(batch: number): string {
  return `${AWAITS}: batch ${String(batch)}`;
}
