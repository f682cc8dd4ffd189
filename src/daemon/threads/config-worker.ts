/** Entry of the thread of one reload: it reads the config and the secrets that it names, and posts what it found. */
import { workerData } from 'node:worker_threads';
import { loadNext } from '../config.js';
import { ConfigError } from '../config-fault.js';
import { pack } from '../config-parcel.js';
import { readConfigFile, systemSources } from '../config-sources.js';
import type { ConfigStart, FromConfig } from './config-messages.js';
import { yieldToOthers } from './niceness.js';
import { parent, plainError } from './parent.js';

const { path, env, inForce } = workerData as ConfigStart;

function answer(): FromConfig {
  try {
    const sources = systemSources((name) => env[name]);
    const next = loadNext(readConfigFile(path), sources, inForce);
    if (next === null) return { type: 'unchanged' };
    const { config, ...rest } = next;
    return { type: 'loaded', parcel: pack(config), rest };
  } catch (error) {
    if (error instanceof ConfigError) return { type: 'invalid', faults: error.faults };
    return { type: 'unreadable', error: plainError(error) };
  }
}

// Where that cannot be done, parsing shares the processor with the packets, as the API then does too.
yieldToOthers();
parent().postMessage(answer());
