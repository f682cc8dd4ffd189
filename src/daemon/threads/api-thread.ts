/** The main thread's side of the API: it carries out what the API orders and tells it how the daemon fares. */
import { Worker } from 'node:worker_threads';
import { StoreError, type StoreErrorCode } from '../../store/errors.js';
import type { ScrapeOptions } from '../api/scrape.js';
import type { BackupPort, CommandPort, Readiness } from '../command.js';
import type { ApiSettings, ApiStart, Beat, FromApi, Listening, ToApi } from './api-messages.js';
import { plainError, throwable, type PlainError } from './parent.js';
import { answerCommand } from './remote-commands.js';
import { Thread, type Surroundings } from './thread.js';

/** Beats without an answer after which it is told, and ended. */
const SLOW_BEATS = 3;
const HUNG_BEATS = 60;
const STOP_GRACE_MS = 8_000;
/** Memory of the thread's own heap: an answer that is too large ends the API, and not accounting. */
const HEAP_MB = 512;

/** The API could not begin. `code` and `syscall` are those of the system's error where it was one. */
export class ApiRefused extends Error {
  readonly code: string;
  readonly syscall: string | null;
  constructor({ message, code, syscall }: PlainError) {
    super(message);
    this.name = 'ApiRefused';
    this.code = code ?? 'api-refused';
    this.syscall = syscall;
  }
}

export interface ApiThreadOptions extends Surroundings {
  readonly storePath: string;
  readonly listen: readonly Listening[];
  readonly version: string;
  readonly settings: ApiSettings;
  readonly sockets: ScrapeOptions['sockets'];
  readonly commands: CommandPort & BackupPort;
  readonly readiness: () => Readiness;
  /** The text of the main thread's metrics. */
  readonly metricsText: () => Promise<string>;
}

export class ApiThread {
  readonly #options: ApiThreadOptions;
  readonly #thread: Thread<ToApi, FromApi>;
  #settings: ApiSettings;
  /** As configured, and then as bound: a thread that begins again listens where the first did. */
  #listen: readonly Listening[];
  #metrics = '';
  #metricsAt = 0;
  #begun: { readonly resolve: () => void; readonly reject: (error: Error) => void } | null = null;

  private constructor(options: ApiThreadOptions) {
    this.#options = options;
    this.#settings = options.settings;
    this.#listen = options.listen;
    this.#thread = new Thread<ToApi, FromApi>({
      ...options,
      name: 'api',
      spawn: () => this.#spawn(),
      beat: async () => {
        await this.#readMetrics();
        return { type: 'beat', beat: this.#beat() };
      },
      onMessage: (message, reply) => {
        this.#hear(message, reply);
      },
      onDown: () => {
        this.#begun?.reject(new ApiRefused(plainError('the thread of the API ended before it listened')));
      },
      slowBeats: SLOW_BEATS,
      hungBeats: HUNG_BEATS,
    });
  }

  /**
   * Begins the thread and resolves when it listens.
   * @throws ApiRefused where it cannot listen; StoreError where it cannot read the store.
   */
  static async start(options: ApiThreadOptions): Promise<ApiThread> {
    const api = new ApiThread(options);
    await api.#readMetrics();
    try {
      await new Promise<void>((resolve, reject) => {
        api.#begun = { resolve, reject };
        api.#thread.start();
      });
    } catch (error) {
      await api.stop();
      throw error;
    }
    api.#begun = null;
    return api;
  }

  /** Where it listens, in the order of the config. */
  get listening(): readonly Listening[] {
    return this.#listen;
  }

  /** New tokens or another mode: the next request finds them. */
  update(settings: ApiSettings): void {
    this.#settings = settings;
    this.#thread.post({ type: 'update', settings });
  }

  /** Tells at once that readiness has changed; otherwise it is told each second. */
  announce(): void {
    this.#thread.post({ type: 'readiness', readiness: this.#options.readiness() });
  }

  /** Takes no more requests, answers those under way and ends the thread. The core must still run. */
  stop(): Promise<void> {
    return this.#thread.stop({ type: 'stop' }, STOP_GRACE_MS);
  }

  async #readMetrics(): Promise<void> {
    const at = this.#options.clock.wallMs();
    this.#metrics = await this.#options.metricsText();
    this.#metricsAt = at;
  }

  #beat(): Beat {
    return { readiness: this.#options.readiness(), metrics: this.#metrics, metricsAt: this.#metricsAt };
  }

  #spawn(): Worker {
    const { storePath, version, sockets } = this.#options;
    const workerData: ApiStart = {
      storePath,
      version,
      sockets: sockets.map((socket) => ({ ...socket })),
      listen: this.#listen,
      settings: this.#settings,
      beat: this.#beat(),
    };
    // The environment may hold secrets of the config.
    const env = {};
    const resourceLimits = { maxOldGenerationSizeMb: HEAP_MB };
    return new Worker(new URL('./api-worker.js', import.meta.url), { workerData, env, execArgv: [], resourceLimits });
  }

  #hear(message: FromApi, reply: (message: ToApi) => void): void {
    const { log, commands } = this.#options;
    switch (message.type) {
      case 'execute':
        void answerCommand(commands, message, reply);
        return;
      case 'fault':
        log.error({ code: message.code, err: throwable(message.error) }, message.message);
        return;
      case 'listening':
        this.#listen = message.listen;
        if (message.unyielding !== null) {
          log.warn(
            { code: 'api-unyielding', error: message.unyielding },
            'the thread of the API has the priority of the one that answers NASes',
          );
        }
        if (this.#begun === null) {
          log.info(
            { code: 'api-listening', api: message.listen.map(({ host, port }) => `${host} ${String(port)}`) },
            'the API has begun again',
          );
        } else this.#begun.resolve();
        return;
      case 'refused': {
        const { error } = message;
        if (this.#begun === null) {
          log.error({ code: 'api-refused', err: throwable(error) }, 'the API cannot begin again yet');
        } else if (error.type === 'StoreError') {
          // Only StoreError has that name, and its codes are those of the type.
          this.#begun.reject(new StoreError(error.code as StoreErrorCode, error.message));
        } else this.#begun.reject(new ApiRefused(error));
      }
    }
  }
}
