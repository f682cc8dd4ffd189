/** Virtual time: a queue of events. Nothing happens between two of them, and nothing waits for a real clock. */
import TinyQueue from 'tinyqueue';
import type { Clock, TimerHandle, Timers } from '../../src/protocols/io.js';
import type { Turn } from '../../src/daemon/clock.js';
import type { Chance } from './chance.js';

/** A process. What belongs to a dead one never happens: its timers, its deferred work, its sockets. */
export interface Life {
  alive: boolean;
}

interface Happening {
  readonly at: number;
  /** Orders what falls on the same millisecond: by chance. */
  readonly tie: number;
  readonly life: Life;
  readonly fire: () => void;
  cleared: boolean;
}

const EVERLASTING: Life = { alive: true };

/** Lets every promise that can go on do so. */
export function settle(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

export class VirtualTime implements Clock {
  readonly #chance: Chance;
  readonly #queue = new TinyQueue<Happening>([], (a, b) => a.at - b.at || a.tie - b.tie);
  /** Unix time at which the virtual world begins. */
  readonly #origin: number;
  #now = 0;

  constructor(chance: Chance, origin: number) {
    this.#chance = chance;
    this.#origin = origin;
  }

  wallMs(): number {
    return this.#origin + this.#now;
  }

  monoMs(): number {
    return this.#now;
  }

  /** Lets `fire` happen after `delayMs`, if `life` is alive by then. */
  after(delayMs: number, fire: () => void, life: Life = EVERLASTING): TimerHandle {
    const at = this.#now + Math.max(0, Math.round(delayMs));
    const happening: Happening = { at, tie: this.#chance.unit(), life, fire, cleared: false };
    this.#queue.push(happening);
    return happening;
  }

  timers(life: Life): Timers {
    return {
      set: (delayMs, fire) => this.after(delayMs, fire, life),
      clear: (handle) => {
        if (handle !== null && handle !== undefined) (handle as Happening).cleared = true;
      },
    };
  }

  /** Turns of the event loop that take as long as `turnMs` says: a slow one makes large batches. */
  turn(life: Life, turnMs: () => number): Turn {
    return {
      defer: (work) => {
        this.after(turnMs(), work, life);
      },
    };
  }

  /** Lets the next event up to `until` happen and everything that follows from it at once; false where there is none. */
  async step(until: number): Promise<boolean> {
    for (;;) {
      const next = this.#queue.peek();
      if (next === undefined || next.at > until) {
        this.#now = Math.max(this.#now, until);
        return false;
      }
      this.#queue.pop();
      if (next.cleared || !next.life.alive) continue;
      this.#now = next.at;
      next.fire();
      await settle();
      return true;
    }
  }
}
