/** Constructs the core, from sockets to store, and ties its parts together. No logic: who hears what from whom, and in which order. */
import { AccountingServer, type BoundSocket } from '../protocols/radius/server.js';
import { Door, type Settlement } from '../store/commit.js';
import type { StoreError } from '../store/errors.js';
import type { Database } from '../store/open.js';
import { Pending } from '../store/pending.js';
import { listenDifference, listenText } from './activation.js';
import { Brakes } from './brakes.js';
import { after } from './clock.js';
import type { CommandPort, Readiness } from './command.js';
import { configuredPools, configuredVrfs, type Config, type NasConfig } from './config.js';
import { Deadlines } from './deadlines.js';
import { openDynAuth } from './dynauth.js';
import { Heartbeat } from './heartbeat.js';
import { accountingEvent } from './ingest/radius.js';
import { LANE_OF } from './lanes.js';
import { decide } from './lifecycle/decide.js';
import type { LifecycleEvent, TroubleEvent } from './lifecycle/events.js';
import { TOO_MANY_NASES } from './lifecycle/hearing.js';
import { actsOn, type Policy } from './lifecycle/policy.js';
import { clientsOf, coaOf } from './nas-entries.js';
import type { Vitals } from './notify.js';
import { openCommands } from './orders.js';
import { Outage } from './outage.js';
import { OutboxWorker } from './outbox/worker.js';
import { Pipeline } from './pipeline.js';
import type { Platform } from './platform.js';
import { compilePolicy } from './policy-of.js';
import { QuietLog } from './quiet-log.js';
import type { ReloadRefusal } from './reload.js';

/** The store does not fit the config: nothing was changed. `code` is that of the refusal. */
export class StartRefused extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.name = 'StartRefused';
    this.code = code;
  }
}

/** More condemned events than this in a minute are no accident. */
const FAULTS_A_MINUTE = 10;
/** A commit that takes longer is worth a line: the answers of a whole batch waited for it. */
const SLOW_COMMIT_MS = 500;

/** How long a stop waits for the answers to what was read. Whoever is not answered by then asks again. */
const DRAIN_MS = 5_000;

/** The running daemon without its API. */
export interface Core {
  readonly commands: CommandPort;
  readonly pipeline: Pipeline;
  readonly bound: readonly BoundSocket[];
  readiness(): Readiness;
  vitals(): Vitals;
  /**
   * Puts another config in force, between two batches; `changed` names its keys for the journal. Only what can change
   * while addrd runs is looked at. Null, or why nothing has changed.
   */
  reload(config: Config, changed: readonly string[]): Promise<ReloadRefusal | null>;
  /** Commits what was read and answers it, and closes the sockets. Stopping twice is allowed. */
  stop(): Promise<void>;
}

/**
 * Builds the core on an open database and starts it: store first, sockets last.
 * @throws StartRefused where a pool contradicts the store; system errors of binding, with their code.
 */
export async function startCore(config: Config, db: Database, platform: Platform): Promise<Core> {
  const { clock, timers, turn, random, openUdp, log, metrics } = platform;
  const quiet = new QuietLog(log, clock);
  const pending = new Pending(db);
  const outage = new Outage(clock);
  const brakes = new Brakes(
    () => pending.brakes(),
    () => pending.restored(),
  );
  let trouble: StoreError | null = null;
  let faults = { since: -Infinity, count: 0, told: false };
  let condemned = 0;
  let current = config;
  let policy = compilePolicy({ ...config, pools: [] }, { pool: () => 0, vrf: () => 0 });
  let commitEndedAt = clock.monoMs();
  const judge = platform.judge ?? decide;

  const door = new Door<LifecycleEvent>({
    db,
    sleep: (ms) => after(timers, ms),
    ...(platform.faultAt === undefined ? {} : { faultAt: platform.faultAt }),
    onFault: (kind, source, error) => {
      metrics.faulted++;
      condemned++;
      const now = clock.monoMs();
      if (now - faults.since > 60_000) faults = { since: now, count: 0, told: false };
      faults.count++;
      // Once a minute: who is flooded by faults must not be flooded by news of them.
      if (faults.count > FAULTS_A_MINUTE && !faults.told) {
        faults.told = true;
        log.error({ code: 'faulted-often', count: faults.count }, 'events are being condemned: addrd needs mending');
        tell(
          'faulted-often',
          `more than ${String(FAULTS_A_MINUTE)} events in a minute, ${kind} from ${source} among them`,
        );
      }
      quiet.error('faulted', source, { event: kind, err: error }, 'an event was condemned; see the poison table');
    },
  });

  const pipeline = new Pipeline({
    commit: (batch) =>
      door
        .commitBatch(batch, (world, event) => judge(world, event, policy))
        .finally(() => (commitEndedAt = clock.monoMs())),
    clock,
    timers,
    turn,
    limits: config.queue,
    unrecorded: () => outage.unrecorded,
    onCommitted: (committed, events, commitMs) => {
      if (brakes.follow(events, committed.settlements)) {
        worker.heed();
        // What waited for the thaw is due by now.
        deadlines.notice(clock.wallMs());
        platform.onReadiness?.();
      }
      metrics.countCommit(committed, events, commitMs, clock.wallMs());
      if (commitMs >= SLOW_COMMIT_MS) {
        const fields = { ms: Math.round(commitMs), events: events.length };
        quiet.warn('slow-commit', null, fields, 'a commit took long: nothing was answered meanwhile');
      }
      if (committed.outbox.length > 0) worker.notice(committed.outbox);
      if (committed.dueAt !== null) deadlines.notice(committed.dueAt);
    },
    onStore: (error) => {
      const before = trouble;
      trouble = error;
      if (error === null) outage.ended();
      else outage.began();
      platform.onReadiness?.();
      if (error === null && before !== null) tell('store-trouble', `${before.code}: ${before.message}`);
      if (error === null) log.info({ code: 'store-up' }, 'the store can be written again');
      else log.error({ code: error.code, err: error }, 'the store cannot be written: nothing is answered until it can');
    },
    onFault: (error) => {
      log.error({ code: 'settle-failed', err: error }, 'something went wrong after a commit; what was committed stays');
    },
    onLost: platform.onLost,
  });

  const submit = (event: LifecycleEvent): Promise<Settlement | null> =>
    new Promise((resolve) => {
      pipeline.submit({ event, source: 'addrd', raw: null, idempotency: null }, (settlement, why) => {
        if (why !== null) metrics.refused.add(`${why}/${LANE_OF[event.kind]}`);
        resolve(settlement);
      });
    });

  /** Raises an alarm about addrd itself. Called in the middle of a commit, too: the event waits its turn. */
  const tell = (cause: TroubleEvent['cause'], detail: string): void => {
    void submit({ kind: 'daemon-trouble', cause, detail, receivedAt: clock.wallMs() });
  };

  let access = coaOf(config);
  const dynauth = openDynAuth({ platform, quiet, pending, access: () => access });

  const worker = new OutboxWorker({
    clock,
    timers,
    random,
    ...config.outbox,
    submit,
    perform: (row, signal) => dynauth.perform(row, signal),
    busy: () => pipeline.flooded,
    held: (target) => brakes.holds(target),
    onResult: (row, outcome, tookMs) => {
      metrics.countEffect(row.kind, outcome.result, tookMs);
    },
    onBreaker: (row, open) => {
      const nas = pending.disconnectSubject(row.session).entry;
      if (open) {
        metrics.breakersOpened++;
        log.warn(
          { code: 'breaker-opened', nas, target: row.target },
          'a NAS does not answer: it is left alone for a while',
        );
      } else log.info({ code: 'breaker-closed', nas, target: row.target }, 'a NAS answers again');
    },
  });
  const deadlines = new Deadlines({
    clock,
    timers,
    nextDue: () => pending.nextDue(),
    due: (now, limit) => pending.due(now, limit),
    submit: async (event) => (await submit(event))?.verdict ?? null,
  });
  const heartbeat = new Heartbeat({
    clock,
    timers,
    submit: (event) => {
      quiet.sweep();
      const count = condemned;
      condemned = 0;
      void submit(count > 0 ? { ...event, condemned: count } : event).then((settlement) => {
        if (settlement === null) condemned += count;
      });
    },
    onJump: (byMs) => {
      metrics.clockJumps++;
      log.warn({ code: 'clock-jumped', byMs }, 'the clock was set, or the machine slept');
    },
  });

  const passed = platform.passed ?? [];
  const configured = config.radius.accounting.listen;
  const { unheard, unnamed } = listenDifference(passed, configured);
  if (passed.length > 0) {
    log.info({ code: 'sockets-passed', sockets: passed.map(listenText) }, 'accounting sockets were handed over');
    if (unheard.length + unnamed.length > 0) {
      const message = 'radius.accounting.listen is not what the socket unit says: the socket unit counts';
      log.warn({ code: 'listen-differs', unheard, unnamed }, message);
    }
  }

  const answersUnrecorded = (): boolean => {
    const { onStoreFailure } = current.radius.accounting;
    if (!outage.answers(onStoreFailure, policy.gapToleranceMs)) return false;
    metrics.unrecorded++;
    quiet.warn('answered-unrecorded', null, { count: outage.unrecorded }, 'a NAS is answered and nothing is recorded');
    return true;
  };
  const server = new AccountingServer<NasConfig>({
    openUdp,
    clock,
    listen: passed.length > 0 ? passed : configured.map(({ host, port }) => ({ address: host, port })),
    receiveBuffer: config.radius.accounting.receiveBuffer,
    replyCacheMs: config.radius.accounting.replyCacheMs,
    replyCacheEntries: config.radius.accounting.replyCacheEntries,
    clients: clientsOf(config),
    handler: ({ client, source, receivedAt, request }, respond) => {
      const { tenant, name: entry, trust, identity } = client.payload;
      const event = accountingEvent(request, { tenant, entry, trust, identity, source: source.bytes, receivedAt });
      const began = clock.monoMs();
      metrics.accepted.add(event.kind);
      for (const { code } of request.oddities) metrics.odd.add(code);
      const raw = request.packet.bytes;
      pipeline.submit({ event, source: source.address, raw, idempotency: null }, (settlement, why) => {
        const unrecorded = why === 'store-unavailable' && answersUnrecorded();
        respond(settlement !== null || unrecorded);
        if (settlement?.code === TOO_MANY_NASES.code) {
          const message = 'a packet names a NAS beyond radius.nas[].most_nases of its entry: answered, not recorded';
          quiet.warn('too-many-nases', source.address, { nas: entry }, message);
        }
        if (why !== null) metrics.refused.add(`${why}/${LANE_OF[event.kind]}`);
        else {
          metrics.answered.add(event.kind);
          metrics.answerSeconds.observe((clock.monoMs() - began) / 1_000);
        }
      });
    },
    onDatagram: (octets) => {
      metrics.datagrams++;
      metrics.octets += octets;
    },
    onReject: (code, source) => {
      metrics.rejected.add(code);
      if (code !== 'duplicate-in-flight')
        quiet.warn(code, source.address, { port: source.port }, 'a datagram was refused');
    },
    flood: config.radius.accounting.flood,
    ready: () =>
      pipeline.accepts() || outage.mayAnswer(current.radius.accounting.onStoreFailure, policy.gapToleranceMs),
    onReplay: () => {
      metrics.replays++;
    },
    onStatus: () => {
      metrics.statusAnswers++;
    },
    onError: (error) => {
      quiet.warn('accounting-socket', null, { err: error }, 'the accounting socket reports an error');
    },
  });

  const policyOf = (wanted: Config): Policy => {
    const pools = new Map(pending.poolIds().map(({ id, tenant, name }) => [`${tenant}/${name}`, id]));
    const vrfs = pending.vrfIds();
    return compilePolicy(wanted, {
      pool: (tenant, name) => pools.get(`${tenant}/${name}`) ?? 0,
      vrf: (name) => vrfs.get(name) ?? 0,
    });
  };

  const reload = (next: Config, changed: readonly string[]): Promise<ReloadRefusal | null> => {
    const clients = clientsOf(next);
    const { tenant } = next;
    const [pools, vrfs] = [configuredPools(next), configuredVrfs(next)];
    const event = { kind: 'config-loaded', tenant, vrfs, pools, changed, receivedAt: clock.wallMs() } as const;
    return new Promise((resolve) => {
      // In the same breath as the commit is told: the batch before was judged by the old config, the next by the new.
      pipeline.submit({ event, source: 'addrd', raw: null, idempotency: null }, (settlement, why) => {
        if (settlement?.verdict !== 'applied') {
          resolve(refusalOf(settlement, why));
          return;
        }
        try {
          policy = policyOf(next);
        } catch (error) {
          log.error({ code: 'reload-failed', err: error }, 'the pools are settled and the old config stays in force');
          resolve({ code: 'reload-failed', detail: null });
          return;
        }
        current = next;
        access = coaOf(next);
        server.setClients(clients);
        // What is not to be sent any more is called back; it is decided anew when it is due, by the new mode.
        worker.recall((target) => !actsOn(policy, pending.entryOf(target)));
        resolve(null);
      });
    });
  };

  const stop = async (): Promise<void> => {
    heartbeat.stop();
    deadlines.stop();
    worker.stop();
    const late = timers.set(DRAIN_MS, () => void server.stop());
    await server.drain();
    timers.clear(late);
    // So that a restart in order does not look like a longer absence than it was.
    void submit({ kind: 'heartbeat', receivedAt: clock.wallMs() });
    await pipeline.stop();
    await server.stop();
    await dynauth.stop();
  };

  try {
    const started = await submit({
      kind: 'daemon-started',
      tenant: config.tenant,
      ...(platform.storeId === undefined ? {} : { storeId: platform.storeId }),
      vrfs: configuredVrfs(config),
      pools: configuredPools(config),
      receivedAt: clock.wallMs(),
    });
    if (started === null) throw new StartRefused('store-unavailable', 'the store cannot be written');
    if (started.verdict !== 'applied') {
      throw new StartRefused(started.code ?? started.verdict, started.detail ?? 'the start was refused');
    }
    policy = policyOf(config);
    metrics.observe({
      queue: () => pipeline.queue(),
      debt: () => worker.debt(),
      debtOf: (kind) => worker.debtOf(kind),
      storeUp: () => trouble === null,
      frozen: () => brakes.freeze !== null,
      restored: () => brakes.restored,
      maintained: () => brakes.maintained,
      batches: () => pending.openBatches(),
      alarms: () => pending.openAlarms(),
    });
    await server.start();
  } catch (error) {
    await stop();
    throw error;
  }
  brakes.load();
  worker.start(pending.effects());
  deadlines.start();
  heartbeat.start();

  return {
    commands: openCommands(pipeline, clock),
    pipeline,
    bound: server.bound,
    vitals: () => ({
      sinceCommitMs: clock.monoMs() - commitEndedAt,
      reasons: trouble === null ? [] : [trouble.code],
      held: pending.held(),
      effectsWaiting: worker.debt().waiting,
    }),
    readiness: () => {
      const notes = brakes.notes();
      return trouble === null ? { ready: true, reasons: [], notes } : { ready: false, reasons: [trouble.code], notes };
    },
    reload,
    stop,
  };
}

function refusalOf(settlement: Settlement | null, why: string | null): ReloadRefusal {
  const code = settlement?.code ?? null;
  if (code === 'pool-changed' || code === 'pool-overlaps') return { code, detail: settlement?.detail ?? null };
  return { code: 'reload-undecided', detail: why ?? code };
}
