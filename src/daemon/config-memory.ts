/** What a config was made of, so that one that is made of the same again need not be parsed again. */
import type { ConfigSources } from './config-secret.js';
import { sameBytes } from './lifecycle/address.js';

/** What a system said of the secrets that a config names: plain data, which crosses between threads. */
export interface Told {
  readonly files: Map<string, string>;
  readonly open: Map<string, boolean>;
  readonly env: Map<string, string | undefined>;
}

/** Sources that ask the system once for each thing, however often a load asks, and know what they were told. */
export class RememberedSources implements ConfigSources {
  readonly told: Told = { files: new Map(), open: new Map(), env: new Map() };
  readonly #system: ConfigSources;

  constructor(system: ConfigSources) {
    this.#system = system;
  }

  readFile(path: string): string {
    return remembered(this.told.files, path, () => this.#system.readFile(path));
  }

  env(name: string): string | undefined {
    return remembered(this.told.env, name, () => this.#system.env(name));
  }

  isOpenToOthers(path: string): boolean {
    return remembered(this.told.open, path, () => this.#system.isOpenToOthers?.(path) === true);
  }
}

/** A file was asked for that the load before did not ask for. */
class NeverRead extends Error {
  readonly code = 'never-read';
  constructor(path: string) {
    super(`never read: ${path}`);
    this.name = 'NeverRead';
  }
}

/** Sources that say what a system once said. They throw where it was not asked. */
export function retold({ files, open, env }: Told): ConfigSources {
  return {
    readFile: (path) => {
      const text = files.get(path);
      if (text === undefined) throw new NeverRead(path);
      return text;
    },
    env: (name) => env.get(name),
    isOpenToOthers: (path) => open.get(path) === true,
  };
}

/** Whether a system would say the same now. @throws the system's error where a file cannot be read any more */
function wouldSayTheSame({ env, files, open }: Told, system: ConfigSources): boolean {
  return (
    every(env, (name, told) => system.env(name) === told) &&
    every(files, (path, told) => system.readFile(path) === told) &&
    every(open, (path, told) => (system.isOpenToOthers?.(path) === true) === told)
  );
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
export interface ConfigOrigin {
  readonly octets: Uint8Array;
  readonly told: Told;
}

/** Whether these octets, with the secrets that these sources give, are the same config. */
export function isStill(origin: ConfigOrigin, octets: Uint8Array, sources: ConfigSources): boolean {
  if (octets.length !== origin.octets.length || !sameBytes(octets, origin.octets)) return false;
  try {
    return wouldSayTheSame(origin.told, sources);
  } catch {
    // A secret that cannot be read is told as a fault by the load that follows.
    return false;
  }
}
