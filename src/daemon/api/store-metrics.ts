/**
 * Metrics of what the store knows, for the API's thread: they are read from its own read-only connection when somebody
 * scrapes, and not at each scrape. The thread that takes packets has no part in it.
 */
import { Gauge, type Registry } from 'prom-client';
import type { FamilyCount } from '../../store/reads/figures.js';
import type { Reads } from '../../store/reads.js';
import type { Family } from '../lifecycle/address.js';
import type { Conflict, Pool } from '../lifecycle/records.js';
import { LIFECYCLE_STATES } from '../lifecycle/state.js';
import { censusOf } from '../lifecycle/zones.js';
import { EFFECT_KINDS, NAME_FAMILIES, nameFamily, type NameFamily } from '../metrics.js';
import { Spell } from './spell.js';
import { TaskMetrics } from './task-metrics.js';

export interface StoreMetricsOptions {
  readonly registry: Registry;
  readonly reads: Reads;
  readonly clock: { wallMs(): number; monoMs(): number };
  /** Octets of a file, or null where there is none: the write-ahead log. */
  readonly walSize: () => Promise<number | null>;
  /** `lifecycle.evidence_timeout` and `lifecycle.interim_interval` of the config in force. */
  readonly lifecycle: () => { readonly evidenceTimeoutMs: number; readonly interimIntervalMs: number };
}

/** Figures are at least so old before they are read again, however quickly that goes. */
const FRESH_MS = 5_000;
/** A quarantine that ended so long ago should have been noticed by the deadlines. */
const UNRELEASED_MS = 5 * 60_000;
const NEVER_SEEN_MS = 24 * 3_600_000;
/** A NAS that has missed so many Interims of its busiest customers is silent. */
const SILENT_INTERVALS = 2;

const FAMILIES: readonly Family[] = ['ipv4', 'ipv6', 'ipv6-pd'];
const CONFLICTS: readonly Conflict['kind'][] = ['contested', 'occupied', 'wider-than-pool'];

export class StoreMetrics {
  readonly #options: StoreMetricsOptions;
  readonly #figures: Spell;
  readonly #sessions: Spell;
  readonly #states: Readonly<Record<NameFamily, Gauge<'state'>>>;
  readonly #leaks: Readonly<Record<NameFamily, Gauge>>;
  readonly #utilisation: Readonly<Record<NameFamily, Gauge<'tenant' | 'pool'>>>;
  readonly #units: Gauge<'tenant' | 'pool' | 'state'>;
  readonly #stuck: Gauge<'family'>;
  readonly #neverSeen: Gauge<'family'>;
  readonly #oldestEffect: Gauge<'kind'>;
  readonly #conflicts: Gauge<'kind'>;
  readonly #nases: Gauge<'state'>;
  readonly #heard: Gauge<'nas'>;
  readonly #skew: Gauge<'nas'>;
  readonly #open: Gauge<'nas'>;
  readonly #suspect: Gauge<'nas'>;
  readonly #overdueDeadlines: Gauge;
  readonly #poison: Gauge;
  readonly #alive: Gauge;
  readonly #listening: Gauge;
  readonly #backup: Readonly<Record<'at' | 'seconds' | 'bytes', Gauge>>;
  readonly #tasks: TaskMetrics;
  readonly #file: Gauge;
  readonly #free: Gauge;
  readonly #wal: Gauge;
  readonly #took: Gauge<'part'>;
  readonly #readable: Gauge;

  constructor(options: StoreMetricsOptions) {
    this.#options = options;
    const { registry, reads, clock } = options;
    const registers = [registry];
    const gauge = <L extends string>(name: string, help: string, ...labelNames: L[]): Gauge<L> =>
      new Gauge<L>({ name, help, labelNames, registers });
    const each = <L extends string>(name: string, help: string, ...labels: L[]): Record<NameFamily, Gauge<L>> => ({
      ipv4: gauge(`ipv4_${name}`, help, ...labels),
      ipv6: gauge(`ipv6_${name}`, help, ...labels),
    });
    this.#figures = new Spell(clock, FRESH_MS);
    this.#sessions = new Spell(clock, FRESH_MS);
    this.#states = each('lifecycle_state_total', 'Assignments in a state', 'state');
    this.#leaks = each('prefix_leak_total', 'Prefixes that are kept though nobody has a right to them');
    this.#utilisation = each(
      'pool_utilization_percent',
      'Held and barred of what a pool can hand out',
      'tenant',
      'pool',
    );
    this.#units = gauge('addrd_pool_units', 'Units of a pool', 'tenant', 'pool', 'state');
    this.#stuck = gauge('addrd_assignments_stuck', 'REVOKING, with a reason why it does not end', 'family');
    this.#neverSeen = gauge('addrd_assignments_never_seen', 'ALLOCATED for a day without a session', 'family');
    this.#oldestEffect = gauge('addrd_outbox_oldest_seconds', 'Age of the oldest unfinished effect', 'kind');
    this.#conflicts = gauge('addrd_conflicts_open', 'Open conflicts', 'kind');
    this.#nases = gauge('addrd_nases', 'Known NASes, heard of late or silent', 'state');
    this.#heard = gauge('addrd_nas_heard_timestamp_seconds', 'When a NAS of a config entry was last heard', 'nas');
    this.#skew = gauge(
      'addrd_nas_clock_skew_seconds',
      'How far the clock of a NAS is ahead, by Event-Timestamp',
      'nas',
    );
    this.#open = gauge('addrd_sessions_open', 'Open sessions', 'nas');
    this.#suspect = gauge('addrd_sessions_suspect', 'Open sessions not seen since their NAS restarted', 'nas');
    this.#overdueDeadlines = gauge('addrd_deadlines_due', 'Deadlines that are due and not yet worked off');
    this.#poison = gauge('addrd_poison_rows', 'Condemned events on record');
    this.#alive = gauge('addrd_alive_timestamp_seconds', 'The last committed heartbeat');
    this.#listening = gauge('addrd_listening_since_timestamp_seconds', 'Since when addrd listens without a gap');
    this.#backup = {
      at: gauge('addrd_backup_last_success_timestamp_seconds', 'When the last backup was made, 0: none is known'),
      seconds: gauge('addrd_backup_duration_seconds', 'How long it took'),
      bytes: gauge('addrd_backup_size_bytes', 'Size of its file'),
    };
    this.#tasks = new TaskMetrics(registry);
    this.#file = gauge('addrd_store_file_bytes', 'Size of the store');
    this.#free = gauge('addrd_store_free_bytes', 'Of it in pages that hold nothing');
    this.#wal = gauge('addrd_store_wal_bytes', 'Size of the file of the write-ahead log');
    this.#took = gauge('addrd_store_figures_seconds', 'What it last took to read these figures', 'part');
    this.#readable = gauge('addrd_store_readable', 'Whether these figures could be read; else they are the last ones');
    const { sqlite, schema } = reads.versions();
    const info = gauge('addrd_store_info', 'Versions of SQLite and of the schema', 'sqlite_version', 'schema_version');
    info.set({ sqlite_version: sqlite, schema_version: String(schema) }, 1);
  }

  /** Reads again what has become too old. To be awaited before the registry is asked for its text. */
  async refresh(): Promise<void> {
    try {
      const figures = this.#figures.run(() => {
        this.#read();
      });
      const sessions = this.#sessions.run(() => {
        this.#countSessions();
      });
      this.#took.set({ part: 'figures' }, figures);
      this.#took.set({ part: 'sessions' }, sessions);
      this.#readable.set(1);
    } catch {
      // The other metrics are needed most when the store is in trouble; this one tells that these are old.
      this.#readable.set(0);
    }
    this.#wal.set((await this.#options.walSize()) ?? 0);
  }

  #countSessions(): void {
    const counts = this.#options.reads.openSessions();
    this.#open.reset();
    this.#suspect.reset();
    for (const { entry, open, suspect } of counts) {
      this.#open.set({ nas: entry }, open);
      this.#suspect.set({ nas: entry }, suspect);
    }
  }

  #read(): void {
    const { reads, clock } = this.#options;
    const { evidenceTimeoutMs, interimIntervalMs } = this.#options.lifecycle();
    const now = clock.wallMs();
    const figures = reads.figures({
      now,
      revokingBefore: now - evidenceTimeoutMs,
      quarantineBefore: now - UNRELEASED_MS,
      allocatedBefore: now - NEVER_SEEN_MS,
      heardBefore: now - SILENT_INTERVALS * interimIntervalMs,
    });
    for (const family of NAME_FAMILIES) {
      for (const state of LIFECYCLE_STATES) {
        const count = sum(
          figures.states.filter((one) => one.state === state),
          family,
        );
        this.#states[family].set({ state }, count);
      }
      this.#leaks[family].set(sum(figures.overdue, family) + sum(figures.unreleased, family));
    }
    for (const family of FAMILIES) {
      this.#stuck.set({ family }, countOf(figures.stuck, family));
      this.#neverSeen.set({ family }, countOf(figures.neverSeen, family));
    }
    this.#showPools(figures.pools);
    for (const kind of EFFECT_KINDS) this.#oldestEffect.set({ kind }, 0);
    for (const { kind, oldest } of figures.effects) this.#oldestEffect.set({ kind }, Math.max(0, now - oldest) / 1_000);
    for (const kind of CONFLICTS) {
      this.#conflicts.set({ kind }, figures.conflicts.find((one) => one.kind === kind)?.count ?? 0);
    }
    this.#nases.set({ state: 'heard' }, figures.nases.heard);
    this.#nases.set({ state: 'silent' }, figures.nases.silent);
    this.#heard.reset();
    this.#skew.reset();
    for (const { entry, heardUntil, skewMs } of figures.entries) {
      this.#heard.set({ nas: entry }, heardUntil / 1_000);
      if (skewMs !== null) this.#skew.set({ nas: entry }, skewMs / 1_000);
    }
    this.#overdueDeadlines.set(figures.dueDeadlines);
    this.#poison.set(figures.poison);
    this.#alive.set((figures.aliveAt ?? 0) / 1_000);
    this.#listening.set((figures.listeningSince ?? 0) / 1_000);
    this.#backup.at.set((figures.backup?.at ?? 0) / 1_000);
    this.#backup.seconds.set((figures.backup?.ms ?? 0) / 1_000);
    this.#backup.bytes.set(figures.backup?.bytes ?? 0);
    this.#tasks.show(reads.tasks(), now);
    this.#file.set(figures.size.file);
    this.#free.set(figures.size.free);
  }

  #showPools(pools: readonly Pool[]): void {
    for (const family of NAME_FAMILIES) this.#utilisation[family].reset();
    this.#units.reset();
    for (const pool of pools) {
      const { tenant, name, family } = pool;
      const { usable, used, held, barred, excluded, free, reserved } = censusOf(pool);
      // As the API says it: a pool that can hand out nothing at all is full.
      const percent = usable <= 0n ? 100 : Number((used * 10_000n) / usable) / 100;
      this.#utilisation[nameFamily(family)].set({ tenant, pool: name }, percent);
      const units = { held, barred, excluded: Number(excluded), free: Number(free), reserved: Number(reserved) };
      for (const [state, count] of Object.entries(units)) this.#units.set({ tenant, pool: name, state }, count);
    }
  }
}

function countOf(counts: readonly FamilyCount[], family: Family): number {
  return counts.find((one) => one.family === family)?.count ?? 0;
}

function sum(counts: readonly FamilyCount[], family: NameFamily): number {
  return counts.reduce((total, one) => total + (nameFamily(one.family) === family ? one.count : 0), 0);
}
