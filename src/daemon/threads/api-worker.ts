/** Entry of the API thread: Fastify, the read-only connection and the rendering of metrics. It writes through the main thread. */
import type { FastifyInstance } from 'fastify';
import { workerData } from 'node:worker_threads';
import { openReader } from '../../store/open.js';
import { Reads } from '../../store/reads.js';
import type { ApiDeps } from '../api/deps.js';
import { HttpMetrics } from '../api/http-metrics.js';
import { openScrape } from '../api/scrape.js';
import { buildApi } from '../api/server.js';
import { systemClock, systemTimers, type TimerHandle } from '../clock.js';
import type { Readiness } from '../command.js';
import type { ApiSettings, ApiStart, FromApi, Listening, ToApi } from './api-messages.js';
import { yieldToOthers } from './niceness.js';
import { parent, plainError } from './parent.js';
import { RemoteCommands } from './remote-commands.js';
import type { Alive } from './thread.js';

/** The main thread beats each second: after so many without one, nothing is known of it. */
const SILENT_SECONDS = 5;
/** How long requests that are under way may take when addrd stops. */
const CLOSE_GRACE_MS = 3_000;

const port = parent();
const start = workerData as ApiStart;
const say = (message: FromApi | Alive): void => {
  port.postMessage(message);
};

let { settings, beat } = start;
let readiness: Readiness = beat.readiness;
let silence = 0;
let watch: TimerHandle = null;
const commands = new RemoteCommands(say);
const http = new HttpMetrics(() => Math.max(0, systemClock.wallMs() - beat.metricsAt) / 1_000);
const apps: FastifyInstance[] = [];

/** Counts its own seconds: while this thread was held up itself, no beat could be heard. */
function watchLater(): void {
  watch = systemTimers.set(1_000, () => {
    silence++;
    watchLater();
  });
}

function depsOf(reads: Reads): ApiDeps {
  const { storePath, sockets } = start;
  const lifecycle = (): ApiSettings['lifecycle'] => settings.lifecycle;
  const ingest = async (): Promise<string> => beat.metrics;
  const scrape = openScrape({ ingest, reads, storePath, sockets, clock: systemClock, lifecycle });
  return {
    commands,
    backups: commands,
    reads,
    readiness: () =>
      silence > SILENT_SECONDS ? { ready: false, reasons: ['main-silent'], notes: readiness.notes } : readiness,
    get tokens() {
      return settings.tokens;
    },
    get mode() {
      return settings.mode;
    },
    get modes() {
      return settings.modes;
    },
    get reporting() {
      return settings.reporting;
    },
    get nats() {
      return settings.nats;
    },
    metrics: async () => {
      // First: the age that it tells is that of the text beside it, or of an older one.
      const own = await http.registry.metrics();
      return `${await scrape()}${own}`;
    },
    metricsContentType: http.registry.contentType,
    version: start.version,
    now: () => systemClock.wallMs(),
    logger: {
      error: ({ code, err }, message) => {
        say({ type: 'fault', code, error: plainError(err), message });
      },
    },
    onAnswered: (route, status, ms) => {
      http.count(route, status, ms);
    },
  };
}

async function listen(deps: ApiDeps): Promise<readonly Listening[]> {
  const bound: Listening[] = [];
  for (const { host, port: wanted } of start.listen) {
    const app = buildApi(deps);
    apps.push(app);
    const url = new URL(await app.listen({ host, port: wanted }));
    bound.push({ host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port === '' ? 80 : url.port) });
  }
  return bound;
}

/** Takes no more requests, answers those that are under way, and lets the thread end. */
async function close(release: () => void): Promise<void> {
  const force = systemTimers.set(CLOSE_GRACE_MS, () => {
    for (const app of apps) app.server.closeAllConnections();
  });
  await Promise.all(apps.map((app) => app.close()));
  systemTimers.clear(force);
  systemTimers.clear(watch);
  release();
  port.close();
}

function hear(message: ToApi, release: () => void): void {
  switch (message.type) {
    case 'beat':
      beat = message.beat;
      readiness = beat.readiness;
      silence = 0;
      say({ type: 'alive' });
      return;
    case 'readiness':
      readiness = message.readiness;
      return;
    case 'update':
      settings = message.settings;
      return;
    case 'stop':
      void close(release);
      return;
    default:
      commands.settle(message);
  }
}

async function run(): Promise<void> {
  const reader = openReader(start.storePath);
  const release = (): void => {
    reader.close();
  };
  port.on('message', (message: ToApi) => {
    hear(message, release);
  });
  try {
    const bound = await listen(depsOf(new Reads(reader, systemClock)));
    watchLater();
    // A report may take seconds of a processor; who waits for it can wait longer than a NAS.
    say({ type: 'listening', listen: bound, unyielding: yieldToOthers() });
  } catch (error) {
    say({ type: 'refused', error: plainError(error) });
    await close(release);
  }
}

await run().catch((error: unknown) => {
  say({ type: 'refused', error: plainError(error) });
  port.close();
});
