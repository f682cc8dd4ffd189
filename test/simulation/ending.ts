/** The reckoning after a long peace: what should have ended has ended, and what has not says why, truthfully. */
import type { Database } from '../../src/store/open.js';
import { hex, prefixKey } from '../../src/daemon/lifecycle/address.js';
import { addressOctets } from '../../src/protocols/radius/address.js';
import { OBEDIENT } from './habits.js';
import type { Nas, TrueSession } from './nas.js';
import type { Scene } from './scene.js';

interface Revoking {
  readonly id: number;
  readonly net: Uint8Array;
  readonly plen: number;
  readonly stuck: string | null;
  readonly outcome: string | null;
  readonly disconnects: number;
  readonly disconnect: string | null;
}

interface OpenWitness {
  readonly standing: 'held' | 'contested';
  readonly sid: Uint8Array;
  readonly nas: Uint8Array;
  readonly interims: number;
  readonly kind: string | null;
}

interface PendingEffect {
  readonly id: number;
  readonly outcome: string | null;
  readonly batch: number | null;
  readonly nas: Uint8Array;
  readonly tried: number;
  /** How many are pending for its NAS. */
  readonly beside: number;
}

const MUTE = 'silence: unusable, [0-2] Interims seen, 3 are needed';
const INFERRED = String.raw`session \S+( of \S+)? on \S+: its end was only inferred after the NAS restart of \S+`;

/** The reasons that may keep a revoke from ending, and what each is allowed to mean. */
const REASONS: readonly (readonly [RegExp, string])[] = [
  [/; the NAS refused the Disconnect \(nak-501\)$/, 'the NAS refuses'],
  [/; the NAS does not answer \(timeout\)$/, 'the NAS does not answer'],
  [/; the NAS acknowledges and keeps the session$/, 'the NAS acknowledges and keeps the session'],
  [/; AAA still returns it$/, 'AAA still returns it'],
  [/; batch \d+ was rejected by token:crm$/, 'somebody rejected its Disconnect'],
  [/; no CoA address for NAS \S+$/, 'no CoA address'],
  [/^session \S+ is open$/, 'a session is open'],
  [/^contested by session \S+$/, 'contested'],
  [/^contested by session \S+, whose end was only inferred; it rests until \S+$/, 'a stranger who was not seen to end'],
  [new RegExp(`^session \\S+ answered \\S+ and sent no Stop; ${MUTE}$`), 'silence is unusable'],
  [new RegExp(`^${INFERRED}; ${MUTE}$`), 'silence is unusable'],
  [/^session \S+ answered \S+ and sent no Stop; silent only since /, 'still reporting'],
];

/** What is said after the reason where only somebody can end it. */
const REMEDY =
  /(; waiting does not end it, its Stop does|: give its entry coa and say the revoke again, wait for the Stop), or addrdctl revoke \S+ --address \S+ --force --reason \.\.\.$/;

/** What the step says of a Disconnect when there were three in ten minutes (SEMANTICS 6). */
const HELD = new Set(['AAA still returns it', 'the NAS acknowledges and keeps the session']);

/** A line for each thing that should not be so. `stuck` counts why revokes did not end. */
export function ending(
  db: Database,
  scene: Scene,
  nases: readonly Nas[],
  now: number,
  stuck: Map<string, number>,
): string[] {
  const found: string[] = [];
  const overdue = db.prepare('SELECT kind, ref FROM deadline WHERE due_at < ?').all(now - 1_000) as {
    kind: string;
    ref: string;
  }[];
  for (const { kind, ref } of overdue) found.push(`ending: deadline ${kind} ${ref} was missed`);
  const barred = db
    .prepare("SELECT lower(hex(net)) FROM pool_free WHERE state = 'quarantined' AND free_at < ?")
    .pluck()
    .all(now - 1_000) as string[];
  for (const net of barred) found.push(`ending: ${net} is still in quarantine`);
  found.push(...occupied(db, nases), ...effects(db, scene, nases, now), ...gardens(db, nases), ...strangers(db, nases));
  const rows = db
    .prepare(
      `SELECT a.id, a.net, a.plen, a.stuck, e.outcome, a.revoke->>'sendDisconnect' AS disconnects, c.outcome AS disconnect
         FROM assignment a LEFT JOIN assignment_step c ON c.assignment = a.id AND c.step = 'disconnect'
         LEFT JOIN assignment_step e ON e.assignment = a.id AND e.step = 'evidence' WHERE a.state = 'revoking'`,
    )
    .all() as Revoking[];
  for (const row of rows) found.push(...explain(db, scene, nases, row, stuck));
  found.push(...unreleased(db));
  return found;
}

/** What may keep a tenure that nobody stands on from being released. */
const RESTS = String.raw`contested by session \S+(, whose end was only inferred; it rests until \S+)?`;
const UNRELEASED = new RegExp(`^${INFERRED}; ${MUTE}$|^${RESTS}$`);

/** Where sessions begin and end tenures, none is left that nobody stands on, unless it says truly why. */
function unreleased(db: Database): string[] {
  const rows = db
    .prepare(
      `SELECT a.id, a.state, e.outcome, count(w.ref) AS witnesses FROM assignment a JOIN pool p ON p.id = a.pool
         LEFT JOIN witness w ON w.assignment = a.id AND w.standing = 'held'
         LEFT JOIN assignment_step e ON e.assignment = a.id AND e.step = 'evidence' AND e.state = 'waiting'
        WHERE p.kind <> 'static' AND a.state IN ('allocated', 'active', 'suspended')
        GROUP BY a.id HAVING count(w.ref) = count(w.closed_at)`,
    )
    .all() as { id: number; state: string; outcome: string | null; witnesses: number }[];
  return rows
    .filter(({ state, outcome, witnesses }) => {
      // Somebody activated it by order: it is in service without a session.
      if (witnesses === 0 && state !== 'allocated') return false;
      return outcome === null || !UNRELEASED.test(outcome.replace(/^not taken up by \S+; /, ''));
    })
    .map(({ id, state, outcome }) => `ending: ${state} assignment ${id} has nobody on it (${String(outcome)})`);
}

/** Only the sessions of the truth, and those whose end addrd could not hear of, occupy anything. */
function occupied(db: Database, nases: readonly Nas[]): string[] {
  const up = new Set(
    nases.flatMap((nas) => nas.sessions.flatMap((one) => one.addresses.map(({ prefix }) => prefixKey(prefix)))),
  );
  const rows = db.prepare("SELECT net, plen FROM pool_free WHERE state = 'occupied'").all() as {
    net: Uint8Array;
    plen: number;
  }[];
  const open = db
    .prepare(
      "SELECT count(*) FROM session s, json_each(s.addresses) j WHERE s.ended_at IS NULL AND j.value->>2 = 'occupied'",
    )
    .pluck()
    .get() as number;
  if (rows.length > open) return [`ending: ${rows.length} units are occupied by ${open} open sessions`];
  return rows.length === 0 || up.size > 0 || open > 0 ? [] : ['ending: units are occupied by nobody'];
}

/** A NAS that does not answer is tried again within the cap of the backoff, and by one probe at a time: see breaker.ts. */
const RETRY_MS = 180_000;
const PROBE_MS = 45_000;

/** Nothing is left to send but to NASes that do not answer; and those are still asked: no effect was lost sight of. */
function effects(db: Database, scene: Scene, nases: readonly Nas[], now: number): string[] {
  const rows = db
    .prepare(
      `SELECT o.id, o.outcome, o.batch, n.bytes AS nas, coalesce(o.started_at, o.created_at) AS tried,
              count(*) OVER (PARTITION BY n.id) AS beside
         FROM outbox o JOIN session s ON s.id = o.session JOIN nas n ON n.id = s.nas WHERE o.status = 'pending'`,
    )
    .all() as PendingEffect[];
  return rows.flatMap(({ id, outcome, batch, nas: bytes, tried, beside }) => {
    const said = batch === null ? String(outcome) : `batch ${batch}`;
    const nas = nasAt(nases, bytes);
    if (nas?.options.habits.disconnect !== 'silent') return [`ending: effect ${id} is still pending (${said})`];
    const since = now - tried;
    return since > (RETRY_MS + beside * PROBE_MS) * scene.pace.rounds
      ? [`ending: effect ${id} was not tried for ${since} ms (${said})`]
      : [];
  });
}

function nasAt(nases: readonly Nas[], bytes: Uint8Array): Nas | undefined {
  return nases.find(({ address }) => hex(addressOctets(address) ?? new Uint8Array()) === hex(bytes));
}

/** What a NAS acknowledged is so: a session that is up is in the garden exactly where addrd says so. */
function gardens(db: Database, nases: readonly Nas[]): string[] {
  const rows = db
    .prepare(
      `SELECT s.sid, n.bytes AS nas, s.profile->>'profile' AS profile FROM session s JOIN nas n ON n.id = s.nas
        WHERE s.ended_at IS NULL AND s.profile->>'state' = 'confirmed' AND s.profile->>'outcome' = 'ack'
          AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.id = s.disconnect)
          AND EXISTS (SELECT 1 FROM outbox o WHERE o.session = s.id AND o.kind = 'nas.coa' AND o.status = 'done')`,
    )
    .all() as { sid: Uint8Array; nas: Uint8Array; profile: string }[];
  return rows.flatMap(({ sid, nas: bytes, profile }) => {
    const name = Buffer.from(sid).toString();
    const truth = nasAt(nases, bytes)?.sessions.find((one) => one.sid === name);
    if (truth === undefined || truth.garden === (profile === 'suspend')) return [];
    return [`ending: session ${name} was told to ${profile}, and is ${truth.garden ? '' : 'not '}in the garden`];
  });
}

/** Whose Class is his own contests nothing that is his. */
function strangers(db: Database, nases: readonly Nas[]): string[] {
  const rows = db
    .prepare(
      `SELECT s.sid, n.bytes AS nas, u.name, a.id FROM session s JOIN nas n ON n.id = s.nas, json_each(s.addresses) x
         JOIN assignment a ON a.id = x.value->>3 JOIN subscriber u ON u.id = a.subscriber
        WHERE s.ended_at IS NULL AND x.value->>2 = 'contested' AND a.state IN ('active', 'suspended')`,
    )
    .all() as { sid: Uint8Array; nas: Uint8Array; name: string; id: number }[];
  return rows.flatMap(({ sid, nas: bytes, name, id }) => {
    const text = Buffer.from(sid).toString();
    const truth = nasAt(nases, bytes)?.sessions.find((one) => one.sid === text);
    const isHis = truth?.customer === name && truth.classed && !truth.mistaken;
    return isHis ? [`ending: session ${text} of ${name} contests his own assignment ${id}`] : [];
  });
}

/** Holds the reason of a revoke that did not end against the truth. */
function explain(
  db: Database,
  scene: Scene,
  nases: readonly Nas[],
  row: Revoking,
  stuck: Map<string, number>,
): string[] {
  const name = `ending: revoke of assignment ${row.id} (${hex(row.net)}/${row.plen})`;
  if (row.stuck === null) return [`${name} did not end and does not say why (${String(row.outcome)})`];
  const said = row.stuck.replace(REMEDY, '');
  const reason = REASONS.find(([pattern]) => pattern.test(said))?.[1];
  if (reason === undefined) return [`${name} is stuck for a reason that nobody knows: ${row.stuck}`];
  stuck.set(reason, (stuck.get(reason) ?? 0) + 1);
  const witnesses = db
    .prepare(
      `SELECT w.standing, s.sid, n.bytes AS nas, u.interims, w.close_kind AS kind FROM witness w
         JOIN session s ON s.id = w.ref JOIN session_usage u ON u.id = s.id JOIN nas n ON n.id = s.nas
        WHERE w.assignment = ? AND (w.closed_at IS NULL OR w.close_kind = 'inferred')`,
    )
    .all(row.id) as OpenWitness[];
  const excused = witnesses.some((witness) => isExcuse(scene, nases, row, witness));
  return excused ? [] : [`${name} could have ended and is stuck: ${row.stuck}`];
}

/** Whether a witness that is not settled may keep an assignment from ending for ever. */
function isExcuse(scene: Scene, nases: readonly Nas[], row: Revoking, witness: OpenWitness): boolean {
  const nas = nasAt(nases, witness.nas);
  const sid = Buffer.from(witness.sid).toString();
  const session = nas?.sessions.find((one) => one.sid === sid && isOn(one, row));
  // Its Stop was lost in a gap or its NAS forgot it: without Interims before, silence proves nothing (SEMANTICS 3).
  if (session === undefined) {
    if (witness.interims < 3) return true;
    // Only the answer to a Disconnect lets silence count (section 3), and none is sent or none comes.
    return witness.kind === null && (!obeys(scene, nas, row) || witness.standing === 'contested');
  }
  if (witness.standing === 'contested') return true;
  // Three Disconnects in ten minutes, then hold (section 6): the session that came back last is left alone.
  return !obeys(scene, nas, row) || (row.disconnect !== null && HELD.has(row.disconnect));
}

function obeys(scene: Scene, nas: Nas | undefined, row: Revoking): boolean {
  const takes = scene.nases.find(({ name }) => name === nas?.options.name)?.takesDisconnects === true;
  const { mode } = scene.config;
  return mode === 'act' && takes && row.disconnects === 1 && OBEDIENT.has(nas?.options.habits.disconnect ?? 'silent');
}

function isOn(session: TrueSession, row: Revoking): boolean {
  return session.addresses.some(({ prefix }) => prefixKey(prefix) === `${hex(row.net)}/${row.plen}`);
}
