/** A worker thread that may fail: begun again with patience, counted, and watched for silence. Ingest goes on meanwhile. */
import type { Worker } from 'node:worker_threads';
import type { Clock, TimerHandle, Timers } from '../clock.js';
import type { Logger } from '../log.js';
import type { ThreadMetrics, ThreadName } from './thread-metrics.js';

/** How often a thread is asked whether it is alive. */
const BEAT_MS = 1_000;
const BACKOFF_MS = { first: 1_000, most: 30_000 } as const;
/** A thread that lived this long begins again without delay worth naming. */
const SETTLED_MS = 60_000;

/** The one message that every worker answers a beat with. */
export interface Alive {
  readonly type: 'alive';
}

function isAlive(message: { readonly type: string }): message is Alive {
  return message.type === 'alive';
}

export interface Surroundings {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Logger;
  readonly metrics: ThreadMetrics;
}

export interface ThreadOptions<In, Out> extends Surroundings {
  readonly name: ThreadName;
  readonly spawn: () => Worker;
  /** What asks it each second whether it is alive; it answers with {@link Alive}. */
  readonly beat: () => In | Promise<In>;
  /** `reply` reaches the very thread that spoke, and nobody where it is gone. */
  readonly onMessage: (message: Out, reply: (message: In) => void) => void;
  /** It is gone, and will be begun again. */
  readonly onDown: () => void;
  /** It has been silent for `slowBeats`; it may come back. */
  readonly onSlow?: () => void;
  /** After so many beats without an answer it is told in the log, */
  readonly slowBeats: number;
  /** and after so many it is ended and begun again. A thread inside SQLite ends when SQLite returns. */
  readonly hungBeats: number;
}

export class Thread<In extends { readonly type: string }, Out extends { readonly type: string }> {
  readonly #options: ThreadOptions<In, Out>;
  #worker: Worker | null = null;
  #timer: TimerHandle = null;
  #again: TimerHandle = null;
  #stopping = false;
  #bornAt = 0;
  #backoff: number = BACKOFF_MS.first;
  #unanswered = 0;
  /** It is loaded: before that, silence is nothing to tell. */
  #spoken = false;
  /** Its silence was told. */
  #told = false;
  #gone: (() => void)[] = [];

  constructor(options: ThreadOptions<In, Out>) {
    this.#options = options;
  }

  start(): void {
    this.#spawn();
    this.#beatLater();
  }

  /** Sends to the thread as it is now; nobody hears it while there is none. */
  post(message: In): void {
    this.#worker?.postMessage(message);
  }

  /** Asks it to end by `farewell`, and ends it where it has not after `graceMs`. */
  async stop(farewell: In, graceMs: number): Promise<void> {
    const { timers, log, name } = this.#options;
    this.#stopping = true;
    timers.clear(this.#timer);
    timers.clear(this.#again);
    const worker = this.#worker;
    if (worker === null) return;
    const gone = new Promise<void>((resolve) => this.#gone.push(resolve));
    worker.postMessage(farewell);
    const force = timers.set(graceMs, () => {
      log.warn({ code: 'thread-stop-forced', thread: name, graceMs }, 'a thread did not end in time');
      void worker.terminate();
    });
    await gone;
    timers.clear(force);
  }

  #spawn(): void {
    const { spawn, clock } = this.#options;
    const worker = spawn();
    this.#worker = worker;
    this.#bornAt = clock.monoMs();
    this.#unanswered = 0;
    this.#spoken = false;
    this.#told = false;
    const reply = (message: In): void => {
      worker.postMessage(message);
    };
    worker.on('message', (message: Out | Alive) => {
      this.#spoken = true;
      if (isAlive(message)) this.#heard();
      else this.#options.onMessage(message, reply);
    });
    worker.on('messageerror', (error) => {
      this.#crashed(error);
    });
    worker.on('error', (error) => {
      this.#crashed(error);
    });
    worker.once('exit', (status) => {
      this.#ended(status);
    });
  }

  #crashed(error: Error): void {
    const { log, name } = this.#options;
    log.error({ code: 'thread-crashed', thread: name, err: error }, 'a thread met a fault');
  }

  #ended(status: number): void {
    const { log, name, clock, timers, metrics, onDown } = this.#options;
    this.#worker = null;
    for (const resolve of this.#gone.splice(0)) resolve();
    if (this.#stopping) return;
    if (clock.monoMs() - this.#bornAt > SETTLED_MS) this.#backoff = BACKOFF_MS.first;
    const againMs = this.#backoff;
    this.#backoff = Math.min(this.#backoff * 2, BACKOFF_MS.most);
    metrics.restarts.inc({ thread: name });
    log.error(
      { code: 'thread-ended', thread: name, status, againMs },
      'a thread is gone and will be begun again; accounting goes on',
    );
    onDown();
    this.#again = timers.set(againMs, () => {
      this.#spawn();
    });
  }

  #beatLater(): void {
    this.#timer = this.#options.timers.set(BEAT_MS, () => {
      this.#watch();
      this.#beatLater();
    });
  }

  /** Counts beats, not time: while this thread itself was held up, no answer could be heard. */
  #watch(): void {
    const { log, name, slowBeats, hungBeats, onSlow } = this.#options;
    const worker = this.#worker;
    if (worker === null) return;
    const beats = this.#unanswered;
    if (beats === hungBeats) {
      log.error({ code: 'thread-hung', thread: name, beats }, 'a thread is ended: it answers nothing');
      void worker.terminate();
    } else if (beats === slowBeats && this.#spoken) {
      log.warn({ code: 'thread-slow', thread: name, beats }, 'a thread is busy and answers nothing');
      this.#told = true;
      onSlow?.();
    }
    this.#unanswered++;
    void this.#beat(worker);
  }

  async #beat(worker: Worker): Promise<void> {
    const { beat, log, name } = this.#options;
    try {
      worker.postMessage(await beat());
    } catch (error) {
      log.error({ code: 'thread-unbeaten', thread: name, err: error }, 'a thread could not be asked');
    }
  }

  #heard(): void {
    const { log, name } = this.#options;
    const beats = this.#unanswered;
    const told = this.#told;
    this.#unanswered = 0;
    this.#told = false;
    if (!told) return;
    log.info({ code: 'thread-recovered', thread: name, beats }, 'a thread answers again');
  }
}
