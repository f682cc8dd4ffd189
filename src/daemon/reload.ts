/** SIGHUP: the config file is read again and put in force as a whole, or refused as a whole and nothing changes. */
import type { Clock } from './clock.js';
import type { Config, KnownConfig, NextConfig } from './config.js';
import { ConfigError, faultLine } from './config-fault.js';
import { logWarnings } from './config-warning.js';
import type { Logger } from './log.js';

/** What may come of a reload: log field, metric label, and the row in docs/errors.md. */
export const RELOAD_RESULTS = [
  'applied',
  'unchanged',
  'config-invalid',
  'config-unreadable',
  'reload-needs-restart',
  'pool-changed',
  'pool-overlaps',
  'reload-undecided',
  'reload-failed',
] as const;

export type ReloadResult = (typeof RELOAD_RESULTS)[number];

/** Why the running daemon did not take a config. */
export interface ReloadRefusal {
  readonly code: ReloadResult;
  readonly detail: string | null;
}

/** What a running daemon can change about itself. Every other key needs a restart. */
const RELOADABLE = [
  'mode',
  'modes',
  'log',
  'api.tokens',
  'radius.nas',
  'radius.accounting.on_store_failure',
  'pools',
  'guard',
  'lifecycle',
] as const;

/** Whether a key of the file, such as `radius.nas[bras1].secret`, takes effect without a restart. */
export function isReloadable(key: string): boolean {
  return RELOADABLE.some((one) => key === one || key.startsWith(`${one}.`) || key.startsWith(`${one}[`));
}

/** A line of the log stays one that can be read: so many changed keys are named, as in the journal. */
const CHANGES_NAMED = 100;

/** What a list of keys is in a line of the log: the first of them, and how many there are beside. */
function named(keys: readonly string[]): { changed: readonly string[]; more?: number } {
  const more = keys.length - CHANGES_NAMED;
  return more > 0 ? { changed: keys.slice(0, CHANGES_NAMED), more } : { changed: keys };
}

export interface ReloaderOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** The path of the file, as faults name it. */
  readonly path: string;
  /** Reads the file; null where it is still the config in force. Rejects with ConfigError, or another's error. */
  readonly load: (inForce: KnownConfig) => Promise<NextConfig | null>;
  /** Hears that a reload begins. */
  readonly onBegin: () => void;
  /** Hears of each result, and when the config in force was last known to be that of the file, Unix milliseconds. */
  readonly onResult: (result: ReloadResult, inForceSince: number | null) => void;
}

/** Puts a config in force, or says why not; `changed` names its keys, for the journal. */
export type Apply = (config: Config, changed: readonly string[]) => Promise<ReloadRefusal | null>;

/** One reload at a time: what is asked for while one runs is one more after it. */
export class Reloader {
  readonly #options: ReloaderOptions;
  #current: KnownConfig;
  #apply: Apply | null = null;
  #asked = false;
  #running = false;

  constructor(current: KnownConfig, options: ReloaderOptions) {
    this.#current = current;
    this.#options = options;
  }

  /** The daemon is up. A reload that was asked for meanwhile is done now. */
  start(apply: Apply): void {
    this.#apply = apply;
    void this.#run();
  }

  /** Asks for a reload. */
  request(): void {
    this.#asked = true;
    void this.#run();
  }

  /** The daemon ends: nothing more is reloaded. */
  stop(): void {
    this.#apply = null;
  }

  async #run(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    while (this.#asked && this.#apply !== null) {
      this.#asked = false;
      this.#options.onBegin();
      const result = await this.#reload();
      if (result === null) break;
      const inForce = result === 'applied' || result === 'unchanged';
      this.#options.onResult(result, inForce ? this.#options.clock.wallMs() : null);
    }
    this.#running = false;
  }

  /** Null where the daemon was stopped while the file was read. */
  async #reload(): Promise<ReloadResult | null> {
    const { log } = this.#options;
    let loaded: NextConfig | null;
    try {
      loaded = await this.#options.load(this.#current);
    } catch (error) {
      return this.#unusable(error);
    }
    const apply = this.#apply;
    if (apply === null) return null;
    if (loaded !== null) logWarnings(loaded.warnings, log);
    if (loaded === null || loaded.changed.length === 0) {
      log.info({ code: 'reload', result: 'unchanged' }, 'the config is the one in force');
      return 'unchanged';
    }
    const { changed } = loaded;
    const fixed = changed.filter((key) => !isReloadable(key));
    if (fixed.length > 0) {
      return this.#refused({ code: 'reload-needs-restart', detail: fixed.join(', ') });
    }
    try {
      const refusal = await apply(loaded.config, changed);
      if (refusal !== null) return this.#refused(refusal);
    } catch (error) {
      log.error({ code: 'reload-failed', err: error }, 'a reload failed');
      return 'reload-failed';
    }
    this.#current = loaded;
    log.info({ code: 'reload', result: 'applied', ...named(changed) }, 'the new config is in force');
    return 'applied';
  }

  #refused({ code, detail }: ReloadRefusal): ReloadResult {
    const message = 'the new config cannot be put in force: the one before stays, whole';
    this.#options.log.error({ code: 'reload-refused', result: code, detail }, message);
    return code;
  }

  #unusable(error: unknown): ReloadResult {
    const { log } = this.#options;
    if (error instanceof ConfigError) {
      const faults = error.faults.map((fault) => faultLine(this.#options.path, fault));
      log.error(
        { code: 'reload-refused', result: 'config-invalid', faults },
        'the config has faults: the old one stays',
      );
      return 'config-invalid';
    }
    log.error({ code: 'reload-refused', result: 'config-unreadable', err: error }, 'the config cannot be read');
    return 'config-unreadable';
  }
}
