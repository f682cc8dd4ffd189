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
  at: number;
  /** Orders what falls on the same millisecond: by chance. */
  readonly tie: number;
  readonly life: Life;
  readonly fire: () => void;
  /** Of a timer that looks every so often whether there is anything to do: how often. */
  readonly beatMs: number | null;
  cleared: boolean;
}

/** addrd looks every so often whether it has to do anything: by its heartbeat, and for what is due (see `deadlines.ts`). */
const LOOK_MS: ReadonlySet<number> = new Set([5_000, 60_000]);

/** What a leap has to know: Unix milliseconds. */
export interface Leap {
  /** When something is due at addrd after a time, or null. */
  readonly nextDue: (after: number) => number | null;
  /** The heartbeats until then are left out: does what they would have done. */
  readonly skipped: (until: number) => void;
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
  /** Where it is set, a world leaps over the beats between which nothing else happens, but for the last. */
  leap: Leap | null = null;

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
  after(delayMs: number, fire: () => void, life: Life = EVERLASTING, beatMs: number | null = null): TimerHandle {
    const at = this.#now + Math.max(0, Math.round(delayMs));
    const happening: Happening = { at, tie: this.#chance.unit(), life, fire, beatMs, cleared: false };
    this.#queue.push(happening);
    return happening;
  }

  timers(life: Life): Timers {
    return {
      set: (delayMs, fire) => {
        return this.after(delayMs, fire, life, LOOK_MS.has(delayMs) ? delayMs : null);
      },
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
      if (next.beatMs !== null && this.leap !== null && this.#leapOver(next, next.beatMs, this.leap, until)) continue;
      this.#now = next.at;
      next.fire();
      await settle();
      return true;
    }
  }

  /** Puts a beat off to the last one before something else happens. Returns whether there is a later one. */
  #leapOver(beat: Happening, beatMs: number, leap: Leap, until: number): boolean {
    let end = Math.min(until, (leap.nextDue(this.wallMs()) ?? Infinity) - this.#origin);
    for (const { at, beatMs: looks, cleared, life } of this.#queue.data) {
      if (looks === null && !cleared && life.alive) end = Math.min(end, at);
    }
    const left = Math.floor((end - beat.at) / beatMs);
    if (left <= 0) return false;
    beat.at += left * beatMs;
    leap.skipped(this.#origin + beat.at - beatMs);
    this.#queue.push(beat);
    return true;
  }
}
