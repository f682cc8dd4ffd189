/** The queue before the door: lanes by urgency, order within a session, and bounds by number, age and source. */
import { octetsKey } from './lifecycle/address.js';
import type { LifecycleEvent } from './lifecycle/events.js';
import type { NasIdentity } from './lifecycle/nas-records.js';

/** Operators and outcomes; what changes who holds what; what only reports; what can wait. */
export type Lane = 'control' | 'session' | 'interim' | 'bulk';

export const LANES: readonly Lane[] = ['control', 'session', 'interim', 'bulk'];

/**
 * A batch is filled in this order, each lane up to its quota: operators first, but not so many that packets wait; a few
 * bulk events even under a flood of packets, so that quarantines end; and more of them where there is room.
 */
const QUOTAS: readonly (readonly [Lane, number])[] = [
  ['control', 64],
  ['bulk', 8],
  ['session', Infinity],
  ['interim', Infinity],
  ['bulk', 56],
];

/** Why an event was not taken. The sender hears nothing and tries again. */
export type RefusalCode = 'queue-full' | 'source-share' | 'interim-shed';

/** The lane of each kind of event. */
export const LANE_OF: Readonly<Record<LifecycleEvent['kind'], Lane>> = {
  'acct-start': 'session',
  'acct-stop': 'session',
  'acct-interim': 'interim',
  'nas-on': 'session',
  'nas-off': 'session',
  'acct-odd': 'session',
  deadline: 'bulk',
  'import-row': 'bulk',
  allocate: 'control',
  activate: 'control',
  revoke: 'control',
  'identity-put': 'control',
  'identity-drop': 'control',
  suspend: 'control',
  reactivate: 'control',
  'effect-started': 'control',
  'effect-outcome': 'control',
  'daemon-started': 'control',
  'config-loaded': 'control',
  freeze: 'control',
  thaw: 'control',
  maintenance: 'control',
  'maintenance-end': 'control',
  approve: 'control',
  reject: 'control',
  acknowledge: 'control',
  'who-asked': 'control',
  'task-run': 'control',
  hold: 'control',
  'hold-end': 'control',
  'pool-release': 'control',
  renumber: 'control',
  'daemon-trouble': 'control',
  backup: 'control',
  restored: 'control',
  'restore-confirm': 'control',
  heartbeat: 'control',
};

/**
 * Where an event goes. `orderKey`: within which order is kept; `share`: whose part of the queue it takes; or null. `closes`
 * says that it is the last of its batch: what comes after another config is judged by it.
 */
export interface Route {
  readonly lane: Lane;
  readonly orderKey: string | null;
  readonly share: string | null;
  readonly closes: boolean;
}

/** A NAS has a share of its own, also where a proxy sends for many. */
export function routeOf(event: LifecycleEvent): Route {
  const lane = LANE_OF[event.kind];
  const share = 'source' in event ? nasKey(event.nas) : null;
  const orderKey = share === null || !('sid' in event) ? null : share + octetsKey(event.sid);
  return { lane, orderKey, share, closes: event.kind === 'config-loaded' };
}

/** The length keeps a NAS-Identifier from running into what follows it. */
function nasKey({ tenant, kind, bytes }: NasIdentity): string {
  const octets = octetsKey(bytes);
  return kind === 'source-address' ? octets : `${tenant} ${kind} ${String(octets.length)} ${octets}`;
}

export interface LaneLimits {
  /** Events in all lanes together. */
  readonly capacity: number;
  /** Once the oldest event has waited this long, Interims are shed. */
  readonly shedAfterMs: number;
  /** The largest batch. */
  readonly batch: number;
}

export const DEFAULT_LIMITS: LaneLimits = { capacity: 20_000, shedAfterMs: 1_000, batch: 256 };

interface Queued<T> {
  readonly item: T;
  readonly lane: Lane;
  readonly orderKey: string | null;
  readonly source: string;
  readonly queuedAt: number;
  readonly closes: boolean;
  /** The event of the same session that was queued before. */
  before: Queued<T> | null;
  taken: boolean;
}

export class Lanes<T> {
  readonly #limits: LaneLimits;
  readonly #queues: Record<Lane, Queued<T>[]> = { control: [], session: [], interim: [], bulk: [] };
  readonly #heads: Record<Lane, number> = { control: 0, session: 0, interim: 0, bulk: 0 };
  readonly #last = new Map<string, Queued<T>>();
  readonly #bySource = new Map<string, number>();
  #size = 0;
  #shedding = false;

  constructor(limits: LaneLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#size;
  }

  /** Takes no Interims, whatever their age, until it is told otherwise. */
  shed(on: boolean): void {
    this.#shedding = on;
  }

  /** How long the oldest queued event has waited, milliseconds. */
  age(now: number): number {
    let oldest = now;
    for (const lane of LANES) {
      const first = this.#front(lane);
      if (first !== null && first.queuedAt < oldest) oldest = first.queuedAt;
    }
    return now - oldest;
  }

  /** Queues an item, or says why not. `now` is monotonic milliseconds; `closes`: nothing comes after it in its batch. */
  put(item: T, lane: Lane, orderKey: string | null, source: string, now: number, closes = false): RefusalCode | null {
    const { capacity, shedAfterMs } = this.#limits;
    if (lane === 'session' || lane === 'interim') {
      if (this.#size >= capacity) return 'queue-full';
      if (lane === 'interim' && (this.#shedding || this.age(now) > shedAfterMs)) return 'interim-shed';
      const share = this.#bySource.get(source) ?? 0;
      if (this.#size > capacity / 2 && share > capacity / 4 && this.#bySource.size > 1) return 'source-share';
    } else if (this.#queues[lane].length - this.#heads[lane] >= capacity) return 'queue-full';
    const before = orderKey === null ? null : (this.#last.get(orderKey) ?? null);
    const queued: Queued<T> = { item, lane, orderKey, source, queuedAt: now, closes, before, taken: false };
    this.#queues[lane].push(queued);
    if (orderKey !== null) this.#last.set(orderKey, queued);
    this.#bySource.set(source, (this.#bySource.get(source) ?? 0) + 1);
    this.#size++;
    return null;
  }

  /** The next batch, the urgent lanes first; a later event of a session brings its earlier ones along, in order. */
  take(): T[] {
    const batch: T[] = [];
    for (const [lane, quota] of QUOTAS) {
      const end = Math.min(this.#limits.batch, batch.length + quota);
      for (let next = this.#front(lane); next !== null && batch.length < end; next = this.#front(lane)) {
        this.#claim(next, batch);
        if (next.closes) return batch;
      }
    }
    return batch;
  }

  #claim(queued: Queued<T>, batch: T[]): void {
    const chain: Queued<T>[] = [];
    for (let one: Queued<T> | null = queued; one !== null && !one.taken; one = one.before) chain.push(one);
    for (const one of chain.reverse()) {
      one.taken = true;
      one.before = null;
      batch.push(one.item);
      this.#size--;
      const left = (this.#bySource.get(one.source) ?? 1) - 1;
      if (left === 0) this.#bySource.delete(one.source);
      else this.#bySource.set(one.source, left);
      if (one.orderKey !== null && this.#last.get(one.orderKey) === one) this.#last.delete(one.orderKey);
    }
  }

  /** The first event of a lane that was not taken out of turn. */
  #front(lane: Lane): Queued<T> | null {
    const queue = this.#queues[lane];
    let head = this.#heads[lane];
    while (head < queue.length && queue[head]?.taken === true) head++;
    if (head === queue.length) {
      queue.length = 0;
      head = 0;
    } else if (head > 4_096 && head * 2 > queue.length) {
      queue.splice(0, head);
      head = 0;
    }
    this.#heads[lane] = head;
    return queue[head] ?? null;
  }
}
