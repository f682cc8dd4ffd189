/** The brakes that are set, in memory: read at the start and after each commit that sets or releases one. */
import type { Settlement } from '../store/commit.js';
import type { Brake } from './lifecycle/brake.js';
import { frozenBy } from './lifecycle/braking.js';
import type { LifecycleEvent } from './lifecycle/events.js';

export class Brakes {
  readonly #read: () => readonly Brake[];
  readonly #readRestored: () => number;
  #restored = 0;
  #freeze: Brake | null = null;
  #maintained: ReadonlySet<string> = new Set();

  /** `read` gives the brakes that are set in the store, `readRestored` whether it is a restored one (see lifecycle/restored.ts). */
  constructor(read: () => readonly Brake[], readRestored: () => number = () => 0) {
    this.#read = read;
    this.#readRestored = readRestored;
  }

  load(): void {
    const set = this.#read();
    this.#restored = this.#readRestored();
    this.#freeze = set.find(({ kind }) => kind === 'freeze') ?? null;
    this.#maintained = new Set(set.flatMap(({ kind, ref }) => (kind === 'maintenance' ? [`nas:${ref}`] : [])));
  }

  /** Looks whether a batch has changed a brake; reads them again and returns true where it has. */
  follow(events: readonly LifecycleEvent[], settlements: readonly Settlement[]): boolean {
    const changed = events.some((event, n) => isBraking(event) && settlements[n]?.verdict === 'applied');
    const before = this.#maintained.size;
    const stage = this.#restored;
    // With a heartbeat its wait for the sources may be over.
    if (stage > 0 && events.some(({ kind }) => kind === 'heartbeat')) this.#restored = this.#readRestored();
    // A NAS that is heard for the first time shares the maintenance of its entry.
    if (changed || (before > 0 && events.some(isHeard))) this.load();
    return changed || this.#maintained.size !== before || this.#restored !== stage;
  }

  /** The freeze that is in force, or null. */
  get freeze(): Brake | null {
    return this.#freeze;
  }

  /** Whether the store is a restored one that nobody has confirmed. */
  get restored(): boolean {
    return this.#restored > 0;
  }

  /** What holds addrd back though it is ready, in words. */
  notes(): string[] {
    const held = this.#restored > 1 ? ' and hands nothing out' : '';
    return [
      ...(this.#freeze === null ? [] : [frozenBy(this.#freeze)]),
      ...(this.restored ? [`restored: addrd observes${held} until addrdctl restored --confirm`] : []),
    ];
  }

  /** How many NASes are in maintenance. */
  get maintained(): number {
    return this.#maintained.size;
  }

  /** Whether nothing may leave for a target (`nas:NUMBER`). */
  holds(target: string): boolean {
    return this.#freeze !== null || this.#maintained.has(target);
  }
}

function isHeard({ kind }: LifecycleEvent): boolean {
  return kind.startsWith('acct-') || kind.startsWith('nas-');
}

function isBraking(event: LifecycleEvent): boolean {
  switch (event.kind) {
    case 'freeze':
    case 'thaw':
    case 'restore-confirm':
    case 'maintenance':
    case 'maintenance-end':
      return true;
    case 'deadline':
      return event.what === 'maintenance';
    default:
      return false;
  }
}
