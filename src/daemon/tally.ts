/** Numbers that a hot path adds to, and that a registry reads only when it is asked for its text. */
import { Counter, type Registry } from 'prom-client';

/** What a tally is called, and what each of its parts is labelled. */
export interface TallySpec<K extends string> {
  /** In Prometheus style, with `_total`. */
  readonly name: string;
  readonly help: string;
  /** As many as a key has parts. */
  readonly labels: readonly string[];
  /** Keys that are shown before they were first counted, so that the first one is seen as an increase. */
  readonly from?: readonly K[];
}

/**
 * A counter whose keys come from a closed list: the values of its labels, joined by `/`. To add is one look-up in a map;
 * prom-client's own counter makes a text of its labels each time.
 */
export class Tally<K extends string> {
  readonly #counts: Map<K, number>;
  readonly #followed = new Map<K, () => number>();

  constructor(registry: Registry, { name, help, labels, from = [] }: TallySpec<K>) {
    const counts = new Map(from.map((key) => [key, 0]));
    this.#counts = counts;
    const followed = this.#followed;
    new Counter({
      name,
      help,
      labelNames: labels,
      registers: [registry],
      collect() {
        this.reset();
        for (const [key, value] of followed) counts.set(key, value());
        for (const [key, count] of counts) {
          const values = key.split('/');
          this.inc(Object.fromEntries(labels.map((label, index) => [label, values[index] ?? ''])), count);
        }
      },
    });
  }

  add(key: K, count = 1): void {
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + count);
  }

  /** Shows a number that is counted elsewhere and never falls. */
  follow(key: K, value: () => number): void {
    this.#followed.set(key, value);
  }
}
