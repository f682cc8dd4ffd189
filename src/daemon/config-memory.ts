/** What a config was made of, so that one that is made of the same again need not be parsed again. */
import type { ConfigSources } from './config-secret.js';
import { sameBytes } from './lifecycle/address.js';

/** Sources that ask the system once for each thing, however often a load asks, and know what they were told. */
export class RememberedSources implements ConfigSources {
  readonly #system: ConfigSources;
  readonly #files = new Map<string, string>();
  readonly #open = new Map<string, boolean>();
  readonly #env = new Map<string, string | undefined>();

  constructor(system: ConfigSources) {
    this.#system = system;
  }

  readFile(path: string): string {
    return remembered(this.#files, path, () => this.#system.readFile(path));
  }

  env(name: string): string | undefined {
    return remembered(this.#env, name, () => this.#system.env(name));
  }

  isOpenToOthers(path: string): boolean {
    return remembered(this.#open, path, () => this.#system.isOpenToOthers?.(path) === true);
  }

  /** Whether a system would say the same now. @throws the system's error where a file cannot be read any more */
  wouldSayTheSame(system: ConfigSources): boolean {
    return (
      every(this.#env, (name, told) => system.env(name) === told) &&
      every(this.#files, (path, told) => system.readFile(path) === told) &&
      every(this.#open, (path, told) => (system.isOpenToOthers?.(path) === true) === told)
    );
  }
}

function every<T>(told: ReadonlyMap<string, T>, same: (name: string, told: T) => boolean): boolean {
  for (const [name, value] of told) if (!same(name, value)) return false;
  return true;
}

function remembered<T>(told: Map<string, T>, name: string, ask: () => T): T {
  const before = told.get(name);
  if (before !== undefined || told.has(name)) return before as T;
  const answer = ask();
  told.set(name, answer);
  return answer;
}

/** The octets of a config file, and what the sources of its secrets said. */
export class ConfigOrigin {
  readonly #octets: Uint8Array;
  readonly #sources: RememberedSources;

  constructor(octets: Uint8Array, sources: RememberedSources) {
    this.#octets = octets;
    this.#sources = sources;
  }

  /** Whether these octets, with the secrets that these sources give, are the same config. */
  isStill(octets: Uint8Array, sources: ConfigSources): boolean {
    if (octets.length !== this.#octets.length || !sameBytes(octets, this.#octets)) return false;
    try {
      return this.#sources.wouldSayTheSame(sources);
    } catch {
      // A secret that cannot be read is told as a fault by the load that follows.
      return false;
    }
  }
}
