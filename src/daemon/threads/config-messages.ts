/** What the main thread and the thread that reads a config say to each other: plain data. */
import type { NextConfig } from '../config.js';
import type { ConfigFault } from '../config-fault.js';
import type { ConfigOrigin } from '../config-memory.js';
import type { ConfigParcel } from '../config-parcel.js';
import type { PlainError } from './parent.js';

/** What the thread is begun with. */
export interface ConfigStart {
  readonly path: string;
  /** Of the process: secrets may be named by it. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What the config in force was made of. */
  readonly inForce: ConfigOrigin;
}

/** The one message that it posts. */
export type FromConfig =
  | { readonly type: 'unchanged' }
  | { readonly type: 'loaded'; readonly parcel: ConfigParcel; readonly rest: Omit<NextConfig, 'config'> }
  | { readonly type: 'invalid'; readonly faults: readonly ConfigFault[] }
  | { readonly type: 'unreadable'; readonly error: PlainError };
