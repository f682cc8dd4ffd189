/**
 * What the thread that takes packets counts, in memory. Labels are codes from closed lists, never names or addresses.
 * What the store knows is counted in the API's thread: `api/store-metrics.ts`. docs/metrics.md has a row for each.
 */
import { collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Oddity } from '../protocols/radius/accounting.js';
import type { AccountingRejectCode } from '../protocols/radius/server.js';
import type { DynAuthRejectCode } from '../protocols/radius/client.js';
import type { Committed } from '../store/commit.js';
import { LANES, type Lane } from './lanes.js';
import type { Family } from './lifecycle/address.js';
import type { AlarmCause } from './lifecycle/brake.js';
import type { EffectResult, LifecycleEvent } from './lifecycle/events.js';
import type { EvidenceKind, Outbox, VerdictKind } from './lifecycle/records.js';
import type { UnsettledCode } from './pipeline.js';
import { RELOAD_RESULTS, type ReloadResult } from './reload.js';
import { Tally } from './tally.js';

/** What is read at the moment of a scrape, from memory. */
export interface Gauges {
  readonly queue: () => { size: number; ageMs: number };
  readonly debt: () => { brokenTargets: number };
  readonly debtOf: (kind: Outbox['kind']) => { waiting: number; inFlight: number };
  readonly storeUp: () => boolean;
  readonly frozen: () => boolean;
  /** Whether the store is a restored one that nobody has confirmed. */
  readonly restored: () => boolean;
  /** NASes in maintenance. */
  readonly maintained: () => number;
  /** Batches that wait for approval. */
  readonly batches: () => number;
  /** Open alarms by cause. */
  readonly alarms: () => readonly (readonly [AlarmCause, number])[];
}

type EventKind = LifecycleEvent['kind'];
type PacketKind = 'acct-start' | 'acct-interim' | 'acct-stop' | 'nas-on' | 'nas-off' | 'acct-odd';

const PACKETS: readonly PacketKind[] = ['acct-start', 'acct-interim', 'acct-stop', 'nas-on', 'nas-off', 'acct-odd'];
const UNSETTLED: Readonly<Record<UnsettledCode, null>> = {
  'queue-full': null,
  'source-share': null,
  'interim-shed': null,
  'store-unavailable': null,
  stopping: null,
};
const ALARMS: Readonly<Record<AlarmCause, null>> = {
  'restart-storm': null,
  gap: null,
  contested: null,
  occupied: null,
  'wider-than-pool': null,
  'termination-stuck': null,
  'renumber-failed': null,
  'target-silent': null,
  'coa-unconfirmed': null,
  'faulted-often': null,
  'store-trouble': null,
  'pool-nearly-full': null,
  'pool-exhausted': null,
  frozen: null,
  restored: null,
  'guard-tripped': null,
  'maintenance-overdue': null,
  'task-refused': null,
  'identity-conflict': null,
  'clock-skew': null,
};
const EVIDENCE = Object.keys({
  stop: null,
  'no-live-witness': null,
  'never-seen': null,
  'ack+silence': null,
  'nak-503+silence': null,
  superseded: null,
  reclaimed: null,
  operator: null,
} satisfies Readonly<Record<EvidenceKind, null>>) as EvidenceKind[];
const OUTCOMES: readonly EffectResult['result'][] = ['ack', 'nak', 'timeout', 'error'];
const STATUSES: readonly Outbox['status'][] = ['pending', 'done', 'superseded', 'would-have'];
export const EFFECT_KINDS: readonly Outbox['kind'][] = ['nas.disconnect', 'nas.coa'];

/** The names that begin with a family know two of them: a delegated prefix counts as IPv6. */
export type NameFamily = 'ipv4' | 'ipv6';
export const NAME_FAMILIES: readonly NameFamily[] = ['ipv4', 'ipv6'];

export function nameFamily(family: Family): NameFamily {
  return family === 'ipv4' ? 'ipv4' : 'ipv6';
}

/** Of prom-client's own: gauges that are named like counters, and slow where there are many sockets. */
const LEFT_OUT = ['handles', 'requests', 'resources'].flatMap((what) => [
  `nodejs_active_${what}`,
  `nodejs_active_${what}_total`,
]);

/** Seconds: from a commit without waiting to one behind a slow disk. */
const COMMIT_BUCKETS = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5];
/** Seconds: a NAS repeats itself after one to five. */
const ANSWER_BUCKETS = [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];
/** Seconds, from 10 ms to a week: an offline customer's address ends at once, a silent NAS's may take days. */
const REVOCATION_BUCKETS = [0.01, 0.1, 1, 5, 15, 60, 300, 900, 3_600, 14_400, 43_200, 86_400, 259_200, 604_800];
/** Seconds: one Disconnect-Request with its repetitions. */
const EFFECT_BUCKETS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 30, 60];

const ODDITIES: readonly Oddity['code'][] = [
  'value-length',
  'value-empty',
  'prefix-length',
  'attribute-repeated',
  'route-text',
  'routes-too-many',
];

export class Metrics {
  readonly registry = new Registry();
  /** Datagrams that were refused in silence, by code. */
  readonly rejected: Tally<AccountingRejectCode>;
  /** Requests that were taken in, by what they report, and those that were answered. */
  readonly accepted: Tally<PacketKind>;
  readonly answered: Tally<PacketKind>;
  /** Attributes of accepted requests that were left out: malformed, or repeated where one only makes sense. */
  readonly odd: Tally<Oddity['code']>;
  /** Events that were not taken, by reason: their senders heard nothing, or 503. */
  readonly refused: Tally<`${UnsettledCode}/${Lane}`>;
  /** Packets answered while the store could not be written (`on_store_failure: answer`). */
  unrecorded = 0;
  /** Reloads of the config by result. */
  readonly reloads: Tally<ReloadResult>;
  /** Backups by how they ended. */
  readonly backups: Tally<'done' | 'failed'>;
  readonly #reloadedAt: Gauge;
  readonly #reloadGood: Gauge;
  /** Answers to our own requests that were not believed, by code. */
  readonly dynauthRejected: Tally<DynAuthRejectCode>;
  /** Seconds from a request to its answer. */
  readonly answerSeconds: Histogram;

  /** Plain numbers: added to for each datagram. */
  datagrams = 0;
  octets = 0;
  /** Retransmissions answered from the reply cache. */
  replays = 0;
  /** Status-Server packets that were answered. */
  statusAnswers = 0;
  faulted = 0;
  breakersOpened = 0;
  clockJumps = 0;
  /** Lines of the log that found no room. */
  unlogged = (): number => 0;

  readonly #verdicts: Tally<`${EventKind}/${VerdictKind}`>;
  readonly #effects: Tally<`${Outbox['kind']}/${EffectResult['result']}`>;
  readonly #outboxRows: Tally<`${Outbox['kind']}/${Outbox['status']}`>;
  readonly #commits: Histogram;
  readonly #batches: Histogram;
  readonly #effectSeconds: Histogram<'kind'>;
  readonly #allocations: Readonly<Record<NameFamily, Histogram>>;
  readonly #revocations: Readonly<Record<NameFamily, Histogram>>;
  readonly #ended: Tally<EvidenceKind>;
  #journal = 0;

  constructor(version: string) {
    const { registry } = this;
    const registers = [registry];
    collectDefaultMetrics({ register: registry });
    for (const name of LEFT_OUT) registry.removeSingleMetric(name);

    const tally = <K extends string>(name: string, help: string, labels: string[], from: readonly K[] = []): Tally<K> =>
      new Tally<K>(registry, { name, help, labels, from });
    const number = (name: string, help: string, value: () => number): void => {
      const made: Tally<''> = tally(name, help, []);
      made.follow('', value);
    };
    const histogram = (name: string, help: string, buckets: number[]): Histogram =>
      new Histogram({ name, help, buckets, registers });

    number('addrd_radius_datagrams_total', 'Datagrams received on the accounting sockets', () => this.datagrams);
    number('addrd_radius_received_bytes_total', 'Octets of those datagrams', () => this.octets);
    this.rejected = tally('addrd_radius_rejected_total', 'Datagrams refused in silence', ['code']);
    this.odd = tally('addrd_radius_odd_attributes_total', 'Attributes that were left out', ['code'], ODDITIES);
    number('addrd_radius_replayed_total', 'Repetitions answered from the reply cache', () => this.replays);
    number('addrd_radius_status_server_total', 'Status-Server packets answered', () => this.statusAnswers);
    this.accepted = tally('addrd_radius_accepted_total', 'Authenticated requests taken in', ['event'], PACKETS);
    this.answered = tally('addrd_radius_answered_total', 'Requests answered after their commit', ['event'], PACKETS);
    this.answerSeconds = histogram('addrd_radius_answer_seconds', 'From a request to its answer', ANSWER_BUCKETS);

    const refusals = (Object.keys(UNSETTLED) as UnsettledCode[]).flatMap((code) =>
      LANES.map((lane) => `${code}/${lane}` as const),
    );
    this.refused = tally('addrd_queue_refused_total', 'Events that were not decided', ['reason', 'lane'], refusals);
    this.#verdicts = tally('addrd_verdicts_total', 'Committed verdicts', ['event', 'verdict']);
    this.#ended = tally('addrd_tenures_ended_total', 'Assignments that became REVOKED', ['evidence'], EVIDENCE);
    number('addrd_faulted_total', 'Events condemned to the poison table', () => this.faulted);
    number('addrd_unrecorded_total', 'Packets answered without being recorded', () => this.unrecorded);
    this.reloads = tally('addrd_config_reload_total', 'Reloads of the config by result', ['result'], RELOAD_RESULTS);
    this.backups = tally('addrd_backups_total', 'Backups of the store', ['result'], ['done', 'failed']);
    this.#reloadedAt = new Gauge({
      name: 'addrd_config_last_reload_success_timestamp_seconds',
      help: 'When the config in force was last known to be that of the file',
      registers,
    });
    this.#reloadGood = new Gauge({
      name: 'addrd_config_last_reload_successful',
      help: 'Whether the config in force is that of the file, as of the last reload',
      registers,
    });

    this.#commits = histogram('addrd_commit_seconds', 'From a batch to its commit', COMMIT_BUCKETS);
    this.#batches = histogram('addrd_batch_events', 'Events in a commit', [1, 2, 4, 8, 16, 32, 64, 128, 256]);
    number('addrd_journal_rows_total', 'Lines written to the journal', () => this.#journal);
    const written = EFFECT_KINDS.flatMap((kind) => STATUSES.map((status) => `${kind}/${status}` as const));
    this.#outboxRows = tally('addrd_outbox_rows_total', 'Outbox rows written', ['kind', 'status'], written);

    const outcomes = EFFECT_KINDS.flatMap((kind) => OUTCOMES.map((outcome) => `${kind}/${outcome}` as const));
    this.#effects = tally('addrd_effects_total', 'Attempts at effects', ['kind', 'outcome'], outcomes);
    this.#effectSeconds = new Histogram({
      name: 'addrd_effect_seconds',
      help: 'One attempt at an effect, with its repetitions',
      labelNames: ['kind'],
      buckets: EFFECT_BUCKETS,
      registers,
    });
    number('addrd_outbox_breaker_opened_total', 'Times a target was left alone', () => this.breakersOpened);
    this.dynauthRejected = tally('addrd_dynauth_rejected_total', 'Replies to our requests refused', ['code']);
    number('addrd_clock_jumps_total', 'Steps of the wall clock by a second or more', () => this.clockJumps);
    number('addrd_log_dropped_total', 'Log lines dropped because nobody read them', () => this.unlogged());

    const each = (name: string, help: string, buckets: number[]): Record<NameFamily, Histogram> => ({
      ipv4: histogram(`ipv4_${name}`, help, buckets),
      ipv6: histogram(`ipv6_${name}`, help, buckets),
    });
    this.#allocations = each('allocation_duration_seconds', 'From an order to its commit', ANSWER_BUCKETS);
    this.#revocations = each('revocation_duration_seconds', 'From REVOKING to REVOKED', REVOCATION_BUCKETS);
    new Gauge({ name: 'addrd_build_info', help: 'The version', labelNames: ['version'], registers }).set(
      { version },
      1,
    );
  }

  /** Whether the config in force is that of the file: Unix milliseconds of when that was seen, or null where it is not. */
  configInForce(at: number | null): void {
    this.#reloadGood.set(at === null ? 0 : 1);
    if (at !== null) this.#reloadedAt.set(at / 1000);
  }

  /** Counts a committed batch. `now` in Unix milliseconds. */
  countCommit(committed: Committed, events: readonly LifecycleEvent[], commitMs: number, now: number): void {
    this.#commits.observe(commitMs / 1_000);
    this.#batches.observe(events.length);
    this.#journal += committed.journal;
    for (const { kind, status } of committed.outbox) this.#outboxRows.add(`${kind}/${status}`);
    for (const { family, revokingMs, evidence, ordered } of committed.revoked) {
      if (evidence !== null) this.#ended.add(evidence);
      if (ordered) this.#revocations[nameFamily(family)].observe(revokingMs / 1_000);
    }
    committed.settlements.forEach(({ verdict, replayed }, index) => {
      const event = events[index];
      if (event === undefined) return;
      this.#verdicts.add(`${event.kind}/${verdict}`);
      if (event.kind === 'allocate' && verdict === 'applied' && !replayed) {
        this.#allocations[nameFamily(event.family)].observe(Math.max(0, now - event.receivedAt) / 1_000);
      }
    });
  }

  /** Counts an attempt at an effect. */
  countEffect(kind: Outbox['kind'], outcome: EffectResult['result'], tookMs: number): void {
    this.#effects.add(`${kind}/${outcome}`);
    this.#effectSeconds.observe({ kind }, tookMs / 1_000);
  }

  /** Adds the gauges that need the running parts. */
  observe(gauges: Gauges): void {
    const registers = [this.registry];
    const gauge = (name: string, help: string, value: () => number): void => {
      const made: Gauge = new Gauge({
        name,
        help,
        registers,
        collect: () => {
          made.set(value());
        },
      });
    };
    gauge('addrd_queue_events', 'Events that wait for the door', () => gauges.queue().size);
    gauge('addrd_queue_age_seconds', 'How long the oldest of them has waited', () => gauges.queue().ageMs / 1_000);
    const debt: Gauge<'kind' | 'state'> = new Gauge({
      name: 'addrd_outbox_debt',
      help: 'Effects without an outcome',
      labelNames: ['kind', 'state'],
      registers,
      collect: () => {
        for (const kind of EFFECT_KINDS) {
          const { waiting, inFlight } = gauges.debtOf(kind);
          debt.set({ kind, state: 'waiting' }, waiting);
          debt.set({ kind, state: 'in-flight' }, inFlight);
        }
      },
    });
    gauge('addrd_outbox_broken_targets', 'Targets left alone for a while', () => gauges.debt().brokenTargets);
    gauge('addrd_store_up', 'Whether the store can be written', () => (gauges.storeUp() ? 1 : 0));
    gauge('addrd_frozen', 'Whether somebody has frozen addrd', () => (gauges.frozen() ? 1 : 0));
    gauge('addrd_restored', 'Whether addrd observes since a restore', () => (gauges.restored() ? 1 : 0));
    gauge('addrd_nas_maintenance', 'NASes in maintenance', () => gauges.maintained());
    gauge('addrd_approvals_waiting', 'Batches that wait for approval', () => gauges.batches());
    const alarms = new Gauge({
      name: 'addrd_alarms_open',
      help: 'Open alarms by cause',
      labelNames: ['cause'],
      registers,
      collect: () => {
        for (const cause of Object.keys(ALARMS)) alarms.set({ cause }, 0);
        for (const [cause, count] of gauges.alarms()) alarms.set({ cause }, count);
      },
    });
  }
}
