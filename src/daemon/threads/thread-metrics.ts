/** What is counted of the threads and of the write-ahead log. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

export type ThreadName = 'api' | 'checkpoint';

export class ThreadMetrics {
  /** Threads that ended unasked and were begun again. */
  readonly restarts: Counter<'thread'>;
  /** By whom a checkpoint was run: while the writer does, nobody is answered. */
  readonly checkpoints: Histogram<'by'>;
  readonly checkpointFailures: Counter;
  readonly walBytes: Gauge;
  /** What of the log is not in the database file yet. */
  readonly walPending: Gauge;

  constructor(registry: Registry) {
    const registers = [registry];
    this.restarts = new Counter({
      name: 'addrd_thread_restarts_total',
      help: 'Threads that ended unasked and were begun again',
      labelNames: ['thread'],
      registers,
    });
    for (const thread of ['api', 'checkpoint'] satisfies ThreadName[]) this.restarts.inc({ thread }, 0);
    this.checkpoints = new Histogram({
      name: 'addrd_checkpoint_seconds',
      help: 'Duration of checkpoints, by thread; those of the writer hold up answers',
      labelNames: ['by'],
      buckets: [0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 5, 30],
      registers,
    });
    for (const by of ['thread', 'writer']) this.checkpoints.zero({ by });
    this.checkpointFailures = new Counter({
      name: 'addrd_checkpoint_failures_total',
      help: 'Checkpoints that met an error',
      registers,
    });
    this.walBytes = new Gauge({ name: 'addrd_wal_bytes', help: 'What the write-ahead log holds', registers });
    this.walPending = new Gauge({
      name: 'addrd_wal_pending_bytes',
      help: 'What of the write-ahead log is not in the database file yet',
      registers,
    });
  }
}
