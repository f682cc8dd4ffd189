/** Builds the whole daemon: store, core and API, in their order. No logic. */
import { openReader, openStore } from '../store/open.js';
import { Reads } from '../store/reads.js';
import { listenText } from './activation.js';
import { readOrCreateToken, tokenPath } from './api-token.js';
import { openScrape } from './api/scrape.js';
import { buildApi } from './api/server.js';
import { tokenDigest, type ApiToken } from './api/token.js';
import type { Config } from './config.js';
import { startCore, type Core } from './core.js';
import type { Vitals } from './notify.js';
import type { Platform } from './platform.js';

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

function apiTokens(config: Config, platform: Platform): readonly ApiToken[] {
  const { tokens } = config.api;
  if (tokens.length > 0) {
    return tokens.map(({ name, secret, scope, tenant }) => {
      return { name, scope, tenant, digest: tokenDigest(secret.revealText()) };
    });
  }
  const secret = readOrCreateToken(tokenPath(config.store.path), platform.random);
  return [{ name: 'local', scope: 'admin', tenant: config.tenant, digest: tokenDigest(secret.revealText()) }];
}

/**
 * Starts the whole daemon: store, core, then the API on top of it.
 * @throws StoreError of opening the store; what {@link startCore} throws; system errors of the API's sockets.
 */
export async function startDaemon(config: Config, pid: number, version: string, platform: Platform): Promise<Daemon> {
  const { clock, log, metrics } = platform;
  const store = openStore(config.store.path, pid);
  const closers: (() => Promise<void> | void)[] = [
    () => {
      store.close();
    },
  ];
  const stop = async (): Promise<void> => {
    for (const close of closers.splice(0).reverse()) await close();
  };
  try {
    const core = await startCore(config, store.db, platform);
    closers.push(() => core.stop());
    const reader = openReader(config.store.path);
    closers.push(() => void reader.close());
    const reads = new Reads(reader);
    const settings = { tokens: apiTokens(config, platform), mode: config.mode, lifecycle: config.lifecycle };
    const deps = {
      commands: core.commands,
      reads,
      readiness: () => core.readiness(),
      get tokens() {
        return settings.tokens;
      },
      metrics: openScrape({
        ingest: () => metrics.registry.metrics(),
        reads,
        storePath: config.store.path,
        sockets: core.bound,
        clock,
        lifecycle: () => settings.lifecycle,
      }),
      metricsContentType: metrics.registry.contentType,
      version,
      get mode() {
        return settings.mode;
      },
      now: () => clock.wallMs(),
      logger: log,
    };
    const api: string[] = [];
    for (const { host, port } of config.api.listen) {
      const app = buildApi(deps);
      closers.push(() => app.close());
      const url = new URL(await app.listen({ host, port }));
      api.push(url.host);
    }
    const accounting = core.bound.map(({ address, port, receiveBuffer }) => {
      log.info({ code: 'listening', what: 'accounting', address, port, receiveBuffer }, 'listening');
      return listenText({ address, port });
    });
    for (const address of api) log.info({ code: 'listening', what: 'api', address }, 'listening');
    const reload: Core['reload'] = async (next, changed) => {
      const tokens = apiTokens(next, platform);
      const refusal = await core.reload(next, changed);
      if (refusal === null) Object.assign(settings, { tokens, mode: next.mode, lifecycle: next.lifecycle });
      return refusal;
    };
    return { listening: { accounting, api }, vitals: () => core.vitals(), reload, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
