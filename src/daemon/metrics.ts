/** What Prometheus scrapes. Labels are codes from closed lists, never names or addresses. */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

/** What is read at the moment of a scrape, from memory. */
export interface Gauges {
  readonly queue: () => { size: number; ageMs: number };
  readonly debt: () => { effects: number; brokenTargets: number };
  readonly storeUp: () => boolean;
}

export class Metrics {
  readonly registry = new Registry();
  /** Datagrams that were refused in silence, by code. */
  readonly rejected: Counter<'code'>;
  /** Retransmissions answered from the reply cache. */
  readonly replayed: Counter;
  /** Events that were not taken, by reason: their senders heard nothing, or 503. */
  readonly refused: Counter<'reason'>;
  readonly verdicts: Counter<'event' | 'verdict'>;
  readonly commits: Histogram;
  readonly batches: Histogram;
  readonly effects: Counter<'kind' | 'outcome'>;
  readonly faulted: Counter;
  /** Answers to our own requests that were not believed, by code. */
  readonly dynauthRejected: Counter<'code'>;

  constructor(version: string) {
    const registers = [this.registry];
    collectDefaultMetrics({ register: this.registry });
    const counter = <L extends string>(name: string, help: string, labelNames: readonly L[]): Counter<L> =>
      new Counter<L>({ name, help, labelNames, registers });
    this.rejected = counter('addrd_radius_rejected_total', 'Datagrams refused in silence', ['code']);
    this.replayed = counter('addrd_radius_replayed_total', 'Retransmissions answered from the reply cache', []);
    this.refused = counter('addrd_queue_refused_total', 'Events that could not be queued', ['reason']);
    this.verdicts = counter('addrd_verdicts_total', 'Committed verdicts', ['event', 'verdict']);
    this.effects = counter('addrd_effects_total', 'Attempts at effects by outcome', ['kind', 'outcome']);
    this.faulted = counter('addrd_faulted_total', 'Events condemned to the poison table', []);
    this.dynauthRejected = counter('addrd_dynauth_rejected_total', 'Replies to our requests refused', ['code']);
    this.commits = new Histogram({
      name: 'addrd_commit_seconds',
      help: 'Time from batch to commit',
      buckets: [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1],
      registers,
    });
    this.batches = new Histogram({
      name: 'addrd_batch_events',
      help: 'Events a batch',
      buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256],
      registers,
    });
    new Gauge({ name: 'addrd_build_info', help: 'Version', labelNames: ['version'], registers }).set({ version }, 1);
  }

  /** Counts a batch, once a label: most batches are of one kind. */
  countVerdicts(events: readonly { kind: string }[], settlements: readonly { verdict: string }[]): void {
    const counts = new Map<string, { event: string; verdict: string; count: number }>();
    settlements.forEach(({ verdict }, index) => {
      const event = events[index]?.kind ?? '';
      const key = `${event}/${verdict}`;
      const known = counts.get(key);
      if (known === undefined) counts.set(key, { event, verdict, count: 1 });
      else known.count++;
    });
    for (const { event, verdict, count } of counts.values()) this.verdicts.inc({ event, verdict }, count);
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
    gauge('addrd_queue_age_seconds', 'How long the oldest of them has waited', () => gauges.queue().ageMs / 1000);
    gauge('addrd_outbox_debt', 'Effects without an outcome', () => gauges.debt().effects);
    gauge('addrd_outbox_broken_targets', 'Targets left alone for a while', () => gauges.debt().brokenTargets);
    gauge('addrd_store_up', 'Whether the store can be written', () => (gauges.storeUp() ? 1 : 0));
  }
}
