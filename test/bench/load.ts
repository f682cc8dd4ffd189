/**
 * The load generator: keeps a number of accounting packets unanswered, checks every answer, repeats what is not
 * answered. Its hot path makes no closures and no objects but the dgram module's own.
 */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { Mix } from './knobs.js';
import { LANES, Subscriber } from './subscriber.js';

const IDENTIFIERS = 256;
/** One answer in so many has its Response Authenticator checked; one to a repeated request always. */
const SAMPLE = 16;
const MIN_LENGTH = 20;
const ACCOUNTING_RESPONSE = 5;
const RECEIVE_BUFFER = 4 * 1024 * 1024;

export interface LoadOptions {
  readonly port: number;
  readonly subscribers: number;
  readonly mix: Mix;
  /** NASes: {@link LANES} without it, and never more. */
  readonly lanes?: number;
  /** A packet without an answer for this long is sent again. Default 1 000 ms. */
  readonly retransmitMs?: number;
  /** How long a run waits at its end for the answers that are still out. Default 15 000 ms. */
  readonly drainMs?: number;
}

/** When a run ends: after a time, or after so many answers, at the latest after ten minutes. */
export type Until = { readonly seconds: number } | { readonly answers: number };

export interface Run {
  /** Answers within `seconds`, each one counted once. */
  readonly answers: number;
  readonly seconds: number;
  readonly sent: number;
  readonly retransmissions: number;
  /** Never answered, not even by the end of the drain. */
  readonly unanswered: number;
  /** Paced: due, and not sent because every Identifier of every NAS was waiting for an answer. */
  readonly unsent: number;
  /** Answers that are none: wrong code, length or Response Authenticator. Their requests stay unanswered. */
  readonly wrong: number;
  /** Answers to requests that had one already. */
  readonly late: number;
  /** Milliseconds from the first transmission to the answer, over every packet of the run that was answered. Paced: from when it was due. */
  readonly p50: number;
  readonly p99: number;
  /** CPU seconds of the load generator itself. */
  readonly cpu: number;
}

interface Lane {
  readonly socket: Socket;
  /** By Identifier. */
  readonly waiting: (Subscriber | null)[];
  readonly firstSent: Float64Array;
  readonly lastSent: Float64Array;
  /** 1 where a request under this Identifier was once repeated or given up: an answer may come twice, or too late. */
  readonly doubtful: Uint8Array;
  cursor: number;
  /** Identifiers that wait for an answer. */
  out: number;
}

export class Load {
  readonly #options: LoadOptions;
  readonly #subscribers: readonly Subscriber[];
  readonly #byIndex: readonly Subscriber[];
  readonly #lanes: Lane[] = [];
  #next = 0;
  #out = 0;
  #open = false;
  /** Packets go by the clock, whatever is answered. */
  #paced = false;
  #wanted = Infinity;
  #latencies: number[] = [];
  #seen = 0;
  #sent = 0;
  #retransmissions = 0;
  #unsent = 0;
  #wrong = 0;
  #late = 0;
  #error: Error | null = null;
  #wake: () => void = () => undefined;

  private constructor(options: LoadOptions) {
    this.#options = options;
    const subscribers = Array.from(
      { length: options.subscribers },
      (_, index) => new Subscriber(index, options.mix, options.lanes),
    );
    this.#byIndex = [...subscribers];
    // Shuffled once by a fixed rule: sessions of neighbours do not come one after the other.
    for (let i = subscribers.length - 1; i > 0; i--) {
      const j = (i * 7_919 + 104_729) % (i + 1);
      const [a, b] = [subscribers[i], subscribers[j]];
      if (a !== undefined && b !== undefined) [subscribers[i], subscribers[j]] = [b, a];
    }
    this.#subscribers = subscribers;
  }

  /** Opens the sockets, one for each NAS, at 127.0.0.1 and on. */
  static async open(options: LoadOptions): Promise<Load> {
    const load = new Load(options);
    for (let lane = 0; lane < (options.lanes ?? LANES); lane++) await load.#openLane(lane);
    return load;
  }

  close(): void {
    for (const { socket } of this.#lanes) socket.close();
  }

  /** Goes on with the sessions that are open at the server already. */
  resume(): void {
    this.#subscribers.forEach((subscriber, index) => {
      subscriber.resume(index);
    });
  }

  /** Sends nothing more for a subscriber: somebody else has ended its session. */
  leave(index: number): void {
    const subscriber = this.#byIndex[index];
    if (subscriber !== undefined) subscriber.gone = true;
  }

  /** Opens the session of every subscriber, then spreads them over the steps of a session. */
  async warm(window: number): Promise<Run> {
    const run = await this.run(window, { answers: this.#subscribers.length });
    this.#subscribers.forEach((subscriber, index) => {
      subscriber.spread(index);
    });
    return run;
  }

  /**
   * Keeps `window` packets unanswered until the end, then waits for what is out. `ended` is called between the two.
   * Rejects if a socket fails.
   */
  run(window: number, until: Until, ended: () => void = () => undefined): Promise<Run> {
    return this.#measured(until, ended, () => {
      for (let i = 0; i < window; i++) this.#send(performance.now());
      return null;
    });
  }

  /**
   * Sends `perSecond` packets a second by the clock, however many are unanswered, and then waits for what is out. The
   * latency of each counts from when it was due, so that a server that stands still is not spared the packets that it
   * would have got meanwhile. Rejects if a socket fails.
   */
  runPaced(perSecond: number, seconds: number): Promise<Run> {
    return this.#measured(
      { seconds },
      () => undefined,
      () => {
        this.#paced = true;
        const began = performance.now();
        let due = 0;
        return setInterval(() => {
          const now = Math.min(performance.now() - began, seconds * 1000);
          for (; (due * 1000) / perSecond < now; due++) this.#send(began + (due * 1000) / perSecond);
        }, 1);
      },
    );
  }

  async #measured(until: Until, ended: () => void, offer: () => NodeJS.Timeout | null): Promise<Run> {
    this.#latencies = [];
    this.#sent = this.#retransmissions = this.#unsent = this.#wrong = this.#late = 0;
    this.#wanted = 'answers' in until ? until.answers : Infinity;
    this.#open = true;
    this.#paced = false;
    const again = setInterval(() => {
      this.#retransmit();
    }, this.#retransmitMs / 10);
    const cpuBefore = process.cpuUsage();
    const began = performance.now();
    let pace: NodeJS.Timeout | null = null;
    try {
      pace = offer();
      await this.#sleep(
        'seconds' in until ? until.seconds * 1000 : 600_000,
        () => this.#latencies.length >= this.#wanted,
      );
      this.#open = false;
      if (pace !== null) clearInterval(pace);
      const seconds = (performance.now() - began) / 1000;
      const answers = this.#latencies.length;
      const cpu = process.cpuUsage(cpuBefore);
      ended();
      await this.#sleep(this.#options.drainMs ?? 15_000, () => this.#out === 0);
      const unanswered = this.#giveUp();
      const sorted = Float64Array.from(this.#latencies).sort();
      const at = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? NaN;
      return {
        answers,
        seconds,
        sent: this.#sent,
        retransmissions: this.#retransmissions,
        unanswered,
        unsent: this.#unsent,
        wrong: this.#wrong,
        late: this.#late,
        p50: at(0.5),
        p99: at(0.99),
        cpu: (cpu.user + cpu.system) / 1e6,
      };
    } finally {
      this.#open = false;
      if (pace !== null) clearInterval(pace);
      clearInterval(again);
    }
  }

  get #retransmitMs(): number {
    return this.#options.retransmitMs ?? 1_000;
  }

  async #openLane(index: number): Promise<void> {
    const socket = createSocket('udp4');
    const lane: Lane = {
      socket,
      waiting: new Array<Subscriber | null>(IDENTIFIERS).fill(null),
      firstSent: new Float64Array(IDENTIFIERS),
      lastSent: new Float64Array(IDENTIFIERS),
      doubtful: new Uint8Array(IDENTIFIERS),
      cursor: 0,
      out: 0,
    };
    this.#lanes.push(lane);
    socket.bind(0, `127.0.0.${String(index + 1)}`);
    await once(socket, 'listening');
    socket.setRecvBufferSize(RECEIVE_BUFFER);
    // Connected, or every send would look its address up.
    socket.connect(this.#options.port, '127.0.0.1');
    await once(socket, 'connect');
    socket.on('message', (reply) => {
      this.#receive(lane, reply);
    });
    socket.on('error', (error) => {
      this.#error = error;
      this.#wake();
    });
  }

  /** The next subscriber that waits for nothing, under an Identifier that is free on its lane; `due`: when it should be sent. */
  #send(due: number): void {
    if (this.#sent >= this.#wanted) return;
    // Where nothing can be sent, looking for it must cost nothing: a server that fell behind would never be caught up with.
    if (this.#out >= this.#lanes.length * IDENTIFIERS) {
      this.#unsent++;
      return;
    }
    for (let tried = 0; tried < this.#subscribers.length; tried++) {
      const subscriber = this.#subscribers[this.#next];
      this.#next = (this.#next + 1) % this.#subscribers.length;
      if (subscriber === undefined || subscriber.waiting || subscriber.gone) continue;
      const lane = this.#lanes[subscriber.lane];
      if (lane === undefined || lane.out === IDENTIFIERS) continue;
      while (lane.waiting[lane.cursor] !== null) lane.cursor = (lane.cursor + 1) & 0xff;
      const identifier = lane.cursor;
      lane.cursor = (identifier + 1) & 0xff;
      lane.waiting[identifier] = subscriber;
      lane.out++;
      subscriber.waiting = true;
      subscriber.next(identifier);
      lane.firstSent[identifier] = due;
      lane.lastSent[identifier] = performance.now();
      this.#out++;
      this.#sent++;
      lane.socket.send(subscriber.packet);
      return;
    }
    this.#unsent++;
  }

  #receive(lane: Lane, reply: Buffer): void {
    const identifier = reply[1] ?? 0;
    const subscriber = lane.waiting[identifier] ?? null;
    if (reply[0] !== ACCOUNTING_RESPONSE || reply.length < MIN_LENGTH || reply.readUInt16BE(2) !== reply.length) {
      this.#wrong++;
      return;
    }
    const doubtful = lane.doubtful[identifier] === 1;
    if (subscriber === null) {
      if (doubtful) this.#late++;
      else this.#wrong++;
      return;
    }
    if ((doubtful || this.#seen++ % SAMPLE === 0) && !subscriber.isAnsweredBy(reply)) {
      if (doubtful) this.#late++;
      else this.#wrong++;
      return;
    }
    lane.waiting[identifier] = null;
    lane.out--;
    subscriber.waiting = false;
    this.#out--;
    this.#latencies.push(performance.now() - (lane.firstSent[identifier] ?? NaN));
    if (this.#open) {
      if (!this.#paced) this.#send(performance.now());
      if (this.#latencies.length >= this.#wanted) this.#wake();
    } else if (this.#out === 0) this.#wake();
  }

  #retransmit(): void {
    const now = performance.now();
    for (const lane of this.#lanes) {
      for (let identifier = 0; identifier < IDENTIFIERS; identifier++) {
        const subscriber = lane.waiting[identifier] ?? null;
        if (subscriber === null || now - (lane.lastSent[identifier] ?? now) < this.#retransmitMs) continue;
        lane.lastSent[identifier] = now;
        lane.doubtful[identifier] = 1;
        this.#retransmissions++;
        lane.socket.send(subscriber.packet);
      }
    }
  }

  #giveUp(): number {
    const unanswered = this.#out;
    for (const lane of this.#lanes) {
      for (let identifier = 0; identifier < IDENTIFIERS; identifier++) {
        const subscriber = lane.waiting[identifier] ?? null;
        if (subscriber === null) continue;
        subscriber.waiting = false;
        lane.waiting[identifier] = null;
        lane.doubtful[identifier] = 1;
      }
      lane.out = 0;
    }
    this.#out = 0;
    return unanswered;
  }

  /** Resolves after `ms`, or when it was woken and `done` holds; rejects with the error of a socket. */
  #sleep(ms: number, done: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        clearTimeout(timer);
        this.#wake = () => undefined;
        if (this.#error === null) resolve();
        else reject(this.#error);
      };
      const timer = setTimeout(settle, ms);
      this.#wake = () => {
        if (this.#error !== null || done()) settle();
      };
      this.#wake();
    });
  }
}
