/** Builds the whole daemon: store, core and API, in their order. No logic. */
import { resolve } from 'node:path';
import { openStore } from '../store/open.js';
import { backUpBeforeUpgrade } from '../store/upgrade-backup.js';
import { listenText } from './activation.js';
import { readOrCreateToken, tokenPath } from './api-token.js';
import { tokenDigest, type ApiToken } from './api/token.js';
import { Backups } from './backups.js';
import type { Config } from './config.js';
import { startCore, type Core } from './core.js';
import { fileStamp } from './file-stamp.js';
import type { Vitals } from './notify.js';
import type { Platform } from './platform.js';
import type { ApiSettings } from './threads/api-messages.js';
import { ApiThread } from './threads/api-thread.js';
import { CheckpointThread } from './threads/checkpoint-thread.js';
import { inspectInThread } from './threads/inspection-thread.js';
import { Schedule } from './schedule.js';
import { ThreadMetrics } from './threads/thread-metrics.js';

export { StartRefused } from './core.js';

export interface Daemon {
  /** Puts another config in force: see {@link Core.reload}. Throws where the token of the first start cannot be made. */
  readonly reload: Core['reload'];
  /** Where it listens, as `address:port` texts. */
  readonly listening: { readonly accounting: readonly string[]; readonly api: readonly string[] };
  vitals(): Vitals;
  /** Answers what is committed, then closes API, sockets and store. Stopping twice is allowed. */
  stop(): Promise<void>;
}

/** The modes that are in force, by kind of target and for the NASes that have their own. */
function modesOf({ mode, modes, radius }: Config): ApiSettings['modes'] {
  const own = radius.nas.flatMap((nas) => (nas.mode === null ? [] : [[nas.name, nas.mode] as const]));
  return { nas: modes.nas ?? mode, entries: Object.fromEntries(own) };
}

/** By what a silent session is suspicious. */
function reportingOf({ lifecycle, radius }: Config): ApiSettings['reporting'] {
  const { interimIntervalMs: interimRoundMs, silenceInterims: interims, silenceFactor: factor } = lifecycle;
  const interimless = radius.nas.filter(({ interim }) => interim === 'none').map(({ name }) => name);
  return { interimRoundMs, silence: { interims, factor }, interimless };
}

function apiTokens(config: Config, platform: Platform): readonly ApiToken[] {
  const { tokens } = config.api;
  if (tokens.length > 0) {
    return tokens.map(({ name, secret, scopes, tenant }) => {
      return { name, scopes, tenant, operator: tenant === config.tenant, digest: tokenDigest(secret.revealText()) };
    });
  }
  const secret = readOrCreateToken(tokenPath(config.store.path), platform.random);
  const digest = tokenDigest(secret.revealText());
  return [{ name: 'local', scopes: ['admin', 'who'], tenant: config.tenant, operator: true, digest }];
}

/**
 * Starts the whole daemon: store, core and checkpoints, then the API on top of it.
 * @throws StoreError of opening the store; what {@link startCore} throws; ApiRefused where the API cannot listen.
 */
export async function startDaemon(config: Config, pid: number, version: string, platform: Platform): Promise<Daemon> {
  const { clock, timers, log, metrics } = platform;
  const settingsOf = (wanted: Config): ApiSettings => {
    return {
      tokens: apiTokens(wanted, platform),
      mode: wanted.mode,
      modes: modesOf(wanted),
      reporting: reportingOf(wanted),
      lifecycle: wanted.lifecycle,
      nats: wanted.nats,
    };
  };
  const store = openStore(config.store.path, pid, (db, schema) => {
    const backup = backUpBeforeUpgrade(db, config.store.path, schema, fileStamp(clock.wallMs()));
    log.info(
      { code: 'store-upgrade', schema, backup },
      'an older addrd has written the store: its schema is brought up',
    );
  });
  const closers: (() => Promise<void> | void)[] = [
    () => {
      store.close();
    },
  ];
  const stop = async (): Promise<void> => {
    for (const close of closers.splice(0).reverse()) await close();
  };
  let api: ApiThread | null = null;
  try {
    const surroundings = { clock, timers, log, metrics: new ThreadMetrics(metrics.registry) };
    const checkpoints = new CheckpointThread({
      ...surroundings,
      storePath: config.store.path,
      db: store.db,
      onTooLarge: (tooLarge) => {
        core.pipeline.shed(tooLarge);
      },
    });
    // After the core has stopped, the log is written back whole.
    closers.push(() => checkpoints.stop());
    const core = await startCore(config, store.db, { ...platform, onReadiness: () => api?.announce() });
    closers.push(() => core.stop());
    const backups = new Backups({
      ...{ clock, timers, log, db: store.db, folder: resolve(config.store.backupDir), inspect: inspectInThread },
      submit: (event) =>
        new Promise((resolve) => {
          core.pipeline.submit({ event, source: 'addrd', raw: null, idempotency: null }, (settlement) => {
            metrics.backups.add(event.fault === null ? 'done' : 'failed');
            resolve(settlement !== null);
          });
        }),
    });
    closers.push(() => backups.stop());
    checkpoints.start();
    const { calendar } = platform;
    if (calendar !== undefined) {
      const schedule = new Schedule({
        ...{ calendar, clock, timers, tenant: config.tenant },
        submit: (event) =>
          new Promise((resolve) => {
            core.pipeline.submit({ event, source: 'addrd', raw: null, idempotency: null }, (settlement) => {
              resolve(settlement !== null);
            });
          }),
      });
      schedule.start();
      closers.push(() => {
        schedule.stop();
      });
    }
    const begun = await ApiThread.start({
      ...surroundings,
      storePath: config.store.path,
      listen: config.api.listen,
      version,
      settings: settingsOf(config),
      commands: { execute: (command) => core.commands.execute(command), backUp: (order) => backups.backUp(order) },
      readiness: () => core.readiness(),
      sockets: core.bound,
      metricsText: () => metrics.registry.metrics(),
    });
    api = begun;
    closers.push(() => begun.stop());
    const accounting = core.bound.map(({ address, port, receiveBuffer }) => {
      log.info({ code: 'listening', what: 'accounting', address, port, receiveBuffer }, 'listening');
      return listenText({ address, port });
    });
    const served = begun.listening.map(({ host, port }) => listenText({ address: host, port }));
    for (const address of served) log.info({ code: 'listening', what: 'api', address }, 'listening');
    const reload: Core['reload'] = async (next, changed) => {
      const settings = settingsOf(next);
      const refusal = await core.reload(next, changed);
      if (refusal === null) begun.update(settings);
      return refusal;
    };
    return { listening: { accounting, api: served }, vitals: () => core.vitals(), reload, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
