/** What the main thread and the API thread say to each other: plain data. */
import type { ApiDeps } from '../api/deps.js';
import type { ScrapeOptions } from '../api/scrape.js';
import type { ApiToken } from '../api/token.js';
import type { BackupOrder, Command, CommandResult, CommandUnavailableCode, Readiness } from '../command.js';
import type { PlainError } from './parent.js';

/** What can change while it runs. Tokens are digests: no secret is in the thread's memory. */
export interface ApiSettings {
  readonly tokens: readonly ApiToken[];
  readonly mode: 'observe' | 'act';
  readonly modes: ApiDeps['modes'];
  readonly reporting: ApiDeps['reporting'];
  readonly nats: ApiDeps['nats'];
  /** What the store's metrics measure by. */
  readonly lifecycle: ReturnType<ScrapeOptions['lifecycle']>;
}

/** What the main thread says each second. */
export interface Beat {
  readonly readiness: Readiness;
  /** Its metrics as text: a scrape reads the latest and asks nobody. */
  readonly metrics: string;
  /** When they were read, Unix milliseconds. */
  readonly metricsAt: number;
}

export interface Listening {
  readonly host: string;
  readonly port: number;
}

/** What the thread is begun with. */
export interface ApiStart {
  readonly storePath: string;
  readonly listen: readonly Listening[];
  readonly version: string;
  readonly settings: ApiSettings;
  /** What the kernel's and the store's metrics are about. */
  readonly sockets: ScrapeOptions['sockets'];
  readonly beat: Beat;
}

export type ToApi =
  | { readonly type: 'beat'; readonly beat: Beat }
  | { readonly type: 'readiness'; readonly readiness: Readiness }
  | { readonly type: 'update'; readonly settings: ApiSettings }
  | CommandAnswer
  | { readonly type: 'stop' };

/** What became of a command, by its number. */
export type CommandAnswer =
  | { readonly type: 'decided'; readonly id: number; readonly result: CommandResult }
  | { readonly type: 'undecided'; readonly id: number; readonly code: CommandUnavailableCode }
  | { readonly type: 'failed'; readonly id: number; readonly error: PlainError };

export interface CommandOrder {
  readonly type: 'execute';
  readonly id: number;
  readonly command: Command | BackupOrder;
}

export type FromApi =
  /** In the order of `listen`, with the ports that the kernel chose. */
  | {
      readonly type: 'listening';
      readonly listen: readonly Listening[];
      /** Why it does not yield to the main thread, or null. */
      readonly unyielding: string | null;
    }
  /** It cannot begin, and ends. */
  | { readonly type: 'refused'; readonly error: PlainError }
  | CommandOrder
  | {
      readonly type: 'fault';
      readonly code: 'api-fault';
      readonly error: PlainError;
      readonly message: string;
    };
